"""Connections between nodes: who may come in, frames, pings, and handing over what is queued.

On the wire: both say PREAMBLE and a version in the clear, then the handshake (peering_cipher.py), then frames: a
length, four bytes, big-endian, and so many sealed bytes, each a word (services/nodes/words.py). Who comes without a key
that is known may say one thing only, Join with the secret of a token. Anything that is not exactly so ends the
connection, without an answer. The node that joined later connects; it tries again for ever, with growing pauses.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

import msgspec

from tgserve import config as settings
from tgserve import log, metrics
from tgserve.clock import Clock
from tgserve.errors import ProtocolError
from tgserve.ids import Ids
from tgserve.server.lifecycle import Tasks
from tgserve.server.peering_cipher import ANSWER_BYTES, OPENING_BYTES, TAG_BYTES, Direction, Handshake
from tgserve.services.nodes import words as w
from tgserve.services.nodes.carrying import Carrying, Gap
from tgserve.services.nodes.homes import Homes
from tgserve.services.nodes.nodes import JoinRefused, NodeAway, Nodes
from tgserve.services.nodes.tokens import Token
from tgserve.services.nodes.visitors import Visitors
from tgserve.store.node_records import Node
from tgserve.store.records import User

PREAMBLE: Final = b"tgserve-link"
VERSION: Final = 1
_HEAD: Final = PREAMBLE + VERSION.to_bytes(2, "big")

FRAME_BYTES: Final = 16 << 20
"""The largest frame: a batch of parcels."""
FIRST_BYTES: Final = 4096
"""The largest frame of who is not known."""
STRANGERS: Final = 16
"""Connections that may be on their way to be known at once."""
GREETING_SECONDS: Final = 10.0
ASK_SECONDS: Final = 5.0
ASKED_AT_ONCE: Final = 256
PING_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 35.0
"""After so long without a word the other side is taken for gone."""
PAUSE_SECONDS: Final = (0.2, 30.0)
"""Between two tries to connect: the first, and the longest."""
UNSENT_BYTES: Final = 4 << 20
"""More of what is not queued is left out while so much waits for the socket."""

_log = log.get("peering")
_refused = metrics.counter(
    "tgserve_node_refused_total", "connections of nodes refused, by reason", ("reason",)
)


class Channel:
    """Frames over a socket, sealed."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        sending: Direction,
        receiving: Direction,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._sending = sending
        self._receiving = receiving

    def say(self, word: w.Word) -> None:
        plain = w.encode(word)
        size = len(plain) + TAG_BYTES
        if size > FRAME_BYTES:
            raise ProtocolError("a word too long for a frame")
        self._writer.write(size.to_bytes(4, "big") + self._sending.seal(plain))

    async def hear(self, most: int = FRAME_BYTES) -> w.AnyWord:
        """ProtocolError, or what a socket raises."""
        size = int.from_bytes(await self._reader.readexactly(4), "big")
        if not TAG_BYTES <= size <= most:
            raise ProtocolError("a frame of the wrong length")
        plain = self._receiving.open(await self._reader.readexactly(size))
        try:
            return w.decode(plain)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ProtocolError("no word") from None

    async def drain(self) -> None:
        await self._writer.drain()

    @property
    def crowded(self) -> bool:
        return self._writer.transport.get_write_buffer_size() > UNSENT_BYTES

    def close(self) -> None:
        self._writer.close()


async def dial(ids: Ids, secret: bytes, address: str, key: bytes) -> Channel:
    """Connect to the node with this key. JoinRefused (of another version), ProtocolError (not the one with the key),
    OSError, TimeoutError."""
    host, port = settings.split_address(address)
    async with asyncio.timeout(GREETING_SECONDS):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            handshake = Handshake(ids, secret, _HEAD, key)
            writer.write(_HEAD + handshake.opening())
            head = await reader.readexactly(len(_HEAD))
            if head != _HEAD:
                if head.startswith(PREAMBLE):
                    theirs = int.from_bytes(head[len(PREAMBLE) :], "big")
                    older = "the other node" if theirs < VERSION else "this node"
                    raise JoinRefused(
                        f"{address} speaks version {theirs} of the line, this node {VERSION}: update {older}"
                    )
                raise ProtocolError("no node")
            sending, receiving = handshake.finish(await reader.readexactly(ANSWER_BYTES))
        except BaseException:
            writer.close()
            raise
    return Channel(reader, writer, sending, receiving)


class Line:
    """A connection on which both have said Hello. `services.nodes` knows it as its Line."""

    def __init__(self, dc: int, channel: Channel, clock: Clock, applied: int) -> None:
        self.dc = dc
        self.channel = channel
        self.since = clock.now()
        self.lag = -1.0
        self.heard = clock.monotonic()
        self.sent = applied
        """The last number of its queue that was handed over."""
        self.more = asyncio.Event()
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._number = 0

    async def ask(self, what: w.Question) -> Any:
        """NodeAway."""
        if len(self._asked) >= ASKED_AT_ONCE:
            raise NodeAway(f"node {self.dc} has too much to answer")
        self._number += 1
        number = self._number
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._asked[number] = answer
        late = loop.call_later(
            ASK_SECONDS, self._late, number
        )  # calls run without a task, so no asyncio.timeout
        try:
            self.channel.say(w.Ask(number, what))
            return await answer
        finally:
            late.cancel()
            del self._asked[number]

    def _late(self, number: int) -> None:
        waiting = self._asked.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_exception(NodeAway(f"node {self.dc} does not answer"))

    def answered(self, word: w.Answer) -> None:
        waiting = self._asked.get(word.number)
        if waiting is not None and not waiting.done():
            waiting.set_result(word.value)

    def say(self, word: w.Word) -> None:
        """What may be lost."""
        if not self.channel.crowded:
            self.channel.say(word)

    def wake(self) -> None:
        self.more.set()

    def part(self) -> None:
        self.channel.close()

    def end(self) -> None:
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(NodeAway(f"node {self.dc} went away"))
        self.channel.close()


class Peering:
    """`secret`: this node's own key, 32 bytes; nothing is opened before `start`."""

    def __init__(
        self,
        nodes: Nodes,
        homes: Homes,
        visitors: Visitors,
        carrying: Carrying,
        clock: Clock,
        ids: Ids,
        tasks: Tasks,
        secret: bytes,
    ) -> None:
        self._nodes = nodes
        self._homes = homes
        self._visitors = visitors
        self._carrying = carrying
        self._clock = clock
        self._ids = ids
        self._tasks = tasks
        self._secret = secret
        self._server: asyncio.Server | None = None
        self._strangers = 0
        self._dialing: dict[int, asyncio.Task[Any]] = {}
        self._stopping = False
        nodes.known = self._known
        nodes.join = self.join

    async def start(self, address: str) -> tuple[str, int]:
        """Listen for other nodes and connect to those that were there before us. OSError."""
        host, port = settings.split_address(address)
        self._server = await asyncio.start_server(self._came, host, port, limit=1 << 20)
        for node in self._nodes.others():
            self._known(node)
        name = self._server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    def stop(self) -> None:
        self._stopping = True
        if self._server is not None:
            self._server.close()
        for task in self._dialing.values():
            task.cancel()
        for line in list(self._nodes.lines.values()):
            line.part()

    # -- out ----------------------------------------------------------------------------------------------------------

    def _known(self, node: Node) -> None:
        if node.dials and not node.own and node.dc not in self._dialing and not self._stopping:
            self._dialing[node.dc] = self._tasks.spawn(self._dial_on(node.dc), f"node {node.dc}")

    async def _dial_on(self, dc: int) -> None:
        """Be connected to a node, always."""
        pause, longest = PAUSE_SECONDS
        while not self._stopping:
            node = self._nodes.rows[dc]
            try:
                channel = await dial(self._ids, self._secret, node.link, node.key)
            except (OSError, TimeoutError, ProtocolError, JoinRefused, EOFError) as fault:
                self._nodes.faults[dc] = reason_of(fault, node.link)
            else:
                if await self._greet(channel, dc):
                    pause = PAUSE_SECONDS[0]
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    async def join(self, token: Token) -> Node:
        """Become a node of the server that made the token; the keeper's row. JoinRefused, in a sentence."""
        join = self._nodes.check_new(token)
        try:
            channel = await dial(self._ids, self._secret, token.link, token.key)
        except (OSError, TimeoutError, ProtocolError, EOFError) as fault:
            raise JoinRefused(reason_of(fault, token.link)) from None
        try:
            channel.say(join)
            async with asyncio.timeout(GREETING_SECONDS):
                word = await channel.hear()
        except (OSError, TimeoutError, ProtocolError, EOFError):
            raise JoinRefused(f"{token.link} broke off: its log says why") from None
        finally:
            channel.close()
        if isinstance(word, w.Welcome):
            return await self._nodes.enter(token, word)
        raise JoinRefused(word.text if isinstance(word, w.Refused) else f"{token.link} makes no sense")

    # -- in -----------------------------------------------------------------------------------------------------------

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody connects. Whoever does not prove to be a node, or to hold a token, hears nothing but our version."""
        if self._strangers >= STRANGERS:
            _refused.of("crowd").inc()
            writer.close()
            return
        self._strangers += 1
        known = None
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                known = await self._opened(reader, writer)
        except ProtocolError as fault:
            _refused.of("protocol").inc()
            _log.warning("peering.refused", why=str(fault), address=_address(writer))
        except (OSError, TimeoutError, EOFError):
            _refused.of("broke_off").inc()
        finally:
            self._strangers -= 1
            if known is None:
                writer.close()
        if known is not None:
            await self._greet(*known)

    async def _opened(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Channel, int, w.Hello] | None:
        """Channel, DC and first word of a node that is known; None when it was a Join, which has been answered."""
        head = await reader.readexactly(len(_HEAD))
        if not head.startswith(PREAMBLE):
            raise ProtocolError("no node")
        if head != _HEAD:
            writer.write(_HEAD)
            raise ProtocolError("another version")
        handshake = Handshake(self._ids, self._secret, _HEAD)
        answer, sending, receiving = handshake.accept(await reader.readexactly(OPENING_BYTES))
        writer.write(_HEAD + answer)
        channel = Channel(reader, writer, sending, receiving)
        known = self._nodes.node_of_key(handshake.remote)
        # An opening may be an old one repeated: only what comes sealed behind it shows who is there.
        word = await channel.hear(FIRST_BYTES)
        if isinstance(word, w.Hello) and known is not None and not known.dials:
            return channel, known.dc, word
        if not isinstance(word, w.Join):
            raise ProtocolError("a stranger without a token")
        channel.say(await self._nodes.admit(word, handshake.remote))
        await channel.drain()
        return None

    # -- a line -------------------------------------------------------------------------------------------------------

    async def _greet(self, channel: Channel, dc: int, heard: w.Hello | None = None) -> bool:
        """Exchange Hellos and serve the line until it ends. False: it never began. `heard`: who has connected says it
        first."""
        nodes = self._nodes
        try:
            channel.say(nodes.hello(dc))
            async with asyncio.timeout(GREETING_SECONDS):
                word = heard or await channel.hear()
            if not isinstance(word, w.Hello):
                raise ProtocolError("no Hello")
            await nodes.greeted(dc, word.node)
        except (OSError, TimeoutError, ProtocolError, EOFError) as fault:
            nodes.faults[dc] = reason_of(fault, nodes.rows[dc].link)
            channel.close()
            return False
        line = Line(dc, channel, self._clock, word.applied)
        old = nodes.lines.get(dc)
        if old is not None:
            old.part()
        nodes.lines[dc] = line
        nodes.faults.pop(dc, None)
        _log.info("node.connected", dc=dc)
        work = [
            self._tasks.spawn(self._hand_over(line, word.applied), f"queue of node {dc}"),
            self._tasks.spawn(self._ping(line), f"ping of node {dc}"),
            self._tasks.spawn(self._visitors.compare(dc), f"visitors of node {dc}"),
        ]
        parcels: asyncio.Queue[w.Parcels] = asyncio.Queue(4)
        work.append(self._tasks.spawn(self._receive(line, parcels), f"parcels of node {dc}"))
        try:
            await self._serve(line, parcels)
        except ProtocolError as fault:
            nodes.faults[dc] = reason_of(fault, nodes.rows[dc].link)
        except (OSError, EOFError):
            nodes.faults[dc] = "the connection was lost"
        finally:
            for task in work:
                task.cancel()
            line.end()
            if nodes.lines.get(dc) is line:
                del nodes.lines[dc]
                self._visitors.parted(dc)
            _log.info("node.parted", dc=dc, why=nodes.faults.get(dc, ""))
        return True

    async def _serve(self, line: Line, parcels: asyncio.Queue[w.Parcels]) -> None:
        while True:
            word = await line.channel.hear()
            line.heard = self._clock.monotonic()
            match word:
                case w.Parcels():
                    await parcels.put(word)
                case w.Applied():
                    await self._carrying.acked(line.dc, word.number)
                case w.Ask():
                    self._tasks.spawn(self._answer(line, word), "node question")
                case w.Answer():
                    line.answered(word)
                case w.Fresh():
                    self._tasks.spawn(self._visitors.keep(line.dc, word.card), "node card")
                case w.Busy():
                    self._carrying.busy(line.dc, word)
                case w.Hello():
                    await self._nodes.greeted(line.dc, word.node)
                case w.Ping():
                    line.channel.say(w.Pong(word.sent))
                case w.Pong():
                    line.lag = max(0.0, self._clock.monotonic() - word.sent)
                case _:
                    raise ProtocolError("a word out of place")

    async def _answer(self, line: Line, ask: w.Ask) -> None:
        homes, what = self._homes, ask.what
        value: int | str | tuple[User, ...]
        match what:
            case w.Whose():
                value = homes.home_of_phone(what.phone) if self._nodes.keeps else 0
            case w.Take():
                value = await homes.give(line.dc, what)
            case w.Named():
                value = homes.named(what.name)
            case w.Called():
                value = homes.called(what.phone)
            case w.Cards():
                value = self._visitors.cards_for(line.dc, what.people)
        line.channel.say(w.Answer(ask.number, value))

    async def _receive(self, line: Line, parcels: asyncio.Queue[w.Parcels]) -> None:
        """One batch after the other, apart from the questions that may be asked meanwhile."""
        while True:
            word = await parcels.get()
            try:
                applied = await self._carrying.receive(line.dc, word.first, word.items)
            except Gap:
                line.channel.close()
                return
            line.channel.say(w.Applied(applied))

    async def _hand_over(self, line: Line, applied: int) -> None:
        """Everything that is queued, and what comes."""
        await self._carrying.resume(line.dc, applied)
        with suppress(OSError):
            while True:
                line.more.clear()
                first, items = self._carrying.pending(line.dc, line.sent)
                if items:
                    line.channel.say(w.Parcels(first, tuple(items)))
                    line.sent = first + len(items) - 1
                    await line.channel.drain()
                else:
                    await line.more.wait()

    async def _ping(self, line: Line) -> None:
        while True:
            now = self._clock.monotonic()
            if now - line.heard > SILENT_SECONDS:
                line.channel.close()
                return
            line.channel.say(w.Ping(now))
            await asyncio.sleep(PING_SECONDS)


def reason_of(fault: BaseException, address: str) -> str:
    """Why a node cannot be talked to, for its operator."""
    if isinstance(fault, ProtocolError):
        return f"{address} is not the node it should be ({fault})"
    if isinstance(fault, JoinRefused):
        return str(fault)
    if isinstance(fault, TimeoutError):
        return f"{address} does not answer"
    if isinstance(fault, EOFError):
        return f"{address} closed the connection: it does not know this node, or the token is another node's"
    return f"{address} cannot be reached: {fault.strerror if isinstance(fault, OSError) and fault.strerror else fault}"


def _address(writer: asyncio.StreamWriter) -> str:
    name = writer.get_extra_info("peername")
    return str(name[0]) if name else ""
