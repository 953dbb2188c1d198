"""How chats look: wallpapers and themes that people have uploaded, and what each chat is set to.

A wallpaper or theme has an id and a slug, both everybody's; only its maker changes it. What a chat is set to is a
setting of its owner; a theme, and a wallpaper set for both, goes to the other side by outbox.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services.files.holding import drop, hold
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import payloads as pl
from tgserve.store.commit import Commit
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import SCENE_NAMES, SCENES, USER_SETTINGS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.sticker_records import SCENES as PLACE
from tgserve.store.sticker_records import Scene
from tgserve.store.transaction import Txn

WALLPAPER: Final = "wallpaper"
THEME: Final = "theme"
SLUG_BYTES: Final = 18
_SLOT: Final = slot_of(PLACE)
_SLUG: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{4,63}")
Origin = tuple[int, int] | None


class Scenes:
    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        store.on_outbox(pl.DeliverScene, deliver)

    def get_or_none(self, scene_id: int, kind: str) -> Scene | None:
        with self._store.read(_SLOT) as reader:
            found = reader.get(SCENES, scene_id)
        return found if found is not None and found.kind == kind else None

    def named_or_none(self, slug: str, kind: str) -> Scene | None:
        with self._store.read(_SLOT) as reader:
            number = reader.get(SCENE_NAMES, _key(kind, slug))
            return None if number is None else reader.get(SCENES, int.from_bytes(number, "big"))

    def create(self, made: Scene) -> Commit[Scene]:
        """A new wallpaper or theme: id and date are given here, and a slug where there is none. THEME_SLUG_INVALID; the
        commit raises THEME_SLUG_OCCUPIED."""
        if made.slug:
            check_slug(made.slug)
        slug = made.slug or base64.urlsafe_b64encode(self._ids.random_bytes(SLUG_BYTES)).decode()
        now = int(self._clock.now())
        one = replace(made, id=self._ids.u64() >> 2 | 1 << 60, date=now, slug=slug)

        def work(txn: Txn) -> Scene:
            _claim(txn, one)
            txn.put(SCENES, one.id, value=one)
            hold(txn, _documents(one))
            return one

        return self._store.transact(_SLOT, work)

    def change(self, me: int, scene_id: int, change: Callable[[Scene], Scene]) -> Commit[Scene]:
        """THEME_INVALID when it is not there, or another's; THEME_SLUG_OCCUPIED."""

        def work(txn: Txn) -> Scene:
            was = txn.get(SCENES, scene_id)
            if was is None or was.owner != me:
                raise errors.THEME_INVALID()
            made = change(was)
            if made.slug != was.slug:
                _claim(txn, made)
                txn.delete(SCENE_NAMES, _key(was.kind, was.slug))
            txn.put(SCENES, scene_id, value=made)
            hold(txn, _documents(made))
            drop(txn, _documents(was))
            return made

        return self._store.transact(_SLOT, work)

    def installed(self, scene_id: int) -> Commit[None]:
        """Somebody uses it."""

        def work(txn: Txn) -> None:
            was = txn.get(SCENES, scene_id)
            if was is not None:
                txn.put(SCENES, scene_id, value=replace(was, installs=was.installs + 1))

        return self._store.transact(_SLOT, work)

    # -- of chats -----------------------------------------------------------------------------------------------------

    def of_chat(self, me: int, peer: int, what: str) -> bytes:
        """What a chat is set to (the caller's bytes), empty when it is as all others are."""
        with self._store.read(slot_of(me)) as reader:
            return reader.get(USER_SETTINGS, me, f"{what}:{peer}") or b""

    def set_chat(
        self, me: int, peer: int, what: str, value: bytes, *, both: bool, origin: Origin = None
    ) -> Commit[Published | None]:
        """Set how a private chat looks, for the other side too when `both`. None when it was so already."""
        now = int(self._clock.now())

        def work(txn: Txn) -> Published | None:
            if both and peer != me:
                txn.outbox(slot_of(peer), pl.DeliverScene(peer, me, what, value, now))
            return _set(txn, me, peer, what, value, now, origin)

        return self._store.transact(slot_of(me), work)


def check_slug(slug: str) -> None:
    if not _SLUG.fullmatch(slug):
        raise errors.THEME_SLUG_INVALID()


def deliver(txn: Txn, news: pl.DeliverScene, memo: object) -> None:
    """Outbox: the other side has changed the chat's look for both."""
    _set(txn, news.user, news.peer, news.what, news.value, news.date)


def _set(
    txn: Txn, user: int, peer: int, what: str, value: bytes, now: int, origin: Origin = None
) -> Published | None:
    name = f"{what}:{peer}"
    if (txn.get(USER_SETTINGS, user, name) or b"") == value:
        return None
    if value:
        txn.put(USER_SETTINGS, user, name, value=value)
    else:
        txn.delete(USER_SETTINGS, user, name)
    if what != WALLPAPER:
        return None
    return eventlog.append(txn, user, ev.SceneChanged(peer), now=now, raises=0, origin=origin)


def _claim(txn: Txn, one: Scene) -> None:
    key = _key(one.kind, one.slug)
    if txn.get(SCENE_NAMES, key) is not None:
        raise errors.THEME_SLUG_OCCUPIED()
    txn.put(SCENE_NAMES, key, value=one.id.to_bytes(8, "big"))


def _documents(one: Scene) -> list[int]:
    return [*([one.document] if one.document else []), *(file[0] for file in one.files)]


def _key(kind: str, slug: str) -> str:
    return f"{kind}:{slug.lower()}" if kind == THEME else f"{kind}:{slug}"
