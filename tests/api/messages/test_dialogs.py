from __future__ import annotations

from typing import Any

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.talk import Person, talk
from tgserve import limits
from tgserve.store import events as ev
from tgserve.store.eventlog import Published
from tgserve.tl import types as t
from tgserve.tl.functions import messages, updates


async def page(person: Person, last: Any = None, **where: Any) -> Any:
    """A page of the list, after `last` (the page before)."""
    place: dict[str, Any] = {"offset_date": 0, "offset_id": 0, "offset_peer": t.InputPeerEmpty()}
    if last is not None:
        line = last.dialogs[-1]
        message = next(m for m in last.messages if m.id == line.top_message)
        place = {
            "offset_date": message.date,
            "offset_id": message.id,
            "offset_peer": person.peer(line.peer.user_id),
        }
    return await person(messages.GetDialogs(**{**place, "limit": 2, "hash": 0, **where}))


def names(found: Any) -> list[int]:
    return [line.peer.user_id for line in found.dialogs]


def dialog(person: Person, other: Any) -> t.InputDialogPeer:
    return t.InputDialogPeer(peer=person.peer(other))


def test_pages_of_the_list() -> None:
    async def story() -> None:
        async with talk(6) as (c, (ann, *others)):
            for number, other in enumerate(others):
                c.clock.advance(number % 2)  # pairs of the same second
                await other.send(ann, "hi")
            expected = [other.id for other in reversed(others)]
            whole = await page(ann, limit=100)
            assert isinstance(whole, t.MessagesDialogs) and names(whole) == expected
            assert {u.id for u in whole.users} == {ann.id, *expected}
            seen, found = [], await page(ann)
            while found.dialogs:
                assert isinstance(found, t.MessagesDialogsSlice) and found.count == 5
                seen += names(found)
                found = await page(ann, found)
            assert seen == expected
            await ann(messages.ToggleDialogPin(peer=dialog(ann, others[0]), pinned=True))
            await ann(messages.ToggleDialogPin(peer=dialog(ann, others[2]), pinned=True))
            pinned = [others[2].id, others[0].id]
            assert names(await page(ann, limit=100)) == pinned + [
                one for one in expected if one not in pinned
            ]
            rest = await page(ann, limit=100, exclude_pinned=True)
            assert names(rest) == [one for one in expected if one not in pinned]
            assert names(await ann(messages.GetPinnedDialogs(folder_id=0))) == pinned
            assert names(await page(ann, folder_id=1)) == []
            for place in ({"limit": 0}, {"folder_id": 1}):
                assert names(await page(ann, **place)) == []
            await refused("LIMIT_INVALID", ann, _dialogs(limit=-1))
            await refused("FOLDER_ID_INVALID", ann, _dialogs(folder_id=7))

    run(story())


def _dialogs(**more: Any) -> messages.GetDialogs:
    base = {"offset_date": 0, "offset_id": 0, "offset_peer": t.InputPeerEmpty(), "limit": 5, "hash": 0}
    return messages.GetDialogs(**{**base, **more})


def test_every_peer_asked_has_a_line() -> None:
    """CLIENTS A.14: without, a private chat cannot be opened; A.13: users carry no pts."""

    async def story() -> None:
        async with talk(3) as (_, (ann, bob, eve)):
            await ann.send(bob, "x")
            asked = [dialog(ann, one) for one in (ann, bob, eve)]
            found = await ann(messages.GetPeerDialogs(peers=asked))
            assert names(found) == [ann.id, bob.id, eve.id]
            assert [line.top_message for line in found.dialogs] == [0, 1, 0]
            assert all(line.pts is None for line in found.dialogs)
            assert {u.id for u in found.users} == {ann.id, bob.id, eve.id}
            assert found.state == await ann(updates.GetState())
            wrong = t.InputDialogPeer(peer=t.InputPeerUser(user_id=eve.id, access_hash=1))
            await refused("PEER_ID_INVALID", ann, messages.GetPeerDialogs(peers=[wrong]))

    run(story())


def test_unread_counts_and_read_marks() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            for text in ("1", "2", "3"):
                await ann.send(bob, text)
            assert ((await bob.line(ann)).unread_count, (await ann.line(bob)).unread_count) == (3, 0)
            c.clock.advance(5)
            read = messages.ReadHistory
            assert await bob(read(peer=bob.peer(ann), max_id=2)) == t.MessagesAffectedMessages(
                pts=5, pts_count=1
            )
            line = await bob.line(ann)
            assert (line.unread_count, line.read_inbox_max_id) == (1, 2)
            assert (await ann.line(bob)).read_outbox_max_id == 2
            # nothing new to read: pts stays, no event
            assert await bob(read(peer=bob.peer(ann), max_id=1)) == t.MessagesAffectedMessages(
                pts=5, pts_count=0
            )
            when = await ann(messages.GetOutboxReadDate(peer=ann.peer(bob), msg_id=1))
            assert when.date == int(c.clock.now())
            ask = messages.GetOutboxReadDate
            await refused("MESSAGE_NOT_READ_YET", ann, ask(peer=ann.peer(bob), msg_id=3))
            await refused("MESSAGE_ID_INVALID", ann, ask(peer=ann.peer(bob), msg_id=77))
            await refused("MESSAGE_ID_INVALID", bob, ask(peer=bob.peer(ann), msg_id=1))
            await bob(read(peer=bob.peer(ann), max_id=0))
            assert (await bob.line(ann)).unread_count == 0
            c.clock.advance(8 * limits.DAY)
            await refused("MESSAGE_TOO_OLD", ann, ask(peer=ann.peer(bob), msg_id=3))
            assert await ann(read(peer=ann.peer(777000), max_id=0)) is not None

    run(story())


def test_marks_and_pins_reach_other_devices() -> None:
    async def story() -> None:
        async with talk(8) as (c, (ann, *others)):
            bob = others[0]
            await bob.send(ann, "x")
            mark = messages.MarkDialogUnread
            await ann(mark(peer=dialog(ann, bob), unread=True))
            assert (await ann.line(bob)).unread_mark
            assert await ann(messages.GetDialogUnreadMarks()) == [
                t.DialogPeer(peer=t.PeerUser(user_id=bob.id))
            ]
            told = c.heard[-1]
            assert isinstance(told, Published) and told.event == ev.DialogUnreadMark(bob.id, True)
            assert told.origin == ann.session and told.pts_count == 0
            await ann(messages.ReadHistory(peer=ann.peer(bob), max_id=0))
            assert not (await ann.line(bob)).unread_mark
            for other in others[:5]:
                await other.send(ann, "x")
                await ann(messages.ToggleDialogPin(peer=dialog(ann, other), pinned=True))
            too_many = messages.ToggleDialogPin(peer=dialog(ann, others[5]), pinned=True)
            await refused("PINNED_DIALOGS_TOO_MUCH", ann, too_many)
            reorder = messages.ReorderPinnedDialogs
            order = [dialog(ann, other) for other in (others[3], others[1])]
            await ann(reorder(folder_id=0, order=order))
            pinned = names(await ann(messages.GetPinnedDialogs(folder_id=0)))
            assert pinned == [others[i].id for i in (3, 1, 4, 2, 0)]
            await ann(reorder(folder_id=0, order=order, force=True))
            assert names(await ann(messages.GetPinnedDialogs(folder_id=0))) == [others[3].id, others[1].id]
            await ann(reorder(folder_id=1, order=order, force=True))  # none of them is in the archive
            assert names(await ann(messages.GetPinnedDialogs(folder_id=0))) == [others[3].id, others[1].id]
            assert (await ann.line(others[3])).top_message > 0
            await ann(messages.ToggleDialogPin(peer=dialog(ann, others[3])))
            assert names(await ann(messages.GetPinnedDialogs(folder_id=0))) == [others[1].id]

    run(story())


def test_drafts() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await bob.send(ann, "x")
            bold = t.MessageEntityBold(offset=0, length=2)
            save = messages.SaveDraft
            reply = t.InputReplyToMessage(reply_to_msg_id=1)
            await ann(save(peer=ann.peer(bob), message="hm", entities=[bold], reply_to=reply))
            kept = t.DraftMessage(message="hm", entities=[bold], reply_to=reply, date=int(c.clock.now()))
            assert (await ann.line(bob)).draft == kept
            everything = await ann(messages.GetAllDrafts())
            assert everything.updates == [t.UpdateDraftMessage(peer=t.PeerUser(user_id=bob.id), draft=kept)]
            missed = await ann.device(1)(updates.GetDifference(pts=2, date=1, qts=1))
            assert missed.other_updates == everything.updates
            await ann(save(peer=ann.peer(bob), message=" "))
            assert (await ann.line(bob)).draft is None
            missed = await ann.device(1)(updates.GetDifference(pts=2, date=1, qts=1))
            assert isinstance(missed.other_updates[0].draft, t.DraftMessageEmpty)
            await ann(save(peer=ann.peer(bob), message="again"))
            await ann(messages.ClearAllDrafts())
            assert (await ann(messages.GetAllDrafts())).updates == []

    run(story())


def test_the_bar_of_a_strangers_chat() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            await bob.send(ann, "hello")
            ask = messages.GetPeerSettings(peer=ann.peer(bob))
            assert (await ann(ask)).settings.add_contact
            await ann(messages.HidePeerSettingsBar(peer=ann.peer(bob)))
            assert (await ann(ask)).settings == t.PeerSettings()

    run(story())
