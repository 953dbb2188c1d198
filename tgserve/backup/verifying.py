"""Reading everything: every file of a target against its name or signature, every block opened, every name followed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import msgspec

from tgserve.adapters.objects.contract import NotThere
from tgserve.backup import packs
from tgserve.backup.catalogue import catalogue
from tgserve.backup.creating import Progress
from tgserve.backup.faults import BackupError, Stopped
from tgserve.backup.manifest import FOLDER, Manifest, Root
from tgserve.backup.packs import PackRow
from tgserve.backup.repository import Repository
from tgserve.backup.rows import decode_rows
from tgserve.backup.sealing import CHUNK, Rotten
from tgserve.chunks.coding import Coder
from tgserve.chunks.coding import Rotten as RottenChunk

SECRET = "keys/secret.key"
WORKERS = 2
AHEAD = 4
PROBLEMS_KEPT = 1000


@dataclass(slots=True)
class Verdict:
    backups: int = 0
    packs: int = 0
    blocks: int = 0
    bytes: int = 0
    strangers: int = 0
    """Files that no index names: of a run that was cut short; prune removes them."""
    problems: list[str] = field(default_factory=list)
    found: int = 0
    """Problems in all; PROBLEMS_KEPT of them are kept."""

    def say(self, text: str) -> None:
        self.found += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(text)


def verify(repository: Repository, progress: Progress, stop: threading.Event) -> Verdict:
    """Nothing is written. ObjectsError when the target cannot be read at all."""
    verdict = Verdict()
    listed = catalogue(repository.objects, repository.header)
    for text in [repository.problem] if repository.problem else []:
        verdict.say(text)
    for text in listed.problems:
        verdict.say(text)
    for text in repository.load_index():
        verdict.say(text)
    verdict.backups = len(listed.found)
    index = repository.index
    progress.total = sum(row.size for row in index.packs.values())
    progress.note = "packs"
    there = {entry.name for entry in repository.objects.entries(packs.PACKS)}
    named = {packs.pack_file(pack) for pack in index.packs}
    verdict.strangers = len(there - named)
    bad: set[bytes] = set()
    coder = _coder(repository, listed.found)
    rows = [row for row in index.packs.values() if packs.pack_file(row.id) in there]
    for row, problems in _read_all(repository, coder, rows, stop):
        verdict.packs += 1
        verdict.blocks += len(row.blocks)
        verdict.bytes += row.size
        progress.done += row.size
        for text in problems:
            verdict.say(text)
        if problems:
            bad.add(row.id)
    gone = {pack for pack in index.packs if packs.pack_file(pack) not in there}
    for pack in sorted(gone):
        verdict.say(f"{packs.pack_file(pack)} is missing, and with it {len(index.packs[pack].blocks)} blocks")
    progress.note = "names"
    for manifest in listed.found:
        _follow(repository, manifest, gone | bad, verdict)
    if not listed.found and not listed.problems:
        verdict.say(f"{FOLDER} holds no manifest: there is no backup here")
    return verdict


def _coder(repository: Repository, manifests: list[Manifest]) -> Coder | None:
    """Knows chunks; from the newest backup whose root can be read."""
    for manifest in reversed(manifests):
        try:
            secret = repository.root(manifest).files[SECRET]
        except (BackupError, KeyError):
            continue
        return Coder(secret, False, bytes)
    return None


def _read_all(
    repository: Repository, coder: Coder | None, rows: Iterable[PackRow], stop: threading.Event
) -> Iterator[tuple[PackRow, list[str]]]:
    flying: deque[tuple[PackRow, Future[list[str]]]] = deque()
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="verify") as pool:
        for row in rows:
            if stop.is_set():
                raise Stopped("the verification was stopped")
            flying.append((row, pool.submit(_read_pack, repository, coder, row)))
            if len(flying) > AHEAD:
                first, future = flying.popleft()
                yield first, future.result()
        for first, future in flying:
            yield first, future.result()


def _read_pack(repository: Repository, coder: Coder | None, row: PackRow) -> list[str]:
    """What is wrong with it, in sentences."""
    file = packs.pack_file(row.id)
    try:
        data = repository.objects.get(file)
    except NotThere:
        return [f"{file} is missing, and with it {len(row.blocks)} blocks"]
    if packs.name_of(data) != row.id:
        bad = sum(_fault(repository, coder, data, *block) is not None for block in row.blocks)
        return [
            f"{file} is damaged: its content is not what its name says ({bad} of {len(row.blocks)} blocks are bad)"
        ]
    faults = (_fault(repository, coder, data, *block) for block in row.blocks)
    return [f"{file}: {fault}" for fault in faults if fault is not None]


def _fault(
    repository: Repository, coder: Coder | None, data: bytes, block: bytes, offset: int, length: int
) -> str | None:
    try:
        kind, content = repository.sealer.open(block, memoryview(data)[offset : offset + length])
        if kind == CHUNK and coder is not None:
            coder.decode(block, content)
    except (Rotten, RottenChunk) as fault:
        return str(fault)
    return None


def _follow(repository: Repository, manifest: Manifest, bad: set[bytes], verdict: Verdict) -> None:
    """Does the target have everything that a backup names? Packs that are `bad` were told of already."""
    places = repository.index.places

    def has(block: bytes, what: str) -> bool:
        place = places.get(block)
        if place is None:
            verdict.say(f"backup {manifest.name}: block {block.hex()[:16]} ({what}) is missing")
            return False
        return place.pack not in bad

    root_id = bytes.fromhex(manifest.root)
    if not has(root_id, "the root"):
        return
    try:
        root: Root = repository.root(manifest)
        lost = set(root.lost)
        for number, blocks in root.meta.items():
            for block in blocks:
                has(block, f"rows of shard {number}")
        for slot, listed in enumerate(root.slots):
            if not listed or not has(listed, f"the list of slot {slot}"):
                continue
            listing = repository.listing(listed, slot)
            for block in listing.blocks:
                has(block, f"rows of slot {slot}")
            for chunk in listing.chunks:
                if chunk not in lost:
                    has(chunk, "part of a file")
        for blocks in root.meta.values():
            for block in blocks:
                decode_rows(repository.reader.get(block)[1])
    except (BackupError, msgspec.MsgspecError) as fault:
        verdict.say(f"backup {manifest.name}: {fault}")
