"""Photos of people: their own, one after the other; the fallback for those who may not see them; how others want to see
them. Who sees which is decided here (SECURITY 6.13), for drawing as for fetching.

Rules: every photo that is named here is held (services/files/holding.py) by the row or record that names it, in the
transaction that does; User.photo is the newest of PROFILE_PHOTOS. The privacy key is profile_photo.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.blocking import Blocks
from tgserve.services.channels.register import Register
from tgserve.services.contacts import Contacts, release_photo
from tgserve.services.files.holding import drop, hold
from tgserve.services.groups.roster import Rosters
from tgserve.services.privacy import PHOTO, Privacy
from tgserve.services.users import Users, put_user, tell_of_change
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.keyspaces import CONTACTS, PROFILE_PHOTOS, USERS
from tgserve.store.media_records import Media
from tgserve.store.photo_records import OwnPhoto
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Reader, Txn

Origin = tuple[int, int] | None
SMALL, BIG = "a", "c"
"""Sizes that clients ask for by the words small and big (inputPeerPhotoFileLocation)."""


def shot_of(media: Media) -> r.Shot:
    """What is drawn of a photo with every mention of its owner."""
    return r.Shot(media.id, media.stripped, bool(media.films or media.markup))


def square(media: Media) -> bool:
    """Was it made to be the photo of a person or chat?"""
    return media.photo and {SMALL, BIG} <= {one.type for one in media.sizes}


class Photos:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        users: Users,
        contacts: Contacts,
        privacy: Privacy,
        blocks: Blocks,
        rosters: Rosters,
        register: Register,
    ) -> None:
        self._store = store
        self._clock = clock
        self._users = users
        self._contacts = contacts
        self._privacy = privacy
        self._blocks = blocks
        self._rosters = rosters
        self._register = register

    # -- who sees what ------------------------------------------------------------------------------------------------

    def sees(self, viewer: int, user_id: int, *, known_by: bool | None = None) -> bool:
        """May `viewer` see the photos of a user? `known_by`: whether the user has the viewer as contact, when known."""
        if viewer == user_id:
            return True
        return not self._blocks.has_blocked(user_id, viewer) and self._privacy.allows(
            user_id, PHOTO, viewer, contact=known_by
        )

    def shown(
        self, viewer: int, user: r.User, contact: r.Contact | None, *, known_by: bool | None = None
    ) -> tuple[r.Shot | None, bool]:
        """The photo a viewer sees beside a user's name, and whether it is the viewer's own choice. `contact`: the
        viewer's entry for the user."""
        if contact is not None and contact.photo is not None:
            return contact.photo, True
        if viewer == user.id:
            return user.photo or user.fallback, False  # TDLib compares it with userFull
        if (user.photo is None and user.fallback is None) or self._blocks.has_blocked(user.id, viewer):
            return None, False
        if user.photo is not None and self._privacy.allows(user.id, PHOTO, viewer, contact=known_by):
            return user.photo, False
        return user.fallback, False

    def common(self, user: r.User) -> tuple[r.Shot | None, bool]:
        """What everybody is shown, and whether there is nobody who sees something else by the user's rules. Whom he
        has blocked gets no photo's bytes even so (`fetchable`)."""
        if user.photo is None:
            return user.fallback, True
        return (user.photo, True) if self._privacy.open_to_all(user.id, PHOTO) else (None, False)

    def history(
        self, viewer: int, user_id: int, offset: int, after: int, limit: int
    ) -> tuple[int, list[int]]:
        """(how many there are, ids of the photos from place `offset` on), the newest first; `after` > 0: from behind
        the photo of this id on. Who may not see them is shown the fallback."""
        user = self._users.get(user_id)
        if user.deleted:
            return 0, []
        if self.sees(viewer, user_id):
            with self._store.read(slot_of(user_id)) as reader:
                found = [row.photo for row in _newest_first(reader, user_id)]
        else:
            shot, personal = self.shown(viewer, user, None)
            found = [] if shot is None or personal else [shot.id]
        if after > 0 and after in found:
            offset += found.index(after) + 1
        offset = max(offset, 0)
        return len(found), found[offset : offset + limit]

    def fetchable(self, viewer: int, peer: int, photo_id: int) -> bool:
        """May `viewer` have this photo of a person or group now? Asked at every fetch by the person or group."""
        if peer <= -CHANNEL_BASE:
            return self._of_channel(viewer, peer, photo_id)
        if peer < 0:
            roster = self._rosters.get_or_none(peer)
            if roster is None or not roster.has(viewer) or roster.group.photo is None:
                return False
            return roster.group.photo.id == photo_id
        user = self._users.get_or_none(peer)
        if user is None or user.deleted:
            return False
        contact = self._contacts.get_or_none(viewer, peer)
        shown, _ = self.shown(viewer, user, contact)
        if shown is not None and shown.id == photo_id:
            return True
        if user.fallback is not None and user.fallback.id == photo_id:
            return not self._blocks.has_blocked(peer, viewer)
        if not self.sees(viewer, peer):
            return False
        with self._store.read(slot_of(peer)) as reader:
            return any(row.photo == photo_id for row in _newest_first(reader, peer))

    def _of_channel(self, viewer: int, channel: int, photo_id: int) -> bool:
        try:
            record, _ = self._register.view(viewer, channel)
        except errors.RpcError:
            return False
        return record.photo is not None and record.photo.id == photo_id

    # -- one's own ----------------------------------------------------------------------------------------------------

    async def install(self, me: int, media: Media) -> None:
        """Make a photo the one shown; those before it stay behind it. PHOTO_ID_INVALID for one that is not square."""
        shot = _shot(media)
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            user = _own(txn, me)
            number = 1
            for key, row in list(txn.range(PROFILE_PHOTOS, me, reverse=True)):
                number = max(number, key[1] + 1)
                if row.photo == shot.id:  # an older one, shown again
                    if user.photo is not None and user.photo.id == shot.id:
                        return
                    txn.delete(PROFILE_PHOTOS, *key)
                    break
            else:
                hold(txn, (shot.id,))
            value = OwnPhoto(shot.id, now, shot.stripped, shot.film)
            txn.put(PROFILE_PHOTOS, me, number, value=value)
            _trim(txn, me)
            put_user(txn, replace(user, photo=shot))
            tell_of_change(txn, me, "photo", now)

        await self._store.transact(slot_of(me), work)

    async def take_down(self, me: int) -> int:
        """Delete the photo that is shown; the id of the one behind it, which is shown now, 0 for none."""
        user = self._users.get(me)
        if user.photo is not None:
            await self.delete(me, (user.photo.id,))
        shot = self._users.get(me).photo
        return shot.id if shot is not None else 0

    async def delete(self, me: int, photo_ids: Collection[int]) -> list[int]:
        """Delete photos of one's own, the fallback too; returns the ids of those that were there."""
        wanted = set(photo_ids)
        now = int(self._clock.now())

        def work(txn: Txn) -> list[int]:
            user = _own(txn, me)
            gone: list[int] = []
            first: r.Shot | None = None
            for key, row in list(txn.range(PROFILE_PHOTOS, me, reverse=True)):
                if row.photo in wanted:
                    txn.delete(PROFILE_PHOTOS, *key)
                    gone.append(row.photo)
                elif first is None:
                    first = r.Shot(row.photo, row.stripped, row.film)
            fallback = user.fallback
            if fallback is not None and fallback.id in wanted:
                gone.append(fallback.id)
                fallback = None
            drop(txn, gone)
            if (first, fallback) != (user.photo, user.fallback):
                put_user(txn, replace(user, photo=first, fallback=fallback))
                tell_of_change(txn, me, "photo", now)
            return list(dict.fromkeys(gone))

        return await self._store.transact(slot_of(me), work)

    async def set_fallback(self, me: int, media: Media | None) -> None:
        """What those see who may not see the photos; None: nothing. PHOTO_ID_INVALID for one that is not square."""
        shot = _shot(media) if media is not None else None
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            user = _own(txn, me)
            if user.fallback == shot:
                return
            if shot is not None:
                hold(txn, (shot.id,))
            if user.fallback is not None:
                drop(txn, (user.fallback.id,))
            put_user(txn, replace(user, fallback=shot))
            tell_of_change(txn, me, "photo", now)

        await self._store.transact(slot_of(me), work)

    # -- of one's contacts --------------------------------------------------------------------------------------------

    async def set_for_contact(
        self, me: int, user_id: int, media: Media | None, origin: Origin = None
    ) -> None:
        """How `me` alone wants to see a contact; None: as everybody else. CONTACT_MISSING, PHOTO_ID_INVALID."""
        shot = _shot(media) if media is not None else None
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            contact = txn.get(CONTACTS, me, user_id)
            if contact is None:
                raise errors.CONTACT_MISSING()
            if contact.photo == shot:
                return
            if shot is not None:
                hold(txn, (shot.id,))
            release_photo(txn, contact)
            txn.put(CONTACTS, me, user_id, value=replace(contact, photo=shot))
            event = ev.ContactChanged(user_id=user_id)
            eventlog.append(txn, me, event, now=now, raises=0, origin=origin)

        await self._store.transact(slot_of(me), work)


def release_all(txn: Txn, user: r.User) -> None:
    """The account goes, and its photos with it."""
    rows = list(txn.range(PROFILE_PHOTOS, user.id))
    for key, _ in rows:
        txn.delete(PROFILE_PHOTOS, *key)
    drop(txn, [row.photo for _, row in rows])
    if user.fallback is not None:
        drop(txn, (user.fallback.id,))


def _own(txn: Txn, me: int) -> r.User:
    user = txn.get(USERS, me)
    if user is None or user.deleted:
        raise errors.USER_DEACTIVATED()
    return user


def _shot(media: Media) -> r.Shot:
    if not square(media):
        raise errors.PHOTO_ID_INVALID()
    return shot_of(media)


def _newest_first(reader: Reader, user_id: int) -> list[OwnPhoto]:
    return [row for _, row in reader.range(PROFILE_PHOTOS, user_id, reverse=True)]


def _trim(txn: Txn, me: int) -> None:
    """The oldest go when there are too many."""
    rows = list(txn.range(PROFILE_PHOTOS, me, reverse=True))
    for key, row in rows[limits.PROFILE_PHOTOS :]:
        txn.delete(PROFILE_PHOTOS, *key)
        drop(txn, (row.photo,))
