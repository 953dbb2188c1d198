from setuptools import setup

setup(
    name="tgserve-sms-command",
    version="0.1.0",
    py_modules=["sms_command"],
    install_requires=["tgserve"],
    entry_points={"tgserve.sms": ["command = sms_command:create"]},
)
