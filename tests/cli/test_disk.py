"""disk add | list | status | drain | remove | scrub | repair against a real daemon; bad input is refused and changes
nothing."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tgserve(data, *arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "tgserve", *arguments, "--data", str(data)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def report(data, *arguments, code=0):
    return json.loads(tgserve(data, *arguments, "--json", code=code))


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    command = [sys.executable, "-m", "tgserve", "start", "--data", str(folder), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None and process.stdout.readline().startswith("ready")
    yield folder
    process.terminate()
    assert process.wait(100) == 0
    process.stdout.close()


def until(true, seconds=60):
    for _ in range(int(seconds * 5)):
        if true():
            return
        time.sleep(0.2)
    raise AssertionError("it did not come to pass")


def test_a_life_of_disks(data, tmp_path):
    first = report(data, "disk", "list")
    (row,) = first["disks"]
    assert (row["number"], row["path"], row["state"], row["health"]) == (1, "chunks/disk-1", "active", "ok")
    assert first["copies"] == 1
    assert (data / "chunks/disk-1").stat().st_mode & 0o077 == 0
    added = report(data, "disk", "add", str(tmp_path / "second"), "--weight", "200")
    assert (added["number"], added["weight"], added["health"]) == (2, 200, "ok")
    assert report(data, "disk", "repair", "--wait")["state"] == "done"
    scrubbed = report(data, "disk", "scrub", "--wait")
    assert (scrubbed["state"], scrubbed["lost"], scrubbed["bad"]) == ("done", 0, 0)
    assert report(data, "disk", "status", "--count")["copies"] == 2
    assert "copies" in tgserve(data, "disk", "status")
    assert report(data, "disk", "repair", "--rebuild", "--wait")["state"] == "done"
    drained = report(data, "disk", "drain", "1", "--wait", "--yes")
    assert (drained["state"], drained["disk"], drained["stuck"]) == ("done", 1, 0)
    assert report(data, "disk", "list")["disks"][0]["state"] == "draining"
    assert report(data, "disk", "remove", "1")["number"] == 1
    assert [one["number"] for one in report(data, "disk", "list")["disks"]] == [2]
    done = subprocess.run(
        [sys.executable, "-m", "tgserve", "check", "--deep", "--json", "--data", str(data)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    found = json.loads(done.stdout)
    assert [one for one in found["problems"] if one.startswith("C")] == []
    assert found["chunk_copies"] == found["chunks"] and found["chunk_copies_unread"] == 0
    status = report(data, "status")
    assert (status["disks"], status["disks_unwell"]) == (1, [])


def test_a_drain_is_taken_back(data, tmp_path):
    report(data, "disk", "add", str(tmp_path / "second"))
    report(data, "disk", "drain", "2", "--yes", "--wait")
    report(data, "disk", "drain", "2", "--cancel", "--wait")
    assert [one["state"] for one in report(data, "disk", "list")["disks"]] == ["active", "active"]


def test_a_pulled_disk_is_told(data, tmp_path):
    report(data, "disk", "add", str(tmp_path / "second"))
    report(data, "disk", "repair", "--wait")
    (tmp_path / "second").rename(tmp_path / "away")
    until(lambda: report(data, "status")["disks_unwell"])
    sentence = report(data, "status")["disks_unwell"][0]
    assert sentence.startswith("disk 2") and "missing" in sentence
    assert "disk trouble" in tgserve(data, "status")
    assert report(data, "disk", "list", code=1)["disks"][1]["health"] == "missing"
    assert "tgserve_disks_missing 1.0" in tgserve(data, "status", "--metrics")
    shutil.copytree(tmp_path / "away", tmp_path / "second")
    until(lambda: not any("disk 2" in sentence for sentence in report(data, "status")["disks_unwell"]))
    assert report(data, "disk", "list")["disks"][1]["health"] == "ok"


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("add", "/etc"), "not empty"),
        (("add", "/proc/nowhere"), ""),
        (("drain", "9", "--yes"), "no disk 9"),
        (("drain", "1", "--yes"), "add"),
        (("remove", "1"), "only one"),
        (("remove", "7", "--force", "--yes"), "no disk 7"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(data, arguments, says):
    before = report(data, "disk", "list")["disks"]
    assert says in tgserve(data, "disk", *arguments, code=1)
    after = report(data, "disk", "list")["disks"]
    assert [(one["number"], one["state"]) for one in after] == [
        (one["number"], one["state"]) for one in before
    ]


@pytest.mark.parametrize(
    "arguments", [("add",), ("add", "x", "--weight", "0"), ("drain", "x"), ("remove", "0"), ("nonsense",)]
)
def test_wrong_usage(tmp_path, arguments):
    tgserve(tmp_path, "disk", *arguments, code=2)


def test_the_same_folder_twice_and_a_disk_in_use(data, tmp_path):
    report(data, "disk", "add", str(tmp_path / "second"))
    assert "already" in tgserve(data, "disk", "add", str(tmp_path / "second"), code=1)
    assert "in use" in tgserve(data, "disk", "remove", "2", code=1)


def test_without_a_server(tmp_path):
    assert "no server runs" in tgserve(tmp_path / "none", "disk", "list", code=1)


def test_a_question_is_asked(data, tmp_path):
    report(data, "disk", "add", str(tmp_path / "second"))
    assert "Move everything away from disk 2?" in tgserve(data, "disk", "drain", "2", code=1)
    assert report(data, "disk", "list")["disks"][1]["state"] == "active"
