from __future__ import annotations

import pytest

from tests.api.account.test_password import asked, settings, update
from tests.api.test_empty import api
from tests.community import community, run
from tests.services.test_codes import refused
from tests.srp_client import proof_of
from tgserve import limits
from tgserve.api import auth_password, auth_qr
from tgserve.services.login_tokens import TokenAccepted
from tgserve.tl import types as t
from tgserve.tl.functions import auth

api.load()
PHONE = "+9996621001"


def export(*but: int) -> auth.ExportLoginToken:
    return auth.ExportLoginToken(api_id=1, api_hash="x", except_ids=list(but))


def accept(token: bytes) -> auth.AcceptLoginToken:
    return auth.AcceptLoginToken(token=token)


def test_5_8_a_token_lets_the_showing_key_in_once() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            phone, desk_key = c.call(me, key), await c.key()
            desk = c.call(0, desk_key)
            shown = await auth_qr.export_login_token(desk, export())
            assert shown.expires == int(c.clock.now()) + limits.LOGIN_TOKEN_SECONDS and len(shown.token) >= 16
            other = await auth_qr.export_login_token(desk, export())
            assert other.token != shown.token
            await refused(
                auth_qr.import_login_token(desk, auth.ImportLoginToken(token=shown.token)),
                "AUTH_TOKEN_INVALID",
            )
            line = await auth_qr.accept_login_token(phone, accept(shown.token))
            assert TokenAccepted(desk_key) in c.heard
            await refused(
                auth_qr.accept_login_token(phone, accept(shown.token)), "AUTH_TOKEN_ALREADY_ACCEPTED"
            )
            assert c.services.auth.key_or_none(desk_key).user_id == 0
            thief = c.call(0, await c.key())
            assert isinstance(await auth_qr.export_login_token(thief, export()), t.AuthLoginToken)
            await refused(
                auth_qr.import_login_token(thief, auth.ImportLoginToken(token=shown.token)),
                "AUTH_TOKEN_INVALID",
            )
            for _ in range(2):
                done = await auth_qr.export_login_token(desk, export())
                assert isinstance(done, t.AuthLoginTokenSuccess)
            await c.settle()
            info = c.services.auth.key_or_none(desk_key)
            assert (info.user_id, info.hash) == (me, line.hash)
            assert len(c.services.auth.sessions.of(me)) == 2

    run(story())


def test_5_8_tokens_run_out_and_are_not_guessed() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            phone, desk = c.call(me, key), c.call(0, await c.key())
            shown = await auth_qr.export_login_token(desk, export())
            for wrong in (b"", bytes(32), shown.token[:-1], shown.token + b"x"):
                await refused(auth_qr.accept_login_token(phone, accept(wrong)), "AUTH_TOKEN_INVALIDX")
            c.clock.advance(limits.LOGIN_TOKEN_SECONDS)
            await refused(auth_qr.accept_login_token(phone, accept(shown.token)), "AUTH_TOKEN_EXPIRED")
            own = await auth_qr.export_login_token(phone, export())
            await refused(auth_qr.accept_login_token(phone, accept(own.token)), "AUTH_TOKEN_INVALIDX")
            taken = await auth_qr.export_login_token(desk, export(me))
            await refused(auth_qr.accept_login_token(phone, accept(taken.token)), "AUTH_TOKEN_EXCEPTION")

    run(story())


@pytest.mark.parametrize("late", [False, True])
def test_5_8_5_7_an_account_with_a_password_asks_for_it_after_the_scan(late: bool) -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up(PHONE)
            phone, desk = c.call(me, key), c.call(0, await c.key())
            shown = await auth_qr.export_login_token(desk, export())
            await auth_qr.accept_login_token(phone, accept(shown.token))
            assert await update(phone, t.InputCheckPasswordEmpty(), await settings(phone, "one"))
            for _ in range(2):
                await refused(auth_qr.export_login_token(desk, export()), "SESSION_PASSWORD_NEEDED")
            if late:
                c.clock.advance(limits.PASSWORD_PENDING_SECONDS)
                await refused(asked(desk), "AUTH_KEY_UNREGISTERED")
                return
            proof = proof_of("one", await asked(desk))
            await auth_password.check_password(desk, auth.CheckPassword(password=proof))
            await c.settle()
            assert c.services.auth.key_or_none(desk.session.auth_key_id).user_id == me

    run(story())
