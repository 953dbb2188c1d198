import pickle
from hashlib import sha1, sha256
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.crypto import AuthKey as TelethonKey
from telethon.network.mtprotostate import MTProtoState

from tgserve.errors import ProtocolError
from tgserve.ids import Ids
from tgserve.mtproto import ige
from tgserve.mtproto.binding import old_key
from tgserve.mtproto.cipher import (
    AuthKey,
    open_frame,
    padding_of,
    quick_ack_token,
    seal_frame,
    seal_kit,
    seal_plain,
    seal_with,
)
from tgserve.mtproto.ige import encrypt_ige
from tgserve.testing.clock import FakeClock
from tgserve.testing.miniclient import ClientSession, Message

IDS = Ids(1)
KEY = AuthKey(IDS.random_bytes(256))
SESSION = ClientSession(KEY, 77, IDS, FakeClock())
MESSAGE = Message(4 << 32, 1, b"body" * 5)
GOOD = SESSION.seal(MESSAGE)


def refusal(payload: bytes, key: AuthKey = KEY) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        open_frame(key, payload)
    return caught.value


def test_a_clients_packet_opens():
    plain = open_frame(KEY, GOOD)
    assert plain[:32] == pack("<QQQII", 77, SESSION.session_id, 4 << 32, 1, 20)
    assert plain[32:52] == b"body" * 5


@given(st.binary(max_size=600).map(lambda b: b + bytes(-len(b) % 4)))
def test_what_is_sealed_opens_at_the_other_end(body):
    mirror = KEY.mirrored()
    there = open_frame(mirror, seal_frame(KEY, 1, 2, 3, 4, body, IDS.padding))
    assert there[:32] == pack("<QQQII", 1, 2, 3, 4, len(body))
    assert there[32 : 32 + len(body)] == body
    assert open_frame(KEY, seal_frame(mirror, 1, 2, 3, 4, body, IDS.padding))[:32] == there[:32]


@given(st.binary(max_size=600).map(lambda b: b + bytes(-len(b) % 4)), st.integers(-(2**63), 2**64 - 1))
def test_what_is_sealed_with_a_kit_is_the_same_packet(body, salt):
    padding = bytes(padding_of(len(body)))
    sealed = seal_with(seal_kit(KEY, salt, 2), 3, 4, len(body), body + padding)
    assert sealed == seal_frame(KEY, salt, 2, 3, 4, body, bytes)


def test_signed_salt_and_session_are_the_same_bytes():
    padding = bytes
    assert seal_frame(KEY, -1, -2, 3, 4, b"", padding) == seal_frame(
        KEY, 2**64 - 1, 2**64 - 2, 3, 4, b"", padding
    )


def test_equal_to_telethon_in_both_directions(monkeypatch):
    """A second opinion on keys, directions and padding: the most used client library's own code."""
    state = MTProtoState(TelethonKey(KEY.raw), loggers={"telethon.network.mtprotostate": None})
    assert state.auth_key.key_id == KEY.id
    state.salt, state.id = 11, 22
    inner = pack("<QII", 4 << 32, 1, 4) + b"ping"
    plain = open_frame(KEY, state.encrypt_message_data(inner))
    assert plain[:36] == pack("<qq", 11, 22) + inner
    packet = seal_frame(KEY, 11, 22, (5 << 32) | 1, 0, pack("<IQQ", 0x347773C5, 1, 2), IDS.padding)
    monkeypatch.setattr("time.time", lambda: 5.0)
    message = state.decrypt_message_data(packet)
    assert message.msg_id == (5 << 32) | 1
    assert message.obj.ping_id == 2


GOLDEN_CLIENT = bytes.fromhex(
    "32d1586ea457dfc8217af456b30586124bc443f805e371b4ca0b0503c3222915e7350b4f4f7db305b0faf0d5072106967cab8ea2"
    "2f9bbd2cf3853dd03fc685e1087b3e57af6eb79393c1ec82ccbda676a85bd581cbb1ab71"
)
GOLDEN_SERVER = bytes.fromhex(
    "32d1586ea457dfc81b2501f029d1d38d48f5aca20076e610f3b67d90a423116667229bd1b128a44fe995805e56ce8a3d7bdae69c"
    "3be52440b7acd74e066db9c9ddc723229e2f141f9d60849dfb3639996e11a1c875926d1f"
)


def test_golden_packets():
    """Made once by another IGE, over pyaes: key 00..ff, salt 1, session 2, msg_id 3, seq_no 4, padding of zeros."""
    key = AuthKey(bytes(range(256)))
    body = b"golden frame...."
    assert seal_frame(key, 1, 2, 3, 4, body, bytes) == GOLDEN_SERVER
    assert open_frame(key, GOLDEN_CLIENT) == pack("<QQQII", 1, 2, 3, 4, 16) + body + bytes(16)


@pytest.mark.parametrize("at", [8, 23, 24, 40, len(GOOD) - 1])
def test_3_1_any_changed_byte_is_refused(at):
    changed = bytearray(GOOD)
    changed[at] ^= 1
    refusal(bytes(changed))


def test_3_1_msg_key_is_checked_before_any_field(monkeypatch):
    """A packet whose length field is absurd too is refused by msg_key: the length is never looked at."""
    looked = []
    monkeypatch.setattr("tgserve.mtproto.cipher._length_at", lambda *args: looked.append(args) or (0,))
    bad = SESSION.seal(MESSAGE, length=2**31, msg_key=b"k" * 16)
    refusal(bad)
    assert not looked
    open_frame(KEY, SESSION.seal(Message(4, 0, b"")))
    assert looked


def test_3_1_msg_key_is_compared_in_constant_time(monkeypatch):
    compared = []

    def spy(a, b):
        compared.append((len(a), len(b)))
        return a == b

    monkeypatch.setattr("tgserve.mtproto.cipher.compare_digest", spy)
    open_frame(KEY, GOOD)
    refusal(SESSION.seal(MESSAGE, msg_key=b"k" * 16))
    assert compared == [(16, 16), (16, 16)]


@pytest.mark.parametrize(("body", "padding"), [(48, 0), (40, 8), (36, 12), (52, 12), (36, 1020), (32, 1024)])
def test_3_2_padding_of_12_to_1024_is_taken_and_nothing_else(body, padding):
    packet = SESSION.seal(Message(4, 0, bytes(body)), padding=padding)
    if 12 <= padding <= 1024:
        assert open_frame(KEY, packet)[28:32] == pack("<I", body)
    else:
        refusal(packet)


def test_3_2_padding_over_1024_is_refused():
    refusal(SESSION.seal(Message(4, 0, bytes(44)), padding=1028))


@pytest.mark.parametrize("length", [-4, -(2**31), 17, 18, 19, 21, 22, 2**31 - 4, 24, 36, 1 << 20])
def test_3_2_a_length_that_does_not_fit_is_refused(length):
    refusal(SESSION.seal(MESSAGE, length=length))


def test_3_3_a_reflected_packet_of_ours_is_refused():
    refusal(seal_frame(KEY, 1, 2, 3, 4, b"body", IDS.padding))
    refusal(SESSION.seal(MESSAGE, reflected=True))


def test_3_4_mtproto_1_is_refused():
    """The same plaintext under the old key derivation, with the old msg_key."""
    body = open_frame(KEY, GOOD)[:52]
    msg_key = sha1(body).digest()[4:]
    refusal(KEY.id_bytes + msg_key + encrypt_ige(body + bytes(-len(body) % 16), *old_key(KEY.raw, msg_key)))


@pytest.mark.parametrize("size", [0, 7, 8, 23, 24, 40, 71, len(GOOD) - 1, len(GOOD) - 16])
def test_2_4_short_and_uneven_packets_are_refused(size):
    refusal(GOOD[:size])


def test_3_1_every_fault_is_the_same():
    """4A-3: neither code nor text tells which check failed."""
    faults = [
        refusal(GOOD[:40]),
        refusal(GOOD[:-1]),
        refusal(GOOD[:-1] + bytes((GOOD[-1] ^ 1,))),
        refusal(SESSION.seal(MESSAGE, length=21)),
        refusal(SESSION.seal(MESSAGE, length=4)[:-16] + bytes(16)),
        refusal(SESSION.seal(MESSAGE, reflected=True)),
        refusal(GOOD, AuthKey(IDS.random_bytes(256))),
    ]
    assert {(fault.code, str(fault)) for fault in faults} == {(-404, "packet refused")}


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_else(data):
    refusal(data)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_corruption_is_refused_wherever_it_is(at, change):
    changed = bytearray(GOOD)
    changed[at] ^= change
    if at < 8:
        assert open_frame(KEY, bytes(changed))  # the key id is the gateway's business: it finds no such key
    else:
        refusal(bytes(changed))


def test_2_7_quick_ack_token_is_the_start_of_the_hash_with_the_top_bit():
    plain = open_frame(KEY, GOOD)
    token = quick_ack_token(KEY, plain)
    assert token == int.from_bytes(sha256(KEY.raw[88:120] + plain).digest()[:4], "little") | 1 << 31
    assert token == SESSION.quick_ack_token(GOOD)


def test_seal_plain_equals_seal_frame():
    plain = pack("<QQQII", 1, 2, 3, 4, 4) + b"body" + bytes(12)
    assert seal_plain(KEY, plain) == seal_frame(KEY, 1, 2, 3, 4, b"body", bytes)


def test_a_key_can_be_pickled_and_is_256_bytes():
    assert pickle.loads(pickle.dumps(KEY)).id == KEY.id
    with pytest.raises(ValueError, match="256"):
        AuthKey(bytes(255))


def test_the_backend_falls_back_and_says_when_there_is_none():
    name, _, _ = ige.load_backend((("no_such_module", "a", "b"), *ige.BACKENDS))
    assert name in ("cryptg", "tgcrypto")
    with pytest.raises(ImportError, match="no_such_module"):
        ige.load_backend((("no_such_module", "a", "b"),))
