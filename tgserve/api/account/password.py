"""account.*: the password of two-step verification. No account has one yet; what clients check is told rightly."""

from __future__ import annotations

from typing import Any, Final

from tgserve import errors
from tgserve.mtproto import dh
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, rpc
from tgserve.tl import types as t
from tgserve.tl.functions import account

SALT_BYTES: Final = 8
RANDOM_BYTES: Final = 256


@rpc(account.GetPassword)
async def get_password(call: Call, request: account.GetPassword) -> t.AnyAccountPassword:
    """new_secure_algo must be this one, or TDLib calls it outdated (CLIENTS A.15)."""
    random = call.services.ids.random_bytes
    return t.AccountPassword(
        new_algo=t.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow(
            salt1=random(SALT_BYTES), salt2=random(SALT_BYTES * 2), g=dh.G, p=dh.PRIME_BYTES
        ),
        new_secure_algo=t.SecurePasswordKdfAlgoPBKDF2HMACSHA512iter100000(salt=random(SALT_BYTES)),
        secure_random=random(RANDOM_BYTES),
    )


@rpc(account.GetPasswordSettings, status=Status.REFUSED)
async def get_password_settings(call: Call, request: account.GetPasswordSettings) -> Any:
    raise errors.PASSWORD_HASH_INVALID()


@rpc(account.UpdatePasswordSettings, status=Status.REFUSED)
async def update_password_settings(call: Call, request: account.UpdatePasswordSettings) -> Any:
    """Honest until there is two-step verification: a password that protects nothing may not be taken."""
    raise errors.METHOD_NOT_AVAILABLE()
