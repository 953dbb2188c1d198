"""Reactions and polls in supergroups and channels."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.messages.test_polls import counts, media, poll
from tests.api.messages.test_reactions import FIRE, HEART, LIKE, seen
from tests.api.messages.test_sending import refused
from tests.community import Community, run
from tests.talk import Person, talk
from tgserve.api.channels import creating, settings  # noqa: F401 - their methods
from tgserve.render.channel_updates import Crowd, draw
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store.check import check_store
from tgserve.store.eventlog import Published
from tgserve.store.slots import slot_of
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages


class Place:
    """A channel as its members name it."""

    def __init__(self, c: Community, number: int) -> None:
        self.c = c
        self.number = number

    def peer(self, who: Person) -> t.InputPeerChannel:
        return t.InputPeerChannel(
            channel_id=self.number, access_hash=self.c.services.views.channel_hash(who.id, self.number)
        )

    async def newest(self, who: Person) -> Any:
        zeros = dict.fromkeys(("offset_id", "offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
        found = await who(messages.GetHistory(peer=self.peer(who), **{**zeros, "limit": 1}))
        return found.messages[0]

    def react(self, who: Person, msg_id: int, *what: Any) -> messages.SendReaction:
        return messages.SendReaction(peer=self.peer(who), msg_id=msg_id, reaction=list(what) or None)


async def channel(c: Community, creator: Person, *others: Person, megagroup: bool) -> Place:
    made = await creator(
        channels.CreateChannel(title="Place", about="", megagroup=megagroup, broadcast=not megagroup)
    )
    place = Place(c, made.chats[0].id)
    of = place.peer(creator)
    users: list[Any] = [
        t.InputUser(user_id=one.id, access_hash=c.services.views.user_hash(creator.id, one.id))
        for one in others
    ]
    where = t.InputChannel(channel_id=of.channel_id, access_hash=of.access_hash)
    await creator(channels.InviteToChannel(channel=where, users=users))
    return place


def live(c: Community, mark: int, viewer: int) -> Any:
    """The last reactions told of, as drawn for one viewer (0: for the crowd)."""
    told = [
        one
        for one in c.heard[mark:]
        if isinstance(one, Published) and isinstance(one.event, ev.ReactionsChanged)
    ]
    drawn = draw(c.services, told[-1], viewer)
    found: Any = layers.decode(layers.encode(drawn))
    return found


@pytest.mark.parametrize("megagroup", [True, False])
def test_reactions(megagroup: bool) -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            place = await channel(c, ann, bob, eve, megagroup=megagroup)
            await ann(messages.SendMessage(peer=place.peer(ann), message="news", random_id=1))
            post = (await place.newest(bob)).id
            await refused("CHANNEL_PRIVATE", joe, place.react(joe, post, LIKE))
            await refused("MESSAGE_ID_INVALID", bob, place.react(bob, 999, LIKE))
            await refused("REACTION_INVALID", bob, place.react(bob, post, t.ReactionEmoji(emoticon="x")))
            answer = await bob(place.react(bob, post, LIKE))
            assert answer.updates[0].reactions.results == [
                t.ReactionCount(chosen_order=0, reaction=LIKE, count=1)
            ]
            mark = len(c.heard)
            await eve(place.react(eve, post, LIKE))
            shown = (await place.newest(bob)).reactions
            assert seen(shown) == {"👍": 2} and shown.results[0].chosen_order == 0
            assert bool(shown.recent_reactions) == shown.can_see_list == megagroup
            crowd = live(c, mark, 0)
            assert crowd.updates[0].reactions.min and seen(crowd.updates[0].reactions) == {"👍": 2}
            assert {one.id for one in crowd.users if one.id in (bob.id, eve.id)} == (
                {bob.id, eve.id} if megagroup else set()
            )
            listed = messages.GetMessageReactionsList(peer=place.peer(ann), id=post, limit=10)
            if megagroup:
                assert (await ann(listed)).count == 2
            else:
                await refused("BROADCAST_FORBIDDEN", ann, listed)
            some = t.ChatReactionsSome(reactions=[HEART])
            await ann(messages.SetChatAvailableReactions(peer=place.peer(ann), available_reactions=some))
            await refused("REACTION_INVALID", bob, place.react(bob, post, FIRE))
            await bob(place.react(bob, post, HEART))
            await eve(place.react(eve, post))
            assert seen((await place.newest(ann)).reactions) == {"❤": 1}
            assert (await ann(messages.ReadReactions(peer=place.peer(ann)))).pts_count == 0
            assert check_store(c.store).problems == []
            await c.services.accounts.delete(bob.id)
            await c.settle()
            await c.services.accounts.wipe(bob.id)
            await c.settle()
            assert (await place.newest(ann)).reactions is None
            assert check_store(c.store).problems == []

    run(story())


@pytest.mark.parametrize("megagroup", [True, False])
def test_polls(megagroup: bool) -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            place = await channel(c, ann, bob, eve, megagroup=megagroup)
            sending = messages.SendMedia(peer=place.peer(ann), media=media(poll()), message="", random_id=1)
            await ann(sending)
            post = (await place.newest(bob)).id
            for one, option in ((bob, b"1"), (eve, b"1")):
                await one(messages.SendVote(peer=place.peer(one), msg_id=post, options=[option]))
            assert counts((await place.newest(bob)).media.results) == [(0, False), (2, True), (0, False)]
            mark = len(c.heard)
            stop = messages.EditMessage(peer=place.peer(ann), id=post, media=media(poll(closed=True)))
            assert (await ann(stop)).updates[0].poll.closed
            told = [one for one in c.heard[mark:] if isinstance(one, Published) and one.user_id < 0]
            assert [one.event for one in told] == [ev.EditMessage(post)]
            drawn: Any = layers.decode(layers.encode(draw(c.services, told[0], 0)))
            crowd = drawn.updates[0].message.media
            assert crowd.poll.closed and crowd.results.min
            assert ann.id in Crowd(c.services).special(told[0])  # told in her own form: it is hers
            vote = messages.SendVote(peer=place.peer(bob), msg_id=post, options=[b"0"])
            await refused("MESSAGE_POLL_CLOSED", bob, vote)
            assert check_store(c.store).problems == []

    run(story())


async def unread(place: Place, who: Person) -> int:
    asked: list[Any] = [t.InputDialogPeer(peer=place.peer(who))]
    found = await who(messages.GetPeerDialogs(peers=asked))
    return int(found.dialogs[0].unread_reactions_count)


def test_a_poll_that_is_closed_before_its_place_is_known_is_told_of_all_the_same() -> None:
    """The word that a message shows the poll is still on its way to the poll when it is closed."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            place = await channel(c, ann, bob, megagroup=True)
            held: list[pl.PollPlaced] = []
            handler = c.store.handlers[pl.PollPlaced]
            c.store.handlers[pl.PollPlaced] = lambda txn, word, memo: held.append(word)
            sending = messages.SendMedia(peer=place.peer(ann), media=media(poll()), message="", random_id=1)
            await ann(sending)
            await c.settle()
            post = (await place.newest(bob)).id
            await ann(messages.EditMessage(peer=place.peer(ann), id=post, media=media(poll(closed=True))))
            await c.settle()
            mark = len(c.heard)
            await c.store.transact(slot_of(held[0].poll), lambda txn: handler(txn, held[0], None))
            await c.settle()
            told = [one for one in c.heard[mark:] if isinstance(one, Published) and one.user_id < 0]
            assert [one.event for one in told] == [ev.EditMessage(post)]
            assert check_store(c.store).problems == []

    run(story())


def test_authors_in_supergroups_are_told_what_they_have_not_seen() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            place = await channel(c, ann, bob, eve, megagroup=True)
            for number in (1, 2):
                await bob(messages.SendMessage(peer=place.peer(bob), message="x", random_id=number))
            mine = (await place.newest(bob)).id
            mark = len(c.heard)
            await ann(place.react(ann, mine, LIKE))
            assert live(c, mark, bob.id).updates[0].reactions.recent_reactions[0].unread
            assert not live(c, mark, eve.id).updates[0].reactions.recent_reactions[0].unread
            await bob(place.react(bob, mine - 1, LIKE))  # one's own is seen
            assert (await unread(place, bob), await unread(place, ann)) == (1, 0)
            asked = messages.GetUnreadReactions(
                peer=place.peer(bob), offset_id=0, add_offset=0, limit=10, max_id=0, min_id=0
            )
            found = await bob(asked)
            assert [one.id for one in found.messages] == [mine]
            assert found.messages[0].reactions.recent_reactions[0].unread
            assert check_store(c.store).problems == []
            assert (await bob(messages.ReadReactions(peer=place.peer(bob)))).offset == 0
            assert await unread(place, bob) == 0 and (await bob(asked)).messages == []
            assert not (await place.newest(bob)).reactions.recent_reactions[0].unread
            # Taken back, deleted, left: nothing waits any more.
            await eve(place.react(eve, mine, FIRE))
            assert await unread(place, bob) == 1
            await eve(place.react(eve, mine))
            assert await unread(place, bob) == 0
            await eve(place.react(eve, mine, FIRE))
            of = place.peer(bob)
            where = t.InputChannel(channel_id=of.channel_id, access_hash=of.access_hash)
            await bob(channels.DeleteMessages(channel=where, id=[mine]))
            assert await unread(place, bob) == 0
            await eve(place.react(eve, mine - 1, FIRE))
            assert await unread(place, bob) == 1
            await bob(channels.LeaveChannel(channel=where))
            assert check_store(c.store).problems == []

    run(story())


def test_admins_take_reactions_of_others_away() -> None:
    """6.3"""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            place = await channel(c, ann, bob, eve, megagroup=True)
            ids = []
            for number in (1, 2):
                await ann(messages.SendMessage(peer=place.peer(ann), message="x", random_id=number))
                ids.append((await place.newest(ann)).id)
                await bob(place.react(bob, ids[-1], LIKE))
                await eve(place.react(eve, ids[-1], HEART))
            one = messages.DeleteParticipantReaction(
                peer=place.peer(ann), msg_id=ids[1], participant=ann.peer(bob)
            )
            theirs = messages.DeleteParticipantReaction(
                peer=place.peer(eve), msg_id=ids[1], participant=eve.peer(bob)
            )
            await refused("CHAT_ADMIN_REQUIRED", eve, theirs)
            every = messages.DeleteParticipantReactions(peer=place.peer(eve), participant=eve.peer(bob))
            await refused("CHAT_ADMIN_REQUIRED", eve, every)
            assert seen((await place.newest(ann)).reactions) == {"👍": 1, "❤": 1}
            answer = await ann(one)
            assert seen(answer.updates[0].reactions) == {"❤": 1}
            assert seen((await place.newest(eve)).reactions) == {"❤": 1}
            gone = messages.DeleteParticipantReaction(
                peer=place.peer(ann), msg_id=99, participant=ann.peer(bob)
            )
            await refused("MESSAGE_ID_INVALID", ann, gone)
            every = messages.DeleteParticipantReactions(peer=place.peer(ann), participant=ann.peer(eve))
            assert await ann(every) is True
            assert (await place.newest(ann)).reactions is None
            assert await unread(place, ann) == 1
            assert check_store(c.store).problems == []

    run(story())
