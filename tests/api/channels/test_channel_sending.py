"""Sending into channels: who may send what, when, and under whose name."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.files import as_document, picture, put
from tests.places import place, publish, sound, user_of
from tests.talk import Person, talk
from tgserve.services import alarms
from tgserve.services.alarms import Alarms
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import SCHEDULED
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages

DAY = 86_400


async def turn(c: Any, seconds: int) -> None:
    c.clock.advance(seconds)
    alarms: Alarms = c.services.alarms
    await alarms.turn()
    await c.settle()


def test_each_kind_of_media_has_its_own_right() -> None:
    """6.3: what the group forbids, and what is forbidden to one."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, eve)
            photo = t.InputMediaUploadedPhoto(file=await put(bob, picture(), name="a.jpg"))
            sending = messages.SendMedia(peer=here.peer(bob), media=photo, message="", random_id=1)
            dice = messages.SendMedia(
                peer=here.peer(bob), media=t.InputMediaDice(emoticon="🎲"), message="", random_id=2
            )
            poll = messages.SendMedia(
                peer=here.peer(bob),
                media=t.InputMediaPoll(
                    poll=t.Poll(
                        id=0,
                        hash=0,
                        question=t.TextWithEntities(text="?", entities=[]),
                        answers=[
                            t.PollAnswer(text=t.TextWithEntities(text=one, entities=[]), option=one.encode())
                            for one in "ab"
                        ],
                    )
                ),
                message="",
                random_id=3,
            )
            for field, request, name in (
                ("send_photos", sending, "CHAT_SEND_PHOTOS_FORBIDDEN"),
                ("send_media", sending, "CHAT_SEND_MEDIA_FORBIDDEN"),
                ("send_stickers", dice, "CHAT_SEND_STICKERS_FORBIDDEN"),
                ("send_polls", poll, "CHAT_SEND_POLL_FORBIDDEN"),
                ("send_plain", here.say(bob, "no"), "CHAT_SEND_PLAIN_FORBIDDEN"),
                ("send_messages", here.say(bob, "no"), "USER_BANNED_IN_CHANNEL"),
            ):
                await here.ban(ann, bob, **{field: True})
                before = len(await here.history(ann))
                with pytest.raises(Exception, match=name):
                    await bob(request)
                assert len(await here.history(ann)) == before
            await here.ban(ann, bob)
            await bob(sending)
            banned = t.ChatBannedRights(until_date=0, send_docs=True)
            await ann(messages.EditChatDefaultBannedRights(peer=here.peer(ann), banned_rights=banned))
            file = as_document(await put(eve, b"text", name="a.txt"))
            request = messages.SendMedia(peer=here.peer(eve), media=file, message="", random_id=4)
            with pytest.raises(Exception, match="CHAT_SEND_DOCS_FORBIDDEN"):
                await eve(request)
            mine = as_document(await put(ann, b"text", name="a.txt"))
            await ann(messages.SendMedia(peer=here.peer(ann), media=mine, message="", random_id=5))
            sound(c)

    run(story())


def test_slow_mode() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            await ann(channels.ToggleSlowMode(channel=here.input(ann), seconds=60))
            one = await here.post(bob, "one")
            await refused("SLOWMODE_WAIT_60", bob, here.say(bob, "two"))
            assert (await here.full(bob)).slowmode_next_send_date == int(c.clock.now()) + 60
            await here.post(ann, "an admin need not wait")
            await here.post(ann, "and again")
            c.clock.advance(60)
            passing = messages.ForwardMessages(
                from_peer=here.peer(bob), to_peer=here.peer(bob), id=[one, one], random_id=[5, 6]
            )
            await refused("SLOWMODE_MULTI_MSGS_DISABLED", bob, passing)
            await here.post(bob, "two")

    run(story())


@pytest.mark.parametrize("megagroup", [True, False])
def test_scheduled_posts(megagroup: bool) -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, megagroup=megagroup)
            now = int(c.clock.now())
            first = await here.post(ann, "first")
            reply = t.InputReplyToMessage(reply_to_msg_id=first)
            made = await ann(here.say(ann, "later", schedule_date=now + 60, reply_to=reply))
            shown = made.updates[1].message
            assert isinstance(made.updates[1], t.UpdateNewScheduledMessage)
            assert shown.post is not megagroup and (shown.from_id is not None) is megagroup
            assert shown.peer_id == t.PeerChannel(channel_id=here.number)
            assert shown.reply_to.reply_to_msg_id == first
            missing = t.InputReplyToMessage(reply_to_msg_id=999)
            wrong = here.say(ann, "no", schedule_date=now + 60, reply_to=missing)
            await refused("REPLY_MESSAGE_ID_INVALID", ann, wrong)
            if not megagroup:
                await refused("CHAT_ADMIN_REQUIRED", bob, here.say(bob, "no", schedule_date=now + 60))
            await refused("CHANNEL_PRIVATE", eve, here.say(eve, "no", schedule_date=now + 60))
            assert (await here.full(ann)).has_scheduled and not (await here.full(bob)).has_scheduled
            listed = await ann(messages.GetScheduledHistory(peer=here.peer(ann), hash=0))
            assert [one.message for one in listed.messages] == ["later"]
            mine = await bob(messages.GetScheduledHistory(peer=here.peer(bob), hash=0))
            assert mine.messages == []
            await turn(c, 59)
            assert await here.texts(bob) == ["first"]
            await turn(c, 2)
            assert await here.texts(bob) == ["later", "first"]
            sent = (await here.history(bob))[0]
            assert sent.from_scheduled and sent.reply_to.reply_to_msg_id == first
            listed = await ann(messages.GetScheduledHistory(peer=here.peer(ann), hash=0))
            assert listed.messages == []
            await ann(here.say(ann, "never", schedule_date=now + 3600))
            if megagroup:
                await bob(here.say(bob, "neither", schedule_date=now + 3600))
                await here.ban(ann, bob, view_messages=True)
            await turn(c, 7200)
            assert (await here.texts(ann))[0] == "never"
            sound(c)

    run(story())


def test_6_3_scheduled_posts_are_a_list_of_all_who_may_post() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            here = await place(c, ann, bob, eve, joe, megagroup=False)
            await here.promote(ann, bob, post_messages=True)
            await here.promote(ann, eve, change_info=True)
            now = int(c.clock.now())
            mark = len(c.heard)
            made = await bob(here.say(bob, "later", schedule_date=now + 60))
            await c.settle()
            number = made.updates[1].message.id
            told = [one.user_id for one in c.heard[mark:] if isinstance(one, Published)]
            assert sorted(told) == sorted([ann.id, bob.id])

            async def listed(who: Person) -> list[Any]:
                found = await who(messages.GetScheduledHistory(peer=here.peer(who), hash=0))
                return list(found.messages)

            (seen,) = await listed(ann)
            assert seen.message == "later" and seen.post and not seen.out and seen.id == number
            assert (await here.full(ann)).has_scheduled and not (await here.full(eve)).has_scheduled
            for who in (eve, joe):
                assert await listed(who) == []
                gone = messages.DeleteScheduledMessages(peer=here.peer(who), id=[number])
                await refused("CHAT_ADMIN_REQUIRED", who, gone)
                edit = messages.EditMessage(
                    peer=here.peer(who), id=number, message="x", schedule_date=now + 9
                )
                await refused("MESSAGE_ID_INVALID", who, edit)
                at_once = messages.SendScheduledMessages(peer=here.peer(who), id=[number])
                await refused("MESSAGE_ID_INVALID", who, at_once)
            edit = messages.EditMessage(
                peer=here.peer(ann), id=number, message="better", schedule_date=now + 90
            )
            (changed,) = (await ann(edit)).updates
            assert isinstance(changed, t.UpdateNewScheduledMessage)
            await c.settle()
            assert [one.message for one in await listed(bob)] == ["better"]
            second = (await ann(here.say(ann, "never", schedule_date=now + 80))).updates[1].message.id
            (gone,) = (await bob(messages.DeleteScheduledMessages(peer=here.peer(bob), id=[second]))).updates
            assert isinstance(gone, t.UpdateDeleteScheduledMessages)
            await turn(c, 91)
            assert await here.texts(joe) == ["better"]
            assert await listed(ann) == []
            third = (await bob(here.say(bob, "by hand", schedule_date=now + 900))).updates[1].message.id
            await ann(messages.SendScheduledMessages(peer=here.peer(ann), id=[third]))
            assert (await here.texts(joe))[0] == "by hand"
            own = next(one for one in await here.history(bob) if getattr(one, "message", "") == "by hand")
            assert own.out
            await bob(here.say(bob, "too late", schedule_date=now + 1000))
            await here.promote(ann, bob, change_info=True)
            await turn(c, 1000)
            assert (await here.texts(joe))[0] == "by hand" and await listed(ann) == []
            sound(c)

    run(story())


def test_a_scheduled_message_stays_in_its_topic() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            await ann(channels.ToggleForum(channel=here.input(ann), enabled=True, tabs=False))
            made = await ann(
                messages.CreateForumTopic(peer=here.peer(ann), title="Cats", random_id=77, icon_color=1)
            )
            cats = next(one.id for one in made.updates if isinstance(one, t.UpdateMessageID))
            now = int(c.clock.now())
            first = await here.post(bob, "meow", reply_to=t.InputReplyToMessage(reply_to_msg_id=cats))
            for text, reply in (
                ("one", t.InputReplyToMessage(reply_to_msg_id=cats, top_msg_id=cats)),
                ("two", t.InputReplyToMessage(reply_to_msg_id=first, top_msg_id=cats)),
                ("three", t.InputReplyToMessage(reply_to_msg_id=first)),
            ):
                later = await bob(here.say(bob, text, schedule_date=now + 60, reply_to=reply))
                shown = later.updates[1].message.reply_to
                assert shown.forum_topic and cats in (shown.reply_to_msg_id, shown.reply_to_top_id)
            missing = t.InputReplyToMessage(reply_to_msg_id=999, top_msg_id=999)
            await refused("TOPIC_DELETED", bob, here.say(bob, "x", schedule_date=now + 60, reply_to=missing))
            await bob(channels.DeleteMessages(channel=here.input(bob), id=[first]))
            await turn(c, 61)
            sent = [one for one in await here.history(ann) if isinstance(one, t.Message)]
            assert [one.message for one in sent] == ["three", "two", "one"]
            for one in sent:
                assert one.reply_to.forum_topic and one.reply_to.reply_to_msg_id == cats
            sound(c)

    run(story())


def test_a_scheduled_message_waits_for_the_slow_mode() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            now = int(c.clock.now())
            await ann(channels.ToggleSlowMode(channel=here.input(ann), seconds=60))
            for text in ("one", "two"):
                await bob(here.say(bob, text, schedule_date=now + 100))
            await turn(c, 100)
            assert await here.texts(ann) == ["one"]
            await turn(c, 61)
            assert await here.texts(ann) == ["two", "one"]
            sound(c)

    run(story())


def test_send_as() -> None:
    """6.3: as the group only who is an anonymous admin; as a channel only who has made it."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, eve)
            news = await place(c, bob, megagroup=False, title="News")
            theirs = await place(c, eve, megagroup=False, title="Theirs")

            async def guises(who: Person) -> list[Any]:
                found = await who(channels.GetSendAs(peer=here.peer(who)))
                return [one.peer for one in found.peers]

            me = t.PeerUser(user_id=bob.id)
            assert await guises(bob) == [me]
            await refused("SEND_AS_PEER_INVALID", bob, here.say(bob, "x", send_as=here.peer(bob)))
            await refused("SEND_AS_PEER_INVALID", bob, here.say(bob, "x", send_as=news.peer(bob)))
            await publish(here, ann, "the_place")
            assert await guises(bob) == [me]
            await publish(news, bob, "the_news")
            await publish(theirs, eve, "the_others")
            assert await guises(bob) == [me, t.PeerChannel(channel_id=news.number)]
            await refused("SEND_AS_PEER_INVALID", bob, here.say(bob, "x", send_as=theirs.peer(bob)))
            other = messages.SaveDefaultSendAs(peer=here.peer(bob), send_as=theirs.peer(bob))
            await refused("SEND_AS_PEER_INVALID", bob, other)
            await here.post(bob, "as a channel", send_as=news.peer(bob))
            seen = (await here.history(eve))[0]
            assert seen.from_id == t.PeerChannel(channel_id=news.number) and not seen.out
            assert (await here.history(bob))[0].out
            save = messages.SaveDefaultSendAs(peer=here.peer(bob), send_as=news.peer(bob))
            assert await bob(save) is True
            assert (await here.full(bob)).default_send_as == t.PeerChannel(channel_id=news.number)
            await here.post(bob, "still")
            assert (await here.history(eve))[0].from_id == t.PeerChannel(channel_id=news.number)
            await here.post(bob, "myself", send_as=t.InputPeerSelf())
            assert (await here.history(eve))[0].from_id == me
            now = int(c.clock.now())
            await here.promote(ann, bob, rank="boss", anonymous=True, delete_messages=True)
            assert (await guises(bob))[0] == t.PeerChannel(channel_id=here.number)
            await here.post(bob, "the group", send_as=here.peer(bob))
            anonymous = (await here.history(eve))[0]
            assert anonymous.from_id == t.PeerChannel(channel_id=here.number)
            assert anonymous.post_author == "boss"
            await bob(here.say(bob, "later", schedule_date=now + 60, send_as=news.peer(bob)))
            await turn(c, 61)
            assert (await here.history(eve))[0].from_id == t.PeerChannel(channel_id=news.number)
            await bob(channels.UpdateUsername(channel=news.input(bob), username=""))
            await here.post(bob, "no longer")
            assert (await here.history(eve))[0].from_id == t.PeerChannel(channel_id=here.number)
            sound(c)

    run(story())


def test_posts_that_an_older_version_kept_with_their_author_come_into_the_list() -> None:
    """At the start; they keep their time, their name, their number of sends, and their files."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, eve, megagroup=False)
            town = await place(c, ann, bob)
            await here.promote(ann, bob, post_messages=True)
            now = int(c.clock.now())
            photo = t.InputMediaUploadedPhoto(file=await put(bob, picture(), name="a.jpg"))
            sending = messages.SendMedia(
                peer=here.peer(bob), media=photo, message="later", random_id=5, schedule_date=now + 60
            )
            number = (await bob(sending)).updates[1].message.id
            own = (await bob(town.say(bob, "mine", schedule_date=now + 50))).updates[1].message.id

            def older(txn: Txn) -> None:
                later = txn.get(SCHEDULED, here.id, here.id, number)
                txn.delete(SCHEDULED, here.id, here.id, number)
                alarms.drop_alarm(txn, here.id, later.date, alarms.SEND, number)

            with c.store.read(slot_of(here.id)) as reader:
                kept = reader.get(SCHEDULED, here.id, here.id, number)
            assert kept is not None
            await c.store.transact(slot_of(here.id), older)

            def with_author(txn: Txn) -> None:
                txn.put(SCHEDULED, bob.id, here.id, 7, value=kept)
                alarms.set_alarm(txn, bob.id, kept.date, alarms.SEND, here.id, 7)

            await c.store.transact(slot_of(bob.id), with_author)
            await c.settle()
            c.services.alarms._read = False  # the server starts
            await c.services.alarms.turn()
            await c.settle()
            for who in (ann, bob):
                (seen,) = (await who(messages.GetScheduledHistory(peer=here.peer(who), hash=0))).messages
                assert (seen.message, seen.date) == ("later", now + 60)
            (mine,) = (await bob(messages.GetScheduledHistory(peer=town.peer(bob), hash=0))).messages
            assert mine.id == own
            sound(c)
            await turn(c, 61)
            (post,) = [one for one in await here.history(eve) if isinstance(one, t.Message)]
            assert post.message == "later" and isinstance(post.media, t.MessageMediaPhoto)
            assert await town.texts(ann) == ["mine"]
            sound(c)

    run(story())


def test_a_name_that_was_chosen_holds_for_what_is_asked_behind_it() -> None:
    """Calls of one connection are seen in order, also when they come in one packet: TDLib shows, and sends as, what the
    newest full channel tells it."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here, news = await place(c, ann, bob), await place(c, bob, megagroup=False, title="News")
            await publish(here, ann, "the_place")
            await publish(news, bob, "the_news")
            voice, oneself = t.PeerChannel(channel_id=news.number), t.PeerUser(user_id=bob.id)
            for name, shown in ((news.peer(bob), voice), (t.InputPeerSelf(), oneself)):
                _, full, _ = await asyncio.gather(
                    bob(messages.SaveDefaultSendAs(peer=here.peer(bob), send_as=name)),
                    here.full(bob),
                    here.post(bob, "in one packet"),
                )
                assert full.default_send_as == shown
                assert (await here.history(ann))[0].from_id == shown
            sound(c)

    run(story())


def test_a_draft_goes_with_its_message() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            await bob(messages.SaveDraft(peer=here.peer(bob), message="hel"))
            assert (await here.line(bob)).draft.message == "hel"
            await here.post(bob, "elsewhere written")
            assert (await here.line(bob)).draft.message == "hel"
            await here.post(bob, "hello", clear_draft=True)
            draft = (await here.line(bob)).draft
            assert draft is None or isinstance(draft, t.DraftMessageEmpty)

    run(story())


@pytest.mark.parametrize("megagroup", [True, False])
def test_messages_of_a_channel_with_a_timer_go(megagroup: bool) -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob, megagroup=megagroup)
            await here.post(ann, "stays")
            wrong = messages.SetHistoryTTL(peer=here.peer(ann), period=-5)
            await refused("TTL_PERIOD_INVALID", ann, wrong)
            await refused("CHAT_ADMIN_REQUIRED", bob, messages.SetHistoryTTL(peer=here.peer(bob), period=DAY))
            await ann(messages.SetHistoryTTL(peer=here.peer(ann), period=DAY))
            assert (await here.full(bob)).ttl_period == DAY
            await here.post(ann, "goes")
            kept = await here.post(ann, "goes by hand")
            await ann(channels.DeleteMessages(channel=here.input(ann), id=[kept]))
            assert (await here.history(bob))[0].ttl_period == DAY
            await turn(c, DAY - 1)
            assert await here.texts(bob) == ["goes", "stays"]
            await turn(c, 2)
            assert await here.texts(bob) == ["stays"]
            sound(c)

    run(story())


def test_what_may_not_be_passed_on() -> None:
    """6.4: neither forwarded nor answered elsewhere."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            other = await place(c, bob)
            post = await here.post(ann, "ours")
            await ann(messages.ToggleNoForwards(peer=here.peer(ann), enabled=True))
            passing = messages.ForwardMessages(
                from_peer=here.peer(bob), to_peer=t.InputPeerSelf(), id=[post], random_id=[5]
            )
            await refused("CHAT_FORWARDS_RESTRICTED", bob, passing)
            reply = t.InputReplyToMessage(reply_to_msg_id=post, reply_to_peer_id=here.peer(bob))
            await refused("CHAT_FORWARDS_RESTRICTED", bob, other.say(bob, "look", reply_to=reply))

    run(story())


def test_mentions_by_name_and_by_answer() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            post = await here.post(bob, "hello")
            reply = t.InputReplyToMessage(reply_to_msg_id=post)
            await here.post(ann, "yes?", reply_to=reply)
            named = t.InputMessageEntityMentionName(offset=0, length=2, user_id=user_of(ann, bob))
            await here.post(ann, "B., look", entities=[named])
            stranger = t.InputMessageEntityMentionName(offset=0, length=2, user_id=user_of(ann, eve))
            await here.post(ann, "E., look", entities=[stranger])
            line = await here.line(bob)
            assert line.unread_mentions_count == 2
            assert [one.mentioned for one in (await here.history(bob))[:3]] == [False, True, True]

    run(story())


def test_effects_are_for_people() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            await ann.send(bob, "boom", effect=1)
            assert (await bob.history(ann))[0].effect == 1
            for request in (
                here.say(ann, "boom", effect=1),
                messages.SendMessage(peer=ann.peer(bob), message="x", random_id=7, effect=99),
            ):
                await refused("EFFECT_ID_INVALID", ann, request)

    run(story())


def test_6_3_who_is_seen_typing() -> None:
    """Members who may write, under their own names; nobody in a channel, no anonymous admin, nobody who looks."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            here, news = await place(c, ann, bob, eve), await place(c, ann, bob, megagroup=False)
            await publish(here, ann, "groupplace")
            told: list[Any] = []
            c.services.bus.subscribe_ephemeral(lambda users, said: told.append((sorted(users), said.top)))
            for one in (ann, bob, eve):
                c.services.channels.audience.arrived(one.id)

            def typing(who: Person, where: Any, **more: Any) -> messages.SetTyping:
                action = t.SendMessageTypingAction()
                return messages.SetTyping(peer=where.peer(who), action=action, **more)

            assert await bob(typing(bob, here))
            assert await eve(typing(eve, here, top_msg_id=7))
            assert told == [(sorted([ann.id, eve.id]), 0), (sorted([ann.id, bob.id]), 7)]
            told.clear()
            assert await ann(typing(ann, news))
            await refused("CHAT_ADMIN_REQUIRED", bob, typing(bob, news))
            await refused("CHAT_WRITE_FORBIDDEN", joe, typing(joe, here))
            await refused("MSG_ID_INVALID", bob, typing(bob, here, top_msg_id=-1))
            await here.ban(ann, bob, send_messages=True)
            await refused("USER_BANNED_IN_CHANNEL", bob, typing(bob, here))
            await here.promote(ann, eve, anonymous=True)
            assert await eve(typing(eve, here))
            assert told == []

    run(story())


def test_a_post_is_seen_by_its_author_from_the_start_and_once_by_each_reader() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, eve, megagroup=False)
            post = await here.post(ann, "it rains")

            async def looks(who: Person) -> int:
                asked = messages.GetMessagesViews(peer=here.peer(who), id=[post], increment=True)
                views: int = (await who(asked)).views[0].views
                return views

            assert [await looks(who) for who in (ann, bob, ann, bob, eve)] == [1, 2, 2, 2, 3]
            assert (await here.history(bob))[0].views == 3

    run(story())
