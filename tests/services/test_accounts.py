from __future__ import annotations

from typing import Any

import pytest

from tests.api.account.test_password import asked, settings, update
from tests.api.test_empty import api
from tests.community import Community, community, run
from tests.services.test_codes import refused
from tests.srp_client import proof_of
from tgserve import limits
from tgserve.api.account import leaving, sessions
from tgserve.api.account.password import proof
from tgserve.api.messages import chats, sending
from tgserve.services.accounts import LAST_LOOK_SECONDS
from tgserve.services.contacts import Entry
from tgserve.services.keys import SessionEnded
from tgserve.services.messaging import Draft
from tgserve.services.upkeep import ACCOUNT_TTL, SESSION_TTL
from tgserve.store import keyspaces as k
from tgserve.store.check import check_store
from tgserve.store.format import all_keyspaces
from tgserve.store.packing import I64
from tgserve.store.slots import slot_of
from tgserve.tl import types as t
from tgserve.tl.functions import account, messages

api.load()
ANN, BOB, NEW = "+9996621001", "+9996621002", "+9996621003"
DAY = limits.DAY


async def pair(c: Community) -> tuple[int, int, int, int]:
    """Ann and Bob know each other and have written: (ann, her key, bob, his key)."""
    ann, ann_key = await c.sign_up(ANN, "Ann")
    bob, bob_key = await c.sign_up(BOB, "Bob")
    await c.services.contacts.import_(ann, [Entry(1, BOB, "Bob", "")])
    await c.services.contacts.import_(bob, [Entry(1, ANN, "Ann", "")])
    for number in range(5):
        await c.services.messaging.send(ann, bob, Draft(text=b"to bob"), 100 + number)
        await c.services.messaging.send(bob, ann, Draft(text=b"to ann"), 200 + number)
    await c.services.messaging.send(ann, ann, Draft(text=b"to myself"), 300)
    await c.settle()
    return ann, ann_key, bob, bob_key


def sound(c: Community) -> None:
    report = check_store(c.store)
    assert not report.problems, [str(problem) for problem in report.problems]


def rows_of(c: Community, user: int) -> dict[str, int]:
    """What the user's slot still holds of the user, by keyspace."""
    with c.store.read(slot_of(user)) as reader:
        counts = {
            ks.name: reader.count(ks, user) for ks in all_keyspaces() if ks.parts and ks.parts[0] is I64
        }
    return {name: count for name, count in counts.items() if count}


def test_a_deleted_account_is_gone_and_others_keep_their_copies() -> None:
    async def story() -> None:
        async with community() as c:
            ann, key, bob, _ = await pair(c)
            await c.sign_in(ANN)
            await c.services.names.set_username(ann, "ann_lee")
            call = c.call(ann, key)
            assert await leaving.delete_account(call, account.DeleteAccount(reason="enough"))
            await c.settle()
            user = c.services.users.get(ann)
            assert user.deleted and not (user.phone or user.first_name or user.username)
            assert c.services.auth.user_by_phone_or_none(ANN) is None
            assert c.services.names.peer_or_none("ann_lee") is None
            assert len([item for item in c.heard if type(item) is SessionEnded and item.user_id == ann]) == 2
            sound(c)
            await c.services.upkeep.turn()
            await c.settle()
            sound(c)
            c.clock.advance(LAST_LOOK_SECONDS)
            await c.services.upkeep.turn()
            await c.settle()
            sound(c)
            # Of Ann there is the record that says so, and those bodies that Bob still holds.
            assert rows_of(c, ann) == {"users": 1, "bodies": 5}
            assert c.services.contacts.of(bob) == []
            views = c.services.history.messages(bob, range(1, 20))
            history = [view.body.text for view in views if view is not None]
            assert history.count(b"to bob") == 5 and history.count(b"to ann") == 5
            await refused(_send(c, bob, ann), "INPUT_USER_DEACTIVATED")
            again, _ = await c.sign_up(ANN, "Somebody else")
            assert again != ann

    run(story())


def test_a_deleted_account_leaves_its_groups_and_its_words_stay() -> None:
    async def story() -> None:
        async with community() as c:
            ann, key, bob, bob_key = await pair(c)
            hash_ = c.services.views.user_hash(bob, ann)
            create = messages.CreateChat(users=[t.InputUser(user_id=ann, access_hash=hash_)], title="We")
            await chats.create_chat(c.call(bob, bob_key), create)
            await c.settle()
            with c.store.read(slot_of(ann)) as reader:
                chat = next(peer for (*_, peer), _ in reader.range(k.DIALOGS, ann) if peer < 0)
            for number, who in enumerate((ann, bob, ann), start=1):
                peer = t.InputPeerChat(chat_id=-chat)
                say = messages.SendMessage(peer=peer, message="to all", random_id=number)
                await sending.send_message(c.call(who), say)
                await c.settle()
            sound(c)
            assert await leaving.delete_account(c.call(ann, key), account.DeleteAccount(reason=""))
            for seconds in (0, 0, LAST_LOOK_SECONDS):
                c.clock.advance(seconds)
                await c.services.upkeep.turn()
                await c.settle()
                sound(c)
            roster = c.services.groups.rosters.get_or_none(chat)
            assert roster is not None and roster.here == (bob,)
            assert rows_of(c, ann) == {"users": 1, "bodies": 7}

    run(story())


async def _send(c: Community, me: int, to: int) -> Any:
    peer = t.InputPeerUser(user_id=to, access_hash=c.services.views.user_hash(me, to))
    return await sending.send_message(c.call(me), messages.SendMessage(peer=peer, message="x", random_id=7))


def test_5_7_deleting_an_account_with_a_password_takes_it_or_a_week() -> None:
    async def story() -> None:
        async with community() as c:
            ann, key = await c.sign_up(ANN)
            call = c.call(ann, key)
            assert await update(call, t.InputCheckPasswordEmpty(), await settings(call, "one"))
            bare = account.DeleteAccount(reason="")
            for _ in range(2):
                await refused(leaving.delete_account(call, bare), f"2FA_CONFIRM_WAIT_{7 * DAY}")
            wrong = account.DeleteAccount(reason="", password=proof_of("two", await asked(call)))
            await refused(leaving.delete_account(call, wrong), "PASSWORD_HASH_INVALID")
            c.clock.advance(6 * DAY)
            await refused(leaving.delete_account(call, bare), f"2FA_CONFIRM_WAIT_{DAY}")
            await c.services.passwords.check(ann, key, proof(proof_of("one", await asked(call))))
            c.clock.advance(2 * DAY)
            await refused(leaving.delete_account(call, bare), f"2FA_CONFIRM_WAIT_{7 * DAY}")
            right = account.DeleteAccount(reason="", password=proof_of("one", await asked(call)))
            assert await leaving.delete_account(call, right)
            await c.settle()
            assert c.services.users.get(ann).deleted

    run(story())


def test_another_phone_number() -> None:
    async def story() -> None:
        async with community() as c:
            ann, key, bob, bob_key = await pair(c)
            call = c.call(ann, key)

            async def code(phone: str, by: Any = call) -> Any:
                request = account.SendChangePhoneCode(phone_number=phone, settings=t.CodeSettings())
                return await leaving.send_change_phone_code(by, request)

            await refused(code("12"), "PHONE_NUMBER_INVALID")
            await refused(code(BOB), "PHONE_NUMBER_OCCUPIED")
            _, fresh = await c.sign_in(ANN)
            await refused(code(NEW, c.call(ann, fresh)), "FRESH_CHANGE_PHONE_FORBIDDEN")
            tag = (await code(NEW)).phone_code_hash

            async def change(text: str) -> Any:
                request = account.ChangePhone(phone_number=NEW, phone_code_hash=tag, phone_code=text)
                return await leaving.change_phone(call, request)

            right = c.desk.code
            await refused(change(""), "PHONE_CODE_EMPTY")
            await refused(change("x"), "PHONE_CODE_INVALID")
            for _ in range(2):  # the answer may be lost
                await change(right)
            await c.settle()
            assert c.services.users.get(ann).phone == NEW[1:]
            assert c.services.auth.user_by_phone_or_none(NEW) == ann
            assert c.services.auth.user_by_phone_or_none(ANN) is None
            sound(c)
            other, _ = await c.sign_up(ANN, "New owner")
            assert other != ann
            sound(c)

    run(story())


def test_5_6_idle_sessions_end_by_themselves() -> None:
    async def story() -> None:
        async with community() as c:
            ann, key = await c.sign_up(ANN)
            _, second = await c.sign_in(ANN)
            await sessions.set_authorization_ttl(
                c.call(ann, key), account.SetAuthorizationTTL(authorization_ttl_days=7)
            )
            assert c.services.settings.get_or_none(ann, SESSION_TTL) == b"7"
            upkeep = c.services.upkeep
            c.clock.advance(7 * DAY - 60)
            await upkeep.look(slot_of(ann))
            assert len(c.services.auth.sessions.of(ann)) == 2
            c.clock.advance(120)
            upkeep.in_use = lambda auth_key_id: auth_key_id == key
            await upkeep.look(slot_of(ann))
            await c.settle()
            assert [line.auth_key_id for _, line in c.services.auth.sessions.of(ann)] == [key]
            assert c.services.auth.key_or_none(second).user_id == 0

    run(story())


@pytest.mark.parametrize("days", [365, 500, 0])
def test_an_account_that_nobody_uses_ends(days: int) -> None:
    """After the time that the operator has set, a year by default, and never with 0."""

    async def story() -> None:
        more = {} if days == 365 else {"account_ttl_days": days}
        async with community(limits=more) as c:
            ann, _ = await c.sign_up(ANN)
            c.clock.advance((days or 3000) * DAY - 1)
            await c.services.upkeep.look(slot_of(ann))
            await c.settle()
            assert not c.services.users.get(ann).deleted
            c.clock.advance(1)
            await c.services.upkeep.look(slot_of(ann))
            await c.settle()
            assert c.services.users.get(ann).deleted is bool(days)

    run(story())


def test_an_account_whose_owner_wished_it_ends_when_he_stays_away() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(ANN)
            bob, _ = await c.sign_up(BOB)
            await c.services.settings.put(ann, ACCOUNT_TTL, b"30")
            await c.services.settings.put(ann, SESSION_TTL, b"366")
            for days, gone in ((29, False), (2, True)):
                c.clock.advance(days * DAY)
                for user in (ann, bob):
                    await c.services.upkeep.look(slot_of(user))
                await c.settle()
                assert c.services.users.get(ann).deleted is gone
            assert not c.services.users.get(bob).deleted
            with c.store.read(slot_of(ann)) as reader:
                assert reader.get(k.LEAVING, ann) is not None

    run(story())
