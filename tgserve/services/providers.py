"""Whom the operator has chosen to hand login codes, pushes and e-mails to: rows that commands write, options sealed.

Senders are made from them elsewhere: whoever makes senders of a kind reads `of(kind)` after the store has started and
is told by `on_change` when the rows are others. Nothing here knows what an adapter is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from tgserve.adapters.contract import Provider
from tgserve.clock import Clock
from tgserve.errors import StoreError
from tgserve.store.keyspaces import PROVIDERS
from tgserve.store.provider_records import ProviderRow
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

__all__ = ["KINDS", "Provider", "Providers"]

KINDS: Final = ("sms", "push", "mail")
Changed = Callable[[Sequence[Provider]], None]


class Providers:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._listeners: dict[str, list[Changed]] = {kind: [] for kind in KINDS}

    def on_change(self, kind: str, fn: Changed) -> None:
        """`fn(of(kind))` after every change, when it is durable."""
        self._listeners[kind].append(fn)

    def of(self, kind: str) -> list[Provider]:
        """All of a kind, disabled ones too, in the order in which they are asked. StoreError when the options of one
        do not open: they were sealed under another keys/secret.key."""
        with self._store.read(slot_of(kind)) as reader:
            rows = [(key[-1], row) for key, row in reader.range(PROVIDERS, kind)]
        found = [self._opened(kind, name, row) for name, row in rows]
        return sorted(found, key=lambda provider: (provider.order, provider.name))

    def get_or_none(self, kind: str, name: str) -> Provider | None:
        with self._store.read(slot_of(kind)) as reader:
            row = reader.get(PROVIDERS, kind, name)
        return self._opened(kind, name, row) if row is not None else None

    async def put(self, kind: str, provider: Provider) -> Provider:
        """Add it, or put it in the place of the one of its name, which keeps its date."""
        options = json.dumps(dict(provider.options), ensure_ascii=False, sort_keys=True).encode()
        made = ProviderRow(
            adapter=provider.adapter,
            sealed=self._store.vault.seal(options, _context(kind, provider.name)),
            order=provider.order,
            countries=tuple(provider.countries),
            enabled=provider.enabled,
            per_minute=provider.per_minute,
            added=int(self._clock.now()),
        )

        def work(txn: Txn) -> None:
            before = txn.get(PROVIDERS, kind, provider.name)
            row = made if before is None else replace(made, added=before.added)
            txn.put(PROVIDERS, kind, provider.name, value=row)

        await self._store.transact(slot_of(kind), work)
        self._tell(kind)
        found = self.get_or_none(kind, provider.name)
        if found is None:
            raise StoreError(f"{kind} provider {provider.name} was removed while it was written")
        return found

    async def remove(self, kind: str, name: str) -> bool:
        """False: there was none of this name."""

        def work(txn: Txn) -> bool:
            if txn.get(PROVIDERS, kind, name) is None:
                return False
            txn.delete(PROVIDERS, kind, name)
            return True

        gone = await self._store.transact(slot_of(kind), work)
        if gone:
            self._tell(kind)
        return gone

    def _tell(self, kind: str) -> None:
        found = self.of(kind)
        for listener in self._listeners[kind]:
            listener(found)

    def _opened(self, kind: str, name: str, row: ProviderRow) -> Provider:
        return Provider(
            name=name,
            adapter=row.adapter,
            options=json.loads(self._store.vault.open(row.sealed, _context(kind, name))),
            order=row.order,
            countries=row.countries,
            enabled=row.enabled,
            per_minute=row.per_minute,
            added=row.added,
        )


def _context(kind: str, name: str) -> bytes:
    return f"provider {kind} {name}".encode()
