"""Key exchanges: plain packets to the handshake's state machine, its arithmetic to a thread, new keys to the store.

RSA and Diffie-Hellman take milliseconds with the interpreter locked, so they run one at a time in one thread, and only
as many as the budgets allow (SECURITY 1.18): more are told -429. A key is answered for only after it is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tgserve import limits, log, metrics
from tgserve.clock import Clock
from tgserve.errors import ProtocolError, StoreError
from tgserve.mtproto.handshake import Handshakes, NewKey, Reply, Work, parse_plain, plain
from tgserve.mtproto.rsa import RsaKey
from tgserve.rpc.driver import Driver
from tgserve.server.budgets import Budget, holder
from tgserve.server.connection import Connection
from tgserve.services.keys import Keys

_log = log.get("exchange")
_begun = metrics.counter("tgserve_handshake_packets_total", "plain packets received")
_made = metrics.counter("tgserve_keys_made_total", "auth keys made, by kind", ("kind",))
_over = metrics.counter("tgserve_handshakes_refused_total", "exchanges refused, by reason", ("reason",))

STEPS_AT_ONCE = 256
"""Steps queued for the thread: a second of work; more are refused, waiting clients would give up anyway."""
STEPS_PER_CONNECTION = 2
WORKS_PER_EXCHANGE = 2
"""The budgets count whole exchanges, an exchange has two steps that cost."""


class Exchange:
    """`answer_id()` gives msg_ids for plain answers; `made(key)` hears of every key that was kept."""

    def __init__(
        self,
        handshakes: Handshakes,
        keys: Keys,
        clock: Clock,
        driver: Driver,
        *,
        per_address: int,
        total: int,
        made: Callable[[NewKey], None],
    ) -> None:
        self._handshakes = handshakes
        self._keys = keys
        self._clock = clock
        self._driver = driver
        self._made = made
        self._steps = Budget(per_address * WORKS_PER_EXCHANGE, total * WORKS_PER_EXCHANGE)
        self._packets = Budget(per_address * 8, total * 8)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="exchange")
        self._queued = 0
        self._closed = False
        self._last_id = 0

    def use(self, rsa: RsaKey) -> None:
        """Answer with another key from now on."""
        self._handshakes.use(rsa)

    def start(self) -> None:
        self._feed()

    def close(self) -> None:
        self._closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)

    def receive(self, connection: Connection, payload: bytes) -> None:
        """A packet with key id 0. Faults are the transport's -404 and the end of the connection (SECURITY 1.2-1.12)."""
        _begun.inc()
        if not self._packets.take(holder(connection.address), self._clock.monotonic()):
            self._refuse(connection, "packets")
            return
        try:
            _, body = parse_plain(payload)
            step = self._handshakes.receive(body, now=self._clock.now(), dc_id=connection.channel.dc_id)
        except ProtocolError as fault:
            connection.refuse(fault.code)
            return
        connection.proven = True
        self._go_on(connection, step)

    def _go_on(self, connection: Connection, step: Reply | Work) -> None:
        if isinstance(step, Reply):
            self._reply(connection, step)
            return
        if connection.working >= STEPS_PER_CONNECTION or self._queued >= STEPS_AT_ONCE:
            self._refuse(connection, "busy")
        elif not self._steps.take(holder(connection.address), self._clock.monotonic()):
            self._refuse(connection, "budget")
        else:
            connection.working += 1
            self._queued += 1
            self._driver.start(
                self._work(step), lambda result, fault: self._worked(connection, result, fault)
            )

    async def _work(self, work: Work) -> Reply | Work:
        result: Any = await asyncio.get_running_loop().run_in_executor(self._executor, work.run)
        return work.finish(result, self._clock.now())

    def _worked(self, connection: Connection, step: Reply | Work | None, fault: BaseException | None) -> None:
        connection.working -= 1
        self._queued -= 1
        self._feed()
        if step is not None:
            if not connection.closing:
                self._go_on(connection, step)
        elif isinstance(fault, ProtocolError):
            connection.refuse(fault.code)
        elif not isinstance(fault, asyncio.CancelledError):
            _log.error("exchange.fault", exc=fault, ip=connection.address)
            connection.refuse(-404)

    def _feed(self) -> None:
        """While nobody waits, make a public value for the next exchange: 2.5 ms less for its client to wait."""
        if self._queued or self._closed:
            return
        task = self._handshakes.pool.task()
        if task is not None:
            self._queued += 1
            self._driver.start(self._make(task), lambda pair, _: self._fed(pair))

    async def _make(self, task: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._executor, task)

    def _fed(self, pair: Any) -> None:
        self._queued -= 1
        self._handshakes.pool.put(pair)
        self._feed()

    def _reply(self, connection: Connection, reply: Reply) -> None:
        key = reply.new_key
        if key is None:
            self._say(connection, reply.body)
        else:
            self._driver.start(
                self._keep(reply, key), lambda body, fault: self._kept(connection, body, fault)
            )

    async def _keep(self, reply: Reply, key: NewKey) -> bytes | None:
        """Make the key durable, then give the answer that says so; dh_gen_retry when its id is taken (1.11)."""
        expires_in = min(key.expires_in, limits.TEMP_KEY_SECONDS)
        try:
            kept = await self._keys.add_key(key.key.id, key.key.raw, expires_in)
        except StoreError as fault:
            _log.error("exchange.store", exc=fault)
            answer: bytes | None = key.body_fail
        else:
            answer = reply.body if kept else key.body_retry
            if kept:
                _made.of("temporary" if expires_in else "permanent").inc()
                self._made(key)
        if answer is not None:
            self._handshakes.settled(key, answer)
        return answer

    def _kept(self, connection: Connection, body: bytes | None, fault: BaseException | None) -> None:
        if fault is None:
            self._say(connection, body)
        elif not isinstance(fault, asyncio.CancelledError):
            _log.error("exchange.fault", exc=fault, ip=connection.address)
            connection.refuse(None)  # not -404: the client may try again on a new connection

    def _say(self, connection: Connection, body: bytes | None) -> None:
        if body is None or connection.closing:
            return
        msg_id = (int(self._clock.now() * 4294967296) & ~3) | 1
        if msg_id <= self._last_id:
            msg_id = self._last_id + 4
        self._last_id = msg_id
        if connection.channel.duplex or connection.channel.waiting:
            connection.say(connection.channel.wrap(plain(msg_id, body)))

    def _refuse(self, connection: Connection, reason: str) -> None:
        _over.of(reason).inc()
        connection.refuse(-429)
