"""One function a method, by namespace. `load()` fills the table of methods; nothing is imported before it is called."""

from __future__ import annotations

import importlib
import pkgutil

DECLARED = "tgserve.api.empty"
"""Answers for what nobody else serves: `register` must see the table filled."""


def modules() -> list[str]:
    """Every module of this room."""
    return sorted(module.name for module in pkgutil.walk_packages(__path__, __name__ + "."))


def load() -> None:
    """Import all of them: afterwards rpc.registry.METHODS knows every method that has an answer."""
    for name in modules():
        importlib.import_module(name)
    importlib.import_module(DECLARED).register()
