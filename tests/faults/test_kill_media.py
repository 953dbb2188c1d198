"""kill -9 while files come in and go out: acknowledged parts are there, sent files come out whole, and what the check
looks at holds (SECURITY 10.5, docs/DISK.md 11). TGSERVE_KILL_ROUNDS for more.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path
from typing import Any

import pytest

from tests.faults.people import LOST, UNLIMITED, Person, company
from tests.journeys.daemon import Daemon
from tgserve.errors import RpcError
from tgserve.tl import types as t
from tgserve.tl.functions import messages, upload

ROUNDS = int(os.environ.get("TGSERVE_KILL_ROUNDS", "50")) // 5
SEED = int(os.environ.get("TGSERVE_KILL_SEED", "1"))
PART = 64 * 1024
PARTS = 12


class Sender:
    """One file after the other, each in parts that are remembered once they are acknowledged."""

    def __init__(self, person: Person, number: int) -> None:
        self.person = person
        self.rng = random.Random(SEED * 1000 + number)
        self.file_id = number << 32
        self.parts: list[bytes] = []
        self.acknowledged: set[int] = set()
        self.sent: dict[int, bytes] = {}
        """Message id -> the file's bytes."""
        self.parts_kept = 0
        self.begin()

    def begin(self) -> None:
        self.file_id += 1
        self.parts = [self.rng.randbytes(PART) for _ in range(PARTS)]
        self.acknowledged = set()

    async def work(self) -> None:
        """Until the connection is lost."""
        try:
            while True:
                await self.file()
        except LOST:
            return

    async def file(self) -> None:
        left = [number for number in range(PARTS) if number not in self.acknowledged]
        self.rng.shuffle(left)
        for number in left:
            await self.part(number)
        media = t.InputMediaUploadedDocument(
            file=t.InputFileBig(id=self.file_id, parts=PARTS, name="f"), mime_type="a/b", attributes=[]
        )
        request = messages.SendMedia(peer=t.InputPeerSelf(), media=media, message="", random_id=self.file_id)
        answer: Any = await self.person.client.call(request)
        msg_id = next(one.id for one in answer.updates if isinstance(one, t.UpdateMessageID))
        self.sent[msg_id] = b"".join(self.parts)
        self.begin()

    async def part(self, number: int) -> None:
        request = upload.SaveBigFilePart(
            file_id=self.file_id, file_part=number, file_total_parts=PARTS, bytes=self.parts[number]
        )
        assert await self.person.client.call(request) is True
        self.acknowledged.add(number)
        self.parts_kept += 1

    async def check(self) -> list[str]:
        """What is missing or another of what was acknowledged."""
        wrong = []
        client = self.person.client
        found: Any = await client.call(
            messages.GetMessages(id=[t.InputMessageID(id=one) for one in list(self.sent)[-50:]])
        )
        for message in found.messages:
            document = getattr(getattr(message, "media", None), "document", None)
            if document is None:
                wrong.append(f"message {message.id} is gone")
                continue
            where = t.InputDocumentFileLocation(
                id=document.id,
                access_hash=document.access_hash,
                file_reference=document.file_reference,
                thumb_size="",
            )
            part: Any = await client.call(upload.GetFile(location=where, offset=0, limit=1 << 20))
            if part.bytes != self.sent[message.id]:
                wrong.append(f"file of message {message.id} is another")
        return wrong


@pytest.mark.slow
@pytest.mark.timeout(120 + 15 * ROUNDS)
def test_10_5_acknowledged_parts_and_files_survive_kill_9(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SECURITY 10.5: parts that were acknowledged before a kill are used after it without being sent again."""
    daemon = Daemon(tmp_path / "data", config=UNLIMITED)
    daemon.start()
    try:
        told = asyncio.run(_rounds(daemon))
    finally:
        daemon.end()
    with capsys.disabled():
        print(f"\n{told}")


async def _rounds(daemon: Daemon) -> str:
    rng = random.Random(SEED)
    people = await company(daemon, 1, SEED)
    senders = [Sender(person, number + 1) for number, person in enumerate(people)]
    for number in range(ROUNDS):
        load = [asyncio.ensure_future(sender.work()) for sender in senders]
        await asyncio.sleep(rng.uniform(0.05, 0.6))
        daemon.kill()
        await asyncio.gather(*load)
        await asyncio.to_thread(daemon.run, "check")
        await asyncio.to_thread(daemon.start)
        await asyncio.gather(*(person.connect(new_session=True) for person in people))
        wrong = [text for sender in senders for text in await sender.check()]
        assert not wrong, f"round {number} of seed {SEED}: {wrong[:5]}"
    for sender in senders:  # what was acknowledged before the last kill is not sent again
        try:
            await sender.file()
        except RpcError as refused:
            raise AssertionError(f"an acknowledged part is gone: {refused}") from None
    wrong = [text for sender in senders for text in await sender.check()]
    for person in people:
        await person.client.disconnect()
    daemon.stop()
    daemon.run("check")
    assert not wrong
    files, parts = (sum(len(one.sent) for one in senders), sum(one.parts_kept for one in senders))
    assert parts > ROUNDS
    return f"kill -9 under uploads: {ROUNDS} rounds, {parts} parts and {files} files acknowledged, none lost"
