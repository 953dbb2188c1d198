"""From what was committed to what is to be pushed: hears of commits, has them judged, and writes what waits into rows.

A commit is judged a moment later, in slices, so that a post in a large channel holds nobody up. What was committed and
not judged when the daemon died is found again at the next start: a mark says up to which second everything was judged
(`tick`), and marks of single boxes keep what was queued since from being queued again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tgserve import limits, log, metrics
from tgserve.adapters import push as kinds
from tgserve.clock import Clock
from tgserve.errors import StoreError
from tgserve.services.blocking import Blocks
from tgserve.services.boxes import View
from tgserve.services.channels.register import Register
from tgserve.services.contacts import Contacts
from tgserve.services.history import History
from tgserve.services.presence import Presence
from tgserve.services.push import decide
from tgserve.services.push.devices import Device, Devices, DevicesChanged
from tgserve.services.push.listeners import Listeners
from tgserve.services.push.loudness import Loudness
from tgserve.services.push.queue import Queue
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.eventlog import Published, box_head
from tgserve.store.keyspaces import BODIES, DIALOGS, EVENTS, PUSH_MARKS, ROWS
from tgserve.store.push_records import PushMark, PushWaiting
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.thread_records import GENERAL
from tgserve.store.transaction import Txn

_log = log.get("push")
DECIDED = metrics.counter(
    "tgserve_push_decisions_total", "people judged for a push, by what came of it", ("result",)
)

SLICE: Final = 200
"""Recipients judged before the loop may serve others: a few milliseconds."""
SLACK_SECONDS: Final = 60
"""What is committed at the very moment of a mark may bear an earlier second."""
GRACE_SECONDS: Final = 5
"""After a start clients come back by themselves; those that do need no push."""
STAMP_SECONDS: Final = 2
"""What a device is told is judged here and stamped on its way out: so far apart may the two seconds lie."""
READ_SECONDS: Final = 2
"""Reading goes on: one push for all of it."""
SHOWN: Final = 100_000
"""Messages that were queued lately, remembered for the case that they are deleted."""
EARLY: Final = 10_000
TOLD: Final = 10
TOLD_DEVICES: Final = 20_000
BUSY_SECONDS: Final = 0.05
HEARD: Final = (ev.NewMessage, ev.ReadInbox, ev.ChannelRead, ev.DeleteMessages, ev.ReactionsChanged)


def _nobody(user: int) -> Collection[int]:
    return ()


def _all(token_type: int) -> bool:
    return True


@dataclass(slots=True)
class Fan:
    """A post on its way to the rows of those who are told. Its mark may only be written when all of them are durable,
    and not before those of earlier posts: what a mark covers is never looked at again."""

    channel: int
    mark: PushMark
    left: int = 0
    failed: bool = False
    whole: bool = False
    """Everybody was judged."""


class Feed:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        devices: Devices,
        listeners: Listeners,
        loudness: Loudness,
        queue: Queue,
        *,
        register: Register,
        history: History,
        presence: Presence,
        blocks: Blocks,
        contacts: Contacts,
        delay: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._devices = devices
        self._listeners = listeners
        self._loudness = loudness
        self._queue = queue
        self._register = register
        self._history = history
        self._presence = presence
        self._blocks = blocks
        self._contacts = contacts
        self._delay = delay
        self.connected: Callable[[int], Collection[int]] = _nobody
        """Auth keys over which a user's devices are connected and take updates now."""
        self.serves: Callable[[int], bool] = _all
        """Is there a way to devices of this token type?"""
        self.wakes_app: Callable[[int], bool] = _all
        """Does a push that shows nothing make sense for this token type?"""
        self.hears_muted: Callable[[int], bool] = _all
        """And one of a message that is muted?"""
        self._work: deque[Iterator[None]] = deque()
        self._scheduled = False
        self._fans: deque[Fan] = deque()
        self._writing = 0
        self._idle_since_mark = True
        self._shown: OrderedDict[tuple[int, int], tuple[int, int]] = OrderedDict()
        """(box, message id) -> chat, author."""
        self._told: OrderedDict[int, deque[PushWaiting]] = OrderedDict()
        """Device -> what it was told last over its connection."""
        self._grace = 0
        self._started = False
        self._closed = False
        """There is a mark that says that nothing is left."""
        self._found: set[tuple[int, int, ev.AnyEvent]] = set()
        """What `recover` has taken out of the logs."""
        self._early: list[Published] = []
        """What the store has finished of the last run's work before it was known who has devices."""

    # -- the bus ----------------------------------------------------------------------------------------------------

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber, behind the devices, the listeners and the settings."""
        devices, listeners = self._devices.users(), self._listeners
        if not devices and self._started:  # nobody's box matters
            batch = [item for item in batch if type(item) is not Published or item.user_id < 0]
        for item in batch:
            kind = type(item)
            if kind is Published:
                owner = item.user_id
                if self._closed and type(item.event) in HEARD:
                    self._closed = False
                    self._store.transact(slot_of(0), partial(_mark, date=item.date, clean=False))
                if not self._started:
                    if type(item.event) in HEARD and len(self._early) < EARLY:
                        self._early.append(item)
                elif owner > 0:
                    if owner in devices and type(item.event) in HEARD:
                        self._take(item)
                elif type(item.event) in HEARD and listeners.of(owner):
                    self._take(item)
            elif kind is DevicesChanged:
                left = {device.number for device in item.devices}
                self._queue.forget(
                    item.user, [one for one in self._queue.of_user(item.user) if one not in left]
                )

    def _take(self, item: Published) -> None:
        self._work.append(self._judge(item))
        self._idle_since_mark = False
        self._wake()

    def _wake(self, seconds: float = 0.0) -> None:
        if self._work and not self._scheduled:
            self._scheduled = True
            loop = asyncio.get_running_loop()
            if seconds:
                loop.call_later(seconds, self._turn)
            else:
                loop.call_soon(self._turn)

    def _turn(self) -> None:
        """A slice of what is to be judged."""
        self._scheduled = False
        if self._store.busy:
            return self._wake(BUSY_SECONDS)
        left = SLICE
        while self._work and left:
            job = self._work[0]
            try:
                next(job)
                left -= 1
            except StopIteration:
                self._work.popleft()
            except BaseException:  # one that cannot be judged must not stand in the way of the others
                self._work.popleft()
                self._wake()
                raise
        self._wake()

    @property
    def idle(self) -> bool:
        """Everything that was committed is judged, and what came of it is durable."""
        return not self._work and not self._writing and not self._fans

    # -- judging ----------------------------------------------------------------------------------------------------

    def _judge(self, item: Published) -> Iterator[None]:
        event = item.event
        if type(event) is ev.NewMessage:
            yield from self._post(item) if item.user_id < 0 else self._message(item)
        elif type(event) is ev.ReadInbox or type(event) is ev.ChannelRead:
            yield from self._read(item, event.peer, event.max_id)
        elif type(event) is ev.DeleteMessages:
            yield from self._deleted(item, event.msg_ids)
        elif type(event) is ev.ReactionsChanged:
            yield from self._reaction(item, event)

    def _message(self, item: Published) -> Iterator[None]:
        """A message in the box of a user."""
        user, now = item.user_id, int(self._clock.now())
        view: View | None = item.memo
        if type(view) is not View:
            view = self._history.message_or_none(user, item.event.msg_id)  # type: ignore[union-attr]
        devices = self._devices.of(user)
        if view is None or not devices:
            return
        row, body = view.row, view.body
        peer, out = row.peer, bool(row.flags & (r.ROW_OUT | r.ROW_FROM_SELF))
        scheduled = bool(row.flags & r.ROW_SCHEDULED)
        if out and not scheduled:
            return
        defaults = self._loudness.defaults(user)
        with self._store.read(slot_of(user)) as reader:
            dialog = reader.get(DIALOGS, user, peer)
        loud = self._loudness.of_chat(user, dialog, defaults.users if peer > 0 else defaults.chats)
        mention = bool(row.flags & r.ROW_MENTIONED)
        flags = decide.for_message(
            now,
            loud,
            read=not out and dialog is not None and view.msg_id <= dialog.read_inbox_max,
            outgoing=out,
            scheduled=scheduled,
            quiet=body.silent,
            mention=mention,
            author_loud=self._loudness.of_user(user, row.author)
            if mention and loud.until > now
            else decide.DEFAULT,
            blocked=peer < 0 and self._blocks.has_blocked(user, row.author),
        )
        self._result(flags)
        if flags:
            kind = "muted" if flags & decide.MUTED else "message"
            waiting = PushWaiting(kind, peer, view.msg_id, now, flags=flags)
            self._remember(user, view.msg_id, (peer, 0))
            self._enqueue(user, devices, waiting, PushMark(item.pts))
        yield

    def _post(self, item: Published) -> Iterator[None]:
        """A message in a channel's box, for everybody in it who has a device."""
        channel = item.user_id
        record = self._register.get_or_none(channel)
        view: View | None = item.memo
        if type(view) is not View:
            view = self._stored(channel, item.event.msg_id)  # type: ignore[union-attr]
        if record is None or record.deleted or view is None:
            return
        body, msg_id = view.body, view.msg_id
        wrote = body.signer or body.author
        topic = (body.topic or msg_id) if body.in_topic else GENERAL if record.forum else 0
        kind = "chats" if record.megagroup else "broadcasts"
        self._remember(channel, msg_id, (channel, wrote))
        fan = Fan(channel, PushMark(item.pts))
        self._fans.append(fan)
        try:
            for user in list(self._listeners.of(channel)):
                if user != wrote:
                    commit = self._one(user, channel, msg_id, body, wrote, topic, kind)
                    if commit is not None:
                        fan.left += 1
                        commit.on_done(partial(self._landed, fan))
                    yield
        except BaseException:
            fan.failed = True
            raise
        finally:
            fan.whole = True
            self._mark()

    def _landed(self, fan: Fan, commit: Commit[None]) -> None:
        fan.left -= 1
        fan.failed = fan.failed or commit.error is not None
        self._mark()

    def _mark(self) -> None:
        """Write the marks of posts that are done, in their order."""
        fans = self._fans
        while fans and fans[0].whole and not fans[0].left:
            fan = fans.popleft()
            if not fan.failed:
                self._write(fan.channel, [], fan.mark)

    def _one(
        self, user: int, channel: int, msg_id: int, body: r.Body, wrote: int, topic: int, kind: str
    ) -> Commit[None] | None:
        now = int(self._clock.now())
        loudness = self._loudness
        with self._store.read(slot_of(user)) as reader:
            dialog = reader.get(DIALOGS, user, channel)
            own = loudness.topic(reader, user, channel, topic) if topic else b""
        loud = loudness.of_chat(user, dialog, getattr(loudness.defaults(user), kind), own)
        mention = user in body.mentions
        flags = decide.for_message(
            now,
            loud,
            read=dialog is not None and msg_id <= dialog.read_inbox_max,
            outgoing=False,
            scheduled=False,
            quiet=body.silent,
            mention=mention,
            author_loud=loudness.of_user(user, wrote) if mention and loud.until > now else decide.DEFAULT,
            blocked=self._blocks.has_blocked(user, wrote),
        )
        self._result(flags)
        if flags:
            what = "muted" if flags & decide.MUTED else "message"
            waiting = PushWaiting(what, channel, msg_id, now, flags=flags, topic=topic)
            return self._enqueue(user, self._devices.of(user), waiting, None)
        return None

    def _read(self, item: Published, peer: int, max_id: int) -> Iterator[None]:
        """Somebody has read a chat: what his other devices show of it goes."""
        now = int(self._clock.now())
        reader_key = item.origin[0] if item.origin is not None else 0
        devices = [
            device
            for device in self._devices.of(item.user_id)
            if device.auth_key_id != reader_key and self.wakes_app(device.token_type)
        ]
        waiting = PushWaiting("read", peer, max_id, now, due=now + READ_SECONDS, flags=decide.SILENT)
        self._enqueue(item.user_id, devices, waiting, None)
        yield

    def _deleted(self, item: Published, msg_ids: tuple[int, ...]) -> Iterator[None]:
        """Messages that devices may be showing are gone."""
        box, now = item.user_id, int(self._clock.now())
        chats: dict[tuple[int, int], list[int]] = {}
        for msg_id in msg_ids:
            shown = self._shown.pop((box, msg_id), None)
            if shown is not None:
                chats.setdefault(shown, []).append(msg_id)
        deleter = item.origin[0] if item.origin is not None else 0
        for (peer, author), gone in chats.items():
            waiting = PushWaiting("deleted", peer, 0, now, flags=decide.SILENT, msg_ids=tuple(gone))
            for user in [box] if box > 0 else list(self._listeners.of(box)):
                if user == author:
                    continue
                with self._store.read(slot_of(user)) as reader:
                    dialog = reader.get(DIALOGS, user, peer)
                if dialog is None or dialog.read_inbox_max < max(gone):
                    devices = [
                        one
                        for one in self._devices.of(user)
                        if one.auth_key_id != deleter and self.wakes_app(one.token_type)
                    ]
                    self._enqueue(user, devices, waiting, None)
                yield

    def _reaction(self, item: Published, event: ev.ReactionsChanged) -> Iterator[None]:
        """Somebody reacted to a message: who wrote it hears of it."""
        view: View | None = item.memo
        if type(view) is not View:
            return  # after a restart: what is unseen stands in the list of chats
        body = view.body
        user = body.author
        if (
            body.reactions is None
            or not body.reactions.recent
            or user <= 0
            or item.user_id not in (user, event.peer)
        ):
            return
        newest, devices = body.reactions.recent[0], self._devices.of(user)
        if (
            not devices
            or newest.user == user
            or newest.number <= body.reactions.seen
            or newest.date < item.date
        ):
            return
        now = int(self._clock.now())
        defaults = self._loudness.defaults(user)
        with self._store.read(slot_of(user)) as reader:
            dialog = reader.get(DIALOGS, user, event.peer)
        flags = decide.for_reaction(
            now,
            self._loudness.of_chat(user, dialog, defaults.users if event.peer > 0 else defaults.chats),
            from_whom=defaults.reactions_of,
            contact=self._contacts.get_or_none(user, newest.user) is not None,
            previews=defaults.reaction_previews,
            blocked=self._blocks.has_blocked(user, newest.user),
        )
        self._result(flags)
        if flags:
            waiting = PushWaiting(
                "reaction", event.peer, event.msg_id, now, flags=flags, who=newest.user, word=newest.kind
            )
            self._enqueue(user, devices, waiting, None)
        yield

    # -- writing ----------------------------------------------------------------------------------------------------

    def _enqueue(
        self, user: int, devices: Collection[Device], waiting: PushWaiting, mark: PushMark | None
    ) -> Commit[None] | None:
        if not devices:
            return None
        here = self.connected(user)
        elsewhere = bool(
            here and waiting.flags & decide.PUSH and self._presence.looking(user).intersection(here)
        )
        items: list[tuple[int, PushWaiting]] = []
        for device in devices:
            if device.token_type in kinds.CALLS or not self.serves(device.token_type):
                continue
            if device.auth_key_id in here:
                if waiting.flags & decide.PUSH:
                    self._note(device, waiting)
                continue
            after = decide.for_device(
                waiting.flags,
                connected=False,
                no_muted=device.no_muted,
                wakes_app=self.hears_muted(device.token_type),
                elsewhere=elsewhere,
                delay=self._delay,
            )
            if after >= 0:
                after = max(after, self._grace and self._grace - waiting.date)
                due = max(waiting.date + after, waiting.due) if after or waiting.due else 0
                items.append((device.number, waiting if not due else _later(waiting, due)))
        return self._write(user, items, mark) if items else None

    def _note(self, device: Device, waiting: PushWaiting) -> None:
        """A connected device hears of it over its connection, if that is not dead already."""
        told = self._told.get(device.number)
        if told is None:
            told = self._told[device.number] = deque(maxlen=TOLD)
            if len(self._told) > TOLD_DEVICES:
                self._told.popitem(last=False)
        told.append(waiting)

    def unheard(self, user: int, auth_key_id: int, since: int) -> None:
        """A device has lost its connection, and what it was told there from `since` on nobody has confirmed: it is
        pushed unless it comes back in a moment."""
        if not self._started:
            return
        now = int(self._clock.now())
        for device in self._devices.of(user):
            if device.auth_key_id == auth_key_id:
                told = self._told.pop(device.number, ())
                left = [_later(one, now + GRACE_SECONDS) for one in told if one.date >= since - STAMP_SECONDS]
                if left:
                    self._write(user, [(device.number, one) for one in left], None)

    def _write(
        self, owner: int, items: list[tuple[int, PushWaiting]], mark: PushMark | None
    ) -> Commit[None] | None:
        self._writing += 1
        try:
            commit = self._store.transact(
                slot_of(owner), lambda txn: self._queue.put(txn, owner, items, mark)
            )
        except StoreError as fault:
            self._writing -= 1
            _log.error("push.unqueued", reason=str(fault), user=owner, pushes=len(items))
            return None
        commit.on_done(self._written)
        return commit

    def _written(self, commit: Commit[None]) -> None:
        self._writing -= 1
        if commit.error is not None:
            _log.error("push.unqueued", reason=str(commit.error))

    def _remember(self, box: int, msg_id: int, shown: tuple[int, int]) -> None:
        self._shown[box, msg_id] = shown
        if len(self._shown) > SHOWN:
            self._shown.popitem(last=False)

    def _result(self, flags: int) -> None:
        DECIDED.of("muted" if flags & decide.MUTED else "push" if flags else "nothing").inc()

    def _stored(self, channel: int, msg_id: int) -> View | None:
        with self._store.read(slot_of(channel)) as reader:
            row, body = reader.get(ROWS, channel, msg_id), reader.get(BODIES, channel, msg_id)
        return View(channel, msg_id, row, body) if row is not None and body is not None else None

    # -- from one start to the next ---------------------------------------------------------------------------------

    async def recover(self) -> int:
        """Judge what the last run left unjudged; how much that is. Once, when devices, listeners and queue are
        loaded."""
        with self._store.read(slot_of(0)) as reader:
            mark = reader.get(PUSH_MARKS, 0)
        now = int(self._clock.now())
        found = 0
        if mark is not None and not mark.clean:
            self._grace = now + GRACE_SECONDS
            since = mark.date - SLACK_SECONDS
            for at, owner in enumerate([*self._devices.users(), *self._listeners.channels()]):
                found += self._left_of(owner, since)
                if at % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
            if found:
                _log.info("push.recovered", events=found, since=since)
        await self._put_mark(mark.date if mark is not None and not mark.clean else now, clean=False)
        self._started = True
        early, self._early = self._early, []
        self.after_commit([item for item in early if (item.user_id, item.pts, item.event) not in self._found])
        self._found.clear()
        return found

    def _left_of(self, owner: int, since: int) -> int:
        with self._store.read(slot_of(owner)) as reader:
            head = box_head(reader, owner)
            if head.date < since:
                return 0
            done = reader.get(PUSH_MARKS, owner)
            left: list[Published] = []
            for (_, pts, sub), logged in reader.range(EVENTS, owner, reverse=True):
                if logged.date < since or (done is not None and pts <= done.pts and sub == 0):
                    break
                if type(logged.event) in HEARD:
                    left.append(Published(owner, pts, logged.pts_count, logged.event, logged.date))
        for item in reversed(left):
            self._found.add((item.user_id, item.pts, item.event))
            self._take(item)
        return len(left)

    async def tick(self) -> None:
        """Note up to when everything is judged. Called every few seconds."""
        if self._started and self.idle and not self._idle_since_mark:
            self._idle_since_mark = True
            await self._put_mark(int(self._clock.now()), clean=False)

    async def close(self) -> None:
        """Judge what was committed, also what is still on its way to those who are told, and note that nothing is
        left. When something comes all the same, that is taken back."""
        if not self._started:
            return
        judged = False
        for _ in range(limits.STOP_SECONDS * 10):
            judged = await self._store.settled(0.09) and self.idle
            if judged:
                break
            await asyncio.sleep(0.01)
        self._started = False
        if judged:
            self._closed = True
            await self._put_mark(int(self._clock.now()), clean=True)

    async def _put_mark(self, date: int, *, clean: bool) -> None:
        await self._store.transact(slot_of(0), partial(_mark, date=date, clean=clean))


def _mark(txn: Txn, *, date: int, clean: bool) -> None:
    txn.put(PUSH_MARKS, 0, value=PushMark(date=date, clean=clean))


def _later(waiting: PushWaiting, due: int) -> PushWaiting:
    return PushWaiting(
        waiting.kind,
        waiting.peer,
        waiting.msg_id,
        waiting.date,
        due,
        waiting.flags,
        waiting.who,
        waiting.word,
        waiting.msg_ids,
        waiting.topic,
    )
