"""Forums: topics made, changed, pinned, read and deleted, over the real handlers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.messages.test_opinions_in_channels import Place, channel
from tests.api.messages.test_sending import refused
from tests.community import Community, run
from tests.places import user_of
from tests.talk import Person, talk
from tgserve.api.account import notify  # noqa: F401 - its methods
from tgserve.api.channels import admin_log, forums, members, settings, threads  # noqa: F401
from tgserve.render.channel_updates import draw
from tgserve.store import events as ev
from tgserve.store.check import check_store
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import THREAD_ROWS, THREADS, TOPIC_ORDER, TOPICS
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import account, channels, messages

NUMBERS = iter(range(1, 1_000_000))


class Town(Place):
    """A forum."""

    def where(self, who: Person) -> t.InputChannel:
        of = self.peer(who)
        return t.InputChannel(channel_id=of.channel_id, access_hash=of.access_hash)

    async def topic(self, who: Person, title: str = "Cats", **more: Any) -> int:
        made = await who(
            messages.CreateForumTopic(peer=self.peer(who), title=title, random_id=next(NUMBERS), **more)
        )
        new = next(one for one in made.updates if isinstance(one, t.UpdateNewChannelMessage))
        assert isinstance(new.message.action, t.MessageActionTopicCreate) and new.message.reply_to is None
        return int(new.message.id)

    async def post(self, who: Person, text: str, reply: Any = None) -> Any:
        sent = await who(
            messages.SendMessage(peer=self.peer(who), message=text, random_id=next(NUMBERS), reply_to=reply)
        )
        return next(one.message for one in sent.updates if isinstance(one, t.UpdateNewChannelMessage))

    async def topics(self, who: Person, **more: Any) -> Any:
        zeros = {"offset_date": 0, "offset_id": 0, "offset_topic": 0, "limit": 100}
        return await who(messages.GetForumTopics(peer=self.peer(who), **{**zeros, **more}))

    async def one(self, who: Person, topic: int) -> Any:
        found = await who(messages.GetForumTopicsByID(peer=self.peer(who), topics=[topic]))
        return found.topics[0]

    async def thread(self, who: Person, msg_id: int, **more: Any) -> Any:
        zeros = dict.fromkeys(("offset_id", "offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
        asked = {**zeros, "limit": 100, **more}
        return await who(messages.GetReplies(peer=self.peer(who), msg_id=msg_id, **asked))


def within(topic: int, msg_id: int = 0) -> t.InputReplyToMessage:
    return t.InputReplyToMessage(reply_to_msg_id=msg_id or topic, top_msg_id=topic)


async def forum(c: Community, creator: Person, *others: Person) -> Town:
    place = await channel(c, creator, *others, megagroup=True)
    town = Town(c, place.number)
    await creator(channels.ToggleForum(channel=town.where(creator), enabled=True, tabs=False))
    return town


def sound(c: Community) -> None:
    report = check_store(c.store)
    assert not report.problems, report.problems


def test_topics_and_what_is_written_in_them() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            town = await forum(c, ann, bob)
            cats = await town.topic(ann, "Cats", icon_color=0xFFD67E)
            dogs = await town.topic(bob, "  Dogs\n", icon_color=5)
            first = await town.post(bob, "meow", within(cats))
            header = first.reply_to
            assert (header.forum_topic, header.reply_to_msg_id, header.reply_to_top_id) == (True, cats, None)
            answer = await town.post(ann, "purr", t.InputReplyToMessage(reply_to_msg_id=first.id))
            header = answer.reply_to
            assert (header.forum_topic, header.reply_to_msg_id, header.reply_to_top_id) == (
                True,
                first.id,
                cats,
            )
            general = await town.post(bob, "hello")
            assert general.reply_to is None
            found = await town.topics(bob)
            assert [(one.id, one.title) for one in found.topics] == [
                (1, "General"),
                (cats, "Cats"),
                (dogs, "Dogs"),
            ]
            by_id = {one.id: one for one in found.topics}
            assert by_id[cats].icon_color == 0xFFD67E and by_id[dogs].icon_color == 0x6FB9F0
            assert by_id[dogs].my and not by_id[cats].my
            assert by_id[cats].top_message == answer.id and by_id[1].top_message == general.id
            assert {one.id for one in found.messages} == {answer.id, general.id, dogs}
            texts = [
                one.message for one in (await town.thread(bob, cats)).messages if isinstance(one, t.Message)
            ]
            assert texts == ["purr", "meow"]
            texts = [
                one.message for one in (await town.thread(bob, 1)).messages if isinstance(one, t.Message)
            ]
            assert texts == ["hello"]
            assert (await town.thread(bob, cats, offset_id=answer.id, limit=1)).messages[0].id == first.id
            assert (await town.one(ann, 999)) == t.ForumTopicDeleted(id=999)
            await refused(
                "TOPIC_TITLE_EMPTY",
                ann,
                messages.CreateForumTopic(peer=town.peer(ann), title=" ", random_id=5),
            )
            await refused(
                "TOPIC_DELETED",
                bob,
                messages.SendMessage(peer=town.peer(bob), message="x", random_id=77, reply_to=within(4000)),
            )
            await refused(
                "TOPIC_ID_INVALID",
                bob,
                messages.GetReplies(
                    peer=town.peer(bob),
                    msg_id=4000,
                    offset_id=0,
                    offset_date=0,
                    add_offset=0,
                    limit=1,
                    max_id=0,
                    min_id=0,
                    hash=0,
                ),
            )
            await refused(
                "CHANNEL_PRIVATE", eve, messages.GetForumTopicsByID(peer=town.peer(eve), topics=[1])
            )
            again = messages.CreateForumTopic(peer=town.peer(ann), title="Once", random_id=4242)
            await ann(again)
            await ann(again)
            assert (await town.topics(ann)).count == 4
            sound(c)

    run(story())


def test_reading_topics() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            town = await forum(c, ann, bob)
            cats, dogs = await town.topic(ann, "Cats"), await town.topic(ann, "Dogs")
            last = 0
            for number in range(3):
                last = (await town.post(ann, f"cat {number}", within(cats))).id
            await town.post(bob, "mine", within(cats))
            await town.post(ann, "dog", within(dogs))
            assert (await town.one(bob, cats)).unread_count == 4  # with the message it begins with
            assert (await town.one(bob, dogs)).unread_count == 2
            dialogs = await bob(messages.GetPeerDialogs(peers=[t.InputDialogPeer(peer=town.peer(bob))]))
            waiting = dialogs.dialogs[0].unread_count
            c.heard.clear()
            await bob(messages.ReadDiscussion(peer=town.peer(bob), msg_id=cats, read_max_id=last))
            told = {type(one.event): one for one in c.heard if isinstance(one, Published)}
            assert told[ev.ThreadRead].user_id == bob.id and told[ev.ThreadReadOutbox].user_id == ann.id
            seen = await town.one(bob, cats)
            assert (seen.unread_count, seen.read_inbox_max_id) == (0, last)
            assert (await town.one(ann, cats)).read_outbox_max_id == last
            assert (await town.one(bob, dogs)).unread_count == 2
            dialogs = await bob(messages.GetPeerDialogs(peers=[t.InputDialogPeer(peer=town.peer(bob))]))
            assert dialogs.dialogs[0].unread_count == waiting - 4
            await bob(channels.ReadHistory(channel=town.where(bob), max_id=0))
            assert (await town.one(bob, dogs)).unread_count == 0
            sound(c)

    run(story())


def test_changing_topics() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            town = await forum(c, ann, bob, eve)
            mine = await town.topic(bob, "Bob's")
            edit = messages.EditForumTopic
            await refused("CHAT_ADMIN_REQUIRED", eve, edit(peer=town.peer(eve), topic_id=mine, title="Eve's"))
            await refused("TOPIC_NOT_MODIFIED", bob, edit(peer=town.peer(bob), topic_id=mine, title="Bob's"))
            await refused("TOPIC_TITLE_EMPTY", bob, edit(peer=town.peer(bob), topic_id=mine, title="\n"))
            await refused("TOPIC_ID_INVALID", ann, edit(peer=town.peer(ann), topic_id=555, title="x"))
            await refused("TOPIC_ID_INVALID", ann, edit(peer=town.peer(ann), topic_id=mine, hidden=True))
            await refused(
                "TOPIC_CLOSE_SEPARATELY",
                bob,
                edit(peer=town.peer(bob), topic_id=mine, title="x", closed=True),
            )
            await refused(
                "TOPIC_HIDE_SEPARATELY", ann, edit(peer=town.peer(ann), topic_id=1, title="x", hidden=True)
            )
            await refused(
                "GENERAL_MODIFY_ICON_FORBIDDEN", ann, edit(peer=town.peer(ann), topic_id=1, icon_emoji_id=0)
            )
            await refused("DOCUMENT_INVALID", bob, edit(peer=town.peer(bob), topic_id=mine, icon_emoji_id=99))
            told = await bob(edit(peer=town.peer(bob), topic_id=mine, title="Bob's own"))
            word = next(one.message for one in told.updates if isinstance(one, t.UpdateNewChannelMessage))
            assert word.action == t.MessageActionTopicEdit(title="Bob's own")
            assert (word.reply_to.forum_topic, word.reply_to.reply_to_msg_id) == (True, mine)
            await bob(edit(peer=town.peer(bob), topic_id=mine, closed=True))
            send = messages.SendMessage(peer=town.peer(eve), message="x", random_id=9, reply_to=within(mine))
            await refused("TOPIC_CLOSED", eve, send)
            await town.post(bob, "I may", within(mine))
            await town.post(ann, "so may I", within(mine))
            await bob(edit(peer=town.peer(bob), topic_id=mine, closed=False))
            await town.post(eve, "now I may", within(mine))
            await ann(edit(peer=town.peer(ann), topic_id=1, hidden=True))
            general = await town.one(bob, 1)
            assert general.hidden and general.closed
            plain = messages.SendMessage(peer=town.peer(eve), message="x", random_id=10)
            await refused("TOPIC_CLOSED", eve, plain)
            log = await ann(
                channels.GetAdminLog(
                    channel=town.where(ann),
                    q="",
                    max_id=0,
                    min_id=0,
                    limit=100,
                    events_filter=t.ChannelAdminLogEventsFilter(forums=True),
                )
            )
            kinds = [
                type(one.action).__name__.removeprefix("ChannelAdminLogEventAction") for one in log.events
            ]
            assert kinds == ["EditTopic"] * 4 + ["CreateTopic"]
            assert log.events[3].action.new_topic.title == "Bob's own"
            banned = t.ChatBannedRights(until_date=0, manage_topics=True)
            await ann(messages.EditChatDefaultBannedRights(peer=town.peer(ann), banned_rights=banned))
            create = messages.CreateForumTopic(peer=town.peer(eve), title="No", random_id=3)
            await refused("CHAT_WRITE_FORBIDDEN", eve, create)
            sound(c)

    run(story())


def test_pinned_topics() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            town = await forum(c, ann, bob)
            made = [await town.topic(ann, f"T{number}") for number in range(7)]
            pin = messages.UpdatePinnedForumTopic
            await refused("CHAT_ADMIN_REQUIRED", bob, pin(peer=town.peer(bob), topic_id=made[0], pinned=True))
            await refused("TOPIC_ID_INVALID", ann, pin(peer=town.peer(ann), topic_id=999, pinned=True))
            await refused(
                "PINNED_TOPIC_NOT_MODIFIED", ann, pin(peer=town.peer(ann), topic_id=made[0], pinned=False)
            )
            for topic in made[:5]:
                c.heard.clear()
                await ann(pin(peer=town.peer(ann), topic_id=topic, pinned=True))
            news = next(
                one for one in c.heard if isinstance(one, Published) and isinstance(one.event, ev.TopicPinned)
            )
            for viewer in (0, bob.id):
                drawn: Any = layers.decode(layers.encode(draw(c.services, news, viewer)))
                assert drawn.updates[0].topic_id == made[4] and drawn.updates[0].pinned
                layers.encode(draw(c.services, news, viewer), 152)
            await refused("PINNED_TOO_MUCH", ann, pin(peer=town.peer(ann), topic_id=made[5], pinned=True))
            order = [one.id for one in (await town.topics(bob)).topics if one.pinned]
            assert order == made[4::-1]
            wanted = [made[2], made[6]]
            await ann(messages.ReorderPinnedForumTopics(peer=town.peer(ann), order=wanted, force=True))
            found = (await town.topics(bob, limit=3)).topics
            assert [one.id for one in found][:2] == wanted and len(found) == 3
            more = await town.topics(bob, limit=3, offset_topic=found[-1].id, offset_id=found[-1].top_message)
            assert not {one.id for one in more.topics} & {one.id for one in found}
            named = await town.topics(bob, q="t6")
            assert [one.id for one in named.topics] == [made[6]]
            sound(c)

    run(story())


def test_deleting_a_topic() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            town = await forum(c, ann, bob, eve)
            cats, own = await town.topic(bob, "Cats"), await town.topic(bob, "Own")
            for number in range(230):
                await town.post(eve, f"cat {number}", within(cats))
            delete = messages.DeleteTopicHistory
            await refused("CHAT_ADMIN_REQUIRED", eve, delete(peer=town.peer(eve), top_msg_id=cats))
            await refused("CHAT_ADMIN_REQUIRED", bob, delete(peer=town.peer(bob), top_msg_id=cats))
            await refused("TOPIC_ID_INVALID", ann, delete(peer=town.peer(ann), top_msg_id=1))
            await refused("TOPIC_ID_INVALID", ann, delete(peer=town.peer(ann), top_msg_id=4444))
            await bob(delete(peer=town.peer(bob), top_msg_id=own))
            assert await town.one(bob, own) == t.ForumTopicDeleted(id=own)
            await ann(channels.DeleteMessages(channel=town.where(ann), id=[cats]))
            assert (await town.one(bob, cats)).title == "Cats"  # its first message goes with the topic only
            asked = channels.GetAdminLog(channel=town.where(ann), q="", max_id=0, min_id=0, limit=100)
            gone = [getattr(one.action, "message", None) for one in (await ann(asked)).events]
            assert cats not in [one.id for one in gone if one is not None], "nor is it noted as gone"
            first = await ann(delete(peer=town.peer(ann), top_msg_id=cats))
            assert first.offset > 0 and first.pts_count == 200
            rest = await ann(delete(peer=town.peer(ann), top_msg_id=cats))
            assert (rest.offset, rest.pts_count) == (0, 31)
            assert await town.one(bob, cats) == t.ForumTopicDeleted(id=cats)
            left = await bob(
                messages.GetHistory(
                    peer=town.peer(bob),
                    offset_id=0,
                    offset_date=0,
                    add_offset=0,
                    limit=100,
                    max_id=0,
                    min_id=0,
                    hash=0,
                )
            )
            assert all(isinstance(one, t.MessageService) for one in left.messages)
            sound(c)

    run(story())


def test_a_group_becomes_a_forum_and_back() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            place = await channel(c, ann, bob, megagroup=True)
            town = Town(c, place.number)
            await refused(
                "CHANNEL_FORUM_MISSING", bob, messages.GetForumTopicsByID(peer=town.peer(bob), topics=[1])
            )
            old = await town.post(bob, "before")
            reply = await town.post(ann, "indeed", t.InputReplyToMessage(reply_to_msg_id=old.id))
            assert (reply.reply_to.reply_to_msg_id, reply.reply_to.forum_topic) == (old.id, False)
            shown = next(one for one in (await town.thread(bob, old.id)).messages)
            assert shown.id == reply.id
            root = await bob(channels.GetMessages(channel=town.where(bob), id=[t.InputMessageID(id=old.id)]))
            assert root.messages[0].replies.replies == 1 and not root.messages[0].replies.comments
            toggle = channels.ToggleForum(channel=town.where(bob), enabled=True, tabs=False)
            await refused("CHAT_ADMIN_REQUIRED", bob, toggle)
            toggle = channels.ToggleForum(channel=town.where(ann), enabled=True, tabs=False)
            await ann(toggle)
            await refused("CHAT_NOT_MODIFIED", ann, toggle)
            texts = [
                one.message for one in (await town.thread(bob, 1)).messages if isinstance(one, t.Message)
            ]
            assert texts == ["indeed", "before"]
            view = channels.ToggleViewForumAsMessages(channel=town.where(bob), enabled=True)
            await bob(view)
            dialogs = await bob(messages.GetPeerDialogs(peers=[t.InputDialogPeer(peer=town.peer(bob))]))
            assert dialogs.dialogs[0].view_forum_as_messages
            await ann(channels.ToggleForum(channel=town.where(ann), enabled=False, tabs=False))
            await town.post(bob, "as one chat")
            await ann(toggle)
            texts = [
                one.message for one in (await town.thread(bob, 1)).messages if isinstance(one, t.Message)
            ]
            assert texts == ["as one chat", "indeed", "before"]
            sound(c)

    run(story())


def test_drafts_and_notifications_of_a_topic() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            town = await forum(c, ann, bob)
            cats = await town.topic(ann, "Cats")
            await bob(messages.SaveDraft(peer=town.peer(bob), message="so far", reply_to=within(cats)))
            assert (await town.one(bob, cats)).draft.message == "so far"
            assert (await town.one(ann, cats)).draft is None
            dialogs = await bob(messages.GetPeerDialogs(peers=[t.InputDialogPeer(peer=town.peer(bob))]))
            assert dialogs.dialogs[0].draft is None
            drafts = await bob(messages.GetAllDrafts())
            assert [(one.top_msg_id, one.draft.message) for one in drafts.updates] == [(cats, "so far")]
            await bob(messages.SaveDraft(peer=town.peer(bob), message="", reply_to=within(cats)))
            assert (await town.one(bob, cats)).draft is None
            where = t.InputNotifyForumTopic(peer=town.peer(bob), top_msg_id=cats)
            await bob(
                account.UpdateNotifySettings(
                    peer=where, settings=t.InputPeerNotifySettings(mute_until=2**31 - 1)
                )
            )
            assert (await bob(account.GetNotifySettings(peer=where))).mute_until == 2**31 - 1
            assert (await town.one(bob, cats)).notify_settings.mute_until == 2**31 - 1
            whole = t.InputNotifyPeer(peer=town.peer(bob))
            assert (await bob(account.GetNotifySettings(peer=whole))).mute_until is None

    run(story())


@pytest.mark.parametrize("layer", [152, 166, 185, 205])
def test_older_names_of_the_methods_are_understood(layer: int) -> None:
    """channels.getForumTopics and its like became messages.* ones with a peer."""
    asked = layers.decode_request(
        layers.encode(
            messages.GetForumTopicsByID(peer=t.InputPeerChannel(channel_id=5, access_hash=6), topics=[1])
        )
    )
    assert isinstance(asked, messages.GetForumTopicsByID) and layer <= layers.CURRENT


def test_pages_of_topics() -> None:
    """Pages go on behind the last topic, whatever is written and pinned; a page reads the page."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            town = await forum(c, ann, bob)
            made = [
                await town.topic(ann, f"Topic {number} {'even' * (number % 2 == 0)}") for number in range(9)
            ]
            for topic in (made[3], made[5], made[0]):
                await town.post(bob, "x", within(topic))
            await ann(messages.UpdatePinnedForumTopic(peer=town.peer(ann), topic_id=made[7], pinned=True))
            await ann(messages.UpdatePinnedForumTopic(peer=town.peer(ann), topic_id=made[8], pinned=True))
            order = messages.ReorderPinnedForumTopics(
                peer=town.peer(ann), order=[made[7], made[8]], force=True
            )
            (told,) = (await ann(order)).updates
            assert told.order == [made[7], made[8]]
            await town.post(bob, "new in a pinned one", within(made[8]))
            expected = [made[one] for one in (7, 8, 0, 5, 3, 6, 4, 2, 1)]
            expected.append(1)  # the messages of General are the oldest ones

            async def pages(size: int) -> list[int]:
                found: list[int] = []
                last = 0
                while True:
                    page = await town.topics(bob, limit=size, offset_topic=last)
                    assert page.count == 10
                    if not page.topics:
                        return found
                    found += [one.id for one in page.topics]
                    last = found[-1]

            for size in (1, 3, 100):
                assert await pages(size) == expected
            tops = {one.id: one.top_message for one in (await town.topics(bob)).topics}
            below = await town.topics(bob, offset_id=tops[made[5]])
            assert [one.id for one in below.topics] == expected[4:]
            named = await town.topics(bob, q="EVEN topic", limit=2)
            assert ([one.id for one in named.topics], named.count) == ([made[8], made[0]], 5)
            named = await town.topics(bob, q="even", limit=2, offset_topic=made[0])
            assert [one.id for one in named.topics] == [made[6], made[4]]
            await ann(channels.DeleteMessages(channel=town.where(ann), id=[tops[made[0]]]))
            await ann(messages.DeleteTopicHistory(peer=town.peer(ann), top_msg_id=made[5]))
            await ann(messages.UpdatePinnedForumTopic(peer=town.peer(ann), topic_id=made[7], pinned=False))
            found = [one.id for one in (await town.topics(bob)).topics]
            assert found == [made[one] for one in (8, 3, 7, 6, 4, 2, 1, 0)] + [1]
            sound(c)

    run(story())


def test_a_forum_older_than_the_order_of_its_topics() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            town = await forum(c, ann, bob)
            cats, dogs = await town.topic(ann, "Cats"), await town.topic(ann, "Dogs")
            await town.post(bob, "x", within(cats))
            channel = -CHANNEL_BASE - town.number

            def forget(txn: Txn) -> None:
                for key, _ in list(txn.range(TOPIC_ORDER, channel)):
                    txn.delete(TOPIC_ORDER, *key)

            await c.store.transact(slot_of(channel), forget)
            assert [one.id for one in (await town.topics(bob)).topics] == [cats, dogs, 1]
            await town.post(bob, "y", within(dogs))
            assert [one.id for one in (await town.topics(bob)).topics] == [dogs, cats, 1]
            sound(c)

    run(story())


def test_what_waits_in_one_topic() -> None:
    """Reactions, mentions and pins of one topic are counted, seen and taken off without those of the others."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            town = await forum(c, ann, bob)
            topics = [await town.topic(ann, "Cats"), await town.topic(ann, "Dogs")]
            for topic in topics:
                message = await town.post(bob, "look", within(topic))
                like = [t.ReactionEmoji(emoticon="👍")]
                await ann(messages.SendReaction(peer=town.peer(ann), msg_id=message.id, reaction=like))
                await town.post(ann, "yes?", within(topic, message.id))
                pin = messages.UpdatePinnedMessage(peer=town.peer(ann), id=message.id, silent=True)
                await ann(pin)
            cats, dogs = topics

            async def waits() -> list[tuple[int, int]]:
                found = [await town.one(bob, topic) for topic in topics]
                return [(one.unread_reactions_count, one.unread_mentions_count) for one in found]

            async def pinned() -> int:
                what = t.InputMessagesFilterPinned()
                zeros = dict.fromkeys(
                    ("min_date", "max_date", "offset_id", "add_offset", "max_id", "min_id", "hash"), 0
                )
                asked = messages.Search(peer=town.peer(bob), q="", filter=what, limit=9, **zeros)
                return len((await bob(asked)).messages)

            assert (await waits(), await pinned()) == ([(1, 1), (1, 1)], 2)
            await bob(messages.ReadReactions(peer=town.peer(bob), top_msg_id=cats))
            assert await waits() == [(0, 1), (1, 1)]
            await bob(messages.ReadMentions(peer=town.peer(bob), top_msg_id=dogs))
            assert await waits() == [(0, 1), (1, 0)]
            await ann(messages.UnpinAllMessages(peer=town.peer(ann), top_msg_id=dogs))
            assert await pinned() == 1
            await ann(messages.UnpinAllMessages(peer=town.peer(ann)))
            await bob(messages.ReadReactions(peer=town.peer(bob)))
            assert (await waits(), await pinned()) == ([(0, 1), (0, 0)], 0)
            sound(c)

    run(story())


def test_an_anonymous_admin_is_not_shown() -> None:
    """Neither by the topics he makes nor by service messages."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            town = await forum(c, ann, bob, eve)
            right = t.ChatAdminRights(anonymous=True, manage_topics=True, change_info=True, other=True)
            user = user_of(ann, bob)
            grant = channels.EditAdmin(channel=town.where(ann), user_id=user, admin_rights=right, rank="")
            await ann(grant)
            cats = await town.topic(bob, "Cats")
            group = t.PeerChannel(channel_id=town.number)
            seen = await town.one(eve, cats)
            assert seen.from_id == group and not seen.my and (await town.one(bob, cats)).my
            await bob(channels.EditTitle(channel=town.where(bob), title="New"))
            newest = await town.newest(eve)
            assert isinstance(newest.action, t.MessageActionChatEditTitle) and newest.from_id == group
            assert bob.id not in {one.id for one in (await town.topics(eve)).users}
            me = await town.topic(ann, "Mine", send_as=t.InputPeerSelf())
            assert (await town.one(eve, me)).from_id == t.PeerUser(user_id=ann.id)
            await refused(
                "SEND_AS_PEER_INVALID",
                ann,
                messages.CreateForumTopic(
                    peer=town.peer(ann), title="x", random_id=9, send_as=town.peer(ann)
                ),
            )
            sound(c)

    run(story())


def test_a_deleted_forum_leaves_no_topics() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            town = await forum(c, ann, bob)
            for number in range(3):
                await town.post(bob, "x", within(await town.topic(ann, f"Topic {number}")))
            await ann(channels.DeleteChannel(channel=town.where(ann)))
            for _ in range(3):
                c.clock.advance(2)
                await c.services.alarms.turn()
                await c.settle()
            channel = -CHANNEL_BASE - town.number
            with c.store.read(slot_of(channel)) as reader:
                for keyspace in (TOPICS, TOPIC_ORDER, THREADS, THREAD_ROWS):
                    assert not list(reader.range(keyspace, channel)), keyspace
            sound(c)

    run(story())
