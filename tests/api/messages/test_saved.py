"""Saved Messages by origin: pins, by id, deleting."""

from __future__ import annotations

from typing import Any

from tests.api.messages.test_chats import sound
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import place
from tests.talk import Person, talk
from tgserve import limits
from tgserve.api.messages import saved as _saved
from tgserve.tl import types as t
from tgserve.tl.functions import messages, updates

SERVED = (_saved,)


async def save(ann: Person, other: Person, text: str, number: int) -> None:
    """A message of `other` is kept."""
    await other.send(ann, text)
    msg_id = (await ann.history(other))[0].id
    await ann(
        messages.ForwardMessages(
            from_peer=ann.peer(other), to_peer=t.InputPeerSelf(), id=[msg_id], random_id=[number]
        )
    )


def origins(found: Any) -> list[tuple[int, bool]]:
    return [(one.peer.user_id, one.pinned) for one in found.dialogs]


def dialogs(**more: Any) -> messages.GetSavedDialogs:
    zeros = {"offset_date": 0, "offset_id": 0, "limit": 10, "hash": 0}
    return messages.GetSavedDialogs(offset_peer=t.InputPeerEmpty(), **{**zeros, **more})


def test_pins_reach_other_devices_and_stand_first() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            await save(ann, bob, "1", 1)
            await save(ann, eve, "2", 2)
            await ann.send(ann, "a note")
            assert origins(await ann(dialogs())) == [(ann.id, False), (eve.id, False), (bob.id, False)]
            c.clock.advance(120)
            since = await ann(updates.GetState())
            named = t.InputDialogPeer(peer=ann.peer(bob))
            assert await ann(messages.ToggleSavedDialogPin(peer=named, pinned=True))
            order = [t.InputDialogPeer(peer=ann.peer(one)) for one in (eve, bob)]
            assert await ann(messages.ReorderPinnedSavedDialogs(order=order, force=True))
            assert origins(await ann(dialogs())) == [(eve.id, True), (bob.id, True), (ann.id, False)]
            assert origins(await ann(dialogs(exclude_pinned=True))) == [(ann.id, False)]
            assert origins(await ann(messages.GetPinnedSavedDialogs())) == [(eve.id, True), (bob.id, True)]
            by_id = await ann(messages.GetSavedDialogsByID(ids=[ann.peer(bob), ann.peer(ann)]))
            assert origins(by_id) == [(bob.id, True), (ann.id, False)]
            missed = await ann.device(2)(updates.GetDifference(pts=since.pts, date=since.date, qts=0))
            kinds = [type(one) for one in missed.other_updates]
            assert t.UpdateSavedDialogPinned in kinds and t.UpdatePinnedSavedDialogs in kinds
            many = [t.InputDialogPeer(peer=ann.peer(bob))]
            for other in range(limits.PINNED_DIALOGS):
                hash_ = c.services.views.user_hash(ann.id, 5_000_000 + other)
                stranger = t.InputPeerUser(user_id=5_000_000 + other, access_hash=hash_)
                many.append(t.InputDialogPeer(peer=stranger))
            await refused(
                "PINNED_DIALOGS_TOO_MUCH", ann, messages.ReorderPinnedSavedDialogs(order=many, force=True)
            )
            await ann(messages.ToggleSavedDialogPin(peer=named))
            assert origins(await ann(messages.GetPinnedSavedDialogs())) == [(eve.id, True)]
            wrong = t.InputDialogPeer(peer=t.InputPeerUser(user_id=bob.id, access_hash=1))
            await refused("PEER_ID_INVALID", ann, messages.ToggleSavedDialogPin(peer=wrong, pinned=True))

    run(story())


def test_what_came_from_one_chat_is_deleted_alone() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            await save(ann, bob, "1", 1)
            await save(ann, eve, "2", 2)
            await save(ann, bob, "3", 3)
            done = await ann(messages.DeleteSavedHistory(peer=ann.peer(bob), max_id=0))
            assert (done.pts_count, done.offset) == (2, 0)
            assert origins(await ann(dialogs())) == [(eve.id, False)]
            assert await ann.texts(bob) == ["3", "1"], "where it came from it stays"
            nothing = await ann(messages.DeleteSavedHistory(peer=ann.peer(bob), max_id=0))
            assert nothing.pts_count == 0
            sound(c)

    run(story())


def test_what_was_saved_from_a_channel_stays_when_it_is_closed_to_one() -> None:
    """Its own keeper may read, search, pin and delete it; of the channel he is told that it is forbidden."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            post = await here.post(ann, "a pomegranate")
            from_peer = here.peer(bob)
            await bob(
                messages.ForwardMessages(
                    from_peer=from_peer, to_peer=t.InputPeerSelf(), id=[post], random_id=[1]
                )
            )
            await here.ban(ann, bob, view_messages=True)
            await refused("CHANNEL_PRIVATE", bob, messages.GetPeerSettings(peer=from_peer))
            named = (await bob(dialogs())).dialogs[0].peer
            assert named == t.PeerChannel(channel_id=here.number)
            zeros = dict.fromkeys(("offset_id", "offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
            found = await bob(messages.GetSavedHistory(peer=from_peer, limit=10, **zeros))
            assert [one.message for one in found.messages] == ["a pomegranate"]
            assert all(isinstance(one, t.ChannelForbidden) for one in found.chats)
            pin = messages.ToggleSavedDialogPin(peer=t.InputDialogPeer(peer=from_peer), pinned=True)
            assert await bob(pin)
            wrong = t.InputPeerChannel(channel_id=here.number, access_hash=1)
            request = messages.GetSavedHistory(peer=wrong, limit=10, **zeros)
            await refused("CHANNEL_INVALID", bob, request)
            assert await eve(messages.GetSavedHistory(peer=here.peer(eve), limit=10, **zeros))
            await bob(messages.DeleteSavedHistory(peer=from_peer, max_id=0))
            assert (await bob(dialogs())).dialogs == []
            sound(c)

    run(story())
