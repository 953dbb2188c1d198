"""backup create | list | verify | restore | prune | key as an operator calls them, with a real daemon and without one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_disk_full import small_disk
from tests.journeys.daemon import Daemon

ROOT = Path(__file__).resolve().parents[2]


def tgserve(data: Path, *arguments: str, code: int = 0, says: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tgserve", *arguments, "--data", str(data)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    text = done.stdout + done.stderr
    assert done.returncode == code, text
    assert says in text, text
    return text


def report(data: Path, *arguments: str, code: int = 0) -> Any:
    return json.loads(tgserve(data, *arguments, "--json", code=code))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path_factory.mktemp("backup") / "data")
    daemon.start()
    daemon.run("user", "create", "+999661234", "Anna", "--username", "anna_k")
    yield daemon
    daemon.end()


@pytest.fixture(scope="module")
def place(server: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A target with two backups, made by the running server; it has a passphrase."""
    path = tmp_path_factory.mktemp("place")
    (path / "words").write_text("twelve blue words\n")
    words = ("--passphrase-file", str(path / "words"))
    text = tgserve(server.data, "backup", "create", "--target", str(path / "t"), *words)
    assert "Write it down" in text and "The key of your backups was made" in text
    again = report(server.data, "backup", "create", "--target", str(path / "t"))
    assert again["job"]["state"] == "done" and again["key"] == ""
    return path


def test_what_the_server_made_is_listed_and_verified(server: Daemon, place: Path, tmp_path: Path) -> None:
    where = ("--target", str(place / "t"))
    page = report(server.data, "backup", "list", *where)
    first, second = page["backups"]
    assert page["problems"] == [] and page["passphrase"] is True
    assert first["rows"] > 10 and first["lost"] == second["lost"] == 0
    assert second["made"] >= first["made"] > 1_600_000_000
    assert first["name"] in tgserve(server.data, "backup", "list", *where)
    found = report(server.data, "backup", "verify", *where)
    assert (found["problems"], found["backups"], found["strangers"]) == ([], 2, 0)
    tgserve(server.data, "backup", "verify", *where, says="everything is as it was written")
    shutil.copytree(place / "t", tmp_path / "t")
    report(server.data, "backup", "create", "--target", str(tmp_path / "t"))
    third = report(server.data, "backup", "list", "--target", str(tmp_path / "t"))["backups"][-1]
    status = report(server.data, "status")
    assert status["backup_name"] == third["name"] and status["backup_good"] >= third["made"] - 1
    tgserve(server.data, "status", says=f"({third['name']})")


def test_it_is_restored_elsewhere_by_key_and_by_passphrase(
    server: Daemon, place: Path, tmp_path: Path
) -> None:
    where = ("--target", str(place / "t"))
    (tmp_path / "key").write_text(tgserve(server.data, "backup", "key"))
    first = report(server.data, "backup", "list", *where)["backups"][0]["name"]
    done = report(
        tmp_path / "a", "backup", "restore", first, *where, "--passphrase-file", str(place / "words")
    )
    assert done["name"] == first and done["rows"] > 10
    tgserve(
        tmp_path / "b", "backup", "restore", *where, "--key-file", str(tmp_path / "key"), says="Start it with"
    )
    for name in "ab":
        assert report(tmp_path / name, "check", "--deep")["problems"] == []
    for name in ("keys/rsa.pem", "keys/secret.key", "keys/backup.key"):
        assert (tmp_path / "b" / name).read_bytes() == (server.data / name).read_bytes()
    again = Daemon(tmp_path / "b")
    again.start()
    try:
        assert again.pem == server.pem
        assert "anna_k" in again.run("user", "show", "@anna_k")
    finally:
        again.end()


def test_the_restored_server_goes_on_with_the_same_target(
    server: Daemon, place: Path, tmp_path: Path
) -> None:
    shutil.copytree(place / "t", tmp_path / "t")
    where = ("--target", str(tmp_path / "t"))
    words = ("--passphrase-file", str(place / "words"))
    tgserve(tmp_path / "again", "backup", "restore", *where, *words)
    before = report(tmp_path / "again", "backup", "list", *where)["stored_bytes"]
    made = report(tmp_path / "again", "backup", "create", *where)
    assert made["key"] == "" and made["backup"]["new_bytes"] < before / 2  # where chunks lie is new, not they
    assert len(report(tmp_path / "again", "backup", "list", *where)["backups"]) == 3
    tgserve(
        tmp_path / "again", "backup", "prune", "--keep", "1", *where, code=1, says="Remove 2 of 3 backups"
    )
    pruned = report(tmp_path / "again", "backup", "prune", "--keep", "1", "--yes", *where)
    assert (pruned["dropped"], pruned["kept"]) == (2, 1)
    assert report(tmp_path / "again", "backup", "verify", *where)["problems"] == []


def test_what_cannot_be_done_is_said_and_changes_nothing(server: Daemon, place: Path, tmp_path: Path) -> None:
    where = ("--target", str(place / "t"))
    words = ("--passphrase-file", str(place / "words"))
    (tmp_path / "wrong").write_text("eleven red words\n")
    wrong = ("--passphrase-file", str(tmp_path / "wrong"))
    new = tmp_path / "new"
    before = sorted(path.name for path in (place / "t").rglob("*"))
    tgserve(new, "backup", "restore", *where, *wrong, code=1, says="not the passphrase of the backup")
    tgserve(new, "backup", "verify", *where, *wrong, code=1, says="not the passphrase of the backup")
    tgserve(server.data, "backup", "create", *where, *wrong, code=1, says="not the passphrase of the backup")
    tgserve(new, "backup", "restore", *where, code=1, says="is sealed: give its passphrase or the file")
    (tmp_path / "key").write_text("STYY-5A4N")
    key = ("--key-file", str(tmp_path / "key"))
    tgserve(new, "backup", "restore", *where, *key, code=1, says="this is no backup key")
    key = ("--key-file", str(tmp_path / "none"))
    tgserve(new, "backup", "restore", *where, *key, code=1, says="there is no file")
    tgserve(new, "backup", "restore", "2000", *where, *words, code=1, says="there is no backup 2000")
    tgserve(new, "backup", "restore", code=1, says="which target?")
    nowhere = ("--target", str(tmp_path / "nowhere"))
    tgserve(new, "backup", "list", *nowhere, code=1, says="holds no backups of tgserve")
    tgserve(
        new, "backup", "verify", "--target", "ftp://x/y", *words, code=1, says="neither a folder nor s3://"
    )
    assert not new.exists() and not (tmp_path / "nowhere").exists()
    tgserve(server.data, "backup", "restore", *where, *words, code=1, says="never onto a live server")
    tgserve(tmp_path, "backup", "restore", *where, *words, code=1, says="is not empty")
    other = Daemon(tmp_path / "other")
    other.run("init")
    tgserve(other.data, "backup", "restore", *where, *words, code=1, says="holds the data of another server")
    tgserve(other.data, "backup", "create", *where, code=1, says="holds the backups of another server")
    tgserve(server.data, "backup", "create", "--target", "/proc/nowhere", code=1, says="/proc/nowhere is not")
    inside = str(server.data / "mine")
    tgserve(server.data, "backup", "create", "--target", inside, code=1, says="lies inside of")
    assert sorted(path.name for path in (place / "t").rglob("*")) == before
    assert report(server.data, "status")["backup_fault"] != ""
    shutil.copytree(place / "t", tmp_path / "t")
    report(server.data, "backup", "create", "--target", str(tmp_path / "t"))
    assert report(server.data, "status")["backup_fault"] == ""


def test_one_flipped_bit_is_named(server: Daemon, place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "t", tmp_path / "t")
    path = next(one for one in (tmp_path / "t" / "packs").rglob("*") if one.is_file())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)
    where = ("--target", str(tmp_path / "t"))
    found = report(server.data, "backup", "verify", *where, code=1)
    assert found["found"] >= 1 and path.name in found["problems"][0]
    words = ("--passphrase-file", str(place / "words"))
    shutil.rmtree(tmp_path / "t" / "packs")
    tgserve(
        tmp_path / "new", "backup", "restore", *where, *words, code=1, says="is missing, and with it block"
    )
    assert not (tmp_path / "new").exists()


def test_a_full_target(server: Daemon, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        (disk / "ballast").write_bytes(bytes(1 << 20))
        where = ("--target", str(disk / "t"))
        tgserve(server.data, "backup", "create", *where, code=1, says="is full")
        (disk / "ballast").write_bytes(bytes(900_000))
        text = tgserve(server.data, "backup", "create", *where, code=1)
        assert "is full" in text
        assert [one for one in (disk / "t").rglob("packs/*/*") if one.is_file()] == []


@pytest.mark.parametrize(
    "arguments",
    [("prune",), ("prune", "--keep", "0"), ("nonsense",), ("create", "--keep"), ("restore", "a", "b")],
)
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    tgserve(tmp_path, "backup", *arguments, code=2)


def test_without_a_server_or_a_key(tmp_path: Path) -> None:
    tgserve(tmp_path / "none", "backup", "key", code=1, says="the first `tgserve backup create` makes it")
    tgserve(tmp_path / "none", "backup", "create", "--target", str(tmp_path / "t"), code=1)
    assert list(tmp_path.iterdir()) == []
