from __future__ import annotations

from typing import Any

import pytest

from tests.community import Community, community, run
from tests.services.test_codes import refused
from tgserve import limits
from tgserve.services import contacts as module
from tgserve.services.contacts import Entry
from tgserve.services.privacy import BY_PHONE
from tgserve.store import events as ev
from tgserve.store.eventlog import Published

ANN, BOB, EVE = "+9996621001", "+9996621002", "+9996621003"


def events(c: Community, user_id: int, kind: type[Any]) -> list[Any]:
    return [
        e.event
        for e in c.heard
        if isinstance(e, Published) and e.user_id == user_id and type(e.event) is kind
    ]


async def three(c: Community) -> tuple[int, int, int]:
    return (await c.sign_up(ANN))[0], (await c.sign_up(BOB, "Bob"))[0], (await c.sign_up(EVE, "Eve"))[0]


def test_an_address_book_is_imported() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            book = [
                Entry(1, "+999 662 1002", "Bobby", "B"),
                Entry(2, "+9996629999", "Nobody", ""),
                Entry(3, "rubbish", "?", ""),
                Entry(4, ANN, "Me", ""),
            ]
            done = await c.services.contacts.import_(ann, book, (1, 2))
            assert done.found == [(bob, 1), (ann, 4)] and done.retry == []
            assert [(u, row.first_name, row.phone) for u, row in c.services.contacts.of(ann)] == [
                (bob, "Bobby", "9996621002")
            ]
            [event] = [
                e for e in c.heard if isinstance(e, Published) and isinstance(e.event, ev.ContactChanged)
            ]
            assert event.user_id == ann and event.origin == (1, 2) and event.pts_count == 0
            again = await c.services.contacts.import_(ann, book[:1])
            await c.settle()
            assert again.found == [(bob, 1)] and len(events(c, ann, ev.ContactChanged)) == 1

    run(story())


def test_mutual_is_known_to_both_sides_and_ends_with_one() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            contacts = c.services.contacts
            await contacts.add(ann, bob, "Bob", "", "", b"")
            await c.settle()
            assert not contacts.get_or_none(ann, bob).mutual
            assert contacts.between(bob, ann) == (None, True)
            await contacts.add(bob, ann, "Ann", "", "", b"")
            await c.settle()
            assert contacts.get_or_none(ann, bob).mutual and contacts.get_or_none(bob, ann).mutual
            assert len(events(c, ann, ev.ContactChanged)) == 2
            assert await contacts.delete(bob, [ann, ann, 5]) == [ann]
            await c.settle()
            assert not contacts.get_or_none(ann, bob).mutual
            assert contacts.between(ann, bob)[1] is False

    run(story())


def test_contacts_that_cannot_be() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            contacts = c.services.contacts
            await refused(contacts.add(ann, ann, "Me", "", "", b""), "CONTACT_ID_INVALID")
            await refused(contacts.add(ann, 777000, "Service", "", "", b""), "CONTACT_ID_INVALID")
            await refused(contacts.add(ann, 5, "Nobody", "", "", b""), "USER_ID_INVALID")
            await refused(contacts.add(ann, bob, " ", "", "", b""), "CONTACT_NAME_EMPTY")
            await refused(contacts.set_note(ann, bob, b"x"), "CONTACT_ID_INVALID")
            assert contacts.of(ann) == []

    run(story())


def test_a_number_is_kept_only_when_it_is_right() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, eve = await three(c)
            await c.services.contacts.add(ann, bob, "Bob", "", BOB, b"")
            await c.services.contacts.add(ann, eve, "Eve", "", BOB, b"")
            assert c.services.contacts.get_or_none(ann, bob).phone == "9996621002"
            assert c.services.contacts.get_or_none(ann, eve).phone == ""
            assert await c.services.contacts.delete_by_phones(ann, [BOB, EVE, "?"]) == [bob]

    run(story())


def test_too_many_contacts_are_refused_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            monkeypatch.setattr(limits, "CONTACTS", 1)
            book = [Entry(1, BOB, "Bob", ""), Entry(2, EVE, "Eve", "")]
            await refused(c.services.contacts.import_(ann, book), "CONTACTS_TOO_MUCH")
            assert c.services.contacts.of(ann) == []
            await c.services.contacts.add(ann, bob, "Bob", "", "", b"")

    run(story())


def test_5_5_imports_and_lookups_by_phone_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            contacts = c.services.contacts
            monkeypatch.setattr(limits, "IMPORTS_PER_DAY", 3)
            monkeypatch.setattr(limits, "CONTACTS_PER_IMPORT", 2)
            monkeypatch.setattr(module, "LOOKUPS_PER_DAY", 2)
            book = [Entry(n, f"+99966220{n:02}", "X", "") for n in range(3)]
            assert (await contacts.import_(ann, book)).retry == [2]
            await refused(contacts.import_(ann, book), "FLOOD_WAIT_")
            await contacts.import_(bob, book[:1])
            assert await contacts.resolve_phone(ann, BOB) == bob
            await refused(contacts.resolve_phone(ann, "+9996629999"), "PHONE_NOT_OCCUPIED")
            await refused(contacts.resolve_phone(ann, BOB), "FLOOD_WAIT_")
            c.clock.advance(limits.DAY)
            assert await contacts.resolve_phone(ann, BOB) == bob

    run(story())


def test_5_5_who_will_not_be_found_by_phone_is_not() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            await c.services.privacy.set_rules(bob, BY_PHONE, (("allow_contacts", ()),))
            book = [Entry(1, BOB, "Bob", "")]
            assert (await c.services.contacts.import_(ann, book)).found == []
            await refused(c.services.contacts.resolve_phone(ann, BOB), "PHONE_NOT_OCCUPIED")
            assert await c.services.contacts.resolve_phone(bob, BOB) == bob
            await c.services.contacts.add(bob, ann, "Ann", "", "", b"")
            assert (await c.services.contacts.import_(ann, book)).found == [(bob, 1)]

    run(story())


def test_blocks() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, eve = await three(c)
            contacts = c.services.contacts
            assert await contacts.block(ann, bob, True)
            assert not await contacts.block(ann, bob, True)
            c.clock.advance(1)
            await contacts.block(ann, eve, True)
            assert [peer for peer, _ in contacts.blocked(ann)] == [eve, bob]
            assert c.services.blocks.has_blocked(ann, bob) and not c.services.blocks.has_blocked(bob, ann)
            assert events(c, ann, ev.PeerBlocked) == [ev.PeerBlocked(bob, True), ev.PeerBlocked(eve, True)]
            await contacts.set_blocked(ann, [eve, ann])
            assert [peer for peer, _ in contacts.blocked(ann)] == [eve]
            assert not c.services.blocks.has_blocked(ann, bob)
            assert await contacts.block(ann, eve, False) and contacts.blocked(ann) == []
            await refused(contacts.block(ann, ann, True), "CONTACT_ID_INVALID")
            await refused(contacts.block(ann, 777000, True), "CONTACT_ID_INVALID")

    run(story())


def test_search_finds_contacts_by_any_name_and_strangers_by_username() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, eve = await three(c)
            await c.services.contacts.add(ann, bob, "Robert", "Miller", "", b"")
            await c.services.names.set_username(eve, "evening_star")
            search = c.services.contacts.search
            assert await search(ann, "mil", 10) == ([bob], [])
            assert await search(ann, "Bo", 10) == ([bob], [])
            assert await search(ann, "@EVEN", 10) == ([], [eve])
            assert await search(ann, "eve", 10) == ([], [eve])
            assert await search(ann, "ev", 10) == ([], [])
            assert await search(eve, "evening", 10) == ([], [])
            # the directory follows changes
            await c.services.names.set_username(eve, "morning_star")
            await c.services.names.set_username(bob, "morning_bob")
            assert await search(ann, "even", 10) == ([], [])
            assert await search(ann, "morning", 10) == ([bob], [eve])
            await c.services.names.set_username(eve, "")
            assert await search(ann, "morning_", 10) == ([bob], [])
            assert await search(ann, "  MORNING_b ", 1) == ([bob], [])
            await refused(search(ann, " @ ", 10), "SEARCH_QUERY_EMPTY")

    run(story())
