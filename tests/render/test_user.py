from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.community import Community, community, run
from tgserve.render import user as people
from tgserve.services import privacy
from tgserve.services.users import put_user
from tgserve.store import records as r
from tgserve.store.slots import slot_of
from tgserve.tl import layers
from tgserve.tl import types as t

ANN, BOB, EVE = "+9996621001", "+9996621002", "+9996621003"


def seen(c: Community, viewer: int, user_id: int) -> Any:
    """The user as a client of the current layer reads it."""
    return layers.decode(layers.encode(people.user(c.services, viewer, user_id)))


async def three(c: Community) -> tuple[int, int, int]:
    return (
        (await c.sign_up(ANN, "Ann", "Lee"))[0],
        (await c.sign_up(BOB, "Bob"))[0],
        (await c.sign_up(EVE, "Eve"))[0],
    )


def test_oneself_and_a_stranger() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            me = seen(c, ann, ann)
            assert me.self_ and me.phone == "9996621001" and (me.first_name, me.last_name) == ("Ann", "Lee")
            assert not me.min and me.lang_code is None and me.photo is None
            assert isinstance(me.status, t.UserStatusRecently)
            other = seen(c, ann, bob)
            assert not other.self_ and not other.contact and other.phone is None and other.last_name is None
            assert other.access_hash == c.services.access.of(ann, b"u", bob) != me.access_hash
            assert seen(c, bob, bob).access_hash != other.access_hash

    run(story())


def test_a_contact_has_the_names_its_owner_gave_and_mutual_follows() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            assert not seen(c, ann, bob).contact
            await c.services.contacts.add(ann, bob, "Robert", "Miller", "", b"")
            await c.settle()
            bobby = seen(c, ann, bob)
            assert bobby.contact and not bobby.mutual_contact
            assert (bobby.first_name, bobby.last_name) == ("Robert", "Miller")
            await c.services.contacts.add(bob, ann, "Annie", "", "", b"")
            await c.settle()
            assert seen(c, ann, bob).mutual_contact and seen(c, bob, ann).first_name == "Annie"
            await c.services.users.update_profile(bob, "Bobo", None, None)
            await c.services.names.set_username(bob, "bobby_tables")
            assert (seen(c, ann, bob).first_name, seen(c, ann, bob).username) == ("Robert", "bobby_tables")
            await c.services.contacts.delete(ann, [bob])
            await c.settle()
            assert seen(c, ann, bob).first_name == "Bobo" and not seen(c, ann, bob).contact
            assert not seen(c, bob, ann).mutual_contact and seen(c, bob, ann).contact

    run(story())


def test_6_13_a_phone_is_seen_by_those_allowed_and_by_those_who_knew_it() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, eve = await three(c)
            assert seen(c, ann, bob).phone is None and seen(c, eve, bob).phone is None
            await c.services.contacts.add(bob, ann, "Ann", "", "", b"")  # Bob's contacts may see his number
            await c.settle()
            assert seen(c, ann, bob).phone == "9996621002" and seen(c, eve, bob).phone is None
            await c.services.privacy.set_rules(bob, privacy.PHONE, (("disallow_all", ()),))
            assert seen(c, ann, bob).phone is None
            await c.services.contacts.add(eve, bob, "Bob", "", BOB, b"")  # typed it in herself
            assert seen(c, eve, bob).phone == "9996621002"
            await c.services.privacy.set_rules(bob, privacy.PHONE, (("allow_all", ()),))
            assert seen(c, ann, bob).phone == "9996621002"

    run(story())


def test_status_is_never_stale_and_obeys_privacy() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, eve = await three(c)
            await c.services.privacy.set_rules(
                bob, privacy.STATUS, (("disallow_users", (eve,)), ("allow_all", ()))
            )
            c.services.presence.connected(bob)
            c.services.presence.update_status(bob, offline=False)
            now = int(c.clock.now())
            online = seen(c, ann, bob).status
            assert isinstance(online, t.UserStatusOnline) and online.expires > now
            assert seen(c, eve, bob).status == t.UserStatusRecently()
            first = people.user(c.services, ann, bob)
            assert people.user(c.services, ann, bob) is first
            c.services.presence.update_status(bob, offline=True)
            assert seen(c, ann, bob).status == t.UserStatusOffline(was_online=now)
            assert people.status(c.services, ann, bob) == t.UserStatusOffline(was_online=now)
            assert people.status(c.services, eve, bob) == t.UserStatusRecently()
            c.clock.advance(5 * 86_400)
            assert people.status(c.services, eve, bob) == t.UserStatusLastWeek()

    run(story())


def test_the_service_user_a_deleted_one_and_nobody() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            service = seen(c, ann, 777000)
            assert (
                service.verified and service.support and service.phone == "42777" and service.status is None
            )
            assert seen(c, ann, 12) == t.UserEmpty(id=12)

            def delete(txn: Any) -> None:
                put_user(txn, replace(c.services.users.get(bob), deleted=True))

            await c.store.transact(slot_of(bob), delete)
            gone = seen(c, ann, bob)
            assert gone.deleted and gone.first_name is None and gone.access_hash and gone.phone is None

    run(story())


def test_users_are_listed_once_and_groups_left_out() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            listed = people.users(c.services, ann, [bob, -5, ann, bob, -(10**12) - 1])
            assert [layers.decode(one.data).id for one in listed] == [bob, ann]

    run(story())


@pytest.mark.parametrize("layer", [152, 160, 181, 200, 214, 227, 232])
def test_old_layers_read_a_drawn_user(layer: int) -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            await c.services.contacts.add(ann, bob, "Bob", "", BOB, b"")
            c.services.presence.connected(bob)
            c.services.presence.update_status(bob, offline=False)
            raw = people.user(c.services, ann, bob)
            found = layers.decode(layers.encode(raw, layer))
            assert (found.id, found.first_name, found.phone) == (bob, "Bob", "9996621002")
            assert found.contact and isinstance(found.status, t.UserStatusOnline)

    run(story())


def test_a_name_that_holds_the_mark_of_the_drawing_does_no_harm() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            record = r.User(id=bob, phone="", first_name=people._MARK.decode("latin-1"), created=1, version=9)

            def work(txn: Any) -> None:

                put_user(txn, record)

            await c.store.transact(slot_of(bob), work)
            assert seen(c, ann, bob).first_name == record.first_name

    run(story())


def test_full_user_shows_what_privacy_allows() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)
            await c.services.users.update_profile(bob, None, None, "I am Bob")
            await c.services.users.set_birthday(bob, 3, 4, 2000)
            full = people.full(c.services, ann, bob, t.PeerNotifySettings())
            assert full.about == "I am Bob" and full.birthday is None and not full.blocked
            assert full.settings.add_contact and full.settings.block_contact
            await c.services.contacts.add(bob, ann, "Ann", "", "", b"")
            await c.services.contacts.block(ann, bob, True)
            await c.services.privacy.set_rules(bob, privacy.ABOUT, (("disallow_all", ()),))
            await c.services.privacy.set_rules(bob, privacy.FORWARDS, (("disallow_all", ()),))
            await c.settle()
            full = people.full(c.services, ann, bob, t.PeerNotifySettings())
            assert full.about is None and full.birthday == t.Birthday(day=3, month=4, year=2000)
            assert full.blocked and full.private_forward_name == "Bob"
            assert people.full(c.services, ann, ann, t.PeerNotifySettings()).settings == t.PeerSettings()

    run(story())


def test_the_min_form_shows_a_photo_that_everybody_may_see() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, _ = await three(c)

            def common() -> Any:
                return layers.decode(layers.encode(people.minimal(c.services, ann)))

            async def have(photo: r.Shot | None, fallback: r.Shot | None) -> None:
                def work(txn: Any) -> None:
                    put_user(txn, replace(c.services.users.get(ann), photo=photo, fallback=fallback))

                await c.store.transact(slot_of(ann), work)

            assert common().min and common().photo is None and common().apply_min_photo
            await have(r.Shot(7, b"tiny"), r.Shot(8, b"tiny"))
            assert common().photo.photo_id == 7 and common().photo.stripped_thumb is None
            await c.services.privacy.set_rules(
                ann, privacy.PHOTO, (("disallow_users", (bob,)), ("allow_all", ()))
            )
            assert common().photo is None and not common().apply_min_photo
            await have(None, r.Shot(8, b"tiny"))
            assert common().photo.photo_id == 8
            await have(None, None)

    run(story())
