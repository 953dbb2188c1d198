"""The backends keep the contract, and the local disk what is its own: torn ends, failed flushes, strange folders."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tgserve.chunks import local
from tgserve.chunks.backend import DiskFault, DiskForeign, DiskFull, DiskMissing
from tgserve.chunks.local import LocalDisk
from tgserve.chunks.memory import MemoryDisk
from tgserve.testing.chunk_suite import HERE, PACK_BYTES, ChunkSuite, record


class TestMemory(ChunkSuite):
    durable = False

    def make(self, path: Path) -> MemoryDisk:
        return MemoryDisk(PACK_BYTES)


class TestLocal(ChunkSuite):
    def make(self, path: Path) -> LocalDisk:
        return LocalDisk(path, PACK_BYTES)


@pytest.fixture
def disk(tmp_path: Path) -> LocalDisk:
    made = LocalDisk(tmp_path / "disk", PACK_BYTES)
    made.found(HERE)
    made.open(HERE)
    return made


def pack_file(disk: LocalDisk, number: int) -> Path:
    return disk.path / "packs" / f"{number:010}.pack"


def reopened(disk: LocalDisk) -> LocalDisk:
    made = LocalDisk(disk.path, PACK_BYTES)
    made.open(HERE)
    return made


@pytest.mark.parametrize("torn", [1, 51, 52, 60, 151])
def test_a_torn_record_is_written_over(disk: LocalDisk, torn: int) -> None:
    (first,) = disk.append([record(1)])
    (second,) = disk.append([record(2)])
    disk.close()
    with pack_file(disk, 1).open("r+b") as file:
        file.truncate(second.offset + torn)
    again = reopened(disk)
    (third,) = again.append([record(3, 40)])
    assert third.offset == second.offset
    assert again.read(*first) == record(1) and again.read(*third) == record(3, 40)
    assert reopened(disk).append([record(4)])[0].offset == third.offset + third.length


def test_what_a_shadow_leaves_is_not_taken_for_records(disk: LocalDisk) -> None:
    """A client may upload what looks like a record."""
    trap = record(66)
    disk.append([record(1)], [b"x" * 152 + trap * 3])
    (place,) = disk.append([record(2)])
    disk.close()
    again = reopened(disk)
    (third,) = again.append([record(3)])
    assert again.read(*place) == record(2) and again.read(*third) == record(3)


def test_what_a_shadow_took_is_given_back(disk: LocalDisk) -> None:
    """SECURITY 6.6: room that stays taken would make the next write cheaper. A folder that is gone is no fault here."""
    (place,) = disk.append([record(1)], [b"x" * 100_000])
    pack = disk.path / "packs" / f"{place.pack:010}.pack"
    assert pack.stat().st_size > 100_000
    disk.forget_shadows()
    assert pack.stat().st_size == disk.packs()[place.pack] == place.offset + place.length
    disk.close()
    disk.forget_shadows()


def test_a_failed_flush_closes_the_pack(disk: LocalDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = disk.append([record(1)])

    def fail(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(local.os, "fdatasync", fail)
        with pytest.raises(DiskFault, match="Input/output"):
            disk.append([record(2)])
    (third,) = disk.append([record(3)])
    assert third.pack > first.pack
    assert disk.read(*first) == record(1)
    assert pack_file(disk, first.pack).stat().st_size == first.offset + first.length


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_keeps_nothing_of_the_append(
    disk: LocalDisk, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (first,) = disk.append([record(1)])
    real = os.pwritev

    def half(file: int, views: list[bytes], at: int) -> int:
        if len(views) > 1:
            return real(file, views[:1], at)
        raise OSError(number, "full")

    with monkeypatch.context() as patch:
        patch.setattr(local.os, "pwritev", half)
        with pytest.raises(DiskFull):
            disk.append([record(2), record(3)])
    assert pack_file(disk, first.pack).stat().st_size == first.offset + first.length
    (second,) = disk.append([record(4)])
    assert second.offset == first.offset + first.length


def test_short_writes_are_gone_on_with(disk: LocalDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwritev
    monkeypatch.setattr(local.os, "pwritev", lambda file, views, at: real(file, [views[0][:37]], at))
    places = disk.append([record(1), record(2), record(3)])
    assert [disk.read(*place) for place in places] == [record(1), record(2), record(3)]


def test_the_reserve_is_left_free(tmp_path: Path) -> None:
    disk = LocalDisk(tmp_path / "disk", PACK_BYTES, reserve=1 << 60)
    disk.found(HERE)
    disk.open(HERE)
    with pytest.raises(DiskFull):
        disk.append([record(1)])
    assert disk.room().free == 0


def test_a_folder_swapped_under_way_takes_nothing(disk: LocalDisk, tmp_path: Path) -> None:
    disk.append([record(1)])
    disk.path.rename(tmp_path / "elsewhere")
    with pytest.raises(DiskMissing):
        disk.append([record(2)])
    with pytest.raises(DiskMissing):
        disk.probe(False)
    LocalDisk(disk.path).found(HERE)
    with pytest.raises(DiskForeign):
        disk.append([record(3)])
    with pytest.raises(DiskForeign):
        disk.probe(False)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"server": 1}', b"\xff\xfe"])
def test_a_damaged_identity_is_another_disk(disk: LocalDisk, text: bytes) -> None:
    (disk.path / "disk.json").write_bytes(text)
    with pytest.raises(DiskForeign):
        LocalDisk(disk.path).open(HERE)


def test_a_folder_with_something_in_it_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(DiskForeign, match="not empty"):
        LocalDisk(tmp_path).found(HERE)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["letter.txt"]


def test_a_new_file_system_has_lost_and_found(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    LocalDisk(tmp_path).found(HERE)


def test_a_folder_is_taken_whose_first_making_was_cut_short(tmp_path: Path) -> None:
    (tmp_path / "packs").mkdir()
    (tmp_path / "disk.json.new").write_text('{"server": ')
    made = LocalDisk(tmp_path)
    made.found(HERE)
    assert made.identity() == HERE
    assert sorted(one.name for one in tmp_path.iterdir()) == ["disk.json", "packs"]


def test_packs_are_the_servers_alone(disk: LocalDisk) -> None:
    disk.append([record(1)])
    assert pack_file(disk, 1).stat().st_mode & 0o777 == 0o600
    assert (disk.path / "packs").stat().st_mode & 0o777 == 0o700


def test_a_link_is_not_followed(disk: LocalDisk, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x" * 200)
    pack_file(disk, 5).symlink_to(tmp_path / "secret")
    with pytest.raises(DiskFault):
        disk.read(5, 0, 100)
