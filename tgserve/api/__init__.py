"""One function a method, by namespace. `load()` fills the table of methods; nothing is imported before it is called."""

from __future__ import annotations

import importlib
import pkgutil

LAST = "tgserve.api.empty"
"""Answers for what nobody else serves: must see the table filled."""


def modules() -> list[str]:
    """Every module of this room in the order they are loaded."""
    found = [module.name for module in pkgutil.walk_packages(__path__, __name__ + ".") if module.name != LAST]
    return [*sorted(found), LAST]


def load() -> None:
    """Import all of them: afterwards rpc.registry.METHODS knows every method of the schema."""
    for name in modules():
        importlib.import_module(name)
