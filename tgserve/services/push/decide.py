"""Is somebody to be told of a message, and how: rules alone, on numbers. No store, no clock, no bytes.

The answer is a word of flags, 0 for nothing. Times are Unix seconds; `-1` in a setting means: as the level above says
(topic < chat < kind of chats).
"""

from __future__ import annotations

from typing import Final, NamedTuple

PUSH: Final = 1
SILENT: Final = 2
"""No sound: sent silently, or the chat is set so."""
HIDDEN: Final = 4
"""Says that there is a message, not what is in it."""
MENTION: Final = 8
MUTED: Final = 16
"""Nothing is shown; devices that have not asked for less still hear of it, to keep themselves up to date."""
OWN: Final = 32
"""The user's own message, which was scheduled and has been sent now."""


class Loud(NamedTuple):
    """What one level of settings says: silent until (-1: nothing), without sound (-1, 0, 1), with its text (-1, 0,
    1)."""

    until: int = -1
    silent: int = -1
    previews: int = -1


UNSET: Final = Loud()
DEFAULT: Final = Loud(0, 0, 1)
"""What a kind of chats has when its owner has said nothing."""


def settled(*levels: Loud) -> Loud:
    """The nearest level that says something counts, for each thing by itself; the last one says everything."""
    until = silent = previews = -1
    for level in levels:
        if until < 0:
            until = level.until
        if silent < 0:
            silent = level.silent
        if previews < 0:
            previews = level.previews
    return Loud(until, silent, previews)


def for_message(
    now: int,
    loud: Loud,
    *,
    read: bool,
    outgoing: bool,
    scheduled: bool,
    quiet: bool,
    mention: bool,
    author_loud: Loud = DEFAULT,
    blocked: bool = False,
) -> int:
    """A new message in somebody's list of chats. `loud` is settled; `author_loud` is that of the private chat with
    whoever wrote it: in a muted group, one who names you is heard as he would be there. `quiet`: sent without sound."""
    if read or blocked:
        return 0
    if outgoing:
        return PUSH | OWN | (SILENT if quiet else 0) if scheduled else 0
    flags = PUSH
    if mention:
        flags |= MENTION
    if loud.until > now:
        if not mention or author_loud.until > now:
            return MUTED
        loud = Loud(0, max(author_loud.silent, 0), min(abs(loud.previews), abs(author_loud.previews)))
    if quiet or loud.silent == 1:
        flags |= SILENT
    if loud.previews == 0:
        flags |= HIDDEN
    return flags


NOBODY: Final = 0
CONTACTS: Final = 1
EVERYBODY: Final = 2


def for_reaction(
    now: int, loud: Loud, *, from_whom: int, contact: bool, previews: bool, blocked: bool
) -> int:
    """A reaction to a message of somebody's. `from_whom`: whose he wants to hear of."""
    if blocked or from_whom == NOBODY or (from_whom == CONTACTS and not contact) or loud.until > now:
        return 0
    flags = PUSH
    if loud.silent == 1:
        flags |= SILENT
    if not previews or loud.previews == 0:
        flags |= HIDDEN
    return flags


NOT = -1


def for_device(
    flags: int, *, connected: bool, no_muted: bool, wakes_app: bool, elsewhere: bool, delay: int
) -> int:
    """Seconds after which one device is told, NOT for never. `wakes_app`: it can take what is not shown; `elsewhere`:
    its owner is looking at another device now, and will have read it there after `delay`."""
    if connected:
        return NOT
    if flags & MUTED:
        return NOT if no_muted or not wakes_app else 0
    return delay if elsewhere else 0
