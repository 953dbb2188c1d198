"""What members may do: bits of the flag word of chatBannedRights, and the rule of who is above them."""

from __future__ import annotations

from typing import Final

from tgserve.services.groups.roster import Roster

SEND: Final = 1 << 1
MEDIA: Final = 1 << 2
INFO: Final = 1 << 10
INVITE: Final = 1 << 15
PIN: Final = 1 << 17
PLAIN: Final = 1 << 25
POLLS: Final = 1 << 8
REACT: Final = 1 << 27
SETTABLE: Final = (1 << 29) - 2
"""All but view_messages, which cannot be taken from all."""


def is_admin(roster: Roster, user: int) -> bool:
    """The creator, or one made admin: default rights do not bind them."""
    member = roster.members.get(user)
    return member is not None and not member.gone and (member.admin or user == roster.group.creator)


def may(roster: Roster, user: int, right: int) -> bool:
    return not roster.group.banned & right or is_admin(roster, user)


def may_remove(roster: Roster, user: int, other: int) -> bool:
    """Oneself; as creator everybody; as admin all who are none; those one has brought along."""
    if user in (other, roster.group.creator):
        return True
    if is_admin(roster, other):
        return False
    member = roster.members.get(other)
    return is_admin(roster, user) or (member is not None and member.inviter == user)
