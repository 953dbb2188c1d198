"""The disk is full: sends are refused cleanly, nothing is acknowledged that is not kept, reading goes on, and when there
is room again so does writing, without a restart (SECURITY 10.6)."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.people import LOST, UNLIMITED, Person, arrived, company, compare
from tests.journeys.daemon import Daemon
from tgserve.tl import functions as f

MIB = 1 << 20
DISK_MIB = 48
REFUSALS = 60
"""Sends refused in a row before the disk counts as full for good."""


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    """A file system of its own, or the test is skipped."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no mount command: a small disk cannot be made")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted (needs root): {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class Ballast:
    """A file that takes all the room that is left, and gives it back."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ballast"

    def fill(self, leave: int) -> None:
        """Until only `leave` bytes are free."""
        stat = os.statvfs(self.path.parent)
        size = stat.f_bavail * stat.f_frsize - leave
        with self.path.open("ab", buffering=0) as file:
            while size > 0:
                try:
                    size -= file.write(bytes(min(size, 4096)))
                except OSError:
                    return

    def free(self) -> None:
        self.path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("leave", [0, 40_000, 400_000])
def test_10_6_a_full_disk_refuses_sends_and_recovers(tmp_path: Path, leave: int) -> None:
    """SECURITY 10.6; `leave`: the disk is full at once, soon, or in the middle of what the server puts together."""
    with small_disk(tmp_path / "disk", DISK_MIB) as disk:
        daemon = Daemon(disk / "data", config=UNLIMITED)
        daemon.log = tmp_path / "server.log"
        daemon.start()
        process = daemon.process
        try:
            asyncio.run(_story(daemon, Ballast(disk), leave))
            assert daemon.process is process and process is not None and process.poll() is None
        finally:
            daemon.end()
        daemon.run("check")


async def _story(daemon: Daemon, ballast: Ballast, leave: int) -> None:
    people = await company(daemon, 2, 7 + leave)
    for person in people:
        for number in range(20):
            await person.send(person.new_message(f"{person.phone[-3:]} before {number}"))
    assert not [name for person in people for name in person.refused]

    ballast.fill(leave)
    await asyncio.gather(*(_send_until_refused(person) for person in people))
    for person in people:
        assert set(person.refused) <= {"STORE_FULL", "INTERNAL"}, person.refused
        assert "INTERNAL" not in person.refused, "a full disk is not a fault of ours"
    # Reading goes on, of old messages and of what was acknowledged last.
    for person in people:
        history = await person.history()
        for message in person.sent:
            if message.msg_id:
                assert history.get(message.msg_id) == message.text
        assert (await person.client.call(f.updates.GetState())).pts > 1
    daemon.run("status")

    ballast.free()
    began = time.monotonic()
    for person in people:
        person.refused.clear()
        while person.sent[-1].msg_id == 0:
            person.refused.clear()
            await person.send(person.sent[-1])
            assert time.monotonic() - began < 60, "there is room again and sends are still refused"
            await asyncio.sleep(0.05)
    for person in people:
        await person.repeat()
        for number in range(20):
            await person.send(person.new_message(f"{person.phone[-3:]} after {number}"))
        assert not person.refused
    await arrived(people)
    wrong = await compare(people)
    assert not wrong, "\n".join(wrong[:10])
    for person in people:
        await person.client.disconnect()


async def _send_until_refused(person: Person) -> None:
    """Long texts, until REFUSALS in a row are refused."""
    number = in_row = 0
    while in_row < REFUSALS:
        number += 1
        assert number < 20_000, "the disk does not become full"
        message = person.new_message(f"{person.phone[-3:]} full {number} " + "x" * 3000)
        try:
            await person.send(message)
        except LOST as fault:
            raise AssertionError(f"the connection was lost instead of an answer: {fault!r}") from fault
        in_row = 0 if message.msg_id else in_row + 1
