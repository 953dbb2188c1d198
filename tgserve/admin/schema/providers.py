"""provider.*: whom login codes, pushes and e-mails are handed to. `kind` is sms, push or mail. The values of secret
options never come back: "[set]" stands for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tgserve.admin.schema import Command, answers


@dataclass(frozen=True, slots=True)
class OptionRow:
    name: str
    doc: str
    kind: str = "text"
    """text, number, yes or no, name=value pairs"""
    default: str = ""
    required: bool = False
    secret: bool = False
    choices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AdapterRow:
    name: str
    described: bool = True
    """False: an adapter of a third party that does not say what it takes."""
    options: list[OptionRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AdapterTable:
    kind: str
    adapters: list[AdapterRow]


@dataclass(frozen=True, slots=True)
class ProviderRow:
    name: str
    adapter: str
    order: int = 0
    countries: list[str] = field(default_factory=list)
    enabled: bool = True
    per_minute: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    added: int = 0
    """Unix seconds; 0: it stands in tgserve.toml."""
    sent: int = 0
    """Since the start, as the next."""
    failed: int = 0
    fault: str = ""
    """Of the last try, when that failed; or why nothing can be sent through it."""


@dataclass(frozen=True, slots=True)
class ProviderTable:
    kind: str
    providers: list[ProviderRow]
    """In the order in which they are asked."""


@dataclass(frozen=True, slots=True)
class ProviderTested:
    ok: bool
    via: str = ""
    reference: str = ""
    """The provider's own id of the message."""
    reason: str = ""
    seconds: float = 0.0


@answers("provider.adapters", AdapterTable)
@dataclass(frozen=True, slots=True)
class ProviderAdapters(Command[AdapterTable]):
    """The adapters that are installed, with their options; `adapter`: only that one."""

    kind: str
    adapter: str = ""


@answers("provider.list", ProviderTable)
@dataclass(frozen=True, slots=True)
class ProviderList(Command[ProviderTable]):
    """All providers of a kind."""

    kind: str


@answers("provider.add", ProviderRow)
@dataclass(frozen=True, slots=True)
class ProviderAdd(Command[ProviderRow]):
    """Take a provider into use. `probe`: ask it first whether the options are right."""

    kind: str
    name: str
    adapter: str
    options: dict[str, Any] = field(default_factory=dict)
    order: int | None = None
    """None: after those that are there."""
    countries: list[str] = field(default_factory=list)
    enabled: bool = True
    per_minute: int = 0
    probe: bool = True


@answers("provider.set", ProviderRow)
@dataclass(frozen=True, slots=True)
class ProviderSet(Command[ProviderRow]):
    """Change a provider: what is None stays. `options` are laid over those it has, `unset` names those that go."""

    kind: str
    name: str
    options: dict[str, Any] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)
    order: int | None = None
    countries: list[str] | None = None
    enabled: bool | None = None
    per_minute: int | None = None
    probe: bool = True
    force: bool = False
    """Although it is the last one that is in use."""


@answers("provider.test", ProviderTested)
@dataclass(frozen=True, slots=True)
class ProviderTest(Command[ProviderTested]):
    """Send something through a provider now (`via`), or through whichever would be asked."""

    kind: str
    to: str
    via: str = ""


@answers("provider.remove", ProviderRow)
@dataclass(frozen=True, slots=True)
class ProviderRemove(Command[ProviderRow]):
    """Forget a provider. Refused for the last one that is in use, unless `force`."""

    kind: str
    name: str
    force: bool = False
