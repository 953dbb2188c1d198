"""Invitations to sign up, and the mode `closed`: who gets in, what is counted, what the store keeps."""

from __future__ import annotations

import pytest

from tests.community import community, run
from tgserve import errors, limits
from tgserve.errors import RpcError
from tgserve.store.keyspaces import LOGIN_CODES, SIGNUP_INVITES
from tgserve.store.slots import slot_of

PHONE, OTHER = "+999661500", "+999661501"


async def begin(c, phone, key=None):
    key = key or await c.key()
    sent = await c.services.auth.send_code(phone, key, "127.0.0.1")
    return key, sent.phone_code_hash


async def show(c, phone, key, hash_, code):
    return await c.services.auth.sign_in(phone, hash_, code, key, ip="127.0.0.1")


async def join(c, phone, code):
    key, hash_ = await begin(c, phone)
    assert await show(c, phone, key, hash_, code) == 0
    return await c.services.auth.sign_up(phone, hash_, "Ann", "", key)


async def refused(awaitable, name):
    with pytest.raises(RpcError) as caught:
        await awaitable
    assert caught.value.name.startswith(name)


async def invited(c, **more):
    row, token = await c.services.signups.invite(**more)
    return row, token, c.services.signups.code_of(token)


def test_an_invitation_makes_one_account() -> None:
    async def story() -> None:
        async with community(signup="invite") as c:
            _, token, code = await invited(c)
            assert c.services.signups.by_token(token) is not None
            me = await join(c, PHONE, code)
            assert c.services.users.get(me).phone == PHONE[1:]
            assert not c.desk.sent, "nothing was sent"
            assert c.services.signups.by_token(token) is None
            key, hash_ = await begin(c, OTHER)
            await refused(show(c, OTHER, key, hash_, code), "PHONE_CODE_INVALID")

    run(story())


def test_the_last_use_is_given_once() -> None:
    async def story() -> None:
        async with community(signup="invite") as c:
            _, _, code = await invited(c)
            first, second = await begin(c, PHONE), await begin(c, OTHER)
            assert await show(c, PHONE, *first, code) == await show(c, OTHER, *second, code) == 0
            sign_up = c.services.auth.sign_up
            me = await sign_up(PHONE, first[1], "Ann", "", first[0])
            assert await sign_up(PHONE, first[1], "Ann", "", first[0]) == me, "a repeated call uses none"
            await refused(sign_up(OTHER, second[1], "Bob", "", second[0]), "PHONE_CODE_EXPIRED")
            assert c.services.auth.user_by_phone_or_none(OTHER) is None

    run(story())


@pytest.mark.parametrize("over", ["revoked", "expired", "phone"])
def test_what_is_over_or_anothers_is_wrong(over: str) -> None:
    async def story() -> None:
        async with community(signup="invite") as c:
            row, token, code = await invited(c, phone=OTHER[1:] if over == "phone" else "", seconds=600)
            if over == "revoked":
                await c.services.signups.revoke(row.number)
            if over == "expired":
                c.clock.advance(601)
            key, hash_ = await begin(c, PHONE)
            await refused(show(c, PHONE, key, hash_, code), "PHONE_CODE_INVALID")
            assert (c.services.signups.by_token(token) is None) is (over != "phone")

    run(story())


def test_5_5_the_answer_is_the_same_for_known_and_unknown_numbers() -> None:
    async def story() -> None:
        async with community(signup="invite") as c:
            await invited(c)
            await c.services.auth.create_user(PHONE, "Ann", "")
            known = await c.services.auth.send_code(PHONE, await c.key(), "127.0.0.1")
            assert c.desk.sent.pop().code.isdigit()
            unknown = await c.services.auth.send_code(OTHER, await c.key(), "127.0.0.1")
            assert not c.desk.sent
            assert (known.digits, known.resend_seconds, known.email) == (
                unknown.digits,
                unknown.resend_seconds,
                unknown.email,
            )
            assert known.digits == 8

    run(story())


def test_5_4_an_invitation_does_not_open_an_account_that_exists() -> None:
    async def story() -> None:
        async with community(signup="invite") as c:
            _, _, code = await invited(c, uses=5)
            me = await c.services.auth.create_user(PHONE, "Ann", "")
            key, hash_ = await begin(c, PHONE)
            await refused(show(c, PHONE, key, hash_, code), "PHONE_CODE_INVALID")
            assert await show(c, PHONE, key, hash_, c.desk.code) == me

    run(story())


def test_5_4_nor_one_that_is_made_after_it_was_shown() -> None:
    async def story() -> None:
        async with community(signup="invite") as c:
            _, _, code = await invited(c, uses=5)
            thief, hash_ = await begin(c, PHONE)
            assert await show(c, PHONE, thief, hash_, code) == 0
            await c.services.auth.create_user(PHONE, "Ann", "")
            await c.settle()
            await refused(show(c, PHONE, thief, hash_, code), "PHONE_CODE_INVALID")
            sign_up = c.services.auth.sign_up(PHONE, hash_, "Thief", "", thief)
            await refused(sign_up, "PHONE_NUMBER_OCCUPIED")
            key = c.services.auth.key_or_none(thief)
            assert key is not None and not key.user_id

    run(story())


def test_a_lost_answer_is_given_again() -> None:
    """CLIENTS B.7: clients repeat signIn after a reconnect."""

    async def story() -> None:
        async with community(signup="invite") as c:
            _, _, code = await invited(c)
            key, hash_ = await begin(c, PHONE)
            assert await show(c, PHONE, key, hash_, code) == await show(c, PHONE, key, hash_, code) == 0
            me = await c.services.auth.sign_up(PHONE, hash_, "Ann", "", key)
            assert await show(c, PHONE, key, hash_, code) == me
            await c.services.auth.log_out(key)

    run(story())


def test_5_2_guessing_ends_for_an_address_and_over_all() -> None:
    async def story() -> None:
        async with community(signup="invite") as c:
            _, _, code = await invited(c)
            wrong = str((int(code) + 1) % 10**8).zfill(8)
            names = set()
            for number in range(limits.INVITE_TRIES_PER_ADDRESS_PER_HOUR + 1):
                phone = f"+99966{2000 + number // 4}"
                key, hash_ = await c.key(), ""
                sent = await c.services.auth.codes.send(phone[1:], key, f"10.0.0.{number}", quiet=True)
                hash_ = sent.phone_code_hash
                with pytest.raises(RpcError) as caught:
                    await show(c, phone, key, hash_, wrong)
                names.add(caught.value.name.rstrip("0123456789"))
            assert names == {"PHONE_CODE_INVALID", "FLOOD_WAIT_"}
            tallies = c.services.signups._tallies
            while not await tallies.count("invite_tries", limits.INVITE_TRIES_PER_HOUR, limits.HOUR):
                pass
            sent = await c.services.auth.codes.send(PHONE[1:], key, "10.0.1.1", quiet=True)
            attempt = c.services.auth.sign_in(PHONE, sent.phone_code_hash, code, key, ip="10.9.9.9")
            await refused(attempt, "PHONE_CODE_INVALID")  # right, and answered as any other

    run(story())


def test_5_9_the_store_has_hashes() -> None:
    async def story() -> None:
        async with community(signup="invite") as c:
            _, token, code = await invited(c, name="choir")
            with c.store.read(slot_of("sign-up")) as reader:
                ((key, row),) = reader.range(SIGNUP_INVITES)
            kept = repr((key, row)).encode() + key[0] + row.token
            assert token.encode() not in kept and code.encode() not in kept

    run(story())


def test_the_operator_may_tell_a_code_to_somebody_without_account() -> None:
    async def story() -> None:
        async with community(signup="invite") as c:
            key, hash_ = await begin(c, PHONE)
            code = c.services.auth.codes.last_or_none(PHONE[1:])
            assert code is not None and not c.desk.sent
            assert await show(c, PHONE, key, hash_, code.code) == 0
            await c.services.auth.sign_up(PHONE, hash_, "Ann", "", key)

    run(story())


def test_closed_lets_in_who_has_an_account() -> None:
    async def story() -> None:
        async with community(signup="closed") as c:
            me = await c.services.auth.create_user(PHONE, "Ann", "")
            assert (await c.sign_in(PHONE))[0] == me
            key, hash_ = await begin(c, OTHER)
            with c.store.read(slot_of(OTHER[1:])) as reader:
                code = reader.get(LOGIN_CODES, OTHER[1:], key)
            assert code is not None
            name = errors.PHONE_NUMBER_APP_SIGNUP_FORBIDDEN.name
            await refused(show(c, OTHER, key, hash_, code.code), name)
            await refused(c.services.auth.sign_up(OTHER, hash_, "Bob", "", key), name)

    run(story())


def test_an_open_server_takes_no_invitations() -> None:
    async def story() -> None:
        async with community() as c:
            _, _, code = await invited(c)
            key, hash_ = await begin(c, PHONE)
            await refused(show(c, PHONE, key, hash_, code), "PHONE_CODE_INVALID")

    run(story())
