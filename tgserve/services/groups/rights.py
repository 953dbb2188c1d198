"""What members may do: bits of the flag word of chatBannedRights, and the rule of who is above them."""

from __future__ import annotations

from typing import Final

from tgserve import errors
from tgserve.errors import ErrorKind
from tgserve.services.groups.roster import Roster

SEND: Final = 1 << 1
MEDIA: Final = 1 << 2
INFO: Final = 1 << 10
INVITE: Final = 1 << 15
PIN: Final = 1 << 17
PLAIN: Final = 1 << 25
LINKS: Final = 1 << 7
STICKERS: Final = 1 << 3
GIFS: Final = 1 << 4
GAMES: Final = 1 << 5
INLINE: Final = 1 << 6
POLLS: Final = 1 << 8
PHOTOS: Final = 1 << 19
VIDEOS: Final = 1 << 20
ROUNDS: Final = 1 << 21
AUDIOS: Final = 1 << 22
VOICES: Final = 1 << 23
DOCS: Final = 1 << 24
RANK: Final = 1 << 26
REACT: Final = 1 << 27
SETTABLE: Final = (1 << 29) - 2
"""All but view_messages, which cannot be taken from all."""


def is_admin(roster: Roster, user: int) -> bool:
    """The creator, or one made admin: default rights do not bind them."""
    member = roster.members.get(user)
    return member is not None and not member.gone and (member.admin or user == roster.group.creator)


def may(roster: Roster, user: int, right: int) -> bool:
    return not roster.group.banned & right or is_admin(roster, user)


REFUSALS: Final = {
    STICKERS: errors.CHAT_SEND_STICKERS_FORBIDDEN,
    GIFS: errors.CHAT_SEND_GIFS_FORBIDDEN,
    GAMES: errors.CHAT_SEND_GAME_FORBIDDEN,
    POLLS: errors.CHAT_SEND_POLL_FORBIDDEN,
    PHOTOS: errors.CHAT_SEND_PHOTOS_FORBIDDEN,
    VIDEOS: errors.CHAT_SEND_VIDEOS_FORBIDDEN,
    ROUNDS: errors.CHAT_SEND_ROUNDVIDEOS_FORBIDDEN,
    AUDIOS: errors.CHAT_SEND_AUDIOS_FORBIDDEN,
    VOICES: errors.CHAT_SEND_VOICES_FORBIDDEN,
    DOCS: errors.CHAT_SEND_DOCS_FORBIDDEN,
    PLAIN: errors.CHAT_SEND_PLAIN_FORBIDDEN,
}
"""What a message needs, and what its sender is told who does not have it."""
FILES: Final = PHOTOS | VIDEOS | ROUNDS | AUDIOS | VOICES | DOCS
"""MEDIA takes all of these away together."""
KINDS: Final = FILES | MEDIA | PLAIN | STICKERS | GIFS | GAMES | INLINE | LINKS | POLLS
"""SEND takes all of these away together."""


def whole(banned: int) -> int:
    """With the bits that SEND and MEDIA stand for: newer clients look at these alone."""
    if banned & SEND:
        return banned | KINDS
    return banned | FILES if banned & MEDIA else banned


def refusal_or_none(banned: int, needed: int) -> ErrorKind | None:
    """What stops a message that needs `needed` (one of REFUSALS, or MEDIA) where `banned` is the flag word."""
    if banned & SEND:
        return errors.CHAT_WRITE_FORBIDDEN
    if banned & MEDIA and needed & (FILES | MEDIA):
        return errors.CHAT_SEND_MEDIA_FORBIDDEN
    return REFUSALS.get(needed, errors.CHAT_SEND_MEDIA_FORBIDDEN) if banned & needed else None


def may_remove(roster: Roster, user: int, other: int) -> bool:
    """Oneself; as creator everybody; as admin all who are none; those one has brought along."""
    if user in (other, roster.group.creator):
        return True
    if is_admin(roster, other):
        return False
    member = roster.members.get(other)
    return is_admin(roster, user) or (member is not None and member.inviter == user)
