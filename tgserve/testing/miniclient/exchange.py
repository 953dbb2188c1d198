"""Client side of the key exchange, with a hook at every place where a client could lie.

    exchange = KeyExchange(public, ids)
    body = exchange.start()
    while body is not None:
        body = exchange.receive(answer_to(body))
    exchange.key, exchange.salt

Written from the public description, not from our server's code: the two check each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct, unpack_from
from typing import Literal

from gmpy2 import powmod

from tgserve.ids import Ids
from tgserve.mtproto.cipher import AuthKey
from tgserve.mtproto.constructors import tl_bytes
from tgserve.mtproto.ige import decrypt_ige, encrypt_ige
from tgserve.mtproto.rsa import RsaPublic

Lie = Callable[[str, bytes], bytes]
"""(name of the place, honest bytes) -> what is used instead. Places: req_pq, inner, block (what RSA is applied to),
req_dh_params, client_inner, client_data (hash, inner, padding before encryption), set_client_dh_params."""


class ExchangeFailed(Exception):
    """The server's answer is not what an honest server says; `name` tells what was wrong."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class ExchangeOptions:
    """The shapes real clients give to an exchange."""

    padding: Literal["rsa_pad", "old"] = "rsa_pad"
    dc_id: int | None = None
    """Sent in p_q_inner_data_dc or _temp_dc; None: the forms without."""
    expires_in: int | None = None
    """Seconds of a temporary key; None for a permanent one."""
    multi: bool = True
    """req_pq_multi, or the older req_pq."""


def honest(_place: str, data: bytes) -> bytes:
    return data


def factorize(pq: int) -> tuple[int, int]:
    """p < q by Pollard's rho in Brent's form: some 30,000 steps for 62 bits."""
    if pq % 2 == 0:
        return 2, pq // 2
    for c in range(1, 100):
        y, r, product, divisor = 2, 1, 1, 1
        x = saved = y
        while divisor == 1:
            x = y
            for _ in range(r):
                y = (y * y + c) % pq
            done = 0
            while done < r and divisor == 1:
                saved = y
                for _ in range(min(256, r - done)):
                    y = (y * y + c) % pq
                    product = product * abs(x - y) % pq
                divisor = _gcd(product, pq)
                done += 256
            r *= 2
        if divisor == pq:
            divisor = 1
            while divisor == 1:
                saved = (saved * saved + c) % pq
                divisor = _gcd(abs(x - saved), pq)
        if divisor != pq:
            return min(divisor, pq // divisor), max(divisor, pq // divisor)
    raise ExchangeFailed("pq is prime")


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


def rsa_pad(data: bytes, public: RsaPublic, ids: Ids) -> bytes:
    """The block that RSA_PAD makes of data (at most 144 bytes)."""
    padded = data + ids.random_bytes(192 - len(data))
    while True:
        temp_key = ids.random_bytes(32)
        hashed = padded[::-1] + sha256(temp_key + padded).digest()
        sealed = encrypt_ige(hashed, temp_key, bytes(32))
        block = bytes(a ^ b for a, b in zip(temp_key, sha256(sealed).digest(), strict=True)) + sealed
        if int.from_bytes(block, "big") < public.n:
            return block


def old_pad(data: bytes, ids: Ids) -> bytes:
    """The block before RSA_PAD came: what Telethon and Kurigram send to this day."""
    return b"\0" + _sha1(data) + data + ids.random_bytes(235 - len(data))


class KeyExchange:
    """One exchange. `lie` may change the bytes at every place it is asked."""

    def __init__(
        self,
        public: RsaPublic,
        ids: Ids,
        options: ExchangeOptions | None = None,
        lie: Lie = honest,
    ) -> None:
        self.options = options or ExchangeOptions()
        self._public = public
        self._ids = ids
        self._lie = lie
        self._state = 0
        self.nonce = ids.random_bytes(16)
        self.new_nonce = ids.random_bytes(32)
        self.server_nonce = b""
        self.key: AuthKey | None = None
        """As the server holds it; `key.mirrored()` is the client's side."""
        self.salt = 0
        self.server_time = 0
        self.outcome = ""
        """ok, retry or fail, when the exchange has ended."""
        self._shared = b""

    def start(self) -> bytes:
        constructor = 0xBE7E8EF1 if self.options.multi else 0x60469778
        self._state = 1
        return self._lie("req_pq", constructor.to_bytes(4, "little") + self.nonce)

    def receive(self, body: bytes) -> bytes | None:
        """The next request, None when the exchange has ended. Raises ExchangeFailed."""
        step = (self._res_pq, self._server_dh, self._dh_gen)[self._state - 1]
        self._state += 1
        return step(body)

    def _res_pq(self, body: bytes) -> bytes:
        # resPQ#05162463 nonce server_nonce pq:string server_public_key_fingerprints:Vector<long>
        self._expect(body[:4] == b"\x63\x24\x16\x05" and body[4:20] == self.nonce, "resPQ")
        self.server_nonce = body[20:36]
        self._expect(body[36] == 8 and len(body) == 48 + 8 + 8, "pq")
        pq = int.from_bytes(body[37:45], "big")
        vector, count, fingerprint = unpack_from("<IIQ", body, 48)
        self._expect((vector, count, fingerprint) == (0x1CB5C415, 1, self._public.fingerprint), "fingerprint")
        p, q = factorize(pq)
        numbers = [tl_bytes(n.to_bytes((n.bit_length() + 7) // 8, "big")) for n in (pq, p, q)]
        inner = self._lie("inner", self._inner(b"".join(numbers)))
        block = (
            rsa_pad(inner, self._public, self._ids)
            if self.options.padding == "rsa_pad"
            else old_pad(inner, self._ids)
        )
        block = self._lie("block", block)
        sealed = int(powmod(int.from_bytes(block, "big"), self._public.e, self._public.n)).to_bytes(
            256, "big"
        )
        request = b"\xbe\xe4\x12\xd7" + self.nonce + self.server_nonce + numbers[1] + numbers[2]
        request += self._public.fingerprint.to_bytes(8, "little") + tl_bytes(sealed)
        return self._lie("req_dh_params", request)

    def _inner(self, numbers: bytes) -> bytes:
        dc_id, expires_in = self.options.dc_id, self.options.expires_in
        constructor = (
            (0x83C95AEC if dc_id is None else 0xA9F55F95)
            if expires_in is None
            else (0x3C6A84D4 if dc_id is None else 0x56FDDF88)
        )
        inner = constructor.to_bytes(4, "little") + numbers + self.nonce + self.server_nonce + self.new_nonce
        for number in (dc_id, expires_in):
            if number is not None:
                inner += number.to_bytes(4, "little", signed=True)
        return inner

    def _server_dh(self, body: bytes) -> bytes:
        # server_DH_params_ok#d0e8075c nonce server_nonce encrypted_answer:string
        self._expect(body[:36] == b"\x5c\x07\xe8\xd0" + self.nonce + self.server_nonce, "server_DH_params")
        self._expect(body[36] == 254, "encrypted_answer")
        size = int.from_bytes(body[37:40], "little")
        self._expect(size % 16 == 0 and len(body) == 40 + size, "encrypted_answer")
        key, iv = self._temporary_key()
        answer = decrypt_ige(body[40:], key, iv)
        # server_DH_inner_data#b5890dba nonce server_nonce g:int dh_prime:string g_a:string server_time:int
        inner = answer[20:]
        size = 40 + 260 + 260 + 4
        self._expect(
            _sha1(inner[:size]) == answer[:20] and len(inner) - size < 16, "server_DH_inner_data hash"
        )
        self._expect(
            inner[:36] == b"\xba\x0d\x89\xb5" + self.nonce + self.server_nonce, "server_DH_inner_data"
        )
        (g,) = unpack_from("<i", inner, 36)
        prime, g_a = int.from_bytes(inner[44:300], "big"), int.from_bytes(inner[304:560], "big")
        self._expect(prime.bit_length() == 2048 and 2 <= g <= 7, "group")
        self._expect(1 << 1984 <= g_a <= prime - (1 << 1984), "g_a")
        (self.server_time,) = unpack_from("<I", inner, 560)
        b = int.from_bytes(self._ids.random_bytes(256), "big")
        g_b = int(powmod(g, b, prime))
        self._shared = int(powmod(g_a, b, prime)).to_bytes(256, "big")
        client = (
            b"\x54\xb6\x43\x66"
            + self.nonce
            + self.server_nonce
            + bytes(8)
            + tl_bytes(g_b.to_bytes(256, "big"))
        )
        client = self._lie("client_inner", client)
        data = _sha1(client) + client
        data = self._lie("client_data", data + self._ids.random_bytes(-len(data) % 16))
        request = b"\x1f\x5f\x04\xf5" + self.nonce + self.server_nonce + tl_bytes(encrypt_ige(data, key, iv))
        return self._lie("set_client_dh_params", request)

    def _dh_gen(self, body: bytes) -> None:
        # dh_gen_ok#3bcbf734 nonce server_nonce new_nonce_hash1:int128, and retry, fail
        outcomes = {b"\x34\xf7\xcb\x3b": "ok", b"\xb9\x1f\xdc\x46": "retry", b"\x02\xae\x9d\xa6": "fail"}
        self.outcome = outcomes.get(body[:4], "")
        self._expect(self.outcome != "" and body[4:36] == self.nonce + self.server_nonce, "dh_gen")
        number = ("ok", "retry", "fail").index(self.outcome) + 1
        aux = _sha1(self._shared)[:8]
        self._expect(body[36:] == _sha1(self.new_nonce + bytes((number,)) + aux)[4:], "new_nonce_hash")
        if self.outcome != "ok":
            return
        self.key = AuthKey(self._shared)
        self.salt = _U64.unpack(self.new_nonce[:8])[0] ^ _U64.unpack(self.server_nonce[:8])[0]

    def _temporary_key(self) -> tuple[bytes, bytes]:
        new, server = self.new_nonce, self.server_nonce
        middle = _sha1(server + new)
        return _sha1(new + server) + middle[:12], middle[12:] + _sha1(new + new) + new[:4]

    def _expect(self, holds: bool, name: str) -> None:
        if not holds:
            raise ExchangeFailed(name)


_U64 = Struct("<Q")
