"""Backups of a store and its chunks: what comes back is what was there, unchanged data costs nothing, damage is named."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.backup.attic import (
    KEY,
    RANDOM,
    back_up,
    bring_back,
    bytes_in,
    files,
    fill,
    opened,
    rows_in,
    target,
    verdict,
)
from tests.chunks.yard import SECRET, run, yard
from tests.faults.test_disk_full import small_disk
from tgserve.adapters.objects.contract import InUse, ObjectsError
from tgserve.backup.catalogue import catalogue, read_header
from tgserve.backup.creating import Steps
from tgserve.backup.faults import BackupError, Damaged, Stopped, WrongKey
from tgserve.backup.keys import HEADER, spell, unspell
from tgserve.backup.pruning import prune
from tgserve.backup.repository import open_by_key
from tgserve.backup.restoring import restore
from tgserve.backup.verifying import verify
from tgserve.store.keyspaces import USER_SETTINGS
from tgserve.store.slots import slot_of


def test_what_comes_back_is_what_was_there(tmp_path: Path) -> None:
    """Rows to the byte, chunks to the byte, keys and settings; on a store of three shards and two disks."""

    async def story() -> None:
        contents = [os.urandom(size) for size in (1, 5000, 500_000)] + [b"text " * 4000]
        async with yard(tmp_path / "data", 2) as here:
            await fill(here, 5000)
            ids = [await here.kept(data) for data in contents]
            loose = await here.chunks.put(b"a part of an upload")
            made = await back_up(here, target(tmp_path / "target"))
            assert (made.chunks, made.lost) == (5, 0)
            assert made.chunk_bytes == sum(map(len, contents)) + 19
        before = rows_in(tmp_path / "data")
        assert verdict(target(tmp_path / "target")).problems == []
        done = bring_back(target(tmp_path / "target"), tmp_path / "again")
        assert (done.chunks, done.lost) == (5, 0)
        assert rows_in(tmp_path / "again") == before
        for name in ("keys/secret.key", "keys/rsa.pem", "tgserve.toml"):
            assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "data" / name).read_bytes()
        assert (tmp_path / "again" / "keys" / "secret.key").stat().st_mode & 0o077 == 0
        async with yard(tmp_path / "again", 1) as here:
            here.held.update(ids)
            for chunk_id, data in zip(ids, contents, strict=True):
                assert await here.read(chunk_id) == data
                assert len(await here.places(chunk_id)) == 1
            assert await here.read(loose) == b"a part of an upload"
            await here.sound()

    run(story())


def test_unchanged_data_costs_nothing_and_a_change_costs_its_range(tmp_path: Path) -> None:
    async def story() -> None:
        place = tmp_path / "target"
        async with yard(tmp_path / "data") as here:
            await fill(here, 60_000)
            await here.kept(os.urandom(500_000))
            first = await back_up(here, target(place))
            size = bytes_in(place)
            second = await back_up(here, target(place))
            assert (second.new_blocks, second.new_bytes) == (0, 0) and second.root == first.root
            assert bytes_in(place) - size < 1000
            await fill(here, 1, seed=2)
            third = await back_up(here, target(place))
            assert 0 < third.new_blocks <= 3
            assert third.new_bytes < first.new_bytes / 50
            assert third.rows == first.rows + 1
        for manifest in (first, third):
            bring_back(target(place), tmp_path / manifest.name, manifest.name)
        assert len(rows_in(tmp_path / third.name)) == len(rows_in(tmp_path / first.name)) + 1

    run(story())


def test_a_slot_cut_in_many_blocks_changes_only_one(tmp_path: Path) -> None:
    """Key ranges decide where a block ends: a row put between others leaves the other blocks of its slot alone."""

    async def story() -> None:
        async with yard(tmp_path / "data") as here:

            def put(names: list[str], txn: object) -> None:
                for name in names:
                    txn.put(USER_SETTINGS, 5, name, value=os.urandom(50))  # type: ignore[attr-defined]

            for number in range(20):
                names = [f"{number:03}-{at:04}" for at in range(1000)]
                await here.store.transact(slot_of(5), partial(put, names))
            await back_up(here, target(tmp_path / "target"))
            await here.store.transact(slot_of(5), partial(put, ["010-0500a"]))
            second = await back_up(here, target(tmp_path / "target"))
            assert second.blocks > 15
            assert second.new_blocks <= 4  # its range (two, if it split one), the slot's list, the root

    run(story())


def test_nothing_is_collected_under_a_backup(tmp_path: Path) -> None:
    """A chunk that goes, and its pack with it, between the cut and its reading is in the backup all the same."""

    async def story() -> None:
        async with yard(tmp_path / "data", pack_bytes=1 << 20) as here:
            kept = await here.kept(os.urandom(400_000))
            doomed = [await here.kept(os.urandom(400_000)) for _ in range(6)]
            places = [(await here.places(one))[0] for one in doomed]
            await here.drop(*doomed)
            await here.store.settled()
            with here.chunks.keep_packs():
                await here.later(10**7)
                await here.keeper.tidy()
                assert all(here.pack_file(place).exists() for place in places)
            await here.keeper.tidy()
            assert not here.pack_file(places[0]).exists()
            assert len(await here.read(kept)) == 400_000

    run(story())


def test_a_lost_chunk_is_told_and_the_rest_is_saved(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path / "data") as here:
            good, bad = await here.kept(os.urandom(9000)), await here.kept(os.urandom(9000))
            here.flip((await here.places(bad))[0])
            here.chunks.cache.forget(bad)
            made = await back_up(here, target(tmp_path / "target"))
            assert made.lost == 1
        assert verdict(target(tmp_path / "target")).problems == []
        assert bring_back(target(tmp_path / "target"), tmp_path / "again").lost == 1
        async with yard(tmp_path / "again") as here:
            assert len(await here.read(good)) == 9000
            assert await here.places(bad) == ()

    run(story())


def test_a_bad_copy_is_no_loss_where_there_are_two(tmp_path: Path) -> None:
    async def story() -> None:
        async with yard(tmp_path / "data", 2) as here:
            one = await here.kept(os.urandom(9000))
            here.flip((await here.places(one))[0])
            assert (await back_up(here, target(tmp_path / "target"))).lost == 0

    run(story())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A target with two backups, a passphrase and some chunks."""
    path = tmp_path_factory.mktemp("made")

    async def story() -> None:
        async with yard(path / "data") as here:
            await fill(here, 3000)
            await here.kept(os.urandom(20_000))
            await back_up(here, target(path / "target"), passphrase="correct horse")
            await fill(here, 10, seed=3)
            await here.kept(b"words " * 3000)
            await back_up(here, target(path / "target"))

    run(story())
    return path


def copied(made: Path, to: Path) -> Path:
    shutil.copytree(made / "target", to / "target")
    return to / "target"


def test_one_flipped_bit_in_any_file_is_found_and_named(made: Path, tmp_path: Path) -> None:
    """SECURITY 7.5: verify reads everything; a bit at the beginning, in the middle and at the end of each file."""
    place = copied(made, tmp_path)
    assert verdict(target(place)).problems == []
    tried = 0
    for path in files(place):
        data = path.read_bytes()
        name = path.relative_to(place).as_posix()
        for at in {0, 7, len(data) // 3, len(data) // 2, len(data) - 70, len(data) - 1}:
            for bit in (1, 32):
                changed = bytearray(data)
                changed[at] ^= bit
                path.write_bytes(changed)
                tried += 1
                said = verify(open_by_key(target(place), KEY, RANDOM), Steps(), threading.Event()).problems
                assert any(name in text for text in said), (name, at, said)
        path.write_bytes(data)
    assert tried > 60
    assert verdict(target(place)).problems == []


def test_the_key_alone_opens_a_target_whose_header_is_lost(made: Path, tmp_path: Path) -> None:
    """One file that is small and alone is no reason to lose everything."""
    place = copied(made, tmp_path)
    header = place / HEADER
    for text in (header.read_bytes()[:-1] + b" ", b"nothing", None):
        if text is None:
            header.unlink()
        else:
            header.write_bytes(text)
        with pytest.raises(BackupError, match=f"{HEADER}"):
            bring_back(target(place), tmp_path / "again", key=None, passphrase="correct horse")
        repository = open_by_key(target(place), KEY, RANDOM)
        assert HEADER in repository.problem
        assert verify(repository, Steps(), threading.Event()).problems == [repository.problem]
        with pytest.raises(BackupError, match="nothing was removed"):
            prune(open_by_key(target(place), KEY, RANDOM), 1, Steps(), threading.Event())
        with pytest.raises(BackupError, match=r"no backup in .* that this key signed"):
            open_by_key(target(place), bytes(32), RANDOM)

    async def story() -> None:
        async with yard(made / "data") as here:
            with pytest.raises(BackupError, match="another key has signed"):
                await back_up(here, target(place), key=bytes(32))
            await back_up(here, target(place))

    run(story())
    assert verdict(target(place)).problems == [] and verdict(target(place)).backups == 3
    assert bring_back(target(place), tmp_path / "again").chunks == 2


def test_a_missing_file_is_found_and_named(made: Path, tmp_path: Path) -> None:
    place = copied(made, tmp_path)
    for path in files(place):
        name = path.relative_to(place).as_posix()
        if name.startswith("backups/"):
            continue  # a backup less is what a prune leaves
        away = path.rename(tmp_path / "away")
        said = verify(open_by_key(target(place), KEY, RANDOM), Steps(), threading.Event()).problems
        assert said, name
        if name.startswith(("packs/", HEADER)):
            assert any(name in text for text in said), (name, said)
        else:
            assert any("is missing" in text for text in said)
        away.rename(path)


def test_a_restore_of_what_is_damaged_leaves_nothing(made: Path, tmp_path: Path) -> None:
    place = copied(made, tmp_path)
    refused = 0
    for path in files(place / "packs"):
        data = path.read_bytes()
        for change in ("flip", "remove"):
            if change == "flip":
                path.write_bytes(bytes(byte ^ 1 for byte in data))
            else:
                path.unlink()
            with pytest.raises(Damaged, match=path.name):
                bring_back(target(place), tmp_path / "again")
            refused += 1
            assert not (tmp_path / "again").exists()
            path.write_bytes(data)
    assert refused >= 4
    bring_back(target(place), tmp_path / "again")


def test_keys_and_passphrases(made: Path, tmp_path: Path) -> None:
    place = target(copied(made, tmp_path))
    assert bring_back(place, tmp_path / "a", key=None, passphrase="correct horse").chunks == 2
    with pytest.raises(WrongKey, match="not the passphrase"):
        bring_back(place, tmp_path / "b", key=None, passphrase="wrong horse")
    with pytest.raises(WrongKey, match="key of another backup"):
        bring_back(place, tmp_path / "b", key=bytes(32))
    with pytest.raises(BackupError, match="is sealed: give its passphrase"):
        bring_back(place, tmp_path / "b", key=None)
    assert not (tmp_path / "b").exists()
    text = spell(KEY)
    assert unspell(text.lower().replace("-", " ")) == KEY
    for at, letter in enumerate(text):
        if letter != "-":
            with pytest.raises(WrongKey):
                unspell(text[:at] + ("A" if letter != "A" else "B") + text[at + 1 :])


def test_no_plain_text_reaches_the_target(tmp_path: Path) -> None:
    """SECURITY 7.5: rows, files, keys and settings are sealed."""

    async def story() -> None:
        async with yard(tmp_path / "data") as here:
            await fill(here, 10)
            await here.kept(b"\xff\xd8\xff a picture of a secret" + os.urandom(2000))

            def put(txn: object) -> None:
                txn.put(USER_SETTINGS, 5, "a-name-to-find", value=b"a value to find")  # type: ignore[attr-defined]

            await here.store.transact(slot_of(5), put)
            await back_up(here, target(tmp_path / "target"), passphrase="correct horse")

    run(story())
    everything = b"".join(path.read_bytes() for path in files(tmp_path / "target"))
    for secret in (b"a picture", b"a-name", b"a value", b"# settings", SECRET, KEY, KEY.hex().encode()):
        assert secret not in everything


def test_where_a_restore_does_not_go(made: Path, tmp_path: Path) -> None:
    place = target(copied(made, tmp_path))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letters").write_text("mine")
    with pytest.raises(BackupError, match="is not empty"):
        bring_back(place, tmp_path / "full")
    (tmp_path / "file").write_text("x")
    with pytest.raises(BackupError, match="is a file"):
        bring_back(place, tmp_path / "file")
    with pytest.raises(BackupError, match=r"File exists|Not a directory|not empty|is a file"):
        bring_back(place, tmp_path / "file" / "below")
    assert [one.name for one in (tmp_path / "full").iterdir()] == ["letters"]

    async def story() -> None:
        async with yard(tmp_path / "live"):
            with pytest.raises(BackupError, match=r"in use by process \d+.*never onto a live server"):
                bring_back(place, tmp_path / "live")
        with pytest.raises(BackupError, match="data of another server"):
            bring_back(place, tmp_path / "live")

    run(story())
    (tmp_path / "empty").mkdir()
    assert bring_back(place, tmp_path / "empty").chunks == 2
    with pytest.raises(BackupError, match="is not empty"):
        bring_back(place, tmp_path / "empty")


def test_the_target_of_another_server_or_key(made: Path, tmp_path: Path) -> None:
    place = copied(made, tmp_path)
    before = bytes_in(place)

    async def story() -> None:
        async with yard(tmp_path / "other") as here:
            with pytest.raises(BackupError, match="holds the backups of another server"):
                await back_up(here, target(place))
        async with yard(made / "data") as here:
            with pytest.raises(
                WrongKey, match=r"keys/backup.key of this server is the key of another backup"
            ):
                await back_up(here, target(place), key=bytes(32))
            with pytest.raises(WrongKey, match="not the passphrase"):
                await back_up(here, target(place), passphrase="wrong horse")

    run(story())
    assert bytes_in(place) == before


def test_what_is_newer_than_this_code_is_refused(made: Path, tmp_path: Path) -> None:
    place = copied(made, tmp_path)
    repository = opened(target(place))
    newest = catalogue(target(place), repository.header).pick()
    newer_store = replace(
        newest, name="20990101T000000000Z-0001", oldest_code=99, store_format=99, made=newest.made + 1
    )
    target(place).put(newer_store.file, newer_store.encode(repository.keys))
    with pytest.raises(BackupError, match=r"made by a newer tgserve .*store format 99.*update it"):
        bring_back(target(place), tmp_path / "again")
    newer = replace(newer_store, format=2)
    target(place).put(newer.file, newer.encode(repository.keys))
    with pytest.raises(BackupError, match=r"newer tgserve .backup format 2"):
        bring_back(target(place), tmp_path / "again")
    header = replace(repository.header, format=7)
    target(place).put(HEADER, header.encode(repository.keys))
    with pytest.raises(BackupError, match=r"newer tgserve .backup format 7"):
        read_header(target(place))
    assert not (tmp_path / "again").exists()


def test_old_backups_go_and_their_room_with_them(tmp_path: Path) -> None:
    async def story() -> None:
        place = target(tmp_path / "target")
        async with yard(tmp_path / "data", pack_bytes=1 << 20) as here:
            stays = await here.kept(os.urandom(300_000))
            goes = [await here.kept(os.urandom(400_000)) for _ in range(10)]
            await fill(here, 3000)
            first = await back_up(here, place)
            await here.drop(*goes)
            await here.store.settled()
            await here.later(10**7)
            names = [first.name] + [(await back_up(here, place)).name for _ in range(3)]
            full = bytes_in(tmp_path / "target")
            done = prune(opened(place), 2, Steps(), threading.Event())
            assert (done.kept, done.dropped) == (2, 2)
            assert done.bytes > 3_500_000 and bytes_in(tmp_path / "target") < full - 3_500_000
            assert verdict(place).problems == [] and verdict(place).strangers == 0
            assert [one.name for one in catalogue(place, opened(place).header).found] == names[2:]
            with pytest.raises(BackupError, match="there is no backup"):
                bring_back(place, tmp_path / "again", first.name)
            bring_back(place, tmp_path / "again", names[2])
            again = await back_up(here, place)
            assert again.new_bytes < 100_000
        async with yard(tmp_path / "again") as here:
            assert len(await here.read(stays)) == 300_000

    run(story())


def test_prune_removes_what_a_killed_run_has_left(made: Path, tmp_path: Path) -> None:
    place = copied(made, tmp_path)
    stray = place / "packs" / "ab" / ("ab" * 32)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"TGBPACK1 and no index")
    found = verdict(target(place))
    assert (found.problems, found.strangers) == ([], 1)
    done = prune(opened(target(place)), 5, Steps(), threading.Event())
    assert (done.dropped, done.packs) == (0, 1)
    assert not stray.exists() and verdict(target(place)).strangers == 0


def test_prune_touches_nothing_when_something_is_damaged(made: Path, tmp_path: Path) -> None:
    place = copied(made, tmp_path)
    path = files(place / "index")[0]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    before = bytes_in(place)
    with pytest.raises(BackupError, match=f"{path.name}.*nothing was removed"):
        prune(opened(target(place)), 1, Steps(), threading.Event())
    with pytest.raises(BackupError, match="at least one"):
        prune(opened(target(place)), 0, Steps(), threading.Event())
    assert bytes_in(place) == before


def test_only_one_at_a_time(made: Path, tmp_path: Path) -> None:
    place = target(copied(made, tmp_path))
    with place.lock(), pytest.raises(InUse, match=r"in use by process \d+"):
        prune(opened(place), 1, Steps(), threading.Event())


def test_a_stopped_backup_leaves_the_others_as_they_were(made: Path, tmp_path: Path) -> None:
    place = copied(made, tmp_path)
    before = files(place)

    async def story() -> None:
        async with yard(made / "data") as here:
            stop = threading.Event()
            stop.set()
            with pytest.raises(Stopped):
                await back_up(here, target(place), stop=stop)

    run(story())
    assert files(place) == before


def test_a_target_that_cannot_be_written(made: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    async def story() -> None:
        async with yard(made / "data") as here:
            with pytest.raises(ObjectsError, match=r"file.*(Not a directory|not writable)"):
                await back_up(here, target(tmp_path / "file" / "target"))
            with pytest.raises(ObjectsError, match=r"/proc/.*(not writable|not there)"):
                await back_up(here, target(Path("/proc/nowhere/target")))

    run(story())


def test_a_full_target_says_so_and_keeps_what_it_had(tmp_path: Path) -> None:
    """On a file system of 6 MiB: what the failed run wrote is taken back, the backup before it can be restored."""

    async def story(disk: Path) -> None:
        place = disk / "target"
        async with yard(tmp_path / "data") as here:
            await fill(here, 2000)
            await back_up(here, target(place))
            before = files(place)
            for _ in range(20):
                await here.kept(os.urandom(500_000))
            with pytest.raises(ObjectsError, match="is full"):
                await back_up(here, target(place))
            assert files(place) == before
            assert verdict(target(place)).problems == []
        bring_back(target(place), tmp_path / "again")

    with small_disk(tmp_path / "disk", 6) as disk:
        run(story(disk))


def test_no_room_for_a_restore_is_said_before_anything_is_written(made: Path, tmp_path: Path) -> None:
    place = target(copied(made, tmp_path))
    with small_disk(tmp_path / "disk", 2) as disk:
        with pytest.raises(BackupError, match=r"MiB free, and this backup needs"):
            bring_back(place, disk / "data")
        assert list(disk.iterdir()) == []


def test_a_restore_under_way_can_be_stopped(made: Path, tmp_path: Path) -> None:
    place = target(copied(made, tmp_path))
    repository = opened(place)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        restore(
            repository,
            catalogue(place, repository.header).pick(),
            tmp_path / "again",
            RANDOM,
            1.0,
            Steps(),
            stop,
        )
    assert not (tmp_path / "again").exists()
