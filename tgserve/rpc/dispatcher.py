"""One call from its bytes to its answer: unwrap, permit, decode, run, map errors, encode.

Order of the questions (SECURITY 5.1): is the constructor a method, may this caller call it, is it small enough, has the
caller budget left; only then are the arguments read. Every outcome is an answer: the result, an error of the catalogue,
or 500 INTERNAL for a fault of ours, which is logged with the call's id and counted. Nothing here waits: calls of one
session begin in the order they arrived, on the loop's thread, before the next frame is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from struct import Struct
from typing import Any

from tgserve import errors, limits, log, metrics
from tgserve.clock import Clock
from tgserve.errors import RpcError, StoreError, StoreFull
from tgserve.rpc import bots
from tgserve.rpc.context import Call, Caller, Login
from tgserve.rpc.driver import Driver
from tgserve.rpc.flood import Floods
from tgserve.rpc.registry import METHODS, Flood, Method, Who
from tgserve.rpc.wrappers import WRAPPERS, Unwrapped, unwrap
from tgserve.services import Services
from tgserve.tl import layers
from tgserve.tl.definitions import schema
from tgserve.tl.layer_rules import SUCCESSORS

_U32 = Struct("<I").unpack_from
_ERROR_HEAD = Struct("<Ii").pack
RPC_ERROR_ID = 0x2144CA19
NEWER_COUNTED = 50
"""A client may announce any number: what is far beyond is counted as one."""

_log = log.get("rpc")
_calls = metrics.counter("tgserve_rpc_calls_total", "calls begun, by method", ("method",))
_errors = metrics.counter("tgserve_rpc_errors_total", "calls answered with an error, by code", ("code",))
_unknown = metrics.counter("tgserve_rpc_unknown_total", "calls of methods nobody here serves", ("kind",))
_newer = metrics.counter("tgserve_newer_layers_total", "layers announced that nobody here knows", ("layer",))
_faults = metrics.counter("tgserve_rpc_faults_total", "calls that ended in a fault of this server (500)")
_seconds = metrics.histogram("tgserve_rpc_seconds", "from the call's arrival to its answer")

OPEN_NAMESPACES = frozenset({"auth", "help", "langpack"})
"""Before login, a method of these that we lack is told to be missing; of all others only that a login is needed."""


FOR_VISITORS = frozenset({"upload.getFile", "upload.getFileHashes"})
"""What a client does at a node that its user is not at home at (auth.importAuthorization)."""


def rpc_error(code: int, name: str) -> bytes:
    """rpc_error as TL bytes; names are ASCII and short."""
    raw = name.encode()[:250]
    return _ERROR_HEAD(RPC_ERROR_ID, code) + bytes((len(raw),)) + raw + b"\0" * (-(len(raw) + 1) & 3)


class _Entry:
    """A method as the dispatcher uses it: the registry's line and what is worked out once."""

    __slots__ = ("bots", "calls", "everywhere", "flood", "id", "name", "request", "run", "silent", "who")

    def __init__(self, method: Method) -> None:
        self.request = method.request
        self.id = method.request.ID
        self.name = method.request.NAME
        self.run = method.run
        self.who = method.who
        self.bots = method.who is Who.BOT or (method.who is not Who.USER and bots.may(self.name))
        self.flood = method.flood
        self.calls = _calls.of(self.name)
        # What people homed at another node may do here: fetch files.
        self.everywhere = method.who in (Who.UNBOUND, Who.ANYONE) or self.name in FOR_VISITORS
        # File transfers and what every connection asks at its start do not make a session a taker of updates.
        self.silent = method.who is Who.UNBOUND or self.name.startswith("upload.")


class Dispatcher:
    """`touch(caller)` is told when a caller announced a layer or device that its key did not have; `pending(key)`
    says whose password a key still owes, 0 for nobody's."""

    def __init__(
        self,
        services: Services,
        driver: Driver,
        clock: Clock,
        *,
        touch: Callable[[Caller], None],
        calls_per_minute: int = limits.CALLS_PER_MINUTE,
        methods: Mapping[int, Method] = METHODS,
        pending: Callable[[int], int] = lambda auth_key_id: 0,
        home_dc: int = 2,
    ) -> None:
        self._services = services
        self.elsewhere: Callable[[int], int] | None = None
        """With several nodes: DC of a user who is at home at another one, 0 for one's own."""
        self._home_dc = home_dc
        self._driver = driver
        self._clock = clock
        self._touch = touch
        self._pending_user = pending
        self.floods = Floods()
        self._budget = Flood(calls_per_minute, limits.MINUTE) if calls_per_minute else None
        self._entries = {id: _Entry(method) for id, method in methods.items()}
        self._names = {entry.name: entry for entry in self._entries.values()}

    def invoke(self, caller: Caller, msg_id: int, body: bytes | memoryview) -> None:
        """Serve one call; `caller.answer` is called now or later, exactly once (never after a cut at shutdown)."""
        running = caller.running
        try:
            if running is not None and len(running) >= limits.CALLS_AT_ONCE:
                raise errors.FLOOD_WAIT(1)
            if len(body) < 4:
                raise errors.INPUT_FETCH_ERROR()
            (id,) = _U32(body)
            if id in WRAPPERS:
                opened = unwrap(body)
                self._announced(caller, opened)
                if opened.after:
                    self._hold(caller, msg_id, opened)
                    return
                self._begin(caller, msg_id, opened.body, opened.quiet, opened.takeout)
            else:
                self._begin(caller, msg_id, body, False)
        except Exception as fault:
            self._ended(caller, msg_id, None, 0.0, None, fault)

    def _begin(
        self, caller: Caller, msg_id: int, body: bytes | memoryview, quiet: bool, takeout: int = 0
    ) -> None:
        (id,) = _U32(body)
        login = caller.login
        entry = self._entries.get(id) or self._older(id, login)
        me = login.user_id
        who = entry.who
        if (not me or who is not Who.SIGNED_IN) and who is not Who.UNBOUND:
            if not login.auth_key_id:
                raise errors.AUTH_KEY_PERM_EMPTY()
            if who is not Who.ANYONE:
                if not me:
                    self._pending(login.auth_key_id, who)
                elif who is Who.BOT and not login.bot:
                    raise errors.USER_BOT_REQUIRED()
        if login.bot and not entry.bots and me:
            raise errors.BOT_METHOD_INVALID()
        if not me and len(body) > limits.UNSIGNED_CALL_BYTES:
            raise errors.INPUT_REQUEST_TOO_LONG()
        if takeout and not self._services.accounts.takeout_runs(me, takeout):
            raise errors.TAKEOUT_INVALID()
        if self.elsewhere is not None and me and not entry.everywhere and (home := self.elsewhere(me)):
            raise errors.USER_MIGRATE(home)
        started = self._clock.monotonic()
        budget = self._budget
        if budget is not None:
            own = entry.flood
            holder = me or login.auth_key_id or caller.ref.session_id
            if own is None:
                wait = self.floods.wait(holder, 0, budget, started)
            else:
                wait = self.floods.wait(holder, entry.id, own, started)
            if wait:
                raise errors.FLOOD_WAIT(wait)
        request = layers.decode_request(body)
        if not (quiet or caller.subscribed or entry.silent):
            caller.subscribe()
        temp = caller.temp_key()
        call = Call(
            me,
            caller.ref,
            caller.layer or login.layer or layers.CURRENT,
            login.device,
            caller.ip,
            caller.dc_id,
            int(self._clock.now()),
            msg_id,
            self._services,
            takeout=bool(takeout),
            over_host=caller.host,
        )
        if temp is not None:
            call = _over_temporary(call, temp, bool(login.auth_key_id))
        entry.calls.value += 1
        if caller.running is None:
            caller.running = {msg_id}
        else:
            caller.running.add(msg_id)
        coroutine: Any = entry.run(call, request)
        self._driver.start(coroutine, partial(self._ended, caller, msg_id, entry, started))

    def _pending(self, auth_key_id: int, who: Who) -> None:
        """Nobody is signed in: refuse the call, unless the key owes a password and the call is about that (5.7)."""
        if not self._pending_user(auth_key_id):
            raise errors.AUTH_KEY_UNREGISTERED()
        if who is not Who.PENDING:
            raise errors.SESSION_PASSWORD_NEEDED()

    def _older(self, id: int, login: Login) -> _Entry:
        """The entry of a method by the id an older layer gave it; remembered when there is one."""
        known = schema()
        if id not in known or not known[id].function:
            _unknown.of("constructor").inc()
            raise errors.INPUT_METHOD_INVALID()
        definition = known[id]
        entry = self._names.get(SUCCESSORS.get(definition.name, definition.name))
        if entry is None:
            if not login.user_id and definition.name.partition(".")[0] not in OPEN_NAMESPACES:
                self._pending(login.auth_key_id, Who.SIGNED_IN)
            _unknown.of("method").inc()
            raise errors.METHOD_NOT_AVAILABLE()
        self._entries[id] = entry
        return entry

    def _ended(
        self,
        caller: Caller,
        msg_id: int,
        entry: _Entry | None,
        started: float,
        value: Any,
        fault: BaseException | None,
    ) -> None:
        """Make the answer of a call that ended, and let those go on that waited for it."""
        body = b""
        if fault is None and entry is not None:
            try:
                body = layers.encode_result(
                    entry.request,
                    value,
                    caller.layer or caller.login.layer or layers.CURRENT,
                    caller.dc_id if caller.dc_id != self._home_dc else 0,
                )
            except Exception as broken:
                fault = broken
                body = self._fault(caller, msg_id, entry, broken)
            _seconds.observe(self._clock.monotonic() - started)
        elif isinstance(fault, RpcError):
            _errors.of(str(fault.code)).inc()
            body = rpc_error(fault.code, fault.name)
        elif isinstance(fault, StoreFull):
            _errors.of("500").inc()
            body = rpc_error(errors.STORE_FULL.code, errors.STORE_FULL.name)
        elif isinstance(fault, asyncio.CancelledError):
            _ran(caller, msg_id)
            return  # the server stops: the client asks again after it is back
        elif fault is not None:
            body = self._fault(caller, msg_id, entry, fault)
        _ran(caller, msg_id)
        caller.note_outcome(msg_id, fault is not None)
        caller.answer(msg_id, body)
        if caller.waiting:
            for held in caller.waiting.pop(msg_id, ()):
                held.came(msg_id, fault is not None)

    def _fault(self, caller: Caller, msg_id: int, entry: _Entry | None, fault: BaseException) -> bytes:
        _faults.inc()
        _errors.of("500").inc()
        _log.error(
            "call.fault",
            exc=fault,
            method=entry.name if entry is not None else "",
            call=f"{msg_id:x}",
            session=f"{caller.ref.auth_key_id:x}/{caller.ref.session_id:x}",
            user=caller.login.user_id,
            store=isinstance(fault, StoreError),
        )
        return rpc_error(errors.INTERNAL.code, errors.INTERNAL.name)

    # -- what wrappers said ---------------------------------------------------------------------------------------

    def _announced(self, caller: Caller, opened: Unwrapped) -> None:
        """Take over layer and device: for the session, and for the key, whose next sessions begin with them."""
        login = caller.login
        changed = login.ip != caller.ip
        if opened.layer:
            if opened.layer < layers.FLOOR:
                raise errors.CONNECTION_LAYER_INVALID()
            if opened.layer > layers.CURRENT:
                _newer.of(str(min(opened.layer, layers.CURRENT + NEWER_COUNTED))).inc()
            layer = min(opened.layer, layers.CURRENT)
            changed = changed or login.layer != layer
            if login.layer != layer or caller.layer != layer:
                caller.speaks(layer)
        if opened.device is not None and opened.device != login.device:
            login.device = opened.device
            changed = True
        if changed:
            login.ip = caller.ip
            self._touch(caller)

    def _hold(self, caller: Caller, msg_id: int, opened: Unwrapped) -> None:
        """invokeAfterMsg(s): begin when all named calls have ended well (SECURITY 4A-1)."""
        missing: set[int] = set()
        for before in opened.after:
            ended = caller.outcome(before)
            if ended is False or before >= msg_id:
                raise errors.MSG_WAIT_FAILED()
            if ended is None and (before in (caller.running or ()) or not _forgotten(caller, before)):
                missing.add(before)
        if not missing:
            self._begin(caller, msg_id, opened.body, opened.quiet, opened.takeout)
            return
        if caller.waiting is None:
            caller.waiting = {}
        elif len(caller.waiting) >= limits.CALLS_AT_ONCE:
            raise errors.MSG_WAIT_FAILED()
        if caller.running is None:
            caller.running = set()
        caller.running.add(msg_id)
        _Held(self, caller, msg_id, opened, missing)

    def release(self, caller: Caller, msg_id: int, opened: Unwrapped, refused: RpcError | None) -> None:
        """A held call may begin now, or has waited in vain."""
        if refused is not None:
            self._ended(caller, msg_id, None, 0.0, None, refused)
            return
        _ran(caller, msg_id)
        try:
            self._begin(caller, msg_id, opened.body, opened.quiet, opened.takeout)
        except Exception as fault:
            self._ended(caller, msg_id, None, 0.0, None, fault)


def _ran(caller: Caller, msg_id: int) -> None:
    """The call runs no more."""
    running = caller.running
    if running is not None:
        running.discard(msg_id)
        if not running:
            caller.running = None


def _over_temporary(call: Call, temp: tuple[int, bytes, int], bound: bool) -> Call:
    return Call(
        call.me,
        call.session,
        call.layer,
        call.device,
        call.ip,
        call.dc_id,
        call.now,
        call.msg_id,
        call.services,
        temp_key_id=temp[0],
        bound=bound,
        temp_key=b"" if bound else temp[1],
        temp_expires=temp[2],
        takeout=call.takeout,
        over_host=call.over_host,
    )


def _forgotten(caller: Caller, msg_id: int) -> bool:
    """Whether this call is older than all whose outcome is still known: it has long ended, and nobody waits for it."""
    outcomes = caller.outcomes
    return len(outcomes) >= 32 and msg_id < min(outcomes)


class _Held:
    """A call that waits for others of its session."""

    __slots__ = ("_caller", "_dispatcher", "_missing", "_msg_id", "_opened", "_timer")

    def __init__(
        self, dispatcher: Dispatcher, caller: Caller, msg_id: int, opened: Unwrapped, missing: set[int]
    ) -> None:
        self._dispatcher = dispatcher
        self._caller = caller
        self._msg_id = msg_id
        self._opened = opened
        self._missing = missing
        waiting = caller.waiting
        if waiting is not None:
            for before in missing:
                waiting.setdefault(before, []).append(self)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(limits.AFTER_SECONDS, self._late)

    def came(self, before: int, failed: bool) -> None:
        if not self._missing:
            return
        self._missing.discard(before)
        if failed:
            self._let_go(errors.MSG_WAIT_FAILED())
        elif not self._missing:
            self._let_go(None)

    def _late(self) -> None:
        self._let_go(errors.MSG_WAIT_TIMEOUT())

    def _let_go(self, refused: RpcError | None) -> None:
        self._timer.cancel()
        waiting = self._caller.waiting
        if waiting:
            for before in self._missing:
                held = waiting.get(before)
                if held is not None and self in held:
                    held.remove(self)
                    if not held:
                        del waiting[before]
        self._missing = set()
        self._dispatcher.release(self._caller, self._msg_id, self._opened, refused)
