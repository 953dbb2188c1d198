"""Where clients reach this server and by which key: what snippets and `init` tell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tgserve.config import Config, ConfigError, load, split_address

from . import publickey
from .output import Refused

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Endpoint:
    host: str
    port: int
    dc_id: int
    pem: str


def of_config(config: Config, pem: str) -> Endpoint:
    """From the settings: the public address if there is one, else where it listens, else this machine."""
    host = config.public_host or config.host
    if host in EVERYWHERE:
        host = "127.0.0.1"
    return Endpoint(host, config.public_port or config.port, config.dc_id, pem.strip())


def of_data(data: Path, pem: str, address: str = "") -> Endpoint:
    """Of a data directory; `address` (HOST:PORT) wins over the settings."""
    try:
        config = load(data)
    except ConfigError as error:
        raise Refused(str(error)) from None
    found = of_config(config, pem)
    if address:
        try:
            host, port = split_address(address)
        except ValueError as error:
            raise Refused(str(error)) from None
        found = Endpoint("127.0.0.1" if host in EVERYWHERE else host, port, found.dc_id, found.pem)
    return found


def fill(template: str, at: Endpoint) -> str:
    key = publickey.parse(at.pem)
    values = {
        "HOST": at.host,
        "PORT": at.port,
        "DC": at.dc_id,
        "PEM": at.pem,
        "FINGERPRINT": key.fingerprint,
        "N_HEX": f"{key.n:x}",
        "N_DEC": key.n,
        "E": key.e,
    }
    for name, value in values.items():
        template = template.replace(f"@{name}@", str(value))
    return template
