from __future__ import annotations

import pytest

from tests.community import community, run
from tgserve.services.contacts import Entry
from tgserve.services.privacy import BIRTHDAY, BY_PHONE, KEYS, PHONE, STATUS
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store.eventlog import Published
from tgserve.store.slots import slot_of

ANN, BOB, EVE = "+9996621001", "+9996621002", "+9996621003"


def test_6_13_defaults_are_telegrams() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob = (await c.sign_up(ANN))[0], (await c.sign_up(BOB))[0]
            allows = c.services.privacy.allows
            for key in KEYS:
                assert allows(ann, key, bob) is (key not in (PHONE, BIRTHDAY)), key
                assert allows(ann, key, ann)
            await c.services.contacts.add(ann, bob, "Bob", "", "", b"")
            assert allows(ann, PHONE, bob) and not allows(bob, PHONE, ann)
            assert allows(bob, BY_PHONE, ann)

    run(story())


@pytest.mark.parametrize(
    ("rules", "bob_may", "eve_may"),
    [
        ([("allow_all", ())], True, True),
        ([("disallow_all", ())], False, False),
        ([("allow_contacts", ())], True, False),
        ([("disallow_contacts", ()), ("allow_all", ())], False, True),
        ([("allow_users", "E"), ("disallow_all", ())], False, True),
        ([("disallow_users", "B"), ("allow_all", ())], False, True),
        ([("disallow_users", "B"), ("allow_contacts", ())], False, False),
        ([("allow_premium", ()), ("allow_close_friends", ()), ("disallow_all", ())], False, False),
        ([("disallow_bots", ()), ("allow_all", ())], True, True),
        ([("allow_chat_participants", (5,)), ("disallow_all", ())], False, False),
    ],
)
def test_6_13_the_first_rule_that_fits_decides(rules: object, bob_may: bool, eve_may: bool) -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, eve = [(await c.sign_up(phone))[0] for phone in (ANN, BOB, EVE)]
            await c.services.contacts.add(ann, bob, "Bob", "", "", b"")
            named = {"B": (bob,), "E": (eve,)}
            set_to = tuple((kind, named.get(ids, ids)) for kind, ids in rules)  # type: ignore[attr-defined]
            await c.services.privacy.set_rules(ann, STATUS, set_to)
            assert c.services.privacy.rules(ann, STATUS) == set_to
            assert c.services.privacy.allows(ann, STATUS, bob) is bob_may
            assert c.services.privacy.allows(ann, STATUS, eve) is eve_may

    run(story())


def test_one_user_is_let_in_beside_the_rules() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, eve = [(await c.sign_up(phone))[0] for phone in (ANN, BOB, EVE)]
            privacy = c.services.privacy
            await privacy.set_rules(ann, PHONE, (("disallow_users", (bob, eve)), ("disallow_all", ())))
            await privacy.allow_user(ann, PHONE, bob)
            assert privacy.allows(ann, PHONE, bob) and not privacy.allows(ann, PHONE, eve)
            await privacy.allow_user(ann, PHONE, eve)
            assert privacy.rules(ann, PHONE) == (("allow_users", (bob, eve)), ("disallow_all", ()))

    run(story())


def test_6_13_close_friends_bots_and_groups_are_kinds_of_viewers() -> None:
    async def story() -> None:
        async with community() as c:
            privacy = c.services.privacy
            ids = [(await c.sign_up(f"+999662300{n}"))[0] for n in range(3)]
            ann, bob, eve = ids
            await c.services.contacts.import_(ann, [Entry(1, "+9996623001", "Bob", "")])
            rules = (("allow_close_friends", ()), ("disallow_all", ()))
            await privacy.set_rules(ann, PHONE, rules)
            assert not privacy.allows(ann, PHONE, bob)
            await c.services.contacts.set_close_friends(ann, [bob, eve])
            assert privacy.allows(ann, PHONE, bob)
            assert not privacy.allows(ann, PHONE, eve), "no contact, so no close friend"
            await c.services.contacts.set_close_friends(ann, [])
            assert not privacy.allows(ann, PHONE, bob)
            await privacy.set_rules(ann, PHONE, (("allow_bots", ()), ("disallow_all", ())))
            assert not privacy.allows(ann, PHONE, bob)
            await privacy.set_rules(ann, PHONE, (("disallow_premium", ()), ("allow_all", ())))
            assert privacy.allows(ann, PHONE, bob)
            await privacy.set_rules(ann, PHONE, (("allow_chat_participants", (5,)), ("disallow_all", ())))
            assert not privacy.allows(ann, PHONE, bob)

    run(story())


def test_6_13_who_hides_his_last_seen_does_not_see_that_of_others() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob = (await c.sign_up("+9996623001"))[0], (await c.sign_up("+9996623002"))[0]
            shows = c.services.privacy.shows_status
            assert shows(ann, bob) and shows(bob, ann)
            await c.services.privacy.set_rules(ann, STATUS, (("disallow_all", ()),))
            assert not shows(ann, bob) and not shows(bob, ann)
            await c.services.privacy.set_rules(ann, STATUS, (("allow_users", (bob,)), ("disallow_all", ())))
            assert shows(ann, bob) and shows(bob, ann)

    run(story())


def test_rules_and_defaults_made_on_one_device_are_told_to_the_others() -> None:
    async def story() -> None:
        async with community() as c:
            ann, key = await c.sign_up("+9996623001")
            origin = (key, 77)
            await c.services.privacy.set_rules(ann, STATUS, (("disallow_all", ()),), origin)
            await c.services.settings.put_default_notify(ann, "users", b"tl", 0, origin)
            told = [item for item in c.heard if type(item) is Published and item.origin == origin]
            assert [item.event for item in told] == [
                ev.PrivacyChanged(STATUS),
                ev.DefaultNotifyChanged("users"),
            ]
            with c.store.read(slot_of(ann)) as reader:
                logged = [row.event for _, row in eventlog.read(reader, ann, 0)]
            assert ev.PrivacyChanged(STATUS) in logged and ev.DefaultNotifyChanged("users") in logged

    run(story())
