"""How loud chats are for somebody, out of the rows of his settings: what decide.py judges by.

Kinds of chats are kept in memory by user and read again when any setting of his has changed; a chat's own settings
stand in its row, which is read with the message anyway. The bytes are TL, so whoever knows TL says what they mean.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tgserve.services.archive import MUTED
from tgserve.services.push import decide
from tgserve.services.push.decide import DEFAULT, UNSET, Loud, settled
from tgserve.services.settings import SettingsChanged
from tgserve.store import records as r
from tgserve.store.keyspaces import DIALOGS, TOPIC_HEADS, USER_SETTINGS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader

USERS_KEPT: Final = 50_000
BYTES_KEPT: Final = 10_000
REACTIONS: Final = "reactions_notify"


@dataclass(slots=True, frozen=True)
class Defaults:
    """What one user has set for kinds of chats, and for reactions."""

    users: Loud = DEFAULT
    chats: Loud = DEFAULT
    broadcasts: Loud = DEFAULT
    reactions_of: int = decide.CONTACTS
    reaction_previews: bool = True


def _says_nothing(data: bytes) -> Loud:
    return UNSET


def _of_contacts(data: bytes) -> tuple[int, bool]:
    return decide.CONTACTS, True


class Loudness:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._defaults: OrderedDict[int, Defaults] = OrderedDict()
        self._read: dict[bytes, Loud] = {}
        self.hear: Callable[[bytes], Loud] = _says_nothing
        """TL peerNotifySettings -> what they say."""
        self.reactions: Callable[[bytes], tuple[int, bool]] = _of_contacts
        """TL reactionsNotifySettings -> whose reactions, whether with previews."""

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber."""
        for item in batch:
            if type(item) is SettingsChanged:
                self._defaults.pop(item.user, None)

    def defaults(self, user: int) -> Defaults:
        found = self._defaults.get(user)
        if found is None:
            found = self._load(user)
            self._defaults[user] = found
            if len(self._defaults) > USERS_KEPT:
                self._defaults.popitem(last=False)
        return found

    def of_chat(self, user: int, dialog: r.Dialog | None, of_kind: Loud, topic: bytes = b"") -> Loud:
        """Settled, for one chat of a user (and a topic of it)."""
        if (dialog is None or not dialog.notify) and not topic:
            return of_kind
        own = self._heard(dialog.notify) if dialog is not None and dialog.notify else UNSET
        return settled(self._heard(topic), own, of_kind) if topic else settled(own, of_kind)

    def of_user(self, user: int, other: int) -> Loud:
        """Settled, for the private chat with somebody."""
        with self._store.read(slot_of(user)) as reader:
            dialog = reader.get(DIALOGS, user, other)
        return self.of_chat(user, dialog, self.defaults(user).users)

    def topic(self, reader: Reader, user: int, channel: int, topic: int) -> bytes:
        """What somebody has set for one topic of a forum."""
        head = reader.get(TOPIC_HEADS, user, channel, topic)
        return head.notify if head is not None else b""

    def _load(self, user: int) -> Defaults:
        kinds: dict[str, Loud] = {}
        with self._store.read(slot_of(user)) as reader:
            for kind in ("users", "chats", "broadcasts"):
                data = reader.get(USER_SETTINGS, user, f"notify:{kind}")
                if data:
                    until = reader.get(USER_SETTINGS, user, MUTED + kind)
                    heard = settled(self._heard(data), DEFAULT)
                    kinds[kind] = heard._replace(until=int(until)) if until else heard
            stored = reader.get(USER_SETTINGS, user, REACTIONS)
        whose, previews = self.reactions(stored) if stored else (decide.CONTACTS, True)
        return Defaults(**kinds, reactions_of=whose, reaction_previews=previews)

    def _heard(self, data: bytes) -> Loud:
        found = self._read.get(data)
        if found is None:
            if len(self._read) >= BYTES_KEPT:
                self._read.clear()
            found = self._read[data] = self.hear(data)
        return found
