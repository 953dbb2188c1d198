from __future__ import annotations

import pytest

from tests.community import Community, community, run
from tgserve import limits
from tgserve.errors import RpcError
from tgserve.services.phones import digits_or_none
from tgserve.store.keyspaces import LOGIN_CODES
from tgserve.store.slots import slot_of

PHONE, DIGITS = "+99966 21 001", "9996621001"


async def refused(awaitable: object, name: str) -> None:
    with pytest.raises(RpcError) as raised:
        await awaitable  # type: ignore[misc]
    assert raised.value.name.startswith(name), raised.value.name
    assert name != "FLOOD_WAIT_" or raised.value.code == 420


def wrong(code: str) -> str:
    return "00000" if code != "00000" else "11111"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("+44 7911 123456", "447911123456"),
        ("0044 7911-123456", "447911123456"),
        ("+999 662 1001", "9996621001"),
        ("9996612345", "9996612345"),
        ("+1 (555) 000-0001", "15550000001"),
        ("+123", None),
        ("", None),
        ("+", None),
        ("abc", None),
        ("+٤٤٧٩١١١٢٣٤٥٦", None),
        ("+4479111234561234567", None),
        ("+999" + "1" * 13, None),
    ],
)
def test_phone_numbers_become_digits(typed: str, stored: str | None) -> None:
    assert digits_or_none(typed) == stored


def test_5_2_a_code_has_five_digits_and_a_hash_of_its_own() -> None:
    async def story() -> None:
        async with community() as c:
            key = await c.key()
            codes, hashes = set(), set()
            for _ in range(limits.CODES_PER_PHONE_PER_HOUR):
                sent = await c.services.auth.send_code(PHONE, key, "127.0.0.1")
                assert len(c.desk.code) == sent.digits == 5 and c.desk.code.isdigit()
                assert c.desk.code in c.desk.sent[-1].text
                assert c.services.auth.codes.last_or_none(DIGITS).code == c.desk.code
                codes.add(c.desk.code)
                hashes.add(sent.phone_code_hash)
            assert len(codes) > 5 and len(hashes) == limits.CODES_PER_PHONE_PER_HOUR

    run(story())


def test_5_2_a_code_dies_after_five_wrong_tries() -> None:
    async def story() -> None:
        async with community() as c:
            auth, key = c.services.auth, await c.key()
            sent = await auth.send_code(PHONE, key, "127.0.0.1")
            for _ in range(limits.CODE_TRIES):
                await refused(
                    auth.sign_in(PHONE, sent.phone_code_hash, wrong(c.desk.code), key), "PHONE_CODE_INVALID"
                )
            await refused(auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, key), "PHONE_CODE_EXPIRED")

    run(story())


def test_5_2_wrong_tries_of_a_phone_count_over_all_keys() -> None:
    async def story() -> None:
        async with community() as c:
            auth = c.services.auth
            for _ in range(limits.CODE_TRIES_PER_PHONE_PER_HOUR // limits.CODE_TRIES):
                key = await c.key()
                sent = await auth.send_code(PHONE, key, "127.0.0.1")
                for _ in range(limits.CODE_TRIES):
                    await refused(
                        auth.sign_in(PHONE, sent.phone_code_hash, wrong(c.desk.code), key),
                        "PHONE_CODE_INVALID",
                    )
            key = await c.key()
            sent = await auth.send_code(PHONE, key, "127.0.0.1")
            await refused(auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, key), "FLOOD_WAIT_")
            # the code is dead as well
            await refused(auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, key), "PHONE_CODE_EXPIRED")
            c.clock.advance(limits.HOUR)
            sent = await auth.send_code(PHONE, key, "127.0.0.1")
            assert await auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, key) == 0

    run(story())


def test_5_2_a_code_expires() -> None:
    async def story() -> None:
        async with community() as c:
            auth, key = c.services.auth, await c.key()
            sent = await auth.send_code(PHONE, key, "127.0.0.1")
            c.clock.advance(limits.CODE_SECONDS)
            assert auth.codes.last_or_none(DIGITS) is None
            await refused(auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, key), "PHONE_CODE_EXPIRED")

    run(story())


def test_5_2_a_code_is_bound_to_phone_hash_and_key() -> None:
    async def story() -> None:
        async with community() as c:
            auth, key, other = c.services.auth, await c.key(), await c.key()
            sent = await auth.send_code(PHONE, key, "127.0.0.1")
            code, tag = c.desk.code, sent.phone_code_hash
            await refused(auth.sign_in(PHONE, tag, code, other), "PHONE_CODE_EXPIRED")
            await refused(auth.sign_in(PHONE, tag[::-1], code, key), "PHONE_CODE_EXPIRED")
            await refused(auth.sign_in(PHONE, "é\ud800", code, key), "PHONE_CODE_EXPIRED")
            await refused(auth.sign_in("+9996621002", tag, code, key), "PHONE_CODE_EXPIRED")
            await refused(auth.sign_in(PHONE, tag, "", key), "PHONE_CODE_EMPTY")
            await refused(auth.sign_in(PHONE, "", code, key), "PHONE_CODE_HASH_EMPTY")
            await refused(auth.sign_in("nonsense", tag, code, key), "PHONE_NUMBER_INVALID")
            assert await auth.sign_in(PHONE, tag, code, key) == 0

    run(story())


def test_5_2_a_used_code_works_again_only_for_a_moment_on_the_same_key() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, _ = await c.sign_up(PHONE)
            auth, key = c.services.auth, await c.key()
            sent = await auth.send_code(PHONE, key, "127.0.0.1")
            code, tag = c.desk.code, sent.phone_code_hash
            assert await auth.sign_in(PHONE, tag, code, key) == user_id
            await c.settle()
            sessions = len(auth.sessions.of(user_id))
            c.clock.advance(5)
            assert await auth.sign_in(PHONE, tag, code, key) == user_id
            await c.settle()
            assert len(auth.sessions.of(user_id)) == sessions
            assert auth.codes.last_or_none(DIGITS) is None
            c.clock.advance(limits.CODE_REPEAT_SECONDS + 1)
            await refused(auth.sign_in(PHONE, tag, code, key), "PHONE_CODE_EXPIRED")

    run(story())


def test_5_2_a_used_code_does_not_undo_a_log_out() -> None:
    async def story() -> None:
        async with community() as c:
            await c.sign_up(PHONE)
            auth, key = c.services.auth, await c.key()
            sent = await auth.send_code(PHONE, key, "127.0.0.1")
            await auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, key)
            c.clock.advance(3)
            await auth.log_out(key)
            await refused(auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, key), "PHONE_CODE_EXPIRED")
            assert auth.key_or_none(key).user_id == 0

    run(story())


async def flooded(c: Community, phones: object, keys: object, ips: object, allowed: int) -> None:
    for number in range(allowed):
        await c.services.auth.send_code(phones(number), keys(number), ips(number))  # type: ignore[operator]
    await refused(
        c.services.auth.send_code(phones(allowed), keys(allowed), ips(allowed)),  # type: ignore[operator]
        "FLOOD_WAIT_",
    )


@pytest.mark.parametrize(
    ("limit", "phone", "key", "ip"),
    [
        ("codes_per_phone_per_hour", lambda n: PHONE, lambda n: n + 1, lambda n: f"10.0.0.{n}"),
        ("codes_per_key_per_hour", lambda n: f"+99966210{n:02}", lambda n: 1, lambda n: f"10.0.0.{n}"),
        ("codes_per_address_per_hour", lambda n: f"+99966210{n:02}", lambda n: n + 1, lambda n: "10.0.0.1"),
    ],
)
def test_5_3_codes_are_limited_by_phone_key_and_address(
    limit: str, phone: object, key: object, ip: object
) -> None:
    async def story() -> None:
        async with community(limits={limit: 3}) as c:
            await flooded(c, phone, key, ip, 3)
            assert len(c.desk.sent) == 3
            c.clock.advance(limits.HOUR)
            await flooded(c, phone, key, ip, 3)

    run(story())


def test_5_5_known_and_unknown_phones_get_the_same_answer() -> None:
    async def story() -> None:
        async with community() as c:
            await c.sign_up(PHONE)
            key = await c.key()
            known = await c.services.auth.send_code(PHONE, key, "127.0.0.1")
            unknown = await c.services.auth.send_code("+9996621999", key, "127.0.0.1")
            assert (known.digits, known.resend_seconds) == (unknown.digits, unknown.resend_seconds)
            assert len(known.phone_code_hash) == len(unknown.phone_code_hash)

    run(story())


def test_resent_and_cancelled_codes_kill_the_old_one() -> None:
    async def story() -> None:
        async with community() as c:
            auth, key = c.services.auth, await c.key()
            first = await auth.send_code(PHONE, key, "127.0.0.1")
            old = c.desk.code
            await refused(auth.resend_code(PHONE, "nonsense", key, "127.0.0.1"), "PHONE_CODE_EXPIRED")
            await refused(auth.resend_code(PHONE, "", key, "127.0.0.1"), "PHONE_CODE_HASH_EMPTY")
            second = await auth.resend_code(PHONE, first.phone_code_hash, key, "127.0.0.1")
            await refused(auth.sign_in(PHONE, first.phone_code_hash, old, key), "PHONE_CODE_EXPIRED")
            await auth.cancel_code(PHONE, second.phone_code_hash, key)
            await refused(auth.sign_in(PHONE, second.phone_code_hash, c.desk.code, key), "PHONE_CODE_EXPIRED")
            await refused(auth.cancel_code(PHONE, second.phone_code_hash, key), "PHONE_CODE_EXPIRED")

    run(story())


def test_a_second_device_does_not_take_the_first_ones_code() -> None:
    async def story() -> None:
        async with community() as c:
            auth, one, two = c.services.auth, await c.key(), await c.key()
            first = await auth.send_code(PHONE, one, "127.0.0.1")
            code = c.desk.code
            await auth.send_code(PHONE, two, "127.0.0.1")
            assert await auth.sign_in(PHONE, first.phone_code_hash, code, one) == 0

    run(story())


def test_dead_codes_are_swept() -> None:
    async def story() -> None:
        async with community() as c:
            for _ in range(3):
                await c.services.auth.send_code(PHONE, await c.key(), "127.0.0.1")
            c.clock.advance(limits.HOUR)
            await c.services.auth.send_code(PHONE, await c.key(), "127.0.0.1")
            assert c.store.read(slot_of(DIGITS)).count(LOGIN_CODES, DIGITS) == 1

    run(story())


def test_a_full_desk_is_a_flood_wait() -> None:
    async def story() -> None:
        async with community() as c:
            c.desk.full = True
            await refused(c.services.auth.send_code(PHONE, await c.key(), "127.0.0.1"), "FLOOD_WAIT_")

    run(story())


def test_the_fixed_code_is_for_dev_alone() -> None:
    async def story() -> None:
        async with community(dev=True, fixed_code="12345") as c:
            await c.services.auth.send_code(PHONE, await c.key(), "127.0.0.1")
            assert c.desk.code == "12345"
        async with community(fixed_code="12345") as c:
            await c.services.auth.send_code(PHONE, await c.key(), "127.0.0.1")
            assert c.desk.code != "12345"

    run(story())
