"""The key exchange against the mini client and against Telethon's; SECURITY 1.1-1.16 and 1.18."""

import asyncio
import pickle
from contextlib import suppress
from hashlib import sha1
from struct import pack, unpack_from

import gmpy2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.crypto import rsa as telethon_rsa
from telethon.extensions import BinaryReader
from telethon.network import authenticator

from tgserve.errors import ProtocolError
from tgserve.ids import Ids
from tgserve.limits import HANDSHAKE_SECONDS
from tgserve.mtproto import dh, handshake, plain
from tgserve.mtproto import rsa as rsa_module
from tgserve.mtproto.constructors import tl_bytes
from tgserve.mtproto.handshake import Handshakes, Reply, RsaKey, Work
from tgserve.mtproto.ige import decrypt_ige, encrypt_ige
from tgserve.testing.miniclient import ExchangeFailed, ExchangeOptions, KeyExchange
from tgserve.testing.miniclient.exchange import factorize, rsa_pad

IDS = Ids(6)
NOW = 1_700_000_000.0
PADDINGS = ["rsa_pad", "old"]


@pytest.fixture(scope="module")
def rsa():
    return RsaKey.generate()


@pytest.fixture
def handshakes(rsa):
    return Handshakes(rsa, IDS)


def ask(handshakes, body, now=NOW, dc_id=None):
    """The reply to one request, its work done on the spot."""
    step = handshakes.receive(body, now=now, dc_id=dc_id)
    while isinstance(step, Work):
        step = step.finish(pickle.loads(pickle.dumps(step.run))(), now)
    return step


def run(handshakes, exchange, now=NOW, dc_id=None, steps=9):
    """A whole exchange, or its first steps; the NewKey, or the last request not sent."""
    body = exchange.start()
    new_key = None
    for _ in range(steps):
        reply = ask(handshakes, body, now, dc_id)
        if reply.new_key is not None:
            new_key = reply.new_key
            handshakes.settled(new_key, reply.body)
        body = exchange.receive(reply.body)
        if body is None:
            return new_key
    return body


def refused(handshakes, body, code=-404):
    with pytest.raises(ProtocolError) as caught:
        ask(handshakes, body)
    assert caught.value.code == code
    return caught.value


def exchange_of(rsa, lie=None, **options):
    arguments = (lie,) if lie else ()
    return KeyExchange(rsa.public, IDS, ExchangeOptions(**options), *arguments)


def lying(place, change):
    """A client that is honest but for one place."""
    return lambda where, data: change(data) if where == place else data


@pytest.mark.parametrize("multi", [True, False])
@pytest.mark.parametrize("expires_in", [None, 3600])
@pytest.mark.parametrize("dc_id", [None, 2])
@pytest.mark.parametrize("padding", PADDINGS)
def test_every_shape_of_exchange_gives_both_sides_the_same_key(
    rsa, handshakes, padding, dc_id, expires_in, multi
):
    """SECURITY 1.5, 1.6: RSA_PAD and the old padding; all four forms of p_q_inner_data."""
    exchange = exchange_of(rsa, padding=padding, dc_id=dc_id, expires_in=expires_in, multi=multi)
    new = run(handshakes, exchange)
    assert exchange.outcome == "ok"
    assert new.key.raw == exchange.key.raw
    assert new.key.id_bytes == sha1(new.key.raw).digest()[-8:]
    assert (new.salt, new.expires_in, new.dc_id) == (exchange.salt, expires_in or 0, dc_id)
    assert exchange.server_time == int(NOW)


def test_telethons_own_exchange_succeeds(rsa, handshakes):
    """Old padding, p_q_inner_data; Telethon checks every hash and nonce on its side."""
    pem = telethon_rsa.rsa.PublicKey.load_pkcs1(rsa.public_pem().encode())
    signed = rsa.fingerprint - 2**64 if rsa.fingerprint >= 2**63 else rsa.fingerprint
    telethon_rsa._server_keys[signed] = (pem, False)
    keys = []

    class Sender:
        async def send(self, request):
            reply = ask(handshakes, bytes(request))
            if reply.new_key:
                keys.append(reply.new_key)
            return BinaryReader(reply.body).tgread_object()

    for _ in range(20):  # Telethon drops a leading zero byte of a key: then it fails itself and tries again
        try:
            key, offset = asyncio.run(authenticator.do_authentication(Sender()))
            break
        except Exception as fault:
            assert "new nonce hash" in str(fault)
    assert key.key == keys[-1].key.raw
    assert abs(offset) > 0


# 1.1


def test_1_1_res_pq(rsa, handshakes):
    seen = set()
    for _ in range(20):
        nonce = IDS.random_bytes(16)
        body = ask(handshakes, pack("<I", plain.REQ_PQ_MULTI) + nonce).body
        assert body[4:20] == nonce
        pq = int.from_bytes(body[37:45], "big")
        p, q = factorize(pq)
        assert p < q
        assert p % 2 and gmpy2.is_prime(p) and gmpy2.is_prime(q)
        assert 1 << 60 < pq < 1 << 63
        assert unpack_from("<IIQ", body, 48) == (0x1CB5C415, 1, rsa.fingerprint)
        seen.add((body[20:36], pq))
    assert len(seen) == 20


@pytest.mark.parametrize("size", [4, 8, 19, 20 + 1025])
def test_1_12_req_pq_of_a_wrong_length(handshakes, size):
    refused(handshakes, (pack("<I", plain.REQ_PQ_MULTI) + bytes(2000))[:size])


# 1.2, 1.3, 1.4: what is outside the encryption


def change_at(at):
    return lambda data: data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


@pytest.mark.parametrize(("place", "at"), [("req_dh_params", 4), ("req_dh_params", 20)])
def test_1_2_unknown_nonces(rsa, handshakes, place, at):
    body = run(handshakes, exchange_of(rsa, lying(place, change_at(at))), steps=1)
    refused(handshakes, body)


@pytest.mark.parametrize("at", [4, 20])
def test_1_2_other_nonces_in_set_client_dh_params(rsa, handshakes, at):
    body = run(handshakes, exchange_of(rsa, lying("set_client_dh_params", change_at(at))), steps=2)
    refused(handshakes, body)


@pytest.mark.parametrize("at", [37, 45])
def test_1_3_wrong_p_or_q(rsa, handshakes, at):
    body = run(handshakes, exchange_of(rsa, lying("req_dh_params", change_at(at))), steps=1)
    refused(handshakes, body)


def test_1_3_p_and_q_exchanged(rsa, handshakes):
    swap = lying("req_dh_params", lambda data: data[:36] + data[44:52] + data[36:44] + data[52:])
    refused(handshakes, run(handshakes, exchange_of(rsa, swap), steps=1))


def test_1_4_unknown_fingerprint(rsa, handshakes):
    refused(handshakes, run(handshakes, exchange_of(rsa, lying("req_dh_params", change_at(52))), steps=1))


@pytest.mark.parametrize("size", [0, 255, 257, 512])
def test_1_5_encrypted_data_of_a_wrong_length(rsa, handshakes, size):
    resize = lying("req_dh_params", lambda data: data[:60] + tl_bytes(bytes(size)))
    refused(handshakes, run(handshakes, exchange_of(rsa, resize), steps=1))


@pytest.mark.parametrize("size", [1, 12, 255, 1024])
def test_1_12_1_13_padding_behind_a_request_does_not_count(rsa, handshakes, size):
    """TDLib counts up to 255 random bytes into message_length; a repeat has others and gets the same answer."""
    exchange = exchange_of(rsa)
    body = exchange.start()
    while body is not None:
        reply = ask(handshakes, body + IDS.random_bytes(size))
        if reply.new_key:
            handshakes.settled(reply.new_key, reply.body)
        assert ask(handshakes, body + IDS.random_bytes(size)).body == reply.body
        body = exchange.receive(reply.body)
    assert exchange.outcome == "ok"


@pytest.mark.parametrize("steps", [1, 2])
def test_1_12_1_10_a_request_cut_short_or_far_too_long(rsa, handshakes, steps):
    for change in (lambda data: data[:-1], lambda data: data[:40], lambda data: data + bytes(1025)):
        body = run(handshakes, exchange_of(rsa), steps=steps)
        refused(handshakes, change(body))
        refused(handshakes, body)


def test_1_5_encrypted_data_of_the_right_value_but_a_wrong_length(rsa, handshakes):
    lie = lying("req_dh_params", lambda data: data[:60] + tl_bytes(b"\0" + data[64:]))
    refused(handshakes, run(handshakes, exchange_of(rsa, lie), steps=1))


def test_1_5_encrypted_data_over_the_modulus_but_of_the_right_rest(rsa, handshakes):
    """c + n is c to the RSA operation: refused all the same."""
    inner = []

    def lie(where, data):
        if where == "inner":
            inner.append(data)
        while where == "block" and pow(int.from_bytes(data, "big"), rsa.e, rsa.n) + rsa.n >= 1 << 2048:
            data = rsa_pad(inner[0], rsa.public, IDS)
        if where == "req_dh_params":
            over = int.from_bytes(data[64:], "big") + rsa.n
            data = data[:60] + tl_bytes(over.to_bytes(256, "big"))
        return data

    refused(handshakes, run(handshakes, exchange_of(rsa, lie), steps=1))


# 1.5, 1.6: what is inside


def with_int(at, number):
    return lambda inner: inner[:at] + pack("<i", number) + inner[at + 4 :]


INNER_LIES = {
    "constructor": lambda inner: b"\x12\x34\x56\x78" + inner[4:],
    "pq": change_at(5),
    "p": change_at(17),
    "q": change_at(25),
    "nonce": change_at(32),
    "server_nonce": change_at(48),
}


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("lie", INNER_LIES.values(), ids=INNER_LIES.keys())
def test_1_2_1_3_1_5_inner_data_that_does_not_fit(rsa, handshakes, lie, padding):
    exchange = exchange_of(rsa, lying("inner", lie), padding=padding)
    body = run(handshakes, exchange, steps=1)
    refused(handshakes, body)


@pytest.mark.parametrize("padding", PADDINGS)
def test_1_5_the_refusal_does_not_tell_what_was_wrong(rsa, handshakes, padding):
    texts = set()
    for lie in (INNER_LIES["nonce"], INNER_LIES["pq"], INNER_LIES["constructor"]):
        texts.add(str(refused(handshakes, run(handshakes, exchange_of(rsa, lying("inner", lie)), steps=1))))
    for block in (bytes(256), bytes(255) + b"\1", b"\0" + IDS.random_bytes(255)):
        exchange = exchange_of(rsa, lying("block", lambda _, block=block: block), padding=padding)
        texts.add(str(refused(handshakes, run(handshakes, exchange, steps=1))))
    assert len(texts) == 1


def traced(monkeypatch, call):
    """The expensive or secret-dependent operations of a call: name and size of what they work on."""
    trace = []

    def spy(module, name):
        original = getattr(module, name)

        def spied(*args):
            trace.append((name, *(len(a) if isinstance(a, bytes) else type(a).__name__ for a in args)))
            return original(*args)

        monkeypatch.setattr(module, name, spied)

    with monkeypatch.context():
        for name in ("sha1", "sha256", "decrypt_ige", "compare_digest", "powmod", "invert"):
            spy(rsa_module, name)
        spy(handshake, "compare_digest")
        result = call()
        monkeypatch.undo()
    return trace, result


def test_1_5_every_failure_behind_rsa_does_the_same_work(rsa, handshakes, monkeypatch):
    """4A's fourth attack needs failures that differ in work. Here they do the same operations on the same sizes."""

    def task(lie=None, encrypted=None, **options):
        exchange = exchange_of(rsa, lie, **options)
        body = run(handshakes, exchange, steps=1)
        if encrypted is not None:
            body = body[:60] + tl_bytes(encrypted)
        return handshakes.receive(body, now=NOW).run

    cases = {
        "zeros": task(lying("block", lambda _: bytes(256))),
        "first byte zero": task(lying("block", lambda _: b"\0" + IDS.random_bytes(255))),
        "first byte not zero": task(lying("block", lambda _: b"\1" + IDS.random_bytes(255))),
        "one": task(lying("block", lambda _: bytes(255) + b"\1")),
        "over the modulus": task(encrypted=b"\xff" * 256),
        "the modulus": task(encrypted=rsa.n.to_bytes(256, "big")),
        "rsa_pad, inner": task(lying("inner", INNER_LIES["nonce"])),
        "rsa_pad, broken": task(lying("block", change_at(100))),
        "old, inner": task(lying("inner", INNER_LIES["nonce"]), padding="old"),
        "old, broken": task(lying("block", change_at(30)), padding="old"),
        "old, constructor": task(lying("inner", INNER_LIES["constructor"]), padding="old"),
        "temporary, dead": task(lying("inner", with_int(96, 0)), padding="old", expires_in=5),
    }
    traces = {}
    for name, work in cases.items():
        trace, result = traced(monkeypatch, work)
        assert result is None, name
        traces[name] = trace
    assert len(traces["zeros"]) > 10
    for name, trace in traces.items():
        assert trace == traces["zeros"], name
    trace, result = traced(monkeypatch, task())
    assert result is not None
    assert trace[: len(traces["zeros"])] == traces["zeros"]


def test_1_6_a_hash_that_begins_with_zero(rsa, handshakes):
    """One old-padded block in 256 begins with two zero bytes: it keeps its 256 bytes (CLIENTS B.3)."""

    def lie(where, inner):
        while where == "inner" and sha1(inner).digest()[0]:
            exchange.new_nonce = IDS.random_bytes(32)
            inner = inner[:64] + exchange.new_nonce
        return inner

    exchange = exchange_of(rsa, lie, padding="old")
    assert run(handshakes, exchange).key.raw == exchange.key.raw


def test_1_5_a_block_that_begins_with_zero(rsa, handshakes):
    """The same for RSA_PAD, where such a block might also be an old-padded one."""
    inner = []

    def lie(where, data):
        if where == "inner":
            inner.append(data)
        while where == "block" and data[0]:
            data = rsa_pad(inner[0], rsa.public, IDS)
        return data

    exchange = exchange_of(rsa, lie)
    assert run(handshakes, exchange).key.raw == exchange.key.raw


def test_1_16_a_temporary_form_without_expiry(rsa, handshakes):
    lie = lying("inner", lambda inner: pack("<I", plain.P_Q_INNER_DATA_TEMP) + inner[4:])
    refused(handshakes, run(handshakes, exchange_of(rsa, lie, padding="old"), steps=1))


def test_1_6_an_old_block_begins_with_a_zero_byte(rsa, handshakes):
    lie = lying("block", lambda block: b"\1" + block[1:])
    refused(handshakes, run(handshakes, exchange_of(rsa, lie, padding="old"), steps=1))


# 1.7


def test_1_7_a_bad_g_a_is_never_sent(rsa, handshakes):
    """An exponent of 1 gives g_a = 3: refused, not sent."""
    body = run(handshakes, exchange_of(rsa), steps=1)
    handshakes.pool._pairs.append(dh.Pair(1, 3))
    refused(handshakes, body)


# 1.8, 1.9


def client_inner(g_b, retry_id=0):
    return lambda inner: inner[:36] + pack("<q", retry_id) + tl_bytes(g_b)


@pytest.mark.parametrize(
    "g_b",
    [
        b"",
        b"\0",
        b"\1",
        ((1 << 1984) - 1).to_bytes(256, "big"),
        (dh.PRIME - (1 << 1984) + 1).to_bytes(256, "big"),
        (dh.PRIME - 1).to_bytes(256, "big"),
        dh.PRIME_BYTES,
        (dh.PRIME + 3).to_bytes(256, "big"),
        b"\0" + (1 << 2000).to_bytes(256, "big"),
        b"\xff" * 300,
    ],
    ids=["empty", "0", "1", "low", "high", "p-1", "p", "p+3", "257 bytes", "300 bytes"],
)
def test_1_8_g_b_out_of_range(rsa, handshakes, g_b):
    body = run(handshakes, exchange_of(rsa, lying("client_inner", client_inner(g_b))), steps=2)
    refused(handshakes, body)


def test_1_8_g_b_without_leading_zeros_is_taken(rsa, handshakes):
    """Clients may write a short g_b as 249..256 bytes."""
    number = (1 << 1990) + 12345
    body = run(
        handshakes,
        exchange_of(rsa, lying("client_inner", client_inner(number.to_bytes(249, "big")))),
        steps=2,
    )
    assert ask(handshakes, body).body[:4] == pack("<I", plain.DH_GEN_OK)


CLIENT_DATA_LIES = {
    "hash": change_at(0),
    "constructor": change_at(20),
    "nonce": change_at(24),
    "server_nonce": change_at(40),
    "g_b": change_at(100),
    "a block of padding too many": lambda data: data + bytes(16),
    "cut": lambda data: data[:-16],
    "only a hash": lambda data: data[:64],
}


@pytest.mark.parametrize("lie", CLIENT_DATA_LIES.values(), ids=CLIENT_DATA_LIES.keys())
def test_1_9_client_dh_inner_data_and_its_hash(rsa, handshakes, lie):
    refused(handshakes, run(handshakes, exchange_of(rsa, lying("client_data", lie)), steps=2))


@pytest.mark.parametrize("lie", ["constructor", "nonce", "server_nonce"])
def test_1_2_1_9_inner_fields_with_a_right_hash(rsa, handshakes, lie):
    at = {"constructor": 0, "nonce": 4, "server_nonce": 20}[lie]
    refused(handshakes, run(handshakes, exchange_of(rsa, lying("client_inner", change_at(at))), steps=2))


@pytest.mark.parametrize("size", [0, 15, 16, 48, 335, 337, 1024])
def test_1_9_encrypted_data_of_a_wrong_length(rsa, handshakes, size):
    resize = lying("set_client_dh_params", lambda data: data[:36] + tl_bytes(bytes(size)))
    refused(handshakes, run(handshakes, exchange_of(rsa, resize), steps=2))


def test_1_9_a_retry_id_is_refused(rsa, handshakes):
    """dh_gen_retry ends an exchange here, so nobody has an honest retry_id: a is never used twice (KE)."""
    lie = lying("client_inner", lambda inner: inner[:36] + pack("<q", 5) + inner[44:])
    refused(handshakes, run(handshakes, exchange_of(rsa, lie), steps=2))


# 1.10, 1.11


def test_1_10_after_a_refusal_everything_is_refused(rsa, handshakes):
    exchange = exchange_of(rsa)
    first = exchange.start()
    good = exchange.receive(ask(handshakes, first).body)
    refused(handshakes, change_at(37)(good))
    refused(handshakes, good)
    refused(handshakes, first)


def test_1_10_steps_out_of_order(rsa, handshakes):
    exchange = exchange_of(rsa)
    good = run(handshakes, exchange, steps=1)
    early = pack("<I", plain.SET_CLIENT_DH_PARAMS) + good[4:36] + tl_bytes(bytes(336))
    refused(handshakes, early)
    refused(handshakes, good)


def test_1_10_another_req_dh_params_after_one_was_answered(rsa, handshakes):
    exchange = exchange_of(rsa)
    good = run(handshakes, exchange, steps=1)
    next_step = exchange.receive(ask(handshakes, good).body)
    refused(handshakes, good[:60] + tl_bytes(IDS.random_bytes(256)))
    refused(handshakes, next_step)


def test_1_10_a_finished_exchange_makes_no_second_key(rsa, handshakes):
    exchange = exchange_of(rsa)
    last = run(handshakes, exchange, steps=2)
    ask(handshakes, last)
    refused(handshakes, change_at(60)(last))


def test_1_10_a_refusal_while_work_is_running_wins(rsa, handshakes):
    exchange = exchange_of(rsa)
    good = run(handshakes, exchange, steps=1)
    work = handshakes.receive(good, now=NOW)
    result = work.run()
    refused(handshakes, change_at(37)(good))
    with pytest.raises(ProtocolError):
        work.finish(result, NOW)


def test_1_10_another_g_b_while_one_is_being_worked_on(rsa, handshakes):
    """Also when it is an honest one, with its own hash: the exponent is used once."""
    last = run(handshakes, exchange := exchange_of(rsa), steps=2)
    work = handshakes.receive(last, now=NOW)
    key, iv = dh.temporary_key(exchange.new_nonce, exchange.server_nonce)
    inner = decrypt_ige(last[40:], key, iv)[20:324]
    inner = client_inner((1 << 2000).to_bytes(256, "big"))(inner)
    data = sha1(inner).digest() + inner
    other = last[:36] + tl_bytes(encrypt_ige(data + bytes(-len(data) % 16), key, iv))
    refused(handshakes, other)
    assert work.finish(work.run(), NOW) == Reply(None)


def test_1_11_a_taken_id_is_told_by_dh_gen_retry(rsa, handshakes):
    """The client checks new_nonce_hash2; the exchange is over, its answer repeatable."""
    exchange = exchange_of(rsa)
    last = run(handshakes, exchange, steps=2)
    new = ask(handshakes, last).new_key
    handshakes.settled(new, new.body_retry)
    assert exchange.receive(new.body_retry) is None
    assert exchange.outcome == "retry"
    assert ask(handshakes, last) == Reply(new.body_retry)


def test_a_key_that_cannot_be_stored_is_told_by_dh_gen_fail(rsa, handshakes):
    exchange = exchange_of(rsa)
    last = run(handshakes, exchange, steps=2)
    new = ask(handshakes, last).new_key
    assert exchange.receive(new.body_fail) is None
    assert exchange.outcome == "fail"


# 1.12


@pytest.mark.parametrize(
    "constructor", [0x7ABE77EC, 0xDA9B0D0D, 0x73F1F8DC, 0x9299359F, 0xD1435160, plain.RES_PQ, 0, 0xFFFFFFFF]
)
def test_1_12_only_the_exchange_comes_in_plain(handshakes, constructor):
    refused(handshakes, pack("<I", constructor) + bytes(32))


def test_1_12_plain_acks_are_ignored(handshakes):
    assert ask(handshakes, pack("<IIIQ", 0x62D6B459, 0x1CB5C415, 1, 5)) == Reply(None)


# 1.13


def test_1_13_repeated_requests_get_identical_answers(rsa, handshakes):
    exchange = exchange_of(rsa)
    body = exchange.start()
    answers = []
    while body is not None:
        reply = ask(handshakes, body)
        if reply.new_key:
            handshakes.settled(reply.new_key, reply.body)
        for later in (0.0, 1.0, HANDSHAKE_SECONDS - 1.0):
            again = ask(handshakes, body, NOW + later)
            assert again == Reply(reply.body)
        answers.append(body)
        body = exchange.receive(reply.body)
    assert exchange.outcome == "ok"
    assert len(answers) == 3


def test_1_13_a_repeat_while_the_work_is_running_gets_the_same(rsa, handshakes):
    body = run(handshakes, exchange_of(rsa), steps=1)
    first, second = handshakes.receive(body, now=NOW), handshakes.receive(body, now=NOW)
    late = second.finish(second.run(), NOW)
    assert first.finish(first.run(), NOW) == late


def test_1_13_a_repeat_before_the_key_is_stored_makes_no_second_key(rsa, handshakes):
    body = run(handshakes, exchange_of(rsa), steps=2)
    first, second = handshakes.receive(body, now=NOW), handshakes.receive(body, now=NOW)
    reply = first.finish(first.run(), NOW)
    assert reply.new_key is not None
    assert second.finish(second.run(), NOW) == Reply(None)
    handshakes.settled(reply.new_key, reply.body)
    assert ask(handshakes, body) == Reply(reply.body)


def test_1_13_the_ten_minutes_begin_with_the_answer(rsa, handshakes):
    step = run(handshakes, exchange_of(rsa), steps=1)
    answer = ask(handshakes, step, NOW + HANDSHAKE_SECONDS - 1)
    assert ask(handshakes, step, NOW + 2 * HANDSHAKE_SECONDS - 2) == answer


def test_1_13_exchanges_are_forgotten_after_ten_minutes(rsa, handshakes):
    exchange = exchange_of(rsa)
    body = run(handshakes, exchange, steps=1)
    with pytest.raises(ProtocolError):
        ask(handshakes, body, NOW + HANDSHAKE_SECONDS + 1)
    assert len(handshakes) == 0


def test_1_13_secrets_are_forgotten_when_they_have_served(rsa, handshakes):
    exchange = exchange_of(rsa)
    run(handshakes, exchange)
    (kept,) = handshakes._running.values()
    assert kept.opened is None
    assert kept.task is None
    assert exchange.new_nonce not in pickle.dumps([getattr(kept, n) for n in kept.__slots__ if n != "step"])


# 1.14 - 1.16


def test_1_14_the_first_salt(rsa, handshakes):
    exchange = exchange_of(rsa)
    new = run(handshakes, exchange)
    xor = bytes(a ^ b for a, b in zip(exchange.new_nonce[:8], exchange.server_nonce[:8], strict=True))
    assert new.salt == int.from_bytes(xor, "little")


@pytest.mark.parametrize(
    ("inner", "transport", "dc_id"), [(None, None, None), (None, 4, 4), (3, 4, 3), (-10_003, None, 3)]
)
def test_1_15_the_dc_is_learned_from_the_inner_data_or_the_transport(
    rsa, handshakes, inner, transport, dc_id
):
    assert run(handshakes, exchange_of(rsa, dc_id=inner), dc_id=transport).dc_id == dc_id


def test_1_15_a_dc_that_is_not_here(rsa):
    handshakes = Handshakes(rsa, IDS, dcs={1, 2, 3, 4, 5})
    refused(handshakes, run(handshakes, exchange_of(rsa, dc_id=6), steps=1), -444)
    assert run(handshakes, exchange_of(rsa, dc_id=5)).dc_id == 5


@pytest.mark.parametrize(
    ("asked", "given"), [(1, 1), (86_400, 86_400), (86_401, 86_400), (2**31 - 1, 86_400)]
)
def test_1_16_expires_in_is_honoured_up_to_a_day(rsa, handshakes, asked, given):
    assert run(handshakes, exchange_of(rsa, expires_in=asked)).expires_in == given


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("dc_id", [None, 2])
@pytest.mark.parametrize("asked", [0, -1, -(2**31)])
def test_1_16_a_temporary_key_that_is_dead_already(rsa, handshakes, asked, dc_id, padding):
    exchange = exchange_of(rsa, expires_in=asked, dc_id=dc_id, padding=padding)
    refused(handshakes, run(handshakes, exchange, steps=1))


# 1.18


def test_1_18_the_number_of_exchanges_is_bounded(rsa):
    handshakes = Handshakes(rsa, IDS, open_max=10)
    exchange = exchange_of(rsa)
    step = run(handshakes, exchange, steps=1)
    ask(handshakes, step)
    for _ in range(50):
        ask(handshakes, pack("<I", plain.REQ_PQ_MULTI) + IDS.random_bytes(16))
    assert len(handshakes) == 11
    assert len(handshakes._offers) == 11
    assert ask(handshakes, step).body is not None  # a flood of req_pq does not push out who has paid


def test_1_18_exchanges_that_cost_are_bounded_too(rsa):
    handshakes = Handshakes(rsa, IDS, open_max=2)
    for _ in range(5):
        handshakes.receive(run(handshakes, exchange_of(rsa), steps=1), now=NOW)
    assert len(handshakes) == 2
    assert len(handshakes._offers) == 2


def test_1_18_heavy_steps_are_work_and_light_ones_are_not(rsa, handshakes):
    exchange = exchange_of(rsa)
    first = handshakes.receive(exchange.start(), now=NOW)
    assert isinstance(first, Reply)
    second = handshakes.receive(exchange.receive(first.body), now=NOW)
    assert isinstance(second, Work)
    third = handshakes.receive(exchange.receive(second.finish(second.run(), NOW).body), now=NOW)
    assert isinstance(third, Work)


def test_pairs_made_ahead_are_used_once(rsa):
    handshakes = Handshakes(rsa, IDS, pool_size=2)
    pool = handshakes.pool
    tasks = [pool.task(), pool.task()]
    assert pool.task() is None
    for task in tasks:
        pool.put(pickle.loads(pickle.dumps(task))())
    assert len(pool) == 2
    public = pool._pairs[0].public.to_bytes(256, "big")
    seen = []
    for _ in range(3):
        exchange = exchange_of(rsa)
        assert run(handshakes, exchange).key.raw == exchange.key.raw
        seen.append(len(pool))
    assert seen == [1, 0, 0]
    assert public not in [pair.public.to_bytes(256, "big") for pair in pool._pairs]
    pool._making += 1
    pool.put(None)
    assert pool.task() is not None


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_corruption_raises_nothing_but_protocol_errors(rsa, data):
    handshakes = Handshakes(rsa, Ids(8))
    place = data.draw(
        st.sampled_from(
            [
                "req_pq",
                "inner",
                "block",
                "req_dh_params",
                "client_inner",
                "client_data",
                "set_client_dh_params",
            ]
        )
    )

    def lie(where, honest):
        if where != place:
            return honest
        changed = bytearray(honest)
        for _ in range(data.draw(st.integers(1, 3))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        if place in ("block", "client_data"):
            return bytes(changed)
        return (
            bytes(changed[: data.draw(st.integers(0, len(changed)))])
            if data.draw(st.booleans())
            else bytes(changed)
        )

    exchange = KeyExchange(
        rsa.public, Ids(9), ExchangeOptions(padding=data.draw(st.sampled_from(PADDINGS))), lie
    )
    with suppress(ProtocolError, ExchangeFailed):
        run(handshakes, exchange)


@given(st.binary(max_size=400))
def test_garbage_raises_nothing_but_protocol_errors(rsa, data):
    handshakes = Handshakes(rsa, IDS)
    for start in (b"", pack("<I", plain.REQ_DH_PARAMS), pack("<I", plain.SET_CLIENT_DH_PARAMS)):
        try:
            ask(handshakes, start + data)
        except ProtocolError as fault:
            assert fault.code == -404
