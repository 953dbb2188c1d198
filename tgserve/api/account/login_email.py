"""account.*: the e-mail address that login codes go to: given at the login, or changed later."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.api.auth import email_code, sent_code
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Who, per_minute, rpc
from tgserve.services.recovery import pattern
from tgserve.tl import types as t
from tgserve.tl.functions import account


@rpc(account.SendVerifyEmailCode, who=Who.ANYONE, flood=per_minute(10))
async def send_verify_email_code(
    call: Call, request: account.SendVerifyEmailCode
) -> t.AnyAccountSentEmailCode:
    """A code to an address that is to be one's own. EMAIL_NOT_ALLOWED where the operator has not switched it on."""
    purpose, auth = request.purpose, call.services.auth
    address = request.email
    if isinstance(purpose, t.EmailVerifyPurposeLoginSetup):
        address = await auth.offer_email(
            purpose.phone_number, purpose.phone_code_hash, request.email, call.session.auth_key_id
        )
    elif isinstance(purpose, t.EmailVerifyPurposeLoginChange):
        await auth.emails.send_change(_signed_in(call), request.email)
    else:
        raise errors.EMAIL_NOT_ALLOWED()
    return t.AccountSentEmailCode(email_pattern=pattern(address), length=limits.EMAIL_CODE_DIGITS)


@rpc(account.VerifyEmail, who=Who.ANYONE, flood=per_minute(20))
async def verify_email(call: Call, request: account.VerifyEmail) -> t.AnyAccountEmailVerified:
    """At the login the code for the phone is sent next; otherwise codes go to the address from now on."""
    purpose, auth = request.purpose, call.services.auth
    if isinstance(purpose, t.EmailVerifyPurposeLoginSetup):
        address, sent = await auth.prove_email(
            purpose.phone_number,
            purpose.phone_code_hash,
            email_code(request.verification),
            call.session.auth_key_id,
            call.ip,
        )
        return t.AccountEmailVerifiedLogin(email=address, sent_code=sent_code(sent))
    if isinstance(purpose, t.EmailVerifyPurposeLoginChange):
        me = _signed_in(call)
        return t.AccountEmailVerified(email=await auth.emails.change(me, email_code(request.verification)))
    raise errors.EMAIL_NOT_ALLOWED()


def _signed_in(call: Call) -> int:
    """AUTH_KEY_UNREGISTERED."""
    if not call.me:
        raise errors.AUTH_KEY_UNREGISTERED()
    return call.me


@rpc(account.InvalidateSignInCodes, flood=per_minute(20))
async def invalidate_sign_in_codes(call: Call, request: account.InvalidateSignInCodes) -> bool:
    """Clients call it when somebody is about to send a login code on to somebody else."""
    if len(request.codes) > limits.CODES_PER_PHONE_PER_HOUR:
        raise errors.LIMIT_INVALID()
    phone = call.services.users.get(call.me).phone
    if phone:
        await call.services.auth.codes.invalidate(phone, request.codes)
    return True
