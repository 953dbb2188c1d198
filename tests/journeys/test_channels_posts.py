"""Posts that are passed on and commented at once, in Telethon, Kurigram and TDLib: copies show the views of the post, who
looks hears that they have grown, the log says who posted."""

from __future__ import annotations

import pyrogram
import pytest
from pyrogram.handlers import MessageHandler
from telethon import events
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import kurigram_client, kurigram_sign_up, telethon_person
from tests.journeys.tdlib import VERSIONS, befriend
from tests.journeys.test_channels import channel_of
from tests.journeys.test_channels_tdlib import arrive, make, supergroup
from tests.journeys.test_groups import known
from tests.journeys.test_telethon import meet
from tests.waiting import until


@pytest.mark.asyncio
async def test_posts_are_commented_at_once_and_passed_on_in_telethon_and_kurigram(daemon, new_phone, folder):
    client = kurigram_client(daemon, folder, "kim")
    passed = []

    async def on_message(_, message):
        passed.append(message)

    client.add_handler(MessageHandler(on_message, pyrogram.filters.private & pyrogram.filters.incoming))
    await kurigram_sign_up(client, daemon, new_phone(), "Kim")
    try:
        me = await client.get_me()
        await client.set_username(f"kim{me.id}")
        async with (
            telethon_person(daemon, new_phone(), "Ann") as ann,
            telethon_person(daemon, new_phone(), "Bob") as bob,
        ):
            await meet(ann, bob)
            news = (await ann(f.channels.CreateChannelRequest("News", "", broadcast=True))).chats[0]
            room = (await ann(f.channels.CreateChannelRequest("Room", "", megagroup=True))).chats[0]
            await ann(f.channels.SetDiscussionGroupRequest(news, room))
            await ann(f.channels.InviteToChannelRequest(news, [await known(ann, bob)]))
            seen = await channel_of(bob)
            answered, grown = [], []

            @bob.on(events.NewMessage(chats=seen.entity))
            async def comment(event):
                """As soon as he hears of a post."""
                answered.append(
                    await bob.send_message(seen.entity, f"on {event.raw_text}", comment_to=event.id)
                )

            @bob.on(events.Raw(t.UpdateChannelMessageViews))
            async def views(update):
                grown.append((update.channel_id, update.id, update.views))

            posts = [await ann.send_message(news, f"post {number}") for number in range(10)]
            await until(lambda: len(answered) == 10)
            for post in posts:  # and whoever asks in the same breath as he posts
                under = [one.raw_text async for one in ann.iter_messages(news, reply_to=post.id)]
                assert under == [f"on {post.raw_text}"]
            last = await ann.send_message(news, "and now?")
            await ann.send_message(news, "this", comment_to=last.id)

            (heard,) = await bob.get_messages(seen.entity, ids=[posts[0].id])
            kim = await bob.get_input_entity(f"kim{me.id}")
            await bob.forward_messages(kim, heard)
            (copy,) = await until(lambda: [one for one in passed if one.text == "post 0"])
            assert copy.views == 1
            asked = f.messages.GetMessagesViewsRequest(seen.entity, [posts[0].id], True)
            assert (await bob(asked)).views[0].views == 2
            peer = await client.resolve_peer(bob.me.id)
            looked = pyrogram.raw.functions.messages.GetMessagesViews(peer=peer, id=[copy.id], increment=True)
            (found,) = (await client.invoke(looked)).views
            assert (found.views, found.forwards) == (3, 1)
            await until(lambda: (news.id, posts[0].id, 3) in grown)  # with the next writing of counters
            (heard,) = await bob.get_messages(seen.entity, ids=[posts[0].id])
            assert heard.views == 3
            wanted = t.ChannelAdminLogEventsFilter(send=True)
            log = f.channels.GetAdminLogRequest(news, "", 0, 0, 100, events_filter=wanted)
            sent = (await ann(log)).events
            assert [one.action.message.message for one in sent][:2] == ["and now?", "post 9"]
            assert {one.user_id for one in sent} == {ann.me.id} and len(sent) == 11
    finally:
        await client.stop()


def views_of(client, message):
    info = message.get("interaction_info") or {}
    return info.get("view_count", 0), info.get("forward_count", 0)


@pytest.mark.parametrize("version", VERSIONS)
def test_posts_are_commented_at_once_and_passed_on_in_tdlib(person, no_errors, version):
    ann, bob = person(version, "Ann"), person(version, "Bob")
    private = befriend(ann, bob)
    news, room = make(ann, "News", channel=True), make(ann, "Room")
    ann.call("setChatDiscussionGroup", chat_id=news, discussion_chat_id=room)
    ann.call("addChatMembers", chat_id=news, user_ids=[bob.me["id"]])
    arrive(bob, news)
    bob.call("getSupergroupFullInfo", supergroup_id=supergroup(bob, news))
    bob.call("openChat", chat_id=news)
    for number in range(5):
        ann.send_text(news, f"post {number}")
        post = bob.wait_text(f"post {number}")
        thread = bob.call("getMessageThread", chat_id=news, message_id=post["id"])
        assert (thread["chat_id"], thread["messages"][0]["content"]["text"]["text"]) == (
            room,
            f"post {number}",
        )
    mark = len(ann.updates)
    bob.call("viewMessages", chat_id=news, message_ids=[post["id"]], force_read=True)
    ann.call("openChat", chat_id=news)
    mine = ann.call("getChatHistory", chat_id=news, from_message_id=0, offset=0, limit=1, only_local=False)
    ann.call("viewMessages", chat_id=news, message_ids=[mine["messages"][0]["id"]], force_read=True)
    ann.wait(
        lambda u: (
            u["@type"] == "updateMessageInteractionInfo"
            and u["chat_id"] == news
            and views_of(ann, u) == (2, 0)
        ),
        since=mark,
    )
    mark = len(bob.updates)
    ann.call(
        "forwardMessages",
        chat_id=private,
        from_chat_id=news,
        message_ids=[mine["messages"][0]["id"]],
        send_copy=False,
        remove_caption=False,
    )
    got = bob.wait(
        lambda u: u["@type"] == "updateNewMessage" and u["message"].get("forward_info"), since=mark
    )["message"]
    assert views_of(bob, got)[0] == 2
    filters = {"@type": "chatEventLogFilters", "message_deletions": True}
    said = ann.send_text(news, "a slip")
    ann.call("deleteMessages", chat_id=news, message_ids=[said["id"]], revoke=True)
    log = ann.call(
        "getChatEventLog", chat_id=news, query="", from_event_id=0, limit=50, filters=filters, user_ids=[]
    )
    (event,) = log["events"]
    assert event["action"]["@type"] == "chatEventMessageDeleted"
    assert event["action"]["message"]["content"]["text"]["text"] == "a slip"
    everything = ann.call(
        "getChatEventLog", chat_id=news, query="", from_event_id=0, limit=50, filters=None, user_ids=[]
    )
    assert event["id"] in [one["id"] for one in everything["events"]]
