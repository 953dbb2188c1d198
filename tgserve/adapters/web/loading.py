"""The fetcher, imported only where previews are switched on: its HTTP client takes a while to load."""

from __future__ import annotations

import importlib
from typing import Any


def web_fetcher() -> tuple[Any, type[Exception]]:
    """A Fetcher, and what it raises when it does not fetch."""
    module = importlib.import_module("tgserve.adapters.web.fetcher")
    return module.Fetcher(), module.Refused
