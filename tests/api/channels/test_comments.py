"""Discussion groups: posts come into them, what answers there is counted under the post; threads of a supergroup."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.channels.test_forums import NUMBERS, Town, sound
from tests.api.messages.test_opinions_in_channels import Place, channel
from tests.api.messages.test_sending import refused
from tests.community import Community, run
from tests.places import user_of
from tests.talk import Person, talk
from tgserve.api.channels import (  # noqa: F401 - their methods
    admin_log,
    forums,
    members,
    settings,
    threads,
    usernames,
)
from tgserve.api.messages import reading  # noqa: F401
from tgserve.services.channels import thread_reading
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store.eventlog import Published
from tgserve.store.slots import slot_of
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages

NOWHERE = t.InputChannelEmpty()


async def pair(c: Community, creator: Person, *others: Person) -> tuple[Town, Town]:
    """A channel and its discussion group, everybody in both."""
    news = await channel(c, creator, *others, megagroup=False)
    talk_ = await channel(c, creator, *others, megagroup=True)
    news, group = Town(c, news.number), Town(c, talk_.number)
    link = channels.SetDiscussionGroup(broadcast=news.where(creator), group=group.where(creator))
    await creator(link)
    return news, group


async def seen(place: Place, who: Person, msg_id: int) -> Any:
    of = place.peer(who)
    where = t.InputChannel(channel_id=of.channel_id, access_hash=of.access_hash)
    return (await who(channels.GetMessages(channel=where, id=[t.InputMessageID(id=msg_id)]))).messages[0]


def test_posts_and_their_comments() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            news, group = await pair(c, ann, bob, eve)
            post = await news.post(ann, "it rains")
            assert post.replies.comments and post.replies.replies == 0
            assert post.replies.channel_id == group.number
            copy = await group.newest(bob)
            assert copy.message == "it rains" and copy.pinned
            assert copy.from_id == t.PeerChannel(channel_id=news.number)
            assert copy.fwd_from.saved_from_msg_id == post.id and copy.fwd_from.channel_post == post.id
            found = await bob(messages.GetDiscussionMessage(peer=news.peer(bob), msg_id=post.id))
            assert [one.id for one in found.messages] == [copy.id]
            assert {one.id for one in found.chats} == {news.number, group.number}
            comment = await group.post(bob, "it pours", t.InputReplyToMessage(reply_to_msg_id=copy.id))
            other = await group.post(eve, "cats", t.InputReplyToMessage(reply_to_msg_id=comment.id))
            assert (other.reply_to.reply_to_msg_id, other.reply_to.reply_to_top_id) == (comment.id, copy.id)
            under = (await seen(news, ann, post.id)).replies
            assert (under.replies, under.max_id) == (2, other.id)
            assert [one.user_id for one in under.recent_repliers] == [eve.id, bob.id]
            thread = await news.thread(bob, post.id)
            assert [one.message for one in thread.messages] == ["cats", "it pours"] and thread.count == 2
            assert [one.message for one in (await group.thread(bob, copy.id)).messages] == [
                "cats",
                "it pours",
            ]
            views = await bob(messages.GetMessagesViews(peer=news.peer(bob), id=[post.id], increment=False))
            assert views.views[0].replies.replies == 2
            assert {one.id for one in views.users} >= {bob.id, eve.id}
            found = await bob(messages.GetDiscussionMessage(peer=news.peer(bob), msg_id=post.id))
            assert (found.unread_count, found.max_id) == (1, other.id)
            c.heard.clear()
            await bob(messages.ReadDiscussion(peer=news.peer(bob), msg_id=post.id, read_max_id=other.id))
            told = {type(one.event): one for one in c.heard if isinstance(one, Published)}
            assert told[ev.ThreadRead].event.post == post.id
            assert told[ev.ThreadReadOutbox].user_id == eve.id
            assert (await seen(news, bob, post.id)).replies.read_max_id == other.id
            await bob(channels.DeleteMessages(channel=group.where(bob), id=[comment.id]))
            under = (await seen(news, ann, post.id)).replies
            assert under.replies == 1 and [one.user_id for one in under.recent_repliers] == [eve.id]
            await ann(messages.EditMessage(peer=news.peer(ann), id=post.id, message="it snows"))
            assert (await seen(group, bob, copy.id)).message == "it snows"
            await refused(
                "MSG_ID_INVALID", bob, messages.GetDiscussionMessage(peer=news.peer(bob), msg_id=99)
            )
            await refused(
                "CHANNEL_PRIVATE", joe, messages.GetDiscussionMessage(peer=news.peer(joe), msg_id=post.id)
            )
            await ann(channels.DeleteMessages(channel=news.where(ann), id=[post.id]))
            assert isinstance(await seen(group, bob, copy.id), t.MessageEmpty)
            assert (await seen(group, bob, other.id)).message == "cats"
            sound(c)

    run(story())


def test_a_post_that_is_edited_on_its_way_into_the_group() -> None:
    """It is not known yet where its copy will stand; in the end the copy says what the post says."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            news, group = await pair(c, ann, bob)
            held: list[pl.ForwardPost] = []
            handler = c.store.handlers[pl.ForwardPost]
            c.store.handlers[pl.ForwardPost] = lambda txn, word, memo: held.append(word)
            post = await news.post(ann, "it rains")
            await ann(messages.EditMessage(peer=news.peer(ann), id=post.id, message="it pours"))
            await c.settle()
            await c.store.transact(slot_of(held[0].group), lambda txn: handler(txn, held[0], None))
            await c.settle()
            assert (await group.newest(bob)).message == "it pours"
            assert (await seen(news, ann, post.id)).replies.channel_id == group.number
            sound(c)

    run(story())


def test_who_comments_at_once_waits_for_the_post_to_come_into_the_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing else is waited for: neither a post that has been there for long, nor one that is no post."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            news, group = await pair(c, ann, bob)
            held: list[pl.ForwardPost] = []
            handler = c.store.handlers[pl.ForwardPost]
            c.store.handlers[pl.ForwardPost] = lambda txn, word, memo: held.append(word)
            post = await news.post(ann, "it rains")
            asked = messages.GetDiscussionMessage(peer=news.peer(bob), msg_id=post.id)
            asking = [asyncio.create_task(bob(asked)), asyncio.create_task(news.thread(bob, post.id))]
            for _ in range(20):
                await asyncio.sleep(0)
            assert not any(one.done() for one in asking)
            await refused(
                "CHANNEL_PRIVATE", eve, messages.GetDiscussionMessage(peer=news.peer(eve), msg_id=post.id)
            )
            await c.store.transact(slot_of(held[0].group), lambda txn: handler(txn, held[0], None))
            found, thread = await asyncio.gather(*asking)
            copy = await group.newest(bob)
            assert [one.id for one in found.messages] == [copy.id] and thread.count == 0
            assert c.services.channels.threads._awaited == {}
            late = await news.post(ann, "it pours")
            monkeypatch.setattr(thread_reading, "WAIT_SECONDS", 0.01)
            asked = messages.GetDiscussionMessage(peer=news.peer(bob), msg_id=late.id)
            await refused("MSG_ID_INVALID", bob, asked)
            assert c.services.channels.threads._awaited == {}
            monkeypatch.setattr(thread_reading, "WAIT_SECONDS", 1000.0)
            for number in 1, 99:  # that the channel was made; nothing
                asked = messages.GetDiscussionMessage(peer=news.peer(bob), msg_id=number)
                await refused("MSG_ID_INVALID", bob, asked)
            c.clock.advance(thread_reading.ON_ITS_WAY_SECONDS)
            asked = messages.GetDiscussionMessage(peer=news.peer(bob), msg_id=late.id)
            await refused("MSG_ID_INVALID", bob, asked)

    run(story())


def test_linking_and_unlinking() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            news, group = await pair(c, ann, bob)
            second = Town(c, (await channel(c, ann, bob, megagroup=True)).number)
            full = await bob(channels.GetFullChannel(channel=news.where(bob)))
            assert full.full_chat.linked_chat_id == group.number
            full = await bob(channels.GetFullChannel(channel=group.where(bob)))
            assert full.full_chat.linked_chat_id == news.number
            link = channels.SetDiscussionGroup
            await refused("LINK_NOT_MODIFIED", ann, link(broadcast=news.where(ann), group=group.where(ann)))
            await refused("CHAT_ADMIN_REQUIRED", bob, link(broadcast=news.where(bob), group=group.where(bob)))
            await refused(
                "BROADCAST_ID_INVALID", ann, link(broadcast=group.where(ann), group=second.where(ann))
            )
            await refused("MEGAGROUP_ID_INVALID", ann, link(broadcast=news.where(ann), group=news.where(ann)))
            await refused("LINK_NOT_MODIFIED", ann, link(broadcast=NOWHERE, group=NOWHERE))
            await refused("CHANNEL_PRIVATE", eve, link(broadcast=news.where(eve), group=NOWHERE))
            await ann(channels.TogglePreHistoryHidden(channel=second.where(ann), enabled=True))
            await refused(
                "MEGAGROUP_PREHISTORY_HIDDEN", ann, link(broadcast=news.where(ann), group=second.where(ann))
            )
            await ann(channels.TogglePreHistoryHidden(channel=second.where(ann), enabled=False))
            await ann(channels.ToggleForum(channel=second.where(ann), enabled=True, tabs=False))
            await refused(
                "CHAT_DISCUSSION_UNALLOWED", ann, link(broadcast=news.where(ann), group=second.where(ann))
            )
            await refused(
                "CHAT_DISCUSSION_UNALLOWED",
                ann,
                channels.ToggleForum(channel=group.where(ann), enabled=True, tabs=False),
            )
            found = await ann(channels.GetGroupsForDiscussion())
            assert [one.id for one in found.chats] == [group.number]
            assert (await bob(channels.GetGroupsForDiscussion())).chats == []
            await ann(channels.ToggleForum(channel=second.where(ann), enabled=False, tabs=False))
            old = await news.post(ann, "to the first")
            await ann(link(broadcast=news.where(ann), group=second.where(ann)))
            full = await bob(channels.GetFullChannel(channel=group.where(bob)))
            assert full.full_chat.linked_chat_id is None
            new = await news.post(ann, "to the second")
            assert (await second.newest(bob)).message == "to the second"
            assert (await group.newest(bob)).message == "to the first"
            assert (await seen(news, bob, old.id)).replies is None
            assert (await seen(news, bob, new.id)).replies.channel_id == second.number
            info = t.ChannelAdminLogEventsFilter(info=True)
            asked = channels.GetAdminLog(channel=news.where(ann), q="", max_id=0, min_id=0, limit=9)
            asked.events_filter = info
            action = (await ann(asked)).events[0].action
            assert isinstance(action, t.ChannelAdminLogEventActionChangeLinkedChat)
            assert (action.prev_value, action.new_value) == (group.number, second.number)
            await ann(link(broadcast=NOWHERE, group=second.where(ann)))
            full = await bob(channels.GetFullChannel(channel=news.where(bob)))
            assert full.full_chat.linked_chat_id is None
            assert (await seen(news, bob, new.id)).replies is None
            await refused("LINK_NOT_MODIFIED", ann, link(broadcast=NOWHERE, group=second.where(ann)))
            await news.post(ann, "to nobody")
            await ann(link(broadcast=news.where(ann), group=group.where(ann)))
            await ann(channels.DeleteChannel(channel=group.where(ann)))
            full = await bob(channels.GetFullChannel(channel=news.where(bob)))
            assert full.full_chat.linked_chat_id is None
            assert (await second.newest(bob)).message == "to the second"
            sound(c)

    run(story())


def test_answers_in_a_supergroup() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            group = Town(c, (await channel(c, ann, bob, eve, megagroup=True)).number)
            root = await group.post(ann, "what now?")
            assert root.replies.replies == 0
            for number in range(12):
                await group.post(bob, f"idea {number}", t.InputReplyToMessage(reply_to_msg_id=root.id))
            assert (await seen(group, eve, root.id)).replies.replies == 12
            page = await group.thread(eve, root.id, limit=5)
            assert [one.message for one in page.messages] == [f"idea {n}" for n in range(11, 6, -1)]
            below = await group.thread(eve, root.id, limit=3, offset_id=page.messages[-1].id)
            assert [one.message for one in below.messages] == ["idea 6", "idea 5", "idea 4"]
            around = await group.thread(eve, root.id, limit=4, offset_id=page.messages[-1].id, add_offset=-2)
            assert [one.message for one in around.messages] == ["idea 8", "idea 7", "idea 6", "idea 5"]
            empty = {"min_date": 0, "max_date": 0, "offset_id": 0, "add_offset": 0, "limit": 9, "max_id": 0}
            find = messages.Search(
                peer=group.peer(eve),
                q="",
                filter=t.InputMessagesFilterEmpty(),
                min_id=0,
                hash=0,
                top_msg_id=root.id,
                **empty,
            )
            assert (await eve(find)).messages[0].message == "idea 11"
            await refused(
                "MSG_ID_INVALID",
                eve,
                messages.ReadDiscussion(peer=group.peer(eve), msg_id=999, read_max_id=1),
            )
            await refused(
                "PEER_ID_INVALID",
                eve,
                messages.ReadDiscussion(peer=t.InputPeerSelf(), msg_id=1, read_max_id=1),
            )
            sound(c)

    run(story())


def test_who_has_read_a_message_of_a_small_supergroup() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            group = Town(c, (await channel(c, ann, bob, eve, megagroup=True)).number)
            first, second = await group.post(ann, "one"), await group.post(ann, "two")
            ask = messages.GetMessageReadParticipants
            assert await ann(ask(peer=group.peer(ann), msg_id=first.id)) == []
            await bob(channels.ReadHistory(channel=group.where(bob), max_id=first.id))
            c.clock.advance(60)
            await eve(channels.ReadHistory(channel=group.where(eve), max_id=0))
            found = await ann(ask(peer=group.peer(ann), msg_id=first.id))
            assert {one.user_id for one in found} == {bob.id, eve.id}
            found = await ann(ask(peer=group.peer(ann), msg_id=second.id))
            assert [(one.user_id, one.date) for one in found] == [(eve.id, int(c.clock.now()))]
            await refused("MESSAGE_ID_INVALID", bob, ask(peer=group.peer(bob), msg_id=first.id))
            await refused("CHANNEL_PRIVATE", joe, ask(peer=group.peer(joe), msg_id=first.id))
            c.clock.advance(8 * 86_400)
            await refused("MESSAGE_TOO_OLD", ann, ask(peer=group.peer(ann), msg_id=first.id))

    run(story())


@pytest.mark.parametrize("megagroup", [True, False])
def test_a_stranger_gets_nothing(megagroup: bool) -> None:
    """SECURITY 6.2: threads of what one may not see."""

    async def story() -> None:
        async with talk(2) as (c, (ann, eve)):
            place = Town(c, (await channel(c, ann, megagroup=megagroup)).number)
            post = await place.post(ann, "secret")
            zeros = dict.fromkeys(("offset_id", "offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
            for asked in (
                messages.GetReplies(peer=place.peer(eve), msg_id=post.id, limit=1, **zeros),
                messages.GetDiscussionMessage(peer=place.peer(eve), msg_id=post.id),
                messages.ReadDiscussion(peer=place.peer(eve), msg_id=post.id, read_max_id=1),
                messages.CreateForumTopic(peer=place.peer(eve), title="x", random_id=next(NUMBERS)),
                messages.UpdatePinnedForumTopic(peer=place.peer(eve), topic_id=1, pinned=True),
                messages.DeleteTopicHistory(peer=place.peer(eve), top_msg_id=1),
                channels.ToggleViewForumAsMessages(channel=place.where(eve), enabled=True),
            ):
                await refused("CHANNEL_PRIVATE", eve, asked)

    run(story())


async def guests(c: Community, creator: Person, *subscribers: Person) -> tuple[Town, Town]:
    """A private channel with subscribers, and its private discussion group with nobody but its creator in it."""
    news = Town(c, (await channel(c, creator, *subscribers, megagroup=False)).number)
    group = Town(c, (await channel(c, creator, megagroup=True)).number)
    link = channels.SetDiscussionGroup(broadcast=news.where(creator), group=group.where(creator))
    await creator(link)
    return news, group


def test_a_subscriber_comments_without_being_in_the_group() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            news, group = await guests(c, ann, bob, eve)
            post = await news.post(ann, "it rains")
            found = await bob(messages.GetDiscussionMessage(peer=news.peer(bob), msg_id=post.id))
            (root,) = found.messages
            drawn = {one.id: one for one in found.chats}
            assert isinstance(drawn[group.number], t.Channel) and drawn[group.number].left
            under = t.InputReplyToMessage(reply_to_msg_id=root.id)
            comment = await group.post(bob, "it pours", under)
            assert comment.out and comment.from_id.user_id == bob.id
            assert [one.message for one in (await news.thread(eve, post.id)).messages] == ["it pours"]
            read = messages.ReadDiscussion(peer=news.peer(eve), msg_id=post.id, read_max_id=comment.id)
            assert await eve(read)
            found = await eve(messages.GetDiscussionMessage(peer=news.peer(eve), msg_id=post.id))
            assert found.unread_count == 0 and found.read_inbox_max_id == comment.id
            edit = messages.EditMessage(peer=group.peer(bob), id=comment.id, message="it snows")
            await bob(edit)
            await eve(
                messages.SendReaction(
                    peer=group.peer(eve), msg_id=comment.id, reaction=[t.ReactionEmoji(emoticon="👍")]
                )
            )
            seen_by = await seen(group, eve, comment.id)
            assert seen_by.message == "it snows" and seen_by.reactions.results[0].count == 1
            full = await bob(channels.GetFullChannel(channel=group.where(bob)))
            assert full.full_chat.linked_chat_id == news.number
            assert not full.full_chat.can_view_participants
            everybody = channels.GetParticipants(
                channel=group.where(bob), filter=t.ChannelParticipantsRecent(), offset=0, limit=9, hash=0
            )
            await refused("CHAT_ADMIN_REQUIRED", bob, everybody)
            others = channels.DeleteMessages(channel=group.where(eve), id=[comment.id])
            await refused("MESSAGE_DELETE_FORBIDDEN", eve, others)
            await bob(channels.DeleteMessages(channel=group.where(bob), id=[comment.id]))
            assert (await news.thread(eve, post.id)).messages == []
            await bob(channels.JoinChannel(channel=group.where(bob)))
            full = await bob(channels.GetFullChannel(channel=group.where(bob)))
            assert full.full_chat.can_view_participants and full.full_chat.participants_count == 2
            sound(c)

    run(story())


def test_6_2_who_is_no_guest_of_a_discussion_group() -> None:
    """Strangers, who has left the channel or was removed from either, and everybody once they are apart."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            news, group = await guests(c, ann, bob, eve)
            post = await news.post(ann, "it rains")
            found = await bob(messages.GetDiscussionMessage(peer=news.peer(bob), msg_id=post.id))
            root = found.messages[0].id

            async def closed(who: Person) -> None:
                for asked in (
                    messages.GetReplies(
                        peer=group.peer(who),
                        msg_id=root,
                        **dict.fromkeys(
                            ("offset_id", "offset_date", "add_offset", "limit", "max_id", "min_id", "hash"), 0
                        ),
                    ),
                    messages.SendMessage(peer=group.peer(who), message="boo", random_id=next(NUMBERS)),
                    channels.JoinChannel(channel=group.where(who)),
                    messages.ReadDiscussion(peer=group.peer(who), msg_id=root, read_max_id=1),
                ):
                    await refused("CHANNEL_PRIVATE", who, asked)

            await closed(joe)
            await group.post(eve, "hello")
            await ann(channels.ToggleSlowMode(channel=group.where(ann), seconds=60))
            await group.post(eve, "slowly")
            again = messages.SendMessage(peer=group.peer(eve), message="boo", random_id=next(NUMBERS))
            await refused("SLOWMODE_WAIT_60", eve, again)
            await ann(channels.ToggleJoinToSend(channel=group.where(ann), enabled=True))
            await refused("CHAT_GUEST_SEND_FORBIDDEN", eve, again)
            await refused(
                "CHANNEL_PRIVATE", eve, messages.EditMessage(peer=group.peer(eve), id=root + 1, message="x")
            )
            assert (await news.thread(eve, post.id)).count == 0
            banned = t.ChatBannedRights(view_messages=True, until_date=0)
            await ann(
                channels.EditBanned(channel=group.where(ann), participant=ann.peer(eve), banned_rights=banned)
            )
            await closed(eve)
            await bob(channels.LeaveChannel(channel=news.where(bob)))
            await closed(bob)
            await ann(channels.InviteToChannel(channel=news.where(ann), users=[user_of(ann, bob)]))
            assert (await news.thread(bob, post.id)).count == 0
            await ann(channels.SetDiscussionGroup(broadcast=news.where(ann), group=NOWHERE))
            await closed(bob)
            sound(c)

    run(story())
