"""HTTP and WebSocket by the bytes that clients and strangers send; SECURITY 2.1, 2.2, 2.6."""

import struct

import pytest

from tgserve.errors import ProtocolError
from tgserve.ids import Ids
from tgserve.limits import FRAME_BYTES, HTTP_HEADER_BYTES
from tgserve.mtproto.transport import http
from tgserve.mtproto.transport.detect import Channel, Frame
from tgserve.mtproto.transport.websocket import accept_token, frame, unmask
from tgserve.testing.miniclient.wire import Control, Packet, TransportError, Wire

IDS = Ids(5)
PAYLOAD = b"key id!!" + b"m" * 16 + bytes(48)


def post(path="/api", body=PAYLOAD, version="1.1", **headers):
    lines = [f"POST {path} HTTP/{version}", "Host: here"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n").encode() + body


def channel_for(data):
    channel = Channel(IDS.padding)
    return channel, channel.receive(data)


def status_of(channel):
    said = channel.output()
    assert channel.closed
    assert b"\r\nContent-Length: 0\r\n\r\n" in said
    return int(said.split(b" ")[1])


@pytest.mark.parametrize(
    "path",
    ["/api", "/apiw", "/apiw1", "/apiw1_test", "/apiw_test1", "/apiw1_premium", "/api?x=1", "/api_test"],
)
def test_posts_to_every_api_path_are_packets(path):
    channel, frames = channel_for(post(path))
    assert frames == [Frame(PAYLOAD)]
    assert (channel.kind, channel.duplex, channel.waiting, channel.dc_id) == ("http", False, 1, None)


def test_content_length_is_the_last_header_of_an_answer():
    """Telethon takes what follows that line and the empty one for the body."""
    channel, _ = channel_for(post())
    head, _, body = channel.wrap(PAYLOAD).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head.rpartition(b"\r\n")[2] == f"Content-Length: {len(PAYLOAD)}".encode()
    assert body == PAYLOAD
    assert channel.waiting == 0
    assert not channel.closed


def test_keep_alive_and_pipelining_are_counted():
    channel, frames = channel_for(post() + post(body=PAYLOAD * 2))
    assert frames == [Frame(PAYLOAD), Frame(PAYLOAD * 2)]
    assert channel.waiting == 2
    channel.wrap(PAYLOAD)
    assert channel.receive(post()) == [Frame(PAYLOAD)]
    assert channel.waiting == 2


def test_more_pipelined_requests_than_allowed_are_refused():
    channel, frames = channel_for(post() * (http.PIPELINED + 1))
    assert len(frames) == http.PIPELINED
    assert status_of(channel) == 429


def test_an_answer_without_a_request_is_our_own_fault():
    channel, _ = channel_for(post())
    channel.wrap(PAYLOAD)
    with pytest.raises(RuntimeError):
        channel.wrap(PAYLOAD)


@pytest.mark.parametrize(
    ("request_bytes", "closes"),
    [
        (post(Connection="close"), True),
        (post(version="1.0"), True),
        (post(version="1.0", Connection="keep-alive"), False),
        (post(Connection="Keep-Alive, TE"), False),
    ],
)
def test_the_connection_ends_after_the_last_answer(request_bytes, closes):
    channel, frames = channel_for(request_bytes)
    assert len(frames) == 1
    assert not channel.closed
    channel.wrap(PAYLOAD)
    assert channel.closed is closes


def test_the_connection_outlives_the_answers_before_the_last():
    channel, frames = channel_for(post() + post(Connection="close") + post())
    assert len(frames) == 2  # nothing is taken behind the last
    channel.wrap(PAYLOAD)
    assert not channel.closed
    channel.wrap(PAYLOAD)
    assert channel.closed


@pytest.mark.parametrize("path", ["/api", "/apiw1"])
def test_options_is_answered_for_browsers(path):
    ask = (
        f"OPTIONS {path} HTTP/1.1\r\nOrigin: https://elsewhere\r\nAccess-Control-Request-Method: POST\r\n\r\n"
    )
    channel, frames = channel_for(ask.encode())
    said = channel.output()
    assert frames == []
    assert said.startswith(b"HTTP/1.1 204 ")
    assert b"Access-Control-Allow-Origin: *\r\n" in said
    assert b"Access-Control-Allow-Methods: POST, OPTIONS\r\n" in said
    assert not channel.closed
    assert channel.receive(post(path)) == [Frame(PAYLOAD)]
    assert b"Access-Control-Allow-Origin: *\r\n" in channel.wrap(PAYLOAD)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", 404),
        (b"HEAD /api HTTP/1.1\r\n\r\n", 404),
        (b"GET /api HTTP/1.1\r\n\r\n", 404),
        (b"OPTIONS /other HTTP/1.1\r\n\r\n", 404),
        (post("/login"), 404),
        (post("/apix"), 404),
        (post(body=b"1234"), 404),
        (b"POST /api HTTP/1.1\r\n\r\n", 411),
        (b"POST /api HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST /api HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 72\r\n\r\n", 411),
        (b"POST /api HTTP/1.1\r\nContent-Length: 72\r\nContent-Length: 73\r\n\r\n", 400),
        (b"POST /api HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /api HTTP/1.1\r\nContent-Length: 0x48\r\n\r\n", 400),
        (f"POST /api HTTP/1.1\r\nContent-Length: {FRAME_BYTES + 1}\r\n\r\n".encode(), 413),
        (b"POST /api HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
        (b"POST /api HTTP/2\r\n\r\n", 400),
        (b"POST  /api HTTP/1.1\r\n\r\n", 400),
        (b"POST /api HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST /api HTTP/1.1\r\nBad Name: 1\r\n\r\n", 400),
        (b"POST /api HTTP/1.1\r\nContent-Length : 72\r\n\r\n", 400),
        (b"POST /api HTTP/1.1\r\n" + b"x" * HTTP_HEADER_BYTES, 431),
        (b"GET /apiws HTTP/1.1\r\n\r\n", 400),
    ],
)
def test_everything_else_gets_its_status_and_the_end(request_bytes, status):
    channel, frames = channel_for(request_bytes)
    assert frames == []
    assert status_of(channel) == status
    assert channel.error(-404) == b""


@pytest.mark.parametrize(("code", "status"), [(-404, 404), (-429, 429), (-444, 444)])
def test_2_6_a_transport_error_is_the_status(code, status):
    channel, _ = channel_for(post())
    said = channel.error(code)
    assert said.startswith(f"HTTP/1.1 {status} ".encode())
    assert said.endswith(b"\r\nContent-Length: 4\r\n\r\n" + struct.pack("<i", code))
    assert channel.closed
    assert Wire("http", IDS).receive(said) == [TransportError(code)]


def test_the_forwarding_proxys_header_is_shown():
    channel, _ = channel_for(post(X_Forwarded_For="192.0.2.1, 10.0.0.1"))
    assert channel.forwarded_for == "192.0.2.1, 10.0.0.1"
    assert channel_for(post())[0].forwarded_for == ""
    upgrade = UPGRADE.replace("Host: here", "Host: here\r\nX-Forwarded-For: 192.0.2.7").encode()
    assert channel_for(upgrade)[0].forwarded_for == "192.0.2.7"


UPGRADE = (
    "GET /apiws HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: chat, binary\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


@pytest.mark.parametrize("path", ["/apiws", "/apiws_test", "/apiws_premium", "/apiws_test_premium"])
def test_the_upgrade(path):
    """Key and answer are RFC 6455's own example."""
    channel, frames = channel_for(UPGRADE.replace("/apiws", path).encode())
    said = channel.output().decode()
    assert frames == []
    assert said.startswith("HTTP/1.1 101 ")
    assert "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in said
    assert "\r\nSec-WebSocket-Protocol: binary\r\n" in said
    assert "xtensions" not in said
    assert channel.duplex
    assert not channel.closed


def test_the_upgrade_without_a_subprotocol_names_none():
    channel, _ = channel_for(UPGRADE.replace("Sec-WebSocket-Protocol: chat, binary\r\n", "").encode())
    assert b"Protocol" not in channel.output().replace(b"Switching Protocols", b"")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Version: 13", "Version: 8"),
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("keep-alive, Upgrade", "keep-alive"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short"),
    ],
)
def test_a_broken_upgrade_is_refused(old, new):
    channel, _ = channel_for(UPGRADE.replace(old, new).encode())
    assert status_of(channel) == 400


def websocket(kind="ws-intermediate"):
    wire, channel = Wire(kind, IDS), Channel(IDS.padding)
    channel.receive(wire.hello())
    assert wire.receive(channel.output()) == []
    return wire, channel


def test_frames_are_a_byte_stream():
    """One packet over many frames, some fragmented, one empty, and a ping between the fragments."""
    wire, channel = websocket()
    packet = wire.wrap(PAYLOAD)
    inner = unmask(packet[8:], packet[4:8])
    assert packet[1] & 0x7F == 126
    pieces = [
        wire.websocket_frame(2, inner[:10], final=False),
        wire.websocket_frame(9, b"between"),
        wire.websocket_frame(0, inner[10:64], final=False),
        wire.websocket_frame(0, b"", final=False),
        wire.websocket_frame(0, inner[64:70]),
        wire.websocket_frame(2, inner[70:]),
    ]
    frames = [f for piece in pieces for f in channel.receive(piece)]
    assert frames == [Frame(PAYLOAD)]
    assert channel.kind == "ws-intermediate"
    assert wire.receive(channel.output()) == [Control("pong", b"between")]


def test_several_packets_in_one_frame():
    wire, channel = websocket()
    first = wire.wrap(PAYLOAD)
    rest = b"".join(wire._encrypt(struct.pack("<I", 72) + PAYLOAD) for _ in range(3))
    assert channel.receive(first + wire.websocket_frame(2, rest)) == [Frame(PAYLOAD)] * 4


def test_the_upgrade_may_be_followed_at_once():
    """And its answer goes out before anything else."""
    wire, channel = Wire("ws-abridged", IDS), Channel(IDS.padding)
    assert channel.receive(wire.hello() + wire.wrap(PAYLOAD)) == [Frame(PAYLOAD)]
    assert wire.receive(channel.wrap(PAYLOAD)) == [Packet(PAYLOAD)]
    assert channel.output() == b""


def test_a_ping_is_answered_with_its_data_and_before_the_next_packet():
    wire, channel = websocket()
    channel.receive(wire.wrap(PAYLOAD) + wire.websocket_frame(9, b"data"))
    assert wire.receive(channel.wrap(PAYLOAD)) == [Control("pong", b"data"), Packet(PAYLOAD)]


@pytest.mark.parametrize(("sent", "echoed"), [(b"\x03\xe8bye", b"\x03\xe8"), (b"", b"\x03\xe8")])
def test_a_close_is_echoed(sent, echoed):
    wire, channel = websocket()
    assert channel.receive(wire.wrap(PAYLOAD) + wire.websocket_frame(8, sent)) == [Frame(PAYLOAD)]
    assert wire.receive(channel.output()) == [Control("close", echoed)]
    assert channel.closed
    assert channel.receive(wire.wrap(PAYLOAD)) == []


def close_status(channel, wire, data):
    assert channel.receive(data) == []
    assert channel.closed
    (control,) = wire.receive(channel.output())
    assert control.name == "close"
    return int.from_bytes(control.data, "big")


@pytest.mark.parametrize(
    ("opcode", "options", "status"),
    [
        (2, {"masked": False}, 1002),
        (1, {}, 1003),
        (3, {}, 1003),
        (0, {}, 1002),
        (11, {}, 1002),
        (9, {"final": False}, 1002),
        (0x42, {}, 1002),
    ],
)
def test_frames_the_rfc_forbids_are_refused(opcode, options, status):
    wire, channel = websocket()
    assert close_status(channel, wire, wire.websocket_frame(opcode, b"data", **options)) == status


def test_a_new_message_inside_a_fragmented_one_is_refused():
    wire, channel = websocket()
    channel.receive(wire.websocket_frame(2, b"data", final=False))
    assert close_status(channel, wire, wire.websocket_frame(2, b"data")) == 1002


def test_a_long_control_frame_is_refused():
    wire, channel = websocket()
    assert close_status(channel, wire, wire.websocket_frame(9, bytes(126))) == 1002


def test_2_2_frame_lengths_are_capped_before_they_are_buffered():
    for length in (FRAME_BYTES + 65_536, 1 << 40, (1 << 64) - 1):
        wire, channel = websocket()
        head = b"\x82\xff" + length.to_bytes(8, "big") + b"mask"
        assert close_status(channel, wire, head) == 1009


def test_a_stream_that_is_not_obfuscated_is_closed():
    wire, channel = websocket()
    with pytest.raises(ProtocolError):
        channel.receive(wire.websocket_frame(2, b"\xee" * 4 + bytes(72)))
    assert channel.closed


def test_2_6_errors_over_websocket():
    wire, channel = websocket()
    channel.receive(wire.wrap(PAYLOAD))
    assert wire.receive(channel.error(-404)) == [TransportError(-404)]


@pytest.mark.parametrize("size", [0, 1, 3, 125, 126, 65_535, 65_536])
def test_our_frames_by_size(size):
    wire, _ = websocket()
    data = bytes(size)
    assert wire.receive(frame(10, data)) == [Control("pong", data)]


def test_unmask_is_xor():
    data, mask = IDS.random_bytes(1001), b"\x01\x80\xff\x00"
    assert unmask(data, mask) == bytes(b ^ mask[i % 4] for i, b in enumerate(data))
    assert unmask(b"", mask) == b""


def test_accept_token():
    assert accept_token(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
