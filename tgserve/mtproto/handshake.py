"""Server side of the key exchange (core.telegram.org/mtproto/auth_key), sans-IO, its steps numbered as there.

1. req_pq, req_pq_multi  -> 2. resPQ                 cheap, here
4. req_DH_params         -> 5. server_DH_params_ok   RSA and g^a: Work, for an executor
6. set_client_DH_params  -> 9. dh_gen_ok             g_b^a: Work

Rules: every refusal is the same ProtocolError(-404) and ends the exchange (SECURITY 1.10); a repeated identical request
gets the identical answer for 10 minutes, on whatever connection it comes (1.13), so an exchange is known by its nonces;
secrets are forgotten when they have served; a taken key id ends the exchange with dh_gen_retry, so a is never used
twice (1.11, KE). The number of exchanges remembered is bounded: the oldest that have cost nothing go first (1.18).
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from hashlib import sha1
from hmac import compare_digest
from typing import Any

from gmpy2 import next_prime

from tgserve.errors import ProtocolError
from tgserve.ids import Ids
from tgserve.limits import HANDSHAKE_SECONDS, HANDSHAKES_OPEN, TEMP_KEY_SECONDS
from tgserve.mtproto import dh
from tgserve.mtproto.cipher import AuthKey
from tgserve.mtproto.constructors import MSGS_ACK, tl_bytes
from tgserve.mtproto.ige import decrypt_ige, encrypt_ige
from tgserve.mtproto.plain import (
    CLIENT_DH_INNER_DATA,
    DH_GEN_FAIL,
    DH_GEN_OK,
    DH_GEN_RETRY,
    P_Q_INNER_DATA,
    P_Q_INNER_DATA_DC,
    P_Q_INNER_DATA_TEMP,
    P_Q_INNER_DATA_TEMP_DC,
    REQ_DH_PARAMS,
    REQ_PQ,
    REQ_PQ_MULTI,
    SERVER_DH_PARAMS_OK,
    SET_CLIENT_DH_PARAMS,
    parse_plain,
    parse_req_dh_params,
    plain,
    read_bytes,
    read_i32,
    read_u32,
    read_u64,
    refused,
    res_pq,
    server_dh_inner_data,
    u32,
    without_padding,
)
from tgserve.mtproto.rsa import BLOCK, RsaKey, RsaPublic, unpad
from tgserve.mtproto.transport.obfuscated import plain_dc

__all__ = ["Handshakes", "NewKey", "Reply", "RsaKey", "RsaPublic", "Work", "parse_plain", "plain"]

_PRIME_FROM = 1 << 30  # two primes of 31 bits: pq has 61 or 62, its encoding always 8 bytes
_INNER = {P_Q_INNER_DATA: 96, P_Q_INNER_DATA_DC: 100, P_Q_INNER_DATA_TEMP: 100, P_Q_INNER_DATA_TEMP_DC: 104}
_INNER_SIZES = (96, 100, 104)
_WITH_DC = (P_Q_INNER_DATA_DC, P_Q_INNER_DATA_TEMP_DC)
_TEMPORARY = (P_Q_INNER_DATA_TEMP, P_Q_INNER_DATA_TEMP_DC)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key agreed on. Store it, then send the Reply's body; report to `Handshakes.settled` which body was sent."""

    key: AuthKey
    salt: int
    """First salt, unsigned: to be accepted at once (SECURITY 1.14)."""
    expires_in: int
    """Seconds from now, at most a day; 0 for a permanent key."""
    dc_id: int | None
    """The DC the client believes it talks to, when it says so."""
    body_retry: bytes
    """dh_gen_retry: to send instead when the key's id is taken."""
    body_fail: bytes
    """dh_gen_fail: to send instead when the key cannot be stored."""
    exchange: bytes
    """For `Handshakes.settled`."""


@dataclass(frozen=True, slots=True)
class Reply:
    body: bytes | None
    """To be sent as plain message; None: nothing to say."""
    new_key: NewKey | None = None


@dataclass(frozen=True, slots=True)
class Work:
    run: Callable[[], Any]
    """Heavy and pure, holds the GIL for some ms; may be pickled and run in another process."""
    finish: Callable[[Any, float], Reply | Work]
    """(result of run, now) -> what comes next, on the loop's thread. Raises ProtocolError."""


class _Step(Enum):
    OFFERED = auto()
    OPENING = auto()
    OPENED = auto()
    AGREEING = auto()
    AGREED = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class OpenTask:
    """Everything step 4 needs, so that it can run anywhere."""

    rsa: RsaKey
    encrypted: bytes
    blinding: int
    inner_start: bytes
    """pq, p, q, nonce, server_nonce as the inner data must repeat them."""
    nonce: bytes
    server_nonce: bytes
    pair: dh.Pair | int
    """g^a made ahead, or the exponent to make it with."""
    padding: bytes
    server_time: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What step 4 brought to light."""

    new_nonce: bytes
    dc_id: int | None
    expires_in: int
    exponent: int
    answer: bytes


class _Exchange:
    __slots__ = (
        "answer",
        "born",
        "dc_id",
        "id",
        "offer",
        "opened",
        "p",
        "pq",
        "q",
        "request",
        "res_pq",
        "step",
        "task",
    )

    def __init__(
        self, offer: bytes, server_nonce: bytes, p: int, q: int, fingerprint: int, born: float
    ) -> None:
        self.offer = offer
        self.id = offer[4:] + server_nonce
        self.p = p.to_bytes(4, "big")
        self.q = q.to_bytes(4, "big")
        self.pq = (p * q).to_bytes(8, "big")
        self.res_pq = res_pq(offer[4:], server_nonce, self.pq, fingerprint)
        self.born = born
        self.step = _Step.OFFERED
        self.request = b""
        """The last request taken, and what was answered to it (None: not yet)."""
        self.answer: bytes | None = None
        self.task: Callable[[], Any] | None = None
        self.opened: Opened | None = None
        self.dc_id: int | None = None

    @property
    def nonces(self) -> bytes:
        """Both, as every message begins with them."""
        return self.id

    def end(self) -> None:
        """Forget the secrets; answers that were sent stay repeatable."""
        self.task = None
        self.opened = None


class Handshakes:
    """All exchanges of one server. `pool` has g^a made ahead when its owner feeds it."""

    def __init__(
        self,
        rsa: RsaKey,
        ids: Ids,
        *,
        pool_size: int = 0,
        dcs: Container[int] = range(1, 1001),
        open_max: int = HANDSHAKES_OPEN,
    ) -> None:
        self.pool = dh.DhPool(ids, pool_size)
        rsa.crt  # noqa: B018  # kept with the key from here on, so that no worker has to compute it again
        self._rsa = rsa
        self._ids = ids
        self._dcs = dcs
        self._open_max = open_max
        self._offers: dict[bytes, _Exchange] = {}  # by request, oldest first
        self._offered: dict[bytes, _Exchange] = {}  # by nonces: those that cost nothing so far
        self._running: dict[
            bytes, _Exchange
        ] = {}  # by nonces, oldest first: those that cost an RSA operation

    def __len__(self) -> int:
        return len(self._offered) + len(self._running)

    def use(self, rsa: RsaKey) -> None:
        """Answer with another key from now on; exchanges that have begun with the old one fail, and are begun anew."""
        rsa.crt  # noqa: B018
        self._rsa = rsa

    def receive(self, body: bytes, *, now: float, dc_id: int | None = None) -> Reply | Work:
        """One request; `dc_id` is what the transport says of the DC meant. Raises ProtocolError(-404, or -444)."""
        if len(body) < 4:
            raise refused("short message")
        self._expire(now)
        try:
            body = without_padding(body)
        except ProtocolError:
            exchange = self._offered.get(body[4:36]) or self._running.get(body[4:36])
            if exchange is not None:
                self._refuse(exchange)
            raise
        constructor = read_u32(body)[0]
        if constructor in (REQ_PQ, REQ_PQ_MULTI):
            return self._offer(body, now)
        if constructor == REQ_DH_PARAMS:
            return self._open(self._exchange(body), body, now, dc_id)
        if constructor == SET_CLIENT_DH_PARAMS:
            return self._agree(self._exchange(body), body)
        if constructor == MSGS_ACK:
            return Reply(None)
        raise refused("not a message of the key exchange")

    def settled(self, new_key: NewKey, body: bytes) -> None:
        """`body` is what was sent in the end for this key: a repeated request gets the same."""
        exchange = self._running.get(new_key.exchange)
        if exchange is not None:
            exchange.answer = body

    # 1. req_pq_multi#be7e8ef1 nonce:int128 = ResPQ

    def _offer(self, body: bytes, now: float) -> Reply:
        exchange = self._offers.get(body)
        if exchange is None:
            p, q = self._primes()
            exchange = _Exchange(body, self._ids.random_bytes(16), p, q, self._rsa.fingerprint, now)
            self._offers[body] = self._offered[exchange.id] = exchange
            if len(self._offered) > self._open_max:
                self._forget(next(iter(self._offered.values())))
        elif exchange.step is _Step.REFUSED:
            raise refused("the exchange is over")
        return Reply(exchange.res_pq)

    def _primes(self) -> tuple[int, int]:
        """p < q, both odd primes of 31 bits (SECURITY 1.1)."""
        while True:
            p, q = sorted(
                int(next_prime(_PRIME_FROM + self._ids.below(_PRIME_FROM - 1024))) for _ in range(2)
            )
            if p != q:
                return p, q

    def _exchange(self, body: bytes) -> _Exchange:
        """The exchange of a request, by both nonces (SECURITY 1.2, outer)."""
        nonces = body[4:36]
        exchange = self._offered.get(nonces) or self._running.get(nonces)
        if exchange is None:
            raise refused("no such exchange")
        if exchange.step is _Step.REFUSED:
            raise refused("the exchange is over")
        return exchange

    # 4. req_DH_params#d712e4be nonce:int128 server_nonce:int128 p:string q:string public_key_fingerprint:long
    #    encrypted_data:string = Server_DH_Params

    def _open(self, exchange: _Exchange, body: bytes, now: float, dc_id: int | None) -> Reply | Work:
        if exchange.request == body:
            return self._again(exchange)
        try:
            request = parse_req_dh_params(body)
            if exchange.step is not _Step.OFFERED:
                raise refused("out of order")
            if request.p != exchange.p or request.q != exchange.q:
                raise refused("wrong p or q")
            if request.fingerprint != self._rsa.fingerprint:
                raise refused("unknown key")
            if len(request.encrypted_data) != BLOCK:
                raise refused("encrypted_data of a wrong length")
        except ProtocolError:
            self._refuse(exchange)
            raise
        ids = self._ids
        parts = [tl_bytes(number) for number in (exchange.pq, exchange.p, exchange.q)]
        task = OpenTask(
            rsa=self._rsa,
            encrypted=request.encrypted_data,
            blinding=2 + ids.below(self._rsa.n - 3),
            inner_start=b"".join(parts) + exchange.nonces,
            nonce=exchange.nonces[:16],
            server_nonce=exchange.nonces[16:],
            pair=self.pool.take() or dh.new_exponent(ids),
            padding=ids.random_bytes(15),
            server_time=int(now),
        )
        exchange.request, exchange.step, exchange.dc_id = body, _Step.OPENING, dc_id
        exchange.task = partial(open_inner, task)
        del self._offered[exchange.id]
        exchange.born = now
        self._running[exchange.id] = exchange
        if len(self._running) > self._open_max:
            self._forget(next(iter(self._running.values())))
        return Work(exchange.task, partial(self._opened, exchange))

    def _opened(self, exchange: _Exchange, result: Opened | None, now: float) -> Reply:
        """5. server_DH_params_ok#d0e8075c nonce:int128 server_nonce:int128 encrypted_answer:string"""
        if exchange.step is _Step.REFUSED or result is None:
            self._refuse(exchange)
            raise refused("inner data")
        if result.dc_id is not None and result.dc_id not in self._dcs:
            self._refuse(exchange)
            raise ProtocolError("no such DC", -444)
        if exchange.step is _Step.OPENING:
            exchange.step = _Step.OPENED
            exchange.task = None
            exchange.opened = result
            exchange.dc_id = result.dc_id or exchange.dc_id
            exchange.answer = u32(SERVER_DH_PARAMS_OK) + exchange.nonces + tl_bytes(result.answer)
        return Reply(exchange.answer)

    # 6. set_client_DH_params#f5045f1f nonce:int128 server_nonce:int128 encrypted_data:string
    #    = Set_client_DH_params_answer

    def _agree(self, exchange: _Exchange, body: bytes) -> Reply | Work:
        if exchange.request == body:
            return self._again(exchange)
        opened = exchange.opened
        try:
            if exchange.step is not _Step.OPENED or opened is None:
                raise refused("out of order")
            g_b = open_client_dh(body, exchange.nonces, opened.new_nonce)
        except ProtocolError:
            self._refuse(exchange)
            raise
        exchange.request, exchange.answer, exchange.step = body, None, _Step.AGREEING
        exchange.task = partial(dh.power, g_b, opened.exponent)
        return Work(exchange.task, partial(self._agreed, exchange))

    def _agreed(self, exchange: _Exchange, shared: int, now: float) -> Reply:
        """9. dh_gen_ok#3bcbf734 nonce:int128 server_nonce:int128 new_nonce_hash1:int128, or retry, or fail"""
        if exchange.step is not _Step.AGREEING or exchange.opened is None:
            return Reply(exchange.answer)
        new_nonce, expires_in = exchange.opened.new_nonce, exchange.opened.expires_in
        exchange.step = _Step.AGREED
        exchange.end()
        raw = shared.to_bytes(256, "big")
        aux_hash = sha1(raw).digest()[:8]
        ok, retry, fail = (
            u32(constructor) + exchange.nonces + sha1(new_nonce + bytes((number,)) + aux_hash).digest()[4:]
            for number, constructor in enumerate((DH_GEN_OK, DH_GEN_RETRY, DH_GEN_FAIL), 1)
        )
        salt = read_u64(new_nonce)[0] ^ read_u64(exchange.nonces, 16)[0]
        return Reply(ok, NewKey(AuthKey(raw), salt, expires_in, exchange.dc_id, retry, fail, exchange.id))

    def _again(self, exchange: _Exchange) -> Reply | Work:
        """A repeated request: its answer, or, while that is being made, the same work once more (SECURITY 1.13)."""
        if exchange.task is None:
            return Reply(exchange.answer)
        finish = self._opened if exchange.step is _Step.OPENING else self._agreed
        return Work(exchange.task, partial(finish, exchange))

    def _refuse(self, exchange: _Exchange) -> None:
        """It stays known, so that whatever follows is refused (SECURITY 1.10)."""
        exchange.step = _Step.REFUSED
        exchange.answer = None
        exchange.end()

    def _forget(self, exchange: _Exchange) -> None:
        self._offers.pop(exchange.offer, None)
        self._offered.pop(exchange.id, None)
        self._running.pop(exchange.id, None)

    def _expire(self, now: float) -> None:
        for exchanges in (self._offered, self._running):
            while exchanges:
                oldest = next(iter(exchanges.values()))
                if now - oldest.born <= HANDSHAKE_SECONDS:
                    break
                self._forget(oldest)


def open_inner(task: OpenTask) -> Opened | None:
    """Step 4's heavy part: RSA, the inner data's checks, g^a and the encrypted answer. None for every fault alike.

    Up to the last comparison the operations do not depend on what the client sent (SECURITY 1.5, 1.6).
    """
    value = int.from_bytes(task.encrypted, "big")
    block = task.rsa.power(value % task.rsa.n, task.blinding).to_bytes(BLOCK, "big")
    unpadded = unpad(block, _INNER_SIZES)
    data = unpadded.data
    constructor: int = read_u32(data)[0]
    size = _INNER.get(constructor, -1)
    temporary = constructor in _TEMPORARY
    extra: tuple[int, int] = (read_i32(data, 96)[0], read_i32(data, 100)[0])
    expires_in = extra[constructor == P_Q_INNER_DATA_TEMP_DC]
    fits = (
        unpadded.fits
        & (value < task.rsa.n)
        & (size > 0)
        & (unpadded.size in (0, size))
        & compare_digest(data[4:64], task.inner_start)
        & (not temporary or expires_in > 0)
    )
    if not fits:
        return None
    pair = task.pair if isinstance(task.pair, dh.Pair) else dh.make_pair(task.pair)
    if not dh.is_public(pair.public):
        return None
    new_nonce = data[64:96]
    inner = server_dh_inner_data(
        task.nonce,
        task.server_nonce,
        dh.G,
        dh.PRIME_BYTES,
        pair.public.to_bytes(256, "big"),
        task.server_time,
    )
    hashed = sha1(inner).digest() + inner
    key, iv = dh.temporary_key(new_nonce, task.server_nonce)
    return Opened(
        new_nonce=new_nonce,
        dc_id=plain_dc(extra[0]) if constructor in _WITH_DC else None,
        expires_in=min(expires_in, TEMP_KEY_SECONDS) if temporary else 0,
        exponent=pair.exponent,
        answer=encrypt_ige(hashed + task.padding[: -len(hashed) % 16], key, iv),
    )


def open_client_dh(body: bytes, nonces: bytes, new_nonce: bytes) -> int:
    """g_b out of set_client_DH_params, every check made (SECURITY 1.2, 1.8, 1.9). Raises ProtocolError(-404)."""
    encrypted, _ = read_bytes(body, 36)
    if not 64 <= len(encrypted) <= 512 or len(encrypted) % 16:
        raise refused("encrypted_data of a wrong length")
    data = decrypt_ige(encrypted, *dh.temporary_key(new_nonce, nonces[16:]))
    inner = data[20:]
    g_b, end = read_bytes(inner, 44)
    if not compare_digest(sha1(inner[:end]).digest(), data[:20]) or len(inner) - end > 15:
        raise refused("client_DH_inner_data does not fit its hash")
    # client_DH_inner_data#6643b654 nonce:int128 server_nonce:int128 retry_id:long g_b:string
    if read_u32(inner)[0] != CLIENT_DH_INNER_DATA or not compare_digest(inner[4:36], nonces):
        raise refused("client_DH_inner_data of another exchange")
    if read_u64(inner, 36)[0]:
        raise refused("an exchange is not retried, a new one is made")
    number = int.from_bytes(g_b, "big")
    if len(g_b) > 256 or not dh.is_public(number):
        raise refused("g_b out of range")
    return number
