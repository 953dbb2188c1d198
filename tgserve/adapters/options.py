"""What an adapter may be told: its options, each with kind, default and doc, checked before the adapter is made.

    @takes("sms.file", Option("path", "file that gets a JSON line for each message"))
    def create(options: Options, clock: Clock) -> FileSender: ...

The decorated factory is called with the operator's table as it stands in the config or was typed (`-o port=25` is
text: it becomes what the option's kind says) and hands on a complete one. A factory of a third party need not be
decorated; then nothing is known of its options, and all of them are kept as secrets.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tgserve.adapters.contract import AdapterError
from tgserve.clock import Clock

S = TypeVar("S", covariant=True)
KIND_NAMES = {str: "text", int: "number", bool: "yes or no", dict: "name=value pairs"}


@dataclass(frozen=True, slots=True)
class Option:
    """`default` None: it must be given. `kind` dict is text by name, given as JSON or as a table of the config."""

    name: str
    doc: str
    kind: type[Any] = str
    default: Any = None
    secret: bool = False
    """Typed at a prompt, never shown again."""
    hidden: bool = False
    """Not shown again either, since some will write a secret into it."""
    choices: tuple[str, ...] = ()
    low: int = 0
    high: int = 1 << 31

    @property
    def required(self) -> bool:
        return self.default is None

    def read(self, value: Any, place: str) -> Any:
        """The value as the adapter takes it. AdapterError."""
        kind = self.kind
        if isinstance(value, str) and kind is not str:
            value = _from_text(kind, value.strip())
        if kind is str and type(value) in (int, float):
            value = str(value)
        if type(value) is not kind:
            raise AdapterError(f"[{place}] {self.name} takes {KIND_NAMES[kind]}: {self.doc}")
        if kind is dict and not all(isinstance(one, str) for one in value.values()):
            raise AdapterError(f"[{place}] {self.name}: every value of the table is a text")
        if kind is int and not self.low <= value <= self.high:
            raise AdapterError(f"[{place}] {self.name}: {value} is not {self.low}..{self.high}")
        if kind is str and self.required and not value:
            raise AdapterError(f"[{place}] {self.name} is empty: {self.doc}")
        if self.choices and value not in self.choices:
            raise AdapterError(f"[{place}] {self.name}: `{value}` is none of {', '.join(self.choices)}")
        return value


class Factory(Generic[S]):
    """A factory of adapters that knows its options."""

    def __init__(
        self, place: str, options: tuple[Option, ...], make: Callable[[Mapping[str, Any], Clock], S]
    ) -> None:
        self.place = place
        self.options = options
        self._make = make

    def __call__(self, options: Mapping[str, Any], clock: Clock) -> S:
        return self._make(self.read(options), clock)

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value; AdapterError names the first that is missing, unknown or of another kind."""
        known = {option.name: option for option in self.options}
        for name in given:
            if name in known:
                continue
            if not known:
                raise AdapterError(f"[{self.place}] takes no options, not {name}")
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}"
            raise AdapterError(f"[{self.place}] takes no option {name}: {hint}")
        found: dict[str, Any] = {}
        for name, option in known.items():
            if name in given:
                found[name] = option.read(given[name], self.place)
            elif option.required:
                raise AdapterError(f"[{self.place}] needs {name}: {option.doc}")
            else:
                found[name] = option.default
        return found


def takes(place: str, *options: Option) -> Callable[[Callable[[Mapping[str, Any], Clock], S]], Factory[S]]:
    """Decorate `create(options, clock)`; `place` is how messages name the adapter, as in `sms.twilio`."""

    def decorate(make: Callable[[Mapping[str, Any], Clock], S]) -> Factory[S]:
        return Factory(place, options, make)

    return decorate


def options_of(factory: object) -> tuple[Option, ...] | None:
    """What a factory takes; None when it does not say."""
    return factory.options if isinstance(factory, Factory) else None


def _from_text(kind: type[Any], text: str) -> Any:
    """Typed text as another kind; the text itself when it is none."""
    if kind is int:
        return int(text) if text.lstrip("-").isdigit() else text
    if kind is bool:
        return {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}.get(
            text.lower(), text
        )
    try:
        return json.loads(text)
    except ValueError:
        return text
