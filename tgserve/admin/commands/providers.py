"""provider.*: the same five commands for every kind of provider. A kind says in KINDS how its senders are made and
tried; what an operator typed is checked whole, and asked of the provider itself, before anything is written.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from tgserve.adapters.contract import AdapterError, Sent
from tgserve.adapters.line import is_country
from tgserve.adapters.options import KIND_NAMES, options_of
from tgserve.adapters.shelf import Shelf
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.providers import (
    AdapterRow,
    AdapterTable,
    OptionRow,
    ProviderAdapters,
    ProviderAdd,
    ProviderList,
    ProviderRemove,
    ProviderRow,
    ProviderSet,
    ProviderTable,
    ProviderTest,
    ProviderTested,
)
from tgserve.services.providers import Provider

SECRET = "[set]"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
PROBE_SECONDS = 20
MOST = 32
"""Providers of a kind."""


@dataclass(frozen=True, slots=True)
class State:
    """How a provider has done since the start."""

    sent: int = 0
    failed: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the commands must know of a kind."""

    shelf: Shelf[Any]
    test: Callable[[Daemon, str, str], Awaitable[ProviderTested]]
    """(daemon, to, via): send something; Refusal for a `to` that is none. `via` exists, or is empty."""
    state: Callable[[Daemon, str], State]
    default: Callable[[Daemon], Provider | None]
    """What the settings say is used while there is no provider."""
    without: str
    """What happens without any, as the end of a sentence."""
    by_country: bool = False


KINDS: dict[str, Kind] = {}
"""Filled by the module of each kind."""


@command(ProviderAdapters)
async def provider_adapters(daemon: Daemon, params: ProviderAdapters) -> AdapterTable:
    shelf = _kind(params.kind).shelf
    names = [params.adapter] if params.adapter else await asyncio.to_thread(shelf.names)
    # Adapters bring libraries along: read in a thread, since clients are served meanwhile.
    return AdapterTable(params.kind, [await asyncio.to_thread(_adapter, shelf, name) for name in names])


@command(ProviderList)
async def provider_list(daemon: Daemon, params: ProviderList) -> ProviderTable:
    kind = _kind(params.kind)
    rows = [_row(daemon, params.kind, one) for one in daemon.services.providers.of(params.kind)]
    default = kind.default(daemon)
    if not any(row.enabled for row in rows) and default is not None:
        rows.append(_row(daemon, params.kind, default))
    return ProviderTable(params.kind, rows)


@command(ProviderAdd)
async def provider_add(daemon: Daemon, params: ProviderAdd) -> ProviderRow:
    kind = _kind(params.kind)
    providers = daemon.services.providers
    there = providers.of(params.kind)
    if not NAME.fullmatch(params.name):
        raise Refusal(f"`{params.name}` is no name: up to 32 of a-z, 0-9, - and _")
    if any(one.name == params.name for one in there):
        raise Refusal(
            f"there is a {params.kind} provider {params.name}: `tgserve {params.kind} set` changes it"
        )
    if len(there) >= MOST:
        raise Refusal(f"{MOST} {params.kind} providers are the most")
    last = max((one.order for one in there), default=0)
    provider = Provider(
        name=params.name,
        adapter=params.adapter,
        options=params.options,
        order=last + 10 if params.order is None else params.order,
        countries=tuple(params.countries),
        enabled=params.enabled,
        per_minute=params.per_minute,
    )
    checked = await _checked(daemon, kind, provider, params.probe and params.enabled)
    return _row(daemon, params.kind, await providers.put(params.kind, checked))


@command(ProviderSet)
async def provider_set(daemon: Daemon, params: ProviderSet) -> ProviderRow:
    kind = _kind(params.kind)
    before = _provider(daemon, params.kind, params.name)
    missing = [name for name in params.unset if name not in before.options]
    if missing:
        raise Refusal(f"{params.name} has no option {missing[0]}")
    options = {name: value for name, value in before.options.items() if name not in params.unset}
    provider = replace(
        before,
        options=options | params.options,
        order=before.order if params.order is None else params.order,
        countries=before.countries if params.countries is None else tuple(params.countries),
        enabled=before.enabled if params.enabled is None else params.enabled,
        per_minute=before.per_minute if params.per_minute is None else params.per_minute,
    )
    if before.enabled and not provider.enabled and not params.force:
        _not_the_last(daemon, params.kind, params.name)
    told = bool(params.options or params.unset) or (provider.enabled and not before.enabled)
    checked = await _checked(daemon, kind, provider, params.probe and provider.enabled and told)
    return _row(daemon, params.kind, await daemon.services.providers.put(params.kind, checked))


@command(ProviderTest)
async def provider_test(daemon: Daemon, params: ProviderTest) -> ProviderTested:
    """Answers with ok=False when the provider has not taken it: its own words are the answer."""
    kind = _kind(params.kind)
    default = kind.default(daemon)
    if params.via and (default is None or params.via != default.name):
        if not _provider(daemon, params.kind, params.via).enabled:
            raise Refusal(
                f"{params.via} is disabled: `tgserve {params.kind} set {params.via} --enable` first"
            )
    begin = daemon.clock.monotonic()
    tested = await kind.test(daemon, params.to, params.via)
    return replace(tested, seconds=round(daemon.clock.monotonic() - begin, 3))


@command(ProviderRemove)
async def provider_remove(daemon: Daemon, params: ProviderRemove) -> ProviderRow:
    _kind(params.kind)
    before = _provider(daemon, params.kind, params.name)
    if before.enabled and not params.force:
        _not_the_last(daemon, params.kind, params.name)
    row = _row(daemon, params.kind, before)
    await daemon.services.providers.remove(params.kind, params.name)
    return row


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise Refusal(f"there are no {name or 'such'} providers: {', '.join(KINDS)} are the kinds")
    return KINDS[name]


def _provider(daemon: Daemon, kind: str, name: str) -> Provider:
    found = daemon.services.providers.get_or_none(kind, name) if NAME.fullmatch(name) else None
    if found is None:
        raise Refusal(f"there is no {kind} provider {name}: `tgserve {kind} list` shows them")
    return found


def _not_the_last(daemon: Daemon, kind: str, name: str) -> None:
    if not any(one.enabled and one.name != name for one in daemon.services.providers.of(kind)):
        raise Refusal(
            f"{name} is the only one in use, and {KINDS[kind].without}: --force does it all the same"
        )


async def _checked(daemon: Daemon, kind: Kind, provider: Provider, probe: bool) -> Provider:
    """The provider as it may be written. Refusal: what is wrong with it."""
    if not 0 <= provider.order <= 1_000_000:
        raise Refusal(f"order: {provider.order} is not 0..1000000")
    if not 0 <= provider.per_minute <= 1_000_000:
        raise Refusal(f"per minute: {provider.per_minute} is not 0..1000000")
    if provider.countries and not kind.by_country:
        raise Refusal("these providers are not chosen by country")
    countries = tuple(dict.fromkeys(code.strip().upper() for code in provider.countries))
    for code in countries:
        if not is_country(code):
            raise Refusal(f"there is no country {code}: two letters as in DE, US, IN")
    try:
        factory = await asyncio.to_thread(kind.shelf.factory, provider.adapter)
        sender = factory(provider.options, daemon.clock)
    except AdapterError as fault:
        raise Refusal(str(fault)) from None
    try:
        if probe:
            await _probe(sender, provider)
    finally:
        await sender.close()
    return replace(provider, countries=countries)


async def _probe(sender: Any, provider: Provider) -> None:
    """Ask the provider whether it would take something, if its adapter can ask."""
    ask: Callable[[], Awaitable[Any]] | None = getattr(sender, "probe", None)
    if ask is None:
        return
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            result = await ask()
    except TimeoutError:
        raise Refusal(
            f"{provider.adapter} did not answer within {PROBE_SECONDS} s; nothing was changed "
            "(--no-check takes it as it is)"
        ) from None
    if not isinstance(result, Sent):
        raise Refusal(
            f"{provider.adapter}: {result.reason}; nothing was changed (--no-check takes it as it is)"
        )


def _row(daemon: Daemon, kind: str, provider: Provider) -> ProviderRow:
    state = KINDS[kind].state(daemon, provider.name)
    return ProviderRow(
        name=provider.name,
        adapter=provider.adapter,
        order=provider.order,
        countries=list(provider.countries),
        enabled=provider.enabled,
        per_minute=provider.per_minute,
        options=_shown(KINDS[kind].shelf, provider.adapter, provider.options),
        added=provider.added,
        sent=state.sent,
        failed=state.failed,
        fault=state.fault,
    )


def _shown(shelf: Shelf[Any], adapter: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options without secrets; of an adapter that says nothing of its options, all are secrets."""
    try:
        known = options_of(shelf.factory(adapter)) or ()
    except AdapterError:
        known = ()
    plain = {option.name for option in known if not option.secret and not option.hidden}
    return {name: _without_query(value) if name in plain else SECRET for name, value in options.items()}


def _without_query(value: Any) -> Any:
    """Addresses lose what often holds a key: the query, and a name before the host."""
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        return SECRET
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + ("?..." if parts.query else "")


def _adapter(shelf: Shelf[Any], name: str) -> AdapterRow:
    try:
        options = options_of(shelf.factory(name))
    except AdapterError as fault:
        raise Refusal(str(fault)) from None
    if options is None:
        return AdapterRow(name, described=False)
    return AdapterRow(
        name,
        options=[
            OptionRow(
                name=option.name,
                doc=option.doc,
                kind=KIND_NAMES[option.kind],
                default="" if option.required else str(option.default),
                required=option.required,
                secret=option.secret,
                choices=list(option.choices),
            )
            for option in options
        ],
    )
