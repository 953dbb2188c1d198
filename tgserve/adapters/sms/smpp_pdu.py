"""SMPP 3.4 on the wire, as much of it as an ESME that sends needs (Short Message Peer to Peer Protocol Specification
v3.4, sections 4 and 5), and texts as short messages: the GSM alphabet (3GPP TS 23.038), UCS-2, parts with user data
headers (TS 23.040).

Own code, since statuses and optional parameters of a vendor's own must not end a session, and no text may be logged.
Receipts are read leniently: they are for the log.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

BIND_TRANSCEIVER: Final = 0x09
SUBMIT_SM: Final = 0x04
DELIVER_SM: Final = 0x05
UNBIND: Final = 0x06
ENQUIRE_LINK: Final = 0x15
GENERIC_NACK: Final = 0x80000000
RESPONSE: Final = 0x80000000
"""Set in the command of an answer."""

OK: Final = 0x00
STATUS: Final = {
    0x01: "message length",
    0x02: "command length",
    0x03: "command",
    0x04: "bind status",
    0x05: "already bound",
    0x08: "system error",
    0x0A: "source address",
    0x0B: "destination address",
    0x0D: "bind failed",
    0x0E: "password",
    0x0F: "system id",
    0x14: "message queue full",
    0x15: "service type",
    0x43: "esm class",
    0x45: "submit failed",
    0x48: "source TON",
    0x49: "source NPI",
    0x50: "destination TON",
    0x51: "destination NPI",
    0x53: "system type",
    0x58: "throttled",
    0x61: "delivery time",
    0x62: "validity period",
    0x64: "temporary application error",
    0x65: "permanent application error",
    0x66: "application error: message refused",
    0xC2: "parameter length",
    0xC4: "parameter value",
    0xFE: "delivery failure",
    0xFF: "unknown error",
}
LATER: Final = frozenset({0x05, 0x08, 0x14, 0x58, 0x64})
CREDENTIALS: Final = frozenset({0x0D, 0x0E, 0x0F, 0x53})

INTERNATIONAL: Final = 1
ALPHANUMERIC: Final = 5
ISDN: Final = 1
UDH: Final = 0x40
"""In esm_class: the text begins with a user data header."""
RECEIPT: Final = 0x04
TLV_PAYLOAD: Final = 0x0424
TLV_RECEIPTED: Final = 0x001E
TLV_STATE: Final = 0x0427
STATES: Final = {
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
}

HEAD: Final = struct.Struct(">IIII")
"""Length, command, status, sequence number."""
MOST_BYTES: Final = 1 << 17
GSM: Final = 0
LATIN1: Final = 3
UCS2: Final = 8

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED: Final = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
_GSM: Final = {char: bytes([code]) for code, char in enumerate(_BASIC) if char != "\x1b"} | {
    char: bytes([0x1B, code]) for char, code in _ESCAPED.items()
}


class Malformed(ValueError):
    """Not what the specification says; the session cannot go on."""


@dataclass(frozen=True, slots=True)
class Pdu:
    command: int
    status: int
    sequence: int
    body: bytes

    def encode(self) -> bytes:
        return HEAD.pack(HEAD.size + len(self.body), self.command, self.status, self.sequence) + self.body


def taken(buffer: bytearray) -> Iterator[Pdu]:
    """The whole PDUs at the beginning of the buffer, which are taken out of it. Malformed."""
    while len(buffer) >= HEAD.size:
        length, command, status, sequence = HEAD.unpack_from(buffer)
        if not HEAD.size <= length <= MOST_BYTES:
            raise Malformed(f"a PDU of {length} bytes")
        if len(buffer) < length:
            return
        body = bytes(buffer[HEAD.size : length])
        del buffer[:length]
        yield Pdu(command, status, sequence, body)


@dataclass(frozen=True, slots=True)
class Address:
    """A number with its kind: `ton` type of number, `npi` numbering plan."""

    number: str
    ton: int = INTERNATIONAL
    npi: int = ISDN

    def encode(self) -> bytes:
        return bytes((self.ton, self.npi)) + _c(self.number)


def bind_body(system_id: str, password: str, system_type: str) -> bytes:
    """Of bind_transceiver: version 3.4, no address range."""
    return _c(system_id) + _c(password) + _c(system_type) + bytes((0x34, 0, 0)) + _c("")


def submit_body(
    source: Address, destination: Address, message: bytes, *, coding: int, header: bool, receipt: bool
) -> bytes:
    """Of submit_sm; `message` at most 254 bytes, `header`: it begins with a user data header."""
    return (
        _c("")
        + source.encode()
        + destination.encode()
        + bytes((UDH if header else 0, 0, 0))
        + _c("")
        + _c("")
        + bytes((1 if receipt else 0, 0, coding, 0, len(message)))
        + message
    )


@dataclass(frozen=True, slots=True)
class Receipt:
    reference: str
    state: str
    """DELIVRD, UNDELIV, EXPIRED, REJECTD and so on."""
    fault: str = ""


def receipt_or_none(body: bytes) -> Receipt | None:
    """What a deliver_sm tells of a message; None: it is none, or not to be read."""
    try:
        at = body.index(0) + 1
        at = body.index(0, at + 2) + 1
        at = body.index(0, at + 2) + 1
        esm_class = body[at]
        at = body.index(0, at + 3) + 1
        at = body.index(0, at) + 1
        length = body[at + 4]
        text = body[at + 5 : at + 5 + length]
        fields = _fields(body[at + 5 + length :])
    except (ValueError, IndexError):
        return None
    if not esm_class & RECEIPT:
        return None
    said = _words((text or fields.get(TLV_PAYLOAD, b"")).decode("latin-1"))
    reference = fields.get(TLV_RECEIPTED, b"").rstrip(b"\0").decode("latin-1") or said.get("id", "")
    state = said.get("stat") or STATES.get(int.from_bytes(fields.get(TLV_STATE, b"\x07")), "UNKNOWN")
    return Receipt(reference, state, said.get("err", ""))


def coded(text: str, alphabet: str) -> tuple[int, list[bytes]]:
    """The data coding and the short messages of a text, each with its header when there are several.

    `alphabet`: "gsm" (an octet a character), "latin1" or "ucs2"; what it has no letters for goes as UCS-2. The header's
    reference is left 0: `numbered` sets it."""
    if alphabet == "gsm" and all(char in _GSM for char in text):
        return GSM, _parted([_GSM[char] for char in text], 160, 153)
    if alphabet == "latin1" and all(ord(char) < 256 for char in text):
        return LATIN1, _parted([char.encode("latin-1") for char in text], 140, 134)
    return UCS2, _parted([char.encode("utf-16-be", "replace") for char in text], 140, 134)


def numbered(part: bytes, reference: int) -> bytes:
    """A part of several with the number all of them share."""
    return part[:3] + bytes((reference & 0xFF,)) + part[4:]


def _parted(chars: list[bytes], alone: int, each: int) -> list[bytes]:
    """Whole characters, never half of an escaped one or of a surrogate pair."""
    whole = b"".join(chars)
    if len(whole) <= alone:
        return [whole]
    parts = [b""]
    for char in chars:
        if len(parts[-1]) + len(char) > each:
            parts.append(b"")
        parts[-1] += char
    if len(parts) > 255:
        raise Malformed("a text of more than 255 messages")
    return [bytes((5, 0, 3, 0, len(parts), number)) + part for number, part in enumerate(parts, 1)]


def described(status: int) -> str:
    return f"{STATUS.get(status, 'status of its own')} (0x{status:02X})"


def _c(text: str) -> bytes:
    """A text with its end."""
    return text.encode("ascii") + b"\0"


def _fields(data: bytes) -> dict[int, bytes]:
    """Optional parameters by tag."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        tag, length = struct.unpack_from(">HH", data, at)
        found[tag] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def _words(text: str) -> dict[str, str]:
    """`id:17 sub:001 ... stat:DELIVRD err:000 text:...`, the usual form of a receipt (appendix B)."""
    pairs = (word.partition(":") for word in text.partition(" text:")[0].partition(" Text:")[0].split())
    return {name.lower(): value for name, colon, value in pairs if colon}
