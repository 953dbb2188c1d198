"""Invite links as TL."""

from __future__ import annotations

from typing import Final

from tgserve import limits
from tgserve.services.groups.invites import Link
from tgserve.tl import types as t

LINK: Final = "https://t.me/+"


def invite(link: Link) -> t.ChatInviteExported:
    of = link.invite
    return t.ChatInviteExported(
        revoked=of.revoked,
        permanent=of.permanent,
        request_needed=of.approval,
        link=LINK + link.hash,
        admin_id=of.admin,
        date=of.date,
        start_date=of.edited or None,
        expire_date=of.expires or None,
        usage_limit=of.usage_limit or None,
        usage=of.usage or None,
        requested=of.requested or None,
        title=of.title or None,
    )


def hash_in(link: str) -> str:
    """The hash in a link as clients send it: the link itself, or its hash alone."""
    return link.rpartition("/")[2].lstrip("+").strip()[: limits.TEXT_CHARS]
