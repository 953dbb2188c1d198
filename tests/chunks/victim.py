"""A process that puts, holds, drops, collects and tidies, tells each thing it was promised, and is killed at a step.

    python -m tests.chunks.victim FOLDER STEP NUMBER

STEP names a place in the code (STEPS); at its NUMBER-th passing the process kills itself, as a power cut would but for
the page cache. Without STEP it goes on until somebody kills it. Lines: `put`, `hold`, `dropping` and an id; the content
of a chunk is made from the number after the id.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.chunks.yard import Yard, yard
from tgserve import limits
from tgserve.chunks import collecting, local, mending
from tgserve.chunks.local import LocalDisk
from tgserve.chunks.store import Chunks

BATCH = 8

STEPS = (
    "half written",
    "written, not flushed",
    "flushed",
    "pack made",
    "before the row",
    "after the row",
    "before D2",
    "after D2",
    "moved, before the row changes",
    "after the row has changed",
    "before D5",
    "after D5",
    "disk founded, not in the table",
)


def content(number: int) -> bytes:
    return (b"%d " % number * (20 + number * 37 % 3000))[: 400 + number * 131 % 9000] + b"%d" % number


class Fuse:
    def __init__(self, step: str, number: int) -> None:
        self.step = step
        self.left = number

    def pass_by(self, step: str) -> None:
        if step == self.step:
            self.left -= 1
            if not self.left:
                os.kill(os.getpid(), signal.SIGKILL)


def lay(fuse: Fuse) -> None:
    """Wrap the steps."""
    write, begin, enter, found = LocalDisk._write, LocalDisk._begin, Chunks._enter, LocalDisk.found
    drop, flush = LocalDisk.drop, os.fdatasync

    def half_write(self: LocalDisk, pieces: list[bytes]) -> None:
        if fuse.step == "half written" and fuse.left == 1 and pieces:
            joined = b"".join(pieces)
            os.pwrite(self._file, joined[: len(joined) // 2], self._tail)
            fuse.pass_by("half written")
        fuse.left -= fuse.step == "half written"
        write(self, pieces)
        fuse.pass_by("written, not flushed")

    def flushing(file: int) -> None:
        flush(file)
        fuse.pass_by("flushed")

    def begun(self: LocalDisk) -> None:
        begin(self)
        fuse.pass_by("pack made")

    async def entered(self: Chunks, *arguments: Any) -> bool:
        fuse.pass_by("before the row")
        done = await enter(self, *arguments)
        fuse.pass_by("after the row")
        return done

    def dropped(self: LocalDisk, pack: int) -> None:
        fuse.pass_by("before D5")
        drop(self, pack)
        fuse.pass_by("after D5")

    def founded(self: LocalDisk, identity: Any) -> None:
        found(self, identity)
        fuse.pass_by("disk founded, not in the table")

    def around(fn: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            fuse.pass_by(before)
            return fn(*arguments)

        return run

    LocalDisk._write = half_write  # type: ignore[method-assign]
    LocalDisk._begin = begun  # type: ignore[method-assign]
    LocalDisk.drop = dropped  # type: ignore[method-assign]
    LocalDisk.found = founded  # type: ignore[method-assign]
    Chunks._enter = entered  # type: ignore[method-assign]
    collecting.collect_rows = around(collecting.collect_rows, "before D2", "")  # type: ignore[assignment]
    mending.change_copies = around(mending.change_copies, "moved, before the row changes", "")  # type: ignore[assignment]
    local.os = _Flushing(flushing)  # type: ignore[assignment]


class _Flushing:
    """The os module, but for fdatasync."""

    def __init__(self, flush: Callable[[int], None]) -> None:
        self.fdatasync = flush

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


def tell(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def live(here: Yard, fuse: Fuse) -> None:
    number = 0
    kept: list[tuple[bytes, int]] = []
    while True:
        fresh = []
        for _ in range(3):
            numbers = range(number, number + BATCH)
            number += BATCH

            async def put(one: int) -> tuple[bytes, int]:
                chunk_id = await here.chunks.put(content(one))
                tell("put", chunk_id.hex(), one)
                return chunk_id, one

            fresh += await asyncio.gather(*map(put, numbers))
        await here.hold(*(chunk_id for chunk_id, _ in fresh))
        for chunk_id, one in fresh:
            tell("hold", chunk_id.hex(), one)
        kept += fresh
        gone = kept[::2]
        kept = kept[1::2]
        for chunk_id, one in gone:
            tell("dropping", chunk_id.hex(), one)
        await here.drop(*(chunk_id for chunk_id, _ in gone))
        await here.store.settled()
        if await here.later(limits.CHUNK_GRACE_SECONDS + 5):
            fuse.pass_by("after D2")
        await here.keeper.tidy()
        fuse.pass_by("after the row has changed")


async def main(folder: Path, fuse: Fuse) -> None:
    lay(fuse)
    async with yard(folder, 2, pack_bytes=30_000) as here:
        tell("ready")
        await live(here, fuse)


if __name__ == "__main__":
    name, count = (sys.argv[2], int(sys.argv[3])) if len(sys.argv) > 2 else ("", 0)
    asyncio.run(main(Path(sys.argv[1]), Fuse(name, count)))
