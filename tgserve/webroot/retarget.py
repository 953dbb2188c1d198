"""What is changed in a file of a web client before it is served (CLIENTS.md C).

Scripts: Telegram's RSA moduli and fingerprints become ours, in the writings the upstream clients use (Web A: decimal
modulus and signed decimal fingerprint; Web K: hexadecimal modulus), and scripts that name `web.telegram.org` or make
sockets get the prologue in front, which leads those addresses to the host the page came from. Pages: the prologue comes
before all scripts, the title becomes the server's name, and a link to the source of what is served is added, as the
clients' licence asks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from html import escape
from importlib.resources import files

from tgserve.webroot.keys import THEIRS

PROLOGUE_PATH = "/tgserve-home.js"
NAMES_TELEGRAM = b"web.telegram.org"
_HEAD = re.compile(rb"<head[^>]*>", re.I)
_TITLE = re.compile(rb"<title>[^<]*</title>", re.I)
_BODY_END = re.compile(rb"</body>", re.I)
_SIGN = 1 << 63


def prologue() -> bytes:
    return files(__package__ or "").joinpath("prologue.js").read_bytes()


def signed(fingerprint: int) -> int:
    return fingerprint - 2 * _SIGN if fingerprint >= _SIGN else fingerprint


@dataclass(frozen=True, slots=True)
class Changed:
    data: bytes
    keys: int = 0
    """Moduli of Telegram's that were replaced by ours."""
    fingerprints: int = 0
    addresses: int = 0
    """Places that name web.telegram.org: they are led home when the script runs."""


class Retarget:
    """`modulus` and `fingerprint` (unsigned) are those of this server's key."""

    def __init__(self, modulus: int, fingerprint: int, name: str = "", source_url: str = "") -> None:
        self.name = name
        self.source_url = source_url
        self._modulus = modulus
        self._fingerprint = fingerprint

    @cached_property
    def _moduli(self) -> list[tuple[bytes, bytes]]:
        n = self._modulus
        return [
            pair
            for theirs in THEIRS.values()
            for pair in (
                (str(theirs).encode(), str(n).encode()),
                (f"{theirs:x}".encode(), f"{n:x}".encode()),
                (f"{theirs:X}".encode(), f"{n:X}".encode()),
            )
        ]

    @cached_property
    def _fingerprints(self) -> list[tuple[re.Pattern[bytes], bytes]]:
        ours = self._fingerprint
        return [
            (re.compile(rb"(?<![0-9A-Za-z-])" + re.escape(old) + rb"(?![0-9A-Za-z])"), new)
            for theirs in THEIRS
            for old, new in (
                (str(signed(theirs)).encode(), str(signed(ours)).encode()),
                (str(theirs).encode(), str(ours).encode()),
                (f"{theirs:x}".encode(), f"{ours:x}".encode()),
            )
        ]

    def script(self, data: bytes) -> Changed:
        """One JavaScript file, of whatever kind: page, module, worker."""
        keys = fingerprints = 0
        for old, new in self._moduli:
            count = data.count(old)
            if count:
                keys += count
                data = data.replace(old, new)
        if keys:
            for pattern, new in self._fingerprints:
                data, count = pattern.subn(new, data)
                fingerprints += count
        addresses = data.count(NAMES_TELEGRAM)
        if addresses or b"WebSocket(" in data:
            data = self._in_front + data
        return Changed(data, keys, fingerprints, addresses)

    @cached_property
    def _in_front(self) -> bytes:
        """On one line: errors of the client still name the lines they are in."""
        text = prologue().replace(b"\n", b" ")
        return re.sub(rb"\s+", b" ", text).strip() + b" "

    def page(self, data: bytes) -> bytes:
        """An HTML file."""
        first = b'<script src="%s"></script>' % PROLOGUE_PATH.encode()
        data = _HEAD.sub(lambda match: match.group() + first, data, count=1)
        if self.name:
            title = b"<title>%s</title>" % escape(self.name).encode()
            data = _TITLE.sub(lambda _: title, data, count=1)
        if self.source_url:
            link = (
                '<a id="tgserve-source" rel="noopener" target="_blank" style="position:fixed;right:4px;bottom:2px;'
                f'z-index:9999;font:10px sans-serif;opacity:.6" href="{escape(self.source_url)}">source</a>'
            ).encode()
            data = _BODY_END.sub(lambda match: link + match.group(), data, count=1)
        return data
