from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from tests.community import SECRET, community, run
from tests.services.test_codes import refused, wrong
from tgserve import limits
from tgserve.errors import RpcError
from tgserve.services.keys import SessionEnded, SignedInKey
from tgserve.services.users import RESERVED_IDS, put_user
from tgserve.store import events as ev
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import AUTHS, DIALOGS, PHONES, USER_AUTHS, USERS
from tgserve.store.slots import slot_of

PHONE, DIGITS = "+9996621001", "9996621001"


def test_sign_up_then_a_second_session() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, key = await c.sign_up(PHONE, " Ann\n", "Lee ")
            user = c.services.users.get(user_id)
            assert (user.phone, user.first_name, user.last_name) == (DIGITS, "Ann", "Lee")
            assert user_id > RESERVED_IDS
            info = c.services.auth.key_or_none(key)
            assert info is not None and info.user_id == user_id and info.hash
            assert SignedInKey(key, user_id) in c.heard
            claim = c.store.read(slot_of(DIGITS)).get(PHONES, DIGITS)
            assert claim.confirmed and claim.user_id == user_id
            again, _ = await c.sign_in(PHONE)
            assert again == user_id
            assert len(c.services.auth.sessions.of(user_id)) == 2
            assert c.services.auth.user_by_phone_or_none("+999 662 1001") == user_id
            assert c.services.auth.user_by_phone_or_none("?") is None

    run(story())


def test_5_4_sign_up_needs_a_proven_code() -> None:
    async def story() -> None:
        async with community() as c:
            auth, key, other = c.services.auth, await c.key(), await c.key()
            sent = await auth.send_code(PHONE, key, "127.0.0.1")
            tag = sent.phone_code_hash
            await refused(auth.sign_up(PHONE, tag, "Ann", "", key), "PHONE_CODE_EXPIRED")
            await refused(auth.sign_in(PHONE, tag, wrong(c.desk.code), key), "PHONE_CODE_INVALID")
            await refused(auth.sign_up(PHONE, tag, "Ann", "", key), "PHONE_CODE_EXPIRED")
            assert await auth.sign_in(PHONE, tag, c.desk.code, key) == 0
            await refused(auth.sign_up(PHONE, tag, "Ann", "", other), "PHONE_CODE_EXPIRED")
            await refused(auth.sign_up("+9996621002", tag, "Ann", "", key), "PHONE_CODE_EXPIRED")
            await refused(auth.sign_up(PHONE, tag, " \n", "", key), "FIRSTNAME_INVALID")
            await refused(auth.sign_up(PHONE, tag, "x" * 65, "", key), "FIRSTNAME_INVALID")
            await refused(auth.sign_up(PHONE, tag, "Ann", "x" * 65, key), "LASTNAME_INVALID")
            await refused(auth.sign_up(PHONE, "", "Ann", "", key), "PHONE_CODE_HASH_EMPTY")
            assert c.services.auth.user_by_phone_or_none(PHONE) is None
            c.clock.advance(limits.CODE_SECONDS + 1)
            await refused(auth.sign_up(PHONE, tag, "Ann", "", key), "PHONE_CODE_EXPIRED")

    run(story())


def test_5_4_sign_up_never_over_an_existing_phone() -> None:
    async def story() -> None:
        async with community() as c:
            auth, one, two = c.services.auth, await c.key(), await c.key()
            tags = {}
            for key in (one, two):
                sent = await auth.send_code(PHONE, key, "127.0.0.1")
                tags[key] = sent.phone_code_hash
                assert await auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, key) == 0
            first = await auth.sign_up(PHONE, tags[one], "Ann", "", one)
            await refused(auth.sign_up(PHONE, tags[two], "Eve", "", two), "PHONE_NUMBER_OCCUPIED")
            c.clock.advance(61)
            await refused(auth.sign_up(PHONE, tags[two], "Eve", "", two), "PHONE_NUMBER_OCCUPIED")
            assert auth.user_by_phone_or_none(PHONE) == first
            assert c.services.users.get(first).first_name == "Ann"

    run(story())


def test_two_sign_ups_at_once_make_one_account() -> None:
    async def story() -> None:
        async with community() as c:
            auth, keys = c.services.auth, [await c.key() for _ in range(3)]
            tags = []
            for key in keys:
                sent = await auth.send_code(PHONE, key, "127.0.0.1")
                tags.append(sent.phone_code_hash)
                await auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, key)
            outcomes = await asyncio.gather(
                *(auth.sign_up(PHONE, tag, "Ann", "", key) for tag, key in zip(tags, keys, strict=True)),
                return_exceptions=True,
            )
            made = [one for one in outcomes if isinstance(one, int)]
            assert len(made) == 1
            assert {one.name for one in outcomes if isinstance(one, RpcError)} == {"PHONE_NUMBER_OCCUPIED"}

    run(story())


def test_a_sign_up_that_was_cut_is_finished_by_its_repetition() -> None:
    async def story() -> None:
        async with community() as c:
            auth, key = c.services.auth, await c.key()
            sent = await auth.send_code(PHONE, key, "127.0.0.1")
            tag = sent.phone_code_hash
            await auth.sign_in(PHONE, tag, c.desk.code, key)
            user_id, _ = await auth._claim(DIGITS, tag, key, 5_000_001)  # step 1 of 3, then the power goes
            assert auth.user_by_phone_or_none(PHONE) is None
            assert await auth.sign_up(PHONE, tag, "Ann", "", key) == user_id == 5_000_001
            await c.settle()
            c.clock.advance(5)
            assert await auth.sign_up(PHONE, tag, "Ann", "", key) == user_id
            await c.settle()
            assert len(auth.sessions.of(user_id)) == 1
            assert auth.key_or_none(key).user_id == user_id

    run(story())


def test_a_claim_that_became_no_account_may_be_taken_over() -> None:
    async def story() -> None:
        async with community() as c:
            auth, one, two = c.services.auth, await c.key(), await c.key()
            sent = await auth.send_code(PHONE, one, "127.0.0.1")
            await auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, one)
            await auth._claim(DIGITS, sent.phone_code_hash, one, 5_000_001)
            again = await auth.send_code(PHONE, two, "127.0.0.1")
            assert await auth.sign_in(PHONE, again.phone_code_hash, c.desk.code, two) == 0
            await refused(auth.sign_up(PHONE, again.phone_code_hash, "Bob", "", two), "PHONE_NUMBER_OCCUPIED")
            c.clock.advance(61)
            user_id = await auth.sign_up(PHONE, again.phone_code_hash, "Bob", "", two)
            assert auth.user_by_phone_or_none(PHONE) == user_id != 5_000_001

    run(story())


def test_a_user_id_that_is_taken_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with community() as c:
            first, _ = await c.sign_up(PHONE)
            draws = iter([first - RESERVED_IDS - 1, 41])
            monkeypatch.setattr(c.ids, "below", lambda limit: next(draws) if limit > 10**6 else 7)
            second, _ = await c.sign_up("+9996621002", "Bob")
            assert second == RESERVED_IDS + 42
            assert c.services.users.get(first).first_name == "Ann"

    run(story())


def test_5_6_log_out_ends_the_session_and_tells_the_gateway() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, key = await c.sign_up(PHONE)
            info = c.services.auth.key_or_none(key)
            await c.services.auth.log_out(key)
            await c.settle()
            assert info.user_id == 0 and info.hash == 0
            assert SessionEnded(key, user_id, own=True) in c.heard
            assert c.services.auth.sessions.of(user_id) == []
            heard = len(c.heard)
            await c.services.auth.log_out(key)
            await c.settle()
            assert len(c.heard) == heard

    run(story())


def test_5_6_a_fresh_session_may_not_end_others_the_first_one_may() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, first = await c.sign_up(PHONE)
            c.clock.advance(10)
            _, second = await c.sign_in(PHONE)
            auth = c.services.auth
            one, two = auth.key_or_none(first), auth.key_or_none(second)
            old = two.hash
            await refused(
                auth.sessions.end(user_id, two.hash, one.hash), "FRESH_RESET_AUTHORISATION_FORBIDDEN"
            )
            await refused(auth.sessions.end_others(user_id, two.hash), "FRESH_RESET_AUTHORISATION_FORBIDDEN")
            await refused(auth.sessions.end(user_id, one.hash, 12345), "HASH_INVALID")
            await refused(auth.sessions.end(user_id, one.hash, one.hash), "HASH_INVALID")
            await auth.sessions.end(user_id, one.hash, two.hash)
            await c.settle()
            assert two.user_id == 0 and two.record.revoked
            assert SessionEnded(second, user_id) in c.heard
            assert [line[0] for line in auth.sessions.of(user_id)] == [one.hash]
            _, third = await c.sign_in(PHONE)
            assert auth.key_or_none(third).hash != old
            c.clock.advance(limits.FRESH_SESSION_SECONDS)
            assert await auth.sessions.end_others(user_id, auth.key_or_none(third).hash) == 1
            await c.settle()
            assert one.user_id == 0

    run(story())


def test_5_6_a_session_of_somebody_else_cannot_be_ended() -> None:
    async def story() -> None:
        async with community() as c:
            ann, ann_key = await c.sign_up(PHONE)
            bob, bob_key = await c.sign_up("+9996621002", "Bob")
            auth = c.services.auth
            await refused(
                auth.sessions.end(bob, auth.key_or_none(bob_key).hash, auth.key_or_none(ann_key).hash),
                "HASH_INVALID",
            )
            assert auth.key_or_none(ann_key).user_id == ann

    run(story())


def test_5_9_an_exported_authorisation_works_once_soon_and_for_its_user() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, key = await c.sign_up(PHONE)
            auth = c.services.auth
            info = auth.key_or_none(key)
            await refused(auth.export(info, 6), "DC_ID_INVALID")
            exported = await auth.export(info, 1)
            other = await c.key()
            await refused(auth.import_(user_id + 1, exported.data, other), "AUTH_BYTES_INVALID")
            await refused(auth.import_(user_id, b"guess", other), "AUTH_BYTES_INVALID")
            assert await auth.import_(user_id, exported.data, other) == user_id
            await refused(auth.import_(user_id, exported.data, other), "AUTH_BYTES_INVALID")
            late = await auth.export(info, 1)
            c.clock.advance(limits.EXPORTED_AUTH_SECONDS)
            await refused(auth.import_(user_id, late.data, other), "AUTH_BYTES_INVALID")
            # nothing in the store says what the ticket was
            for shard in c.store.shards:
                snapshot = shard.engine.snapshot()
                assert all(exported.data not in value for _, value in snapshot.scan(b"", b"\xff" * 20, False))
                snapshot.close()

    run(story())


def test_a_joined_key_ends_with_its_session_and_is_not_listed() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, key = await c.sign_up(PHONE)
            auth, other = c.services.auth, await c.key()
            exported = await auth.export(auth.key_or_none(key), 1)
            await auth.import_(user_id, exported.data, other)
            await c.settle()
            joined = auth.key_or_none(other)
            assert joined.user_id == user_id
            assert len(auth.sessions.of(user_id)) == 1
            assert [
                e for e in c.heard if isinstance(e, Published) and isinstance(e.event, ev.NewAuthorization)
            ] == []
            await auth.log_out(key)
            await c.settle()
            assert joined.user_id == 0
            assert SessionEnded(other, user_id) in c.heard

    run(story())


def test_5_10_a_new_login_is_told_to_the_account() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, _ = await c.sign_up(PHONE)
            reader = c.store.read(slot_of(user_id))
            assert reader.get(DIALOGS, user_id, 777000) is None
            await c.sign_in(PHONE)
            events = [e.event for e in c.heard if isinstance(e, Published) and e.user_id == user_id]
            assert [type(event) for event in events] == [ev.NewMessage, ev.NewAuthorization]
            assert c.store.read(slot_of(user_id)).get(DIALOGS, user_id, 777000).unread_count == 1
            body = c.services.history.messages(user_id, [events[0].msg_id])[0].body
            assert b"New login" in body.text and b"Unknown device" in body.text

    run(story())


def test_a_key_signed_in_by_another_leaves_the_first_users_list() -> None:
    async def story() -> None:
        async with community() as c:
            ann, key = await c.sign_up(PHONE)
            bob, _ = await c.sign_up("+9996621002", "Bob")
            auth = c.services.auth
            sent = await auth.send_code("+9996621002", key, "127.0.0.1")
            c.clock.advance(1)
            assert await auth.sign_in("+9996621002", sent.phone_code_hash, c.desk.code, key) == bob
            await c.settle()
            assert auth.sessions.of(ann) == [] and len(auth.sessions.of(bob)) == 2

    run(story())


def test_a_banned_account_cannot_sign_in() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, _ = await c.sign_up(PHONE)
            user = c.services.users.get(user_id)

            def ban(txn: object) -> None:
                put_user(txn, replace(user, banned=True))  # type: ignore[arg-type]

            await c.store.transact(slot_of(user_id), ban)
            key = await c.key()
            sent = await c.services.auth.send_code(PHONE, key, "127.0.0.1")
            await refused(
                c.services.auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, key), "USER_DEACTIVATED_BAN"
            )

    run(story())


def test_an_operator_makes_and_ends() -> None:
    async def story() -> None:
        async with community() as c:
            auth = c.services.auth
            user_id = await auth.create_user(PHONE, "Ann", "")
            await refused(auth.create_user(PHONE, "Bob", ""), "PHONE_NUMBER_OCCUPIED")
            await refused(auth.create_user("12", "Bob", ""), "PHONE_NUMBER_INVALID")
            await c.sign_in(PHONE)
            await c.sign_in(PHONE)
            assert await auth.sessions.end_by_operator(user_id) == 2
            assert await auth.sessions.end_by_operator(user_id, 5) == 0

    run(story())


def test_keys_are_sealed_in_the_store_and_open_after_a_restart() -> None:
    """SECURITY 7.1"""

    async def story() -> None:
        async with community() as c:
            user_id, key = await c.sign_up(PHONE)
            raw = c.services.auth.key_or_none(key).raw
            row = c.store.read(slot_of(key)).get(AUTHS, key)
            assert raw not in row.key
            fresh = type(c.services.auth.keys)(c.store, c.clock)
            assert fresh.key_or_none(key).raw == raw
            assert c.store.read(slot_of(user_id)).count(USERS, user_id) == 1
            assert c.store.read(slot_of(user_id)).count(USER_AUTHS, user_id) == 1
            assert SECRET not in row.key

    run(story())
