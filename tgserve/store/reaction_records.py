"""What is stored of reactions and polls beside the messages: rows under the rules of records.py.

Reactors of a message live in the slot of its body, votes in the slot of their poll, each one row; what drawing needs is
a summary (records.Reactions in the body, Poll here), kept in the same transaction.
"""

from __future__ import annotations

from tgserve.store.records import Record


class Reactor(Record, frozen=True):
    """One who has reacted, keyed by (box of the body, its id there, user)."""

    kinds: tuple[str, ...]
    """An emoji, or the decimal id of a custom emoji's document, each; in the order chosen."""
    date: int
    number: int
    """Of his reaction among all the message ever got: lists run by it."""
    big: bool = False


class Tastes(Record, frozen=True):
    """What a user reacts with: the latest first, how often, and what a double tap sends."""

    recent: tuple[str, ...] = ()
    uses: tuple[tuple[str, int], ...] = ()
    favourite: str = ""


class Answer(Record, frozen=True):
    """An answer of a poll. `text` is TL TextWithEntities of the poll's layer."""

    text: bytes
    option: bytes


class Poll(Record, frozen=True):
    """A poll, wherever it was forwarded to. `question` and `solution` are TL TextWithEntities of `layer`."""

    creator: int
    date: int
    layer: int
    question: bytes
    answers: tuple[Answer, ...]
    public: bool = False
    multiple: bool = False
    quiz: bool = False
    correct: tuple[int, ...] = ()
    """Places of the right answers."""
    solution: bytes = b""
    close_period: int = 0
    close_date: int = 0
    """When it closes by itself; with a period and 0 it was not sent yet."""
    closed: bool = False
    no_revote: bool = False
    shuffle: bool = False
    hidden: bool = False
    """Results are shown when it is closed, not before."""
    counts: tuple[int, ...] = ()
    """Votes for each answer."""
    voters: int = 0
    recent: tuple[tuple[int, int], ...] = ()
    """(number, user) of the latest votes, newest first; of public polls only."""
    number: int = 0
    """Of the last vote."""
    min_layer: int = 0
    users: tuple[int, ...] = ()
    """Users named in its texts."""
    version: int = 0


class Vote(Record, frozen=True):
    """Keyed by (poll, user)."""

    places: tuple[int, ...]
    """Of the answers chosen, rising."""
    date: int
    number: int
