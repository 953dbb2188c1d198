"""session.list, session.terminate."""

from __future__ import annotations

import asyncio

from tgserve.admin.commands.finding import SLOTS_PER_TURN, find_user
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.sessions import (
    SessionLine,
    SessionList,
    SessionPage,
    SessionsEnded,
    SessionTerminate,
)
from tgserve.store import records as r
from tgserve.store.keyspaces import AUTHS, USER_AUTHS
from tgserve.store.slots import SLOTS, slot_of


@command(SessionList)
async def session_list(daemon: Daemon, params: SessionList) -> SessionPage:
    if params.who:
        user = find_user(daemon, params.who)
        with daemon.store.read(slot_of(user.id)) as reader:
            found = [(user.id, line) for _, line in reader.range(USER_AUTHS, user.id)]
    else:
        found = await _all(daemon)
    in_use = daemon.gateway.in_use
    if params.live:
        found = [(user, line) for user, line in found if in_use(line.auth_key_id)]
    found.sort(key=lambda one: (-one[1].active, one[0]))
    first = max(0, params.offset)
    page = found[first : first + max(0, params.limit)]
    return SessionPage([_line(daemon, user, line) for user, line in page], len(found))


async def _all(daemon: Daemon) -> list[tuple[int, r.UserAuth]]:
    found: list[tuple[int, r.UserAuth]] = []
    for slot in range(SLOTS):
        with daemon.store.read(slot) as reader:
            found += [(user, line) for (user, _), line in reader.range(USER_AUTHS)]
        if slot % SLOTS_PER_TURN == 0:
            await asyncio.sleep(0)
    return found


def _line(daemon: Daemon, user_id: int, line: r.UserAuth) -> SessionLine:
    user = daemon.services.users.get_or_none(user_id)
    return SessionLine(
        auth_key_id=f"{line.auth_key_id:016x}",
        user=user_id,
        name=f"{user.first_name} {user.last_name}".strip() if user is not None else "",
        device=f"{line.device_model}, {line.system_version}".strip(", "),
        app=f"{line.app_name} {line.app_version}".strip(),
        ip=line.ip,
        created=line.created,
        active=line.active,
        live=daemon.gateway.in_use(line.auth_key_id),
    )


@command(SessionTerminate)
async def session_terminate(daemon: Daemon, params: SessionTerminate) -> SessionsEnded:
    sessions = daemon.services.auth.sessions
    if bool(params.who) == bool(params.auth_key_id):
        raise Refusal("either a session's name or whose sessions: `tgserve session list` shows them")
    if params.who:
        user = find_user(daemon, params.who)
        return SessionsEnded(user.id, await sessions.end_by_operator(user.id))
    user_id, session_hash = _named(daemon, params.auth_key_id)
    return SessionsEnded(user_id, await sessions.end_by_operator(user_id, session_hash))


def _named(daemon: Daemon, name: str) -> tuple[int, int]:
    """(user, hash) of a session by the 16 hex digits of its key."""
    try:
        auth_key_id = int(name, 16) if len(name) == 16 else -1
    except ValueError:
        auth_key_id = -1
    if auth_key_id < 0:
        raise Refusal(
            f"`{name}` is no session: its 16 hex digits are needed, as `tgserve session list` shows"
        )
    with daemon.store.read(slot_of(auth_key_id)) as reader:
        auth = reader.get(AUTHS, auth_key_id)
    if auth is None or not auth.user_id:
        raise Refusal(f"nobody is signed in on {name}")
    return auth.user_id, auth.hash
