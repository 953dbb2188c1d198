"""auth.*: codes, signing in and out, sessions, temporary keys, joining from another data centre."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.mtproto.binding import open_binding
from tgserve.mtproto.cipher import AuthKey
from tgserve.render import user as people
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, Who, per_minute, rpc
from tgserve.services.codes import SentCode
from tgserve.services.keys import U64, KeyInfo
from tgserve.services.recovery import pattern
from tgserve.tl import types as t
from tgserve.tl.functions import auth

# -- codes ----------------------------------------------------------------------------------------------------------


@rpc(auth.SendCode, who=Who.ANYONE)
async def send_code(call: Call, request: auth.SendCode) -> t.AnyAuthSentCode:
    if request.api_id <= 0:
        raise errors.API_ID_INVALID()
    require_own_number(call)
    sent = await call.services.auth.send_code(request.phone_number, call.session.auth_key_id, call.ip)
    return sent_code(sent)


def require_own_number(call: Call) -> None:
    """A client that believes to be at the data centre of another node would look for its account there: it is sent to
    our number. NETWORK_MIGRATE_X."""
    nodes = call.services.nodes
    if nodes.active and call.dc_id != nodes.own_dc and call.dc_id in nodes.rows:
        raise errors.NETWORK_MIGRATE(nodes.own_dc)


@rpc(auth.ResendCode, who=Who.ANYONE)
async def resend_code(call: Call, request: auth.ResendCode) -> t.AnyAuthSentCode:
    sent = await call.services.auth.resend_code(
        request.phone_number, request.phone_code_hash, call.session.auth_key_id, call.ip
    )
    return sent_code(sent)


@rpc(auth.CancelCode, who=Who.ANYONE)
async def cancel_code(call: Call, request: auth.CancelCode) -> bool:
    await call.services.auth.cancel_code(
        request.phone_number, request.phone_code_hash, call.session.auth_key_id
    )
    return True


@rpc(auth.ResetLoginEmail, who=Who.ANYONE, flood=per_minute(10))
async def reset_login_email(call: Call, request: auth.ResetLoginEmail) -> t.AnyAuthSentCode:
    """For who cannot read the mail any more."""
    sent = await call.services.auth.reset_email(
        request.phone_number, request.phone_code_hash, call.session.auth_key_id, call.ip
    )
    return sent_code(sent)


@rpc(auth.ReportMissingCode, who=Who.ANYONE)
async def report_missing_code(call: Call, request: auth.ReportMissingCode) -> bool:
    """The operator sees in the log of the SMS adapter what became of a message."""
    if not request.phone_code_hash:
        raise errors.PHONE_CODE_HASH_EMPTY()
    return True


def sent_code(sent: SentCode) -> t.AuthSentCode:
    """By SMS, whether the phone has an account or not (SECURITY 5.5), unless the operator has codes sent by e-mail."""
    if sent.wants_email:
        return t.AuthSentCode(
            type=t.AuthSentCodeTypeSetUpEmailRequired(), phone_code_hash=sent.phone_code_hash
        )
    if sent.email:
        way = t.AuthSentCodeTypeEmailCode(email_pattern=pattern(sent.email), length=sent.digits)
        if sent.reset_at:
            way.reset_pending_date = sent.reset_at
        else:
            way.reset_available_period = limits.LOGIN_EMAIL_RESET_SECONDS
        return t.AuthSentCode(type=way, phone_code_hash=sent.phone_code_hash)
    return t.AuthSentCode(
        type=t.AuthSentCodeTypeSms(length=sent.digits),
        phone_code_hash=sent.phone_code_hash,
        next_type=t.AuthCodeTypeSms(),
        timeout=sent.resend_seconds,
    )


# -- in -------------------------------------------------------------------------------------------------------------


@rpc(auth.SignIn, who=Who.ANYONE)
async def sign_in(call: Call, request: auth.SignIn) -> t.AnyAuthAuthorization:
    shown = request.phone_code or ""
    if request.email_verification is not None:
        shown = email_code(request.email_verification)
    user_id = await call.services.auth.sign_in(
        request.phone_number,
        request.phone_code_hash,
        shown,
        call.session.auth_key_id,
        by_email=request.email_verification is not None,
        ip=call.ip,
    )
    if not user_id:
        return t.AuthAuthorizationSignUpRequired()
    return authorization(call, user_id)


def email_code(shown: t.AnyEmailVerification) -> str:
    """The code of an EmailVerification. EMAIL_NOT_ALLOWED for tokens of Google and Apple."""
    if isinstance(shown, t.EmailVerificationCode):
        return shown.code
    raise errors.EMAIL_NOT_ALLOWED()


@rpc(auth.SignUp, who=Who.ANYONE)
async def sign_up(call: Call, request: auth.SignUp) -> t.AnyAuthAuthorization:
    user_id = await call.services.auth.sign_up(
        request.phone_number,
        request.phone_code_hash,
        request.first_name,
        request.last_name,
        call.session.auth_key_id,
    )
    return authorization(call, user_id)


def authorization(call: Call, user_id: int) -> t.AuthAuthorization:
    return t.AuthAuthorization(user=people.user(call.services, user_id, user_id))


# -- out ------------------------------------------------------------------------------------------------------------


@rpc(auth.LogOut, who=Who.ANYONE)
async def log_out(call: Call, request: auth.LogOut) -> t.AnyAuthLoggedOut:
    """Also answered when nobody is signed in: TDLib repeats it until it is (CLIENTS A.9)."""
    await call.services.auth.log_out(call.session.auth_key_id)
    return t.AuthLoggedOut()


@rpc(auth.ResetAuthorizations, flood=per_minute(10))
async def reset_authorizations(call: Call, request: auth.ResetAuthorizations) -> bool:
    await call.services.auth.sessions.end_others(call.me, own_key(call).hash)
    return True


def own_key(call: Call) -> KeyInfo:
    """The permanent key of the caller. AUTH_KEY_UNREGISTERED when it has just been destroyed."""
    key = call.services.auth.key_or_none(call.session.auth_key_id)
    if key is None or not key.user_id:
        raise errors.AUTH_KEY_UNREGISTERED()
    return key.owner


# -- other data centres ---------------------------------------------------------------------------------------------


@rpc(auth.ExportAuthorization, flood=per_minute(60))
async def export_authorization(
    call: Call, request: auth.ExportAuthorization
) -> t.AnyAuthExportedAuthorization:
    exported = await call.services.auth.export(own_key(call), request.dc_id)
    return t.AuthExportedAuthorization(id=exported.user_id, bytes=exported.data)


@rpc(auth.ImportAuthorization, who=Who.ANYONE, flood=per_minute(30))
async def import_authorization(call: Call, request: auth.ImportAuthorization) -> t.AnyAuthAuthorization:
    user_id = await call.services.auth.import_(request.id, request.bytes, call.session.auth_key_id)
    await call.services.visitors.meet((user_id,))
    return authorization(call, user_id)


# -- temporary keys -------------------------------------------------------------------------------------------------


@rpc(auth.BindTempAuthKey, who=Who.UNBOUND)
async def bind_temp_auth_key(call: Call, request: auth.BindTempAuthKey) -> bool:
    """SECURITY 1.17: the inner message must agree with the request and the session in every field."""
    keys = call.services.auth.keys
    temporary = keys.key_or_none(call.temp_key_id) if call.temp_key_id else None
    if temporary is None or not temporary.temporary:
        raise errors.TEMP_AUTH_KEY_EMPTY()
    if request.expires_at <= call.now:
        raise errors.EXPIRES_AT_INVALID()
    permanent = keys.key_or_none(request.perm_auth_key_id & U64)
    if permanent is None or permanent.temporary:
        raise errors.ENCRYPTED_MESSAGE_INVALID()
    open_binding(
        AuthKey(permanent.raw),
        request.encrypted_message,
        msg_id=call.msg_id,
        nonce=request.nonce,
        temp_auth_key_id=temporary.auth_key_id,
        temp_session_id=call.session.session_id,
        perm_auth_key_id=permanent.auth_key_id,
        expires_at=request.expires_at,
    )
    await keys.bind(temporary, permanent)
    return True


@rpc(auth.DropTempAuthKeys, who=Who.ANYONE)
async def drop_temp_auth_keys(call: Call, request: auth.DropTempAuthKeys) -> bool:
    keep = {key_id & U64 for key_id in request.except_auth_keys}
    if call.temp_key_id:
        keep.add(call.temp_key_id)
    await call.services.auth.keys.drop_temporary(call.session.auth_key_id, keep)
    return True


# -- ways in that are not offered -----------------------------------------------------------------------------------


@rpc(auth.InitPasskeyLogin, who=Who.ANYONE, status=Status.REFUSED)
async def init_passkey_login(call: Call, request: auth.InitPasskeyLogin) -> t.AnyAuthPasskeyLoginOptions:
    """Web A and K ask this first of all; told that the method is unknown they offer the phone (CLIENTS C.1)."""
    raise errors.INPUT_METHOD_INVALID()


@rpc(auth.FinishPasskeyLogin, who=Who.ANYONE, status=Status.REFUSED)
async def finish_passkey_login(call: Call, request: auth.FinishPasskeyLogin) -> t.AnyAuthAuthorization:
    raise errors.METHOD_NOT_AVAILABLE()


@rpc(auth.ImportWebTokenAuthorization, who=Who.ANYONE, status=Status.REFUSED)
async def import_web_token_authorization(
    call: Call, request: auth.ImportWebTokenAuthorization
) -> t.AnyAuthAuthorization:
    """Tokens of telegram.org's own pages."""
    raise errors.AUTH_TOKEN_INVALID()


# -- bots -----------------------------------------------------------------------------------------------------------


@rpc(auth.ImportBotAuthorization, who=Who.ANYONE, flood=per_minute(20))
async def import_bot_authorization(
    call: Call, request: auth.ImportBotAuthorization
) -> t.AnyAuthAuthorization:
    if request.api_id <= 0:
        raise errors.API_ID_INVALID()
    home = call.services.homes.of_bot(request.bot_auth_token)
    if home:
        raise errors.USER_MIGRATE(home)
    require_own_number(call)
    bot = await call.services.bots.sign_in(request.bot_auth_token, call.session.auth_key_id)
    return authorization(call, bot)
