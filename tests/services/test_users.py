from __future__ import annotations

from tests.community import community, run
from tests.services.test_codes import refused
from tgserve.services.users import SERVICE_USER
from tgserve.store import events as ev
from tgserve.store.eventlog import Published

PHONE = "+9996621001"


def test_a_profile_is_changed_and_the_cache_follows_the_commit() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(PHONE)
            users = c.services.users
            before = users.get(ann)
            await users.update_profile(ann, " Anna  Maria ", "Lee", "hello\nworld")
            after = users.get(ann)
            assert (after.first_name, after.last_name, after.about) == ("Anna Maria", "Lee", "hello world")
            assert after.version > before.version
            unchanged = await users.update_profile(ann, "Anna Maria", None, None)
            assert unchanged.version == after.version
            c.heard.clear()
            await users.update_profile(ann, None, None, "else")
            [event] = [e.event for e in c.heard if isinstance(e, Published)]
            assert event == ev.UserChanged(user_id=ann, what="about")

    run(story())


def test_6_14_names_and_about_have_limits() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(PHONE)
            update, before = c.services.users.update_profile, c.services.users.get(ann)
            await refused(update(ann, "", None, None), "FIRSTNAME_INVALID")
            await refused(update(ann, "\u200b\t", None, None), "FIRSTNAME_INVALID")
            await refused(update(ann, "x" * 65, None, None), "FIRSTNAME_INVALID")
            await refused(update(ann, None, "x" * 65, None), "LASTNAME_INVALID")
            await refused(update(ann, None, None, "x" * 71), "ABOUT_TOO_LONG")
            await refused(update(5, "X", None, None), "USER_ID_INVALID")
            assert c.services.users.get(ann) == before

    run(story())


def test_birthdays_exist() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(PHONE)
            users = c.services.users
            for day, month, year in ((31, 2, 0), (0, 5, 0), (1, 13, 0), (32, 1, 0), (1, 1, -5)):
                await refused(users.set_birthday(ann, day, month, year), "BIRTHDAY_INVALID")
            await users.set_birthday(ann, 29, 2, 2000)
            assert users.get(ann).birthday == (29, 2, 2000)
            await users.set_birthday(ann, 0, 0, 0)
            assert users.get(ann).birthday == (0, 0, 0)

    run(story())


def test_the_service_user_is_built_in_and_nobody_else_is_invented() -> None:
    async def story() -> None:
        async with community() as c:
            assert c.services.users.get(777000) is SERVICE_USER
            for nobody in (0, -1, 5, 2**62, -(10**12)):
                assert c.services.users.get_or_none(nobody) is None

    run(story())
