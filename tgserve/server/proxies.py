"""Who a connection really comes from, when it comes through a proxy that the operator trusts.

A trusted proxy says it by the PROXY protocol (version 1 or 2, the first bytes of the connection) or by
X-Forwarded-For. Both are believed of the addresses in `trusted_proxies` alone: of anybody else they are bytes of a
transport that nobody speaks, and a header that is not read (SECURITY 2.8, 5.3: limits are by address).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from tgserve.errors import ProtocolError

Network = IPv4Network | IPv6Network
_V1 = b"PROXY "
_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
_V1_BYTES = 107
_V2_BYTES = 16 + 2048
_HOPS = 32


def networks(named: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks of the settings. ValueError says which is none."""
    return tuple(ip_network(one.strip(), strict=False) for one in named)


def parsed_or_none(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: bare, with a port, in brackets; mapped IPv4 as IPv4."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


class Proxies:
    """The proxies that are trusted."""

    __slots__ = ("_networks",)

    def __init__(self, named: Iterable[str] = ()) -> None:
        self._networks = networks(named)

    def trusts(self, address: str) -> bool:
        if not self._networks:
            return False
        found = parsed_or_none(address)
        return found is not None and any(found in one for one in self._networks)

    def origin(self, proxy: str, forwarded: str) -> str:
        """Who X-Forwarded-For of a trusted proxy names: the last address in it that is no trusted proxy itself. What
        stands before that was written by whoever asked, and what is no address ends the search."""
        last = proxy
        for word in reversed(forwarded.split(",")[-_HOPS:]):
            found = parsed_or_none(word)
            if found is None:
                break
            last = str(found)
            if not self.trusts(last):
                break
        return last


def header(data: bytes) -> tuple[str, int] | None:
    """(address, bytes of the header) of a PROXY header at the beginning of `data`; ("", 0) when there is none, ("",
    size) when it names nobody (a health check), None when more bytes are needed. Raises ProtocolError."""
    if data[:1] == b"P" and _V1.startswith(data[: len(_V1)]):
        return _first(data)
    if data[:1] == b"\r" and _V2.startswith(data[: len(_V2)]):
        return _second(data)
    return "", 0


def _first(data: bytes) -> tuple[str, int] | None:
    end = data.find(b"\r\n", 0, _V1_BYTES)
    if end < 0:
        if len(data) >= _V1_BYTES:
            raise ProtocolError("PROXY header too long")
        return None
    words = data[:end].decode("latin-1").split(" ")
    if words[1:2] == ["UNKNOWN"]:
        return "", end + 2
    found = parsed_or_none(words[2]) if len(words) == 6 and words[1] in ("TCP4", "TCP6") else None
    if found is None:
        raise ProtocolError("malformed PROXY header")
    return str(found), end + 2


def _second(data: bytes) -> tuple[str, int] | None:
    if len(data) < 16:
        return None
    size = 16 + int.from_bytes(data[14:16], "big")
    if data[12] >> 4 != 2 or size > _V2_BYTES:
        raise ProtocolError("malformed PROXY header")
    if len(data) < size:
        return None
    if data[12] & 15 == 0:
        return "", size
    family = data[13] >> 4
    if family == 1 and size >= 28:
        return str(ip_address(data[16:20])), size
    if family == 2 and size >= 52:
        return str(parsed_or_none(str(ip_address(data[16:32])))), size
    return "", size
