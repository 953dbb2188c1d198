"""People look for what was said: Telethon and stock TDLib search a chat, all chats, by kind, sender and day."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import telethon_person
from tests.journeys.tdlib import VERSIONS, befriend
from tests.journeys.test_telethon import meet
from tests.waiting import until, until_now


async def found(client, entity, text, count, **more):
    """Texts found, newest first; the index is at most a second behind."""

    async def once():
        texts = [m.raw_text async for m in client.iter_messages(entity, search=text, **more)]
        return [texts] if len(texts) == count else None

    (texts,) = await until(once, pause=0.5)
    return texts


@pytest.mark.asyncio
async def test_telethon_searches(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        to_bob, to_ann = await meet(ann, bob)
        await ann.send_message(to_bob, "Let us meet at the Café at noon")
        lunch = await bob.send_message(to_ann, "the cafeteria? see https://example.com/menu")
        await ann.send_message("me", "buy coffee at the CAFÉ")
        await ann.send_message(to_bob, "我们在咖啡馆见面")
        assert await found(ann, to_bob, "cafe", 2) == [
            "the cafeteria? see https://example.com/menu",
            "Let us meet at the Café at noon",
        ]
        assert await found(ann, to_bob, "caf noo", 0) == []
        assert await found(ann, to_bob, "cafe noo", 1) == ["Let us meet at the Café at noon"]
        assert await found(bob, to_ann, "咖啡馆", 1) == ["我们在咖啡馆见面"]
        assert await found(ann, None, "cafe", 3) == [
            "buy coffee at the CAFÉ",
            "the cafeteria? see https://example.com/menu",
            "Let us meet at the Café at noon",
        ]
        assert len(await found(bob, None, "cafe", 2)) == 2
        assert await found(ann, to_bob, "cafe", 1, from_user=to_bob) == [lunch.raw_text]
        assert await found(ann, to_bob, None, 1, filter=t.InputMessagesFilterUrl()) == [lunch.raw_text]
        counters = await ann(f.messages.GetSearchCountersRequest(to_bob, [t.InputMessagesFilterUrl()]))
        assert counters[0].count == 1
        await bob.edit_message(to_ann, lunch, "changed my mind")
        assert await found(ann, to_bob, "cafe", 1) == ["Let us meet at the Café at noon"]
        assert await found(ann, to_bob, "mind", 1) == ["changed my mind"]
        await ann.delete_messages(to_bob, [m.id async for m in ann.iter_messages(to_bob)], revoke=True)
        assert await found(bob, to_ann, "cafe", 0) == [] and await found(bob, None, "mind", 0) == []


@pytest.mark.asyncio
async def test_telethon_pages_through_many(daemon, new_phone):
    async with telethon_person(daemon, new_phone(), "Ann") as ann:
        for number in range(130):
            await ann.send_message("me", f"{'apple' if number % 4 else 'pear'} number {number}")
        numbers = [int(text.split()[-1]) for text in await found(ann, "me", "apple", 97)]
        assert numbers == [n for n in range(129, -1, -1) if n % 4]
        everywhere = [int(text.split()[-1]) for text in await found(ann, None, "apple", 97)]
        assert everywhere == numbers


@pytest.mark.parametrize("version", VERSIONS)
def test_tdlib_searches(person, no_errors, version):
    ann, bob = person(version, "Ann"), person(version, "Bob")
    chat = befriend(ann, bob)
    ann.send_text(chat, "a needle in the hay")
    bob.wait_text("a needle in the hay")
    back = bob.call("createPrivateChat", user_id=ann.me["id"], force=True)["id"]
    bob.send_text(back, "Nëedles are sharp, see https://example.com")
    bob.send_text(back, "only hay")
    ann.wait_text("only hay")

    def in_chat(client, chat_id, query, kind="Empty", **more):
        given = {
            "chat_id": chat_id,
            "query": query,
            "from_message_id": 0,
            "offset": 0,
            "limit": 50,
            "filter": {"@type": f"searchMessagesFilter{kind}"},
            **more,
        }
        return client.call("searchChatMessages", **given)

    def texts(answer):
        return [m["content"]["text"]["text"] for m in answer["messages"]]

    def counted(ask, count):
        def once():
            answer = ask()
            return answer if len(answer["messages"]) == count else None

        return until_now(once, pause=0.5)

    answer = counted(lambda: in_chat(ann, chat, "need"), 2)
    assert texts(answer) == ["Nëedles are sharp, see https://example.com", "a needle in the hay"]
    assert answer["total_count"] == 2
    assert texts(counted(lambda: in_chat(bob, back, "hay"), 2)) == ["only hay", "a needle in the hay"]
    mine = {"sender_id": {"@type": "messageSenderUser", "user_id": ann.me["id"]}}
    assert texts(counted(lambda: in_chat(bob, back, "", **mine), 1)) == ["a needle in the hay"]
    assert len(counted(lambda: in_chat(ann, chat, "", "Url"), 1)["messages"]) == 1

    def everywhere(query):
        chat_list = {
            "chat_list": None,
            "offset": "",
            "limit": 50,
            "filter": None,
            "min_date": 0,
            "max_date": 0,
        }
        return ann.call("searchMessages", query=query, **chat_list)

    assert texts(counted(lambda: everywhere("need"), 2)) == [
        "Nëedles are sharp, see https://example.com",
        "a needle in the hay",
    ]
    count = ann.call(
        "getChatMessageCount", chat_id=chat, filter={"@type": "searchMessagesFilterUrl"}, return_local=False
    )
    assert count["count"] == 1
    days = ann.call(
        "getChatMessageCalendar", chat_id=chat, filter={"@type": "searchMessagesFilterUrl"}, from_message_id=0
    )
    assert days["total_count"] == 1
    today = datetime.fromtimestamp(days["days"][0]["message"]["date"], UTC)
    assert abs((datetime.now(UTC) - today).total_seconds()) < 300


@pytest.mark.parametrize("version", VERSIONS)
def test_tdlib_counts_in_a_part_of_saved_messages(person, no_errors, version):
    """What came from one chat, its days and places: not those of all Saved Messages."""
    ann, bob = person(version, "Ann"), person("1.8.69", "Bob")
    chat = befriend(ann, bob)
    saved = ann.call("createPrivateChat", user_id=ann.me["id"], force=True)["id"]
    ann.send_text(chat, "hello Bob")
    bob.wait_text("hello Bob")
    back = bob.call("createPrivateChat", user_id=ann.me["id"], force=True)["id"]
    ann.send_text(saved, "mine: https://example.com/own")
    ann.send_text(saved, "without a link")
    bob.send_text(back, "look: https://example.com/bob")
    heard = ann.wait_text("look: https://example.com/bob")
    mark = len(ann.updates)
    options = {"send_copy": False, "remove_caption": False}
    ann.call("forwardMessages", chat_id=saved, from_chat_id=chat, message_ids=[heard["id"]], **options)
    sent = ann.wait(lambda u: u["@type"] == "updateMessageSendSucceeded", since=mark)
    forwarded = sent["message"]["id"]
    ann.call("loadSavedMessagesTopics", limit=20)
    for user in (ann.me, bob.me):
        ann.wait(
            lambda u, user=user: (
                u["@type"] == "updateSavedMessagesTopic"
                and u["topic"]["id"] == user["id"]
                and u["topic"].get("last_message")
            )
        )

    def within(user):
        number = {"saved_messages_topic_id": user["id"]}
        return (
            {"topic_id": {"@type": "messageTopicSavedMessages", **number}} if version != "1.8.46" else number
        )

    url = {"@type": "searchMessagesFilterUrl"}

    def count(user):
        asked = {"chat_id": saved, "filter": url, "return_local": False}
        return ann.call("getChatMessageCount", **asked, **within(user))["count"]

    def both_found():
        place = {"query": "", "from_message_id": 0, "offset": 0, "limit": 50}
        return len(ann.call("searchChatMessages", chat_id=saved, filter=url, **place)["messages"]) == 2

    assert until_now(both_found, pause=0.5)
    assert count(bob.me) == count(ann.me) == 1
    days = ann.call("getChatMessageCalendar", chat_id=saved, filter=url, from_message_id=0, **within(bob.me))
    assert days["total_count"] == 1 and days["days"][0]["message"]["id"] == forwarded
    sparse = {"chat_id": saved, "filter": url, "from_message_id": forwarded + (1 << 20), "limit": 100}
    placed = ann.call("getChatSparseMessagePositions", saved_messages_topic_id=bob.me["id"], **sparse)
    assert [one["message_id"] for one in placed["positions"]] == [forwarded]
