"""Who has a channel open without being in it: memory only. A client says so by asking updates.getChannelDifference
again and again; while it does, what happens there is told to its user as to a member.

Nothing is promised to them: whether one may still look is asked each time something is told (SECURITY 6.2), and who is
one too many hears of it when he asks.
"""

from __future__ import annotations

from collections import OrderedDict

from tgserve import limits
from tgserve.clock import Clock
from tgserve.services.channels import rights
from tgserve.services.channels.register import Register

SLACK_SECONDS = 15
"""How late the next question may be."""
OPEN_AT_ONCE = 10
"""Channels that a user can have open; clients are told to ask of no more."""


class Guests:
    def __init__(self, register: Register, clock: Clock) -> None:
        self._register = register
        self._clock = clock
        self._until: OrderedDict[tuple[int, int], float] = OrderedDict()
        """(channel, user) -> monotonic seconds, those that end first in front."""
        self._here: dict[int, dict[int, None]] = {}
        """channel -> its guests."""
        self._open: dict[int, dict[int, None]] = {}
        """user -> the channels he has open, the longest unasked one first."""

    def looked(self, user: int, channel: int) -> None:
        """A client of `user`, who is no member of the channel and may see it, has asked for what is new."""
        now = self._clock.monotonic()
        while self._until and next(iter(self._until.values())) <= now:
            self._forget(*next(iter(self._until)))
        if (channel, user) in self._until:
            self._forget(channel, user)
        elif len(self._here.get(channel, ())) >= limits.CHANNEL_GUESTS:
            return
        while len(self._open.get(user, ())) >= OPEN_AT_ONCE:
            self._forget(next(iter(self._open[user])), user)
        self._until[channel, user] = now + limits.CHANNEL_TIMEOUT_SECONDS + SLACK_SECONDS
        self._here.setdefault(channel, {})[user] = None
        self._open.setdefault(user, {})[channel] = None

    def of(self, channel: int) -> list[int]:
        """Those who are told now: none of them is a member, and all may look."""
        if channel not in self._here:
            return []
        now, found = self._clock.monotonic(), []
        record = self._register.get_or_none(channel)
        here = list(self._here[channel])
        for user, seat in zip(here, self._register.participants(channel, here), strict=True):
            late = self._until[channel, user] <= now
            gone = record is None or record.deleted or rights.is_member(seat)
            if late or gone or record is None or not self._register.may_see(user, channel, record, seat):
                self._forget(channel, user)
            else:
                found.append(user)
        return found

    def _forget(self, channel: int, user: int) -> None:
        del self._until[channel, user]
        for kept, one, other in ((self._here, channel, user), (self._open, user, channel)):
            del kept[one][other]
            if not kept[one]:
                del kept[one]
