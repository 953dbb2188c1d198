"""`/`: what stands here, for whoever comes with a browser."""

from __future__ import annotations

from html import escape

from aiohttp import web

from tgserve.server.pages.site import SITE, Site

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title><style>body{{font:1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}}
</style></head><body><h1>{name}</h1>
<p>This is a self-hosted messaging server. It is used with Telegram clients that have been pointed at it; whoever runs
it can tell you how.</p></body></html>
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


def routes(site: Site) -> list[web.RouteDef]:
    if site.config.web.root:
        return []
    return [web.get("/", welcome)]


async def welcome(request: web.Request) -> web.Response:
    text = _PAGE.format(name=escape(request.app[SITE].config.name))
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": _POLICY})
