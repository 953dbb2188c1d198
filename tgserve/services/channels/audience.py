"""Who is online in which channel: memory only, so that a post costs its readers online and nothing for the others.

A user is in the audience of his channels while a session of his takes updates. He is looked up when he arrives, and
commits of channels (Seat) move him in and out from then on, before anything of the same commit is told. Who came in a
moment before he arrived is found when his list has the channel (Listed).
"""

from __future__ import annotations

from typing import Any

from tgserve.services.channels import rights
from tgserve.services.channels.register import Listed, Register, Seat
from tgserve.store.keyspaces import PARTICIPANTS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of

NOBODY: frozenset[int] = frozenset()


class Audience:
    def __init__(self, store: Store, register: Register) -> None:
        self._store = store
        self._register = register
        self._present: dict[int, set[int]] = {}
        """channel -> users with sessions."""
        self._channels: dict[int, set[int]] = {}
        """user with sessions -> his channels."""
        self._fresh: dict[int, set[int]] = {}
        """channel -> users who came in while online and have been told nothing of it yet."""
        self.ranks: dict[int, Any] = {}
        """channel -> what the fan-out has made of those in it; taken out when one of them comes, goes or changes."""

    def of(self, channel: int) -> set[int] | frozenset[int]:
        """Members with sessions, as of the last commit told."""
        return self._present.get(channel, NOBODY)

    def fresh(self, channel: int) -> set[int] | frozenset[int]:
        """Who has come in since the last time this was asked: their clients may not know the channel yet, so what is
        told next must hold all of it. TDLib passes over a message of a channel it knows in min form only."""
        return self._fresh.pop(channel, NOBODY) if self._fresh else NOBODY

    def arrived(self, user: int) -> None:
        """The user's first session takes updates."""
        if user in self._channels:
            return
        channels = self._channels[user] = set()
        for channel in self._register.of_user(user):
            with self._store.read(slot_of(channel)) as reader:
                if rights.is_member(reader.get(PARTICIPANTS, channel, user)):
                    channels.add(channel)
                    self._present.setdefault(channel, set()).add(user)
                    self.ranks.pop(channel, None)

    def departed(self, user: int) -> None:
        """His last one takes none any more."""
        for channel in self._channels.pop(user, ()):
            self._leave(channel, user)

    def changed(self, user: int) -> None:
        """He has one session more or less, or one of them is told things otherwise than before."""
        for channel in self._channels.get(user, ()):
            self.ranks.pop(channel, None)

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber, before whoever tells anybody of the batch."""
        for item in batch:
            kind = type(item)
            if kind is not Seat and kind is not Listed:
                continue
            channels = self._channels.get(item.user)
            if channels is None:
                continue
            if kind is Listed:
                # He arrived between the two: his list was without it still.
                seat = (
                    None if item.channel in channels else self._register.participant(item.channel, item.user)
                )
                if rights.is_member(seat):
                    self._enter(channels, item.channel, item.user)
            elif item.here:
                self._enter(channels, item.channel, item.user)
            else:
                channels.discard(item.channel)
                self._leave(item.channel, item.user)

    def _enter(self, channels: set[int], channel: int, user: int) -> None:
        channels.add(channel)
        self.ranks.pop(channel, None)
        self._present.setdefault(channel, set()).add(user)
        self._fresh.setdefault(channel, set()).add(user)

    def _leave(self, channel: int, user: int) -> None:
        self.ranks.pop(channel, None)
        fresh = self._fresh.get(channel)
        if fresh is not None:
            fresh.discard(user)
            if not fresh:
                del self._fresh[channel]
        present = self._present.get(channel)
        if present is not None:
            present.discard(user)
            if not present:
                del self._present[channel]
