"""MiniClient: a Telegram client of a few hundred lines over real sockets, for tests, the simulation and benchmarks.

    client = MiniClient("obf-abridged", rsa_public=pem)
    await client.connect("127.0.0.1", 4430)          # makes a key when it has none
    config = await client.call(functions.help.GetConfig())
    client.on_update = print

It repeats what bad_server_salt and bad msg_ids (16, 17) refuse, acknowledges, and announces its layer once a session.
For everything dishonest use `session` and `send`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from struct import pack
from typing import Any, cast

from tgserve.clock import Clock, SystemClock
from tgserve.errors import RpcError
from tgserve.ids import Ids
from tgserve.mtproto.cipher import AuthKey
from tgserve.mtproto.plain import parse_plain, plain
from tgserve.mtproto.rsa import RsaPublic
from tgserve.testing.miniclient.binding import binding_message
from tgserve.testing.miniclient.exchange import ExchangeFailed, ExchangeOptions, KeyExchange, Lie, honest
from tgserve.testing.miniclient.results import decode_result
from tgserve.testing.miniclient.session import (
    BadMessage,
    BadSalt,
    ClientSession,
    Event,
    Failure,
    FutureSalts,
    Message,
    Pong,
    Result,
    StateInfo,
    Update,
)
from tgserve.testing.miniclient.wire import Control, Packet, QuickAck, TransportError, Wire
from tgserve.tl import functions, layers
from tgserve.tl.base import Request

ACK_SECONDS = 1.0
HTTP_WAIT_MS = 25_000


class Refused(Exception):
    """The server said something other than an answer: a transport error (negative) or a bad_msg_notification code."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass(slots=True)
class _Call:
    body: bytes
    future: asyncio.Future[Any]
    request: type[Request[Any]] | None


class MiniClient(asyncio.Protocol):
    """One key, one session at a time, one socket at a time."""

    def __init__(
        self,
        transport: str = "intermediate",
        *,
        rsa_public: RsaPublic | str,
        dc_id: int = 2,
        layer: int = layers.CURRENT,
        exchange: ExchangeOptions | None = None,
        pfs: bool = False,
        key: AuthKey | None = None,
        salt: int = 0,
        lie: Lie = honest,
        ids: Ids | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`key`, `salt`: of an exchange made before. `pfs`: connect() makes a permanent and a temporary key and binds
        them."""
        self.kind = transport
        self.layer = layer
        self.key = key
        self.perm_key: AuthKey | None = None
        self.session: ClientSession | None = None
        self.wire: Wire | None = None
        self.init: dict[str, Any] = {
            "api_id": 1,
            "device_model": "MiniClient",
            "system_version": "1",
            "app_version": "1",
            "system_lang_code": "en",
            "lang_pack": "",
            "lang_code": "en",
        }
        self.on_update: Callable[[Any], None] | None = None
        """Called with every Updates object, decoded; without it they gather in `updates`."""
        self.on_event: Callable[[Event], None] | None = None
        """Called with everything the server says under the session, before the client itself looks at it."""
        self.updates: asyncio.Queue[Any] = asyncio.Queue()
        self.quick_acks: list[int] = []
        self.transport_errors: list[int] = []
        self.controls: list[Control] = []
        self.patience = 60.0
        """Seconds that anything awaited here may take; then TimeoutError."""
        self.listen = True
        """HTTP: keep a long poll waiting for updates even when no call is."""
        self._rsa = RsaPublic.from_pem(rsa_public) if isinstance(rsa_public, str) else rsa_public
        self._options = exchange or ExchangeOptions()
        self._pfs = pfs
        self._salt = salt
        self._dc_id = dc_id
        self._lie = lie
        self._ids = ids or Ids()
        self._clock: Clock = clock or SystemClock()
        self._socket: asyncio.Transport | None = None
        self._ready: asyncio.Future[None] | None = None
        self._plain: asyncio.Future[bytes] | None = None
        self._lost: asyncio.Future[None] | None = None
        self._calls: dict[int, _Call] = {}
        self._containers: dict[int, list[int]] = {}
        self._inited = False
        self._posts = 0
        self._ack_timer: asyncio.TimerHandle | None = None

    # -- the connection -----------------------------------------------------------------------------------------------

    async def connect(self, host: str, port: int) -> None:
        """Open the socket; make a key unless there is one; begin a session unless there is one."""
        loop = asyncio.get_running_loop()
        self.wire = Wire(self.kind, self._ids, dc_id=self._dc_id, host=host)
        self._ready, self._lost, self._posts = loop.create_future(), loop.create_future(), 0
        async with asyncio.timeout(self.patience):
            await loop.create_connection(lambda: self, host, port)
            if not self.wire.ready:
                await self._ready
            if self.key is None:
                await self._make_keys()
        if self.session is None and self.key is not None:
            self.new_session()
        if self.perm_key is not None and self._pfs and not self._inited:
            await self.bind(self.perm_key)
        self._poll()

    async def _make_keys(self) -> None:
        options = self._options
        if self._pfs:
            self.perm_key = (await self.exchange(replace(options, expires_in=None))).key
            options = replace(options, expires_in=options.expires_in or 86_400)
        made = await self.exchange(options)
        self.key, self._salt = made.key, made.salt

    def new_session(self) -> ClientSession:
        """Begin another session of the same key; its first call announces the layer anew."""
        if self.key is None:
            raise RuntimeError("no key yet")
        salt = self._salt if self.session is None else self.session.salt
        self.session = ClientSession(self.key, salt, self._ids, self._clock)
        self._inited = False
        return self.session

    async def exchange(self, options: ExchangeOptions | None = None) -> KeyExchange:
        """One key exchange over the open socket. Raises ExchangeFailed, Refused, ConnectionError."""
        exchange = KeyExchange(self._rsa, self._ids, options or self._options, self._lie)
        body: bytes | None = exchange.start()
        while body is not None:
            body = exchange.receive(await self.ask_plain(body))
        if exchange.outcome != "ok":
            raise ExchangeFailed(f"dh_gen_{exchange.outcome}")
        return exchange

    async def ask_plain(self, body: bytes) -> bytes:
        """Send an unencrypted message, wait for one."""
        self._plain = asyncio.get_running_loop().create_future()
        self.write(plain(int(self._clock.now() * 4294967296) & ~3, body))
        async with asyncio.timeout(self.patience):
            return await self._plain

    async def disconnect(self) -> None:
        """Close the socket; key and session stay for another connect()."""
        if self._ack_timer is not None:
            self._ack_timer.cancel()
            self._ack_timer = None
        if self._socket is not None:
            self._socket.close()
            await self.lost()

    async def lost(self) -> None:
        """Return when the socket is closed, by whichever side."""
        if self._lost is not None:
            async with asyncio.timeout(self.patience):
                await asyncio.shield(self._lost)

    @property
    def connected(self) -> bool:
        return self._socket is not None

    # -- asking -------------------------------------------------------------------------------------------------------

    async def call(
        self,
        request: Request[Any] | bytes,
        *,
        layer: int | None = None,
        init: bool | None = None,
        quick_ack: bool = False,
    ) -> Any:
        """The decoded answer (bytes for a request given as bytes). Raises RpcError, Refused, TimeoutError.

        `init` True/False forces or forbids the wrapping in invokeWithLayer(initConnection).
        """
        call = self.start(request, layer=layer, init=init, quick_ack=quick_ack)
        async with asyncio.timeout(self.patience):
            return await call

    def start(
        self,
        request: Request[Any] | bytes,
        *,
        layer: int | None = None,
        init: bool | None = None,
        quick_ack: bool = False,
        msg_id: int | None = None,
    ) -> asyncio.Future[Any]:
        """Send a call and return at once: several may be in flight."""
        layer = layer or self.layer
        body = request if isinstance(request, bytes) else layers.encode(request, layer)
        if init is None:
            init = not self._inited
        if init:
            body = self.wrapped(body, layer)
            self._inited = True
        kind = None if isinstance(request, bytes) else type(request)
        call = _Call(body, asyncio.get_running_loop().create_future(), kind)
        self._send_call(call, msg_id, quick_ack)
        return call.future

    def wrapped(self, body: bytes, layer: int) -> bytes:
        """invokeWithLayer(initConnection(body))."""
        init = layers.encode(functions.core.InitConnection(query=body, **self.init))
        return pack("<II", functions.core.InvokeWithLayer.ID, layer) + init

    def _send_call(self, call: _Call, msg_id: int | None = None, quick_ack: bool = False) -> None:
        session = self._session()
        message = session.message(call.body, msg_id=msg_id)
        self._calls[message.msg_id] = call
        acks = session.acknowledge()
        if acks is not None:
            container = session.container([message, acks])
            self._containers[container.msg_id] = [message.msg_id]
            message = container
        self.write(session.seal(message), quick_ack)

    def send(self, *messages: Message, quick_ack: bool = False) -> bytes:
        """Send messages made by `session.message`, several in a container; returns the packet."""
        session = self._session()
        message = messages[0] if len(messages) == 1 else session.container(list(messages))
        payload = session.seal(message)
        self.write(payload, quick_ack)
        return payload

    def write(self, payload: bytes, quick_ack: bool = False) -> None:
        """One packet onto the wire. Raises ConnectionError."""
        if self._socket is None or self.wire is None:
            raise ConnectionResetError("not connected")
        self._posts += 1
        self._socket.write(self.wire.wrap(payload, quick_ack))

    def write_raw(self, data: bytes) -> None:
        """Bytes as they are, past every framing. Raises ConnectionError."""
        if self._socket is None:
            raise ConnectionResetError("not connected")
        self._socket.write(data)

    async def ping(self) -> Pong:
        """ping#7abe77ec."""
        session = self._session()
        message = session.message(pack("<IQ", 0x7ABE77EC, self._ids.u64()))
        pong: Pong = await self._ask_service(message)
        return pong

    async def future_salts(self, count: int) -> FutureSalts:
        """get_future_salts#b921bd04."""
        message = self._session().message(pack("<Ii", 0xB921BD04, count))
        salts: FutureSalts = await self._ask_service(message)
        return salts

    async def states(self, msg_ids: list[int]) -> bytes:
        """msgs_state_req#da69fb52: one byte for each."""
        body = pack(f"<III{len(msg_ids)}Q", 0xDA69FB52, 0x1CB5C415, len(msg_ids), *msg_ids)
        info: StateInfo = await self._ask_service(self._session().message(body))
        return info.info

    async def _ask_service(self, message: Message) -> Any:
        call = _Call(message.body, asyncio.get_running_loop().create_future(), None)
        self._calls[message.msg_id] = call
        self.send(message)
        async with asyncio.timeout(self.patience):
            return await call.future

    async def bind(self, perm_key: AuthKey, expires_at: int | None = None) -> bool:
        """auth.bindTempAuthKey of this client's (temporary) key to a permanent one."""
        session = self._session()
        expires_at = expires_at or int(self._clock.now()) + (self._options.expires_in or 86_400)
        nonce, msg_id = self._ids.i64(), session.next_id()
        message = binding_message(
            perm_key,
            session.key.id,
            session.session_id,
            self._ids,
            msg_id=msg_id,
            nonce=nonce,
            expires_at=expires_at,
        )
        perm_id = int.from_bytes(perm_key.id_bytes, "little", signed=True)
        request = functions.auth.BindTempAuthKey(
            perm_auth_key_id=perm_id, nonce=nonce, expires_at=expires_at, encrypted_message=message
        )
        call = self.start(request, init=False, msg_id=msg_id)
        async with asyncio.timeout(self.patience):
            return bool(await call)

    async def next_update(self) -> Any:
        """The next Updates object (while `on_update` is not set)."""
        async with asyncio.timeout(self.patience):
            return await self.updates.get()

    def _session(self) -> ClientSession:
        if self.session is None:
            raise RuntimeError("no session: connect first")
        return self.session

    # -- asyncio ------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert self.wire is not None
        self._socket = cast(asyncio.Transport, transport)  # uvloop's is none by class
        hello = self.wire.hello()
        if hello:
            self._socket.write(hello)

    def connection_lost(self, exc: Exception | None) -> None:
        self._socket = None
        self._fail(ConnectionResetError("connection lost"))
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        assert self.wire is not None
        for received in self.wire.receive(data):
            if isinstance(received, Packet):
                self._posts -= 1
                self._packet(received.payload)
            elif isinstance(received, QuickAck):
                self.quick_acks.append(received.token)
            elif isinstance(received, TransportError):
                self.transport_errors.append(received.code)
                self._fail(Refused(received.code))
            else:
                self.controls.append(received)
        if self.wire.ready and self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        self._poll()

    def _fail(self, fault: Exception) -> None:
        calls, self._calls = self._calls, {}
        futures: list[asyncio.Future[Any] | None] = [call.future for call in calls.values()]
        for future in (*futures, self._plain, self._ready):
            if future is not None and not future.done():
                future.set_exception(fault)
                future.exception()  # whoever waits is told; nobody has to wait

    # -- what the server says -----------------------------------------------------------------------------------------

    def _packet(self, payload: bytes) -> None:
        if payload[:8] == bytes(8):
            if self._plain is not None and not self._plain.done():
                self._plain.set_result(parse_plain(payload)[1])
            return
        for event in self._session().open(payload):
            if self.on_event is not None:
                self.on_event(event)
            self._event(event)
        if self._session().acks and self._ack_timer is None:
            self._ack_timer = asyncio.get_running_loop().call_later(ACK_SECONDS, self._send_acks)

    def _event(self, event: Event) -> None:
        if isinstance(event, Result):
            call = self._calls.pop(event.req_msg_id, None)
            if call is not None and not call.future.done():
                self._resolve(call, event.body)
        elif isinstance(event, Failure):
            call = self._calls.pop(event.req_msg_id, None)
            if call is not None and not call.future.done():
                call.future.set_exception(RpcError(event.code, event.name))
        elif isinstance(event, Update):
            update = layers.decode(event.body)
            if self.on_update is not None:
                self.on_update(update)
            else:
                self.updates.put_nowait(update)
        elif isinstance(event, BadSalt):
            self._repeat(event.msg_id)
        elif isinstance(event, BadMessage):
            if event.code in (16, 17):
                self._session().correct_clock()
                self._repeat(event.msg_id)
            else:
                self._refused(event.msg_id, event.code)
        else:
            self._service(event)

    def _service(self, event: Event) -> None:
        """Answers that are no rpc_result: pong, future salts, states."""
        msg_id = event.msg_id if isinstance(event, Pong) else getattr(event, "req_msg_id", 0)
        call = self._calls.pop(msg_id, None)
        if call is not None and not call.future.done():
            call.future.set_result(event)

    def _resolve(self, call: _Call, body: bytes) -> None:
        call.future.set_result(
            body if call.request is None else decode_result(call.request, body, self.layer)
        )

    def _members(self, msg_id: int) -> list[int]:
        return self._containers.pop(msg_id, [msg_id])

    def _repeat(self, msg_id: int) -> None:
        for member in self._members(msg_id):
            call = self._calls.pop(member, None)
            if call is not None:
                self._send_call(call)

    def _refused(self, msg_id: int, code: int) -> None:
        for member in self._members(msg_id):
            call = self._calls.pop(member, None)
            if call is not None and not call.future.done():
                call.future.set_exception(Refused(code))

    def _send_acks(self) -> None:
        self._ack_timer = None
        if self._socket is not None and self.session is not None:
            acks = self.session.acknowledge()
            if acks is not None:
                self.write(self.session.seal(acks))

    def _poll(self) -> None:
        """HTTP answers only to requests: keep one open while something is awaited."""
        if self.kind != "http" or self._posts > 0 or self._socket is None or self.session is None:
            return
        if self._calls or self.listen:
            message = self.session.message(pack("<Iiii", 0x9299359F, 0, 0, HTTP_WAIT_MS), False)
            self.write(self.session.seal(message))
