"""Members of a channel as TL."""

from __future__ import annotations

from tgserve.render.channel import admin_rights, banned_rights
from tgserve.render.peers import peer
from tgserve.services.channels import rights
from tgserve.store import channel_records as c
from tgserve.tl import types as t


def participant(
    channel: c.Channel,
    viewer: int,
    user: int,
    seat: c.Participant,
    hidden: frozenset[int] = frozenset(),
    *,
    owner: bool | None = None,
) -> t.AnyChannelParticipant:
    """One member, or one who is kept out; `viewer` is told of himself how he came. Nobody of `hidden` is named: what
    they did to `user` he did himself. `owner`: whether the seat was the owner's (None: whether it is)."""
    if (user == channel.creator if owner is None else owner) and seat.state == c.MEMBER:
        may = rights.admin_rights(channel, user, seat)
        return t.ChannelParticipantCreator(
            user_id=user, admin_rights=admin_rights(may), rank=seat.rank or None
        )
    if seat.state == c.KICKED or seat.banned:
        return t.ChannelParticipantBanned(
            left=seat.state != c.MEMBER,
            peer=peer(user),
            kicked_by=user if seat.banned_by in hidden else seat.banned_by,
            date=seat.date,
            banned_rights=banned_rights(seat.banned, seat.until),
            rank=seat.rank or None,
        )
    if seat.state == c.LEFT:
        return t.ChannelParticipantLeft(peer=peer(user))
    inviter = 0 if seat.inviter in hidden else seat.inviter
    if seat.admin:
        promoter = seat.promoted_by or channel.creator
        return t.ChannelParticipantAdmin(
            can_edit=viewer == channel.creator or seat.promoted_by == viewer,
            self_=user == viewer,
            user_id=user,
            inviter_id=inviter or None if user == viewer else None,
            promoted_by=user if promoter in hidden else promoter,
            date=seat.date,
            admin_rights=admin_rights(seat.admin),
            rank=seat.rank or None,
        )
    if user == viewer:
        return t.ChannelParticipantSelf(
            via_request=seat.via_request,
            user_id=user,
            inviter_id=inviter or user,
            date=seat.date,
            rank=seat.rank or None,
        )
    return t.ChannelParticipant(user_id=user, date=seat.date, rank=seat.rank or None)


def named(user: int, seat: c.Participant | None, hidden: frozenset[int] = frozenset()) -> tuple[int, ...]:
    """Users whom a participant's line speaks of, but for those `hidden`."""
    if seat is None:
        return (user,)
    who = (user, seat.inviter, seat.promoted_by, seat.banned_by)
    return tuple(one for one in who if one and one not in hidden)
