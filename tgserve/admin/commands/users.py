"""user.*: accounts."""

from __future__ import annotations

from tgserve import errors
from tgserve.admin.commands.finding import (
    everybody,
    find_active,
    find_person,
    find_user,
    in_words,
    phone_digits,
)
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.users import (
    LimitRow,
    LoginCode,
    SessionRow,
    UserBan,
    UserBanned,
    UserCode,
    UserCreate,
    UserDelete,
    UserDetails,
    UserEdit,
    UserLimits,
    UserLimitsReport,
    UserList,
    UserMailCode,
    UserPage,
    UserReset2fa,
    UserRow,
    UserShow,
    UserUnban,
)
from tgserve.rpc.registry import METHODS
from tgserve.services.phones import digits_or_none
from tgserve.services.users import first_name_of, last_name_of
from tgserve.store import records as r
from tgserve.store.keyspaces import BOXES, CONTACTS, DIALOGS, JOINED, USER_AUTHS
from tgserve.store.slots import slot_of

STATES = ("active", "banned", "deleted", "bot")


@command(UserList)
async def user_list(daemon: Daemon, params: UserList) -> UserPage:
    if params.state and params.state not in STATES:
        raise Refusal(f"state `{params.state}` is none of {', '.join(STATES)}")
    wanted = params.search.casefold().lstrip("+@").strip()
    found = [
        user
        async for user in everybody(daemon)
        if (not wanted or wanted in _searched(user)) and (not params.state or state_of(user) == params.state)
    ]
    found.sort(key=lambda user: (user.created, user.id), reverse=True)
    first = max(0, params.offset)
    return UserPage([row(user) for user in found[first : first + max(0, params.limit)]], len(found))


@command(UserShow)
async def user_show(daemon: Daemon, params: UserShow) -> UserDetails:
    user = find_user(daemon, params.who)
    with daemon.store.read(slot_of(user.id)) as reader:
        head = reader.get(BOXES, user.id)
        auths = [auth for _, auth in reader.range(USER_AUTHS, user.id)]
        contacts = sum(1 for _ in reader.range(CONTACTS, user.id))
        dialogs = [peer for (*_, peer), dialog in reader.range(DIALOGS, user.id) if not dialog.hidden]
        channels = sum(1 for _ in reader.range(JOINED, user.id))
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
    return UserDetails(
        row(user),
        user.about,
        contacts,
        len(dialogs),
        head.msg_id if head else 0,
        sessions,
        password=daemon.services.passwords.has(user.id),
        groups=sum(-r.CHANNEL_BASE < peer < 0 for peer in dialogs),
        channels=channels,
    )


@command(UserCode)
async def user_code(daemon: Daemon, params: UserCode) -> LoginCode:
    digits = phone_digits(params.phone)
    code = daemon.services.auth.codes.last_or_none(digits)
    return code_or_refuse(digits, code, int(daemon.clock.now()))


@command(UserMailCode)
async def user_mail_code(daemon: Daemon, params: UserMailCode) -> LoginCode:
    user = find_user(daemon, params.who)
    code = daemon.services.recovery.last_or_none(user.id)
    if code is None:
        raise Refusal(f"no e-mail code is waiting for {params.who}: ask for one in a client first")
    return LoginCode(user.phone, code.code, code.expires - int(daemon.clock.now()))


@command(UserCreate)
async def user_create(daemon: Daemon, params: UserCreate) -> UserRow:
    digits = phone_digits(params.phone)
    services = daemon.services
    with in_words():
        if params.username and not services.names.free(params.username):
            raise errors.USERNAME_OCCUPIED()
        user_id = await services.auth.create_user(digits, params.first_name, params.last_name)
        if params.username:
            await services.names.set_username(user_id, params.username)
    return row(services.users.get(user_id))


@command(UserEdit)
async def user_edit(daemon: Daemon, params: UserEdit) -> UserRow:
    """Everything is checked before anything is changed; the claims of number and username come first."""
    services = daemon.services
    user = find_active(daemon, params.who)
    username = None if params.username is None else params.username.removeprefix("@")
    digits = None if params.phone is None else phone_digits(params.phone)
    with in_words():
        if params.first_name is not None:
            first_name_of(params.first_name)
        if params.last_name is not None:
            last_name_of(params.last_name)
        services.users.check_about(params.about)
        if username and username.lower() != user.username.lower() and not services.names.free(username):
            raise errors.USERNAME_OCCUPIED()
        if digits is not None and digits != user.phone:
            _check_phone(daemon, user, digits)
            await services.accounts.set_phone(user.id, digits)
        if username is not None and username != user.username:
            await services.names.set_username(user.id, username)
        await services.users.update_profile(user.id, params.first_name, params.last_name, params.about)
        marks = {"verified": params.verified, "scam": params.scam, "fake": params.fake}
        if any(mark is not None for mark in marks.values()):
            await services.operating.mark(user.id, **marks)
    return row(services.users.get(user.id))


def _check_phone(daemon: Daemon, user: r.User, digits: str) -> None:
    if user.bot:
        raise Refusal(f"{user.id} is a bot: it has no phone number")
    if user.banned:
        raise Refusal(f"{user.id} is banned, and its number with it: `tgserve user unban {user.id}` first")
    if daemon.services.operating.phone_banned(digits):
        raise errors.PHONE_NUMBER_BANNED()
    if daemon.services.auth.user_by_digits_or_none(digits):
        raise errors.PHONE_NUMBER_OCCUPIED()


@command(UserBan)
async def user_ban(daemon: Daemon, params: UserBan) -> UserBanned:
    digits = _strange_number_or_none(daemon, params.who)
    if digits is not None:
        await daemon.services.operating.ban_phone(digits)
        return UserBanned(f"+{digits}")
    user = find_active(daemon, params.who)
    return UserBanned(str(user.id), await daemon.services.operating.ban(user.id))


@command(UserUnban)
async def user_unban(daemon: Daemon, params: UserUnban) -> UserBanned:
    digits = _strange_number_or_none(daemon, params.who)
    if digits is not None:
        if not await daemon.services.operating.unban_phone(digits):
            raise Refusal(f"+{digits} is not banned")
        return UserBanned(f"+{digits}")
    user = find_active(daemon, params.who)
    if not user.banned:
        raise Refusal(f"the account {user.id} is not banned")
    await daemon.services.operating.unban(user.id)
    return UserBanned(str(user.id))


def _strange_number_or_none(daemon: Daemon, who: str) -> str | None:
    """The digits of a phone number, written with its plus, that has no account."""
    digits = digits_or_none(who) if who.startswith("+") else None
    if digits is None or daemon.services.auth.user_by_digits_or_none(digits):
        return None
    return digits


@command(UserDelete)
async def user_delete(daemon: Daemon, params: UserDelete) -> UserRow:
    user = find_person(daemon, params.who)
    await daemon.services.accounts.delete(user.id)
    return row(user)


@command(UserReset2fa)
async def user_reset_2fa(daemon: Daemon, params: UserReset2fa) -> UserRow:
    user = find_person(daemon, params.who)
    if not daemon.services.passwords.has(user.id):
        raise Refusal(f"the account {user.id} has no two-step verification")
    await daemon.services.operating.reset_password(user.id)
    return row(user)


@command(UserLimits)
async def user_limits(daemon: Daemon, params: UserLimits) -> UserLimitsReport:
    user = find_active(daemon, params.who)
    operating, floods = daemon.services.operating, daemon.gateway.dispatcher.floods
    found = [
        LimitRow(one.what, one.count, one.most, one.seconds, one.count >= one.most)
        for one in operating.limits_of(user)
    ]
    for method, left, most, seconds in floods.of(user.id, daemon.clock.monotonic()):
        name = METHODS[method].request.NAME if method in METHODS else "methods without a limit of their own"
        found.append(LimitRow(name, most - left, most, seconds, left <= 0))
    lifted = 0
    if params.lift:
        lifted = sum(one.waiting for one in found)
        await operating.lift(user)
        floods.lift(user.id)
    return UserLimitsReport(row(user), found, lifted)


def code_or_refuse(digits: str, code: r.LoginCode | None, now: int) -> LoginCode:
    if code is None:
        raise Refusal(f"no login code for +{digits} is waiting: ask for one in a client first")
    return LoginCode(digits, code.code, code.expires - now)


def state_of(user: r.User) -> str:
    return "deleted" if user.deleted else "banned" if user.banned else "bot" if user.bot else "active"


def row(user: r.User) -> UserRow:
    return UserRow(
        id=user.id,
        phone=user.phone,
        first_name=user.first_name,
        last_name=user.last_name,
        username=user.username,
        created=user.created,
        last_online=user.last_online,
        state=state_of(user),
        marks=[mark for mark in ("verified", "scam", "fake") if getattr(user, mark)],
    )


def _searched(user: r.User) -> str:
    return f"{user.first_name} {user.last_name}\n{user.username}\n{user.phone}\n{user.id}".casefold()
