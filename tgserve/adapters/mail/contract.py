"""What sends e-mail: codes that confirm an address or lead around a forgotten password. Results as for SMS.

An adapter is a factory `(options, clock) -> MailSender`; it tries once and says what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tgserve.adapters.contract import Later, Refused, Sent
from tgserve.clock import Clock

MailResult = Sent | Later | Refused


@dataclass(frozen=True, slots=True)
class Mail:
    """`to` is one bare address; `text` is plain text with the code in it."""

    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)


class MailSender(Protocol):
    async def send(self, mail: Mail) -> MailResult:
        """Try once. Raises nothing but CancelledError: what goes wrong is a result."""

    async def close(self) -> None:
        """Give back connections. Called once, after the last send."""


MailFactory = Callable[[Mapping[str, Any], Clock], MailSender]
