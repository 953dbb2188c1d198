"""What one address, and all together, may ask of this server: sockets and key exchanges (SECURITY 1.18, 2.8).

An IPv6 client owns its /64, so that is what counts as one address. Windows are a minute; tables are bounded.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

MINUTE = 60.0
ADDRESSES = 65_536


def holder(address: str) -> str:
    """What an address is counted under: itself, or the /64 of an IPv6 one (mapped IPv4 as IPv4)."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{int(parsed) >> 64:x}::/64"
    return address


class Budget:
    """At most `per_address` events of one address and `total` of all in a minute; 0 stands for no limit."""

    __slots__ = ("_all", "_counts", "_since", "per_address", "total")

    def __init__(self, per_address: int, total: int) -> None:
        self.per_address = per_address
        self.total = total
        self._counts: dict[str, int] = {}
        self._all = 0
        self._since = 0.0

    def take(self, address: str, now: float) -> bool:
        """Count an event at `now` (monotonic seconds); False when it is one too many."""
        if now - self._since >= MINUTE or len(self._counts) > ADDRESSES:
            self._since = now
            self._counts.clear()
            self._all = 0
        count = self._counts.get(address, 0)
        if (self.per_address and count >= self.per_address) or (self.total and self._all >= self.total):
            return False
        self._counts[address] = count + 1
        self._all += 1
        return True


class Sockets:
    """Open sockets by address."""

    __slots__ = ("_open", "most", "total")

    def __init__(self, most: int) -> None:
        self.most = most
        self.total = 0
        self._open: dict[str, int] = {}

    def enter(self, address: str) -> int:
        """A socket was opened; how many its address has now. `most` 0 stands for no limit."""
        count = self._open.get(address, 0) + 1
        self._open[address] = count
        self.total += 1
        return count

    def leave(self, address: str) -> None:
        count = self._open.get(address, 0) - 1
        self.total -= 1
        if count > 0:
            self._open[address] = count
        else:
            self._open.pop(address, None)
