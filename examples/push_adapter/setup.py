from setuptools import setup

setup(
    name="tgserve-push-command",
    version="0.1.0",
    py_modules=["push_command"],
    install_requires=["tgserve"],
    entry_points={"tgserve.push": ["command = push_command:create"]},
)
