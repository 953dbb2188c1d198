"""The inner message of auth.bindTempAuthKey: proof that one client holds both the temporary and the permanent key.

encrypted_message = perm_auth_key_id (8) msg_key (16) AES-IGE(
    random (16) msg_id (8) seqno 0 (4) length 40 (4) bind_auth_key_inner (40) padding (0..15))
under the key derivation of MTProto 1.0, the only place where that is spoken (SECURITY 3.4). Source: api/pfs.
"""

from __future__ import annotations

from hashlib import sha1
from hmac import compare_digest
from struct import Struct

from tgserve.errors import ENCRYPTED_MESSAGE_INVALID
from tgserve.mtproto.cipher import AuthKey
from tgserve.mtproto.ige import decrypt_ige

_WORD = 0xFFFFFFFFFFFFFFFF
BIND_AUTH_KEY_INNER = 0x75A3F765
BINDING = Struct("<QIIIQQQQi")
"""msg_id, seqno, length; then constructor, nonce, temp_auth_key_id, perm_auth_key_id, temp_session_id, expires_at."""
_SIZE = 16 + BINDING.size


def old_key(raw: bytes, msg_key: bytes) -> tuple[bytes, bytes]:
    """AES key and iv of MTProto 1.0 for packets of a client."""
    a = sha1(msg_key + raw[:32]).digest()
    b = sha1(raw[32:48] + msg_key + raw[48:64]).digest()
    c = sha1(raw[64:96] + msg_key).digest()
    d = sha1(msg_key + raw[96:128]).digest()
    return a[:8] + b[8:] + c[4:16], a[8:] + b[:8] + c[16:] + d[:8]


def open_binding(
    perm_key: AuthKey,
    encrypted_message: bytes,
    *,
    msg_id: int,
    nonce: int,
    temp_auth_key_id: int,
    temp_session_id: int,
    perm_auth_key_id: int,
    expires_at: int,
) -> None:
    """Return when the message proves the binding asked for, raise ENCRYPTED_MESSAGE_INVALID otherwise (SECURITY 1.17).

    The other arguments are those of the request that carries it, its msg_id, and the connection's key and session;
    64-bit ids may be given signed or unsigned.
    """
    size = len(encrypted_message) - 24
    if size % 16 or not _SIZE <= size < _SIZE + 16:
        raise ENCRYPTED_MESSAGE_INVALID()
    msg_key = encrypted_message[8:24]
    data = decrypt_ige(encrypted_message[24:], *old_key(perm_key.raw, msg_key))[:_SIZE]
    wanted = BINDING.pack(
        msg_id & _WORD,
        0,
        40,
        BIND_AUTH_KEY_INNER,
        nonce & _WORD,
        temp_auth_key_id & _WORD,
        perm_auth_key_id & _WORD,
        temp_session_id & _WORD,
        expires_at,
    )
    fits = (
        compare_digest(encrypted_message[:8], perm_key.id_bytes)
        & compare_digest(sha1(data).digest()[4:], msg_key)
        & compare_digest(data[16:], wanted)
        & (perm_auth_key_id & _WORD == perm_key.id)
    )
    if not fits:
        raise ENCRYPTED_MESSAGE_INVALID()
