"""The exceptions to mapping by field name: one function each, sorted by TL name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tgserve.tl import types as t
from tgserve.tl.base import TLObject

Values = dict[str, Any]
Key = tuple[bool, str]

EMPTIES: dict[str, Callable[[], TLObject]] = {}
CONVERSIONS: dict[tuple[str, str], Callable[[Any], Any]] = {}
UPGRADES: dict[Key, Callable[[Values], Values | TLObject]] = {}
DOWNGRADES: dict[Key, Callable[[Any], Values | TLObject]] = {}
RESULTS: dict[str, Callable[[Any, str], Any]] = {}
SUBSTITUTES: dict[str, Callable[[Any], TLObject]] = {}
RESCUES: dict[str, Callable[[Any], TLObject]] = {}
