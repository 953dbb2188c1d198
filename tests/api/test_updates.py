from __future__ import annotations

from typing import Any

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.talk import Person, talk
from tgserve import limits
from tgserve.render import updates as render
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import BOXES
from tgserve.store.slots import slot_of
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages, updates


def missed(pts: int, date: int = 1, **more: Any) -> updates.GetDifference:
    return updates.GetDifference(**{"pts": pts, "date": date, "qts": -1, **more})


def test_a_fresh_account_has_a_state_clients_accept() -> None:
    """CLIENTS B.2: pts and qts are at least 1; C: asking from 0 and with qts -1 is accepted."""

    async def story() -> None:
        async with talk(1) as (_, (ann,)):
            state = await ann(updates.GetState())
            assert (state.pts, state.qts, state.seq) == (1, 1, 0) and state.date > 0
            for pts in (0, 1):
                found = await ann(missed(pts, date=0))
                assert isinstance(found, t.UpdatesDifferenceEmpty | t.UpdatesDifference)
            await refused("PERSISTENT_TIMESTAMP_INVALID", ann, missed(-1))

    run(story())


def test_a_device_that_is_ahead_of_a_restored_store_starts_over() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            await ann.send(bob, "after the backup was restored")
            for ahead in (3, 1_000_000, 2**31 - 1):
                assert await bob(missed(ahead)) == t.UpdatesDifferenceTooLong(pts=2)

    run(story())


def test_fifty_messages_come_once_and_in_order() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            for number in range(50):
                await ann.send(bob, str(number))
            found = await bob(missed(1))
            assert isinstance(found, t.UpdatesDifference)
            assert [m.message for m in found.new_messages] == [str(number) for number in range(50)]
            assert found.other_updates == [] and found.state.pts == 51 and found.state.unread_count == 50
            assert {u.id for u in found.users} == {ann.id, bob.id}
            assert isinstance(await bob(missed(51, date=found.state.date)), t.UpdatesDifferenceEmpty)

    run(story())


def test_slices_and_too_long() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            for number in range(7):
                await ann.send(bob, str(number))
            seen, pts, date = [], 1, 1
            while True:
                found = await bob(missed(pts, date, pts_limit=3))
                seen += [m.message for m in found.new_messages]
                if isinstance(found, t.UpdatesDifference):
                    break
                assert isinstance(found, t.UpdatesDifferenceSlice) and len(found.new_messages) == 3
                pts, date = found.intermediate_state.pts, found.intermediate_state.date
            assert seen == [str(number) for number in range(7)]
            assert await bob(missed(1, pts_total_limit=6)) == t.UpdatesDifferenceTooLong(pts=8)
            head = c.store.read(slot_of(bob.id)).get(BOXES, bob.id)
            assert head is not None

            def forget(txn: Any) -> None:
                old = txn.get(BOXES, bob.id)
                values = {name: getattr(old, name) for name in old.__struct_fields__}
                txn.put(BOXES, bob.id, value=type(old)(**{**values, "oldest_pts": 5}))

            await c.store.transact(slot_of(bob.id), forget)
            assert await bob(missed(4)) == t.UpdatesDifferenceTooLong(pts=8)
            assert isinstance(await bob(missed(5)), t.UpdatesDifference)
            assert limits.DIFFERENCE_EVENTS > 3

    run(story())


def test_what_happened_meanwhile_is_told_as_it_is_now() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            await ann.send(bob, "old")
            state = await bob(updates.GetState())
            edit = messages.EditMessage
            await ann(edit(peer=ann.peer(bob), id=1, message="old, edited"))
            await ann(edit(peer=ann.peer(bob), id=1, message="old, edited twice"))
            await ann.send(bob, "new")
            await ann(edit(peer=ann.peer(bob), id=2, message="new, edited"))
            await ann.send(bob, "regretted")
            await ann(messages.DeleteMessages(id=[3], revoke=True))
            await bob(messages.ReadHistory(peer=bob.peer(ann), max_id=0))
            found = await bob(missed(state.pts, state.date))
            assert [m.message for m in found.new_messages] == ["new, edited"]
            edited, deleted, read = found.other_updates
            assert isinstance(edited, t.UpdateEditMessage) and edited.message.message == "old, edited twice"
            assert isinstance(deleted, t.UpdateDeleteMessages) and deleted.messages == [3]
            assert isinstance(read, t.UpdateReadHistoryInbox) and read.still_unread_count == 0

    run(story())


class Watching:
    """A device that is online: it applies what is pushed to it, in order, and wants no hole in pts."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.pts = 1
        self.texts: dict[int, str] = {}
        person.c.services.bus.subscribe(self.told)

    def told(self, batch: list[Any]) -> None:
        for item in batch:
            if not isinstance(item, Published) or item.user_id != self.person.id:
                continue
            drawn = layers.decode(layers.encode(render.draw(self.person.c.services, item, item.user_id)))
            for update in drawn.updates:  # type: ignore[attr-defined]
                if hasattr(update, "pts"):
                    assert update.pts == self.pts + update.pts_count, "a hole in pts"
                    self.pts = update.pts
                match update:
                    case t.UpdateNewMessage(message=message) | t.UpdateEditMessage(message=message):
                        self.texts[message.id] = message.message
                    case t.UpdateDeleteMessages(messages=gone):
                        for msg_id in gone:
                            self.texts.pop(msg_id, None)


def test_an_online_device_and_one_that_comes_back_agree() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            watching = Watching(bob)
            for number in range(6):
                await ann.send(bob, str(number))
                await bob.send(ann, "r" + str(number))
            await ann(messages.EditMessage(peer=ann.peer(bob), id=1, message="edited"))
            await bob(messages.ReadHistory(peer=bob.peer(ann), max_id=0))
            await bob(messages.DeleteMessages(id=[2, 3], revoke=True))
            found = await bob.device(1)(missed(1))
            back = {m.id: m.message for m in found.new_messages}
            assert back == watching.texts == {m.id: m.message for m in await bob.history(ann)}
            assert found.state.pts == watching.pts

    run(story())


def test_channels_are_refused() -> None:
    async def story() -> None:
        async with talk(1) as (_, (ann,)):
            request = updates.GetChannelDifference(
                channel=t.InputChannel(channel_id=1, access_hash=2),
                filter=t.ChannelMessagesFilterEmpty(),
                pts=1,
                limit=10,
            )
            await refused("CHANNEL_INVALID", ann, request)

    run(story())
