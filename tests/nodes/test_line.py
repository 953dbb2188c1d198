"""Who may come in by the port for nodes, and what becomes of everybody else (SECURITY 8.1-8.4)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from tests.nodes.conftest import MakeNode, join, lined, token_of
from tests.waiting import until
from tgserve.errors import ProtocolError
from tgserve.ids import Ids
from tgserve.server import peering
from tgserve.server.peering import PREAMBLE, VERSION, dial
from tgserve.server.peering_cipher import Handshake, public_key
from tgserve.services.nodes import words as w
from tgserve.services.nodes.carrying import Gap
from tgserve.services.nodes.nodes import JoinRefused, NodeAway
from tgserve.store import payloads as pl
from tgserve.store.node_records import Node
from tgserve.testing.server import TestServer

pytestmark = pytest.mark.asyncio
STRANGER = bytes(range(32))
HEAD = PREAMBLE + VERSION.to_bytes(2, "big")


def place(server: TestServer) -> tuple[str, int]:
    host, _, port = server.app.services.nodes.link.rpartition(":")
    return host, int(port)


async def answer_to(server: TestServer, data: bytes, *, end: bool = True) -> bytes:
    """All that comes back on a connection that says just this."""
    reader, writer = await asyncio.open_connection(*place(server))
    writer.write(data)
    if end:
        with suppress(OSError):
            writer.write_eof()
    with suppress(ConnectionError):
        found = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return found


async def stranger(server: TestServer, secret: bytes = STRANGER) -> peering.Channel:
    nodes = server.app.services.nodes
    return await dial(Ids(), secret, nodes.link, nodes.key)


def node(dc: int = 4) -> Node:
    return Node(dc, b"", "127.0.0.1:1", "127.0.0.1", 1)


async def test_who_speaks_something_else_hears_nothing(make_node: MakeNode):
    """SECURITY 8.3."""
    async with make_node() as server:
        for said in (b"GET / HTTP/1.1\r\n\r\n" + bytes(40), b"\xef" * 64, b"", HEAD, HEAD + bytes(95)):
            assert await answer_to(server, said) == b""
        # An opening that was not meant for this node: nothing but the end.
        other = Handshake(Ids(), STRANGER, HEAD, public_key(b"x" * 32))
        assert await answer_to(server, HEAD + other.opening()) == b""


async def test_another_version_is_told_ours_and_no_more(make_node: MakeNode):
    async with make_node() as server:
        theirs = PREAMBLE + (VERSION + 1).to_bytes(2, "big")
        assert await answer_to(server, theirs + bytes(96)) == HEAD


async def test_who_connects_names_the_version_at_fault(monkeypatch: pytest.MonkeyPatch, make_node: MakeNode):
    async with make_node() as server:
        monkeypatch.setattr(peering, "VERSION", VERSION + 1)
        monkeypatch.setattr(peering, "_HEAD", PREAMBLE + (VERSION + 1).to_bytes(2, "big"))
        token = await token_of(server)

        async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(HEAD)
            writer.close()

        listener = await asyncio.start_server(old, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(
            JoinRefused, match="speaks version 1 of the line, this node 2: update the other node"
        ):
            await dial(Ids(), STRANGER, f"127.0.0.1:{port}", token.key)
        listener.close()


async def test_a_stranger_without_a_token_is_cut_off_whatever_he_says(make_node: MakeNode):
    """SECURITY 8.3."""
    async with make_node() as server:
        await token_of(server)
        hello = w.Hello(node(), 0)
        for word in (hello, w.Ask(1, w.Whose("999661234")), w.Parcels(1, ()), w.Ping(1.0)):
            channel = await stranger(server)
            channel.say(word)
            with pytest.raises((EOFError, ConnectionError)):
                await asyncio.wait_for(channel.hear(), 60)
        assert server.app.services.nodes.lines == {}


async def test_a_wrong_secret_is_told_so_and_nothing_else(make_node: MakeNode):
    """SECURITY 8.2."""
    async with make_node() as server:
        await token_of(server)
        channel = await stranger(server)
        channel.say(w.Join(bytes(16), node()))
        word = await channel.hear()
        assert isinstance(word, w.Refused) and "not known" in word.text
        with pytest.raises((EOFError, ConnectionError)):
            await channel.hear()


async def test_a_recorded_connection_repeated_leads_nowhere(make_node: MakeNode):
    """SECURITY 8.1: The bytes of a join that was let in are sent once more."""
    async with make_node() as server:
        token = await token_of(server)
        said: list[bytes] = []
        reader, writer = await asyncio.open_connection(*place(server))
        handshake = Handshake(Ids(), STRANGER, HEAD, server.app.services.nodes.key)
        said.append(HEAD + handshake.opening())
        writer.write(said[0])
        await reader.readexactly(len(HEAD))
        sending, _ = handshake.finish(await reader.readexactly(48))
        sealed = sending.seal(w.encode(w.Join(token.secret, node())))
        said.append(len(sealed).to_bytes(4, "big") + sealed)
        writer.write(said[1])
        await until(lambda: 4 in server.app.services.nodes.rows)
        writer.close()
        answer = await answer_to(server, b"".join(said))
        assert len(answer) == len(HEAD) + 48  # the answer to the opening, under fresh keys, and then the end


async def test_a_frame_too_long_or_changed_ends_the_line(make_node: MakeNode):
    """SECURITY 8.3."""
    async with make_node() as server:
        await token_of(server)
        for spoil in (b"\x7f\xff\xff\xff" + bytes(64), (17).to_bytes(4, "big") + bytes(17), bytes(8)):
            channel = await stranger(server)
            channel._writer.write(spoil)
            with pytest.raises((EOFError, ConnectionError)):
                await asyncio.wait_for(channel.hear(), 60)


async def test_a_crowd_of_strangers_keeps_no_node_out(make_node: MakeNode, monkeypatch: pytest.MonkeyPatch):
    """SECURITY 8.3."""
    monkeypatch.setattr(peering, "GREETING_SECONDS", 0.5)
    async with make_node(2) as two, make_node(4) as four:
        idle = [await asyncio.open_connection(*place(two)) for _ in range(peering.STRANGERS + 4)]
        assert await asyncio.wait_for(idle[-1][0].read(), 60) == b""  # more than so many are closed at once
        assert await asyncio.wait_for(idle[0][0].read(), 60) == b""  # and those who say nothing soon are too
        monkeypatch.undo()  # on a slow machine a node's own greeting takes longer than that
        await join(two, four)
        for _, writer in idle:
            writer.close()


async def test_dialing_somebody_without_the_key_fails(make_node: MakeNode):
    async with make_node() as server:
        with pytest.raises((ProtocolError, EOFError)):
            await dial(Ids(), STRANGER, server.app.services.nodes.link, public_key(b"z" * 32))


async def test_a_node_may_send_only_what_is_its_own_to_send(make_node: MakeNode):
    """SECURITY 8.4: A message of somebody homed elsewhere, or for somebody who is not here, is left out; what comes twice is applied
    once, and a gap ends the line."""
    async with make_node(2) as two, make_node(4) as four:
        await join(two, four)
        carrying = two.app.services.carrying
        theirs, ours = (4 << 35) + 5_000_000, 5_000_000
        bad = [
            pl.Deliver(ours, ours, ours + 1, 1, 1),
            pl.Deliver(theirs, theirs, theirs, 1, 1),
            pl.Deliver(ours, ours + 1, theirs, 1, 1),
            pl.DeliverRead(ours, ours + 1, 5),
            pl.DeliverDelete(ours, ours + 1, (1,)),
            pl.ContactAdded(ours, ours + 1, True),
            pl.ConfirmPhone("999661234", ours),
            pl.ConfirmName("anybody", ours),
            pl.EndJoined(ours, 1),
            pl.NodeKnown(node(3)),
            pl.SignedOut(ours, 1),
            pl.ReleaseBodies(theirs, (1,)),
            pl.MediaHeld(1 << 62 | 4 << 59, 1),
        ]
        for payload in bad:
            assert not carrying._allowed(4, payload), payload
        parcels = [w.Parcel(b"\x00nonsense"), *(w.Parcel(_encode(one)) for one in bad)]
        assert await carrying.receive(4, 1, parcels) == len(parcels)
        assert await carrying.receive(4, 1, parcels) == len(parcels)
        with pytest.raises(Gap):
            await carrying.receive(4, len(parcels) + 2, parcels)
        assert two.app.services.users.get_or_none(theirs) is None


def _encode(payload: object) -> bytes:
    import msgspec

    return msgspec.msgpack.encode(payload)


async def test_a_question_without_an_answer_ends(make_node: MakeNode, monkeypatch: pytest.MonkeyPatch):
    async with make_node(2) as two, make_node(4) as four:
        await join(two, four)
        monkeypatch.setattr(peering, "ASK_SECONDS", 0.2)

        async def silent(line: object, ask: object) -> None: ...

        assert two.app.peering is not None
        monkeypatch.setattr(two.app.peering, "_answer", silent)
        with pytest.raises(NodeAway, match="does not answer"):
            await four.app.services.nodes.ask(2, w.Whose("999661234"))
        two.app.services.nodes.lines[4].part()
        await until(lambda: 2 not in four.app.services.nodes.lines)
        with pytest.raises(NodeAway, match="not connected"):
            await four.app.services.nodes.ask(2, w.Whose("999661234"))
        await lined(two, four)  # and it comes back by itself
