"""sms list | adapters | add | set | test | remove."""

from __future__ import annotations

import click

from ..providers import attach


@click.group()
def sms() -> None:
    """Providers of login codes: list, adapters, add, set, test, remove.

    They are asked by --order until one has taken the message; without any, the adapter of tgserve.toml is used.
    """


attach(
    sms,
    "sms",
    "twilio -o account=AC0123 -o from=+15005550006 --secret token",
    "PHONE",
    "+999661234",
    country=True,
)
