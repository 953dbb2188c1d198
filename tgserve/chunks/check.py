"""The chunk invariants of docs/DISK.md 11 (C1-C5), walked over snapshots of the store and the packs of the disks.

Without `deep` every copy's header is looked at, with it every copy is read and proved by its id. While the server runs
rows and packs move: what looks wrong is looked at again in the row as it is then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tgserve.chunks.backend import Backend
from tgserve.chunks.coding import Coder
from tgserve.chunks.framing import HEADER_BYTES, header_of
from tgserve.errors import StoreError
from tgserve.store import chunk_records as c
from tgserve.store.check import Problem
from tgserve.store.keyspaces import CHUNK_DISKS, CHUNKS, CHUNKS_LOOSE
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader


@dataclass(slots=True)
class ChunkReport:
    chunks: int = 0
    copies: int = 0
    unread: int = 0
    """Copies on disks that are away."""
    bytes: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sight:
    """What is looked at. `backends`: those of the disks that are there. `now(id)`: the row as it is at this moment, for
    a server that runs; None for one that does not."""

    readers: Sequence[Reader]
    backends: dict[int, Backend]
    coder: Coder
    now: Callable[[bytes], c.Chunk | None] | None = None


def check_chunks(sight: Sight, deep: bool = False, holders: Counter[bytes] | None = None) -> ChunkReport:
    """Walk all slots. `holders`: how often each chunk is held by those who hold chunks, for C5."""
    report = ChunkReport()
    table = {
        key[1]: row
        for key, row in sight.readers[slot_of(c.DISKS_OWNER)].range(CHUNK_DISKS, c.DISKS_OWNER)
        if row.state != c.DISK_REMOVED
    }
    for reader in sight.readers:
        loose = {chunk_id: since for (since, chunk_id), _ in reader.range(CHUNKS_LOOSE)}
        for (chunk_id,), row in reader.range(CHUNKS):
            report.chunks += 1
            faults = list(_row_faults(chunk_id, row, loose.pop(chunk_id, None), table))
            if holders is not None and row.refs != holders[chunk_id]:
                faults.append(("C5", f"says {row.refs} hold it, {holders[chunk_id]} do"))
            faults += _copy_faults(sight, chunk_id, row, deep, report)
            for rule, text in faults:
                report.problems.append(Problem(rule, f"chunk {chunk_id.hex()[:16]}", text))
        for chunk_id, since in loose.items():
            report.problems.append(
                Problem(
                    "C1", f"chunk {chunk_id.hex()[:16]}", f"is listed as loose since {since} and is not there"
                )
            )
    return report


def _row_faults(
    chunk_id: bytes, row: c.Chunk, loose: int | None, table: dict[int, c.ChunkDisk]
) -> Iterable[tuple[str, str]]:
    if row.refs and loose is not None:
        yield "C1", f"is held {row.refs} times and listed as loose"
    if not row.refs and loose != row.since:
        yield "C1", f"nobody holds it since {row.since}, the list says {loose}"
    disks = [copy.disk for copy in row.copies]
    if len(set(disks)) != len(disks):
        yield "C2", f"two copies on one disk: {disks}"
    for number in disks:
        if table and number not in table:
            yield "C2", f"a copy on disk {number}, which is not in the table"


def _copy_faults(
    sight: Sight, chunk_id: bytes, row: c.Chunk, deep: bool, report: ChunkReport
) -> list[tuple[str, str]]:
    faults: list[tuple[str, str]] = []
    good = away = 0
    for copy in row.copies:
        report.copies += 1
        backend = sight.backends.get(copy.disk)
        if backend is None:
            report.unread += 1
            away += 1
            continue
        fault = _copy_fault(sight, backend, chunk_id, copy, deep)
        report.bytes += copy.length
        if fault is None:
            good += 1
        elif not _moved(sight, chunk_id, copy):
            faults.append(("C3", f"disk {copy.disk}, pack {copy.pack}: {fault}"))
        else:
            good += 1
    if row.refs and not good:
        faults.append(
            ("C4", f"is held {row.refs} times and has no good copy" + (", some are away" if away else ""))
        )
    return faults


def _copy_fault(sight: Sight, backend: Backend, chunk_id: bytes, copy: c.Copy, deep: bool) -> str | None:
    try:
        record = backend.read(copy.pack, copy.offset, copy.length if deep else min(copy.length, HEADER_BYTES))
        if deep:
            sight.coder.decode(chunk_id, record)
            return None
    except StoreError as fault:
        return str(fault)
    header = header_of(record)
    if header is None or header.id != chunk_id or HEADER_BYTES + header.length != copy.length:
        return "no record of it stands there"
    return None


def _moved(sight: Sight, chunk_id: bytes, copy: c.Copy) -> bool:
    """The row names this place no longer: it was moved, healed or collected since the snapshot."""
    if sight.now is None:
        return False
    row = sight.now(chunk_id)
    return row is None or copy not in row.copies
