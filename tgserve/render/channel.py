"""Channels as TL, as one viewer may see them (SECURITY 6.1, 6.2): in full for members, with `left` for those who look
at a public one, as channelForbidden for those who may not.

What goes out with a live post is the same for all: the `min` form, drawn once for each state of the channel.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

from tgserve.render import photos
from tgserve.render import stickers as render_stickers
from tgserve.render.invite import invite
from tgserve.render.peers import peer as peer_object
from tgserve.render.stored import notify_settings, stored
from tgserve.services import Services
from tgserve.services.channels import rights
from tgserve.services.channels.register import Known
from tgserve.store import channel_records as c
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import raw

FOR_EVER = 2**31 - 1
"""until_date of rights without an end (CLIENTS A.19)."""
TABS: dict[str, t.AnyProfileTab] = {
    "posts": t.ProfileTabPosts(),
    "gifts": t.ProfileTabGifts(),
    "media": t.ProfileTabMedia(),
    "files": t.ProfileTabFiles(),
    "music": t.ProfileTabMusic(),
    "voice": t.ProfileTabVoice(),
    "links": t.ProfileTabLinks(),
    "gifs": t.ProfileTabGifs(),
}
"""Channel.main_tab -> TL."""
BOTS_TOLD = 50
_BANNED = Struct("<IIi").pack
_ADMIN = Struct("<II").pack


def channel_id(peer: int) -> int:
    """The id that clients know a channel by."""
    return -peer - CHANNEL_BASE


def banned_rights(flags: int, until: int = 0) -> Any:
    data = _BANNED(t.ChatBannedRights.ID, flags, until or FOR_EVER)
    return raw(data, layers.since(t.ChatBannedRights.ID))


def admin_rights(flags: int) -> Any:
    return raw(_ADMIN(t.ChatAdminRights.ID, flags), layers.since(t.ChatAdminRights.ID))


def admin_flags(granted: t.AnyChatAdminRights) -> int:
    """The flag word of chatAdminRights; `other` stands for `is admin` and is always set with any."""
    flags = int.from_bytes(layers.encode(granted)[4:8], "little") & rights.ADMIN_SETTABLE
    return flags


def channel(services: Services, viewer: int, peer: int) -> Any:
    """The Chat of a channel as `viewer` sees it; chatEmpty when there never was one."""
    known = services.channels.register.known_or_none(peer)
    if known is None:
        return t.ChatEmpty(id=channel_id(peer))
    seat = services.channels.register.participant(peer, viewer)
    return draw(services, viewer, known, seat)


def draw(services: Services, viewer: int, known: Known, seat: c.Participant | None) -> t.AnyChat:
    record, peer = known.record, known.channel
    number = channel_id(peer)
    access_hash = services.views.channel_hash(viewer, number)
    if record.deleted or not services.channels.register.may_see(viewer, peer, record, seat):
        until = seat.until if seat is not None and seat.state == c.KICKED else 0
        return t.ChannelForbidden(
            broadcast=not record.megagroup,
            megagroup=record.megagroup,
            id=number,
            access_hash=access_hash,
            title=record.title,
            until_date=until or None,
        )
    made = _common(services, record, number)
    made.access_hash = access_hash
    made.creator = viewer == record.creator and seat is not None
    made.left = not rights.is_member(seat)
    flags = rights.admin_rights(record, viewer, seat)
    if flags:
        made.admin_rights = admin_rights(flags)
    if seat is not None and seat.banned and seat.state == c.MEMBER:
        made.banned_rights = banned_rights(seat.banned, seat.until)
    made.participants_count = record.members
    return made


def minimal(services: Services, known: Known) -> Any:
    """The min form, the same for everybody: a Raw kept with the state of the channel."""
    drawn = known.drawn.get("min")
    if drawn is None:
        made = _common(services, known.record, channel_id(known.channel))
        made.min = True
        drawn = known.drawn["min"] = layers.drawn(made)
    return drawn


def _common(services: Services, record: c.Channel, number: int) -> t.Channel:
    active = [name for name, shown in record.usernames if shown]
    made = t.Channel(
        broadcast=not record.megagroup,
        megagroup=record.megagroup,
        signatures=record.signatures,
        signature_profiles=record.profiles,
        has_link=bool(record.linked),
        slowmode_enabled=bool(record.slow_mode_seconds),
        gigagroup=record.gigagroup,
        noforwards=record.noforwards,
        join_to_send=record.join_to_send,
        join_request=record.join_request,
        forum=record.forum,
        forum_tabs=record.forum_tabs,
        id=number,
        title=record.title,
        photo=photos.of_chat(services, record.photo),
        date=record.date,
    )
    if len(record.usernames) == 1 and active and not record.given:
        made.username = active[0]
    elif record.usernames:
        made.usernames = [
            t.Username(editable=name.lower() not in record.given, active=shown, username=name)
            for name, shown in record.usernames
        ]
    if record.megagroup:
        made.default_banned_rights = banned_rights(record.banned)
    if record.color >= 0 or record.color_emoji:
        made.color = t.PeerColor(
            color=record.color if record.color >= 0 else None, background_emoji_id=record.color_emoji or None
        )
    if record.profile_color >= 0 or record.profile_emoji:
        made.profile_color = t.PeerColor(
            color=record.profile_color if record.profile_color >= 0 else None,
            background_emoji_id=record.profile_emoji or None,
        )
    return made


def full(services: Services, viewer: int, peer: int) -> t.ChannelFull:
    """channelFull for one who may see the channel. CHANNEL_INVALID, CHANNEL_PRIVATE."""
    register = services.channels.register
    record, seat = register.view(viewer, peer)
    head = services.channels.reading.dialog(viewer, peer, services.dialogs.head(viewer, peer))
    top = register.top(peer)
    may = rights.admin_rights(record, viewer, seat)
    admin = rights.is_admin(record, viewer, seat)
    member = rights.is_member(seat)
    made = t.ChannelFull(
        can_view_participants=(record.megagroup and not record.members_hidden and member) or admin,
        can_set_username=viewer == record.creator,
        can_set_stickers=record.megagroup and bool(may & rights.INFO),
        hidden_prehistory=record.prehistory_hidden,
        view_forum_as_messages=services.channels.reading.as_messages(viewer, peer),
        can_delete_channel=viewer == record.creator,
        antispam=record.antispam,
        participants_hidden=record.members_hidden,
        has_scheduled=member and services.scheduling.has_any(viewer, peer),
        id=channel_id(peer),
        about=record.about,
        participants_count=record.members,
        read_inbox_max_id=head.read_inbox_max,
        read_outbox_max_id=max(head.read_outbox_max, 0),
        unread_count=head.unread_count,
        chat_photo=photos.whole_of_chat(services, viewer, peer, record.photo),
        notify_settings=notify_settings(head),
        bot_info=_bots(services, peer) if record.megagroup and member else [],
        pts=top.pts,
    )
    if services.channels.statistics.may(viewer, record, seat):
        made.can_view_stats = True
        made.stats_dc = services.config.dc_id
    if admin:
        made.admins_count = record.admins
        made.kicked_count = record.kicked
        made.banned_count = record.restricted
        if record.pending and may & rights.INVITE:
            made.requests_pending = record.pending
            made.recent_requesters = [one.user for one in services.channels.doors.waiting(peer)[:5]]
    primary = services.channels.doors.primary_or_none(viewer, peer)
    if primary is not None:
        made.exported_invite = invite(primary)
    if member and record.megagroup:
        made.online_count = len(services.channels.audience.of(peer))
    guise = services.channels.posting.usual_guise(viewer, peer)
    if guise:
        made.default_send_as = peer_object(guise)
    pinned = services.channels.reading.newest_pinned(viewer, peer)
    if pinned:
        made.pinned_msg_id = pinned
    if record.linked:
        made.linked_chat_id = channel_id(record.linked)
    if record.slow_mode_seconds:
        made.slowmode_seconds = record.slow_mode_seconds
        if seat is not None and seat.next_post > int(services.clock.now()) and not admin:
            made.slowmode_next_send_date = seat.next_post
    if record.migrated_from and services.groups.rosters.known_to(viewer, record.migrated_from):
        made.migrated_from_chat_id = -record.migrated_from
        made.migrated_from_max_id = services.dialogs.head(viewer, record.migrated_from).top_message
    if record.main_tab:
        made.main_tab = TABS[record.main_tab]
    floor = services.channels.reading.floor(viewer, peer)
    if floor:
        made.available_min_id = floor
    if head.folder:
        made.folder_id = head.folder
    if record.ttl_period:
        made.ttl_period = record.ttl_period
    made.stickerset = _stickers(services, viewer, record.stickers)
    made.emojiset = _stickers(services, viewer, record.emoji_stickers)
    made.available_reactions = (
        stored(record.reactions, record.reactions_layer) if record.reactions else t.ChatReactionsAll()
    )
    if record.reactions_limit:
        made.reactions_limit = record.reactions_limit
    return made


def _bots(services: Services, peer: int) -> list[t.AnyBotInfo]:
    """What the bots of a supergroup say of themselves."""
    found: list[t.AnyBotInfo] = []
    for user in services.channels.members.by_role(peer, rights.ROLE_BOT)[:BOTS_TOLD]:
        record = services.users.get_or_none(user)
        if record is not None and not record.deleted:
            found.append(t.BotInfo(user_id=user, description=record.about or None, commands=[]))
    return found


def _stickers(services: Services, viewer: int, set_id: int) -> t.StickerSet | None:
    """The set of a supergroup; None when it has none, or that was deleted."""
    one = render_stickers.find(services, set_id) if set_id else None
    if one is None:
        return None
    return render_stickers.sticker_set(
        services, viewer, one, render_stickers.kept_or_none(services, viewer, one)
    )
