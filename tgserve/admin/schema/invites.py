"""user.invite, user.invites, user.uninvite: letting people make accounts without SMS."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class InviteRow:
    number: int
    name: str
    phone: str
    """Digits; empty: for any number."""
    uses: int
    used: int
    created: int
    expires: int
    state: str
    """open, used, expired, revoked."""


@dataclass(frozen=True, slots=True)
class InviteMade:
    invite: InviteRow
    code: str
    """Digits for the client's code field. Shown this once, as the link."""
    token: str
    link: str
    """Page that explains what to do; empty when no pages are served."""
    signup: str
    """The config's word: an invitation is of use with `invite` alone."""


@answers("user.invite", InviteMade)
@dataclass(frozen=True, slots=True)
class UserInvite(Command[InviteMade]):
    """A new invitation. `expires_seconds` from now; `phone`: for this number alone."""

    name: str = ""
    uses: int = 1
    expires_seconds: int = 0
    phone: str = ""


@dataclass(frozen=True, slots=True)
class InvitePage:
    signup: str
    invites: list[InviteRow] = field(default_factory=list)


@answers("user.invites", InvitePage)
@dataclass(frozen=True, slots=True)
class UserInvites(Command[InvitePage]):
    """Invitations, newest first; ended ones for thirty days."""


@answers("user.uninvite", InviteRow)
@dataclass(frozen=True, slots=True)
class UserUninvite(Command[InviteRow]):
    """Revoke one; who came by it stays."""

    number: int
