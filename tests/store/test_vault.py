"""SECURITY 7.1: what must not be read from the disk is sealed, and bound to where it stands."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tgserve.errors import StoreError
from tgserve.ids import Ids
from tgserve.store.shards import Store
from tgserve.store.vault import SECRET_BYTES, Vault, load_secret

SECRET = bytes(range(32))
KEY = bytes(range(256))


def test_7_1_sealed_values_open_again_and_show_nothing() -> None:
    vault = Vault(SECRET, Ids())
    sealed = vault.seal(KEY, b"auth 5")
    assert vault.open(sealed, b"auth 5") == KEY
    assert KEY[:8] not in sealed
    assert vault.seal(KEY, b"auth 5") != sealed


@pytest.mark.parametrize("where", ["version", "nonce", "tag", "end", "cut", "empty"])
def test_7_1_damaged_values_do_not_open(where: str) -> None:
    vault = Vault(SECRET, Ids(1))
    sealed = bytearray(vault.seal(KEY))
    if where == "cut":
        del sealed[-1]
    elif where == "empty":
        sealed.clear()
    else:
        sealed[{"version": 0, "nonce": 3, "tag": 30, "end": -1}[where]] ^= 1
    with pytest.raises(StoreError):
        vault.open(bytes(sealed))


def test_7_1_values_do_not_open_elsewhere_or_under_another_secret() -> None:
    sealed = Vault(SECRET, Ids()).seal(KEY, b"auth 5")
    with pytest.raises(StoreError, match="elsewhere"):
        Vault(SECRET, Ids()).open(sealed, b"auth 6")
    with pytest.raises(StoreError, match="another"):
        Vault(SECRET[::-1], Ids()).open(sealed, b"auth 5")
    with pytest.raises(StoreError):
        Vault(b"short", Ids())


def test_7_1_the_secret_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret.key"
    secret = load_secret(path, Ids())
    assert len(secret) == SECRET_BYTES and load_secret(path, Ids()) == secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.chmod(0o640)
    with pytest.raises(StoreError, match="chmod 600"):
        load_secret(path, Ids())
    path.chmod(0o600)
    path.write_bytes(b"cut")
    with pytest.raises(StoreError, match="damaged"):
        load_secret(path, Ids())


def test_a_store_without_its_secret_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        with pytest.raises(StoreError, match="secret"):
            Store(tmp_path, engine="memory").vault.seal(b"x")
        sealed = Store(tmp_path, engine="memory", secret=SECRET).vault.seal(b"x")
        assert Vault(SECRET, Ids()).open(sealed) == b"x"

    asyncio.run(story())
