"""Forums, comments and threads through real clients."""

from __future__ import annotations

import pyrogram
import pytest
from telethon import errors
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import kurigram_client, kurigram_sign_up, telethon_person
from tests.journeys.tdlib import VERSIONS, TdError, befriend
from tests.journeys.test_channels import channel_of
from tests.journeys.test_channels_tdlib import arrive, supergroup
from tests.journeys.test_groups import known
from tests.journeys.test_telethon import meet
from tests.waiting import until, until_now

YELLOW = 0xFFD67E


async def town(ann, bob, title="Town", **kind):
    """A channel of Ann's with Bob in it: as she names it, and as he does."""
    made = await ann(f.channels.CreateChannelRequest(title, "", **kind))
    channel = made.chats[0]
    await ann(f.channels.InviteToChannelRequest(channel, [await known(ann, bob)]))
    seen = await channel_of(bob, lambda one: one.title == title)
    return channel, seen.entity


@pytest.mark.asyncio
async def test_a_forum_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        await meet(ann, bob)
        channel, seen = await town(ann, bob, megagroup=True, forum=True)
        assert channel.forum
        made = await ann(f.messages.CreateForumTopicRequest(channel, "Cats", icon_color=YELLOW))
        cats = next(u.message.id for u in made.updates if isinstance(u, t.UpdateNewChannelMessage))
        await ann.send_message(channel, "meow", reply_to=cats)
        heard = (await until(lambda: [m for m in bob.heard if m.raw_text == "meow"]))[0]
        assert heard.reply_to.forum_topic and heard.reply_to.reply_to_msg_id == cats
        answer = await heard.reply("purr")
        got = (await until(lambda: [m for m in ann.heard if m.raw_text == "purr"]))[0]
        assert (got.reply_to.reply_to_msg_id, got.reply_to.reply_to_top_id) == (heard.id, cats)
        await ann.send_message(channel, "hello all")
        found = await bob(f.messages.GetForumTopicsRequest(seen, None, 0, 0, 100))
        topics = {one.title: one for one in found.topics}
        assert set(topics) == {"General", "Cats"}
        assert topics["Cats"].top_message == answer.id and topics["Cats"].icon_color == YELLOW
        assert topics["Cats"].unread_count == 2
        texts = [m.raw_text async for m in bob.iter_messages(seen, reply_to=cats) if m.raw_text]
        assert texts == ["purr", "meow"]
        await bob(f.messages.ReadDiscussionRequest(seen, cats, answer.id))
        again = await bob(f.messages.GetForumTopicsByIDRequest(seen, [cats, 999]))
        assert again.topics[0].unread_count == 0 and isinstance(again.topics[1], t.ForumTopicDeleted)
        await ann(f.messages.EditForumTopicRequest(channel, cats, closed=True))
        with pytest.raises(errors.BadRequestError, match="TOPIC_CLOSED"):
            await bob.send_message(seen, "more", reply_to=cats)
        with pytest.raises(errors.ChatAdminRequiredError):
            await bob(f.messages.UpdatePinnedForumTopicRequest(seen, cats, True))
        await ann(f.messages.UpdatePinnedForumTopicRequest(channel, cats, True))
        first = (await bob(f.messages.GetForumTopicsRequest(seen, None, 0, 0, 100))).topics[0]
        assert first.id == cats and first.pinned and first.closed
        log = [event async for event in ann.iter_admin_log(channel)]
        kinds = {type(event.action).__name__.removeprefix("ChannelAdminLogEventAction") for event in log}
        assert kinds >= {"CreateTopic", "EditTopic", "PinTopic"}
        gone = await ann(f.messages.DeleteTopicHistoryRequest(channel, cats))
        assert gone.offset == 0
        left = await bob(f.messages.GetForumTopicsRequest(seen, None, 0, 0, 100))
        assert [one.title for one in left.topics] == ["General"]


@pytest.mark.asyncio
async def test_comments_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        await meet(ann, bob)
        news, seen_news = await town(ann, bob, "News", broadcast=True)
        group, seen_group = await town(ann, bob, "Talk", megagroup=True)
        assert await ann(f.channels.SetDiscussionGroupRequest(news, group))
        post = await ann.send_message(news, "it rains")
        heard = (await until(lambda: [m for m in bob.heard if m.raw_text == "it rains" and m.post]))[0]
        assert heard.replies.comments and heard.replies.channel_id == group.id
        await until(lambda: [m for m in bob.heard if m.raw_text == "it rains" and not m.post])
        comment = await bob.send_message(seen_news, "it pours", comment_to=heard.id)
        assert comment.peer_id.channel_id == group.id
        await until(lambda: [m for m in ann.heard if m.raw_text == "it pours"])
        texts = [m.raw_text async for m in ann.iter_messages(news, reply_to=post.id)]
        assert texts == ["it pours"]

        async def counted():
            seen = await ann.get_messages(news, ids=post.id)
            return seen if seen.replies.replies else None

        now = await until(counted)
        assert now.replies.replies == 1 and now.replies.recent_repliers[0].user_id == bob.me.id
        full = await bob(f.channels.GetFullChannelRequest(seen_news))
        assert full.full_chat.linked_chat_id == group.id


@pytest.mark.asyncio
async def test_forums_and_comments_in_kurigram(daemon, new_phone, folder):
    client = kurigram_client(daemon, folder, "kim")
    await kurigram_sign_up(client, daemon, new_phone(), "Kim")
    try:
        group = await client.create_supergroup("Forum")
        await client.toggle_forum_topics(group.id, True)
        topic = await client.create_forum_topic(group.id, "Cats")
        sent = await client.send_message(group.id, "meow", message_thread_id=topic.id)
        assert sent.message_thread_id == topic.id
        await client.edit_forum_topic(group.id, topic.id, title="Dogs")
        peer = await client.resolve_peer(group.id)
        pin = (
            pyrogram.raw.functions.messages.UpdatePinnedForumTopic
        )  # its pin_forum_topic names none that there is
        await client.invoke(pin(peer=peer, topic_id=topic.id, pinned=True))
        topics = {one.title: one async for one in client.get_forum_topics(group.id)}
        assert topics["Dogs"].id == topic.id and topics["Dogs"].is_pinned and "General" in topics
        await client.close_forum_topic(group.id, topic.id)
        (closed,) = [await client.get_forum_topics_by_id(group.id, topic.id)]
        assert closed.is_closed
        await client.delete_forum_topic(group.id, topic.id)
        assert [one.title async for one in client.get_forum_topics(group.id)] == ["General"]
        news = await client.create_channel("News")
        talk = await client.create_supergroup("Talk")
        assert talk.id in [one.id for one in await client.get_suitable_discussion_chats()]
        await client.set_chat_discussion_group(chat_id=news.id, discussion_chat_id=talk.id)
        post = await client.send_message(news.id, "it rains")

        async def opened():
            try:
                return await client.get_discussion_message(news.id, post.id)
            except pyrogram.errors.MsgIdInvalid:
                return None

        first = await until(opened)
        assert first.chat.id == talk.id and first.text == "it rains"
        await first.reply("it pours")
        found = [one.text async for one in client.get_discussion_replies(news.id, post.id)]
        assert found == ["it pours"]
        assert await client.get_discussion_replies_count(news.id, post.id) == 1
    finally:
        await client.stop()


def numbered(version, topic, name="message_thread_id"):
    """How a TDLib names a topic in its requests."""
    if version == "1.8.69":
        return {"forum_topic_id": topic}
    return {name: topic << 20}


def write(client, version, chat, topic, text, reply=0):
    mark = len(client.updates)
    where = numbered(version, topic)
    if version == "1.8.69":
        where = {"topic_id": {"@type": "messageTopicForum", **where}}
    content = {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": text}}
    answers = {"reply_to": {"@type": "inputMessageReplyToMessage", "message_id": reply}} if reply else {}
    draft = client.call("sendMessage", chat_id=chat, input_message_content=content, **where, **answers)
    done = client.wait(
        lambda u: u["@type"].startswith("updateMessageSend") and u.get("old_message_id") == draft["id"],
        since=mark,
    )
    assert done["@type"] == "updateMessageSendSucceeded", done
    return done["message"]


def topics_of(client, chat):
    found = client.call("getForumTopics", chat_id=chat, query="", limit=100)
    return {one["info"]["name"]: one for one in found["topics"]}


def pair(ann, bob, title, *, is_channel=False, is_forum=False):
    made = ann.call(
        "createNewSupergroupChat", title=title, description="", is_channel=is_channel, is_forum=is_forum
    )
    chat = made["id"]
    ann.call("addChatMembers", chat_id=chat, user_ids=[bob.me["id"]])
    arrive(bob, chat)
    return chat


@pytest.mark.parametrize("version", VERSIONS)
def test_a_tour_of_a_forum_in_tdlib(person, no_errors, version):
    ann, bob = person(version, "Ann"), person("1.8.69", "Bob")
    befriend(ann, bob)
    chat = pair(ann, bob, "Forum", is_forum=True)
    number = supergroup(ann, chat)
    assert ann.call("getSupergroup", supergroup_id=number)["is_forum"]
    bob.wait(lambda u: u["@type"] == "updateSupergroup" and u["supergroup"]["is_forum"])
    made = ann.call(
        "createForumTopic", chat_id=chat, name="Cats", icon={"@type": "forumTopicIcon", "color": YELLOW}
    )
    cats = made["forum_topic_id"] if version == "1.8.69" else made["message_thread_id"] >> 20
    sent = write(ann, version, chat, cats, "meow")
    heard = bob.wait_text("meow")
    assert heard["topic_id"] == {"@type": "messageTopicForum", "forum_topic_id": cats}
    seen = topics_of(bob, chat)
    assert set(seen) == {"General", "Cats"}
    assert seen["Cats"]["unread_count"] == 2 and seen["Cats"]["last_message"]["id"] == heard["id"]
    bob.call("openChat", chat_id=chat)
    assert set(topics_of(ann, chat)) == {"General", "Cats"}
    mark = len(ann.updates)
    bob.call(
        "viewMessages",
        chat_id=chat,
        message_ids=[heard["id"]],
        source={"@type": "messageSourceForumTopicHistory"},
        force_read=True,
    )
    answer = write(bob, "1.8.69", chat, cats, "purr", heard["id"])
    got = ann.wait_text("purr")
    assert got["reply_to"]["message_id"] == sent["id"]
    if version == "1.8.69":
        ann.wait(
            lambda u: u["@type"] == "updateForumTopic" and u["last_read_outbox_message_id"] >= sent["id"],
            since=mark,
        )
    assert topics_of(bob, chat)["Cats"]["unread_count"] == 0
    history = bob.call(
        "getForumTopicHistory", chat_id=chat, forum_topic_id=cats, from_message_id=0, offset=0, limit=50
    )
    assert [one["id"] for one in history["messages"]][:2] == [answer["id"], heard["id"]]
    found = bob.call(
        "searchChatMessages",
        chat_id=chat,
        topic_id={"@type": "messageTopicForum", "forum_topic_id": cats},
        query="",
        from_message_id=0,
        offset=0,
        limit=50,
        filter={"@type": "searchMessagesFilterEmpty"},
    )
    assert found["messages"]
    mark = len(bob.updates)
    ann.call(
        "editForumTopic",
        chat_id=chat,
        name="Felines",
        edit_icon_custom_emoji=False,
        **numbered(version, cats),
    )
    bob.wait(lambda u: u["@type"] == "updateForumTopicInfo" and u["info"]["name"] == "Felines", since=mark)
    mark = len(bob.updates)
    ann.call("toggleForumTopicIsPinned", chat_id=chat, is_pinned=True, **numbered(version, cats))
    bob.wait(lambda u: u["@type"] == "updateForumTopic" and u["is_pinned"], since=mark)
    ann.call("toggleForumTopicIsClosed", chat_id=chat, is_closed=True, **numbered(version, cats))
    bob.wait(lambda u: u["@type"] == "updateForumTopicInfo" and u["info"]["is_closed"], since=mark)
    ann.call("toggleGeneralForumTopicIsHidden", chat_id=chat, is_hidden=True)
    bob.wait(lambda u: u["@type"] == "updateForumTopicInfo" and u["info"]["is_hidden"], since=mark)
    with pytest.raises(TdError):
        bob.call("toggleForumTopicIsPinned", chat_id=chat, is_pinned=False, forum_topic_id=cats)
    events = ann.call("getChatEventLog", chat_id=chat, query="", from_event_id=0, limit=50)["events"]
    kinds = {one["action"]["@type"] for one in events}
    assert kinds >= {"chatEventForumTopicCreated", "chatEventForumTopicEdited", "chatEventForumTopicPinned"}
    ann.call(
        "setChatNotificationSettings", chat_id=chat, notification_settings={"use_default_mute_for": True}
    )
    ann.call("deleteForumTopic", chat_id=chat, **numbered(version, cats))
    assert set(topics_of(bob, chat)) == {"General"}
    number = supergroup(ann, chat)
    ann.call("toggleSupergroupIsForum", supergroup_id=number, is_forum=False)


@pytest.mark.parametrize("version", VERSIONS)
def test_comments_on_a_post_in_tdlib(person, no_errors, version):
    ann, bob = person(version, "Ann"), person("1.8.69", "Bob")
    befriend(ann, bob)
    news, group = pair(ann, bob, "News", is_channel=True), pair(ann, bob, "Talk")
    ann.call("getSuitableDiscussionChats")
    ann.call("setChatDiscussionGroup", chat_id=news, discussion_chat_id=group)
    post = ann.send_text(news, "it rains")
    heard = bob.wait(
        lambda u: (
            u["@type"] == "updateNewMessage"
            and u["message"]["chat_id"] == news
            and u["message"]["content"]["@type"] == "messageText"
        )
    )["message"]
    assert heard["interaction_info"]["reply_info"]["reply_count"] == 0
    copy = bob.wait(
        lambda u: (
            u["@type"] == "updateNewMessage"
            and u["message"]["chat_id"] == group
            and u["message"]["content"]["@type"] == "messageText"
        )
    )["message"]
    assert copy["sender_id"] == {"@type": "messageSenderChat", "chat_id": news}
    thread = bob.call("getMessageThread", chat_id=news, message_id=heard["id"])
    assert thread["chat_id"] == group and thread["messages"][0]["id"] == copy["id"]
    mark = len(bob.updates)
    content = {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": "it pours"}}
    top = {"topic_id": {"@type": "messageTopicThread", "message_thread_id": thread["message_thread_id"]}}
    bob.call("sendMessage", chat_id=group, input_message_content=content, **top)
    bob.wait(lambda u: u["@type"] == "updateMessageSendSucceeded", since=mark)
    got = ann.wait_text("it pours")
    assert got["chat_id"] == group

    def replies():
        return ann.call("getMessageThread", chat_id=news, message_id=post["id"])["reply_info"]["reply_count"]

    assert until_now(replies) == 1
    history = ann.call(
        "getMessageThreadHistory", chat_id=news, message_id=post["id"], from_message_id=0, offset=0, limit=20
    )
    assert got["id"] in [one["id"] for one in history["messages"]]
    ann.call("openChat", chat_id=group)
    ann.call(
        "viewMessages",
        chat_id=group,
        message_ids=[got["id"]],
        source={"@type": "messageSourceMessageThreadHistory"},
        force_read=True,
    )
    ann.call("setChatDiscussionGroup", chat_id=news, discussion_chat_id=0)


def test_a_guest_comments_in_tdlib(person, no_errors):
    """Bob is subscribed to the channel, and not in its private group."""
    ann, bob = person("1.8.69", "Ann"), person("1.8.69", "Bob")
    befriend(ann, bob)
    news = pair(ann, bob, "News", is_channel=True)
    group = ann.call(
        "createNewSupergroupChat", title="Talk", description="", is_channel=False, is_forum=False
    )["id"]
    ann.call("setChatDiscussionGroup", chat_id=news, discussion_chat_id=group)
    ann.send_text(news, "it rains")
    ann.wait(  # the post's copy: before it there is no thread
        lambda u: (
            u["@type"] == "updateNewMessage"
            and u["message"]["chat_id"] == group
            and u["message"]["content"]["@type"] == "messageText"
        )
    )
    heard = bob.wait_text("it rains")
    thread = bob.call("getMessageThread", chat_id=news, message_id=heard["id"])
    assert thread["chat_id"] == group
    mark = len(bob.updates)
    content = {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": "it pours"}}
    top = {"topic_id": {"@type": "messageTopicThread", "message_thread_id": thread["message_thread_id"]}}
    bob.call("sendMessage", chat_id=group, input_message_content=content, **top)
    done = bob.wait(lambda u: u["@type"].startswith("updateMessageSend"), since=mark)
    assert done["@type"] == "updateMessageSendSucceeded", done
    assert ann.wait_text("it pours")["chat_id"] == group
    history = bob.call(
        "getMessageThreadHistory", chat_id=news, message_id=heard["id"], from_message_id=0, offset=0, limit=20
    )
    assert done["message"]["id"] in [one["id"] for one in history["messages"]]
    status = bob.call("getSupergroup", supergroup_id=supergroup(bob, group))["status"]
    assert status["@type"] == "chatMemberStatusLeft"
    bob.call("deleteMessages", chat_id=group, message_ids=[done["message"]["id"]], revoke=True)
    bob.call("joinChat", chat_id=group)
