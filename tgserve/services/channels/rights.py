"""Who may do what in a channel: flag words of chatAdminRights and chatBannedRights, and the rule of who is above whom.

SECURITY 6.3: membership and right are checked in the transaction that uses them; here are the rules it asks.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from tgserve.store import channel_records as c

# chatAdminRights
INFO: Final = 1 << 0
POST: Final = 1 << 1
EDIT: Final = 1 << 2
DELETE: Final = 1 << 3
BAN: Final = 1 << 4
INVITE: Final = 1 << 5
PIN: Final = 1 << 7
ADD_ADMINS: Final = 1 << 9
ANONYMOUS: Final = 1 << 10
CALLS: Final = 1 << 11
OTHER: Final = 1 << 12
TOPICS: Final = 1 << 13
STORIES: Final = 1 << 14 | 1 << 15 | 1 << 16
BROADCAST_ALL: Final = INFO | POST | EDIT | DELETE | BAN | INVITE | ADD_ADMINS | CALLS | OTHER | STORIES
MEGAGROUP_ALL: Final = INFO | DELETE | BAN | INVITE | PIN | ADD_ADMINS | CALLS | OTHER | TOPICS | STORIES
ADMIN_SETTABLE: Final = BROADCAST_ALL | MEGAGROUP_ALL | ANONYMOUS | 1 << 17 | 1 << 18 | 1 << 19 | 1 << 20

# chatBannedRights
NO_VIEW: Final = 1 << 0
NO_SEND: Final = 1 << 1
NO_MEDIA: Final = 1 << 2
NO_LINKS: Final = 1 << 7
NO_POLLS: Final = 1 << 8
NO_INFO: Final = 1 << 10
NO_INVITE: Final = 1 << 15
NO_PIN: Final = 1 << 17
NO_TOPICS: Final = 1 << 18
NO_PLAIN: Final = 1 << 25
NO_RANK: Final = 1 << 26
BANNED_SETTABLE: Final = (1 << 29) - 1

# BY_ROLE
ROLE_ADMIN: Final = 1
ROLE_RESTRICTED: Final = 2
ROLE_KICKED: Final = 3
ROLE_BOT: Final = 4
"""Of members that are bots; follows their seat by the outbox, since only their own slot knows that they are."""


def current(one: c.Participant, now: int) -> c.Participant:
    """A row with a ban that has run out taken off it."""
    if one.until and one.until <= now and (one.banned or one.state == c.KICKED):
        return replace(one, banned=0, until=0, state=c.LEFT if one.state == c.KICKED else one.state)
    return one


def is_public(channel: c.Channel) -> bool:
    return any(active for _, active in channel.usernames)


def is_member(one: c.Participant | None) -> bool:
    return one is not None and one.state == c.MEMBER


def may_see(channel: c.Channel, one: c.Participant | None) -> bool:
    """A member may; others while it is public, if they were not removed."""
    if one is not None:
        if one.state == c.MEMBER:
            return True
        if one.state == c.KICKED:
            return False
    return is_public(channel)


def guest_or_member(channel: c.Channel, one: c.Participant | None, guest: bool) -> bool:
    """May somebody act in it: as a member, or as a `guest` (Register.writing_guest, from outside the transaction) of a
    discussion group that takes guests?"""
    if is_member(one):
        return True
    if one is not None and one.state == c.KICKED:
        return False
    return guest and channel.megagroup and bool(channel.linked) and not channel.join_to_send


def admin_rights(channel: c.Channel, user: int, one: c.Participant | None) -> int:
    """The flag word of what `user` may do as admin; the creator all."""
    if one is None or one.state != c.MEMBER:
        return 0
    if user == channel.creator:
        return (MEGAGROUP_ALL if channel.megagroup else BROADCAST_ALL) | one.admin & ANONYMOUS
    return one.admin


def has(channel: c.Channel, user: int, one: c.Participant | None, right: int) -> bool:
    """Is `user` an admin with this right?"""
    return bool(admin_rights(channel, user, one) & right)


def is_admin(channel: c.Channel, user: int, one: c.Participant | None) -> bool:
    return is_member(one) and (user == channel.creator or bool(one is not None and one.admin))


def denied(channel: c.Channel, user: int, one: c.Participant | None) -> int:
    """The flag word of what a member of a supergroup may not do; default rights do not bind admins."""
    if is_admin(channel, user, one):
        return 0
    return channel.banned | (one.banned if one is not None else 0)


def withheld(channel: c.Channel, user: int, one: c.Participant | None) -> int:
    """As `denied`, of what admins have rights for: without the right an admin may what everybody may, and no more."""
    return channel.banned if is_admin(channel, user, one) else denied(channel, user, one)


def hidden_below(channel: c.Channel, user: int, one: c.Participant | None) -> int:
    """Messages up to this id were written before `user` came, where that is hidden from members."""
    if one is None or not channel.prehistory_hidden or is_admin(channel, user, one):
        return 0
    return one.hidden_until


def outranks(
    channel: c.Channel, me: int, one: c.Participant | None, user: int, other: c.Participant | None
) -> bool:
    """May `me`, who has the right to, change what `user` is? The creator everybody; an admin plain members, and the
    admins he has made."""
    if user == channel.creator:
        return False
    if me == channel.creator:
        return True
    if not is_admin(channel, user, other):
        return True
    return other is not None and other.promoted_by == me
