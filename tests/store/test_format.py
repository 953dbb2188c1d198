"""The disk format only grows. format-N.txt describes FORMAT N; to accept additions run
python -m tests.store.test_format
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tgserve.errors import StoreError
from tgserve.store import format as disk_format
from tgserve.store import migrations, shards
from tgserve.store.engine import Engine
from tgserve.store.format import FORMAT, all_keyspaces, describe, fingerprint, read_format, write_format
from tgserve.store.keyspaces import META
from tgserve.store.packing import META_SLOT
from tgserve.store.shards import Store

DESCRIPTION = Path(__file__).with_name(f"format-{FORMAT}.txt")


def test_the_format_has_only_grown() -> None:
    """Keyspaces stay as they are, records keep their fields in order, new fields are optional and at the end."""
    known, now = DESCRIPTION.read_text().splitlines(), describe()
    missing = [line for line in known if line not in now]
    assert missing == [], "rows on disk would be read wrongly: FORMAT += 1 and a migration, or undo"
    for name in {line.split(".")[0] for line in known if line.startswith("field ")}:
        before = [line for line in known if line.startswith(name + ".")]
        after = [line for line in now if line.startswith(name + ".")]
        assert after[: len(before)] == before, f"{name[6:]}: fields are added at the end"
        added = [line for line in after[len(before) :] if not line.endswith("optional")]
        assert added == [], f"{name[6:]}: a new field needs a default"


def test_tags_and_names_are_unique() -> None:
    keyspaces = all_keyspaces()
    assert len({keyspace.tag for keyspace in keyspaces}) == len(keyspaces)
    assert len({keyspace.name for keyspace in keyspaces}) == len(keyspaces)
    assert all(0 < keyspace.tag < 0xFF for keyspace in keyspaces)


def _open_and_close(path: Path) -> None:
    async def story() -> None:
        store = Store(path, shards=2)
        await store.start()
        await store.close()

    asyncio.run(story())


def test_a_store_says_what_it_is(tmp_path: Path) -> None:
    assert read_format(tmp_path) is None
    _open_and_close(tmp_path)
    found = read_format(tmp_path)
    assert found is not None
    assert (found.format, found.shards, found.engine) == (FORMAT, 2, "lmdb")
    assert found.fingerprint == fingerprint()
    write_format(tmp_path, replace(found, fingerprint="of an older release"))
    _open_and_close(tmp_path)
    assert read_format(tmp_path) == found


def test_newer_stores_open_when_they_allow_it(tmp_path: Path) -> None:
    _open_and_close(tmp_path)
    found = read_format(tmp_path)
    assert found is not None
    write_format(tmp_path, replace(found, format=FORMAT + 1))
    _open_and_close(tmp_path)
    write_format(tmp_path, replace(found, format=FORMAT + 1, oldest_code=FORMAT + 1))
    with pytest.raises(StoreError, match="newer tgserve"):
        _open_and_close(tmp_path)


def test_a_store_of_another_engine_is_refused(tmp_path: Path) -> None:
    _open_and_close(tmp_path)
    with pytest.raises(StoreError, match="made by engine"):
        asyncio.run(Store(tmp_path, engine="memory").start())


def test_a_damaged_format_file_is_told(tmp_path: Path) -> None:
    _open_and_close(tmp_path)
    (tmp_path / disk_format.FILE).write_text("{")
    with pytest.raises(StoreError, match=r"format\.json"):
        _open_and_close(tmp_path)


def test_a_creation_cut_short_is_done_again(tmp_path: Path) -> None:
    _open_and_close(tmp_path)
    (tmp_path / disk_format.FILE).unlink()
    _open_and_close(tmp_path)
    assert read_format(tmp_path) is not None


def test_migrations_run_once_in_order_and_again_after_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    crash = True

    def step(name: str) -> Callable[[Engine], None]:
        def run(engine: Engine) -> None:
            if name == "two" and crash and "two" in ran:
                raise StoreError("crash in the second shard")
            ran.append(name)
            engine.commit({META.key(META_SLOT, name): b"done"})

        return run

    _open_and_close(tmp_path)
    monkeypatch.setattr(shards, "FORMAT", FORMAT + 2)
    monkeypatch.setattr(migrations, "STEPS", {FORMAT + 1: step("one"), FORMAT + 2: step("two")})
    with pytest.raises(StoreError, match="crash"):
        _open_and_close(tmp_path)
    found = read_format(tmp_path)
    assert found is not None and found.format == FORMAT + 1
    crash = False
    monkeypatch.setattr(disk_format, "FORMAT", FORMAT + 2)
    _open_and_close(tmp_path)
    _open_and_close(tmp_path)
    assert ran == ["one", "one", "two", "two", "two"]
    monkeypatch.setattr(migrations, "STEPS", {})
    monkeypatch.setattr(shards, "FORMAT", FORMAT + 3)
    with pytest.raises(StoreError, match="no migration"):
        _open_and_close(tmp_path)


if __name__ == "__main__":
    DESCRIPTION.write_text("\n".join(describe()) + "\n")
