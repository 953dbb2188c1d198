"""What is told of a channel's box while one is there, and what is found out by getChannelDifference."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.messages.test_sending import refused
from tests.community import Community, run
from tests.places import Place, place, publish, sound, user_of
from tests.talk import Person, talk
from tgserve import limits
from tgserve.render.channel_updates import Crowd
from tgserve.render.updates import draw_ephemeral
from tgserve.store import payloads as pl
from tgserve.store.eventlog import Published
from tgserve.store.slots import slot_of
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages, updates


class Ear:
    """What the devices of one user are told of channels, as the fan-out would tell them."""

    def __init__(self, c: Community, who: Person) -> None:
        self.crowd = Crowd(c.services)
        self.who = who
        self.heard: list[Any] = []
        c.services.bus.subscribe(self._listen)

    def _listen(self, batch: list[Any]) -> None:
        for item in batch:
            if (
                isinstance(item, Published)
                and item.user_id < 0
                and self.who.id in self.crowd.of(item.user_id)
            ):
                special = self.who.id in self.crowd.special(item)
                told = self.crowd.draw(item, self.who.id if special else 0)
                if told is not None:
                    self.heard.append(layers.decode(layers.encode(told)))

    @property
    def texts(self) -> list[str]:
        news = [one for told in self.heard for one in told.updates]
        return [one.message.message for one in news if isinstance(one, t.UpdateNewChannelMessage)]


async def look(here: Place, who: Person, pts: int = 0, limit: int = 100) -> Any:
    """updates.getChannelDifference; from the newest pts on without one."""
    asked = pts or who.c.services.channels.register.top(here.id).pts
    empty = t.ChannelMessagesFilterEmpty()
    return await who(
        updates.GetChannelDifference(channel=here.input(who), filter=empty, pts=asked, limit=limit)
    )


def test_6_2_who_has_a_public_channel_open_hears_of_it_while_he_may_look() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, megagroup=False, title="News")
            await publish(here, ann, "the_news")
            ear = Ear(c, eve)
            await here.post(ann, "nobody looks")
            assert (await look(here, eve)).timeout == limits.CHANNEL_TIMEOUT_SECONDS
            await here.post(ann, "first")
            told = ear.heard[-1]
            (drawn,) = told.chats  # all of it: his other devices do not know the channel
            assert not drawn.min and drawn.left and drawn.access_hash
            c.clock.advance(limits.CHANNEL_TIMEOUT_SECONDS)
            await here.post(ann, "second")
            c.clock.advance(60)
            await here.post(ann, "he has closed it")
            await look(here, eve)
            await here.post(ann, "third")
            await channels_username(here, ann, "")
            await here.post(ann, "private")
            assert ear.texts == ["first", "second", "third"]
            await publish(here, ann, "the_news")
            await look(here, eve)
            await here.ban(ann, eve, view_messages=True)
            await here.post(ann, "without him")
            assert ear.texts == ["first", "second", "third"]
            await refused("CHANNEL_PRIVATE", eve, question(here, eve))
            sound(c)

    run(story())


async def channels_username(here: Place, who: Person, name: str) -> None:
    assert await who(channels.UpdateUsername(channel=here.input(who), username=name))


def question(here: Place, who: Person, pts: int = 5, limit: int = 10) -> updates.GetChannelDifference:
    empty = t.ChannelMessagesFilterEmpty()
    return updates.GetChannelDifference(channel=here.input(who), filter=empty, pts=pts, limit=limit)


def test_who_reads_comments_hears_of_new_ones_and_joins() -> None:
    """A subscriber who is not in the discussion group; as a member he is told as all are, once."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            news = await place(c, ann, eve, megagroup=False, title="News")
            group = await place(c, ann, bob, title="Talk")
            await ann(channels.SetDiscussionGroup(broadcast=news.input(ann), group=group.input(ann)))
            await c.settle()
            c.services.channels.audience.arrived(eve.id)
            ear = Ear(c, eve)
            await look(group, eve)
            await group.post(bob, "a comment")
            assert ear.texts == ["a comment"]
            await eve(channels.JoinChannel(channel=group.input(eve)))
            await group.post(bob, "another")
            assert ear.texts == ["a comment", "another"]
            assert eve.id in c.services.channels.audience.of(group.id)
            await look(group, eve)
            assert c.services.channels.guests.of(group.id) == []
            sound(c)

    run(story())


def test_one_guest_too_many_hears_when_he_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """And has the place of one who has closed the channel, once he asks again; what is written in it he never misses."""
    monkeypatch.setattr(limits, "CHANNEL_GUESTS", 1)

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, megagroup=False)
            await publish(here, ann, "the_news")
            ears = Ear(c, bob), Ear(c, eve)
            pts = (await look(here, bob)).pts
            late = await look(here, eve)
            assert late.final and late.timeout == limits.CHANNEL_TIMEOUT_SECONDS  # when to ask again
            await here.post(ann, "first")
            assert [ear.texts for ear in ears] == [["first"], []]
            c.clock.advance(limits.CHANNEL_TIMEOUT_SECONDS)
            missed = await look(here, eve, pts)
            assert [one.message for one in missed.new_messages] == ["first"]
            c.clock.advance(limits.CHANNEL_TIMEOUT_SECONDS)
            assert isinstance(await look(here, eve, missed.pts), t.UpdatesChannelDifferenceEmpty)
            await here.post(ann, "second")
            assert [ear.texts for ear in ears] == [["first"], ["second"]]

    run(story())


def test_who_opens_everything_hears_of_ten() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            guests = c.services.channels.guests
            places = []
            for number in range(10):
                here = await place(c, ann, megagroup=False)
                await publish(here, ann, f"the_news_{number}")
                places.append(here)
                await look(here, bob)
            assert all(guests.of(here.id) == [bob.id] for here in places)
            for one in places[0], places[2]:
                guests.looked(bob.id, one.id)
            more = -(10**12) - 5
            guests.looked(bob.id, more)
            assert [bool(guests.of(here.id)) for here in places] == [True, False] + [True] * 8
            c.clock.advance(100)
            guests.looked(bob.id, places[0].id)
            assert list(guests._until) == [(places[0].id, bob.id)]

    run(story())


def test_what_was_missed_in_all_its_forms() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            first = (await here.full(bob)).pts
            for number in range(5):
                await here.post(ann, str(number))
            await refused("PERSISTENT_TIMESTAMP_EMPTY", bob, question(here, bob, 0))
            await refused("PERSISTENT_TIMESTAMP_INVALID", bob, question(here, bob, -7))
            nothing = await look(here, bob)
            assert isinstance(nothing, t.UpdatesChannelDifferenceEmpty)
            assert nothing.final and nothing.pts == first + 5 and nothing.timeout
            part = await look(here, bob, first, limit=2)
            assert isinstance(part, t.UpdatesChannelDifference)
            assert not part.final and part.timeout is None and part.pts == first + 2
            assert [one.message for one in part.new_messages] == ["0", "1"]
            for limit in 100, 0, -1, 2**31 - 1:
                rest = await look(here, bob, part.pts, limit=limit)
                assert rest.final and rest.timeout and rest.pts == first + 5
                assert [one.message for one in rest.new_messages] == ["2", "3", "4"]
            for pts, limit in (1, 1), (first + 100, 100):
                anew = await look(
                    here, bob, pts, limit=limit
                )  # how it stands now: one call, whatever there was
                assert isinstance(anew, t.UpdatesChannelDifferenceTooLong)
                assert anew.final and anew.timeout and anew.dialog.pts == first + 5
                assert [one.message for one in anew.messages] == ["4"]
                assert anew.dialog.top_message == anew.messages[0].id and anew.dialog.unread_count == 6
            for pts, final in (first + 3, False), (first + 4, True):
                one = await look(here, bob, pts, limit=1)
                assert isinstance(one, t.UpdatesChannelDifference)
                assert one.final is final and len(one.new_messages) == 1 and one.pts == pts + 1
            await publish(here, ann, "the_place")
            guest = await look(here, eve, 1, limit=1)
            assert isinstance(guest, t.UpdatesChannelDifference) and guest.final and guest.timeout
            assert guest.pts == (await here.full(bob)).pts
            assert guest.new_messages == guest.other_updates == []
            await here.post(ann, "new")
            assert [one.message for one in (await look(here, eve, guest.pts)).new_messages] == ["new"]

    run(story())


def test_what_has_no_pts_of_its_own_is_told_with_what_is_behind_it() -> None:
    """Somebody reacted when his line was gone. In a form that TDLib takes here; and a difference always leads on."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, eve)
            first, post = [await here.post(ann, text) for text in ("first", "hello")]
            pts = c.services.channels.register.top(here.id).pts
            fire: list[Any] = [t.ReactionEmoji(emoticon="🔥")]
            for _ in range(2):
                await eve(messages.SendReaction(peer=here.peer(eve), msg_id=post, reaction=fire))
                await eve(messages.SendReaction(peer=here.peer(eve), msg_id=first, reaction=fire))
            await ann(channels.ToggleSlowMode(channel=here.input(ann), seconds=10))
            nothing = await look(here, bob, pts)
            assert isinstance(nothing, t.UpdatesChannelDifferenceEmpty) and nothing.pts == pts
            (last,) = (await look(here, bob, pts - 1)).new_messages
            assert last.reactions.results[0].count == 1
            await here.post(ann, "more")
            for limit in 1, 100:
                missed = await look(here, bob, pts, limit)
                assert [type(one) for one in missed.other_updates] == [t.UpdateEditChannelMessage] * 2
                assert {one.message.id for one in missed.other_updates} == {first, post}
                assert all(one.message.reactions.results[0].count == 1 for one in missed.other_updates)
                assert [one.message for one in missed.new_messages] == ["more"] and missed.pts == pts + 1
                assert missed.chats[0].slowmode_enabled

    run(story())


def test_6_2_what_was_written_before_one_came_is_not_told_when_it_changes() -> None:
    """A supergroup that hides it: an edit, a reaction or a pin of it tells its text to nobody who came later."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            hide = channels.TogglePreHistoryHidden(channel=here.input(ann), enabled=True)
            await ann(hide)
            old = await here.post(ann, "secret of old")
            await ann(channels.InviteToChannel(channel=here.input(ann), users=[user_of(ann, eve)]))
            for one in (ann, bob, eve):
                c.services.channels.audience.arrived(one.id)
            ears = Ear(c, bob), Ear(c, eve)
            new = await here.post(ann, "for all")
            pts = c.services.channels.register.top(here.id).pts
            for number in old, new:
                edit = messages.EditMessage(peer=here.peer(ann), id=number, message=f"edited secret {number}")
                await ann(edit)
                heart: list[Any] = [t.ReactionEmoji(emoticon="❤")]
                await bob(messages.SendReaction(peer=here.peer(bob), msg_id=number, reaction=heart))
            told = [b"".join(layers.encode(one) for one in ear.heard) for ear in ears]
            assert b"edited secret %d" % old in told[0] and b"edited secret %d" % new in told[0]
            assert b"edited secret %d" % new in told[1] and b"edited secret %d" % old not in told[1]
            numbered = [
                [one.pts for up in ear.heard for one in up.updates if hasattr(one, "pts")] for ear in ears
            ]
            assert numbered[0] == numbered[1]  # nobody misses a pts
            missed = await look(here, eve, pts)
            assert b"edited secret %d" % old not in layers.encode(missed)

    run(story())


def test_pinned_messages_in_pages_and_the_newest_of_them() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            assert (await here.full(bob)).pinned_msg_id is None
            ids = [await here.post(ann, str(number)) for number in range(6)]
            for one in ids:
                await ann(messages.UpdatePinnedMessage(peer=here.peer(ann), id=one))
            ids.reverse()
            assert (await here.full(bob)).pinned_msg_id == ids[0]

            async def page(**where: int) -> tuple[list[int], int]:
                zeros = dict.fromkeys(
                    ("min_date", "max_date", "offset_id", "add_offset", "max_id", "min_id", "hash"), 0
                )
                asked = {**zeros, "limit": 100, **where}
                search = messages.Search(
                    peer=here.peer(bob), q="", filter=t.InputMessagesFilterPinned(), **asked
                )
                found = await bob(search)
                return [one.id for one in found.messages], getattr(found, "count", len(found.messages))

            assert await page() == (ids, 6)
            assert await page(offset_id=ids[2], limit=2) == (ids[3:5], 6)
            assert await page(offset_id=ids[2], add_offset=-2, limit=3) == (ids[1:4], 6)
            assert await page(offset_id=ids[2], add_offset=1, limit=2) == (ids[4:6], 6)
            assert (await page(max_id=ids[1]))[0] == ids[2:]
            assert (await page(min_id=ids[4]))[0] == ids[:4]
            await ann(messages.UpdatePinnedMessage(peer=here.peer(ann), id=ids[0], unpin=True))
            assert (await here.full(bob)).pinned_msg_id == ids[1]
            hide = channels.TogglePreHistoryHidden(channel=here.input(ann), enabled=True)
            await ann(hide)
            await ann(channels.InviteToChannel(channel=here.input(ann), users=[user_of(ann, eve)]))
            assert (await here.full(eve)).pinned_msg_id is None

    run(story())


async def wished(here: Place, who: Person, pts: int, *ranges: tuple[int, int], **more: Any) -> Any:
    """updates.getChannelDifference with a filter."""
    named: list[Any] = [t.MessageRange(min_id=first, max_id=last) for first, last in ranges]
    only = t.ChannelMessagesFilter(ranges=named, **more)
    return await who(updates.GetChannelDifference(channel=here.input(who), filter=only, pts=pts, limit=100))


def told_of(answer: Any) -> tuple[list[int], list[tuple[str, list[int]]]]:
    """New messages, and what happened to which others."""
    others = [
        (type(one).__name__, [one.message.id] if hasattr(one, "message") else list(one.messages))
        for one in answer.other_updates
    ]
    return [one.id for one in answer.new_messages], others


def test_a_filter_leaves_out_new_messages_and_what_is_outside_its_ranges() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            old = [await here.post(ann, str(number)) for number in range(4)]
            pts = c.services.channels.register.top(here.id).pts
            await ann(messages.EditMessage(peer=here.peer(ann), id=old[0], message="edited"))
            for one in old[:2]:
                await ann(messages.UpdatePinnedMessage(peer=here.peer(ann), id=one))
            await ann(channels.DeleteMessages(channel=here.input(ann), id=old[1:3]))
            heart: list[Any] = [t.ReactionEmoji(emoticon="❤")]
            await bob(messages.SendReaction(peer=here.peer(bob), msg_id=old[3], reaction=heart))
            last = c.services.channels.register.top(here.id).pts
            new = [await here.post(ann, "new"), await here.post(ann, "newer")]
            head = c.services.channels.register.top(here.id).pts
            edit, pin = "UpdateEditChannelMessage", "UpdatePinnedChannelMessages"
            first = [(edit, [old[0]]), (pin, [old[0]])]
            came, others = told_of(await wished(here, bob, pts))
            gone = ("UpdateDeleteChannelMessages", old[1:3])
            assert others == [*first, (pin, [old[1]]), gone, (edit, [old[3]])]
            assert came[-2:] == new and len(came) == 4  # and that something was pinned, twice
            none = await wished(here, bob, pts, exclude_new_messages=True)
            assert told_of(none) == ([], others) and none.pts == head and none.final
            assert told_of(await wished(here, bob, pts, (old[0], old[0]))) == ([], first)
            part = told_of(await wished(here, bob, pts, (1, old[0]), (old[2], old[2]), (new[1], new[1])))
            assert part[0] == [new[1]]
            assert part[1] == [*first, ("UpdateDeleteChannelMessages", [old[2]])]
            liked = await wished(here, bob, last, (old[3], old[3]))
            assert told_of(liked) == ([], [(edit, [old[3]])])
            nothing = await wished(here, bob, pts, (2**31 - 1, 2**31 - 1), exclude_new_messages=True)
            assert isinstance(nothing, t.UpdatesChannelDifference)  # it leads on
            assert told_of(nothing) == ([], []) and nothing.pts == head
            for wrong in [(5, 4)], [(-1, 4)], [(1, 1)] * 101:
                named: list[Any] = [t.MessageRange(min_id=one, max_id=other) for one, other in wrong]
                only = t.ChannelMessagesFilter(ranges=named)
                asked = updates.GetChannelDifference(channel=here.input(bob), filter=only, pts=pts, limit=9)
                await refused("RANGES_INVALID", bob, asked)
                asked.channel = here.input(eve)
                await refused("CHANNEL_PRIVATE", eve, asked)

    run(story())


def test_with_force_only_what_makes_a_difference_is_told() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            old = [await here.post(ann, str(number)) for number in range(3)]
            pts = c.services.channels.register.top(here.id).pts
            came = [await here.post(ann, text) for text in ("stays", "goes")]
            pin = messages.UpdatePinnedMessage
            for one, unpin in (
                (old[0], False),
                (old[0], True),
                (old[1], False),
                (old[2], False),
                (came[0], False),
            ):
                await ann(pin(peer=here.peer(ann), id=one, unpin=unpin))
            await ann(channels.DeleteMessages(channel=here.input(ann), id=[came[1], old[2]]))
            empty = t.ChannelMessagesFilterEmpty()
            asked = updates.GetChannelDifference(channel=here.input(bob), filter=empty, pts=pts, limit=100)
            whole = await bob(asked)
            asked.force = True
            brief = await bob(asked)
            assert (whole.pts, whole.final) == (brief.pts, brief.final)
            new, others = told_of(brief)
            assert new == told_of(whole)[0] and came[1] not in new
            left = [(type(one).__name__, getattr(one, "pinned", None)) for one in brief.other_updates]
            assert left == [
                ("UpdatePinnedChannelMessages", False),
                ("UpdatePinnedChannelMessages", True),
                ("UpdatePinnedChannelMessages", True),
                ("UpdateDeleteChannelMessages", None),
            ]
            assert [ids for _, ids in others] == [[old[0]], [old[1]], [came[0]], [old[2]]]
            assert len(whole.other_updates) == len(others) + 2
            assert sorted(told_of(whole)[1][-1][1]) == sorted((came[1], old[2]))

    run(story())


def test_a_mention_is_unseen_before_its_mark_has_come() -> None:
    """The mark is written in another slot, a moment after the message: who asks between the two is told the same as
    before and after. Once seen it stays so, and who was not there when it was written has none."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, kim)):
            here = await place(c, ann, bob, eve)
            await publish(here, ann, "the_place")
            first = await here.post(bob, "hello")
            for one in (bob, eve):
                await one(channels.ReadHistory(channel=here.input(one), max_id=0))
            pts = c.services.channels.register.top(here.id).pts
            c.clock.advance(1)
            held: list[Any] = []
            handler = c.store.handlers[pl.ChannelMentioned]
            c.store.handlers[pl.ChannelMentioned] = lambda txn, word, memo: held.append(word)
            names: list[Any] = [
                t.InputMessageEntityMentionName(offset=0, length=3, user_id=user_of(ann, one))
                for one in (eve, kim)
            ]
            under = t.InputReplyToMessage(reply_to_msg_id=first)
            post = await here.post(ann, "you there", reply_to=under, entities=names)
            assert {word.user for word in held} == {bob.id, eve.id}

            async def unseen(who: Person) -> set[bool]:
                (new,) = (await look(here, who, pts)).new_messages
                assert new.id == post and new.mentioned
                return {new.media_unread, (await here.history(who, 1))[0].media_unread}

            assert (await here.history(kim, 1))[0].media_unread is False
            await kim(channels.JoinChannel(channel=here.input(kim)))  # in the same second
            assert (await here.history(kim, 1))[0].media_unread is False
            for who in (bob, eve):
                assert await unseen(who) == {True}
            for word in held:
                await c.store.transact(slot_of(word.user), lambda txn, word=word: handler(txn, word, None))
            await c.settle()
            for who in (bob, eve):
                assert await unseen(who) == {True}
            await bob(channels.ReadMessageContents(channel=here.input(bob), id=[post]))
            assert await unseen(bob) == {False} and await unseen(eve) == {True}
            for one in (bob, eve):
                c.services.channels.audience.arrived(one.id)
            ears = Ear(c, bob), Ear(c, eve)
            await ann(messages.EditMessage(peer=here.peer(ann), id=post, message="you here"))
            edits = [one.message for ear in ears for told in ear.heard for one in told.updates]
            assert [one.message for one in edits] == ["you here"] * 2
            assert [(one.mentioned, one.media_unread) for one in edits] == [(True, False), (True, True)]
            c.clock.advance(3600)
            assert await unseen(bob) == {False} and await unseen(eve) == {True}
            sound(c)

    run(story())


@pytest.mark.parametrize("megagroup", [True, False])
def test_a_timer_is_told_beside_its_service_message(megagroup: bool) -> None:
    """TDLib reads timers from updatePeerHistoryTTL and from the dialog, not from the service message."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob, megagroup=megagroup)
            c.services.channels.audience.arrived(bob.id)
            ear = Ear(c, bob)
            for period in (86_400, 0):
                ear.heard.clear()
                answer = await ann(messages.SetHistoryTTL(peer=here.peer(ann), period=period))
                timer = t.UpdatePeerHistoryTTL(
                    peer=t.PeerChannel(channel_id=here.number), ttl_period=period or None
                )
                assert timer in answer.updates
                (told,) = ear.heard
                assert isinstance(told.updates[0], t.UpdateNewChannelMessage)
                assert told.updates[1:] == [timer]
                assert (await here.line(bob)).ttl_period == (period or None)
            sound(c)

    run(story())


def test_who_reads_what_crossed_his_own_post_reads_it_for_its_author() -> None:
    """Ann and Bob write at once, and each reads the other: both posts are read."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, eve)

            async def seen() -> list[int]:
                return [(await here.line(who)).read_outbox_max_id for who in (ann, bob)]

            first = await here.post(ann, "ann's")
            second = await here.post(bob, "bob's")
            await ann(channels.ReadHistory(channel=here.input(ann), max_id=0))
            assert await seen() == [0, second]
            await bob(channels.ReadHistory(channel=here.input(bob), max_id=0))
            assert await seen() == [first, second]
            third = await here.post(bob, "bob's again")
            fourth = await here.post(ann, "ann's again")
            await eve(channels.ReadHistory(channel=here.input(eve), max_id=0))
            assert await seen() == [fourth, third]
            sound(c)

    run(story())


def test_a_history_cleared_for_oneself_is_cleared_on_ones_other_devices() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            last = await here.post(ann, "one")
            told: list[Any] = []

            def hear(users: Any, news: Any) -> None:
                told.extend((user, draw_ephemeral(c.services, news, user)) for user in users)

            c.services.bus.subscribe_ephemeral(hear)
            await bob(channels.DeleteHistory(channel=here.input(bob), max_id=0))
            await bob(messages.DeleteHistory(peer=here.peer(bob), max_id=0, just_clear=True))
            update = t.UpdateChannelAvailableMessages(channel_id=here.number, available_min_id=last)
            assert [(user, one.update) for user, one in told] == [(bob.id, update)] * 2
            assert (await here.full(bob)).available_min_id == last
            told.clear()
            await ann(channels.DeleteHistory(channel=here.input(ann), max_id=0, for_everyone=True))
            assert told == []

    run(story())


@pytest.mark.parametrize("how", ["channels", "messages"])
def test_a_large_channel_is_not_emptied_for_everybody(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)

            def empty(who: Person) -> Any:
                if how == "channels":
                    return channels.DeleteHistory(channel=here.input(who), max_id=0, for_everyone=True)
                return messages.DeleteHistory(peer=here.peer(who), max_id=0, revoke=True)

            await here.post(bob, "one")
            monkeypatch.setattr(limits, "EMPTIED_MEMBERS", 1)
            await refused("CHANNEL_TOO_BIG", ann, empty(ann))
            await refused("CHAT_ADMIN_REQUIRED", bob, empty(bob))
            await bob(channels.DeleteHistory(channel=here.input(bob), max_id=0))
            assert (await here.texts(ann), await here.texts(bob)) == (["one"], [])
            await here.post(bob, "two")
            monkeypatch.setattr(limits, "EMPTIED_MEMBERS", 2)
            await ann(empty(ann))
            assert await here.texts(ann) == await here.texts(bob) == []
            sound(c)

    run(story())
