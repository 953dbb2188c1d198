"""Whom a command means, and how errors of the services read to the operator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from tgserve import errors
from tgserve.admin.registry import Daemon, Refusal
from tgserve.errors import RpcError
from tgserve.services.phones import digits_or_none
from tgserve.store import records as r
from tgserve.store.keyspaces import USERS
from tgserve.store.node_records import RANGE_BITS
from tgserve.store.slots import SLOTS

SLOTS_PER_TURN = 16
"""Slots read before the loop may serve clients again: about 1 ms with 50 users in each."""


def find_user(daemon: Daemon, who: str) -> r.User:
    """An account that is not deleted, by id, @username or phone number. Refusal."""
    services = daemon.services
    user_id: int | None
    if who.startswith("@"):
        user_id = services.names.peer_or_none(who[1:])
    elif who.startswith("+") or not (who.isascii() and who.isdigit() and len(who) < 19):
        user_id = services.auth.user_by_phone_or_none(who)
    else:
        user_id = (
            int(who) if services.users.get_or_none(int(who)) else services.auth.user_by_phone_or_none(who)
        )
    home = _home_elsewhere(daemon, who, user_id or 0)
    if home:
        raise Refusal(f"{who} is at home at DC {home}: run the command there")
    user = services.users.get_or_none(user_id) if user_id and user_id > 0 else None
    if user is None:
        raise Refusal(f"nobody here is {who}: an id, @username or phone number is needed")
    return user


def _home_elsewhere(daemon: Daemon, who: str, user_id: int) -> int:
    """DC of somebody of another node, as far as this one knows; 0 for everybody else."""
    nodes, homes = daemon.services.nodes, daemon.services.homes
    if not user_id and who.isascii() and who.isdigit() and len(who) < 15:
        user_id = int(who)
    seen = user_id >> RANGE_BITS or daemon.services.users.get_or_none(user_id)
    if seen and nodes.far(user_id) and nodes.home(user_id) in nodes.rows:
        return nodes.home(user_id)
    digits = digits_or_none(who)
    home = homes.home_of_phone(digits) if nodes.active and digits else 0
    return home if home != nodes.own_dc else 0


def find_active(daemon: Daemon, who: str) -> r.User:
    """As find_user, and the account is nobody's of the server itself and not deleted."""
    user = find_user(daemon, who)
    if user.deleted:
        raise Refusal(f"the account {user.id} was deleted")
    if user.support:
        raise Refusal(f"{user.id} is the server's own account")
    return user


def find_person(daemon: Daemon, who: str) -> r.User:
    """As find_active, and no bot."""
    user = find_active(daemon, who)
    if user.bot:
        raise Refusal(f"{user.id} is a bot: see `tgserve bot --help`")
    return user


def phone_digits(phone: str) -> str:
    digits = digits_or_none(phone)
    if digits is None:
        raise Refusal(f"{phone} is not a phone number with country code, as in +999661234")
    return digits


@contextmanager
def in_words() -> Iterator[None]:
    """An error of the catalogue becomes its sentence."""
    try:
        yield
    except RpcError as error:
        meaning = errors.CATALOGUE[error.name].meaning if error.name in errors.CATALOGUE else ""
        raise Refusal(f"{meaning} ({error.name})") from None


async def everybody(daemon: Daemon) -> AsyncIterator[r.User]:
    """Every account of this node, also deleted ones and bots, while the loop goes on serving."""
    far = daemon.services.nodes.far
    for slot in range(SLOTS):
        with daemon.store.read(slot) as reader:
            users = [user for _, user in reader.range(USERS) if not far(user.id)]
        for user in users:
            yield user
        if slot % SLOTS_PER_TURN == 0:
            await asyncio.sleep(0)
