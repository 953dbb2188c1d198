"""From bytes to an answer: permissions before decoding, wrappers, layers, errors, order."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from struct import pack
from typing import Any

import pytest

from tests.waiting import until
from tgserve import errors, limits
from tgserve.clock import SystemClock
from tgserve.errors import StoreFull
from tgserve.rpc.context import Call, Caller, Login
from tgserve.rpc.dispatcher import Dispatcher, rpc_error
from tgserve.rpc.driver import Driver
from tgserve.rpc.registry import Flood, Method, Status, Who
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import TLObject
from tgserve.tl.functions import account, auth, core, help, legacy, messages, updates, users

NEAREST = layers.encode(help.GetNearestDc())
STATE = layers.encode(updates.GetState())
UNKNOWN = pack("<I", 0x0BADF00D)


class FakeCaller(Caller):
    __slots__ = ("answers", "temp")

    def __init__(self, user: int = 5, key: int = 77) -> None:
        super().__init__(Login(key, user), 1)
        self.answers: dict[int, bytes] = {}
        self.temp: tuple[int, bytes, int] | None = None

    def answer(self, msg_id: int, body: bytes) -> None:
        assert msg_id not in self.answers, "a call is answered once"
        self.answers[msg_id] = body

    def temp_key(self) -> tuple[int, bytes, int] | None:
        return self.temp


Handler = Callable[[Call, Any], Awaitable[Any]]


async def nearest(call: Call, request: Any) -> Any:
    return t.NearestDc(country="DE", this_dc=call.dc_id, nearest_dc=call.layer)


async def state(call: Call, request: Any) -> Any:
    return t.UpdatesState(pts=call.me, qts=1, date=call.now, seq=0, unread_count=0)


def make(
    handlers: dict[Any, tuple[Handler, Who]] | None = None, flood: Flood | None = None, **options: Any
) -> tuple[Dispatcher, list[Caller]]:
    table: dict[Any, tuple[Handler, Who]] = {
        help.GetNearestDc: (nearest, Who.UNBOUND),
        updates.GetState: (state, Who.SIGNED_IN),
    }
    table.update(handlers or {})
    methods = {
        request.ID: Method(request, run, who, flood, Status.REAL, "test")
        for request, (run, who) in table.items()
    }
    touched: list[Caller] = []
    services: Any = None
    dispatcher = Dispatcher(
        services, Driver(), SystemClock(), touch=touched.append, methods=methods, **options
    )
    return dispatcher, touched


def said(body: bytes) -> TLObject | str:
    """The object of an answer, or `code NAME` of an error."""
    if body[:4] == pack("<I", 0x2144CA19):
        code = int.from_bytes(body[4:8], "little", signed=True)
        return f"{code} {body[9 : 9 + body[8]].decode()}"
    return layers.decode(body)


def ask(dispatcher: Dispatcher, body: bytes, caller: FakeCaller | None = None, msg_id: int = 4) -> Any:
    caller = caller or FakeCaller()
    dispatcher.invoke(caller, msg_id, body)
    assert not caller.running
    return said(caller.answers[msg_id])


def with_layer(layer: int, body: bytes) -> bytes:
    return pack("<II", core.InvokeWithLayer.ID, layer) + body


def init(body: bytes, model: str = "Test") -> bytes:
    return layers.encode(
        core.InitConnection(
            api_id=1,
            device_model=model,
            system_version="1",
            app_version="2",
            system_lang_code="en",
            lang_pack="",
            lang_code="de",
            query=body,
        )
    )


def test_a_call_is_answered_with_what_the_handler_returned() -> None:
    answer = ask(make()[0], STATE)
    assert isinstance(answer, t.UpdatesState) and answer.pts == 5


def test_5_1_without_login_the_arguments_are_not_read() -> None:
    """A call of a signed-in method, cut short behind its id: 401 and not a parse error."""
    dispatcher, _ = make({messages.SendMessage: (state, Who.SIGNED_IN)})
    broken = pack("<I", messages.SendMessage.ID) + b"\xff" * 8
    assert ask(dispatcher, broken, FakeCaller(user=0)) == "401 AUTH_KEY_UNREGISTERED"
    assert ask(dispatcher, broken).startswith("400 INPUT_")


def test_5_7_between_code_and_password_only_what_is_about_it_is_served() -> None:
    handlers: Any = {account.GetPassword: (state, Who.PENDING), messages.SendMessage: (state, Who.SIGNED_IN)}
    owing, _ = make(handlers, pending=lambda auth_key_id: 5)
    nobody, _ = make(handlers)
    about = layers.encode(account.GetPassword())
    other = pack("<I", messages.SendMessage.ID) + b"\xff" * 8
    missing = layers.encode(account.GetAutoSaveSettings())
    assert isinstance(ask(owing, about, FakeCaller(user=0)), t.UpdatesState)
    assert isinstance(ask(nobody, about), t.UpdatesState)
    assert ask(nobody, about, FakeCaller(user=0)) == "401 AUTH_KEY_UNREGISTERED"
    for body in (other, missing, STATE):
        assert ask(owing, body, FakeCaller(user=0)) == "401 SESSION_PASSWORD_NEEDED"
        assert ask(nobody, body, FakeCaller(user=0)) == "401 AUTH_KEY_UNREGISTERED"


def test_5_1_methods_of_older_layers_are_refused_alike() -> None:
    dispatcher, _ = make({messages.SendMessage: (state, Who.SIGNED_IN)})
    older = pack("<I", 0x0D9D75A4) + b"\0" * 8  # messages.sendMessage of layer 152
    assert ask(dispatcher, older, FakeCaller(user=0)) == "401 AUTH_KEY_UNREGISTERED"


def test_a_method_that_has_another_name_now_is_served_under_it() -> None:
    """channels.getForumTopicsByID, as sessions of layers before the name changed call it."""

    async def topics(call: Any, request: messages.GetForumTopicsByID) -> Any:
        assert isinstance(request, messages.GetForumTopicsByID) and request.topics == [7]
        assert request.peer == t.InputPeerChannel(channel_id=5, access_hash=6)
        return t.MessagesForumTopics(count=7, topics=[], messages=[], chats=[], users=[], pts=1)

    dispatcher, _ = make({messages.GetForumTopicsByID: (topics, Who.SIGNED_IN)})
    named = layers.encode(t.InputChannel(channel_id=5, access_hash=6))
    older = pack("<I", legacy.ChannelsGetForumTopicsByID.ID) + named + pack("<IIi", 0x1CB5C415, 1, 7)
    answer = ask(dispatcher, older)
    assert isinstance(answer, t.MessagesForumTopics) and answer.count == 7


def test_5_1_missing_methods_say_401_before_login_and_400_after() -> None:
    body = layers.encode(account.GetAutoSaveSettings())
    dispatcher, _ = make()
    assert ask(dispatcher, body, FakeCaller(user=0)) == "401 AUTH_KEY_UNREGISTERED"
    assert ask(dispatcher, body) == "400 METHOD_INVALID"
    open_one = layers.encode(auth.DropTempAuthKeys(except_auth_keys=[]))
    assert ask(dispatcher, open_one, FakeCaller(user=0)) == "400 METHOD_INVALID"


def test_5_1_a_call_before_login_is_small() -> None:
    body = NEAREST + bytes(limits.UNSIGNED_CALL_BYTES)
    assert ask(make()[0], body, FakeCaller(user=0)) == "400 INPUT_REQUEST_TOO_LONG"


@pytest.mark.parametrize("body", [UNKNOWN, UNKNOWN + bytes(400), pack("<I", t.PeerUser.ID) + bytes(8)])
@pytest.mark.parametrize("user", [0, 5])
def test_an_unknown_constructor_is_one_error(body: bytes, user: int) -> None:
    assert ask(make()[0], body, FakeCaller(user=user)) == "400 INPUT_METHOD_INVALID"


@pytest.mark.parametrize("body", [b"", b"\1\2\3", NEAREST + b"\0\0\0\0", init(b""), with_layer(200, b"")])
def test_3_12_broken_bytes_are_a_400(body: bytes) -> None:
    assert ask(make()[0], body).startswith("400 INPUT_")


def test_1_16_an_unbound_temporary_key_may_ask_little() -> None:
    dispatcher, _ = make({auth.SendCode: (nearest, Who.ANYONE)})
    unbound = FakeCaller(user=0, key=0)
    unbound.temp = (9, b"k", 100)
    assert isinstance(ask(dispatcher, NEAREST, unbound), t.NearestDc)
    assert ask(dispatcher, STATE, unbound, 8) == "401 AUTH_KEY_PERM_EMPTY"
    send = layers.encode(auth.SendCode(phone_number="1", api_id=1, api_hash="", settings=t.CodeSettings()))
    assert ask(dispatcher, send, unbound, 12) == "401 AUTH_KEY_PERM_EMPTY"


def test_a_temporary_key_is_shown_to_the_handler_until_it_is_bound() -> None:
    seen: list[Call] = []

    async def note(call: Call, request: Any) -> Any:
        seen.append(call)
        return await nearest(call, request)

    dispatcher, _ = make({help.GetNearestDc: (note, Who.UNBOUND)})
    caller = FakeCaller(user=0, key=0)
    caller.temp = (9, b"k", 100)
    ask(dispatcher, NEAREST, caller, 4)
    caller.login = Login(77, 5)
    ask(dispatcher, NEAREST, caller, 8)
    assert [(c.bound, c.temp_key_id, c.temp_key) for c in seen] == [(False, 9, b"k"), (True, 9, b"")]


def test_bots_and_users_have_methods_of_their_own() -> None:
    dispatcher, _ = make({users.GetUsers: (state, Who.BOT), updates.GetState: (state, Who.USER)})
    assert ask(dispatcher, layers.encode(users.GetUsers(id=[]))) == "400 USER_BOT_REQUIRED"
    bot = FakeCaller()
    bot.login.bot = True
    assert ask(dispatcher, STATE, bot) == "400 BOT_METHOD_INVALID"


# -- envelopes ------------------------------------------------------------------------------------------------------


def test_layer_and_device_are_taken_and_kept_for_the_key() -> None:
    dispatcher, touched = make()
    caller = FakeCaller()
    answer = ask(dispatcher, with_layer(200, init(NEAREST)), caller)
    assert answer.nearest_dc == 200
    assert (caller.layer, caller.login.layer, caller.login.device.lang_code) == (200, 200, "de")
    assert touched == [caller]
    ask(dispatcher, with_layer(200, init(NEAREST)), caller, 8)
    assert touched == [caller], "nothing new was said"
    other = FakeCaller()
    other.login = caller.login
    assert ask(dispatcher, NEAREST, other).nearest_dc == 200


@pytest.mark.parametrize(("announced", "served"), [(232, 232), (152, 152), (9999, 232), (0x7FFFFFFF, 232)])
def test_3_13_newer_layers_are_served_as_the_newest_known(announced: int, served: int) -> None:
    assert ask(make()[0], with_layer(announced, NEAREST)).nearest_dc == served


@pytest.mark.parametrize("announced", [1, 151])
def test_3_13_older_layers_are_refused(announced: int) -> None:
    assert ask(make()[0], with_layer(announced, NEAREST)) == "400 CONNECTION_LAYER_INVALID"


def test_envelopes_nest_eight_deep_and_no_deeper() -> None:
    body = NEAREST
    for _ in range(8):
        body = pack("<I", core.InvokeWithoutUpdates.ID) + body
    assert ask(make()[0], body) == "400 INPUT_FETCH_FAIL"
    assert isinstance(ask(make()[0], body[4:]), t.NearestDc)


@pytest.mark.parametrize(
    "envelope",
    [
        core.InvokeWithMessagesRange(range=t.MessageRange(min_id=1, max_id=2), query=NEAREST),
        core.InvokeWithReCaptcha(token="x", query=NEAREST),
    ],
)
def test_harmless_envelopes_are_opened(envelope: TLObject) -> None:
    assert isinstance(ask(make()[0], layers.encode(envelope)), t.NearestDc)


def test_a_packed_call_inside_an_envelope_is_inflated() -> None:
    packed = zlib.compress(STATE)
    body = pack("<I", 0x3072CFA1) + bytes((len(packed),)) + packed
    body += bytes(-len(body) % 4)
    assert isinstance(ask(make()[0], with_layer(200, init(body))), t.UpdatesState)
    assert ask(make()[0], with_layer(200, body[:-8] + bytes(8))).startswith("400 INPUT_")


def test_acting_for_another_account_is_not_offered() -> None:
    body = layers.encode(core.InvokeWithBusinessConnection(connection_id="x", query=NEAREST))
    assert ask(make()[0], body) == "400 METHOD_INVALID"


def test_only_calls_that_want_updates_subscribe() -> None:
    dispatcher, _ = make()
    caller = FakeCaller()
    ask(dispatcher, NEAREST, caller, 4)
    ask(dispatcher, pack("<I", core.InvokeWithoutUpdates.ID) + STATE, caller, 8)
    assert not caller.subscribed
    ask(dispatcher, STATE, caller, 12)
    assert caller.subscribed


# -- faults ---------------------------------------------------------------------------------------------------------


async def refuses(call: Call, request: Any) -> Any:
    raise errors.PHONE_MIGRATE(2)


async def is_full(call: Call, request: Any) -> Any:
    raise StoreFull


async def breaks(call: Call, request: Any) -> Any:
    raise KeyError("secret text")


async def answers_nonsense(call: Call, request: Any) -> Any:
    return 42


@pytest.mark.parametrize(
    ("handler", "answer"),
    [
        (refuses, "303 PHONE_MIGRATE_2"),
        (is_full, "500 STORE_FULL"),
        (breaks, "500 INTERNAL"),
        (answers_nonsense, "500 INTERNAL"),
    ],
)
def test_faults_of_handlers(handler: Handler, answer: str) -> None:
    assert ask(make({updates.GetState: (handler, Who.SIGNED_IN)})[0], STATE) == answer


def test_7_2_a_fault_is_logged_with_its_call_and_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    ask(make({updates.GetState: (breaks, Who.SIGNED_IN)})[0], STATE, msg_id=0x1234)
    record = caplog.records[-1]
    fields = record.__dict__["fields"]
    assert (fields["method"], fields["call"]) == ("updates.getState", "1234")
    assert "secret text" not in record.getMessage() + repr(fields)


def test_6_15_budgets_are_asked_before_decoding() -> None:
    dispatcher, _ = make(flood=Flood(2, 60))
    caller = FakeCaller()
    for msg_id in (4, 8):
        assert isinstance(ask(dispatcher, STATE, caller, msg_id), t.UpdatesState)
    assert ask(dispatcher, STATE + b"xxxx", caller, 12) == "420 FLOOD_WAIT_60"
    assert isinstance(ask(dispatcher, STATE, FakeCaller(user=6)), t.UpdatesState)


def test_6_15_methods_without_a_budget_share_one() -> None:
    dispatcher, _ = make(calls_per_minute=3)
    caller = FakeCaller()
    answers = [ask(dispatcher, STATE, caller, 4 * n) for n in range(1, 5)]
    assert [isinstance(a, str) for a in answers] == [False, False, False, True]


# -- order ----------------------------------------------------------------------------------------------------------


class Gated:
    """A handler whose calls end when told."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.gates: dict[int, asyncio.Future[None]] = {}

    async def __call__(self, call: Call, request: Any) -> Any:
        self.begun.append(call.msg_id)
        gate = self.gates[call.msg_id] = asyncio.get_running_loop().create_future()
        await gate
        return await state(call, request)

    async def end(self, msg_id: int, fault: BaseException | None = None) -> None:
        if fault is None:
            self.gates[msg_id].set_result(None)
        else:
            self.gates[msg_id].set_exception(fault)
        await asyncio.sleep(0)


def gated() -> tuple[Gated, Dispatcher, FakeCaller]:
    gate = Gated()

    async def handler(call: Call, request: Any) -> Any:
        return await gate(call, request)

    dispatcher, _ = make({updates.GetState: (handler, Who.SIGNED_IN)})
    return gate, dispatcher, FakeCaller()


def after(*msg_ids: int, body: bytes = STATE) -> bytes:
    if len(msg_ids) == 1:
        return pack("<IQ", core.InvokeAfterMsg.ID, msg_ids[0]) + body
    return layers.encode(core.InvokeAfterMsgs(msg_ids=list(msg_ids), query=body))


def test_calls_begin_in_the_order_they_come() -> None:
    async def main() -> None:
        gate, dispatcher, caller = gated()
        for msg_id in (4, 8, 12):
            dispatcher.invoke(caller, msg_id, STATE)
        assert gate.begun == [4, 8, 12]
        for msg_id in (12, 4, 8):
            await gate.end(msg_id)
        assert list(caller.answers) == [12, 4, 8]

    asyncio.run(main())


def test_4a_1_invoke_after_msg_waits_for_the_named_calls() -> None:
    """SECURITY 4A-1, also when the calls arrive in another order than they were sent."""

    async def main() -> None:
        gate, dispatcher, caller = gated()
        dispatcher.invoke(caller, 16, after(8, 12))
        dispatcher.invoke(caller, 12, after(8))
        assert gate.begun == []
        dispatcher.invoke(caller, 8, STATE)
        assert gate.begun == [8]
        await gate.end(8)
        assert gate.begun == [8, 12]
        await gate.end(12)
        assert gate.begun == [8, 12, 16]
        await gate.end(16)
        assert list(caller.answers) == [8, 12, 16]
        assert not caller.waiting and not caller.running

    asyncio.run(main())


def test_4a_1_a_failed_call_fails_those_that_wait_for_it() -> None:
    async def main() -> None:
        gate, dispatcher, caller = gated()
        dispatcher.invoke(caller, 4, STATE)
        dispatcher.invoke(caller, 8, after(4))
        dispatcher.invoke(caller, 12, after(8))
        await gate.end(4, errors.PEER_ID_INVALID())
        assert [said(caller.answers[m]) for m in (4, 8, 12)] == [
            "400 PEER_ID_INVALID",
            "400 MSG_WAIT_FAILED",
            "400 MSG_WAIT_FAILED",
        ]
        dispatcher.invoke(caller, 16, after(12))
        assert said(caller.answers[16]) == "400 MSG_WAIT_FAILED"

    asyncio.run(main())


def test_4a_1_a_call_that_has_ended_is_not_waited_for() -> None:
    async def main() -> None:
        gate, dispatcher, caller = gated()
        dispatcher.invoke(caller, 4, STATE)
        await gate.end(4)
        dispatcher.invoke(caller, 8, after(4))
        assert gate.begun == [4, 8]

    asyncio.run(main())


def test_a_call_cannot_wait_for_itself_or_a_later_one() -> None:
    dispatcher, _ = make()
    assert ask(dispatcher, after(4), msg_id=4) == "400 MSG_WAIT_FAILED"
    assert ask(dispatcher, after(8, 2), msg_id=4) == "400 MSG_WAIT_FAILED"


def test_waiting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "AFTER_SECONDS", 0.01)

    async def main() -> None:
        _, dispatcher, caller = gated()
        dispatcher.invoke(caller, 8, after(4))
        await until(lambda: 8 in caller.answers)
        assert said(caller.answers[8]) == "400 MSG_WAIT_TIMEOUT"
        assert not caller.waiting

    asyncio.run(main())


def test_7_3_calls_at_once_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CALLS_AT_ONCE", 3)

    async def main() -> None:
        gate, dispatcher, caller = gated()
        for msg_id in (4, 8, 12, 16):
            dispatcher.invoke(caller, msg_id, STATE)
        assert gate.begun == [4, 8, 12]
        assert said(caller.answers[16]) == "420 FLOOD_WAIT_1"

    asyncio.run(main())


def test_outcomes_remembered_are_bounded() -> None:
    caller = FakeCaller()
    for number in range(1000):
        caller.note_outcome(4 * number, number % 2 == 0)
    assert len(caller.outcomes) <= 64
    assert caller.outcome(4 * 999) is True and caller.outcome(4 * 998) is False and caller.outcome(4) is None


def test_rpc_error_is_what_clients_read() -> None:
    body = rpc_error(420, "FLOOD_WAIT_7")
    assert len(body) % 4 == 0 and said(body) == "420 FLOOD_WAIT_7"
