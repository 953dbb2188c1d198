"""/healthz and /metrics: for load balancers and Prometheus, to the networks of http.metrics alone; to others there is
nothing there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from aiohttp import web

from tgserve.server.pages.site import ADDRESS, SITE, Site
from tgserve.server.proxies import Proxies


def routes(site: Site) -> list[web.RouteDef]:
    near = Proxies(site.config.http.metrics)
    return [
        web.get("/healthz", partial(health, near)),
        web.get("/metrics", partial(metrics, near, site.exposition)),
    ]


async def health(near: Proxies, request: web.Request) -> web.Response:
    """200 while calls are served; 503 when the store takes no more or the server stops."""
    _only_from(near, request)
    trouble = request.app[SITE].trouble()
    if trouble:
        return web.json_response({"status": "unwell", "trouble": trouble}, status=503)
    return web.json_response({"status": "ok"})


async def metrics(near: Proxies, text: Callable[[], str], request: web.Request) -> web.Response:
    _only_from(near, request)
    return web.Response(
        body=text().encode(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    )


def _only_from(near: Proxies, request: web.Request) -> None:
    if not near.trusts(request.get(ADDRESS, "")):
        raise web.HTTPNotFound
