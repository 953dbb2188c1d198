"""What the operator does to accounts, between and under what their clients do at the same time."""

from __future__ import annotations

import asyncio

import pytest

from tests.community import community, run
from tgserve.errors import RpcError
from tgserve.store.check import check_store
from tgserve.store.keyspaces import USER_AUTHS
from tgserve.store.slots import slot_of

PHONE, OTHER = "+999661600", "+999661601"


async def refused(awaitable, name):
    with pytest.raises(RpcError) as caught:
        await awaitable
    assert caught.value.name.startswith(name)


async def sound(c):
    await c.settle()
    assert check_store(c.store).problems == []


def sessions(c, me):
    with c.store.read(slot_of(me)) as reader:
        return sum(1 for _ in reader.range(USER_AUTHS, me))


def test_a_ban_ends_sessions_and_keeps_them_out() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            await c.sign_in(PHONE)
            assert await c.services.operating.ban(me) == 2
            assert await c.services.operating.ban(me) == 0
            await c.settle()
            info = c.services.auth.key_or_none(key)
            assert info is not None and not info.user_id and not sessions(c, me)
            await refused(c.services.auth.send_code(PHONE, key, "127.0.0.1"), "PHONE_NUMBER_BANNED")
            await sound(c)
            await c.services.operating.unban(me)
            assert (await c.sign_in(PHONE))[0] == me
            await sound(c)

    run(story())


def test_a_login_at_the_same_moment_as_the_ban() -> None:
    async def story() -> None:
        async with community() as c:
            me, _ = await c.sign_up(PHONE)
            for _ in range(8):
                key = await c.key()
                sent = await c.services.auth.send_code(PHONE, key, "127.0.0.1")
                login = c.services.auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, key)
                ban = c.services.operating.ban(me)
                await asyncio.gather(login, ban, return_exceptions=True)
                await c.settle()
                assert not sessions(c, me)
                info = c.services.auth.key_or_none(key)
                assert info is not None and not info.user_id
                await c.services.operating.unban(me)
            await sound(c)

    run(story())


def test_an_exported_authorisation_is_no_way_around() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            info = c.services.auth.key_or_none(key)
            assert info is not None
            ticket = await c.services.auth.export(info, 2)
            await c.services.operating.ban(me)
            await c.settle()
            fresh = await c.key()
            await refused(c.services.auth.import_(me, ticket.data, fresh), "AUTH_BYTES_INVALID")
            await sound(c)

    run(story())


def test_a_banned_number_is_taken_by_nobody() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(OTHER)
            operating = c.services.operating
            await operating.ban_phone(PHONE[1:])
            await refused(c.services.auth.create_user(PHONE, "Eve", ""), "PHONE_NUMBER_BANNED")
            await refused(c.services.accounts.set_phone(me, PHONE[1:]), "PHONE_NUMBER_BANNED")
            sent = c.services.accounts.send_change_code(me, PHONE, 0, key, "127.0.0.1")
            await refused(sent, "")
            await sound(c)
            assert await operating.unban_phone(PHONE[1:]) and not await operating.unban_phone(PHONE[1:])
            assert (await c.sign_up(PHONE))[0] != me
            await sound(c)

    run(story())


def test_a_code_on_its_way_when_its_number_is_banned() -> None:
    async def story() -> None:
        async with community() as c:
            key = await c.key()
            sent = await c.services.auth.send_code(PHONE, key, "127.0.0.1")
            assert await c.services.auth.sign_in(PHONE, sent.phone_code_hash, c.desk.code, key) == 0
            await c.services.operating.ban_phone(PHONE[1:])
            sign_up = c.services.auth.sign_up(PHONE, sent.phone_code_hash, "Eve", "", key)
            await refused(sign_up, "PHONE_NUMBER_BANNED")
            assert c.services.auth.user_by_phone_or_none(PHONE) is None
            await sound(c)

    run(story())


def test_5_9_tokens_of_bots() -> None:
    async def story() -> None:
        async with community() as c:
            bot, token = await c.services.bots.create("News", "newsbot")
            key = await c.key()
            assert await c.services.bots.sign_in(token, key) == bot
            await c.settle()
            assert sessions(c, bot) == 1 and c.services.auth.is_bot(bot)
            row = c.services.bots.of(bot)
            assert row is not None and token.split(":")[1].encode() not in row.secret
            for wrong in ("", token[:-1], token + "A", f"{bot}:", token.replace(":", "")):
                await refused(c.services.bots.sign_in(wrong, await c.key()), "ACCESS_TOKEN_INVALID")
            fresh = await c.services.bots.new_token(bot)
            await c.settle()
            assert not sessions(c, bot)
            await refused(c.services.bots.sign_in(token, key), "ACCESS_TOKEN_INVALID")
            assert await c.services.bots.sign_in(fresh, key) == bot
            assert await c.services.bots.revoke(bot) in (0, 1)
            await refused(c.services.bots.sign_in(fresh, await c.key()), "ACCESS_TOKEN_INVALID")
            await c.services.accounts.delete(bot)
            await refused(c.services.bots.new_token(bot), "BOT_INVALID")
            await sound(c)

    run(story())


def test_a_username_lost_to_somebody_faster_leaves_no_bot() -> None:
    async def story() -> None:
        async with community() as c:
            made = await asyncio.gather(
                c.services.bots.create("A", "samebot"),
                c.services.bots.create("B", "samebot"),
                return_exceptions=True,
            )
            assert sum(isinstance(one, tuple) for one in made) == 1
            assert sum(isinstance(one, RpcError) for one in made) == 1
            await sound(c)

    run(story())
