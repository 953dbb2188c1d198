from __future__ import annotations

from hashlib import sha1
from typing import Any

import pytest
from cryptg import encrypt_ige

from tests.api.test_empty import api
from tests.community import Community, community, run
from tests.services.test_codes import refused
from tgserve.api import auth as handlers
from tgserve.api.account import sessions
from tgserve.mtproto.binding import BIND_AUTH_KEY_INNER, BINDING, old_key
from tgserve.rpc.context import SessionRef
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import account, auth

api.load()
PHONE = "+9996621001"


def send(phone: str = PHONE, api_id: int = 1) -> auth.SendCode:
    return auth.SendCode(phone_number=phone, api_id=api_id, api_hash="x", settings=t.CodeSettings())


def test_5_5_the_answer_to_send_code_is_the_same_for_everybody() -> None:
    async def story() -> None:
        async with community() as c:
            await c.sign_up(PHONE)
            call = c.call(0, await c.key())
            for phone in (PHONE, "+9996629999"):
                sent = await handlers.send_code(call, send(phone))
                assert sent.type == t.AuthSentCodeTypeSms(length=5)
                assert sent.next_type == t.AuthCodeTypeSms() and sent.timeout == 60
            await refused(handlers.send_code(call, send("12")), "PHONE_NUMBER_INVALID")
            await refused(handlers.send_code(call, send(api_id=0)), "API_ID_INVALID")
            await refused(handlers.send_code(call, send(api_id=-5)), "API_ID_INVALID")

    run(story())


def test_the_way_in_and_out_as_clients_walk_it() -> None:
    async def story() -> None:
        async with community() as c:
            key = await c.key()
            call = c.call(0, key)
            sent = await handlers.send_code(call, send())
            sign_in = auth.SignIn(
                phone_number=PHONE, phone_code_hash=sent.phone_code_hash, phone_code=c.desk.code
            )
            for _ in range(2):
                assert await handlers.sign_in(call, sign_in) == t.AuthAuthorizationSignUpRequired()
            sign_up = auth.SignUp(
                phone_number=PHONE, phone_code_hash=sent.phone_code_hash, first_name="Ann", last_name=""
            )
            ids = {layers.decode((await handlers.sign_up(call, sign_up)).user.data).id for _ in range(2)}
            assert len(ids) == 1
            assert layers.decode((await handlers.sign_in(call, sign_in)).user.data).id in ids
            await c.settle()
            me = ids.pop()
            listed = await sessions.get_authorizations(c.call(me, key), account.GetAuthorizations())
            assert [(one.current, one.hash) for one in listed.authorizations] == [(True, 0)]
            assert await handlers.log_out(c.call(me, key), auth.LogOut()) == t.AuthLoggedOut()
            assert await handlers.log_out(c.call(0, key), auth.LogOut()) == t.AuthLoggedOut()

    run(story())


def test_5_6_the_session_list_and_ending_others() -> None:
    async def story() -> None:
        async with community() as c:
            me, first = await c.sign_up(PHONE)
            _, second = await c.sign_in(PHONE)
            call = c.call(me, first)
            listed = await sessions.get_authorizations(call, account.GetAuthorizations())
            other = next(one for one in listed.authorizations if not one.current)
            await refused(
                sessions.reset_authorization(call, account.ResetAuthorization(hash=0)), "HASH_INVALID"
            )
            await refused(
                sessions.reset_authorization(call, account.ResetAuthorization(hash=5)), "HASH_INVALID"
            )
            fresh = c.call(me, second)
            await refused(handlers.reset_authorizations(fresh, auth.ResetAuthorizations()), "FRESH_RESET")
            assert await sessions.change_authorization_settings(
                call, account.ChangeAuthorizationSettings(hash=other.hash, confirmed=True)
            )
            assert await sessions.reset_authorization(call, account.ResetAuthorization(hash=other.hash))
            await c.settle()
            await refused(
                sessions.get_authorizations(fresh, account.GetAuthorizations()), "AUTH_KEY_UNREGISTERED"
            )
            await refused(
                sessions.set_authorization_ttl(call, account.SetAuthorizationTTL(authorization_ttl_days=0)),
                "TTL_DAYS_INVALID",
            )
            await sessions.set_authorization_ttl(call, account.SetAuthorizationTTL(authorization_ttl_days=30))
            listed = await sessions.get_authorizations(call, account.GetAuthorizations())
            assert listed.authorization_ttl_days == 30 and len(listed.authorizations) == 1

    run(story())


def test_an_exported_authorisation_over_the_wire() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            out = await handlers.export_authorization(c.call(me, key), auth.ExportAuthorization(dc_id=4))
            other = await c.key()
            took = await handlers.import_authorization(
                c.call(0, other), auth.ImportAuthorization(id=out.id, bytes=out.bytes)
            )
            assert layers.decode(took.user.data).self_
            assert c.services.auth.key_or_none(other).user_id == me

    run(story())


def test_other_ways_in_are_refused_so_that_the_phone_is_offered() -> None:
    async def story() -> None:
        async with community() as c:
            call = c.call(0, await c.key())
            await refused(
                handlers.init_passkey_login(call, auth.InitPasskeyLogin(api_id=1, api_hash="")),
                "INPUT_METHOD_INVALID",
            )

    run(story())


TEMP, TEMP_SESSION, MSG_ID, NONCE = 0xF000000000000009, 0xE000000000000007, 0x6000000000000004, 12345


async def binding(c: Community, key: int, **changed: int) -> tuple[Any, auth.BindTempAuthKey]:
    """(call over the temporary key, request), with the inner message's fields changed as asked."""
    keys = c.services.auth.keys
    await keys.add_key(TEMP, b"t" * 256, expires_in=600)
    raw = keys.key_or_none(key).raw
    expires = int(c.clock.now()) + 500
    inner = {
        "msg_id": MSG_ID,
        "seqno": 0,
        "length": 40,
        "constructor": BIND_AUTH_KEY_INNER,
        "nonce": NONCE,
        "temp": TEMP,
        "perm": key,
        "session": TEMP_SESSION,
        "expires": expires,
    } | changed
    data = bytes(16) + BINDING.pack(*inner.values())
    msg_key = sha1(data).digest()[4:20]
    sealed = encrypt_ige(data + bytes(-len(data) % 16), *old_key(raw, msg_key))
    request = auth.BindTempAuthKey(
        perm_auth_key_id=key,
        nonce=NONCE,
        expires_at=expires,
        encrypted_message=key.to_bytes(8, "little") + msg_key + sealed,
    )
    call = c.call(
        0,
        0,
        session=SessionRef(0, TEMP_SESSION),
        temp_key_id=TEMP,
        bound=False,
        msg_id=MSG_ID,
        temp_key=b"t" * 256,
    )
    return call, request


def test_1_17_a_temporary_key_is_bound_by_a_message_that_fits() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            call, request = await binding(c, key)
            assert await handlers.bind_temp_auth_key(call, request)
            assert c.services.auth.key_or_none(TEMP).user_id == me
            assert await handlers.bind_temp_auth_key(call, request)
            assert await handlers.drop_temp_auth_keys(
                c.call(me, key), auth.DropTempAuthKeys(except_auth_keys=[])
            )
            assert c.services.auth.key_or_none(TEMP) is None

    run(story())


@pytest.mark.parametrize(
    "field", ["msg_id", "seqno", "length", "constructor", "nonce", "temp", "perm", "session", "expires"]
)
def test_1_17_every_field_of_the_inner_message_is_compared(field: str) -> None:
    async def story() -> None:
        async with community() as c:
            _, key = await c.sign_up(PHONE)
            call, request = await binding(c, key, **{field: 8})
            await refused(handlers.bind_temp_auth_key(call, request), "ENCRYPTED_MESSAGE_INVALID")
            assert not c.services.auth.key_or_none(TEMP).bound

    run(story())


def test_1_17_what_else_does_not_fit() -> None:
    async def story() -> None:
        async with community() as c:
            _, key = await c.sign_up(PHONE)
            call, request = await binding(c, key)
            await refused(handlers.bind_temp_auth_key(c.call(0, key), request), "TEMP_AUTH_KEY_EMPTY")
            late = auth.BindTempAuthKey(
                perm_auth_key_id=key,
                nonce=NONCE,
                expires_at=call.now,
                encrypted_message=request.encrypted_message,
            )
            await refused(handlers.bind_temp_auth_key(call, late), "EXPIRES_AT_INVALID")
            for damaged in (b"", request.encrypted_message[:-1], request.encrypted_message[:-16] + bytes(16)):
                request.encrypted_message = damaged
                await refused(handlers.bind_temp_auth_key(call, request), "ENCRYPTED_MESSAGE_INVALID")
            request.perm_auth_key_id = 999
            await refused(handlers.bind_temp_auth_key(call, request), "ENCRYPTED_MESSAGE_INVALID")

    run(story())
