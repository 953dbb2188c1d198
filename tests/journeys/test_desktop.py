"""Telegram Desktop 4.6.5 (layer 152, temporary keys, obfuscated abridged) signs up, chats, comments on a post, writes in a
topic of a forum and is started again.

The program runs on a screen in memory, in a network namespace without any way out; `--basetemp` keeps the screenshots.
Its packages are installed where continuous integration runs as root; elsewhere the test says what it lacks.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.journeys.daemon import ROOT
from tests.journeys.desktop import PACKAGES, PROGRAMS

VERSION = "4.6.5"
ITS_OWN_QUESTIONS = {"400:USERNAME_NOT_OCCUPIED"}
"""It looks for the account of Telegram's support by name."""
SECONDS = 270


def missing() -> list[str]:
    return [program for program in PROGRAMS if not shutil.which(program)]


def install() -> str:
    """The reason why the packages cannot be had here, or nothing."""
    if not missing():
        return ""
    if os.geteuid() or not shutil.which("apt-get"):
        return "only root of a Debian can install them"
    if not (os.environ.get("CI") or os.environ.get("TGSERVE_DESKTOP")):
        return "TGSERVE_DESKTOP=1 installs them: " + " ".join(PACKAGES)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    steps = (["update"], 50), (["install", "-y", "--no-install-recommends", *PACKAGES], 130)
    for command, seconds in steps:
        try:
            done = subprocess.run(
                ["apt-get", "-q", *command], env=quiet, capture_output=True, text=True, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            return f"apt-get {command[0]} took longer than {seconds} s"
        if done.returncode:
            return f"apt-get {command[0]} failed: {done.stderr.strip()[-200:]}"
    return ""


@pytest.fixture(scope="module")
def namespace() -> list[str]:
    """The command before a command that runs in a network of its own, where port 443 is free."""
    reason = install()
    if reason:
        pytest.skip(f"Telegram Desktop is not tried, {', '.join(missing())} lacking: {reason}")
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", "telegram-desktop"], capture_output=True, text=True
    )
    if not shown.stdout.startswith(VERSION):
        pytest.skip(
            f"Telegram Desktop {shown.stdout or '?'} is here; the journey knows the pages of {VERSION}"
        )
    for command in (["unshare", "-n"], ["unshare", "-rn"]):
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    pytest.skip("Telegram Desktop is not tried: no network namespace can be made here")


@pytest.mark.timeout(600)
def test_desktop_signs_up_and_chats(namespace, tmp_path):
    command = [*namespace, sys.executable, "-m", "tests.journeys.desktop", str(tmp_path)]
    with (tmp_path / "story.out").open("wb") as out:
        story = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=out)
        try:
            output, _ = story.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            story.terminate()
            output, _ = story.communicate(timeout=30)
    assert story.returncode == 0, (
        f"see {tmp_path}\n" + (tmp_path / "story.out").read_text(errors="replace")[-3000:]
    )
    report = json.loads(output.splitlines()[-1])
    assert report["heard"] == ["hello from the desktop"]
    assert report["layers"] == [152]
    assert not report["signed_in_again"]
    assert not report["faults"]
    assert set(report["complaints"]) <= ITS_OWN_QUESTIONS
    assert "500" not in report["errors"]
    pictures = report["calls"].pop("upload.getFile", 0)  # it fetches the stock set once, picture by picture
    report["calls"].pop("messages.readDiscussion")  # told in every frame while what it wrote slides in
    assert pictures < 1000 and max(report["calls"].values()) <= 30, f"called in a loop: {report['calls']}"
    for name in ("phone", "code", "chatlist", "answered", "comments", "topic", "restarted"):
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000, f"{name} is an empty screen"
