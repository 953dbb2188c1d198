from __future__ import annotations

from typing import Any

from tests.api.test_empty import api
from tests.community import community, run
from tests.services.test_codes import refused
from tgserve import limits
from tgserve.api import auth as door
from tgserve.api import contacts as book
from tgserve.api.account import leaving, profile, sessions
from tgserve.store import events as ev
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import account, auth, contacts

api.load()
PHONE = "+9996621001"


def test_an_export_begins_and_ends() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)
            await refused(
                leaving.finish_takeout_session(call, account.FinishTakeoutSession()), "TAKEOUT_REQUIRED"
            )
            begun = await leaving.init_takeout_session(call, account.InitTakeoutSession(contacts=True))
            assert isinstance(begun, t.AccountTakeout) and begun.id
            assert await leaving.finish_takeout_session(call, account.FinishTakeoutSession(success=True))
            await refused(
                leaving.finish_takeout_session(call, account.FinishTakeoutSession()), "TAKEOUT_REQUIRED"
            )

    run(story())


def test_an_export_is_asked_for_by_its_id() -> None:
    """invokeWithTakeout with a wrong id, or after the end, is refused; what only an export may have wants one."""

    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            other, _ = await c.sign_up("+9996621002")
            accounts = c.services.accounts
            first = await accounts.begin_takeout(me)
            assert accounts.takeout_runs(me, first) and accounts.takeout_runs(me)
            assert not accounts.takeout_runs(other, first) and not accounts.takeout_runs(0, first)
            second = await accounts.begin_takeout(me)
            assert not accounts.takeout_runs(me, first) and accounts.takeout_runs(me, second)
            await c.services.contacts.add(me, other, "Bob", "B", "+9996621002", b"")
            await refused(book.get_saved(c.call(me, key), contacts.GetSaved()), "TAKEOUT_REQUIRED")
            (line,) = await book.get_saved(c.call(me, key, takeout=True), contacts.GetSaved())
            assert isinstance(line, t.SavedPhoneContact)
            assert (line.phone.lstrip("+"), line.first_name) == ("9996621002", "Bob")
            c.clock.advance(limits.TAKEOUT_SECONDS)
            assert not accounts.takeout_runs(me, second)

    run(story())


def test_what_is_not_offered_says_so() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)
            for answer, error in (
                (
                    leaving.init_passkey_registration(call, account.InitPasskeyRegistration()),
                    "METHOD_INVALID",
                ),
                (
                    leaving.confirm_phone(call, account.ConfirmPhone(phone_code_hash="x", phone_code="1")),
                    "PHONE_CODE_EXPIRED",
                ),
                (
                    door.reset_login_email(
                        call, auth.ResetLoginEmail(phone_number=PHONE, phone_code_hash="x")
                    ),
                    "EMAIL_NOT_ALLOWED",
                ),
            ):
                await refused(answer, error)

    run(story())


def test_5_10_a_new_login_is_confirmed_on_another_device() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)
            await c.sign_in(PHONE)

            async def other() -> Any:
                listed = await sessions.get_authorizations(call, account.GetAuthorizations())
                return next(one for one in listed.authorizations if not one.current)

            line = await other()
            assert line.unconfirmed and not line.call_requests_disabled
            change = account.ChangeAuthorizationSettings(
                hash=line.hash, confirmed=True, call_requests_disabled=True
            )
            assert await sessions.change_authorization_settings(call, change)
            line = await other()
            assert not line.unconfirmed and line.call_requests_disabled
            told = [item.event for item in c.heard if type(item) is Published and item.origin == call.session]
            assert [type(event) for event in told] == [ev.NewAuthorization] and not told[0].unconfirmed
            await refused(
                sessions.change_authorization_settings(call, account.ChangeAuthorizationSettings(hash=12345)),
                "HASH_INVALID",
            )

    run(story())


def test_colours_of_name_and_profile() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call = c.call(me, key)

            async def paint(color: Any, profile_too: bool = False) -> Any:
                request = account.UpdateColor(color=color, for_profile=profile_too)
                return await profile.update_color(call, request)

            await refused(paint(t.PeerColor(color=21)), "COLOR_INVALID")
            await refused(paint(t.PeerColor(color=-2)), "COLOR_INVALID")
            assert await paint(t.PeerColor(color=5, background_emoji_id=99))
            assert await paint(t.PeerColor(color=8), True)
            renamed = await profile.update_profile(call, account.UpdateProfile(first_name="Anna"))
            user: Any = layers.decode(renamed.data)
            assert user.color == t.PeerColor(color=5, background_emoji_id=99)
            assert user.profile_color == t.PeerColor(color=8)
            assert await paint(None)
            assert c.services.users.get(me).color == -1

    run(story())


def test_close_friends_are_contacts_and_marked() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            bob, _ = await c.sign_up("+9996621002", "Bob")
            call = c.call(me, key)
            await c.services.contacts.add(me, bob, "Bob", "", "", b"")
            assert await book.edit_close_friends(call, contacts.EditCloseFriends(id=[bob, 4711]))
            listed: Any = await book.get_contacts(call, contacts.GetContacts(hash=0))
            drawn: Any = layers.decode(listed.users[0].data)
            assert drawn.id == bob and drawn.close_friend
            await refused(
                book.edit_close_friends(call, contacts.EditCloseFriends(id=[1] * 6000)), "LIMIT_INVALID"
            )

    run(story())
