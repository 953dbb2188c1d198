"""Statistics of a channel in Telethon and TDLib: offered to admins once it is large enough, true in every number."""

from __future__ import annotations

import asyncio
import json

import pytest
from telethon import errors
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import telethon_client, telethon_person, telethon_sign_up
from tests.journeys.tdlib import VERSIONS, befriend
from tests.journeys.test_channels_tdlib import arrive, make, sender, supergroup
from tests.journeys.test_telethon import meet
from tests.waiting import until, until_now
from tgserve.limits import CHANNEL_STATISTICS_MEMBERS


async def join(daemon, new_phone, name, number, *, look=0):
    """So many people join a public channel; each of the first `look` reads its newest post."""
    for one in range(number):
        client = telethon_client(daemon)
        await telethon_sign_up(client, daemon, new_phone(), f"Reader {one}")
        found = await client(f.contacts.ResolveUsernameRequest(name))
        channel = (await client(f.channels.JoinChannelRequest(found.chats[0]))).updates.chats[0]
        if one < look:
            (post,) = await client.get_messages(channel, limit=1)
            await client(f.messages.GetMessagesViewsRequest(channel, [post.id], True))
        await client.disconnect()


def columns(graph):
    return {column[0]: column[1:] for column in json.loads(graph)["columns"]}


@pytest.mark.asyncio
async def test_statistics_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        await meet(ann, bob)
        news = (await ann(f.channels.CreateChannelRequest("News", "", broadcast=True))).chats[0]
        digest = (await bob(f.channels.CreateChannelRequest("Digest", "", broadcast=True))).chats[0]
        name = f"news_{ann.me.id % 10**9}"
        await ann(f.channels.UpdateUsernameRequest(news, name))
        await bob(f.channels.UpdateUsernameRequest(digest, f"digest_{bob.me.id % 10**9}"))
        seen = (await bob(f.contacts.ResolveUsernameRequest(name))).chats[0]
        await bob(f.channels.JoinChannelRequest(seen))
        post = await ann.send_message(news, "it rains")
        with pytest.raises(errors.ChatAdminRequiredError):
            await ann.get_stats(news)
        assert not (await ann(f.channels.GetFullChannelRequest(news))).full_chat.can_view_stats
        await join(daemon, new_phone, name, CHANNEL_STATISTICS_MEMBERS - 2, look=3)
        (heard,) = await bob.get_messages(seen, ids=[post.id])
        await bob.forward_messages(digest, heard)
        full = (await ann(f.channels.GetFullChannelRequest(news))).full_chat
        assert full.can_view_stats and full.stats_dc == ann.session.dc_id

        async def figures():  # what was counted is written every few seconds
            found = await ann.get_stats(news)
            hours = found.top_hours_graph
            return isinstance(hours, t.StatsGraph) and sum(columns(hours.json.data)["y0"]) == 3 and found

        found = await until(figures, pause=7)  # ten in a minute are answered
        assert found.followers.current == CHANNEL_STATISTICS_MEMBERS
        assert (found.views_per_post.current, found.shares_per_post.current) == (4, 1)
        assert found.enabled_notifications.part == found.enabled_notifications.total
        (recent,) = found.recent_posts_interactions
        assert (recent.msg_id, recent.views, recent.forwards) == (post.id, 4, 1)
        assert isinstance(found.languages_graph, t.StatsGraphError)
        asked = f.stats.GetMessagePublicForwardsRequest(news, post.id, "", 10)

        async def told():  # the post hears of its copies by a commit of its own
            return (await ann(asked)).forwards

        (passed,) = await until(told)
        assert passed.message.peer_id.channel_id == digest.id
        assert await ann.get_stats(news, post.id)
        with pytest.raises(errors.ChatAdminRequiredError):
            await bob.get_stats(seen)


@pytest.mark.parametrize("version", VERSIONS)
def test_statistics_in_tdlib(person, no_errors, daemon, new_phone, version):
    ann, bob = person(version, "Ann"), person(version, "Bob")
    befriend(ann, bob)
    news = make(ann, "News", channel=True)
    name = f"td_news_{ann.me['id'] % 10**9}"
    ann.call("setSupergroupUsername", supergroup_id=supergroup(ann, news), username=name)
    ann.call("addChatMembers", chat_id=news, user_ids=[bob.me["id"]])
    arrive(bob, news)
    post = ann.send_text(news, "it rains")
    asyncio.run(join(daemon, new_phone, name, CHANNEL_STATISTICS_MEMBERS - 2, look=3))
    may = {"@type": "chatAdministratorRights", "can_manage_chat": True}
    status = {"@type": "chatMemberStatusAdministrator", "custom_title": "", "rights": may}
    ann.call("setChatMemberStatus", chat_id=news, member_id=sender(bob), status=status)
    number = supergroup(bob, news)

    def offered():
        return bob.call("getSupergroupFullInfo", supergroup_id=number)["can_get_statistics"]

    until_now(offered)

    def counted():
        found = bob.call("getChatStatistics", chat_id=news, is_dark=False)
        graph = found["view_count_by_hour_graph"]  # a writing may fall between the views of two people
        if graph["@type"] != "statisticalGraphData" or sum(columns(graph["json_data"])["y0"]) != 3:
            return None
        return found

    found = until_now(counted, pause=7)
    assert found["@type"] == "chatStatisticsChannel"
    assert found["member_count"]["value"] == CHANNEL_STATISTICS_MEMBERS
    views = found.get("mean_message_view_count") or found["mean_view_count"]
    assert views["value"] == 4
    assert found["enabled_notifications_percentage"] == 100
    assert found["language_graph"]["@type"] == "statisticalGraphError"
    told = bob.wait_text("it rains")
    assert told["id"] == post["id"]
    alone = bob.call("getMessageStatistics", chat_id=news, message_id=post["id"], is_dark=False)
    assert alone["message_interaction_graph"]["@type"] == "statisticalGraphError"
    passed = bob.call("getMessagePublicForwards", chat_id=news, message_id=post["id"], offset="", limit=10)
    assert passed["total_count"] == 0
