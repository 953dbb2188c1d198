"""What pages are given: `request.app[SITE]`; and `request[ADDRESS]`, who asks."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.mtproto.rsa import RsaPublic
from tgserve.server import exposition
from tgserve.server.proxies import Proxies
from tgserve.services import Services


class Site:
    def __init__(
        self, config: Config, clock: Clock, services: Services, proxies: Proxies, key: RsaPublic
    ) -> None:
        self.config = config
        self.clock = clock
        self.services = services
        self.key = key
        """The server's public key."""
        self._proxies = proxies

    def exposition(self) -> str:
        """All metrics in Prometheus' text format."""
        return exposition.text()

    def trouble(self) -> list[str]:
        """Why no calls should be sent here, if they should not."""
        found = []
        store = self.services.store
        if store.busy:
            found.append("the store's queue is half full")
        if not any(disk.health == "ok" for disk in self.services.chunks.disks.values()):
            found.append("no disk for files is well")
        return found

    def origin(self, address: str, forwarded: str) -> str:
        """Who asks; X-Forwarded-For is believed of trusted proxies alone."""
        return self._proxies.origin(address, forwarded) if self._proxies.trusts(address) else address


SITE: web.AppKey[Site] = web.AppKey("site", Site)
ADDRESS: Any = web.RequestKey("address", str) if hasattr(web, "RequestKey") else "address"
"""aiohttp has keys with types for requests since 3.14, and warns of names; 3.12 knows names alone."""
