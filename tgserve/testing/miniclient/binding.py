"""What a client sends in auth.bindTempAuthKey, every field of it open to forgery."""

from __future__ import annotations

import hashlib
from struct import pack

from tgserve.ids import Ids
from tgserve.mtproto.cipher import AuthKey
from tgserve.mtproto.ige import encrypt_ige

_U64 = 0xFFFFFFFFFFFFFFFF


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def binding_message(
    perm_key: AuthKey,
    temp_key_id: int,
    session_id: int,
    ids: Ids,
    *,
    msg_id: int,
    nonce: int,
    expires_at: int,
    perm_key_id: int | None = None,
    constructor: int = 0x75A3F765,
    seq_no: int = 0,
    length: int = 40,
    msg_key: bytes | None = None,
) -> bytes:
    """encrypted_message: bind_auth_key_inner under MTProto 1.0 and the permanent key. `msg_id` is the request's own."""
    perm_id = perm_key.id if perm_key_id is None else perm_key_id
    inner = pack("<IQQQQi", constructor, nonce & _U64, temp_key_id, perm_id, session_id & _U64, expires_at)
    data = ids.random_bytes(16) + pack("<QII", msg_id, seq_no, length) + inner
    key = _sha1(data)[4:] if msg_key is None else msg_key
    raw = perm_key.raw
    a, b = _sha1(key + raw[:32]), _sha1(raw[32:48] + key + raw[48:64])
    c, d = _sha1(raw[64:96] + key), _sha1(key + raw[96:128])
    aes_key, aes_iv = a[:8] + b[8:20] + c[4:16], a[8:20] + b[:8] + c[16:20] + d[:8]
    return perm_key.id_bytes + key + encrypt_ige(data + ids.random_bytes(-len(data) % 16), aes_key, aes_iv)
