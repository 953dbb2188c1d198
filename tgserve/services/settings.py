"""Small things an account remembers: TL or text bytes by name, and how loud each chat is.

Values are opaque here. A chat's own notify settings live in its dialog's row, so that the dialog list needs no second
look; a chat that is not in the list gets a hidden row. Defaults for kinds of chats live among the named settings.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.services import archive
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.keyspaces import DIALOGS, USER_SETTINGS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

UNTRANSLATED = "untranslated:"
"""With a peer the name of a setting: that chat is not to be translated."""
VALUE_BYTES = 16_384
"""No honest setting comes near this."""
Origin = tuple[int, int] | None


@dataclass(slots=True, frozen=True)
class SettingsChanged:
    """Published when a named setting of `user` has changed, or how loud kinds of chats are."""

    user: int


class Settings:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def get_or_none(self, user_id: int, name: str) -> bytes | None:
        with self._store.read(slot_of(user_id)) as reader:
            return reader.get(USER_SETTINGS, user_id, name)

    def named(self, user_id: int, prefix: str) -> dict[str, bytes]:
        """Every named setting that begins with `prefix`."""
        with self._store.read(slot_of(user_id)) as reader:
            found = reader.range(USER_SETTINGS, user_id)
            return {name: value for (*_, name), value in found if name.startswith(prefix)}

    async def put(self, user_id: int, name: str, value: bytes) -> None:
        """Remember `value`; b"" forgets. DATA_INVALID when it is absurdly long."""
        if len(value) > VALUE_BYTES:
            raise errors.DATA_INVALID()

        def work(txn: Txn) -> None:
            if value:
                txn.put(USER_SETTINGS, user_id, name, value=value)
            else:
                txn.delete(USER_SETTINGS, user_id, name)
            if name == archive.KEEP:
                archive.listen_again(txn, user_id)
            txn.publish(SettingsChanged(user_id))

        await self._store.transact(slot_of(user_id), work)

    async def put_default_notify(
        self, user_id: int, kind: str, value: bytes, muted_until: int, origin: Origin = None
    ) -> None:
        """How loud chats of a kind (users, chats, broadcasts) are by default, as TL, and until when they are silent;
        the other devices are told."""
        if len(value) > VALUE_BYTES:
            raise errors.DATA_INVALID()
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            txn.put(USER_SETTINGS, user_id, f"notify:{kind}", value=value)
            txn.put(USER_SETTINGS, user_id, archive.MUTED + kind, value=b"%d" % muted_until)
            archive.listen_again(txn, user_id)
            eventlog.append(txn, user_id, ev.DefaultNotifyChanged(kind), now=now, raises=0, origin=origin)
            txn.publish(SettingsChanged(user_id))

        await self._store.transact(slot_of(user_id), work)

    async def forget_all(self, user_id: int, prefix: str) -> None:
        """Forget every named setting that begins with `prefix`."""

        def work(txn: Txn) -> None:
            names = [name for (*_, name), _ in txn.range(USER_SETTINGS, user_id) if name.startswith(prefix)]
            for name in names:
                txn.delete(USER_SETTINGS, user_id, name)
            archive.listen_again(txn, user_id)
            txn.publish(SettingsChanged(user_id))

        await self._store.transact(slot_of(user_id), work)

    def notify(self, user_id: int, peer: int) -> bytes:
        """TL peerNotifySettings of one chat, b"" when it follows the defaults."""
        with self._store.read(slot_of(user_id)) as reader:
            dialog = reader.get(DIALOGS, user_id, peer)
        return dialog.notify if dialog is not None else b""

    async def set_notify(
        self, user_id: int, peer: int, value: bytes, layer: int, muted_until: int, origin: Origin = None
    ) -> None:
        """Set a chat's own notify settings (boxed TL of `layer`) and tell the user's other devices. `muted_until` is
        what they say of that, -1 for nothing."""
        if len(value) > VALUE_BYTES:
            raise errors.DATA_INVALID()
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            dialog = txn.get(DIALOGS, user_id, peer) or r.Dialog(hidden=True)
            dialog = replace(dialog, notify=value, notify_layer=layer, muted_until=muted_until)
            txn.put(DIALOGS, user_id, peer, value=dialog)
            archive.listen(txn, user_id, peer, dialog)
            eventlog.append(txn, user_id, ev.NotifyChanged(peer=peer), now=now, raises=0).origin = origin

        await self._store.transact(slot_of(user_id), work)

    async def reset_notify(self, user_id: int) -> None:
        """Every chat follows the defaults again, and the defaults are ours."""

        def work(txn: Txn) -> None:
            loud = [(peer, dialog) for (*_, peer), dialog in txn.range(DIALOGS, user_id) if dialog.notify]
            for peer, dialog in loud:
                dialog = replace(dialog, notify=b"", notify_layer=0, muted_until=-1)
                txn.put(DIALOGS, user_id, peer, value=dialog)

        await self._store.transact(slot_of(user_id), work)
        await self.forget_all(user_id, "notify:")
        await self.forget_all(user_id, archive.MUTED)
