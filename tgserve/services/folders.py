"""Folders (kept as clients make them, the rules are theirs to apply) and the archive."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services import archive
from tgserve.services.boxes import NO_DIALOG
from tgserve.services.messaging import Origin
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import DIALOGS, FOLDERS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

MOST = 10
"""Folders of one user: what help.getAppConfig tells clients."""
ALL_CHATS = 0
"""The number of the list of all chats in an order of folders."""
NONE = r.Folders()


class Folders:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def of(self, me: int) -> r.Folders:
        with self._store.read(slot_of(me)) as reader:
            return reader.get(FOLDERS, me) or NONE

    def get_or_none(self, me: int, number: int) -> r.Folder | None:
        return next((one for one in self.of(me).items if one.number == number), None)

    def order(self, me: int) -> list[int]:
        """Numbers of the folders as they are shown, ALL_CHATS among them."""
        return _order(self.of(me))

    def put(self, me: int, folder: r.Folder, *, origin: Origin = None) -> Commit[None]:
        """Make or change a folder. The commit raises DIALOG_FILTERS_TOO_MUCH."""

        def change(was: r.Folders) -> r.Folders:
            if any(one.number == folder.number for one in was.items):
                items = tuple(folder if one.number == folder.number else one for one in was.items)
            else:
                items = (*was.items, folder)
            if len(items) > MOST:
                raise errors.DIALOG_FILTERS_TOO_MUCH()
            return replace(was, items=items)

        return self._change(me, change, ev.FolderChanged(folder.number), origin)

    def delete(self, me: int, number: int, *, origin: Origin = None) -> Commit[None]:
        """A folder that is not there is deleted already."""

        def change(was: r.Folders) -> r.Folders:
            order = [one for one in _order(was) if one != number]
            return _ordered(was, order)

        return self._change(me, change, ev.FolderChanged(number), origin)

    def reorder(self, me: int, numbers: Sequence[int], *, origin: Origin = None) -> Commit[None]:
        """Show the folders in this order; those not named come after them."""

        def change(was: r.Folders) -> r.Folders:
            known = _order(was)
            order = [one for one in dict.fromkeys(numbers) if one in known]
            return _ordered(was, order + [one for one in known if one not in order])

        return self._change(me, change, ev.FoldersChanged("order"), origin)

    def show_tags(self, me: int, shown: bool, *, origin: Origin = None) -> Commit[None]:
        """Whether chats carry the names of their folders."""
        return self._change(me, lambda was: replace(was, tags=shown), ev.FoldersChanged("tags"), origin)

    def _change(
        self, me: int, change: Callable[[r.Folders], r.Folders], event: ev.AnyEvent, origin: Origin
    ) -> Commit[None]:
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            was = txn.get(FOLDERS, me) or NONE
            made = change(was)
            if made != was:
                txn.put(FOLDERS, me, value=made)
                archive.listen_again(txn, me)
                eventlog.append(txn, me, event, now=now, raises=0, origin=origin)

        return self._store.transact(slot_of(me), work)

    def archive(
        self, me: int, moves: Sequence[tuple[int, int]], *, origin: Origin = None
    ) -> Commit[list[Published]]:
        """Move chats, (peer, folder) each, into the archive (1) or out of it (0): one event for each folder. A chat
        that moves is pinned no more."""
        now = int(self._clock.now())

        def work(txn: Txn) -> list[Published]:
            moved: dict[int, list[int]] = {}
            for peer, folder in dict(moves).items():
                dialog = txn.get(DIALOGS, me, peer) or NO_DIALOG
                if dialog.folder != folder:
                    made = replace(dialog, folder=folder, pinned=0)
                    txn.put(DIALOGS, me, peer, value=made)
                    archive.listen(txn, me, peer, made)
                    moved.setdefault(folder, []).append(peer)
            return [
                eventlog.append(txn, me, ev.Archived(tuple(peers), folder), now=now, origin=origin)
                for folder, peers in moved.items()
            ]

        return self._store.transact(slot_of(me), work)


def _order(of: r.Folders) -> list[int]:
    numbers = [one.number for one in of.items]
    numbers.insert(of.all_chats_at, ALL_CHATS)
    return numbers


def _ordered(was: r.Folders, order: list[int]) -> r.Folders:
    """The same folders in this order of numbers; those not named go."""
    by_number = {one.number: one for one in was.items}
    items = tuple(by_number[one] for one in order if one != ALL_CHATS)
    return replace(was, items=items, all_chats_at=order.index(ALL_CHATS))
