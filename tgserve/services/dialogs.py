"""The list of chats: order, paging, pins, unread marks, drafts.

Order is Telegram's: pinned ones by their place, then by the date and id of the newest message. A dialog
without messages is listed by nobody but getPeerDialogs, which answers for every peer asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.boxes import NO_DIALOG, View
from tgserve.services.channels.reading import ChannelReading
from tgserve.services.channels.register import Register, is_channel
from tgserve.services.history import History, Named
from tgserve.services.messaging import Origin
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import BOXES, DIALOGS, ROWS, TOPIC_HEADS
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn


@dataclass(slots=True, frozen=True)
class Chat:
    """A line of the list: the chat's head and its newest message, None when it has none."""

    peer: int
    dialog: r.Dialog
    top: View | None
    pts: int = 0
    """Of a channel's box; 0 elsewhere."""
    as_messages: bool = False
    """A forum that its reader wants to see as one chat."""


@dataclass(slots=True, frozen=True)
class ChatList:
    """`count` chats in the whole list; `whole` when these are all."""

    chats: list[Chat]
    count: int
    whole: bool


@dataclass(slots=True, frozen=True)
class Place:
    """Where a page of the list begins: below this date, message and peer (zeros: at the top)."""

    date: int = 0
    msg_id: int = 0
    peer: int = 0


class Dialogs:
    def __init__(
        self, store: Store, clock: Clock, history: History, register: Register, channels: ChannelReading
    ) -> None:
        self._store = store
        self._clock = clock
        self._history = history
        self._register = register
        self._channels = channels

    # -- reading -----------------------------------------------------------

    def page(
        self, me: int, place: Place, limit: int, *, exclude_pinned: bool = False, folder: int | None = None
    ) -> ChatList:
        """A page of the list, pinned chats first (on the first page only, as they have no place by date). Without
        `folder` archived chats stand among the others."""
        with self._store.read(slot_of(me)) as reader:
            listed = self._listed(reader, me, folder)
            pinned = (
                []
                if exclude_pinned
                else sorted((item for item in listed if item[1].pinned), key=lambda item: -item[1].pinned)
            )
            plain = sorted((item for item in listed if not item[1].pinned), key=_rank, reverse=True)
            count = len(pinned) + len(plain)
            if place.date or place.msg_id:
                border = (place.date or 2**31, place.msg_id or 2**31, place.peer)
                pinned, plain = [], [item for item in plain if _rank(item) < border]
            taken = (pinned + plain)[:limit]
            chats = self._with_tops(reader, me, taken)
        return ChatList(chats, count, len(taken) == count)

    def pinned(self, me: int, folder: int = 0) -> list[Chat]:
        """Pinned chats from the top."""
        with self._store.read(slot_of(me)) as reader:
            found = [item for item in self._listed(reader, me, folder) if item[1].pinned]
            return self._with_tops(reader, me, sorted(found, key=lambda item: -item[1].pinned))

    def pinned_order(self, me: int, folder: int) -> list[int]:
        """Peers of pinned chats from the top, those without messages too."""
        found = [(one.pinned, peer) for peer, one in self._all(me) if one.pinned and one.folder == folder]
        return [peer for _, peer in sorted(found, reverse=True)]

    def of_peers(self, me: int, peers: Sequence[int]) -> list[Chat]:
        """One line for every peer asked, empty where there is no chat yet."""
        with self._store.read(slot_of(me)) as reader:
            heads = [(peer, reader.get(DIALOGS, me, peer) or NO_DIALOG) for peer in dict.fromkeys(peers)]
            return self._with_tops(reader, me, heads)

    def head(self, me: int, peer: int) -> r.Dialog:
        """The chat's head; an empty one when there is no chat."""
        with self._store.read(slot_of(me)) as reader:
            return reader.get(DIALOGS, me, peer) or NO_DIALOG

    def unread_marked(self, me: int) -> list[int]:
        """Peers of chats marked as unread by hand."""
        return [peer for peer, dialog in self._all(me) if dialog.unread_mark]

    def drafts(self, me: int) -> list[tuple[int, r.Dialog]]:
        """Chats with a draft."""
        return [(peer, dialog) for peer, dialog in self._all(me) if dialog.draft]

    def left_channels(self, me: int) -> list[int]:
        """Channels that `me` was in and is not now, the last to be left first."""
        found = [
            (dialog.left_date, peer)
            for peer, dialog in self._all(me)
            if is_channel(peer) and dialog.hidden and dialog.left_date
        ]
        return [peer for _, peer in sorted(found, reverse=True)]

    def _all(self, me: int) -> list[tuple[int, r.Dialog]]:
        with self._store.read(slot_of(me)) as reader:
            return [(key[1], dialog) for key, dialog in reader.range(DIALOGS, me)]

    def _with_tops(self, reader: Reader, me: int, heads: list[tuple[int, r.Dialog]]) -> list[Chat]:
        rows: list[Named] = []
        for peer, dialog in heads:
            own = dialog.top_message and not is_channel(peer)
            row = reader.get(ROWS, me, dialog.top_message) if own else None
            if row is not None:
                rows.append((dialog.top_message, row))
        tops = {view.msg_id: view for view in self._history.views_of(reader, me, rows)}
        return [
            self._channel(me, peer, dialog)
            if is_channel(peer)
            else Chat(peer, dialog, tops.get(dialog.top_message))
            for peer, dialog in heads
        ]

    def _channel(self, me: int, channel: int, kept: r.Dialog) -> Chat:
        head = self._channels.dialog(me, channel, kept)
        top = self._channels.message_or_none(me, channel, head.top_message) if head.top_message else None
        as_messages = self._channels.as_messages(me, channel)
        return Chat(channel, head, top, self._register.top(channel).pts, as_messages)

    def _listed(self, reader: Reader, me: int, folder: int | None) -> list[tuple[int, r.Dialog]]:
        """Chats that show in the list. A channel's place in it is by the channel's own newest message."""
        found = _listed(reader, me, folder)
        for peer, dialog in reader.range(DIALOGS, me, hi=1 - CHANNEL_BASE):
            if not dialog.hidden and dialog.left_at and folder in (None, dialog.folder):
                found.append((peer[1], self._channels.dialog(me, peer[1], dialog)))
        return found

    # -- pins and marks -----------------------------------------------------------

    def pin(self, me: int, peer: int, pinned: bool, *, origin: Origin = None) -> Commit[None]:
        """Pin on top or unpin. The commit raises PINNED_DIALOGS_TOO_MUCH."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            dialog = txn.get(DIALOGS, me, peer) or NO_DIALOG
            if bool(dialog.pinned) == pinned:
                return
            place = 0
            if pinned:
                places = [other.pinned for _, other in txn.range(DIALOGS, me) if other.pinned]
                if len(places) >= limits.PINNED_DIALOGS:
                    raise errors.PINNED_DIALOGS_TOO_MUCH()
                place = max(places, default=0) + 1
            txn.put(DIALOGS, me, peer, value=replace(dialog, pinned=place))
            eventlog.append(txn, me, ev.DialogPinned(peer, pinned), now=now, raises=0, origin=origin)

        return self._store.transact(slot_of(me), work)

    def reorder_pinned(
        self, me: int, peers: Sequence[int], *, force: bool, folder: int = 0, origin: Origin = None
    ) -> Commit[None]:
        """Set the order of pinned chats, top first. Those not named keep their place below the named ones, or are
        unpinned with `force`."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            heads = {key[1]: dialog for key, dialog in txn.range(DIALOGS, me)}
            here = [p for p, d in heads.items() if d.pinned and d.folder == folder]
            was = sorted(here, key=lambda p: -heads[p].pinned)
            order = [p for p in dict.fromkeys(peers) if heads.get(p, NO_DIALOG).folder == folder]
            if not force:
                order = [p for p in order if p in was] + [p for p in was if p not in order]
            if len(order) > limits.PINNED_DIALOGS:
                raise errors.PINNED_DIALOGS_TOO_MUCH()
            if order == was:
                return
            for peer in set(was) - set(order):
                txn.put(DIALOGS, me, peer, value=replace(heads[peer], pinned=0))
            for place, peer in enumerate(reversed(order), 1):
                dialog = heads.get(peer, NO_DIALOG)
                txn.put(DIALOGS, me, peer, value=replace(dialog, pinned=place))
            event = ev.PinnedOrder(tuple(order), folder)
            eventlog.append(txn, me, event, now=now, raises=0, origin=origin)

        return self._store.transact(slot_of(me), work)

    def mark_unread(self, me: int, peer: int, unread: bool, *, origin: Origin = None) -> Commit[None]:
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            dialog = txn.get(DIALOGS, me, peer) or NO_DIALOG
            if dialog.unread_mark == unread:
                return
            txn.put(DIALOGS, me, peer, value=replace(dialog, unread_mark=unread))
            eventlog.append(txn, me, ev.DialogUnreadMark(peer, unread), now=now, raises=0, origin=origin)

        return self._store.transact(slot_of(me), work)

    def hide_settings(self, me: int, peer: int, *, origin: Origin = None) -> Commit[None]:
        """The bar above a new chat (add contact, block) is not wanted any more."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            dialog = txn.get(DIALOGS, me, peer) or NO_DIALOG
            if dialog.settings_hidden:
                return
            txn.put(DIALOGS, me, peer, value=replace(dialog, settings_hidden=True))
            eventlog.append(txn, me, ev.PeerSettingsChanged(peer), now=now, raises=0, origin=origin)

        return self._store.transact(slot_of(me), work)

    # -- drafts -----------------------------------------------------------

    def save_draft(
        self, me: int, peer: int, draft: bytes, layer: int, *, origin: Origin = None
    ) -> Commit[None]:
        """Keep what is being written (TL draftMessage), on all devices; empty bytes take it away."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            dialog = txn.get(DIALOGS, me, peer) or NO_DIALOG
            if dialog.draft == draft:
                return
            txn.put(
                DIALOGS,
                me,
                peer,
                value=replace(dialog, draft=draft, draft_layer=layer if draft else 0, draft_date=now),
            )
            eventlog.append(txn, me, ev.DraftChanged(peer), now=now, raises=0, origin=origin)

        return self._store.transact(slot_of(me), work)

    def clear_drafts(self, me: int, *, origin: Origin = None) -> Commit[None]:
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            written = [(key[1], dialog) for key, dialog in txn.range(DIALOGS, me) if dialog.draft]
            for peer, dialog in written:
                txn.put(DIALOGS, me, peer, value=replace(dialog, draft=b"", draft_layer=0, draft_date=now))
                eventlog.append(txn, me, ev.DraftChanged(peer), now=now, raises=0, origin=origin)
            topics = [(key, head) for key, head in txn.range(TOPIC_HEADS, me) if head.draft]
            for (_, channel, topic), head in topics:
                made = replace(head, draft=b"", draft_layer=0, draft_date=now)
                txn.put(TOPIC_HEADS, me, channel, topic, value=made)
                event = ev.TopicDraftChanged(channel, topic)
                eventlog.append(txn, me, event, now=now, raises=0, origin=origin)

        return self._store.transact(slot_of(me), work)

    def unread_total(self, me: int) -> int:
        """Unread messages of all chats."""
        total = 0
        for peer, dialog in self._all(me):
            if not is_channel(peer):
                total += dialog.unread_count
            elif not dialog.hidden and self._register.top(peer).msg_id > dialog.read_inbox_max:
                total += self._channels.dialog(me, peer, dialog).unread_count
        return total


def state_of(reader: Reader, me: int) -> r.BoxHead:
    """The counters of a box; a new one's before its first event."""
    return reader.get(BOXES, me) or r.BoxHead()


def _listed(reader: Reader, me: int, folder: int | None) -> list[tuple[int, r.Dialog]]:
    heads = (*reader.range(DIALOGS, me, lo=0), *reader.range(DIALOGS, me, lo=1 - CHANNEL_BASE))
    return [
        (key[1], dialog)
        for key, dialog in heads
        if dialog.top_message and not dialog.hidden and folder in (None, dialog.folder)
    ]


def _rank(item: tuple[int, r.Dialog]) -> tuple[int, int, int]:
    peer, dialog = item
    return dialog.top_date, dialog.top_message, peer
