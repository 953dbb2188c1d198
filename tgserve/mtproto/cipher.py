"""MTProto 2.0 encryption of one packet: `open_frame` for what clients send, `seal_frame` for what we send.

packet    = auth_key_id (8) msg_key (16) AES-IGE(plaintext)
plaintext = salt (8) session_id (8) msg_id (8) seq_no (4) length (4) body (length) padding (12..1024), 16-aligned

Rules: msg_key is compared over the whole plaintext, in constant time, before any field of it is read (SECURITY 3.1);
every fault is the same ProtocolError, so that nobody learns which check failed (4A-3); only the client's direction
(x = 0) is opened, so a reflected packet of ours fails (3.3); MTProto 1.0 is not spoken here (3.4).
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1, sha256
from hmac import compare_digest
from struct import Struct
from struct import error as StructError

from tgserve.errors import ProtocolError
from tgserve.mtproto.ige import decrypt_ige, encrypt_ige

HEADER = Struct("<QQQII")
"""salt, session_id, msg_id, seq_no, length: the 32 bytes in front of every body."""
_pack_header = HEADER.pack
_pack_names = Struct("<QQ").pack
_pack_rest = Struct("<QII").pack
_length_at = Struct("<I").unpack_from

MIN_PACKET = 24 + 48  # the ciphertext holds at least a header and 12 bytes of padding
MIN_PADDING = 12
MAX_PADDING = 1024
_WORD = 0xFFFFFFFFFFFFFFFF


class AuthKey:
    """A 2048-bit key of one client, with every slice the cipher needs cut once.

    `id` is an unsigned 64-bit number, `id_bytes` the same as it stands on the wire (little endian).
    """

    __slots__ = (
        "_open_a",
        "_open_b",
        "_open_mac",
        "_seal_a",
        "_seal_b",
        "_seal_mac",
        "id",
        "id_bytes",
        "raw",
    )

    def __init__(self, raw: bytes) -> None:
        if len(raw) != 256:
            raise ValueError("an auth key has 256 bytes")
        self.raw = raw
        self.id_bytes = sha1(raw).digest()[-8:]
        self.id = int.from_bytes(self.id_bytes, "little")
        self._cut(0, 8)

    def _cut(self, opening: int, sealing: int) -> None:
        """x is 0 for packets of the client and 8 for packets of the server."""
        raw = self.raw
        self._open_a, self._open_b = raw[opening : opening + 36], raw[opening + 40 : opening + 76]
        self._open_mac = raw[opening + 88 : opening + 120]
        self._seal_a, self._seal_b = raw[sealing : sealing + 36], raw[sealing + 40 : sealing + 76]
        self._seal_mac = raw[sealing + 88 : sealing + 120]

    def mirrored(self) -> AuthKey:
        """The same key as the client holds it: it seals with x = 0 and opens with x = 8."""
        other = AuthKey(self.raw)
        other._cut(8, 0)
        return other

    def __reduce__(self) -> tuple[type[AuthKey], tuple[bytes]]:
        return AuthKey, (self.raw,)


def _refused() -> ProtocolError:
    return ProtocolError("packet refused", -404)


def open_frame(key: AuthKey, payload: bytes) -> bytes:
    """The plaintext (salt .. padding) of a packet whose first 8 bytes are `key.id_bytes`.

    Raises ProtocolError(-404), always the same one (SECURITY 2.4, 3.1-3.4).
    """
    size = len(payload)
    if size < MIN_PACKET or (size - 24) & 15:
        raise _refused()
    msg_key = payload[8:24]
    a = sha256(msg_key + key._open_a).digest()
    b = sha256(key._open_b + msg_key).digest()
    plain = decrypt_ige(payload[24:], a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:])
    if not compare_digest(sha256(key._open_mac + plain).digest()[8:24], msg_key):
        raise _refused()
    length = _length_at(plain, 28)[0]
    if length & 3 or not MIN_PADDING <= size - 56 - length <= MAX_PADDING:
        raise _refused()
    return plain


def seal_plain(key: AuthKey, plain: bytes) -> bytes:
    """The packet for a whole plaintext, padding included."""
    msg_key = sha256(key._seal_mac + plain).digest()[8:24]
    a = sha256(msg_key + key._seal_a).digest()
    b = sha256(key._seal_b + msg_key).digest()
    sealed = encrypt_ige(plain, a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:])
    return key.id_bytes + msg_key + sealed


def seal_frame(
    key: AuthKey,
    salt: int,
    session_id: int,
    msg_id: int,
    seq_no: int,
    body: bytes,
    padding: Callable[[int], bytes],
) -> bytes:
    """The packet that carries `body`. `padding(count)` gives random bytes (Ids.padding).

    salt and session_id may be given signed or unsigned.
    """
    size = len(body)
    try:
        header = _pack_header(salt, session_id, msg_id, seq_no, size)
    except StructError:
        header = _pack_header(salt & _WORD, session_id & _WORD, msg_id, seq_no, size)
    plain = header + body + padding(MIN_PADDING + (-(size + 44) & 15))
    # as seal_plain, written out: this is the hottest path of fan-out
    msg_key = sha256(key._seal_mac + plain).digest()[8:24]
    a = sha256(msg_key + key._seal_a).digest()
    b = sha256(key._seal_b + msg_key).digest()
    sealed = encrypt_ige(plain, a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:])
    return key.id_bytes + msg_key + sealed


def padding_of(size: int) -> int:
    """How many bytes of padding go behind a body of `size` bytes."""
    return MIN_PADDING + (-(size + 44) & 15)


def seal_kit(key: AuthKey, salt: int, session_id: int) -> bytes:
    """What `seal_with` takes of a session, in one piece: a crowd's sessions are cold when it is told something, and
    each object more is another wait for memory.

    kit = the key's part in msg_key (32) salt (8) session_id (8) its parts in key and iv (36, 36) auth_key_id (8)
    """
    names = _pack_names(salt & _WORD, session_id & _WORD)
    return key._seal_mac + names + key._seal_a + key._seal_b + key.id_bytes


def seal_with(kit: bytes, msg_id: int, seq_no: int, size: int, rest: bytes) -> bytes:
    """As `seal_frame`. `rest`: the body, of `size` bytes, and its padding, which may be the same for many sessions: no
    two have one key and one session_id."""
    macked = kit[:48] + _pack_rest(msg_id, seq_no, size) + rest
    msg_key = sha256(macked).digest()[8:24]
    a = sha256(msg_key + kit[48:84]).digest()
    b = sha256(kit[84:120] + msg_key).digest()
    sealed = encrypt_ige(macked[32:], a[:8] + b[8:24] + a[24:], b[:8] + a[8:24] + b[24:])
    return kit[120:] + msg_key + sealed


def quick_ack_token(key: AuthKey, plain: bytes) -> int:
    """What a client expects as quick ack of the packet with this plaintext: bit 31 is set (SECURITY 2.7)."""
    digest: int = _length_at(sha256(key._open_mac + plain).digest(), 0)[0]
    return digest | 0x80000000
