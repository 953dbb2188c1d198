"""user.list, user.show, user.code, user.mailcode, user.create."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tgserve import errors
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.users import (
    LoginCode,
    SessionRow,
    UserCode,
    UserCreate,
    UserDetails,
    UserList,
    UserMailCode,
    UserPage,
    UserRow,
    UserShow,
)
from tgserve.errors import RpcError
from tgserve.services.phones import digits_or_none
from tgserve.store import records as r
from tgserve.store.keyspaces import BOXES, CONTACTS, DIALOGS, USER_AUTHS, USERS
from tgserve.store.slots import SLOTS, slot_of

SLOTS_PER_TURN = 16
"""Slots read before the loop may serve clients again: about 1 ms with 50 users in each."""


@command(UserList)
async def user_list(daemon: Daemon, params: UserList) -> UserPage:
    wanted = params.search.casefold().lstrip("+@").strip()
    found = [user async for user in _everybody(daemon) if not wanted or wanted in _searched(user)]
    found.sort(key=lambda user: (user.created, user.id), reverse=True)
    return UserPage([row(user) for user in found[: max(0, params.limit)]], len(found))


@command(UserShow)
async def user_show(daemon: Daemon, params: UserShow) -> UserDetails:
    user = _find(daemon, params.who)
    with daemon.store.read(slot_of(user.id)) as reader:
        head = reader.get(BOXES, user.id)
        auths = [auth for _, auth in reader.range(USER_AUTHS, user.id)]
        contacts = sum(1 for _ in reader.range(CONTACTS, user.id))
        dialogs = sum(1 for _, dialog in reader.range(DIALOGS, user.id) if not dialog.hidden)
    sessions = [
        SessionRow(
            auth_key_id=f"{auth.auth_key_id:016x}",
            device=f"{auth.device_model}, {auth.system_version}".strip(", "),
            app=f"{auth.app_name} {auth.app_version}".strip(),
            ip=auth.ip,
            created=auth.created,
            active=auth.active,
        )
        for auth in sorted(auths, key=lambda auth: auth.active, reverse=True)
    ]
    return UserDetails(row(user), user.about, contacts, dialogs, head.msg_id if head else 0, sessions)


@command(UserCode)
async def user_code(daemon: Daemon, params: UserCode) -> LoginCode:
    digits = phone_digits(params.phone)
    code = daemon.services.auth.codes.last_or_none(digits)
    return code_or_refuse(digits, code, int(daemon.clock.now()))


@command(UserMailCode)
async def user_mail_code(daemon: Daemon, params: UserMailCode) -> LoginCode:
    user = _find(daemon, params.who)
    code = daemon.services.recovery.last_or_none(user.id)
    if code is None:
        raise Refusal(f"no e-mail code is waiting for {params.who}: ask for one in a client first")
    return LoginCode(user.phone, code.code, code.expires - int(daemon.clock.now()))


@command(UserCreate)
async def user_create(daemon: Daemon, params: UserCreate) -> UserRow:
    digits = phone_digits(params.phone)
    services = daemon.services
    try:
        if params.username and not services.names.free(params.username):
            raise errors.USERNAME_OCCUPIED()
        user_id = await services.auth.create_user(digits, params.first_name, params.last_name)
        if params.username:
            await services.names.set_username(user_id, params.username)
    except RpcError as error:
        meaning = errors.CATALOGUE[error.name].meaning if error.name in errors.CATALOGUE else ""
        raise Refusal(f"{meaning} ({error.name})") from None
    return row(services.users.get(user_id))


def phone_digits(phone: str) -> str:
    digits = digits_or_none(phone)
    if digits is None:
        raise Refusal(f"{phone} is not a phone number with country code, as in +999661234")
    return digits


def code_or_refuse(digits: str, code: r.LoginCode | None, now: int) -> LoginCode:
    if code is None:
        raise Refusal(f"no login code for +{digits} is waiting: ask for one in a client first")
    return LoginCode(digits, code.code, code.expires - now)


def row(user: r.User) -> UserRow:
    state = "deleted" if user.deleted else "banned" if user.banned else "bot" if user.bot else "active"
    return UserRow(
        id=user.id,
        phone=user.phone,
        first_name=user.first_name,
        last_name=user.last_name,
        username=user.username,
        created=user.created,
        last_online=user.last_online,
        state=state,
    )


async def _everybody(daemon: Daemon) -> AsyncIterator[r.User]:
    for slot in range(SLOTS):
        with daemon.store.read(slot) as reader:
            users = [user for _, user in reader.range(USERS)]
        for user in users:
            yield user
        if slot % SLOTS_PER_TURN == 0:
            await asyncio.sleep(0)


def _searched(user: r.User) -> str:
    return f"{user.first_name} {user.last_name}\n{user.username}\n{user.phone}\n{user.id}".casefold()


def _find(daemon: Daemon, who: str) -> r.User:
    services = daemon.services
    user_id: int | None
    if who.startswith("@"):
        user_id = services.names.peer_or_none(who[1:])
    elif who.startswith("+") or not who.isdigit():
        user_id = services.auth.user_by_phone_or_none(who)
    else:
        user_id = (
            int(who) if services.users.get_or_none(int(who)) else services.auth.user_by_phone_or_none(who)
        )
    user = services.users.get_or_none(user_id) if user_id else None
    if user is None:
        raise Refusal(f"nobody here is {who}: an id, @username or phone number is needed")
    return user
