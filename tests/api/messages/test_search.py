"""The search methods as clients call them, over a real index: pages, counters, days, places, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.api.messages.test_chats import add, group, kick
from tests.community import Community, run
from tests.services.search.indexed import search_of
from tests.talk import Person, talk
from tgserve.errors import RpcError
from tgserve.tl import types as t
from tgserve.tl.functions import messages

EMPTY = t.InputMessagesFilterEmpty()
ZEROS = dict.fromkeys(("min_date", "max_date", "offset_id", "add_offset", "max_id", "min_id", "hash"), 0)
CONTACT = t.InputMediaContact(phone_number="1", first_name="Zoë", last_name="", vcard="")


@asynccontextmanager
async def found_talk(folder: Path, people: int = 3) -> AsyncIterator[tuple[Community, list[Person]]]:
    async with talk(people) as (c, made):
        search_of(c, folder)
        yield c, made
        await c.services.search.stop()


async def ask(person: Person, other: Any, text: str = "", what: Any = EMPTY, **more: Any) -> Any:
    person.c.services.search.feed.step()
    peer = other if isinstance(other, t.InputPeerEmpty) else person.peer(other)
    return await person(messages.Search(peer=peer, q=text, filter=what, **{**ZEROS, "limit": 10, **more}))


async def ask_all(person: Person, text: str = "", what: Any = EMPTY, **more: Any) -> Any:
    person.c.services.search.feed.step()
    zeros = dict.fromkeys(("min_date", "max_date", "offset_rate", "offset_id"), 0)
    given = {**zeros, "offset_peer": t.InputPeerEmpty(), "limit": 10, **more}
    return await person(messages.SearchGlobal(q=text, filter=what, **given))


def ids(answer: Any) -> list[int]:
    return [one.id for one in answer.messages]


def test_in_a_chat(tmp_path: Path) -> None:
    async def story() -> None:
        async with found_talk(tmp_path) as (c, (ann, bob, eve)):
            await ann.send(bob, "Hello there")
            await bob.send(ann, "hélas, https://example.com")
            await ann.send(eve, "hello Eve")
            await ann(messages.SendMedia(peer=ann.peer(bob), media=CONTACT, message="", random_id=10**9))
            assert ids(await ask(ann, bob, "hel")) == [2, 1]
            answer = await ask(ann, bob, "hel", limit=1)
            assert (answer.count, answer.inexact, ids(answer)) == (2, False, [2])
            assert {user.id for user in answer.users} == {ann.id, bob.id}
            older = await ask(ann, bob, "hel", limit=1, offset_id=2)
            assert ids(older) == [1] and older.offset_id_offset == 1
            assert ids(await ask(ann, bob, "hel", from_id=ann.peer(bob))) == [2]
            assert ids(await ask(ann, bob, "", t.InputMessagesFilterUrl())) == [2]
            assert ids(await ask(ann, bob, "zoe", t.InputMessagesFilterContacts())) == [4]
            assert ids(await ask(ann, bob, "zoe")) == [4]
            assert ids(await ask(ann, bob, "zoe", t.InputMessagesFilterPinned())) == []
            assert ids(await ask(ann, bob, "", t.InputMessagesFilterMyMentions())) == []
            counted = await ann(
                messages.GetSearchCounters(
                    peer=ann.peer(bob),
                    filters=[t.InputMessagesFilterUrl(), EMPTY, t.InputMessagesFilterPinned()],
                )
            )
            assert [(one.count, one.inexact) for one in counted] == [(1, False), (3, False), (0, False)]

    run(story())


def test_all_chats_page_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with found_talk(tmp_path) as (c, (ann, bob, eve)):
            for number in range(9):
                await ann.send((bob, eve, ann)[number % 3], f"word {number}")
                c.clock.advance(number % 2)
            seen: list[int] = []
            rate, last = 0, 0
            while True:
                answer = await ask_all(ann, "wor", limit=2, offset_rate=rate, offset_id=last)
                if not answer.messages:
                    break
                assert answer.count == 9 and len(answer.messages) <= 2
                seen += ids(answer)
                rate, last = answer.next_rate, answer.messages[-1].id
            assert seen == list(range(9, 0, -1))
            whole = await ask_all(bob, "wor")
            assert isinstance(whole, t.MessagesMessages) and ids(whole) == [3, 2, 1]
            assert ids(await ask_all(ann, "wor", groups_only=True)) == []
            assert ids(await ask_all(ann, "wor", broadcasts_only=True)) == []
            assert ids(await ask_all(ann, "wor", folder_id=1)) == []
            assert ids(await ask(ann, t.InputPeerEmpty(), "wor", limit=3, offset_id=5)) == [4, 3, 2]
            for refused, request in (
                ("SEARCH_QUERY_EMPTY", ask_all(ann, "")),
                ("SEARCH_QUERY_EMPTY", ask(ann, t.InputPeerEmpty())),
                ("FOLDER_ID_INVALID", ask_all(ann, "x", folder_id=7)),
                ("MSG_ID_INVALID", ask(ann, t.InputPeerEmpty(), "x", offset_id=77)),
                ("LIMIT_INVALID", ask_all(ann, "x", limit=-1)),
                ("MESSAGE_TOO_LONG", ask_all(ann, "x" * 5000)),
            ):
                with pytest.raises(RpcError, match=refused):
                    await request

    run(story())


def test_6_4_groups_by_what_each_member_has(tmp_path: Path) -> None:
    """SECURITY 6.4: who left does not find what came later, who came later finds what he was given."""

    async def story() -> None:
        async with found_talk(tmp_path) as (c, (ann, bob, eve)):
            chat = await group(ann, bob)
            await ann.send(chat, "a needle, https://example.com")
            await bob.send(chat, "needles everywhere")
            await add(ann, chat, eve, fwd_limit=10)
            await kick(ann, chat, bob)
            await ann.send(chat, "needle for Eve")

            async def texts(person: Person, **more: Any) -> list[str]:
                return [one.message for one in (await ask(person, chat, "needle", **more)).messages]

            assert await texts(ann) == [
                "needle for Eve",
                "needles everywhere",
                "a needle, https://example.com",
            ]
            assert sorted(await texts(eve)) == sorted(await texts(ann))
            assert await texts(bob) == ["needles everywhere", "a needle, https://example.com"]
            assert await texts(ann, from_id=ann.peer(bob)) == ["needles everywhere"]
            answer = await ask_all(ann, "needle", groups_only=True)
            assert len(answer.messages) == 3 and [one.id for one in answer.chats] == [-chat]
            assert ids(await ask_all(ann, "needle", users_only=True)) == []
            assert len((await ask_all(bob, "needle")).messages) == 2
            days = await eve(
                messages.GetSearchResultsCalendar(
                    peer=eve.peer(chat), filter=t.InputMessagesFilterUrl(), offset_id=0, offset_date=0
                )
            )
            assert days.count == 1 and len(days.chats) == 1

    run(story())


def test_days_and_places(tmp_path: Path) -> None:
    async def story() -> None:
        async with found_talk(tmp_path, 2) as (c, (ann, bob)):
            c.clock.advance(86_400 - c.clock.now() % 86_400)
            start = int(c.clock.now())
            for number in range(6):
                await ann.send(bob, f"see https://example.com/{number}")
                await ann.send(bob, "nothing")
                c.clock.advance(43_200)
            c.services.search.feed.step()
            what = {"peer": ann.peer(bob), "filter": t.InputMessagesFilterUrl()}
            days = await ann(messages.GetSearchResultsCalendar(**what, offset_id=0, offset_date=0))
            assert [(p.date, p.min_msg_id, p.max_msg_id, p.count) for p in days.periods] == [
                (start + 2 * 86_400, 9, 11, 2),
                (start + 86_400, 5, 7, 2),
                (start, 1, 3, 2),
            ]
            assert ids(days) == [11, 7, 3] and (days.count, days.min_msg_id, days.min_date) == (6, 1, start)
            older = await ann(messages.GetSearchResultsCalendar(**what, offset_id=9, offset_date=0))
            assert [p.max_msg_id for p in older.periods] == [7, 3] and older.offset_id_offset == 2
            placed = await ann(messages.GetSearchResultsPositions(**what, offset_id=0, limit=3))
            assert placed.count == 6
            assert [(p.msg_id, p.offset) for p in placed.positions] == [(11, 0), (7, 2), (3, 4)]
            with pytest.raises(RpcError, match="FILTER_NOT_SUPPORTED"):
                await ann(
                    messages.GetSearchResultsPositions(**{**what, "filter": EMPTY}, offset_id=0, limit=3)
                )
            with pytest.raises(RpcError, match="FILTER_NOT_SUPPORTED"):
                await ann(messages.SearchSentMedia(q="", filter=t.InputMessagesFilterUrl(), limit=3))
            sent = await ann(messages.SearchSentMedia(q="", filter=t.InputMessagesFilterPhotos(), limit=3))
            assert sent.messages == []

    run(story())


def test_saved_messages_and_their_origins(tmp_path: Path) -> None:
    async def story() -> None:
        async with found_talk(tmp_path, 2) as (c, (ann, bob)):
            await bob.send(ann, "word of Bob")
            await ann.send(ann, "my word")
            forward = messages.ForwardMessages(
                from_peer=ann.peer(bob), id=[1], to_peer=t.InputPeerSelf(), random_id=[10**9]
            )
            await ann(forward)
            assert ids(await ask(ann, ann, "word")) == [3, 2]
            assert ids(await ask(ann, ann, "wor", saved_peer_id=ann.peer(bob))) == [3]
            assert ids(await ask(ann, ann, "wor", saved_peer_id=ann.peer(ann))) == [2]

    run(story())


def test_a_part_of_saved_messages(tmp_path: Path) -> None:
    """Counters, days, places and pins of what came from one chat; elsewhere nothing has such parts."""

    async def story() -> None:
        async with found_talk(tmp_path, 3) as (c, (ann, bob, eve)):
            start = int(c.clock.now()) // 86_400 * 86_400 + 86_400
            for day in range(3):
                c.clock.advance(start + day * 86_400 - c.clock.now())
                for who in (bob, eve):
                    await who.send(ann, f"http://{who.id}.example/{day}")
                    [last] = ids(await ask(ann, who, limit=1))
                    await ann(
                        messages.ForwardMessages(
                            from_peer=ann.peer(who), id=[last], to_peer=ann.peer(ann), random_id=[last]
                        )
                    )
                await ann.send(ann, "my own http://example.com")
                await ann.send(ann, "no link")
            saved = (await ann.history(ann))[::-1]
            of_bob = [m.id for m in saved if f"{bob.id}.example" in m.message]
            of_ann = [m.id for m in saved if "my own" in m.message]
            for pinned in (of_bob[0], of_ann[0], of_bob[2]):
                await ann(messages.UpdatePinnedMessage(peer=ann.peer(ann), id=pinned))
            c.services.search.feed.step()
            link, pins = t.InputMessagesFilterUrl(), t.InputMessagesFilterPinned()
            filters: Any = [
                link,
                EMPTY,
                pins,
                t.InputMessagesFilterPhotos(),
                t.InputMessagesFilterGeo(),
                link,
            ]

            async def counts(peer: Any, part: Any) -> list[int]:
                asked = messages.GetSearchCounters(peer=peer, filters=filters, saved_peer_id=part)
                found = await ann(asked)
                assert [one.filter for one in found] == filters and not any(one.inexact for one in found)
                return [one.count for one in found]

            me = t.InputPeerSelf()
            assert await counts(me, ann.peer(bob)) == [3, 3, 2, 0, 0, 3]
            assert await counts(me, ann.peer(ann)) == [3, 6, 1, 0, 0, 3]
            assert await counts(me, None) == [9, 12, 3, 0, 0, 9]
            assert await counts(ann.peer(bob), ann.peer(eve)) == [3, 3, 0, 0, 0, 3], "there are no parts"
            what: Any = {"peer": me, "filter": link, "saved_peer_id": ann.peer(bob), "offset_id": 0}
            days = await ann(messages.GetSearchResultsCalendar(**what, offset_date=0))
            assert [(p.date, p.max_msg_id, p.count) for p in days.periods] == [
                (start + day * 86_400, of_bob[day], 1) for day in (2, 1, 0)
            ]
            assert (days.count, days.min_msg_id, ids(days)) == (3, of_bob[0], of_bob[::-1])
            placed = await ann(messages.GetSearchResultsPositions(**what, limit=10))
            assert placed.count == 3
            assert [(p.msg_id, p.offset) for p in placed.positions] == [
                (number, place) for place, number in enumerate(of_bob[::-1])
            ]
            assert ids(await ask(ann, ann, what=pins, saved_peer_id=ann.peer(bob))) == [of_bob[2], of_bob[0]]
            assert ids(
                await ask(ann, ann, what=pins, saved_peer_id=ann.peer(bob), offset_id=of_bob[2])
            ) == [of_bob[0]]  # fmt: skip
            assert ids(await ask(ann, ann, what=pins)) == [of_bob[2], of_ann[0], of_bob[0]]
            nobody = t.InputPeerUser(user_id=bob.id, access_hash=1)
            with pytest.raises(RpcError, match="PEER_ID_INVALID"):
                await ann(messages.GetSearchCounters(peer=me, filters=filters, saved_peer_id=nobody))

    run(story())


def test_an_unchanged_page_is_not_sent_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with found_talk(tmp_path, 2) as (c, (ann, bob)):
            await ann.send(bob, "word")
            value = 0
            for number in (1, 0):
                value ^= value >> 21
                value ^= value << 35 & 2**64 - 1
                value ^= value >> 4
                value = value + number & 2**64 - 1
            value = value - 2**64 if value >= 2**63 else value
            assert isinstance(await ask(ann, bob, "word", hash=value), t.MessagesMessagesNotModified)
            assert ids(await ask(ann, bob, "word", hash=value + 1)) == [1]

    run(story())
