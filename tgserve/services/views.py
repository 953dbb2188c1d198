"""What has been drawn for whom, and the access hashes worked out: memory only, dropped when a commit makes it stale.

Services know nothing of drawing: `drawn` holds whatever render/user.py put there, by user and by viewer. One thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tgserve.ids import AccessHashes
from tgserve.services.users import UserStored
from tgserve.store import events as ev
from tgserve.store.eventlog import Published

DRAWN_KEPT = 200_000
"""Drawn users over all viewers: about 0.5 KiB each."""
HASHES_KEPT = 500_000


@dataclass(slots=True, frozen=True)
class Redraw:
    """Published: `viewer` must draw `user_id` again, without any of his devices being told (privacy, contacts)."""

    viewer: int
    user_id: int


@dataclass(slots=True, frozen=True)
class RedrawForAll:
    """Published: every viewer must draw `user_id` again (a privacy rule has changed)."""

    user_id: int


class Views:
    def __init__(self, access: AccessHashes) -> None:
        self._access = access
        self.drawn: dict[int, dict[int, Any]] = {}
        """user -> viewer -> what render/user.py keeps."""
        self.count = 0
        self._hashes: dict[tuple[int, int], int] = {}
        self._channel_hashes: dict[tuple[int, int], int] = {}

    def user_hash(self, viewer: int, user_id: int) -> int:
        """The access hash of a user for a viewer (SECURITY 6.1), remembered: it is asked for at every call."""
        known = self._hashes.get((viewer, user_id))
        if known is None:
            if len(self._hashes) >= HASHES_KEPT:
                self._hashes.clear()
            known = self._hashes[viewer, user_id] = self._access.of(viewer, b"u", user_id)
        return known

    def channel_hash(self, viewer: int, channel_id: int) -> int:
        """The access hash of a channel (by the id that clients know) for a viewer."""
        known = self._channel_hashes.get((viewer, channel_id))
        if known is None:
            if len(self._channel_hashes) >= HASHES_KEPT:
                self._channel_hashes.clear()
            known = self._channel_hashes[viewer, channel_id] = self._access.of(viewer, b"c", channel_id)
        return known

    def keep(self, viewer: int, user_id: int, drawn: Any) -> None:
        if self.count >= DRAWN_KEPT:
            self.drawn.clear()
            self.count = 0
        by_viewer = self.drawn.setdefault(user_id, {})
        if viewer not in by_viewer:
            self.count += 1
        by_viewer[viewer] = drawn

    def drop_user(self, user_id: int) -> None:
        self.count -= len(self.drawn.pop(user_id, ()))

    def drop(self, viewer: int, user_id: int) -> None:
        by_viewer = self.drawn.get(user_id)
        if by_viewer is not None and by_viewer.pop(viewer, None) is not None:
            self.count -= 1

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber; must hear of a commit before anything is drawn because of it."""
        for item in batch:
            kind = type(item)
            if kind is Published:
                if type(item.event) is ev.ContactChanged:
                    self.drop(item.user_id, item.event.user_id)
                elif type(item.event) is ev.PeerBlocked:
                    self.drop(item.event.peer, item.user_id)  # who is blocked sees no photo any more
            elif kind is UserStored:
                self.drop_user(item.user.id)
            elif kind is Redraw:
                self.drop(item.viewer, item.user_id)
            elif kind is RedrawForAll:
                self.drop_user(item.user_id)
                # What he may see of others follows from his own rules too (last seen).
                for user_id in list(self.drawn):
                    self.drop(item.user_id, user_id)
