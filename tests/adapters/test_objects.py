"""Places for objects: a folder and a real S3 store keep the same contract; what is wrong with them is said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.seaweed import Weed, weed
from tgserve.adapters.objects import loading
from tgserve.adapters.objects.contract import InUse, Objects, ObjectsError
from tgserve.adapters.objects.folder import FolderObjects
from tgserve.adapters.objects.loading import open_objects
from tgserve.clock import SystemClock
from tgserve.testing.clock import FakeClock


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    with weed(tmp_path_factory.mktemp("weed")) as found:
        yield found


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Objects]:
    """The same place, opened anew with each call."""
    if request.param == "folder":
        return lambda: FolderObjects(tmp_path / "place")
    found: Weed = request.getfixturevalue("store")
    name = f"s3://bucket/{tmp_path.name}"
    return lambda: open_objects(name, found.options, SystemClock())


def test_a_place_keeps_what_it_was_given(place: Callable[[], Objects]) -> None:
    here = place()
    here.prepare()
    assert here.entries("") == []
    content = bytes(range(256)) * 5000
    here.put("packs/ab/one", content)
    here.put("packs/cd/two", b"")
    here.put("top", b"first")
    here.put("top", b"second")
    here = place()
    assert here.get("packs/ab/one") == content
    assert here.get("packs/ab/one", 255, 3) == b"\xff\0\1"
    assert here.get("packs/ab/one", len(content) - 2) == content[-2:]
    assert here.get("packs/cd/two") == b""
    assert here.get("top") == b"second"
    assert [(one.name, one.size) for one in here.entries("packs")] == [
        ("packs/ab/one", len(content)),
        ("packs/cd/two", 0),
    ]
    assert len(here.entries("")) == 3 and here.entries("nothing") == []
    assert all(one.modified > 1_600_000_000 for one in here.entries(""))
    for missing in (lambda: here.get("none"), lambda: here.get("top", 3, 50), lambda: here.get("packs/ab")):
        with pytest.raises(ObjectsError):
            missing()
    here.delete("top")
    here.delete("top")
    assert [one.name for one in here.entries("")] == ["packs/ab/one", "packs/cd/two"]


def test_only_one_has_the_lock(place: Callable[[], Objects]) -> None:
    with place().lock() as renew:
        renew()
        with pytest.raises(InUse, match=r"in use by process \d+ on "), place().lock():
            raise AssertionError("two have it")
    with place().lock():
        pass


def test_many_at_once(place: Callable[[], Objects]) -> None:
    here = place()
    threads = [
        threading.Thread(target=lambda n=n: here.put(f"many/{n}", bytes([n]) * 70_000)) for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [here.get(f"many/{n}", 5, 1) for n in range(12)] == [bytes([n]) for n in range(12)]


def test_a_lock_that_nobody_renews_is_taken_over(store: Weed, tmp_path: Path) -> None:
    """Its holder died, and S3 does not know: after half an hour the next one may."""
    clock = FakeClock()

    def there() -> Objects:
        return open_objects(f"s3://bucket/{tmp_path.name}", store.options, clock)

    held = there().lock()
    held.__enter__()
    clock.advance(600)
    with pytest.raises(InUse), there().lock():
        raise AssertionError("two have it")
    clock.advance(1800)
    with there().lock():
        pass


def test_a_store_that_refuses_or_is_away(store: Weed) -> None:
    wrong = {**store.options, "secret_key": "another"}
    with pytest.raises(ObjectsError, match=r"refuses these credentials .backup\.s3 access_key"):
        open_objects("s3://bucket/x", wrong, SystemClock()).prepare()
    away = {**store.options, "endpoint": "http://127.0.0.1:9"}
    with pytest.raises(ObjectsError, match=r"does not answer .backup\.s3 endpoint"):
        open_objects("s3://bucket/x", away, SystemClock()).prepare()
    with pytest.raises(ObjectsError, match="no option acces_key"):
        open_objects("s3://bucket/x", {"acces_key": "tg"}, SystemClock())


def test_what_is_no_target() -> None:
    for text, says in (
        ("s3://", "names no bucket"),
        ("ftp://there/here", "neither a folder nor s3://"),
        ("backups", "from / on"),
    ):
        with pytest.raises(ObjectsError, match=says):
            open_objects(text, {}, SystemClock())


def test_without_the_package_the_sentence_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError("No module named 'obstore'")

    monkeypatch.setattr(loading, "import_module", absent)
    with pytest.raises(ObjectsError, match=r"pip install 'tgserve\[s3\]'"):
        open_objects("s3://bucket/x", {}, SystemClock())


def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    here = FolderObjects(tmp_path / "a" / "b")
    here.prepare()
    here.put("packs/one", b"x")
    for path in (tmp_path / "a").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
