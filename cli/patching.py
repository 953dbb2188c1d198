"""A stock client made ours: keys, addresses and fall-back hosts replaced in the bytes of its program (CLIENTS.md A.4).

Everything keeps its length, so nothing else moves. An RSA key is poured into the line layout of the old one; an address
is text that ends with a NUL, and one that does not fit its place becomes this machine's own, which leads nowhere else;
a host the client would ask when nobody answers becomes one that cannot exist. What is not known is refused, never
guessed: a patched client must not be able to reach anybody but us.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address

from . import publickey
from .output import Refused

PEM = re.compile(rb"-----BEGIN RSA PUBLIC KEY-----(.*?)-----END RSA PUBLIC KEY-----", re.S)
KEY_LETTERS = 360
"""Base64 of a 2048-bit key with exponent 65537."""
KNOWN_KEYS = {
    0xD09D1D85DE64FD85: "production",
    0xB25898DF208D2603: "test servers",
    0x6F3A701151477715: "fall-back settings",
}
"""By fingerprint, as found in TDLib 1.8.46 and 1.8.69 and Telegram Desktop 4.6.5."""
ADDRESSES = re.compile(
    rb"(?<=\0)(?:(?:149\.154|91\.108|95\.161)(?:\.\d{1,3}){2}|2001:(?:b28|67c|0b28|067c):[0-9a-f:]+)(?=\0)"
)
FALLBACK_HOSTS = (
    b"dns.google.com",
    b"dns.google",
    b"mozilla.cloudflare-dns.com",
    b"firebaseremoteconfig.googleapis.com",
    b"reserve-5a846.firebaseio.com",
    b"firestore.googleapis.com",
    b"tcdnb.azureedge.net",
    b".googleapis.com",  # Desktop puts its names together from parts
    b"www.google.com",
    b"www.google.ru",
)
LEAST_ADDRESSES = 3
_ARCHIVES = {
    b"PK\x03\x04": "an archive (APK, JAR, ZIP)",
    b"\x1f\x8b": "compressed",
    b"!<arch>\n": "a package",
}


@dataclass(slots=True)
class Report:
    """What was changed, and what the operator should know about the result."""

    keys: list[str] = field(default_factory=list)
    """Fingerprints that were replaced, with what they are for."""
    addresses: int = 0
    loopback: int = 0
    """Addresses that ours does not fit into, and which therefore lead nowhere."""
    hosts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def patch(data: bytes, pem: str, ipv4: str, ipv6: str = "", *, fallback: bool = True) -> tuple[bytes, Report]:
    """The program's bytes with our key and address. `fallback`: take the hosts away too. Refused: with the reason."""
    for magic, what in _ARCHIVES.items():
        if data.startswith(magic):
            raise Refused(
                f"this is {what}: unpack it, patch the program or library inside, pack and sign it again"
            )
    report = Report()
    out = _keys(data, pem, report)
    out = _addresses(out, ipv4, ipv6, report)
    if fallback:
        out = _hosts(out, report)
    verify(out, pem, len(data), fallback=fallback)
    return out, report


def verify(data: bytes, pem: str, size: int, *, fallback: bool = True) -> None:
    """Refused when the result still knows somebody else, or has another length."""
    ours = _letters(pem)
    for match in PEM.finditer(data):
        if len(b"".join(match.group(1).split())) == KEY_LETTERS and b"".join(match.group(1).split()) != ours:
            raise Refused("a key that is not ours is left in the result")
    if ADDRESSES.search(data):
        raise Refused("an address that is not ours is left in the result")
    if fallback and any(host in data for host in FALLBACK_HOSTS):
        raise Refused("a fall-back host is left in the result")
    if len(data) != size:
        raise Refused("the result has another length than the program")


def _letters(pem: str) -> bytes:
    found = PEM.search(pem.encode())
    letters = b"".join(found.group(1).split()) if found else b""
    if len(letters) != KEY_LETTERS:
        raise Refused(
            "the server's key is not a 2048-bit PKCS#1 key with exponent 65537: no client has room for it"
        )
    return letters


def _keys(data: bytes, pem: str, report: Report) -> bytes:
    ours = _letters(pem)
    already = 0

    def pour(match: re.Match[bytes]) -> bytes:
        nonlocal already
        old = match.group(1)
        letters = b"".join(old.split())
        if len(letters) != KEY_LETTERS:
            report.notes.append(
                "a shorter key was left: it signs the program's own updates, so switch these off"
            )
            return match.group()
        if letters == ours:
            already += 1
            return match.group()
        fingerprint = publickey.parse(match.group().decode("ascii", "replace")).fingerprint & (1 << 64) - 1
        if fingerprint not in KNOWN_KEYS:
            raise Refused(
                f"the key {fingerprint:016x} in this program is not one of Telegram's that are known: "
                "it is another client than this tool was made for, or patched for another server"
            )
        report.keys.append(f"{fingerprint:016x} ({KNOWN_KEYS[fingerprint]})")
        fresh = iter(ours)
        return match.group().replace(old, bytes(char if char in b"\r\n" else next(fresh) for char in old))

    out = PEM.sub(pour, data)
    if not report.keys:
        if already:
            raise Refused("this program has this server's key already")
        raise Refused("there is no Telegram key in this file: not a Telegram client, or one that is packed")
    if not any("production" in key for key in report.keys):
        raise Refused("Telegram's main key is not in this file, only " + ", ".join(report.keys))
    return out


def _addresses(data: bytes, ipv4: str, ipv6: str, report: Report) -> bytes:
    for text, version in ((ipv4, 4), (ipv6, 6)):
        if text and not _is_address(text, version):
            raise Refused(f"{text} is not an IPv{version} address: clients have no room for names")

    def replace(match: re.Match[bytes]) -> bytes:
        old = match.group()
        wanted, own = (ipv6, b"::1") if b":" in old else (ipv4, b"127.0.0.1")
        fits = bool(wanted) and len(wanted) <= len(old)
        report.addresses += fits
        report.loopback += not fits
        return (wanted.encode() if fits else own).ljust(len(old), b"\0")

    out = ADDRESSES.sub(replace, data)
    if report.addresses + report.loopback < LEAST_ADDRESSES:
        raise Refused("Telegram's addresses are not in this file: another client than this tool was made for")
    if not report.addresses:
        raise Refused(f"{ipv4 or ipv6} fits into none of the places for addresses")
    return out


def _is_address(text: str, version: int) -> bool:
    try:
        return ip_address(text).version == version
    except ValueError:
        return False


def _hosts(data: bytes, report: Report) -> bytes:
    for host in FALLBACK_HOSTS:
        if host in data:
            report.hosts.append(host.decode())
            # .invalid exists nowhere (RFC 2606)
            data = data.replace(host, b".invalid".rjust(len(host), b"x"))
    return data
