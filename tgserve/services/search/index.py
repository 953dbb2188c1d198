"""The index file: SQLite with FTS5, one document for each message body (docs/decisions/0004).

A document is named by its body (author box, author_msg_id), not by the boxes that show it: a message of a group is
indexed once, however many members have it. Its tags say in whose scope it lies and what it carries; who asks is held
to his own box by finding.py, row by row. Rowids are date << 20 | number, so FTS5 walks messages newest first, stops
when it has enough, and takes dates as a range of rowids.

`text` holds folded words, each once, in order of their first use. Tags stand in a column of their own and begin with
words.OWN, which no word does. The file can be thrown away at any time: it is built anew from the store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import msgspec

from tgserve.errors import StoreError
from tgserve.services.search.words import ANYTHING, OWN, Wanted

VERSION = 2
"""Of the tables and of words.py: a file of another version is thrown away."""
NUMBER_BITS = 20
"""Messages of one second that can be told apart in order."""
SHORT_TEXTS = 2_000
"""Texts that a query whose last word is one or two letters looks into."""
NUMBERS_KEPT = 10_000
"""Seconds whose next free number is remembered."""
AUTHORS_KEPT = 100_000
"""Authors whose newest message in the index is remembered."""
CACHE_KIB = 8_000
WAL_PAGES = 2_000
"""8 MiB of log before it is taken into the file."""

MERGE_SEGMENTS = 8
"""FTS5 merges segments of a level when there are so many. Its own choice, 4, costs a busy server a tenth more;
a question looks into a few more segments."""

_TOP = (1 << NUMBER_BITS) - 1
NEWEST = (1 << 62) - 1

_SCHEMA = """
CREATE VIRTUAL TABLE doc USING fts5(text, tags, author UNINDEXED, msg UNINDEXED,
    tokenize='ascii', detail=none, columnsize=0);
CREATE TABLE body(author INTEGER, msg INTEGER, id INTEGER NOT NULL, PRIMARY KEY(author, msg)) WITHOUT ROWID;
CREATE TABLE mark(owner INTEGER PRIMARY KEY, pts INTEGER NOT NULL);
CREATE TABLE fact(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


# Rows go into SQLite many at a time: executemany would take the interpreter from the loop for every row.
_HELD = """SELECT author, msg, body.id FROM json_each(?) JOIN body
    ON author = json_extract(value, '$[0]') AND msg = json_extract(value, '$[1]')"""
_HIGHEST = """SELECT value, coalesce((SELECT max(msg) FROM body WHERE author = value), 0) FROM json_each(?)"""
_STEPS = (128, 16, 1)
"""Rows in one statement: each of these texts is compiled once. 128 rows of 5 values are what any SQLite takes."""


def _insertions(into: str, values: int) -> dict[int, str]:
    row = "(" + ",".join("?" * values) + ")"
    return {step: f"INSERT INTO {into} VALUES " + ",".join([row] * step) for step in _STEPS}


_ADD_DOCS = _insertions("doc(rowid, text, tags, author, msg)", 5)
_ADD_BODIES = _insertions("body(author, msg, id)", 3)
_ADD_MARKS = """INSERT INTO mark SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)
    WHERE true ON CONFLICT(owner) DO UPDATE SET pts = max(pts, excluded.pts)"""


def _json(rows: object) -> str:
    return msgspec.json.encode(rows).decode()


class IndexFault(StoreError):
    """The index file cannot be read or written. Messages are safe; searching falls back or pauses. `damaged`: what
    stands in the file is wrong, it must be made anew."""

    def __init__(self, path: Path, fault: Exception | str) -> None:
        super().__init__(f"{path}: {fault}")
        self.damaged = isinstance(fault, sqlite3.DatabaseError) and not isinstance(
            fault, sqlite3.OperationalError
        )


class Doc(NamedTuple):
    """A body as it is indexed; `words` and `tags` separated by spaces."""

    author: int
    msg_id: int
    date: int
    words: str
    tags: str


class Hit(NamedTuple):
    """A body that fits, newest first among hits; `date` is the message's."""

    author: int
    msg_id: int
    rowid: int

    @property
    def date(self) -> int:
        return self.rowid >> NUMBER_BITS


@dataclass(slots=True, frozen=True)
class Matching:
    """What to look for: every one of `all_of`, of each of `any_of` at least one (tags), and the words. `author`: box
    the body must lie in, 0 = any. Dates since <= date < until; rowids below `before`."""

    all_of: tuple[str, ...]
    words: Wanted = ANYTHING
    any_of: tuple[tuple[str, ...], ...] = ()
    author: int = 0
    since: int = 0
    until: int = 0
    before: int = NEWEST

    def expression(self, last: str) -> str:
        """FTS5's, ending with `last`. Words and tags hold no quotes, so that nothing a user types is syntax."""
        parts = [f'"{tag}"' for tag in self.all_of]
        parts += ["(" + " OR ".join(f'"{tag}"' for tag in group) + ")" for group in self.any_of]
        parts += [f'"{word}"' for word in self.words.whole]
        if last:
            parts.append(last)
        return " AND ".join(parts)

    def query(self, limit: int, order: str = "DESC") -> tuple[str, list[int | str]]:
        """SQL for (author, msg, rowid) of the newest that fit (`order` ASC: the oldest), and its arguments."""
        start = self.words.start
        if not self.words.short:
            sql, given = self._select("author, msg, rowid", f'"{start}" *' if start else "", order, limit)
            return sql, given
        # FTS5 collects everything that begins with so little before it looks at the rest. The word itself is looked up
        # in all texts, its being a beginning in the newest ones only.
        same, given = self._select("author, msg, rowid", f'"{start}"', order, limit)
        newest, more = self._select("author, msg, rowid, text", "", order, SHORT_TEXTS)
        begins = f"SELECT author, msg, rowid FROM ({newest}) WHERE instr(' ' || text, ?)"
        sql = f"SELECT * FROM ({same}) UNION SELECT * FROM ({begins}) ORDER BY rowid {order} LIMIT ?"
        return sql, [*given, *more, " " + start, limit]

    def _select(self, what: str, last: str, order: str, limit: int) -> tuple[str, list[int | str]]:
        high = min(self.before, first_of(self.until) if self.until > 0 else NEWEST)
        clause = "doc MATCH ? AND rowid >= ? AND rowid < ?"
        given: list[int | str] = [self.expression(last), first_of(max(self.since, 0)), high]
        if self.author:
            clause += " AND author = ?"
            given.append(self.author)
        return f"SELECT {what} FROM doc WHERE {clause} ORDER BY rowid {order} LIMIT ?", [*given, limit]


def first_of(date: int) -> int:
    """The lowest rowid of a second."""
    return min(date, NEWEST >> NUMBER_BITS) << NUMBER_BITS


def owner_tag(user: int) -> str:
    """Of messages between this user and somebody."""
    return f"{OWN}u{user:x}"


def chat_tag(peer: int) -> str:
    """Of messages in a group, and of one's Saved Messages."""
    return f"{OWN}c{peer:x}" if peer > 0 else f"{OWN}g{-peer:x}"


def author_tag(author: int) -> str:
    """Of an author in a group; in a chat of two there is no need for it."""
    return f"{OWN}a{author:x}"


POST_TAG = f"{OWN}p"
"""Of posts: what stands in the name of a channel itself, or is signed there."""


def kind_tag(kind: str) -> str:
    return f"{OWN}k{kind}"


def open_file(path: Path, *, write: bool) -> sqlite3.Connection:
    """A connection for one thread at a time."""
    base = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    base.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    if write:
        base.execute("PRAGMA journal_mode=WAL")
        # What a power cut takes is the newest, marks and documents together: the next start catches up.
        base.execute("PRAGMA synchronous=NORMAL")
        base.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
        base.execute(f"PRAGMA journal_size_limit={WAL_PAGES * 4096}")
    else:
        base.execute("PRAGMA query_only=ON")
    return base


class Index:
    """The writing side; every method in the one thread that feeds. Raises IndexFault."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / "index.sqlite"
        self.generation = 0
        """Grows when the file is another one: readers open it again."""
        self._base: sqlite3.Connection | None = None
        self._numbers: dict[int, int] = {}
        """Seconds of late -> the next free number in them."""
        self._highest: dict[int, int] = {}
        """Author -> highest message of his that is in the index: what comes behind it is new."""

    def open(self) -> None:
        """Open, or make anew when it is of another version or damaged."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            if not self._fits():
                self.wipe()
        except (sqlite3.Error, OSError) as fault:
            raise IndexFault(self.path, fault) from fault

    def _fits(self) -> bool:
        try:
            self._base = base = open_file(self.path, write=True)
            return bool(base.execute("PRAGMA user_version").fetchone()[0] == VERSION)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            return False

    def wipe(self) -> None:
        """Begin with an empty file. Readers must have closed theirs."""
        try:
            self.close()
            for end in ("", "-wal", "-shm"):
                with suppress(FileNotFoundError):
                    self.path.with_name(self.path.name + end).unlink()
            self.path.touch(mode=0o600)
            self.generation += 1
            self._base = base = open_file(self.path, write=True)
            merging = f"INSERT INTO doc(doc, rank) VALUES('automerge', {MERGE_SEGMENTS});"
            base.executescript(f"BEGIN;{_SCHEMA}{merging}PRAGMA user_version={VERSION};COMMIT;")
        except (sqlite3.Error, OSError) as fault:
            raise IndexFault(self.path, fault) from fault

    def close(self) -> None:
        base, self._base = self._base, None
        self._forget()
        if base is not None:
            with suppress(sqlite3.Error):
                base.close()

    def _forget(self) -> None:
        self._numbers.clear()
        self._highest.clear()

    @property
    def _open(self) -> sqlite3.Connection:
        if self._base is None:
            raise IndexFault(self.path, "not open")
        return self._base

    def write(
        self,
        docs: Iterable[Doc] = (),
        gone: Iterable[tuple[int, int]] = (),
        marks: Iterable[tuple[int, int]] = (),
        boxes_gone: Iterable[int] = (),
    ) -> None:
        """One transaction: documents in (or anew), bodies out (all those of whole boxes too), marks up."""
        base = self._open
        if len(self._numbers) > NUMBERS_KEPT:
            self._numbers.clear()  # between transactions: documents still to be written are known to it alone
        try:
            base.execute("BEGIN IMMEDIATE")
            try:
                for author in boxes_gone:
                    base.execute(
                        "DELETE FROM doc WHERE rowid IN (SELECT id FROM body WHERE author = ?)", (author,)
                    )
                    base.execute("DELETE FROM body WHERE author = ?", (author,))
                for author, msg_id in gone:
                    self._remove(base, author, msg_id)
                self._insert(base, docs)
                base.execute(_ADD_MARKS, (_json([*marks]),))
                base.execute("COMMIT")
            except BaseException:
                self._forget()
                with suppress(sqlite3.Error):
                    base.execute("ROLLBACK")
                raise
        except sqlite3.Error as fault:
            raise IndexFault(self.path, fault) from fault

    def _insert(self, base: sqlite3.Connection, docs: Iterable[Doc]) -> None:
        wanted = {doc[:2]: doc for doc in docs}
        highest = self._highest_of(base, wanted)
        known = [key for key in wanted if key[1] <= highest[key[0]]]
        held: dict[tuple[int, int], int] = {}
        if known:
            held = {(author, msg): rowid for author, msg, rowid in base.execute(_HELD, (_json(known),))}
        rows: list[tuple[int, str, str, int, int]] = []
        fresh: list[tuple[int, int, int]] = []
        # What is new takes its number before anything is deleted to be written again: such numbers are not free.
        number = self._number
        for author, msg_id, date, text, tags in wanted.values():
            if not held or (author, msg_id) not in held:
                rowid = number(base, date)
                fresh.append((author, msg_id, rowid))
                rows.append((rowid, text, tags, author, msg_id))
        for key, rowid in held.items():
            doc = wanted[key]
            before = base.execute("SELECT text, tags FROM doc WHERE rowid = ?", (rowid,)).fetchone()
            if before != (doc.words, doc.tags):
                base.execute("DELETE FROM doc WHERE rowid = ?", (rowid,))
                rows.append((rowid, doc.words, doc.tags, *key))
        # FTS5 writes a segment whenever rowids go back: in order, a batch is one segment.
        rows.sort()
        _add(base, _ADD_DOCS, rows)
        fresh.sort()
        for author, msg_id, _ in fresh:
            if msg_id > highest[author]:
                highest[author] = msg_id
        _add(base, _ADD_BODIES, fresh)

    def _highest_of(self, base: sqlite3.Connection, keys: Iterable[tuple[int, int]]) -> dict[int, int]:
        """Of every author among the keys: no message of his above that is in the index."""
        highest = self._highest
        unknown = {author for author, _ in keys if author not in highest}
        if len(highest) + len(unknown) > AUTHORS_KEPT:
            highest.clear()
            unknown = {author for author, _ in keys}
        if unknown:
            highest.update(base.execute(_HIGHEST, (_json([*unknown]),)))
        return highest

    def _number(self, base: sqlite3.Connection, date: int) -> int:
        """A rowid of that second that was not used."""
        number = self._numbers.get(date)
        low = min(date, NEWEST >> NUMBER_BITS) << NUMBER_BITS if date > 0 else 0
        if number is None:
            last = base.execute(
                "SELECT max(id) FROM doc_content WHERE id BETWEEN ? AND ?", (low, low + _TOP)
            ).fetchone()[0]
            number = 0 if last is None else last - low + 1
        if number > _TOP:
            raise IndexFault(self.path, f"more than {_TOP} messages in one second")
        self._numbers[date] = number + 1
        return low + number

    def _remove(self, base: sqlite3.Connection, author: int, msg_id: int) -> None:
        found = base.execute("SELECT id FROM body WHERE author = ? AND msg = ?", (author, msg_id)).fetchone()
        if found is not None:
            base.execute("DELETE FROM doc WHERE rowid = ?", found)
            base.execute("DELETE FROM body WHERE author = ? AND msg = ?", (author, msg_id))

    def marks(self) -> dict[int, int]:
        """Owner -> the pts of his box up to which everything is in the index."""
        return dict(self._all("SELECT owner, pts FROM mark"))

    def bodies_after(self, author: int, msg_id: int, limit: int) -> list[tuple[int, int]]:
        """Bodies that are indexed, in order behind the given one."""
        return self._all(
            "SELECT author, msg FROM body WHERE (author, msg) > (?, ?) ORDER BY author, msg LIMIT ?",
            author,
            msg_id,
            limit,
        )

    def count(self) -> int:
        """Documents."""
        return int(self._all("SELECT count(*) FROM body")[0][0])

    def fact(self, name: str) -> int:
        found = self._all("SELECT value FROM fact WHERE name = ?", name)
        return int(found[0][0]) if found else 0

    def set_fact(self, name: str, value: int) -> None:
        self._all(
            "INSERT INTO fact VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
            name,
            value,
        )

    def optimize(self) -> None:
        """Merge all segments into one: after a rebuild, when nothing else is to be done."""
        self._all("INSERT INTO doc(doc) VALUES('optimize')")

    def _all(self, sql: str, *given: int | str) -> list[tuple[int, int]]:
        try:
            return self._open.execute(sql, given).fetchall()
        except sqlite3.Error as fault:
            raise IndexFault(self.path, fault) from fault


def _add(base: sqlite3.Connection, insertions: dict[int, str], rows: Sequence[tuple[int | str, ...]]) -> None:
    at, left = 0, len(rows)
    for step, sql in insertions.items():
        while left >= step:
            base.execute(sql, [*chain.from_iterable(rows[at : at + step])])
            at += step
            left -= step


class IndexReader:
    """The asking side: one connection, for one thread at a time. Raises IndexFault."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._base = open_file(path, write=False)
        except sqlite3.Error as fault:
            raise IndexFault(path, fault) from fault

    def hits(self, what: Matching, limit: int, *, oldest: bool = False) -> list[Hit]:
        """The newest bodies that fit, or the oldest first."""
        return [Hit(*row) for row in self._rows(*what.query(limit, "ASC" if oldest else "DESC"))]

    def count(self, what: Matching, limit: int) -> int:
        """How many fit, at most `limit`."""
        sql, given = what.query(limit)
        return int(self._rows(f"SELECT count(*) FROM ({sql})", given)[0][0])

    def documents(self) -> int:
        return int(self._rows("SELECT count(*) FROM body", ())[0][0])

    def _rows(self, sql: str, given: Sequence[int | str]) -> list[tuple[int, int, int]]:
        try:
            return self._base.execute(sql, given).fetchall()
        except sqlite3.Error as fault:
            raise IndexFault(self.path, fault) from fault

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._base.close()
