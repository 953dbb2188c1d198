"""Privacy rules as TL: names of services/privacy.py are the schema's in snake case, so classes are found by name."""

from __future__ import annotations

import re
from typing import Any

from tgserve.services import Services
from tgserve.tl import types as t


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def kinds(prefix: str) -> dict[str, type[Any]]:
    """Snake-case rest of the name -> class, for all constructors with this prefix."""
    return {_snake(name[len(prefix) :]): cls for name, cls in vars(t).items() if name.startswith(prefix)}


_KEYS = kinds("PrivacyKey")
_RULES = kinds("PrivacyValue")


def key(name: str) -> t.AnyPrivacyKey:
    made: t.AnyPrivacyKey = _KEYS[name]()
    return made


def rules(services: Services, owner: int, name: str) -> tuple[list[t.AnyPrivacyRule], tuple[int, ...]]:
    """(the owner's rules for one key, the users they name)."""
    drawn: list[t.AnyPrivacyRule] = []
    named: list[int] = []
    for kind, ids in services.privacy.rules(owner, name):
        cls = _RULES[kind]
        if kind.endswith("_users"):
            drawn.append(cls(users=list(ids)))
            named += ids
        elif kind.endswith("_chat_participants"):
            drawn.append(cls(chats=list(ids)))
        else:
            drawn.append(cls())
    return drawn, tuple(named)
