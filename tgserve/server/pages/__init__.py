"""Pages, one module a subject: each has `routes(site)`. The most particular stand first, what takes any path last."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from aiohttp.web import RouteDef

from tgserve.server.pages.site import Site

MODULES = ("health", "join", "welcome", "client")


def load(site: Site) -> Iterator[list[RouteDef]]:
    for name in MODULES:
        yield import_module(f"{__name__}.{name}").routes(site)
