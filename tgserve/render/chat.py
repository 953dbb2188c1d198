"""Groups as TL, as one viewer may see them (SECURITY 6.2): in full for members, as chatForbidden for those who were.

Most members see the same bytes: a group is drawn once for each kind of viewer and state (Roster.drawn).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tgserve.render import photos
from tgserve.render.channel import banned_rights, channel, channel_id
from tgserve.render.invite import invite
from tgserve.render.stored import notify_settings, stored
from tgserve.services import Services
from tgserve.services.groups import rights
from tgserve.services.groups.roster import Roster
from tgserve.services.settings import UNTRANSLATED
from tgserve.store import channel_records as c
from tgserve.store import group_records as g
from tgserve.store import records as r
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import layers
from tgserve.tl import types as t

ADMIN_RIGHTS: Final = t.ChatAdminRights(
    change_info=True,
    delete_messages=True,
    ban_users=True,
    invite_users=True,
    pin_messages=True,
    manage_call=True,
    other=True,
)


def flags_of(banned: t.AnyChatBannedRights) -> int:
    """The flag word of chatBannedRights, whole."""
    return rights.whole(int.from_bytes(layers.encode(banned)[4:8], "little"))


def chat(services: Services, viewer: int, peer: int) -> Any:
    """The Chat of a group or channel; chatEmpty for strangers."""
    if peer <= -CHANNEL_BASE:
        return channel(services, viewer, peer)
    roster = services.groups.rosters.get_or_none(peer)
    member = roster.members.get(viewer) if roster is not None else None
    if roster is None or member is None:
        return t.ChatEmpty(id=-peer)
    group = roster.group
    kind: Any
    if not member.gone:
        if group.migrated_to:
            return _migrated(services, viewer, roster, member)
        kind = (member.admin, viewer == group.creator)
    else:
        kind = member.title_then if member.gone != r.MEMBER_LEFT else (member.title_then,)
    drawn = roster.drawn.get(kind)
    if drawn is None:
        made = _draw(services, roster, member, viewer)
        drawn = roster.drawn[kind] = layers.drawn(made)
    return drawn


def offered(services: Services, viewer: int, peer: int) -> Any:
    """A group that a link offers: as it is for members, for others what they may know before they join."""
    if peer <= -CHANNEL_BASE:
        return _offered_channel(services, viewer, peer)
    roster = services.groups.rosters.get_or_none(peer)
    if roster is None or roster.group.deleted or roster.has(viewer):
        return chat(services, viewer, peer)
    return t.Chat(
        left=True,
        id=-peer,
        title=roster.group.title,
        photo=t.ChatPhotoEmpty(),
        participants_count=len(roster.here),
        date=roster.group.date,
        version=0,
    )


def _offered_channel(services: Services, viewer: int, peer: int) -> Any:
    """A channel that a link offers: as it is for who may see it, for others what they may know before they join."""
    register = services.channels.register
    record = register.get_or_none(peer)
    seat = register.participant(peer, viewer)
    kicked = seat is not None and seat.state == c.KICKED
    if record is None or record.deleted or kicked or register.may_see(viewer, peer, record, seat):
        return channel(services, viewer, peer)
    number = channel_id(peer)
    return t.Channel(
        left=True,
        broadcast=not record.megagroup,
        megagroup=record.megagroup,
        id=number,
        access_hash=services.views.channel_hash(viewer, number),
        title=record.title,
        photo=t.ChatPhotoEmpty(),
        date=record.date,
        participants_count=record.members,
    )


def _draw(services: Services, roster: Roster, member: g.Member, viewer: int) -> t.AnyChat:
    group = roster.group
    if member.gone == r.MEMBER_KICKED or group.deleted:
        return t.ChatForbidden(id=-roster.chat, title=member.title_then)
    if member.gone:
        return t.Chat(
            left=True,
            id=-roster.chat,
            title=member.title_then,
            photo=t.ChatPhotoEmpty(),
            participants_count=0,
            date=group.date,
            version=0,
        )
    return t.Chat(
        creator=viewer == group.creator,
        noforwards=group.noforwards,
        id=-roster.chat,
        title=group.title,
        photo=photos.of_chat(services, group.photo),
        participants_count=len(roster.here),
        date=group.date,
        version=group.version,
        admin_rights=ADMIN_RIGHTS if member.admin or viewer == group.creator else None,
        default_banned_rights=banned_rights(group.banned),
    )


def _migrated(services: Services, viewer: int, roster: Roster, member: g.Member) -> t.Chat:
    """A group that has become a supergroup: who was in it is shown the way."""
    group = roster.group
    number = channel_id(group.migrated_to)
    return t.Chat(
        creator=viewer == group.creator,
        deactivated=True,
        id=-roster.chat,
        title=group.title,
        photo=t.ChatPhotoEmpty(),
        participants_count=0,
        date=group.date,
        version=group.version,
        migrated_to=t.InputChannel(
            channel_id=number, access_hash=services.views.channel_hash(viewer, number)
        ),
    )


def chats(services: Services, viewer: int, peers: Iterable[int]) -> list[Any]:
    """Each group once, in the order of the peers; peers that are no groups are left out."""
    return [chat(services, viewer, peer) for peer in dict.fromkeys(peers) if peer < 0]


def participants(roster: Roster, viewer: int) -> t.AnyChatParticipants:
    """The members; for who was one, that he may not know."""
    if not roster.has(viewer):
        return t.ChatParticipantsForbidden(chat_id=-roster.chat)
    group = roster.group
    made: list[t.AnyChatParticipant] = []
    for user in roster.here:
        member = roster.members[user]
        if user == group.creator:
            made.append(t.ChatParticipantCreator(user_id=user, rank=member.rank or None))
            continue
        kind = t.ChatParticipantAdmin if member.admin else t.ChatParticipant
        rank = member.rank or None
        made.append(kind(user_id=user, inviter_id=member.inviter, date=member.date, rank=rank))
    return t.ChatParticipants(chat_id=-roster.chat, participants=made, version=group.version)


def full(services: Services, viewer: int, roster: Roster) -> t.ChatFull:
    group = roster.group
    head = services.dialogs.head(viewer, roster.chat)
    made = t.ChatFull(
        id=-roster.chat,
        about=group.about if roster.has(viewer) else "",
        participants=participants(roster, viewer),
        notify_settings=notify_settings(head),
    )
    if head.folder:
        made.folder_id = head.folder
    if services.settings.get_or_none(viewer, f"{UNTRANSLATED}{roster.chat}") is not None:
        made.translations_disabled = True
    if not roster.has(viewer):
        return made
    pinned = services.pinning.newest(viewer, roster.chat)
    if pinned:
        made.pinned_msg_id = pinned
    if group.photo is not None:
        made.chat_photo = photos.whole(services, viewer, roster.chat, group.photo.id)
    made.available_reactions = (
        stored(group.reactions, group.reactions_layer) if group.reactions else t.ChatReactionsAll()
    )
    if group.reactions_limit:
        made.reactions_limit = group.reactions_limit
    if group.ttl_period:
        made.ttl_period = group.ttl_period
    if rights.is_admin(roster, viewer) and not group.migrated_to:  # links of what is over lead nowhere
        primary = services.invites.primary_or_none(viewer, roster.chat)
        if primary is not None:
            made.exported_invite = invite(primary)
        if group.pending:
            made.requests_pending = group.pending
            made.recent_requesters = recent_requesters(services, viewer, roster.chat)
    return made


def recent_requesters(services: Services, viewer: int, chat: int) -> list[int]:
    return [one.user for one in services.invites.arrivals(viewer, chat, "", requested=True)[:5]]
