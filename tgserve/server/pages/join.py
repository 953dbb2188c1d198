"""`/join/TOKEN`: what an invitation's link shows: the digits to type, and where."""

from __future__ import annotations

from html import escape

from aiohttp import web

from tgserve.server.pages.site import SITE, Site

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{name}</title>
<style>body{{font:1rem/1.6 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}}
code{{font-size:1.6rem;letter-spacing:.15em;white-space:nowrap}}</style></head><body><h1>{name}</h1>{body}</body></html>
"""
_GOOD = """
<p>You are invited to make an account on this server.</p>
<ol><li>Open a Telegram client that has been pointed at this server{client}.</li>
<li>Sign in with your phone number{phone}. No text message will come.</li>
<li>Where the client asks for the login code, type<br><code>{code}</code></li>
<li>Give your name. That is all: these digits have done their work then; your next login asks for a new code.</li>
</ol><p>Whoever knows these digits can make an account in your place: keep them to yourself.</p>"""
_GONE = """
<p>This invitation is not, or no longer, good: it has been used, has run out, or was withdrawn. Ask whoever gave it to
you for another one.</p>"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
}
TOKEN_CHARS = 64


def routes(site: Site) -> list[web.RouteDef]:
    return [web.get("/join/{token}", join)]


async def join(request: web.Request) -> web.Response:
    """200 with the digits, 404 for every other token: the answer says nothing of how one failed."""
    site = request.app[SITE]
    token = request.match_info["token"]
    signups = site.services.signups
    row = signups.by_token(token) if len(token) <= TOKEN_CHARS else None
    name = escape(site.config.name)
    if row is None:
        text = _PAGE.format(name=name, body=_GONE)
        return web.Response(status=404, text=text, content_type="text/html", headers=_HEADERS)
    code = signups.code_of(token)
    body = _GOOD.format(
        code=f"{code[:4]} {code[4:]}",
        phone=f", +{escape(row.phone)}" if row.phone else "",
        client=', or <a href="/">the one here</a>' if site.config.web.root else "",
    )
    return web.Response(text=_PAGE.format(name=name, body=body), content_type="text/html", headers=_HEADERS)
