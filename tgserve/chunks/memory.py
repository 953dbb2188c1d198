"""A disk in memory: for simulations and tests of what lies above. It keeps every rule of the contract but survival."""

from __future__ import annotations

from collections.abc import Sequence

from tgserve.chunks.backend import DiskForeign, DiskFull, DiskMissing, Identity, Place, Room


class MemoryDisk:
    """`bound`: bytes it can take, -1 = any."""

    first = 0

    def __init__(self, pack_bytes: int = 1 << 22, bound: int = -1) -> None:
        self._pack_bytes = pack_bytes
        self._bound = bound
        self._identity: Identity | None = None
        self._packs: dict[int, bytearray] = {}
        self._open = 0
        self._last = 0

    def identity(self) -> Identity | None:
        return self._identity

    def found(self, identity: Identity) -> None:
        if self._identity is not None or self._packs:
            raise DiskForeign("the disk is not empty")
        self._identity = identity

    def open(self, identity: Identity) -> None:
        if self._identity is None:
            raise DiskMissing("nothing is there")
        if self._identity != identity:
            raise DiskForeign(f"disk {self._identity.disk} lies there, not {identity.disk}")
        if not self._open and self._last:
            self._open = self._last

    def append(self, records: Sequence[bytes], shadows: Sequence[bytes] = ()) -> list[Place]:
        size = sum(map(len, records))
        room = self.room().free
        if room >= 0 and size > room:
            raise DiskFull("the disk is full")
        held = self._packs.get(self._open)
        if held is None or (held and len(held) + size > self._pack_bytes):
            self._last += 1
            self._open = self._last
            held = self._packs[self._open] = bytearray()
        places = []
        for record in records:
            places.append(Place(self._open, len(held), len(record)))
            held += record
        return places

    def forget_shadows(self) -> None:
        pass

    def read(self, pack: int, offset: int, length: int) -> bytes:
        held = self._packs.get(pack)
        if held is None or offset + length > len(held):
            raise DiskMissing(f"pack {pack} does not reach to {offset + length}")
        return bytes(held[offset : offset + length])

    def packs(self) -> dict[int, int]:
        return {number: len(held) for number, held in self._packs.items()}

    def open_pack(self) -> int:
        return self._open

    def close_pack(self) -> None:
        self._open = 0

    def drop(self, pack: int) -> None:
        if pack != self._open:
            self._packs.pop(pack, None)

    def room(self) -> Room:
        used = sum(map(len, self._packs.values()))
        return Room(-1 if self._bound < 0 else max(0, self._bound - used), self._bound)

    def probe(self, write: bool) -> None:
        if self._identity is None:
            raise DiskMissing("nothing is there")

    def close(self) -> None:
        return None
