"""A library for browsers that knows Telegram only, bundled unchanged and served by the web root, in headless Chromium:
the keys and addresses are changed while it is served, over https and wss on the one port.

Chromium is installed where continuous integration runs as root; elsewhere the test says what it lacks.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from telethon.tl.functions.account import UpdateUsernameRequest

from tests.journeys.daemon import Daemon
from tests.journeys.npm import installed
from tests.journeys.people import telethon_person
from tests.server.test_doors import certificate
from tests.waiting import until

pytestmark = pytest.mark.asyncio
HERE = Path(__file__).parent / "browser"
PHONE = "+999662771"


def chromium() -> str:
    """The browser's path; the test is skipped when there is none and none can be installed."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found:
        return found
    if os.geteuid() or not shutil.which("apt-get"):
        pytest.skip("Chromium is not installed, and only root of a Debian can install it")
    if not os.environ.get("CI"):
        pytest.skip("Chromium is not installed: apt-get install chromium, or CI=true, which does")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        try:
            done = subprocess.run(
                ["apt-get", "-q", *step], env=quiet, capture_output=True, text=True, timeout=150
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"apt-get {step[0]} took too long: Chromium is not tried")
        if done.returncode:
            pytest.skip(f"apt-get {step[0]} failed: {done.stderr.strip()[-200:]}")
    return next(filter(None, map(shutil.which, names)), "") or pytest.skip("Chromium did not appear")


def built(folder: Path) -> Path:
    """The page, bundled; the folder of the driver."""
    place = installed(HERE)
    command = ["node", "drive.js", "build", str(folder)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    return place


class Page:
    """The page in its browser."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def heard(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 60)
        assert line, "the browser has ended"
        found: dict[str, Any] = json.loads(line)
        return found

    async def call(self, *words: str) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words).encode() + b"\n")
        answer = await self.heard()
        assert "error" not in answer, answer
        return answer.get("result")

    async def end(self) -> list[str]:
        """What the browser complained of."""
        assert self._process.stdin is not None
        self._process.stdin.write(b'["quit"]\n')
        return list((await self.heard())["trouble"])


async def test_a_page_that_knows_telegram_only_chats_here(tmp_path: Path) -> None:
    program = chromium()
    root = tmp_path / "client"
    place = built(root)
    text = (root / "app.js").read_text()
    assert "web.telegram.org" in text and "b25898df208d2603" in text
    certificate(tmp_path / "tls", "127.0.0.1")
    config = (
        f'name = "Harbour"\n[web]\nroot = "{root}"\nsource_url = "https://git.example/client"\n'
        f'[http]\ncertificate = "{tmp_path}/tls/cert.pem"\nkey = "{tmp_path}/tls/key.pem"\n'
    )
    daemon = Daemon(tmp_path / "data", config=config).start()
    try:
        checked = json.loads(daemon.run("web", "check", "--json"))
        assert checked["keys"] == 2 and checked["faults"] == [] and checked["addresses"] >= 1
        process = await asyncio.create_subprocess_exec(
            "node",
            "drive.js",
            "drive",
            f"https://127.0.0.1:{daemon.port}/",
            program,
            cwd=place,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        page = Page(process)
        try:
            assert await page.heard() == {"title": "Harbour", "source": "https://git.example/client"}
            await page.call("ask", PHONE)
            me = int(await page.call("enter", PHONE, daemon.code(PHONE), "Wren"))
            async with telethon_person(daemon, "+999662772", "Tom") as tom:
                await tom(UpdateUsernameRequest("tom_browses"))
                await page.call("send", "tom_browses", "hello, Tom")
                (first,) = await until(lambda: list(tom.heard))
                assert (first.message, first.sender_id) == ("hello, Tom", me)
                await first.reply("hello, browser")
                assert await page.call("hears", "hello, browser")
            assert await page.end() == []
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
    finally:
        daemon.end()
