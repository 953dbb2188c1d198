"""Rows of providers: kept in order, options sealed (SECURITY 7.1), whoever listens is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tgserve.errors import StoreError
from tgserve.services.providers import KINDS, Provider, Providers
from tgserve.store.keyspaces import PROVIDERS
from tgserve.store.provider_records import ProviderRow
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn
from tgserve.testing.clock import FakeClock

SECRET = bytes(range(32))
TWILIO = Provider(
    "twilio", "twilio", {"token": "s3cret-token", "port": 5}, order=10, countries=("DE",), per_minute=9
)


def test_kept_in_order_and_told(tmp_path: Path) -> None:
    async def story() -> None:
        store = Store(tmp_path, engine="memory", secret=SECRET)
        clock = FakeClock()
        providers = Providers(store, clock)
        await store.start()
        heard: list[list[str]] = []

        def listen(found: Sequence[Provider]) -> None:
            heard.append([one.name for one in found])

        providers.on_change("sms", listen)
        made = await providers.put("sms", TWILIO)
        assert made.added == int(clock.now()) and made.options == TWILIO.options
        clock.advance(100)
        await providers.put("sms", Provider("zz", "file", order=5))
        await providers.put("sms", Provider("aa", "file", order=10, enabled=False))
        again = await providers.put("sms", Provider("twilio", "twilio", {}, order=20))
        assert again.added == made.added
        assert [one.name for one in providers.of("sms")] == ["zz", "aa", "twilio"]
        assert providers.of("push") == []
        assert not await providers.remove("sms", "nobody") and not await providers.remove("push", "zz")
        assert await providers.remove("sms", "zz")
        assert providers.get_or_none("sms", "zz") is None
        assert heard == [
            ["twilio"],
            ["zz", "twilio"],
            ["zz", "aa", "twilio"],
            ["zz", "aa", "twilio"],
            ["aa", "twilio"],
        ]
        await store.close()

    asyncio.run(story())


def test_7_1_options_are_sealed_and_open_only_where_they_stand(tmp_path: Path) -> None:
    """SECURITY 7.1"""

    async def written() -> None:
        store = Store(tmp_path, shards=2, secret=SECRET)
        await store.start()
        await Providers(store, FakeClock()).put("sms", TWILIO)
        await store.close()

    async def read(secret: bytes) -> None:
        store = Store(tmp_path, shards=2, secret=secret)
        providers = Providers(store, FakeClock())
        await store.start()
        try:
            assert providers.of("sms")[0].options == TWILIO.options

            def copy(txn: Txn) -> None:
                row: ProviderRow | None = txn.get(PROVIDERS, "sms", "twilio")
                assert row is not None
                txn.put(PROVIDERS, "sms", "other", value=row)

            await store.transact(slot_of("sms"), copy)
            with pytest.raises(StoreError, match="belongs elsewhere"):
                providers.get_or_none("sms", "other")
        finally:
            await store.close()

    asyncio.run(written())
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"s3cret-token" not in path.read_bytes()
    with pytest.raises(StoreError, match=r"secret\.key is another"):
        asyncio.run(read(bytes(32)))
    asyncio.run(read(SECRET))
    assert "s3cret" not in repr(TWILIO)


def test_kinds() -> None:
    assert KINDS == ("sms", "push", "mail")
