"""Where services leave an e-mail and go on: tried a few times in the background, logged without code and address."""

from __future__ import annotations

import asyncio

from tgserve import log, metrics
from tgserve.adapters.contract import Later, Sent
from tgserve.adapters.desk import Spawn
from tgserve.adapters.mail.contract import Mail, MailSender
from tgserve.adapters.wrap import BACKOFF_SECONDS

WAITING = 1000
_log = log.get("mail")
_sent = metrics.counter("tgserve_mail_total", "e-mails by result", ("result",))


class MailDesk:
    def __init__(self, sender: MailSender, spawn: Spawn) -> None:
        self._sender = sender
        self._spawn = spawn
        self.waiting = 0

    def post(self, mail: Mail) -> bool:
        """Take the e-mail; False when too many are under way already."""
        if self.waiting >= WAITING:
            return False
        self.waiting += 1
        self._spawn(self._deliver(mail))
        return True

    async def close(self) -> None:
        await self._sender.close()

    async def _deliver(self, mail: Mail) -> None:
        try:
            result = await self._sender.send(mail)
            for pause in BACKOFF_SECONDS:
                if not isinstance(result, Later):
                    break
                await asyncio.sleep(pause)
                result = await self._sender.send(mail)
            kind = type(result).__name__.lower()
            _sent.of(kind).inc()
            if isinstance(result, Sent):
                _log.info("mail.sent")
            else:
                _log.warning(f"mail.{kind}", reason=result.reason)
        finally:
            self.waiting -= 1
