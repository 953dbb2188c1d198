"""Adapters of a kind by name: built-in ones are a table of module names, imported when one is asked for; entry points
are scanned only for other names, since the scan costs 36 ms of every start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar, cast

from tgserve.adapters.contract import AdapterError
from tgserve.clock import Clock

S = TypeVar("S")
Make = Callable[[Mapping[str, Any], Clock], S]


@dataclass(frozen=True, slots=True)
class Shelf(Generic[S]):
    """`setting`: how messages call the choice, as in `sms.adapter`; `built_in`: name -> module with a `create`."""

    setting: str
    group: str
    built_in: Mapping[str, str]

    def factory(self, name: str) -> Make[S]:
        """The adapter called `name`; AdapterError when there is none or it cannot be imported."""
        if name in self.built_in:
            return cast(Make[S], import_module(self.built_in[name]).create)
        found = {point.name: point for point in entry_points(group=self.group)}
        if name not in found:
            known = ", ".join(sorted({*self.built_in, *found}))
            raise AdapterError(f"{self.setting}: there is no `{name}`; installed are {known}")
        try:
            return cast(Make[S], found[name].load())
        except (ImportError, AttributeError) as error:
            raise AdapterError(f"{self.setting}: `{name}` cannot be loaded: {error}") from error

    def names(self) -> list[str]:
        """Everything installed."""
        return sorted({*self.built_in, *(point.name for point in entry_points(group=self.group))})
