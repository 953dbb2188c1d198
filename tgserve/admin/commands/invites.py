"""user.invite, user.invites, user.uninvite: letting people make accounts without SMS."""

from __future__ import annotations

from tgserve import limits
from tgserve.admin.commands.finding import phone_digits
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.invites import (
    InviteMade,
    InvitePage,
    InviteRow,
    UserInvite,
    UserInvites,
    UserUninvite,
)
from tgserve.services.signups import state_of
from tgserve.store import account_records as a

NAME_CHARS = 100
MOST_USES = 100_000
MOST_SECONDS = 365 * limits.DAY


@command(UserInvite)
async def user_invite(daemon: Daemon, params: UserInvite) -> InviteMade:
    signups = daemon.services.signups
    phone = phone_digits(params.phone) if params.phone else ""
    seconds = params.expires_seconds or limits.INVITE_SECONDS
    if not 1 <= params.uses <= MOST_USES:
        raise Refusal(f"an invitation is for 1..{MOST_USES} people, not {params.uses}")
    if phone and params.uses > 1:
        raise Refusal("an invitation for one number is for one person")
    if not 60 <= seconds <= MOST_SECONDS:
        raise Refusal("an invitation is good for a minute to a year")
    if len(params.name) > NAME_CHARS:
        raise Refusal(f"the name is longer than {NAME_CHARS} characters")
    if phone and daemon.services.auth.user_by_digits_or_none(phone):
        raise Refusal(f"+{phone} has an account")
    row, token = await signups.invite(name=params.name, uses=params.uses, seconds=seconds, phone=phone)
    return InviteMade(_row(daemon, row), signups.code_of(token), token, _link(daemon, token), signups.mode)


@command(UserInvites)
async def user_invites(daemon: Daemon, params: UserInvites) -> InvitePage:
    signups = daemon.services.signups
    return InvitePage(signups.mode, [_row(daemon, row) for row in signups.listed()])


@command(UserUninvite)
async def user_uninvite(daemon: Daemon, params: UserUninvite) -> InviteRow:
    row = await daemon.services.signups.revoke(params.number)
    if row is None:
        raise Refusal(f"there is no invitation {params.number}: `tgserve user invites` lists them")
    return _row(daemon, row)


def _row(daemon: Daemon, row: a.SignupInvite) -> InviteRow:
    return InviteRow(
        number=row.number,
        name=row.name,
        phone=row.phone,
        uses=row.uses,
        used=row.used,
        created=row.created,
        expires=row.expires,
        state=state_of(row, int(daemon.clock.now())),
    )


def _link(daemon: Daemon, token: str) -> str:
    config = daemon.config
    if not config.http.enabled:
        return ""
    host, _, port = daemon.address.rpartition(":")
    host = config.public_host or host
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    scheme = "https" if config.http.certificate else "http"
    return f"{scheme}://{host}:{config.public_port or port}/join/{token}"
