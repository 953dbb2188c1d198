"""Content read or put a moment ago, by id: clients fetch a chunk in several pieces. Least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict


class Cache:
    """`bound`: bytes; 0 keeps nothing."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._held: OrderedDict[bytes, bytes] = OrderedDict()
        self.bytes = 0

    def get(self, chunk_id: bytes) -> bytes | None:
        data = self._held.get(chunk_id)
        if data is not None:
            self._held.move_to_end(chunk_id)
        return data

    def put(self, chunk_id: bytes, data: bytes) -> None:
        if chunk_id in self._held or len(data) > self._bound:
            return
        self._held[chunk_id] = data
        self.bytes += len(data)
        while self.bytes > self._bound:
            self.bytes -= len(self._held.popitem(last=False)[1])

    def forget(self, chunk_id: bytes) -> None:
        data = self._held.pop(chunk_id, None)
        if data is not None:
            self.bytes -= len(data)
