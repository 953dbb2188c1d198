"""The simulation can fail: a server with one thing broken is found out within a few seeds, and the same seed gives
the same world."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from tests.sim import story, world
from tgserve import api
from tgserve.rpc.registry import METHODS
from tgserve.server.fanout import Fanout
from tgserve.services import boxes, deleting, messaging
from tgserve.services.groups import delivery
from tgserve.services.groups.roster import Roster, Rosters, load
from tgserve.services.messaging import Messaging
from tgserve.services.updates import Difference, Updates
from tgserve.store import eventlog, outbox, writer
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.writer import Shard
from tgserve.tl.functions.messages import SendMessage

SEEDS = 80


def complaint() -> str:
    """What the first seed that fails complains of."""
    for seed in range(SEEDS):
        try:
            story.run(seed)
        except AssertionError as fault:
            return str(fault).partition("\n")[0]
    return ""


def test_a_repeated_send_that_is_done_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """SECURITY 6.12."""
    number = itertools.count(1)
    send = messaging._send

    def forgetful(txn: Any, me: int, peer: int, drafts: Any, *rest: Any) -> Any:
        return send(txn, me, peer, tuple((next(number), draft) for _, draft in drafts), *rest)

    monkeypatch.setattr(messaging, "_send", forgetful)
    assert complaint()


def test_answers_before_the_commit_is_durable_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """DISK.md I2: the disk keeps every seventh commit at once, the others with the next that is kept."""
    commit, crash, start = world.World._commit, world.World.crash, world.World.__init__

    def begin(self: Any, seed: int) -> None:
        start(self, seed)
        self.commits, self.synced = 0, {}

    def late(self: Any, stage: str) -> Any:
        fault = commit(self, stage)
        if fault is None and stage == "after":
            self.commits += 1
            if self.commits % 7 == 0 or (not self.crashes and not self.up):
                self.synced = {
                    path: (disk.version, dict(disk.rows), list(disk.keys), disk.bytes)
                    for path, disk in self.disks._disks.items()
                }
        return fault

    def lose(self: Any, *rest: Any) -> None:
        crash(self, *rest)
        for path, kept in self.synced.items():
            disk = self.disks._disks[path]
            disk.version, disk.rows, disk.keys, disk.bytes = kept[0], dict(kept[1]), list(kept[2]), kept[3]

    monkeypatch.setattr(world.World, "__init__", begin)
    monkeypatch.setattr(world.World, "_commit", late)
    monkeypatch.setattr(world.World, "crash", lose)
    assert complaint()


def test_a_payload_missing_from_the_outbox_on_disk_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """DISK.md I5-I8: in memory all is well, only a crash at the wrong moment shows it."""
    pack = outbox.pack_parcels

    def short(items: Any, *rest: Any) -> Any:
        for (handover, _), (_, row) in zip(
            pack(items, *rest), pack(items[:-1] or items, *rest), strict=False
        ):
            yield handover, (row if len(items) > 1 else b"\x91\x90")

    monkeypatch.setattr(writer, "pack_parcels", short)
    assert complaint()


def test_a_payload_applied_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """DISK.md I6: what was applied is not written down."""
    seal = Shard._seal

    def unmarked(self: Any, group: Any) -> None:
        group.marked.clear()
        seal(self, group)

    monkeypatch.setattr(Shard, "_seal", unmarked)
    assert complaint()


def test_a_push_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    count = itertools.count(1)
    publish = Fanout._publish

    def lossy(self: Any, item: Any, sessions: Any) -> None:
        if next(count) % 50:
            publish(self, item, sessions)

    monkeypatch.setattr(Fanout, "_publish", lossy)
    assert complaint()


def test_slots_read_at_different_moments_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """One shard is seen as it was before its last group, until the next group of any: a row whose body is not seen yet
    makes getDifference skip a message."""
    finished: Callable[..., None] = Store._finished
    late: list[Any] = []

    def heard(self: Any, shard: Any, *rest: Any) -> None:
        for view in late:
            del view.renew
            view.renew()
        late[:] = [self._views[shard.number]]
        late[0].renew = lambda: None
        finished(self, shard, *rest)

    monkeypatch.setattr(Store, "_finished", heard)
    assert complaint()


def test_a_member_who_gets_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every so often a message in a group misses the last of its receivers."""
    number = itertools.count(1)
    spread = messaging._spread

    def short(txn: Any, me: int, chat: int, msg_id: int, body: Any, draft: Any, audience: Any) -> None:
        if next(number) % 9 == 0:
            audience = structs.replace(audience, others=audience.others[:-1])
        spread(txn, me, chat, msg_id, body, draft, audience)

    monkeypatch.setattr(messaging, "_spread", short)
    found = complaint()
    assert any(words in found for words in ("lacks it", "some members", "boxes hold it, "))


def test_one_who_has_left_and_hears_more_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """SECURITY 6.2: the audience is everybody who ever was in the group."""

    def everybody(self: Any, user: int) -> tuple[int, ...]:
        return tuple(one for one in self.members if one != user)

    monkeypatch.setattr(Roster, "others", everybody)
    assert complaint()


def test_a_roster_that_memory_forgets_to_renew_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    number = itertools.count(1)
    renew = Rosters.after_commit

    def lazy(self: Any, batch: list[Any]) -> None:
        renew(self, [item for item in batch if type(item) is not Roster or next(number) % 5])

    monkeypatch.setattr(Rosters, "after_commit", lazy)
    assert complaint()


def test_older_messages_given_twice_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newcomer who was in the group before has some of them already."""

    def all_of_them(txn: Any, news: Any, memo: object) -> None:
        for author, msg_id, date in news.messages:
            if author != news.user:
                word = pl.Deliver(news.user, news.chat, author, msg_id, date, version=news.version)
                messaging.deliver(txn, word, None)

    monkeypatch.setattr(delivery, "bring", all_of_them)
    assert complaint()


def test_a_deletion_that_spares_a_member_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def some(txn: Any, word: Any, memo: object) -> None:
        roster = load(txn, word.chat)
        for user in (roster.members if roster is not None else {}) if word.author_msg_ids[0] % 3 else ():
            if user not in (word.author, word.by):
                deletion = pl.DeliverDelete(user, word.author, word.author_msg_ids, word.date)
                txn.outbox(slot_of(user), deletion)

    monkeypatch.setattr(deleting, "spread_delete", some)
    assert complaint()


def test_mentions_that_are_not_counted_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    insert = boxes.insert

    def blind(txn: Any, owner: int, msg_id: int, row: Any, dialog: Any, date: int) -> Any:
        made = insert(txn, owner, msg_id, row, dialog, date)
        return structs.replace(made, unread_mentions=dialog.unread_mentions)

    monkeypatch.setattr(boxes, "insert", blind)
    assert "mention" in complaint()


@pytest.mark.parametrize(
    "kind",
    [ev.DraftChanged, ev.DialogPinned, ev.FolderChanged, ev.PeerBlocked, ev.ScheduledGone, ev.NotifyChanged],
)
def test_a_setting_that_other_devices_are_not_told_is_found(
    monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    """It is stored, and no event says so: those online and those away go on with what they had."""
    append = eventlog.append

    def quiet(txn: Any, user: int, event: Any, **more: Any) -> Any:
        if type(event) is kind:
            return None
        return append(txn, user, event, **more)

    monkeypatch.setattr(eventlog, "append", quiet)
    assert complaint()


def test_a_setting_that_is_only_pushed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was away has to be told by getDifference."""
    difference = Updates.difference

    def numbered(self: Any, *asked: Any, **more: Any) -> Any:
        found = difference(self, *asked, **more)
        kept = [one for one in found.events if one[1].pts_count]
        return Difference(found.span, found.state, kept)

    monkeypatch.setattr(Updates, "difference", numbered)
    assert complaint()


def test_sends_that_overtake_each_other_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """SECURITY 4A-1: of calls that came in a row, some wait a little before they begin."""
    api.load()
    number = itertools.count(1)
    method = METHODS[SendMessage.ID]

    async def dawdling(call: Any, request: Any) -> Any:
        if next(number) % 5 == 0:
            loop = asyncio.get_running_loop()
            waited = loop.create_future()
            loop.call_later(0.2, waited.set_result, None)
            await waited
        return await method.run(call, request)

    monkeypatch.setitem(METHODS, SendMessage.ID, replace(method, run=dawdling))
    assert "in a row" in complaint()


def test_reactions_that_others_are_not_told_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    append = eventlog.append

    def quiet(txn: Any, user: int, event: Any, **more: Any) -> Any:
        return None if type(event) is ev.ReactionsChanged else append(txn, user, event, **more)

    monkeypatch.setattr(eventlog, "append", quiet)
    assert "reactions" in complaint()


def test_a_scheduled_message_sent_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    number = itertools.count(1)
    send = Messaging.send_many

    def anew(self: Any, me: int, peer: int, drafts: Any, **more: Any) -> Any:
        sent = send(self, me, peer, drafts, **more)
        if drafts[0][1].scheduled and next(number) % 3 == 0:
            send(self, me, peer, [(random_id + 1, draft) for random_id, draft in drafts], **more)
        return sent

    monkeypatch.setattr(Messaging, "send_many", anew)
    assert "times" in complaint()


def test_the_same_seed_gives_the_same_world() -> None:
    for seed in (3, 17):
        first, second = story.run(seed), story.run(seed)
        assert first == second
        assert first.trace
