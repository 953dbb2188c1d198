"""Virtual time and an in-memory network: hours of a server and its clients in a second, the same every time.

    clock = FakeClock()
    loop = VirtualLoop(clock)
    network = Network(loop, delay=lambda: 0.02)
    network.listen(server_protocol_factory)
    line = network.connect(client_protocol)      # line.cut(), line.mute(), line.client.tap = ...
    loop.run_until_complete(story())

Whenever nothing is ready the clock jumps to the next timer. Work in threads does not fit in here: `Inline` is an
executor that does it at once.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tgserve.testing.clock import FakeClock

TURN_SECONDS = 20e-6
"""What one turn of the loop takes: time passes even when something is always ready."""


class Stalled(Exception):
    """Everybody waits and no timer is set, or the loop has turned too often: this would go on for ever."""


class _Jumps(selectors.SelectSelector):
    """Waits by moving the clock. File descriptors are accepted and never looked at."""

    def __init__(self, clock: FakeClock, turns: int) -> None:
        super().__init__()
        self._clock = clock
        self._left = turns

    def select(self, timeout: float | None = None) -> list[Any]:
        self._left -= 1
        if not self._left:
            raise Stalled("the loop has turned too often")
        if timeout is None:
            raise Stalled("nothing is ready and no timer is set")
        self._clock.advance(max(timeout, TURN_SECONDS))
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is `clock`'s monotonic time. It ends with Stalled after `turns` turns."""

    def __init__(self, clock: FakeClock, turns: int = 1_000_000) -> None:
        self.clock = clock
        super().__init__(_Jumps(clock, turns))
        self._clock_resolution = 1e-6
        self.set_default_executor(Inline())

    def time(self) -> float:
        return self.clock.monotonic()


class Inline(ThreadPoolExecutor):
    """An executor without threads: `submit` has done the work when it returns."""

    def __init__(self) -> None:
        super().__init__(1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as fault:  # as an executor does: whoever waits gets it
            done.set_exception(fault)
        return done


Tap = Callable[[bytes], Iterable[bytes]]
"""What is written -> what goes onto the line: nothing, the same, or more."""


class End(asyncio.Transport):
    """One end of a line, as its protocol sees it."""

    def __init__(self, line: Line, protocol: asyncio.Protocol, address: tuple[str, int]) -> None:
        super().__init__()
        self.protocol = protocol
        self.tap: Tap | None = None
        self.open = True
        self._line = line
        self._address = address
        self._arrival = 0.0
        """When the last bytes sent from here come to the other end: a stream keeps its order."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        there = self._line.server if self is self._line.client else self._line.client
        return {"peername": there._address, "sockname": self._address}.get(name, default)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return None

    def is_closing(self) -> bool:
        return not self.open

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self.open and data:
            for piece in (bytes(data),) if self.tap is None else self.tap(bytes(data)):
                self._line.carry(self, piece)

    def close(self) -> None:
        """What was written still arrives, then the other end is told."""
        if self.open:
            self._line.carry(self, None)
            self.drop(None)

    def abort(self) -> None:
        self._line.cut()

    def drop(self, fault: Exception | None) -> None:
        """This end is closed; its protocol hears of it soon."""
        if self.open:
            self.open = False
            self._line.loop.call_soon(self.protocol.connection_lost, fault)


class Line:
    """A connection: bytes arrive in order, each piece after the network's delay, until somebody cuts it."""

    def __init__(
        self, network: Network, client: asyncio.Protocol, server: asyncio.Protocol, host: str
    ) -> None:
        self.loop = network.loop
        self.network = network
        self.number = network.made = network.made + 1
        self.client = End(self, client, (host, 40000))
        self.server = End(self, server, ("198.51.100.1", 443))
        self._muted = False

    def carry(self, sender: End, data: bytes | None) -> None:
        """Bytes, or None for the end of them, to the other end."""
        if self._muted:
            return
        now = self.loop.time()
        # Never the same moment twice: timers of one moment run in any order.
        sender._arrival = max(sender._arrival + TURN_SECONDS, now + self.network.delay())
        self.loop.call_at(sender._arrival, self._arrive, sender, data)

    def _arrive(self, sender: End, data: bytes | None) -> None:
        end = self.server if sender is self.client else self.client
        if not end.open or self._muted:
            return
        if data is None:
            end.drop(None)
        else:
            end.protocol.data_received(data)

    def mute(self) -> None:
        """A dead peer or a lost route: nothing arrives any more and nobody is told."""
        self._muted = True

    def cut(self, deliver: bool = False) -> None:
        """Both ends are closed; what is on its way is lost, or with `deliver` still reaches the client."""
        if deliver and not self._muted:
            self.server.close()
            return
        self._muted = True
        self.client.drop(ConnectionResetError("the line was cut"))
        self.server.drop(ConnectionResetError("the line was cut"))
        self.network.lines.discard(self)

    def orphan(self, deliver: bool) -> None:
        """The server's process has died: it hears nothing any more. What it had sent is lost, or with `deliver` still
        arrives, as the kernel of a living machine sees to it."""
        self.server.open = False
        if deliver and not self._muted:
            self.carry(self.server, None)
        else:
            self._muted = True
            self.client.drop(ConnectionResetError("the server died"))

    @property
    def open(self) -> bool:
        return self.client.open and self.server.open and not self._muted


class Network:
    """One server and whoever connects to it. `delay()`: seconds the next piece of bytes takes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, delay: Callable[[], float]) -> None:
        self.loop = loop
        self.delay = delay
        self.lines: set[Line] = set()
        self.made = 0
        self._factory: Callable[[], asyncio.Protocol] | None = None

    def listen(self, factory: Callable[[], asyncio.Protocol] | None) -> None:
        """Accept with `factory` from now on; None: refuse."""
        self._factory = factory

    def server_died(self, deliver: bool) -> None:
        """Every line loses its server end, and nobody listens."""
        self._factory = None
        for line in sorted(self.lines, key=lambda line: line.number):
            line.orphan(deliver)
        self.lines.clear()

    def connect(self, protocol: asyncio.Protocol, host: str = "192.0.2.1") -> Line:
        """Raises ConnectionRefusedError when nobody listens. Both protocols are told before this returns."""
        if self._factory is None:
            raise ConnectionRefusedError("nobody listens")
        self.lines = {line for line in self.lines if line.open}
        line = Line(self, protocol, self._factory(), host)
        self.lines.add(line)
        line.server.protocol.connection_made(line.server)
        protocol.connection_made(line.client)
        return line
