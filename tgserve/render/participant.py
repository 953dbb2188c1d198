"""Members of a channel as TL."""

from __future__ import annotations

from tgserve.render.channel import admin_rights, banned_rights
from tgserve.render.peers import peer
from tgserve.services.channels import rights
from tgserve.store import channel_records as c
from tgserve.tl import types as t


def participant(channel: c.Channel, viewer: int, user: int, seat: c.Participant) -> t.AnyChannelParticipant:
    """One member, or one who is kept out; `viewer` is told of himself how he came."""
    if user == channel.creator and seat.state == c.MEMBER:
        may = rights.admin_rights(channel, user, seat)
        return t.ChannelParticipantCreator(
            user_id=user, admin_rights=admin_rights(may), rank=seat.rank or None
        )
    if seat.state == c.KICKED or seat.banned:
        return t.ChannelParticipantBanned(
            left=seat.state != c.MEMBER,
            peer=peer(user),
            kicked_by=seat.banned_by,
            date=seat.date,
            banned_rights=banned_rights(seat.banned, seat.until),
        )
    if seat.state == c.LEFT:
        return t.ChannelParticipantLeft(peer=peer(user))
    if seat.admin:
        return t.ChannelParticipantAdmin(
            can_edit=viewer == channel.creator or seat.promoted_by == viewer,
            self_=user == viewer,
            user_id=user,
            inviter_id=seat.inviter or None if user == viewer else None,
            promoted_by=seat.promoted_by or channel.creator,
            date=seat.date,
            admin_rights=admin_rights(seat.admin),
            rank=seat.rank or None,
        )
    if user == viewer:
        return t.ChannelParticipantSelf(
            via_request=seat.via_request,
            user_id=user,
            inviter_id=seat.inviter or user,
            date=seat.date,
            rank=seat.rank or None,
        )
    return t.ChannelParticipant(user_id=user, date=seat.date, rank=seat.rank or None)


def named(user: int, seat: c.Participant | None) -> tuple[int, ...]:
    """Users whom a participant's line speaks of."""
    if seat is None:
        return (user,)
    return tuple(one for one in (user, seat.inviter, seat.promoted_by, seat.banned_by) if one)
