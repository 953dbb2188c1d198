"""Simple push (token type 4) and UnifiedPush: the token is an address, and a push is a PUT of `version=number` to it.
The device connects and fetches what there is.

Distributors of UnifiedPush take POST alone: where PUT is not known (405, 501), POST is used from then on.
"""

from __future__ import annotations

from typing import Final

from tgserve.adapters.contract import Options, Push, PushResult, Refused
from tgserve.adapters.http import Unreachable
from tgserve.adapters.options import Option, takes
from tgserve.adapters.push import SIMPLE
from tgserve.adapters.push.endpoints import Endpoints, host_of
from tgserve.clock import Clock

HOSTS_KEPT: Final = 10_000
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}


class SimpleSender:
    types = frozenset({SIMPLE})
    wakes_only = True
    """Its pushes say nothing but that there is something."""
    by_endpoint = True
    """Every token has a server of its own: what one of them says is no word about the others."""

    def __init__(self, endpoints: Endpoints, clock: Clock) -> None:
        self._endpoints = endpoints
        self._clock = clock
        self._last = 0
        self._posts: set[str] = set()

    async def send(self, push: Push) -> PushResult:
        self._last = max(self._last + 1, int(self._clock.now() * 1000))
        data = b"version=%d" % self._last
        headers = _FORM | {"TTL": str(push.seconds), "Urgency": "high"}
        host = host_of(push.token)
        method = "POST" if host in self._posts else "PUT"
        try:
            answer = await self._endpoints.call(method, push.token, data, headers)
            if method == "PUT" and answer.status in (405, 501):
                answer = await self._endpoints.call("POST", push.token, data, headers)
                if len(self._posts) < HOSTS_KEPT and answer.status < 300:
                    self._posts.add(host)
        except Unreachable as fault:
            return Refused(str(fault))
        return self._endpoints.result(answer, host)

    async def close(self) -> None:
        await self._endpoints.close()


@takes(
    "push.simple",
    Option("allow_private", "networks beside the public internet that endpoints may be in", default=""),
)
def create(options: Options, clock: Clock) -> SimpleSender:
    return SimpleSender(Endpoints(clock, options["allow_private"].split(",")), clock)
