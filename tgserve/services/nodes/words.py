"""What two nodes say to each other: one msgpack struct a frame, tagged by its name.

The first word of who connects is Join (with a token) or Hello; of who is connected to, Welcome or Refused, or Hello.
After both Hellos either side asks, answers, hands over and acknowledges as it likes.
"""

from __future__ import annotations

import msgspec

from tgserve.store.node_records import Node
from tgserve.store.records import User


class Word(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """One frame."""


class Join(Word, frozen=True):
    """A new node comes with the secret of a token, and says who it is."""

    secret: bytes
    node: Node


class Welcome(Word, frozen=True):
    """All nodes, the charter (charter.py), and the server's RSA key in PEM: clients know its public half."""

    nodes: tuple[Node, ...]
    charter: bytes
    rsa: str


class Refused(Word, frozen=True):
    """A sentence for the operator; the line is closed behind it."""

    text: str


class Hello(Word, frozen=True):
    """`node`: the sender's row as it is now; `applied`: the last number of the receiver's queue that is durable
    here."""

    node: Node
    applied: int


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """`data`: an outbox payload; `body`: the message it is about, as BODIES has it; `cards`: people it names."""

    data: bytes
    body: bytes = b""
    cards: tuple[User, ...] = ()


class Parcels(Word, frozen=True):
    """The sender's queue from number `first` on."""

    first: int
    items: tuple[Parcel, ...]


class Applied(Word, frozen=True):
    """Everything up to this number is durable: it may be forgotten."""

    number: int


class Whose(Word, frozen=True):
    """To the keeper: the DC of a phone number's account; 0 = nobody's."""

    phone: str


class Take(Word, frozen=True):
    """To the keeper: a phone number or username for an account (or channel) of the asking node. "" or OCCUPIED."""

    kind: str
    """phone or name."""
    text: str
    peer: int


class Named(Word, frozen=True):
    """To the keeper: the peer with a username, a channel too; 0 = nobody."""

    name: str


class Called(Word, frozen=True):
    """To the home of an account: its id by its phone number, for a stranger who may find it so; 0 = nobody."""

    phone: str


class Cards(Word, frozen=True):
    """To the home of people: what everybody may know of them; the asker is told of changes as long as the line is
    there. (user, version already known) each."""

    people: tuple[tuple[int, int], ...]


Question = Whose | Take | Named | Called | Cards


class Ask(Word, frozen=True):
    number: int
    what: Question


class Answer(Word, frozen=True):
    number: int
    value: int | str | tuple[User, ...]


class Fresh(Word, frozen=True):
    """Somebody whose card the receiver has asked for has changed."""

    card: User


class Busy(Word, frozen=True):
    """`user` is typing to `to`: bus.Typing."""

    to: int
    user: int
    action: bytes
    min_layer: int


class Ping(Word, frozen=True):
    """`sent`: the sender's own clock, sent back as it is."""

    sent: float


class Pong(Word, frozen=True):
    sent: float


AnyWord = Join | Welcome | Refused | Hello | Parcels | Applied | Ask | Answer | Fresh | Busy | Ping | Pong

encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[AnyWord] = msgspec.msgpack.Decoder(AnyWord)


def decode(data: bytes) -> AnyWord:
    """msgspec.MsgspecError (a ValueError) for what is no word."""
    return _decoder.decode(data)
