"""shard list | stats | add | move | drain | remove | verify | compact against a real daemon; bad input is refused with a
sentence and changes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cli.test_disk import ROOT, data, report, tgserve
from tests.faults.test_disk_full import small_disk

__all__ = ["data"]


def slots(data: Path) -> dict[int, int]:
    return {row["number"]: row["slots"] for row in report(data, "shard", "list")["shards"]}


def well(data: Path) -> None:
    assert report(data, "check")["found"] == 0


def test_a_life_of_shards(data: Path, tmp_path: Path) -> None:
    """Add, spread, move, drain, remove, compact, verify; the numbers never come back."""
    for number in range(20):
        tgserve(data, "user", "create", f"+1555010{number:04}", "Ann")
    first = report(data, "shard", "list")
    assert [row["number"] for row in first["shards"]] == [0, 1, 2] and first["job"] == 0
    assert sum(row["slots"] for row in first["shards"]) == first["slots"] == 1024
    added = report(data, "shard", "add", str(tmp_path / "fast"))
    assert (added["shard"]["number"], added["shard"]["slots"]) == (3, 0)
    assert added["shard"]["path"] == str(tmp_path / "fast" / "shard-3")
    assert (tmp_path / "fast" / "shard-3").stat().st_mode & 0o077 == 0

    assert report(data, "shard", "move", "0-9,512", "--to", "3")["state"] == "done"
    assert slots(data)[3] == 11
    evened = report(data, "shard", "move", "--even")
    assert evened["state"] == "done" and "gate" in evened["note"]
    assert sorted(slots(data).values()) == [256] * 4
    assert "evenly already" in tgserve(data, "shard", "move", "--even", code=1)
    well(data)

    assert report(data, "shard", "drain", "0", "--yes")["state"] == "done"
    assert slots(data)[0] == 0
    assert "no shard 9" in tgserve(data, "shard", "drain", "9", "--yes", code=1)
    assert report(data, "shard", "remove", "0", "--yes")["number"] == 0
    assert not (data / "store" / "shard-0").exists()
    assert report(data, "shard", "drain", "1", "--remove", "--yes")["state"] == "done"
    assert set(slots(data)) == {2, 3}
    assert report(data, "shard", "compact", "3", "--yes")["state"] == "done"
    assert set(slots(data)) == {2, 4}
    assert (tmp_path / "fast" / "shard-4").is_dir() and not (tmp_path / "fast" / "shard-3").exists()
    assert report(data, "shard", "compact", "2", "--yes")["state"] == "done"
    assert (data / "store" / "shard-5").is_dir()

    verdict = report(data, "shard", "verify", "5")
    assert verdict["rows"] > 0 and (verdict["found"], verdict["copies"]) == (0, 0)
    assert "rows are well" in tgserve(data, "shard", "verify", "--rows-only")
    assert "MEAN MS" in tgserve(data, "shard", "stats")
    assert report(data, "status")["shards"] == 2
    found = report(data, "user", "list")
    assert len(found["users"]) >= 20
    well(data)
    # The folder of a shard that was removed may be taken again, by a new number.
    assert report(data, "shard", "drain", "4", "--remove", "--yes")["state"] == "done"
    again = report(data, "shard", "add", str(tmp_path / "fast"), "--rebalance")
    assert again["job"]["state"] == "done" and slots(data) == {5: 512, 6: 512}


def test_what_is_refused_changes_nothing(data: Path, tmp_path: Path) -> None:
    before = (report(data, "shard", "list")["shards"], (data / "store" / "format.json").read_text())
    full = tmp_path / "full"
    full.mkdir()
    (full / "something").write_text("of somebody's")
    (tmp_path / "file").write_text("")
    other = tmp_path / "other"
    subprocess.run(
        [sys.executable, "-m", "tgserve", "init", "--data", str(other)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    shutil.copytree(other / "store" / "shard-1", foreign / "shard-1")
    for arguments, sentence in [
        (("add", str(full)), "is not empty"),
        (("add", str(tmp_path / "file")), "is no folder"),
        (("add", str(tmp_path / "nowhere" / "deep")), "cannot be written"),
        (("add", "/proc/shard"), "cannot be written"),
        (("add", str(other / "store")), "another server's store"),
        (("add", str(foreign)), "of another server"),
        (("add", str(other / "store" / "shard-0")), "of another server"),
        (("add", str(data / "store")), "is that of shard 0 already"),
        (("add", str(data / "store" / "shard-1")), "is that of shard 1 already"),
        (("move", "7", "--to", "9"), "there is no shard 9"),
        (("move", "0", "--to", "0"), "has them already"),
        (("remove", "0", "--yes"), "has 342 slots"),
        (("remove", "8", "--yes"), "there is no shard 8"),
        (("compact", "8", "--yes"), "there is no shard 8"),
        (("verify", "8"), "there is no shard 8"),
    ]:
        assert sentence in tgserve(data, "shard", *arguments, code=1), arguments
    for arguments, sentence in [
        (("move", "0-1024", "--to", "1"), "not within 0-1023"),
        (("move", "a", "--to", "1"), "no slot"),
        (("move", "5"), "--to SHARD or --even"),
        (("move", "--to", "1"), "name SLOTS"),
    ]:
        assert sentence in tgserve(data, "shard", *arguments, code=2), arguments
    after = (report(data, "shard", "list")["shards"], (data / "store" / "format.json").read_text())
    assert [(row["number"], row["slots"]) for row in after[0]] == [
        (row["number"], row["slots"]) for row in before[0]
    ]
    assert after[1] == before[1]
    assert sorted(path.name for path in full.iterdir()) == ["something"]


def test_the_only_shard_is_not_drained(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "tgserve.toml").write_text("[store]\nshards = 1\n")
    command = [sys.executable, "-m", "tgserve", "start", "--data", str(folder), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline().startswith("ready")
        assert "is the only one" in tgserve(folder, "shard", "drain", "0", "--yes", code=1)
        assert "is the only one" in tgserve(folder, "shard", "remove", "0", "--yes", code=1)
        assert slots(folder) == {0: 1024}
    finally:
        process.terminate()
        process.wait(100)
        if process.stdout is not None:
            process.stdout.close()


def test_a_disk_too_small_is_refused_before_anything_moves(data: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        report(data, "shard", "add", str(disk))
        assert "MiB are needed" in tgserve(data, "shard", "move", "--even", code=1)
        assert slots(data)[3] == 0
        assert report(data, "shard", "remove", "3", "--yes")["number"] == 3
        assert json.loads((data / "store" / "format.json").read_text())["shards"] == 3
        assert not any(disk.iterdir())
