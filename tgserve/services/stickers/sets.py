"""Sticker sets as people make and change them: regular stickers, masks, custom emoji.

Rules: a set and its short name are written in one commit (all sets share a slot, store/sticker_records.py); only its
maker changes a set; every change raises `version`, which clients compare. A set holds its documents while they are in
it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services.files.holding import drop, hold
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import SET_NAMES, SETS_OF, STICKER_SETS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.sticker_records import SETS, Sticker, StickerSet
from tgserve.store.transaction import Txn

REGULAR: Final = "stickers"
MASKS: Final = "masks"
EMOJI: Final = "emojis"
KINDS: Final = (REGULAR, MASKS, EMOJI)
MOST: Final = {REGULAR: 120, MASKS: 120, EMOJI: 200}
"""Stickers of one set."""
SETS_OF_ONE: Final = 200
"""Sets that one user may make."""
TITLE_CHARS: Final = 64
FOUND: Final = 50
_NAME: Final = re.compile(r"[A-Za-z](?!.*__)[A-Za-z0-9_]{0,62}[A-Za-z0-9]")
_NUMBER: Final = 8
_SLOT: Final = slot_of(SETS)
Change = Callable[[StickerSet], StickerSet]


def documents_of(one: StickerSet) -> list[int]:
    """Every document the set holds, its icon among them."""
    return [*(sticker.document for sticker in one.stickers), *([one.thumb] if one.thumb else [])]


class StickerSets:
    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    # -- reading ------------------------------------------------------------------------------------------------------

    def get_or_none(self, set_id: int) -> StickerSet | None:
        with self._store.read(_SLOT) as reader:
            return reader.get(STICKER_SETS, set_id)

    def named_or_none(self, name: str) -> StickerSet | None:
        with self._store.read(_SLOT) as reader:
            found = reader.get(SET_NAMES, name.lower())
            return None if found is None else reader.get(STICKER_SETS, _number(found))

    def of(self, owner: int) -> list[StickerSet]:
        """What a user has made, the newest first."""
        with self._store.read(_SLOT) as reader:
            ids = [set_id for (_, set_id), _ in reader.range(SETS_OF, owner)]
            made = [one for set_id in ids if (one := reader.get(STICKER_SETS, set_id)) is not None]
        return sorted(made, key=lambda one: (-one.date, one.id))

    def with_document(self, owner: int, document: int) -> StickerSet:
        """The owner's set that a sticker is in. STICKER_INVALID when it is in none of his."""
        for one in self.of(owner):
            if any(sticker.document == document for sticker in one.stickers):
                return one
        raise errors.STICKER_INVALID()

    def find(self, text: str, kind: str) -> list[StickerSet]:
        """Sets of a kind whose short name begins with `text`, or of which a word of the title does."""
        wanted = text.lower().strip()
        if not wanted:
            return []
        found: list[StickerSet] = []
        with self._store.read(_SLOT) as reader:
            for _, one in reader.range(STICKER_SETS):
                words = one.title.lower().split()
                if one.kind == kind and (
                    one.name.lower().startswith(wanted)
                    or one.title.lower().startswith(wanted)
                    or any(word.startswith(wanted) for word in words)
                ):
                    found.append(one)
                    if len(found) == FOUND:
                        break
        return found

    def check_name(self, name: str) -> None:
        """SHORT_NAME_INVALID, SHORT_NAME_OCCUPIED."""
        if not _NAME.fullmatch(name):
            raise errors.SHORT_NAME_INVALID()
        if self.named_or_none(name) is not None:
            raise errors.SHORT_NAME_OCCUPIED()

    def suggest_name(self, title: str) -> str:
        """A short name that is free and sounds like `title`. TITLE_INVALID when there is nothing to begin with."""
        if not title.strip() or len(title) > TITLE_CHARS:
            raise errors.TITLE_INVALID()
        stem = re.sub(r"[^A-Za-z0-9]+", "_", title).strip("_")
        if not stem or not stem[0].isalpha():
            stem = f"set_{stem}".rstrip("_")
        stem = stem[:48].rstrip("_")
        for number in range(1, 100):
            name = stem if number == 1 and len(stem) > 1 else f"{stem}_{number}"
            if self.named_or_none(name) is None:
                return name
        return f"{stem}_{self._ids.below(10**9)}"

    # -- changing -----------------------------------------------------------------------------------------------------

    def new_id(self) -> int:
        """For a set that is about to be made: its documents name it."""
        return self._ids.u64() >> 2 | 1 << 60

    def check_new(self, made: StickerSet) -> None:
        """PACK_TITLE_INVALID, PACK_SHORT_NAME_INVALID, PACK_SHORT_NAME_OCCUPIED, STICKERSETS_TOO_MUCH."""
        check_title(made.title)
        if not _NAME.fullmatch(made.name):
            raise errors.PACK_SHORT_NAME_INVALID()
        if self.named_or_none(made.name) is not None:
            raise errors.PACK_SHORT_NAME_OCCUPIED()
        if len(self.of(made.owner)) >= SETS_OF_ONE:
            raise errors.STICKERSETS_TOO_MUCH()

    def create(self, made: StickerSet) -> Commit[StickerSet]:
        """A new set, with an id of `new_id`. Raises what check_new does, STICKERS_EMPTY, STICKERS_TOO_MUCH; so does the
        commit when somebody was faster."""
        self.check_new(made)
        if not made.stickers:
            raise errors.STICKERS_EMPTY()
        if len(made.stickers) > MOST[made.kind]:
            raise errors.STICKERS_TOO_MUCH()
        now = int(self._clock.now())
        one = replace(made, date=now)

        def work(txn: Txn) -> StickerSet:
            name = one.name.lower()
            if txn.get(SET_NAMES, name) is not None or txn.get(STICKER_SETS, one.id) is not None:
                raise errors.PACK_SHORT_NAME_OCCUPIED()
            if txn.count(SETS_OF, one.owner) >= SETS_OF_ONE:
                raise errors.STICKERSETS_TOO_MUCH()
            txn.put(STICKER_SETS, one.id, value=one)
            txn.put(SET_NAMES, name, value=one.id.to_bytes(_NUMBER, "big"))
            txn.put(SETS_OF, one.owner, one.id, value=b"")
            hold(txn, documents_of(one))
            return one

        return self._store.transact(_SLOT, work)

    def change(self, me: int, set_id: int, change: Change) -> Commit[StickerSet]:
        """`change` gives the set as it is to be; its errors and STICKERSET_INVALID (not there, or another's) come with
        the commit."""

        def work(txn: Txn) -> StickerSet:
            was = txn.get(STICKER_SETS, set_id)
            if was is None or was.owner != me:
                raise errors.STICKERSET_INVALID()
            made = change(was)
            if made == was:
                return was
            made = replace(made, version=was.version + 1)
            txn.put(STICKER_SETS, set_id, value=made)
            before, after = documents_of(was), documents_of(made)
            hold(txn, _less(after, before))
            drop(txn, _less(before, after))
            return made

        return self._store.transact(_SLOT, work)

    def delete(self, me: int, set_id: int) -> Commit[None]:
        def work(txn: Txn) -> None:
            was = txn.get(STICKER_SETS, set_id)
            if was is None or was.owner != me:
                raise errors.STICKERSET_INVALID()
            txn.delete(STICKER_SETS, set_id)
            txn.delete(SET_NAMES, was.name.lower())
            txn.delete(SETS_OF, me, set_id)
            drop(txn, documents_of(was))

        return self._store.transact(_SLOT, work)


# -- changes of a set, to be given to StickerSets.change --------------------------------------------------------------


def added(sticker: Sticker) -> Change:
    """STICKERS_TOO_MUCH. A document is in a set once."""

    def change(was: StickerSet) -> StickerSet:
        if any(one.document == sticker.document for one in was.stickers):
            return was
        if len(was.stickers) >= MOST[was.kind]:
            raise errors.STICKERS_TOO_MUCH()
        return replace(was, stickers=(*was.stickers, sticker))

    return change


def removed(document: int) -> Change:
    def change(was: StickerSet) -> StickerSet:
        _place(was, document)
        return replace(was, stickers=tuple(one for one in was.stickers if one.document != document))

    return change


def moved(document: int, position: int) -> Change:
    """To the place `position`, counted from 0; too high is the end. STICKER_INVALID."""

    def change(was: StickerSet) -> StickerSet:
        stickers = list(was.stickers)
        one = stickers.pop(_place(was, document))
        stickers.insert(max(0, position), one)
        return replace(was, stickers=tuple(stickers))

    return change


def replaced(document: int, sticker: Sticker) -> Change:
    def change(was: StickerSet) -> StickerSet:
        stickers = list(was.stickers)
        stickers[_place(was, document)] = sticker
        return replace(was, stickers=tuple(stickers))

    return change


def renamed(title: str) -> Change:
    """PACK_TITLE_INVALID, at once."""
    check_title(title)
    return lambda was: replace(was, title=title)


def iconed(document: int) -> Change:
    """0 takes the icon away."""

    def change(was: StickerSet) -> StickerSet:
        if was.thumb == document:
            return was
        return replace(was, thumb=document, thumb_version=was.thumb_version + 1)

    return change


def check_title(title: str) -> None:
    if not title.strip() or len(title) > TITLE_CHARS or any(ord(one) < 32 for one in title):
        raise errors.PACK_TITLE_INVALID()


def _place(of: StickerSet, document: int) -> int:
    for place, one in enumerate(of.stickers):
        if one.document == document:
            return place
    raise errors.STICKER_INVALID()


def _less(many: list[int], fewer: list[int]) -> list[int]:
    """What of `many` is not in `fewer`, counting doubles."""
    left = list(fewer)
    found = []
    for one in many:
        if one in left:
            left.remove(one)
        else:
            found.append(one)
    return found


def _number(packed: bytes) -> int:
    return int.from_bytes(packed, "big")
