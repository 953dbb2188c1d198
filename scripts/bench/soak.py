"""Does memory stay flat under a mixed load? People write, read, edit, delete, search, come and go, for minutes.

    python -m scripts.bench.soak [--quick] [--minutes 10] [--warm-minutes 3.3] [--people 40] [--per-second 150]

A real daemon on fresh data: chats of two and groups, reads, edits, deletions, histories, searches, differences, drafts,
typing, files, connections that are lost and made anew, key exchanges, and sockets that say nothing. The process's own
memory (without the store's pages that the kernel lends it) is read every few seconds. It fills first: batches of rows
wait for the environment (some 20 MB a shard), chunks stay in memory to their bound, and what a session without a
socket has to say waits for ten minutes. So the first third, or `--warm-minutes`, is told by itself (`warming`), and of
what comes after (`steady`) `ratio` is the second half over the first, by medians: below 1 + GROWTH a daemon is `flat`.
To see sessions come and go at one rate, take more than 10 minutes to warm up: --minutes 22 --warm-minutes 12.
A line for each sample with --samples.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

import uvloop

from scripts.bench.load import RpcFailure
from scripts.bench.measure import cpu_seconds, own_bytes, resident_bytes, show
from scripts.bench.servers import Running, make_accounts, scratch, start_tgserve
from tgserve.errors import RpcError
from tgserve.mtproto.cipher import AuthKey
from tgserve.server.lifecycle import raise_nofile
from tgserve.testing.miniclient.client import MiniClient
from tgserve.tl import types as t
from tgserve.tl.functions import contacts, messages, updates, upload

GROUP = 12
"""Members of each group."""
WARM_SHARE = 1 / 3
GROWTH = 0.05
"""And MARGIN_MIB: less than this is noise of the allocator."""
MARGIN_MIB = 3.0
PART = 32_768


class Person:
    """One account on one connection, and what it may do next."""

    def __init__(self, load: Load, account: dict[str, Any]) -> None:
        self.load = load
        self.id = int(account["id"])
        self.key = AuthKey(bytes.fromhex(account["key"]))
        self.client = self._client()
        self.peers: list[Any] = []
        self.sent: list[tuple[Any, int]] = []
        """(peer, msg_id) of the last messages."""
        self.pts = self.date = 0

    def _client(self) -> MiniClient:
        client = MiniClient("intermediate", rsa_public=self.load.pem, key=self.key)
        client.on_update = self._heard
        return client

    def _heard(self, update: Any) -> None:
        self.load.counts["heard"] += 1

    async def arrive(self) -> None:
        await self.client.connect("127.0.0.1", self.load.port)
        state = await self.client.call(updates.GetState())
        self.pts, self.date = state.pts, state.date

    async def meet(self, phones: list[str]) -> None:
        book: list[t.AnyInputContact] = [
            t.InputPhoneContact(client_id=n, phone="+" + phone, first_name=f"P{n}", last_name="")
            for n, phone in enumerate(phones)
        ]
        found = await self.client.call(contacts.ImportContacts(contacts=book))
        for one in found.users:
            if one.id != self.id:
                self.peers.append(t.InputPeerUser(user_id=one.id, access_hash=one.access_hash))

    async def act(self) -> None:
        rng = self.load.rng
        deed = rng.choices(DEEDS, WEIGHTS)[0]
        self.load.counts[deed] += 1
        try:
            await getattr(self, deed)(rng, rng.choice(self.peers))
        except RpcError as refusal:
            if refusal.code >= 500:
                raise
            self.load.refusals[f"{deed} {refusal.name}"] += 1

    # -- deeds -------------------------------------------------------------------------------------------------------

    async def send(self, rng: random.Random, peer: Any) -> None:
        text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 12)))
        request = messages.SendMessage(peer=peer, message=text, random_id=rng.getrandbits(63) + 1)
        answer = await self.client.call(request)
        if isinstance(answer, t.UpdateShortSentMessage):
            self.sent.append((peer, answer.id))
            del self.sent[:-50]

    async def edit(self, rng: random.Random, peer: Any) -> None:
        if self.sent:
            peer, msg_id = rng.choice(self.sent)
            text = f"changed {rng.random()}"
            await self.client.call(messages.EditMessage(peer=peer, id=msg_id, message=text))

    async def delete(self, rng: random.Random, peer: Any) -> None:
        if self.sent:
            _, msg_id = self.sent.pop(rng.randrange(len(self.sent)))
            await self.client.call(messages.DeleteMessages(id=[msg_id], revoke=rng.random() < 0.7))

    async def read(self, rng: random.Random, peer: Any) -> None:
        await self.client.call(messages.ReadHistory(peer=peer, max_id=0))

    async def history(self, rng: random.Random, peer: Any) -> None:
        zeros = dict.fromkeys(("offset_id", "offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
        await self.client.call(messages.GetHistory(peer=peer, limit=50, **zeros))

    async def search(self, rng: random.Random, peer: Any) -> None:
        zeros: dict[str, Any] = dict.fromkeys(
            ("min_date", "max_date", "offset_id", "add_offset", "max_id", "min_id", "hash"), 0
        )
        request = messages.Search(
            peer=peer, q=rng.choice(WORDS), filter=t.InputMessagesFilterEmpty(), limit=20, **zeros
        )
        await self.client.call(request)

    async def dialogs(self, rng: random.Random, peer: Any) -> None:
        request = messages.GetDialogs(
            offset_date=0, offset_id=0, offset_peer=t.InputPeerEmpty(), limit=20, hash=0
        )
        await self.client.call(request)

    async def draft(self, rng: random.Random, peer: Any) -> None:
        await self.client.call(messages.SaveDraft(peer=peer, message=rng.choice(("", "not yet"))))

    async def typing(self, rng: random.Random, peer: Any) -> None:
        await self.client.call(messages.SetTyping(peer=peer, action=t.SendMessageTypingAction()))

    async def reconnect(self, rng: random.Random, peer: Any) -> None:
        """The line is lost; now and then the app was started anew, with another session. (A session that is left behind
        lives on for ten minutes, so these alone take that long to come to rest.)"""
        if rng.random() < 0.5 and self.client._socket is not None:
            self.client._socket.abort()
            await self.client.lost()
        else:
            await self.client.disconnect()
        if rng.random() < 0.1:
            self.client = self._client()
        await self.client.connect("127.0.0.1", self.load.port)
        await self.client.call(updates.GetDifference(pts=self.pts, date=self.date, qts=0))
        state = await self.client.call(updates.GetState())
        self.pts, self.date = state.pts, state.date

    async def exchange(self, rng: random.Random, peer: Any) -> None:
        """Somebody makes a key and is never seen again."""
        stranger = MiniClient("obf-intermediate", rsa_public=self.load.pem)
        await stranger.connect("127.0.0.1", self.load.port)
        await stranger.disconnect()

    async def silence(self, rng: random.Random, peer: Any) -> None:
        """A socket that says little and goes."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.load.port)
        writer.write(b"\xee\xee\xee\xee" + os.urandom(rng.randint(0, 40)))
        await asyncio.sleep(0.05)
        writer.close()

    async def file(self, rng: random.Random, peer: Any) -> None:
        """A document of two parts, sent."""
        file_id = rng.getrandbits(62) + 1
        for part in range(2):
            data = os.urandom(PART)
            await self.client.call(upload.SaveFilePart(file_id=file_id, file_part=part, bytes=data))
        media = t.InputMediaUploadedDocument(
            file=t.InputFile(id=file_id, parts=2, name="a.bin", md5_checksum=""),
            mime_type="application/octet-stream",
            attributes=[t.DocumentAttributeFilename(file_name="a.bin")],
        )
        request = messages.SendMedia(peer=peer, media=media, message="", random_id=rng.getrandbits(63) + 1)
        await self.client.call(request)


SHARES = {
    "send": 40,
    "edit": 6,
    "delete": 5,
    "read": 14,
    "history": 12,
    "search": 4,
    "dialogs": 3,
    "draft": 3,
    "typing": 4,
    "reconnect": 4,
    "exchange": 1,
    "silence": 1,
    "file": 1,
}
DEEDS, WEIGHTS = list(SHARES), list(SHARES.values())
WORDS = [
    f"{a}{b}{c}"
    for a in ("mor", "lak", "ten", "vio", "sur")
    for b in "aeiou"
    for c in ("n", "sto", "lli", "k")
]


class Load:
    def __init__(self, running: Running, folder: Path) -> None:
        self.port = running.port
        self.pem = (folder / "tgserve" / "keys" / "public.pem").read_text()
        self.rng = random.Random(1)
        self.counts: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.running = True

    async def gather(self, accounts: list[dict[str, Any]]) -> list[Person]:
        people = [Person(self, account) for account in accounts]
        phones = [account["phone"] for account in accounts]
        for number, person in enumerate(people):
            await person.arrive()
            others = [phones[(number + step) % len(phones)] for step in range(1, min(9, len(phones)))]
            await person.meet(others)
        for first in range(0, len(people), GROUP // 2):
            await self._group(people[first : first + GROUP])
        return people

    async def _group(self, members: list[Person]) -> None:
        known = {peer.user_id: peer for peer in members[0].peers if isinstance(peer, t.InputPeerUser)}
        named: list[t.AnyInputUser] = [
            t.InputUser(user_id=one.id, access_hash=known[one.id].access_hash)
            for one in members[1:]
            if one.id in known
        ]
        made = await members[0].client.call(messages.CreateChat(users=named, title="Soak"))
        peer = t.InputPeerChat(chat_id=made.updates.chats[0].id)
        for one in members:
            if one is members[0] or one.id in known:
                one.peers += [peer] * 3  # groups are where most is said

    async def worker(self, person: Person, pause: float) -> None:
        while self.running:
            await person.act()
            await asyncio.sleep(self.rng.expovariate(1 / pause))


async def soak(running: Running, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    load = Load(running, folder)
    people = await load.gather(running.accounts)
    pause = len(people) / options.per_second
    workers = [asyncio.create_task(load.worker(person, pause)) for person in people]
    seconds, step = options.minutes * 60, max(0.2, min(5.0, options.minutes * 60 / 60))
    samples: list[tuple[float, float]] = []
    began, spent = time.monotonic(), cpu_seconds(running.pid)
    while (now := time.monotonic() - began) < seconds:
        await asyncio.sleep(step)
        samples.append((now / 60, own_bytes(running.pid) / 2**20))
        if options.samples:
            show("soak.sample", {"minute": round(samples[-1][0], 2), "own_mib": round(samples[-1][1], 1)})
        for one in workers:
            if one.done():
                one.result()
    load.running = False
    rate = sum(load.counts[deed] for deed in DEEDS) / (time.monotonic() - began)
    cpu = (cpu_seconds(running.pid) - spent) / (time.monotonic() - began)
    await asyncio.wait(workers, timeout=20)
    held = resident_bytes(running.pid)
    for person in people:
        await person.client.disconnect()
    return verdict(samples, options.warm_minutes) | {
        "calls_per_second": round(rate, 1),
        "server_cores": round(cpu, 2),
        "with_pages_mib": round(held / 2**20, 1),
        "heard": load.counts["heard"],
        "refused": dict(load.refusals.most_common(6)),
    }


def verdict(samples: list[tuple[float, float]], warm_minutes: float) -> dict[str, Any]:
    """What (minute, MiB) samples say; `warm_minutes` 0 = WARM_SHARE of them."""
    warm = warm_minutes or samples[-1][0] * WARM_SHARE
    late = [one for one in samples if one[0] > warm] or samples[-1:]
    half = max(1, len(late) // 2)
    before, after = median(mib for _, mib in late[:half]), median(mib for _, mib in late[half:] or late)
    return {
        "minutes": round(samples[-1][0], 1),
        "warming": _course([one for one in samples if one[0] <= warm] or samples[:1]),
        "steady": _course(late) | {"halves_mib": [round(before, 1), round(after, 1)]},
        "ratio": round(after / before, 3),
        "flat": after - before <= max(before * GROWTH, MARGIN_MIB),
    }


def _course(samples: list[tuple[float, float]]) -> dict[str, Any]:
    """From when to when, from how much to how much, and how steeply."""
    minutes, sizes = zip(*samples, strict=True)
    slope = linear_regression(minutes, sizes).slope if len(samples) > 1 else 0.0
    return {
        "minutes": [round(minutes[0], 1), round(minutes[-1], 1)],
        "mib": [round(sizes[0], 1), round(sizes[-1], 1)],
        "slope_kib_per_minute": round(slope * 1024, 1),
    }


async def main(options: argparse.Namespace) -> bool:
    raise_nofile()
    with scratch() as folder:
        accounts = await make_accounts(folder, options.people)
        running = start_tgserve(folder)
        running.accounts = accounts
        try:
            figures = await soak(running, folder, options)
        finally:
            running.stop()
        faults = [line for line in running.log.read_text().splitlines() if "level=error" in line]
    show(f"soak, {options.people} people", {**figures, "errors": faults[:5]})
    if faults:
        raise RpcFailure(f"{len(faults)} errors in the server's log")
    return bool(figures["flat"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds: does it still run?")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument(
        "--warm-minutes", type=float, default=0, dest="warm_minutes", help="not judged; a third by default"
    )
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument(
        "--per-second", type=float, default=150, dest="per_second", help="calls of all together"
    )
    parser.add_argument("--samples", action="store_true", help="print each look")
    chosen = parser.parse_args()
    if chosen.warm_minutes >= chosen.minutes and not chosen.quick:
        parser.error("--warm-minutes is part of --minutes")
    if chosen.quick:
        chosen.minutes, chosen.people, chosen.per_second = 0.06, 6, 100
    sys.exit(0 if uvloop.run(main(chosen)) or chosen.quick else 1)
