"""SMPP 3.4: straight to an operator's or aggregator's short message centre, bound as a transceiver.

One connection, made for the first message and made anew by the first after it was lost; enquire_link keeps it, answers
of the centre to messages that overtake each other are told apart by their number. Delivery receipts are logged.
"""

from __future__ import annotations

import asyncio
import errno
from typing import Final, cast

from tgserve import log
from tgserve.adapters.contract import AdapterError, Later, Options, Refused, Sent, Sms, SmsResult
from tgserve.adapters.http import tls, words
from tgserve.adapters.options import Option, takes
from tgserve.adapters.sms import smpp_pdu as p
from tgserve.clock import Clock

LOG = log.get("sms")
ANSWER_SECONDS: Final = 9.0
"""For one answer; one try ends a little later (limits.SMS_SECONDS)."""
SEQUENCES: Final = 0x7FFFFFFF


class Session(asyncio.Protocol):
    """One bound connection. `ask` sends a request and waits for its answer; ConnectionError when it is lost."""

    def __init__(self, enquire_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._enquire_seconds = enquire_seconds
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiting: dict[int, asyncio.Future[p.Pdu]] = {}
        self._sequence = 0
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it
        self.open = True
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(self._enquire_seconds, self._enquire)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._buffer += data
        try:
            for pdu in p.taken(self._buffer):
                self._take(pdu)
        except p.Malformed as fault:
            LOG.warning("smpp.malformed", reason=str(fault))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._timer is not None:
            self._timer.cancel()
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(ConnectionResetError(errno.ECONNRESET, "the connection was lost"))

    async def ask(self, command: int, body: bytes = b"") -> p.Pdu:
        """TimeoutError after ANSWER_SECONDS."""
        if not self.open:
            raise ConnectionResetError(errno.ECONNRESET, "the connection was lost")
        self._sequence = self._sequence % SEQUENCES + 1
        number = self._sequence
        future: asyncio.Future[p.Pdu] = self._loop.create_future()
        self._waiting[number] = future
        self._write(p.Pdu(command, p.OK, number, body))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await future
        finally:
            self._waiting.pop(number, None)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _take(self, pdu: p.Pdu) -> None:
        if pdu.command & p.RESPONSE:
            future = self._waiting.get(pdu.sequence)
            if future is not None and not future.done():
                future.set_result(pdu)
        elif pdu.command == p.DELIVER_SM:
            self._write(p.Pdu(p.DELIVER_SM | p.RESPONSE, p.OK, pdu.sequence, b"\0"))
            receipt = p.receipt_or_none(pdu.body)
            if receipt is not None:
                tell = LOG.info if receipt.state in ("DELIVRD", "ACCEPTD", "ENROUTE") else LOG.warning
                tell("sms.receipt", reference=receipt.reference, state=receipt.state, fault=receipt.fault)
        elif pdu.command == p.ENQUIRE_LINK:
            self._write(p.Pdu(p.ENQUIRE_LINK | p.RESPONSE, p.OK, pdu.sequence, b""))
        elif pdu.command == p.UNBIND:
            self._write(p.Pdu(p.UNBIND | p.RESPONSE, p.OK, pdu.sequence, b""))
            self.open = False
            if self._transport is not None:
                self._transport.close()
        else:
            self._write(p.Pdu(p.GENERIC_NACK, 0x03, pdu.sequence, b""))

    def _enquire(self) -> None:
        """Ask whether the other side lives when nothing was heard; when it stays silent, it does not."""
        quiet = self._loop.time() - self._heard
        if quiet > 2.5 * self._enquire_seconds:
            LOG.warning("smpp.silent", seconds=quiet)
            self.abort()
            return
        if quiet >= self._enquire_seconds * 0.9:
            self._sequence = self._sequence % SEQUENCES + 1
            self._write(p.Pdu(p.ENQUIRE_LINK, p.OK, self._sequence, b""))
        self._timer = self._loop.call_later(self._enquire_seconds, self._enquire)

    def _write(self, pdu: p.Pdu) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(pdu.encode())


class Unbound(Exception):
    """No session could be had; `result` says why."""

    def __init__(self, result: Later | Refused) -> None:
        super().__init__(result.reason)
        self.result = result


class SmppSender:
    def __init__(self, options: Options) -> None:
        self._host, self._port = options["host"], options["port"]
        self._bind = p.bind_body(options["system_id"], options["password"], options["system_type"])
        self._tls = tls(options["ca"]) if options["tls"] else None
        self._source = source_of(options["from"], options["ton"], options["npi"])
        self._alphabet = options["alphabet"]
        self._receipt = options["receipts"]
        self._enquire = float(options["enquire_seconds"])
        self._session: Session | None = None
        self._binding: asyncio.Lock | None = None
        self._reference = 0

    async def send(self, sms: Sms) -> SmsResult:
        try:
            coding, parts = p.coded(sms.text, self._alphabet)
            session = await self._bound()
            self._reference += 1
            to = p.Address(sms.phone)
            reference = ""
            for part in parts:
                message = p.numbered(part, self._reference) if len(parts) > 1 else part
                body = p.submit_body(
                    self._source, to, message, coding=coding, header=len(parts) > 1, receipt=self._receipt
                )
                answer = await session.ask(p.SUBMIT_SM, body)
                if answer.status != p.OK or answer.command == p.GENERIC_NACK:
                    return _result(answer.status or 0x03)
                reference = reference or answer.body.partition(b"\0")[0].decode("latin-1")
        except Unbound as fault:
            return fault.result
        except p.Malformed as fault:
            return Refused(str(fault))
        except (TimeoutError, OSError) as fault:
            return Later(f"{self._host}: {_named(fault)}")
        return Sent(reference)

    async def probe(self) -> SmsResult:
        """Bind."""
        try:
            await self._bound()
        except Unbound as fault:
            return fault.result
        return Sent()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is None or not session.open:
            return
        try:
            async with asyncio.timeout(1.0):
                await session.ask(p.UNBIND)
        except (TimeoutError, OSError):
            pass
        session.abort()

    async def _bound(self) -> Session:
        """The session, bound now if there is none. Unbound."""
        if self._binding is None:
            self._binding = asyncio.Lock()
        async with self._binding:
            if self._session is not None and self._session.open:
                return self._session
            session: Session | None = None
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    _, session = await asyncio.get_running_loop().create_connection(
                        lambda: Session(self._enquire), self._host, self._port, ssl=self._tls
                    )
                    answer = await session.ask(p.BIND_TRANSCEIVER, self._bind)
            except (TimeoutError, OSError) as fault:
                if session is not None:
                    session.abort()
                raise Unbound(Later(f"{self._host}: {_named(fault)}")) from None
            if answer.status != p.OK or answer.command == p.GENERIC_NACK:
                session.abort()
                raise Unbound(_result(answer.status or 0x03, "cannot bind: "))
            self._session = session
            return session


@takes(
    "sms.smpp",
    Option("host", "short message centre"),
    Option("port", "its port", int, default=2775, low=1, high=65535),
    Option("system_id", "name to bind with, up to 15 letters"),
    Option("password", "password to bind with, up to 8 letters", secret=True),
    Option("system_type", "when the centre wants one", default=""),
    Option("from", "sender: a number, or up to 11 letters and digits"),
    Option("ton", "type of number of the sender; -1: by its form", int, default=-1, low=-1, high=6),
    Option("npi", "numbering plan of the sender; -1: by its form", int, default=-1, low=-1, high=18),
    Option("alphabet", "the centre's default alphabet", default="gsm", choices=("gsm", "latin1", "ucs2")),
    Option("receipts", "ask for delivery receipts, which are logged", bool, default=True),
    Option("enquire_seconds", "ask so often whether the connection lives", int, default=30, low=1, high=3600),
    Option("tls", "encrypt the connection, its certificate is checked", bool, default=False),
    Option("ca", "file of certificates to trust besides", default=""),
)
def create(options: Options, clock: Clock) -> SmppSender:
    for name, most in (("system_id", 15), ("password", 8), ("system_type", 12), ("from", 20)):
        if len(options[name]) > most or not options[name].isascii():
            raise AdapterError(f"[sms.smpp] {name}: at most {most} ASCII letters")
    return SmppSender(options)


def source_of(sender: str, ton: int, npi: int) -> p.Address:
    """International numbers, short codes (TON 0) and names, as they are written."""
    digits = sender.lstrip("+")
    if not digits.isdigit():
        found = p.Address(sender, p.ALPHANUMERIC, 0)
    elif len(digits) <= 6 and not sender.startswith("+"):
        found = p.Address(digits, 0, p.ISDN)
    else:
        found = p.Address(digits)
    return p.Address(found.number, found.ton if ton < 0 else ton, found.npi if npi < 0 else npi)


def _result(status: int, what: str = "") -> Later | Refused:
    reason = f"{what}{p.described(status)}"
    if status in p.LATER:
        return Later(reason)
    return Refused(f"wrong credentials: {reason}" if status in p.CREDENTIALS else reason)


def _named(fault: TimeoutError | OSError) -> str:
    return "no answer in time" if isinstance(fault, TimeoutError) else words(fault)
