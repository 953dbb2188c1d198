"""Every transport against the mini client's own side of it, in memory; SECURITY 2.1-2.7."""

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.network.connection.tcpabridged import AbridgedPacketCodec
from telethon.network.connection.tcpfull import FullPacketCodec
from telethon.network.connection.tcpintermediate import (
    IntermediatePacketCodec,
    RandomizedIntermediatePacketCodec,
)
from telethon.network.connection.tcpobfuscated import ObfuscatedIO

from tgserve.errors import ProtocolError
from tgserve.ids import Ids
from tgserve.limits import FRAME_BYTES
from tgserve.mtproto.plain import plain
from tgserve.mtproto.transport.detect import Channel, Frame
from tgserve.mtproto.transport.obfuscated import plain_dc
from tgserve.testing.miniclient import wire as client
from tgserve.testing.miniclient.wire import KINDS, Packet, QuickAck, TransportError, Wire

IDS = Ids(3)
DUPLEX = [kind for kind in KINDS if kind != "http"]
STREAMS = [kind for kind in DUPLEX if not kind.startswith("ws-")]
ACKING = [kind for kind in DUPLEX if kind != "full"]


def sealed(size: int, key_id: bytes = b"key id!!") -> bytes:
    """A payload as long as encrypted ones are: 24 + 16n."""
    return key_id + b"m" * 16 + bytes(size // 16 * 16)


def opened(kind: str, dc_id: int = 2, chunk: int = 0) -> tuple[Wire, Channel]:
    """Both ends with the opening said, byte by byte or as one."""
    wire, channel = Wire(kind, Ids(4), dc_id=dc_id), Channel(IDS.padding)
    assert feed(channel, wire.hello(), chunk) == []
    assert wire.receive(channel.output()) == []
    assert wire.ready
    return wire, channel


def feed(channel: Channel, data: bytes, chunk: int = 0) -> list[Frame]:
    chunk = chunk or len(data) or 1
    return [f for at in range(0, len(data), chunk) for f in channel.receive(data[at : at + chunk])]


@pytest.mark.parametrize("chunk", [0, 1, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_2_1_every_transport_is_told_apart_and_carries_packets_both_ways(kind, chunk):
    wire, channel = opened(kind, dc_id=4, chunk=chunk)
    for size in (48, 304, 512, 1024, 70_000):
        payload = sealed(size)
        assert feed(channel, wire.wrap(payload), chunk) == [Frame(payload, False)]
        assert wire.receive(channel.wrap(payload)) == [Packet(payload)]
    assert channel.kind == kind
    assert channel.duplex is (kind != "http")
    assert channel.dc_id == (4 if kind.startswith(("obf-", "ws-")) else None)
    assert not channel.closed


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_is_all_that_wrapping_does_where_there_is_one(kind):
    _, channel = opened(kind)
    assert (channel.head is not None) is (kind in ("abridged", "intermediate"))
    for size in (48, 480, 512, 70_000):
        if channel.head is not None:
            payload = sealed(size)
            assert channel.head(len(payload)) + payload == channel.wrap(payload)


@pytest.mark.parametrize("kind", DUPLEX)
def test_2_5_pipelined_packets_come_in_order(kind):
    wire, channel = opened(kind)
    payloads = [sealed(16 * n) for n in range(1, 40)]
    stream = b"".join(wire.wrap(payload) for payload in payloads)
    assert [frame.payload for frame in channel.receive(stream)] == payloads
    stream = b"".join(channel.wrap(payload) for payload in payloads)
    assert wire.receive(stream) == [Packet(payload) for payload in payloads]


@settings(max_examples=30, deadline=None)
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_2_5_packets_survive_any_cutting_of_the_stream(data, kind):
    wire, channel = Wire(kind, Ids(7)), Channel(IDS.padding)
    frames = feed(channel, wire.hello(), data.draw(st.integers(1, 80)))
    wire.receive(channel.output())
    sizes = data.draw(st.lists(st.integers(0, 60).map(lambda n: 16 * n), min_size=1, max_size=5))
    payloads = [sealed(size) for size in sizes]
    stream = b"".join(wire.wrap(payload) for payload in payloads)
    at = 0
    while at < len(stream):
        step = data.draw(st.integers(1, 300))
        frames += channel.receive(stream[at : at + step])
        at += step
    assert [frame.payload for frame in frames] == payloads
    back = b"".join(channel.wrap(payload) for payload in payloads)
    cut = data.draw(st.integers(0, 400))
    assert wire.receive(back[:cut]) + wire.receive(back[cut:]) == [Packet(p) for p in payloads]


@settings(max_examples=100, deadline=None)
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_corruption_raises_nothing_but_protocol_errors(data, kind):
    wire, channel = Wire(kind, Ids(7)), Channel(IDS.padding)
    stream = bytearray(wire.hello())
    if kind.startswith("ws-"):
        channel.receive(bytes(stream))
        stream.clear()
    stream += wire.wrap(sealed(48)) + wire.wrap(sealed(2000))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, min(len(stream) - 1, 200)))] = data.draw(st.integers(0, 255))
    try:
        feed(channel, bytes(stream), data.draw(st.integers(1, 400)))
        channel.output()
    except ProtocolError:
        assert channel.closed
        assert channel.receive(b"more") == []


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_garbage_raises_nothing_but_protocol_errors(data):
    channel = Channel(IDS.padding)
    try:
        feed(channel, data, 50)
    except ProtocolError:
        assert channel.closed


@pytest.mark.parametrize("kind", KINDS)
def test_2_2_a_length_over_the_cap_ends_the_connection_before_it_is_buffered(kind):
    wire, channel = opened(kind)
    over = wire.wrap(bytes(FRAME_BYTES + (8 << 10)))
    try:
        assert channel.receive(over[:300]) == []  # the header is enough
    except ProtocolError as fault:
        assert fault.code is None
    assert channel.closed


@pytest.mark.parametrize("kind", KINDS)
def test_2_2_the_largest_packet_is_served(kind):
    wire, channel = opened(kind)
    payload = sealed(FRAME_BYTES - 64)
    assert feed(channel, wire.wrap(payload), 65_536) == [Frame(payload, False)]


@pytest.mark.parametrize(
    "opening",
    [
        b"\xef\x7f\xff\xff\xff",
        b"\xee\xee\xee\xee\xff\xff\xff\x7f",
        b"\xdd\xdd\xdd\xdd\xff\xff\xff\xff",
        struct.pack("<II", 1 << 30, 0),
    ],
)
def test_2_2_absurd_lengths(opening):
    with pytest.raises(ProtocolError) as caught:
        Channel(IDS.padding).receive(opening)
    assert caught.value.code is None


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("size", [0, 4])
def test_2_4_a_packet_without_room_for_a_key_id_is_told_404(kind, size):
    wire, channel = opened(kind)
    wire._inner._ids.below = lambda limit: 0  # no padding, which could make it long enough
    packet = wire.wrap(bytes(size))
    with pytest.raises(ProtocolError) as caught:
        channel.receive(packet)
    assert caught.value.code == -404
    assert wire.receive(channel.error(-404)) == [TransportError(-404)]


def test_2_3_full_checks_sequence_and_checksum():
    def packet(seq: int, payload: bytes = sealed(48), damage: int = 0) -> bytes:
        data = struct.pack("<II", len(payload) + 12, seq) + payload
        return data + struct.pack("<I", zlib.crc32(data) ^ damage)

    channel = Channel(IDS.padding)
    assert len(channel.receive(packet(0) + packet(1))) == 2
    with pytest.raises(ProtocolError, match="sequence"):
        channel.receive(packet(3))
    channel = Channel(IDS.padding)
    with pytest.raises(ProtocolError, match="checksum"):
        channel.receive(packet(0, damage=1))
    channel = Channel(IDS.padding)
    channel.receive(packet(0))
    answers = [channel.wrap(sealed(48)), channel.error(-404)]
    assert [struct.unpack_from("<II", answer) for answer in answers] == [(84, 0), (16, 1)]
    assert all(struct.unpack("<I", a[-4:])[0] == zlib.crc32(a[:-4]) for a in answers)


@pytest.mark.parametrize("code", [-404, -429, -444])
@pytest.mark.parametrize("kind", KINDS)
def test_2_6_errors_come_in_the_transports_own_framing(kind, code):
    wire, channel = opened(kind)
    channel.receive(wire.wrap(sealed(48)))
    assert wire.receive(channel.error(code)) == [TransportError(code)]


@pytest.mark.parametrize("kind", ACKING)
def test_2_7_quick_acks(kind):
    wire, channel = opened(kind)
    for size in (48, 504, 2048):
        assert channel.receive(wire.wrap(sealed(size), quick_ack=True)) == [Frame(sealed(size), True)]
    assert wire.receive(channel.quick_ack(0x81020304)) == [QuickAck(0x81020304)]


def test_2_7_quick_ack_bytes():
    """Byte-swapped on abridged; and the flag is bit 31 of the length on intermediate, not bit 7."""
    channel = Channel(IDS.padding)
    channel.receive(b"\xef" + bytes((0x80 | 18,)) + sealed(48))
    assert channel.quick_ack(0x81020304) == b"\x81\x02\x03\x04"
    channel = Channel(IDS.padding)
    payload = sealed(0xB0 - 24)
    assert channel.receive(b"\xee\xee\xee\xee\xa8\0\0\0" + payload[:0xA8]) == [Frame(payload[:0xA8], False)]
    assert channel.receive(b"\xa8\0\0\x80" + payload[:0xA8]) == [Frame(payload[:0xA8], True)]
    assert channel.quick_ack(0x81020304) == b"\x04\x03\x02\x81"
    for opening in (Wire("full", IDS), Wire("http", IDS)):
        channel = Channel(IDS.padding)
        channel.receive(opening.wrap(sealed(48)))
        assert channel.quick_ack(0x81020304) == b""


@pytest.mark.parametrize("padding", range(16))
def test_padded_takes_0_to_15_bytes_of_padding(padding):
    channel = Channel(IDS.padding)
    data = sealed(48) + b"p" * padding
    request = plain(4, b"q" * 20) + b"p" * padding
    stream = b"\xdd\xdd\xdd\xdd" + struct.pack("<I", len(data)) + data
    assert channel.receive(stream) == [Frame(sealed(48), False)]
    (frame,) = channel.receive(struct.pack("<I", len(request) | 1 << 31) + request)
    assert frame.quick_ack
    assert frame.payload[:40] == plain(4, b"q" * 20)


def test_padded_sends_what_every_decoder_cuts():
    """0..3 bytes: Telethon takes the length modulo 4 for the padding, others modulo 16."""
    channel = Channel(IDS.padding)
    channel.receive(b"\xdd\xdd\xdd\xdd")
    sizes = {len(channel.wrap(sealed(48))) - 4 - len(sealed(48)) for _ in range(100)}
    assert sizes == {0, 1, 2, 3}


class TelethonConnection:
    _obfuscation = None
    _ip, _port, _dc_id = "127.0.0.1", 4430, -3


@pytest.mark.parametrize(
    ("codec", "kind"),
    [
        (AbridgedPacketCodec, "abridged"),
        (IntermediatePacketCodec, "intermediate"),
        (FullPacketCodec, "full"),
        (RandomizedIntermediatePacketCodec, "padded"),
    ],
)
def test_telethons_codecs_are_understood(codec, kind):
    encoder = codec(TelethonConnection())
    channel = Channel(IDS.padding)
    stream = encoder.tag or (b"\xdd\xdd\xdd\xdd" if kind == "padded" else b"")
    payloads = [sealed(48), sealed(512), sealed(4096)]
    stream += b"".join(encoder.encode_packet(payload) for payload in payloads)
    assert [frame.payload for frame in channel.receive(stream)] == payloads
    assert channel.kind == kind


def test_telethons_obfuscation_is_understood():
    connection = TelethonConnection()
    connection.packet_codec = AbridgedPacketCodec
    connection._reader = connection._writer = None
    header, encryptor, decryptor = ObfuscatedIO.init_header(AbridgedPacketCodec)
    codec = AbridgedPacketCodec(connection)
    channel = Channel(IDS.padding)
    stream = bytes(header) + encryptor.encrypt(codec.encode_packet(sealed(48)))
    assert channel.receive(stream) == [Frame(sealed(48), False)]
    assert channel.kind == "obf-abridged"
    assert decryptor.encrypt(channel.wrap(sealed(64)))[1:] == sealed(64)


@pytest.mark.parametrize(
    ("number", "dc_id"), [(2, 2), (-2, 2), (10_002, 2), (-10_004, 4), (0, None), (-32_768, 2768)]
)
def test_dc_ids_of_media_and_test_servers(number, dc_id):
    assert plain_dc(number) == dc_id
    assert opened("obf-intermediate", dc_id=number)[1].dc_id == dc_id


@pytest.mark.parametrize("tag", [b"\0\0\0\0", b"\xee\xee\xee\xef", b"\xef\xef\xef\xee"])
def test_an_unknown_obfuscated_tag_ends_the_connection(tag, monkeypatch):
    monkeypatch.setitem(client._TAGS, "abridged", tag)
    channel = Channel(IDS.padding)
    with pytest.raises(ProtocolError) as caught:
        channel.receive(Wire("obf-abridged", IDS).hello())
    assert caught.value.code is None
    assert channel.error(-404) == b""


def test_tls_is_closed_at_once():
    hello = bytes.fromhex("1603010200010001fc0303")
    with pytest.raises(ProtocolError, match="TLS"):
        Channel(IDS.padding).receive(hello)


@pytest.mark.parametrize("kind", STREAMS)
def test_packets_before_a_fault_in_the_same_read_are_kept(kind):
    wire, channel = opened(kind)
    good, bad = wire.wrap(sealed(48)), bytearray(wire.wrap(bytes(4) + bytes(FRAME_BYTES + 8)))
    assert channel.receive(good + bytes(bad[:4000])) == [Frame(sealed(48), False)]
    assert channel.closed
    assert channel.output() == b""
    assert channel.receive(wire.wrap(sealed(48))) == []


def test_a_404_behind_good_packets_waits_in_output():
    wire, channel = opened("intermediate")
    assert len(channel.receive(wire.wrap(sealed(48)) + struct.pack("<I", 4) + bytes(4))) == 1
    assert channel.closed
    assert wire.receive(channel.output()) == [TransportError(-404)]


def test_a_socket_that_says_nothing_has_no_transport():
    """Web K opens probe sockets and closes them without a byte."""
    channel = Channel(IDS.padding)
    assert (channel.receive(b""), channel.output(), channel.kind, channel.error(-429)) == ([], b"", "", b"")
    assert not channel.closed


def test_a_large_packet_is_copied_a_bounded_number_of_times():
    """4000 small reads of one packet: the buffer is joined once, not once a read."""
    wire, channel = opened("intermediate")
    joined = []
    framing = channel._framing
    original = type(framing)._join

    class Counting(type(framing)):
        __slots__ = ()

        def _join(self, data):
            found = original(self, data)
            joined.append(len(found))
            return found

    channel._framing = Counting()
    assert len(feed(channel, wire.wrap(sealed(400_000)), 100)) == 1
    assert sum(1 for size in joined if size) <= 2
