"""Usernames: who has which. A name is claimed in its own slot first, so two people can never both get it.

Steps of a change (DISK.md, claims): 1. claim in the name's slot, 2. the owner's record carries the name; the same
transaction sends ConfirmName for the new and ReleaseName for the old one. A claim whose step 2 never came may be taken
over after a minute. Names compare without case.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.channels.register import Register
from tgserve.services.users import Users, put_user, tell_of_change
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.keyspaces import NAMES, USERS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

CLAIM_SECONDS = 60
_SHAPE = re.compile(r"[a-z](?!.*__)[a-z0-9_]*[a-z0-9]", re.ASCII)
RESERVED = frozenset(
    {
        "addemoji",
        "addlist",
        "addstickers",
        "addtheme",
        "admin",
        "administrator",
        "boost",
        "channel",
        "channels",
        "contact",
        "contacts",
        "giftcode",
        "group",
        "groups",
        "help",
        "invoice",
        "joinchat",
        "login",
        "message",
        "messages",
        "newbot",
        "official",
        "operator",
        "proxy",
        "resolve",
        "root",
        "security",
        "service",
        "settings",
        "share",
        "sharegame",
        "socks",
        "stars",
        "start",
        "stickers",
        "support",
        "system",
        "telegram",
        "telegraph",
        "tgserve",
        "verify",
        "webapp",
    }
)
"""Words that links use as commands, and names that would pass for the server's operator."""


def shape_or_none(name: str) -> str | None:
    """The name in lower case when it may be a username at all, else None."""
    lower = name.lower()
    fits = limits.USERNAME_CHARS_MIN <= len(lower) <= limits.USERNAME_CHARS and _SHAPE.fullmatch(lower)
    return lower if fits else None


class Homes(Protocol):
    """The directory of a server of several nodes (services/nodes/homes.py)."""

    async def take_name(self, lower: str, peer: int) -> None: ...


class Names:
    def __init__(self, store: Store, clock: Clock, users: Users, register: Register) -> None:
        self._store = store
        self._clock = clock
        self._users = users
        self._register = register
        self.homes: Homes | None = None
        store.on_outbox(pl.ConfirmName, self._confirmed)
        store.on_outbox(pl.ReleaseName, self._released)

    def peer_or_none(self, name: str) -> int | None:
        """Whose username this is (as typed, with or without @); None when it is nobody's."""
        lower = name.removeprefix("@").lower()
        with self._store.read(slot_of(lower)) as reader:
            claim = reader.get(NAMES, lower)
        if claim is None:
            return None
        ahead = (
            claim.claimed > self._clock.now()
        )  # of an account of another node, whose confirmation is on its way
        if not (claim.confirmed or ahead or self._carried(claim.peer, lower)):
            return None
        return claim.peer if self._leads(claim.peer, lower) else None

    def _leads(self, peer: int, lower: str) -> bool:
        """A name that a channel hides leads nowhere, and is its own all the same."""
        channel = self._register.get_or_none(peer) if peer < 0 else None
        return channel is None or (lower, False) not in ((name.lower(), on) for name, on in channel.usernames)

    def _carried(self, peer: int, lower: str) -> bool:
        """Does the owner's record name it?"""
        if peer < 0:
            channel = self._register.get_or_none(peer)
            return channel is not None and any(name.lower() == lower for name, _ in channel.usernames)
        owner = self._users.get_or_none(peer)
        return owner is not None and owner.username.lower() == lower

    def free(self, name: str) -> bool:
        """Whether the name could be taken now. USERNAME_INVALID when it is no username."""
        lower = shape_or_none(name)
        if lower is None:
            raise errors.USERNAME_INVALID()
        if lower in RESERVED:
            return False
        with self._store.read(slot_of(lower)) as reader:
            claim = reader.get(NAMES, lower)
        return claim is None or self._stale(claim, lower)

    def _stale(self, claim: r.NameClaim, lower: str) -> bool:
        """A claim nobody stands behind. Reads a cache, so never inside a transaction."""
        if claim.confirmed or self._clock.now() - claim.claimed < CLAIM_SECONDS:
            return False
        return not self._carried(claim.peer, lower)

    async def set_username(self, me: int, name: str) -> r.User:
        """Give `me` this username, or none for "". USERNAME_INVALID, _OCCUPIED, _NOT_MODIFIED."""
        now = int(self._clock.now())
        user = self._users.get(me)
        if user.username == name:
            raise errors.USERNAME_NOT_MODIFIED()
        lower = ""
        if name:
            shaped = shape_or_none(name)
            if shaped is None:
                raise errors.USERNAME_INVALID()
            if shaped in RESERVED:
                raise errors.USERNAME_OCCUPIED()
            lower = shaped
            await self.claim(lower, me, name, now, respelt=lower == user.username.lower())

        def work(txn: Txn) -> r.User:
            current = txn.get(USERS, me)
            if current is None or current.deleted:
                raise errors.USER_ID_INVALID()
            stored = put_user(txn, replace(current, username=name))
            old = current.username.lower()
            if old and old != lower:
                txn.outbox(slot_of(old), pl.ReleaseName(name=old, peer=me))
            if lower:
                txn.outbox(slot_of(lower), pl.ConfirmName(name=lower, peer=me))
            tell_of_change(txn, me, "name", now)
            return stored

        return await self._store.transact(slot_of(me), work)

    async def claim(self, lower: str, peer: int, name: str, now: int, *, respelt: bool) -> None:
        """Step 1 of a change. USERNAME_OCCUPIED."""
        with self._store.read(slot_of(lower)) as reader:
            seen = reader.get(NAMES, lower)
        free_to_take = seen is not None and seen.peer != peer and self._stale(seen, lower)

        def work(txn: Txn) -> None:
            claim = txn.get(NAMES, lower)
            if claim is not None and claim.peer != peer and not (free_to_take and claim == seen):
                raise errors.USERNAME_OCCUPIED()
            # Taking a name again that one has just given up: the ReleaseName of then may still be on its way, and
            # it spares what is not confirmed.
            confirmed = respelt and claim is not None and claim.confirmed
            txn.put(NAMES, lower, value=r.NameClaim(peer=peer, claimed=now, confirmed=confirmed, name=name))

        await self._store.transact(slot_of(lower), work)
        if self.homes is not None:
            await self.homes.take_name(lower, peer)

    def _confirmed(self, txn: Txn, confirm: pl.ConfirmName, memo: Any) -> None:
        claim = txn.get(NAMES, confirm.name)
        if claim is None:
            claim = r.NameClaim(peer=confirm.peer, claimed=int(self._clock.now()), name=confirm.name)
        if claim.peer == confirm.peer:
            txn.put(NAMES, confirm.name, value=replace(claim, confirmed=True))

    def _released(self, txn: Txn, release: pl.ReleaseName, memo: Any) -> None:
        claim = txn.get(NAMES, release.name)
        if claim is not None and claim.peer == release.peer and claim.confirmed:
            txn.delete(NAMES, release.name)
