"""People as TL, as one viewer may see them: contact's names, phone and status by privacy, the viewer's access hash.

A drawn user is kept as bytes in two parts with the status between them, so that going on- and offline costs a joining
of bytes, not a drawing. services/views.py forgets it when a commit changes the user, the contact or a rule.
Never `lang_code` (CLIENTS A.19).
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Any, Final

from tgserve import errors, limits
from tgserve.render import photos
from tgserve.render.channel import channel_id
from tgserve.services import Services
from tgserve.services.channels import rights
from tgserve.services.presence import Status
from tgserve.services.privacy import ABOUT, BIRTHDAY, FORWARDS, PHONE
from tgserve.services.settings import UNTRANSLATED
from tgserve.services.users import SERVICE_ID
from tgserve.store import records as r
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import Raw

_MARK: Final = bytes.fromhex("c5f0a3976d1e4b8292e7d0346b5a1fc8")
"""Stands where the status goes while a user is drawn; the last one in the bytes counts, since nothing that people
write comes after the status."""
_ONE_INT = Struct("<Ii").pack
_ONE_FLAG = Struct("<Ii").pack
BOT_INFO_VERSION = 1
"""Grows when what clients keep of all bots is drawn otherwise."""
RECENTLY_DAYS, WEEK_DAYS, MONTH_DAYS = 3, 7, 30


class _Drawn:
    """One user for one viewer. `exact`: the viewer may know the second of last seen."""

    __slots__ = ("dcs", "exact", "head", "min_layer", "raw", "seen", "status", "tail")

    def __init__(
        self, head: bytes, tail: bytes, min_layer: int, exact: bool, seen: int, dcs: tuple[int, ...]
    ) -> None:
        self.head = head
        self.tail = tail
        self.min_layer = min_layer
        self.exact = exact
        self.seen = seen
        self.dcs = dcs
        self.status: Status | None = None
        self.raw: Any = None


def user(services: Services, viewer: int, user_id: int, status: Status | None = None) -> Any:
    """User as `viewer` sees it (a Raw); userEmpty when there never was one. `status`: of the user, where the caller
    has just asked for it."""
    by_viewer = services.views.drawn.get(user_id)
    drawn = by_viewer.get(viewer) if by_viewer is not None else None
    if drawn is None:
        drawn = _draw(services, viewer, user_id)
        if isinstance(drawn, t.UserEmpty):
            return drawn
    if status is None:
        status = services.presence.status(user_id)
    if drawn.status is not status and drawn.status != status:
        drawn.status = status
        shown = _status_bytes(status, drawn, int(services.clock.now()))
        drawn.raw = Raw(drawn.head + shown + drawn.tail, drawn.min_layer, drawn.dcs)
    return drawn.raw


def users(services: Services, viewer: int, ids: Iterable[int]) -> list[Any]:
    """Each user once, in the order of the ids; ids that are no people are left out."""
    return [user(services, viewer, user_id) for user_id in dict.fromkeys(ids) if user_id > 0]


def minimal(services: Services, user_id: int) -> t.AnyUser:
    """The min form, the same for everybody: goes with live posts of channels."""
    record = services.users.get_or_none(user_id)
    if record is None:
        return t.UserEmpty(id=user_id)
    if record.deleted:
        return t.User(min=True, id=user_id, deleted=True)
    made = t.User(
        min=True,
        id=user_id,
        bot=record.bot,
        bot_chat_history=record.bot,
        bot_info_version=BOT_INFO_VERSION if record.bot else None,
        verified=record.verified,
        scam=record.scam,
        fake=record.fake,
        first_name=record.first_name or None,
        last_name=record.last_name or None,
        username=record.username or None,
        color=_color(record.color, record.color_emoji),
    )
    # No preview in it: whom the person has blocked reads it too. A photo that not everybody may see is left as known.
    shot, made.apply_min_photo = services.photos.common(record)
    if shot is not None:
        made.photo = t.UserProfilePhoto(
            has_video=shot.film, photo_id=shot.id, dc_id=services.nodes.home_of_media(shot.id)
        )
    return made


def _draw(services: Services, viewer: int, user_id: int) -> _Drawn | t.UserEmpty:
    record = services.users.get_or_none(user_id)
    if record is None:
        return t.UserEmpty(id=user_id)
    contact, known_by = services.contacts.between(viewer, user_id)
    drawn = t.User(
        id=user_id,
        self_=viewer == user_id,
        access_hash=services.views.user_hash(viewer, user_id),
        deleted=record.deleted,
    )
    exact = True
    shot: r.Shot | None = None
    if not record.deleted:
        shown = contact or record
        drawn.contact = contact is not None
        drawn.close_friend = contact is not None and contact.close
        drawn.mutual_contact = contact is not None and contact.mutual
        drawn.first_name = shown.first_name or None
        drawn.last_name = shown.last_name or None
        drawn.username = record.username or None
        drawn.bot = record.bot
        if record.bot:
            drawn.bot_info_version = BOT_INFO_VERSION
            drawn.bot_chat_history = True
        drawn.verified = record.verified
        drawn.scam = record.scam
        drawn.fake = record.fake
        drawn.support = record.support
        drawn.color = _color(record.color, record.color_emoji)
        drawn.profile_color = _color(record.profile_color, record.profile_emoji)
        if record.phone and _phone_visible(services, viewer, record, contact, known_by):
            drawn.phone = record.phone
        elif contact is not None and contact.phone and services.nodes.far(user_id):
            drawn.phone = contact.phone  # the copy has none, and who has typed it in knows it
        shot, personal = services.photos.shown(viewer, record, contact, known_by=known_by)
        if shot is not None:
            drawn.photo = photos.of_user(services, shot, personal=personal)
        if user_id != SERVICE_ID and not record.bot:
            drawn.status = Raw(_MARK, 0)  # type: ignore[assignment]  # bytes stand for any boxed object
            exact = services.privacy.shows_status(user_id, viewer, contact=known_by)
    data, min_layer = layers.encode_part(drawn)
    head, mark, tail = data.rpartition(_MARK)
    if not mark:
        head, tail = data, b""
    # The photo stands right before the status, and its data centre is the last of it.
    dcs = (len(head) - 4,) if shot is not None else ()
    made = _Drawn(head, tail, min_layer, exact, record.last_online if mark else -1, dcs)
    services.views.keep(viewer, user_id, made)
    return made


def _color(color: int, emoji: int) -> t.PeerColor | None:
    if color < 0 and not emoji:
        return None
    return t.PeerColor(color=color if color >= 0 else None, background_emoji_id=emoji or None)


def _phone_visible(
    services: Services, viewer: int, record: r.User, contact: r.Contact | None, known_by: bool
) -> bool:
    """Who has typed the number in himself knows it anyway; everybody else needs the owner's leave."""
    if (
        viewer == record.id
        or record.id == SERVICE_ID
        or (contact is not None and contact.phone == record.phone)
    ):
        return True
    return services.privacy.allows(record.id, PHONE, viewer, contact=known_by)


def _status_bytes(status: Status, drawn: _Drawn, now: int) -> bytes:
    if drawn.seen < 0:
        return b""
    if drawn.exact:
        if status.online:
            return _ONE_INT(t.UserStatusOnline.ID, status.when)
        seen = status.when or drawn.seen
        return _ONE_INT(t.UserStatusOffline.ID, seen) if seen else _ONE_FLAG(t.UserStatusRecently.ID, 0)
    return layers.encode(_vague(status, drawn.seen, now))


def status(services: Services, viewer: int, user_id: int) -> t.AnyUserStatus:
    """The status alone, for contacts.getStatuses and updateUserStatus."""
    now = int(services.clock.now())
    current = services.presence.status(user_id)
    record = services.users.get_or_none(user_id)
    last = record.last_online if record is not None else 0
    if not services.privacy.shows_status(user_id, viewer):
        return _vague(current, last, now)
    if current.online:
        return t.UserStatusOnline(expires=current.when)
    seen = current.when or last
    return t.UserStatusOffline(was_online=seen) if seen else t.UserStatusRecently()


def _vague(status: Status, last: int, now: int) -> t.AnyUserStatus:
    """What those see who may not know the second."""
    days = 0 if status.online else (now - (status.when or last)) // limits.DAY
    if days <= RECENTLY_DAYS:
        return t.UserStatusRecently()
    if days <= WEEK_DAYS:
        return t.UserStatusLastWeek()
    if days <= MONTH_DAYS:
        return t.UserStatusLastMonth()
    return t.UserStatusEmpty()


def settings(services: Services, viewer: int, user_id: int) -> t.PeerSettings:
    """The bar above a chat: what the viewer is offered to do about this person."""
    if user_id in (viewer, SERVICE_ID):
        return t.PeerSettings()
    contact, _ = services.contacts.between(viewer, user_id)
    dialog = services.dialogs.head(viewer, user_id)
    record = services.users.get_or_none(user_id)
    if contact is not None or dialog.settings_hidden or (record is not None and record.bot):
        return t.PeerSettings()
    # TDLib logs an ERROR for the block button without the other two beside it.
    return t.PeerSettings(report_spam=True, add_contact=True, block_contact=True)


def full(services: Services, viewer: int, user_id: int, notify: Any) -> t.UserFull:
    """userFull; `notify` is the chat's peerNotifySettings as TL."""
    record = services.users.get(user_id)
    contact, known_by = services.contacts.between(viewer, user_id)
    allows = services.privacy.allows
    dialog = services.dialogs.head(viewer, user_id)
    made = t.UserFull(
        id=user_id,
        settings=settings(services, viewer, user_id),
        notify_settings=notify,
        common_chats_count=0 if viewer == user_id else _common(services, viewer, user_id),
        can_pin_message=True,
        blocked=services.blocks.has_blocked(viewer, user_id),
    )
    if record.bot:
        made.bot_info = t.BotInfo(user_id=user_id, description=record.about or None, commands=[])
    if dialog.ttl_period:
        made.ttl_period = dialog.ttl_period
    pinned = services.pinning.newest(viewer, user_id)
    if pinned:
        made.pinned_msg_id = pinned
    made.has_scheduled = services.scheduling.has_any(viewer, user_id)
    if dialog.folder:
        made.folder_id = dialog.folder
    if services.settings.get_or_none(viewer, f"{UNTRANSLATED}{user_id}") is not None:
        made.translations_disabled = True
    if record.about and allows(user_id, ABOUT, viewer, contact=known_by):
        made.about = record.about
    _draw_photos(services, viewer, record, contact, known_by, made)
    day, month, year = record.birthday
    if day and allows(user_id, BIRTHDAY, viewer, contact=known_by):
        made.birthday = t.Birthday(day=day, month=month, year=year or None)
    channel = personal_channel(services, viewer, user_id)
    if channel:
        made.personal_channel_id = channel_id(channel)
        made.personal_channel_message = services.channels.register.top(channel).msg_id
    if not allows(user_id, FORWARDS, viewer, contact=known_by):
        made.private_forward_name = f"{record.first_name} {record.last_name}".strip()
    if not allows(user_id, "voice_messages", viewer, contact=known_by):
        made.voice_messages_forbidden = True
    if not allows(user_id, "phone_call", viewer, contact=known_by):
        made.phone_calls_private = True
    if contact is not None and contact.note:
        made.note = Raw(contact.note, layers.CURRENT)  # type: ignore[assignment]
    return made


def personal_channel(services: Services, viewer: int, user_id: int) -> int:
    """The channel named in a profile, 0 for none that the viewer may look at."""
    channel = services.users.get(user_id).personal_channel
    if not channel:
        return 0
    try:
        record, _ = services.channels.register.view(viewer, channel)
    except errors.RpcError:
        return 0
    return channel if record.creator == user_id and rights.is_public(record) else 0


def _draw_photos(
    services: Services,
    viewer: int,
    record: r.User,
    contact: r.Contact | None,
    known_by: bool,
    made: t.UserFull,
) -> None:
    """Each photo that the viewer may see: the one he has chosen himself, the person's own, the fallback."""

    def whole(shot: r.Shot) -> Any:
        return photos.whole(services, viewer, record.id, shot.id)

    if contact is not None and contact.photo is not None:
        made.personal_photo = whole(contact.photo)
    shot, _ = services.photos.shown(viewer, record, None, known_by=known_by)
    if record.photo is not None and shot == record.photo:
        made.profile_photo = whole(record.photo)
    if record.fallback is not None and (viewer == record.id or shot == record.fallback):
        made.fallback_photo = whole(record.fallback)


def _common(services: Services, viewer: int, user_id: int) -> int:
    """Groups both are in."""
    supergroups = services.channels.members.common(viewer, user_id)
    return len(services.groups.rosters.common(viewer, user_id)) + len(supergroups)
