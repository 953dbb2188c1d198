"""Keeps the index current: a thread of its own takes what was committed from the bus, in batches, and writes it.

Rules: the loop only queues (after the commit, one append); everything else happens in the thread. For each box the
index holds a mark: the pts up to which its events are in. Marks never run ahead of documents (one transaction, or
later), so after a crash the events above a mark are done again from the store's event log; doing them twice changes
nothing. A box whose log no longer reaches back to its mark is indexed anew from its bodies. When the queue grows too
long (a rebuild is running, the disk is full) it is dropped and the marks tell what was missed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from tgserve import log, metrics
from tgserve.clock import Clock
from tgserve.errors import RpcError, StoreError
from tgserve.services.boxes import SERVICE_USER, BodyGone, View
from tgserve.services.channels.register import is_channel
from tgserve.services.search.index import (
    POST_TAG,
    Doc,
    Index,
    IndexFault,
    author_tag,
    chat_tag,
    kind_tag,
    owner_tag,
)
from tgserve.services.search.words import ascii_words, words
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import BODIES, BOXES, EVENTS
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS, slot_of
from tgserve.store.transaction import Reader

GATHER_SECONDS = 0.5
"""Between two batches: the larger they are, the fewer segments FTS5 has to merge. Most of the index lag."""
MARK_SECONDS = 5.0
"""Between two writings of marks that no document goes with. What a crash makes us read again."""
RETRY_SECONDS = 10.0
"""After a fault of the index file."""
BATCH_DOCS = 5_000
"""Documents in one transaction."""
QUEUE_ITEMS = 200_000
"""Committed things waiting; each keeps its message in memory."""
YIELD_DOCS = 16
"""Documents of a rebuild that are prepared before the loop may have the interpreter: about 0.2 ms. What is new makes no
such pauses: batches of a quiet server are short, and for a busy one the changes of threads cost more than they give."""
READ_BODIES = 256
"""Bodies read in one snapshot: a snapshot that is kept holds the store's pages back."""
SCRUB_SECONDS = 60.0
SCRUB_BODIES = 1_000
"""When nothing is to be done, so many documents are held against the store: a body whose end was not heard of (its last
holder let it go just before a crash) leaves the index."""

_log = log.get("search")
_indexed = metrics.counter("tgserve_search_indexed_total", "messages written into the search index")
_faults = metrics.counter("tgserve_search_faults_total", "times the search index could not be written")
_undescribed = metrics.counter(
    "tgserve_search_undescribed_total",
    "times what is in a message could not be read: its text alone is found",
)


class Described(NamedTuple):
    """What of a body can be found beside its text: kinds (`photo`, `url` ...), and words such as a file's name."""

    kinds: tuple[str, ...] = ()
    more: str = ""


Describe = Callable[[r.Body], Described]


_Heard = tuple[float, int, dict[int, int], list[tuple[int, int, r.Body | bool]]]
"""When it was committed, how many things, the pts of the boxes, and of messages box, number and body; True: the thread
has to look it up, False: it is gone."""


class State(Enum):
    OFF = "off"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"


@dataclass(slots=True)
class Progress:
    """`done` of `total` boxes of the current building or catching up."""

    done: int = 0
    total: int = 0


def nothing_more(body: r.Body) -> Described:
    """Describe for those who know no media."""
    return Described()


class Feed:
    """The thread, and what it does; `step` does the same without one."""

    def __init__(self, store: Store, clock: Clock, folder: Path) -> None:
        self.describe: Describe = nothing_more
        self.index = Index(folder)
        self.state = State.OFF
        self.progress = Progress()
        self.fault = ""
        self._store = store
        self._clock = clock
        self._queue: deque[_Heard] = deque()
        self._put = 0
        """Things queued, counted by the loop alone."""
        self._taken = 0
        """Things taken, counted by the thread alone."""
        self._working = 0.0
        """When the oldest thing was queued that is being written."""
        self._damaged = False
        self._overflowed = False
        self._rebuild = False
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._marks: dict[int, int] = {}
        self._marked = 0.0
        self._behind = True
        self._scrubbed = (0, 0)

    # On the loop.

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber: of a batch the thread is given what it needs, the bodies. The rest, some twenty objects for
        each message, would otherwise live until the thread comes to it, and is in no processor's cache by then."""
        if self._overflowed:
            return
        marks: dict[int, int] = {}
        bodies: list[tuple[int, int, r.Body | bool]] = []
        for item in batch:
            kind = type(item)
            if kind is Published:
                box = item.user_id
                marks[box] = item.pts
                event = item.event
                if type(event) is ev.NewMessage or type(event) is ev.EditMessage:
                    view = item.memo
                    if type(view) is not View:
                        bodies.append((box, event.msg_id, True))
                    elif view.row.author == box:
                        bodies.append((box, event.msg_id, view.body))
            elif kind is BodyGone:
                bodies.append((item.author, item.msg_id, False))
        self._queue.append((self._clock.monotonic(), len(batch), marks, bodies))
        self._put += len(batch)
        if self._put - self._taken > QUEUE_ITEMS:
            self._overflowed = True
        if not self._wake.is_set():
            self._wake.set()

    def start(self) -> None:
        """Begin; the store must be open."""
        self._thread = threading.Thread(target=self._run, name="search", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued and end. Blocks; call it outside the loop's thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(30)
            self._thread = None

    def rebuild(self) -> None:
        """Throw the index away and build it anew; goes on in the thread."""
        self._rebuild = True
        if self.state is State.READY or (self.state is State.OFF and self._thread is not None):
            # At once, also while the thread still opens the file: who asked waits for it.
            self.state = State.BUILDING
        self._wake.set()

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest committed thing that is not in the index."""
        oldest = self._working
        if not oldest:
            try:
                oldest = self._queue[0][0]
            except IndexError:
                return 0.0
        return self._clock.monotonic() - oldest

    @property
    def waiting(self) -> int:
        return self._put - self._taken

    # In the thread.

    def _run(self) -> None:
        ended = State.FAILED
        try:
            self._serve()
            ended = State.OFF
        finally:
            self.index.close()
            self.state = ended
            if ended is State.FAILED:
                self.fault = "a fault of the server ended the thread: its log says which"

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                self.open()
                while not self._stopping.is_set():
                    if not self._wake.wait(SCRUB_SECONDS):
                        self.scrub()
                        continue
                    self._stopping.wait(GATHER_SECONDS)
                    self.step()
                self.step()
                self.flush_marks()
                return
            except StoreError as fault:
                self.failed(fault)
                self._stopping.wait(RETRY_SECONDS)

    def failed(self, fault: StoreError) -> None:
        """Take no more until `open` is called again; what is missed meanwhile it finds by the marks."""
        _faults.inc()
        _log.error("search.fault", exc=fault)
        self._damaged = isinstance(fault, IndexFault) and fault.damaged
        self.fault = str(fault)
        self.state = State.FAILED
        self._behind = True
        self._overflowed = True  # queue nothing until the marks are read again
        self.index.close()

    def open(self) -> None:
        """Open the file and catch up."""
        self.index.open()
        if self._damaged:
            self.index.wipe()
        self._damaged = False
        self.fault = ""
        self.state = State.READY if self.index.fact("built") and not self._rebuild else State.BUILDING
        self._behind = True
        self._marked = self._clock.monotonic()
        self.step()

    def step(self) -> None:
        """Do everything that is to be done now."""
        self._wake.clear()
        if self._rebuild:
            self._rebuild = False
            self.state = State.BUILDING
            self.index.wipe()
            self._behind = True
        while self._missed_something():
            self._catch_up()
        while self._queue and not self._missed_something():
            self._drain()
        if self._missed_something():
            self._wake.set()
        if self._marks and self._clock.monotonic() - self._marked > MARK_SECONDS:
            self.flush_marks()

    def _missed_something(self) -> bool:
        return self._behind or self._overflowed

    def flush_marks(self) -> None:
        """Write the marks that no document took along."""
        marks, self._marks = self._marks, {}
        self.index.write(marks=marks.items())
        self._marked = self._clock.monotonic()

    def _drain(self) -> None:
        """One transaction of what is queued."""
        docs: dict[tuple[int, int], Doc | None] = {}
        unseen: set[tuple[int, int]] = set()
        marks = self._marks
        while self._queue and len(docs) < BATCH_DOCS:
            queued, count, passed, bodies = self._queue.popleft()
            self._working = self._working or queued
            self._taken += count
            marks.update(passed)
            for box, msg_id, body in bodies:
                if body is False:
                    docs[box, msg_id] = None
                elif body is True:
                    unseen.add((box, msg_id))
                else:
                    docs[box, msg_id] = self._doc(box, msg_id, body)
        for key in unseen - docs.keys():
            docs[key] = self.stored(*key)
        self._write(docs)
        self._working = 0.0

    def _write(self, docs: dict[tuple[int, int], Doc | None]) -> None:
        if docs:
            batch = _Batch(self.index, docs, self._marks)
            self._marks = {}
            batch.write()

    def _doc(self, box: int, msg_id: int, body: r.Body) -> Doc | None:
        """None: nothing in it can be searched for."""
        kinds, more = self.described(body)
        if more or not body.text.isascii():
            text = body.text.decode("utf-8", "replace")
            found = " ".join(words(f"{text} {more}" if more else text))
        else:
            found = " ".join(ascii_words(body.text))
        if not found and not kinds:
            return None
        if not kinds and body.peer > 0 and body.peer != box and body.author == box:
            tags = _pair(box, body.peer)
        else:
            tags = " ".join(tags_of(box, body, kinds))
        return Doc(box, msg_id, body.date, found, tags)

    def described(self, body: r.Body) -> Described:
        """As `describe`; of a body whose media, entities or action cannot be read (TL of a version that is not ours, or
        damage) nothing but its text can be found."""
        try:
            return self.describe(body)
        except RpcError as fault:  # TlError: services know no TL
            _undescribed.inc()
            _log.warning("search.undescribed", reason=fault.name, author=body.author, date=body.date)
            return Described()

    def stored(self, box: int, msg_id: int) -> Doc | None:
        """What the index should hold of a body, from the store."""
        with self._reading(slot_of(box)) as reader:
            body = reader.get(BODIES, box, msg_id)
        return None if body is None else self._doc(box, msg_id, body)

    @contextmanager
    def _reading(self, slot: int) -> Iterator[Reader]:
        snapshot = self._store.snapshot_of(slot)
        try:
            yield Reader(slot, snapshot)
        finally:
            snapshot.close()

    # What was missed.

    def _catch_up(self) -> None:
        """Bring every box to where the store is. What is queued meanwhile comes after it."""
        self._behind = False
        if self._overflowed:
            # From here on things are queued again; what is dropped is in the store, and found below.
            while self._queue:
                self._taken += self._queue.popleft()[1]
            self._overflowed = False
        marks = self.index.marks()
        boxes = [(owner, head) for owner, head in self._heads() if marks.get(owner, 0) != head.pts]
        self.progress = Progress(0, len(boxes))
        batch = _Batch(self.index)
        for owner, head in boxes:
            if self._stopping.is_set() or self._rebuild:
                break
            mark = marks.get(owner, 0)
            if mark < head.oldest_pts or mark > head.pts:
                self._index_box(owner, batch, known=mark > 0)
            else:
                self._index_events(owner, mark, batch)
            batch.marks[owner] = head.pts
            self.progress.done += 1
        batch.write()
        if self._stopping.is_set() or self._rebuild:
            return
        if self.state is not State.READY:
            self.index.optimize()
            self.index.set_fact("built", 1)
            self.state = State.READY
        if boxes:
            _log.info("search.caught_up", boxes=len(boxes))

    def _heads(self) -> Iterator[tuple[int, r.BoxHead]]:
        for slot in range(SLOTS):
            with self._reading(slot) as reader:
                heads = [(key[0], head) for key, head in reader.range(BOXES)]
            yield from heads

    def _index_box(self, owner: int, batch: _Batch, *, known: bool) -> None:
        """All bodies of a box anew."""
        if known:
            self.index.write(boxes_gone=(owner,))
        after = 0
        while not self._stopping.is_set():
            with self._reading(slot_of(owner)) as reader:
                rows = reader.range(BODIES, owner, lo=after + 1, limit=READ_BODIES)
                bodies = [(key[1], body) for key, body in rows]
            for number, (msg_id, body) in enumerate(bodies):
                batch.put(owner, msg_id, self._doc(owner, msg_id, body))
                if number % YIELD_DOCS == 0:
                    time.sleep(0)
            if len(bodies) < READ_BODIES:
                return
            after = bodies[-1][0]

    def _index_events(self, owner: int, mark: int, batch: _Batch) -> None:
        """What a box's event log tells after `mark`: the bodies it names are as the store has them now, or gone."""
        touched: dict[int, None] = {}
        with self._reading(slot_of(owner)) as reader:
            for _, logged in reader.range(EVENTS, owner, lo=mark + 1):
                event = logged.event
                if isinstance(event, ev.NewMessage | ev.EditMessage):
                    touched[event.msg_id] = None
                elif isinstance(event, ev.DeleteMessages):
                    touched.update(dict.fromkeys(event.msg_ids))
            for msg_id in touched:
                body = reader.get(BODIES, owner, msg_id)
                batch.put(owner, msg_id, None if body is None else self._doc(owner, msg_id, body))

    def scrub(self) -> None:
        """Hold some documents against the store."""
        held = self.index.bodies_after(*self._scrubbed, SCRUB_BODIES)
        self._scrubbed = held[-1] if len(held) == SCRUB_BODIES else (0, 0)
        gone = []
        for author, msg_id in held:
            with self._reading(slot_of(author)) as reader:
                if reader.get(BODIES, author, msg_id) is None:
                    gone.append((author, msg_id))
        if gone:
            self.index.write(gone=gone)
            _log.info("search.scrubbed", gone=len(gone))


class _Batch:
    """What goes into one transaction."""

    def __init__(
        self,
        index: Index,
        docs: dict[tuple[int, int], Doc | None] | None = None,
        marks: dict[int, int] | None = None,
    ) -> None:
        self._index = index
        self._docs = docs or {}
        """None: nothing (left) to be found."""
        self.marks = marks or {}

    def put(self, author: int, msg_id: int, doc: Doc | None) -> None:
        self._docs[author, msg_id] = doc
        if len(self._docs) >= BATCH_DOCS:
            self.write()

    def write(self) -> None:
        docs = [doc for doc in self._docs.values() if doc is not None]
        gone = [key for key, doc in self._docs.items() if doc is None]
        self._index.write(docs, gone, self.marks.items())
        _indexed.inc(len(docs))
        self._docs, self.marks = {}, {}


@lru_cache(8192)
def _pair(box: int, peer: int) -> str:
    """What tags_of has for the most usual kind."""
    return f"{owner_tag(box)} {owner_tag(peer)}"


def tags_of(box: int, body: r.Body, kinds: Iterable[str]) -> Iterator[str]:
    """In whose scope a body of `box` lies, and what it carries."""
    peer = body.peer if body.author == box else SERVICE_USER
    if is_channel(box):
        yield chat_tag(box)
        yield author_tag(body.author)
        if body.author == box or body.signature:
            yield POST_TAG
    elif peer < 0:
        yield chat_tag(peer)
        yield author_tag(box)
    else:
        yield owner_tag(box)
        yield chat_tag(box) if peer == box else owner_tag(peer)
    for kind in kinds:
        yield kind_tag(kind)
