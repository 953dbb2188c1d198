from __future__ import annotations

from typing import Any

import pytest

from tests.community import Community, community, run
from tests.services.test_codes import refused
from tgserve.api import contacts as handlers
from tgserve.api import users
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import contacts
from tgserve.tl.functions import users as user_calls

ANN, BOB = "+9996621001", "+9996621002"


def user(c: Community, viewer: int, user_id: int) -> t.InputUser:
    return t.InputUser(user_id=user_id, access_hash=c.services.access.of(viewer, b"u", user_id))


def peer(c: Community, viewer: int, user_id: int) -> t.InputPeerUser:
    return t.InputPeerUser(user_id=user_id, access_hash=c.services.access.of(viewer, b"u", user_id))


def read(drawn: Any) -> Any:
    return layers.decode(layers.encode(drawn))


async def two(c: Community) -> tuple[int, int, Any]:
    ann, key = await c.sign_up(ANN)
    return ann, (await c.sign_up(BOB, "Bob"))[0], c.call(ann, key)


def test_an_import_answers_with_the_contacts_as_they_are_after_it() -> None:
    """CLIENTS C.2"""

    async def story() -> None:
        async with community() as c:
            _, bob, call = await two(c)
            book = [t.InputPhoneContact(client_id=7, phone=BOB, first_name="Bobby", last_name="")]
            done = await handlers.import_contacts(call, contacts.ImportContacts(contacts=book))
            assert done.imported == [t.ImportedContact(user_id=bob, client_id=7)]
            assert read(done.users[0]).contact and read(done.users[0]).first_name == "Bobby"

    run(story())


def test_the_contact_list_and_its_hash() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, call = await two(c)
            whole = await handlers.get_contacts(call, contacts.GetContacts(hash=0))
            assert whole.contacts == []
            await handlers.add_contact(
                call, contacts.AddContact(id=user(c, ann, bob), first_name="Bobby", last_name="", phone="")
            )
            whole = await handlers.get_contacts(call, contacts.GetContacts(hash=0))
            assert whole.contacts == [t.Contact(user_id=bob, mutual=False)] and read(whole.users[0]).id == bob
            same = await handlers.get_contacts(call, contacts.GetContacts(hash=handlers.list_hash([0, bob])))
            assert same == t.ContactsContactsNotModified()
            statuses = await handlers.get_statuses(call, contacts.GetStatuses())
            assert statuses == [t.ContactStatus(user_id=bob, status=t.UserStatusRecently())]
            gone = await handlers.delete_contacts(call, contacts.DeleteContacts(id=[user(c, ann, bob)]))
            assert not read(gone.users[0]).contact
            assert [update.settings.add_contact for update in gone.updates] == [True]

    run(story())


def test_the_hash_of_a_list_is_the_one_clients_compute() -> None:
    assert handlers.list_hash([]) == 0
    assert handlers.list_hash([0, 1]) == 1
    value = 0
    for number in (3, 5_000_000_000, 7):  # as TDLib's get_vector_hash
        value = (value ^ (value >> 21)) & (2**64 - 1)
        value = (value ^ (value << 35)) & (2**64 - 1)
        value = (value ^ (value >> 4)) + number & (2**64 - 1)
    assert handlers.list_hash([3, 5_000_000_000, 7]) % 2**64 == value


def test_resolving() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, call = await two(c)
            await c.services.names.set_username(bob, "bobby_tables")
            for name in ("bobby_tables", "@BOBBY_tables"):
                found = await handlers.resolve_username(call, contacts.ResolveUsername(username=name))
                assert found.peer == t.PeerUser(user_id=bob)
            entity = read(found.users[0])
            assert entity.access_hash == c.services.access.of(ann, b"u", bob)
            for name in ("nobody_here", "", "x" * 5000, "\x00"):
                await refused(
                    handlers.resolve_username(call, contacts.ResolveUsername(username=name)),
                    "USERNAME_NOT_OCCUPIED",
                )
            found = await handlers.resolve_phone(call, contacts.ResolvePhone(phone=BOB))
            assert found.peer == t.PeerUser(user_id=bob)
            await refused(
                handlers.resolve_phone(call, contacts.ResolvePhone(phone="5")), "PHONE_NOT_OCCUPIED"
            )
            found = await handlers.search(call, contacts.Search(q="bobby", limit=5))
            assert found.results == [t.PeerUser(user_id=bob)] and found.my_results == []
            await refused(handlers.search(call, contacts.Search(q="bobby", limit=-1)), "LIMIT_INVALID")

    run(story())


def test_6_1_a_spoofed_hash_changes_nothing() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, call = await two(c)
            wrong = t.InputUser(user_id=bob, access_hash=c.services.access.of(bob, b"u", bob))
            wrong_peer = t.InputPeerUser(user_id=bob, access_hash=1)
            for awaitable in (
                handlers.add_contact(
                    call, contacts.AddContact(id=wrong, first_name="X", last_name="", phone="")
                ),
                handlers.delete_contacts(call, contacts.DeleteContacts(id=[wrong])),
                handlers.accept_contact(call, contacts.AcceptContact(id=wrong)),
                users.get_full_user(call, user_calls.GetFullUser(id=wrong)),
            ):
                await refused(awaitable, "USER_ID_INVALID")
            await refused(handlers.block(call, contacts.Block(id=wrong_peer)), "PEER_ID_INVALID")
            assert c.services.contacts.of(ann) == [] and c.services.contacts.blocked(ann) == []
            listed = await users.get_users(
                call, user_calls.GetUsers(id=[wrong, t.InputUserSelf(), user(c, ann, bob)])
            )
            assert [read(one).NAME for one in listed] == ["userEmpty", "user", "user"]

    run(story())


def test_accepting_shows_ones_number() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, call = await two(c)
            await handlers.accept_contact(call, contacts.AcceptContact(id=user(c, ann, bob)))
            await c.settle()
            assert c.services.contacts.get_or_none(ann, bob).first_name == "Bob"
            [seen] = await users.get_users(c.call(bob), user_calls.GetUsers(id=[user(c, bob, ann)]))
            assert read(seen).phone == "9996621001"

    run(story())


def test_blocks_are_paged() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, call = await two(c)
            eve, _ = await c.sign_up("+9996621003", "Eve")
            for other in (bob, eve):
                await handlers.block(call, contacts.Block(id=peer(c, ann, other)))
                c.clock.advance(1)
            page = await handlers.get_blocked(call, contacts.GetBlocked(offset=0, limit=1))
            assert page.count == 2 and page.blocked[0].peer_id == t.PeerUser(user_id=eve)
            page = await handlers.get_blocked(call, contacts.GetBlocked(offset=0, limit=10))
            assert isinstance(page, t.ContactsBlocked) and len(page.blocked) == 2
            await refused(
                handlers.get_blocked(call, contacts.GetBlocked(offset=-1, limit=10)), "LIMIT_INVALID"
            )
            await handlers.unblock(call, contacts.Unblock(id=peer(c, ann, bob)))
            await handlers.set_blocked(call, contacts.SetBlocked(id=[peer(c, ann, bob)], limit=1))
            page = await handlers.get_blocked(call, contacts.GetBlocked(offset=0, limit=10))
            assert [one.peer_id.user_id for one in page.blocked] == [bob]

    run(story())


def test_full_user_works_for_anybody_whose_hash_we_gave() -> None:
    """CLIENTS C.3"""

    async def story() -> None:
        async with community() as c:
            ann, bob, call = await two(c)
            for target in (t.InputUserSelf(), user(c, ann, bob), user(c, ann, 777000)):
                full = await users.get_full_user(call, user_calls.GetFullUser(id=target))
                for layer in (152, 181, 200, 214, 229, 232):
                    assert layers.encode_result(user_calls.GetFullUser, full, layer)

    run(story())


@pytest.mark.parametrize("count", [0, 3])
def test_nobody_has_to_pay_to_be_written_to(count: int) -> None:
    async def story() -> None:
        async with community() as c:
            _, _, call = await two(c)
            found = await users.get_requirements_to_contact(
                call, user_calls.GetRequirementsToContact(id=[t.InputUserSelf()] * count)
            )
            assert found == [t.RequirementToContactEmpty()] * count

    run(story())
