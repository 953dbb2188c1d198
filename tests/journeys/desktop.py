"""Telegram Desktop on a screen of its own, in a network namespace that has nothing but loopback.

Run as `unshare -rn python -m tests.journeys.desktop FOLDER`: starts a server on 127.0.0.1:443, a patched copy of the
stock program (our key and 127.0.0.1 in place of the built-in ones) under Xvfb, signs up by keyboard and mouse, talks with
Telethon, starts the program again. Pages are recognised by the colour of a few pixels, which are those of 4.6.5 in a
window of 840x630 at 100 dpi. Channels follow: a post read and commented, a topic of a forum written in. Screenshots and
logs stay in FOLDER; the last line of the output is a JSON report.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from telethon.tl import functions as f
from telethon.tl import types as t

from cli import patching
from tests.journeys.conftest import SETTINGS
from tests.journeys.daemon import Daemon
from tests.journeys.people import telethon_person
from tests.waiting import until

STOCK = Path("/usr/bin/telegram-desktop")
PROGRAMS = ("dpkg-query", "telegram-desktop", "Xvfb", "openbox", "xdotool", "import", "convert", "unshare")
PACKAGES = ("telegram-desktop", "xvfb", "openbox", "xdotool", "imagemagick", "libgl1-mesa-dri")
COUNTRY_CODE, NATIONAL = "+49", "15112345678"
"""Typed in the program: the server's default country is Germany."""
BLUE, LINE, BLACK, WHITE = (64, 167, 227), (55, 161, 222), (0, 0, 0), (255, 255, 255)
Colour = tuple[int, int, int]
Pixel = tuple[int, int, Colour | None]
"""x, y, colour; None is any but white."""
WELCOME: list[Pixel] = [(400, 498, BLUE)]
QR: list[Pixel] = [(419, 190, BLACK), (400, 498, WHITE)]
PHONE: list[Pixel] = [(400, 467, BLUE), (500, 401, LINE)]
CODE: list[Pixel] = [(400, 467, BLUE), (400, 330, LINE)]
NAME: list[Pixel] = [(400, 467, BLUE), (590, 217, BLUE)]
CHATS: list[Pixel] = [(100, 153, None), (200, 400, WHITE)]
"""The avatar of the first chat in the list has one of seven colours; there is no second."""
ROWS: list[Pixel] = [(100, 153, None), (100, 215, None)]
"""Two chats or more."""
FORUM: list[Pixel] = [(100, 153, None), (98, 240, None)]
"""The row of a forum is higher than others."""
FIRST_ROW, SECOND_ROW, COMMENTS = (230, 155), (230, 222), (506, 614)
TOPIC: list[Pixel] = [(700, 665, WHITE)]
INPUT: list[Pixel] = [(700, 665, WHITE), *CHATS]


def loopback_up() -> None:
    """The one interface of a fresh namespace is down."""
    with socket.socket() as sock:
        name, flags_at = b"lo".ljust(16, b"\0"), struct.Struct("16sh14x")
        _, flags = flags_at.unpack(fcntl.ioctl(sock, 0x8913, flags_at.pack(name, 0)))  # SIOCGIFFLAGS
        fcntl.ioctl(sock, 0x8914, flags_at.pack(name, flags | 1))  # SIOCSIFFLAGS, IFF_UP
    others = [
        name
        for _, name in socket.if_nameindex()
        if name != "lo" and not name.startswith(("tunl", "sit", "ip6"))
    ]
    assert not others, f"not a namespace of its own: {others}"


class Desktop:
    """The program, its screen and its window manager; `end` ends all three."""

    def __init__(self, folder: Path, pem: str) -> None:
        self.folder = folder
        self.program = folder / "telegram-desktop"
        self.program.write_bytes(patching.patch(STOCK.read_bytes(), pem, "127.0.0.1")[0])
        self.program.chmod(0o755)
        self.processes: list[subprocess.Popen[bytes]] = []
        for name in ("home", "run", "work"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        reader, writer = os.pipe()
        self._spawn(
            "Xvfb",
            "-displayfd",
            str(writer),
            "-screen",
            "0",
            "1000x760x24",
            "-dpi",
            "100",
            "-nolisten",
            "tcp",
            keep=(writer,),
        )
        os.close(writer)
        with os.fdopen(reader, "rb") as number:
            self.display = ":" + number.readline().decode().strip()
        assert self.display != ":", "no screen: " + self._output("Xvfb")
        self._spawn("openbox")
        self.client: subprocess.Popen[bytes] | None = None

    def _environment(self) -> dict[str, str]:
        gone = ("DBUS_SESSION_BUS_ADDRESS", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "XAUTHORITY")
        ours = {
            "HOME": str(self.folder / "home"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "DISPLAY": getattr(self, "display", ""),
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "QT_QPA_PLATFORM": "xcb",
            "NO_AT_BRIDGE": "1",
            "LC_ALL": "C.UTF-8",
        }
        return {name: value for name, value in os.environ.items() if name not in gone} | ours

    def _output(self, name: str) -> str:
        return (self.folder / f"{Path(name).name}.out").read_text(errors="replace")

    def _spawn(self, *command: str, keep: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        with (self.folder / f"{Path(command[0]).name}.out").open("ab") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, env=self._environment(), pass_fds=keep
            )
        self.processes.append(process)
        return process

    def start(self) -> None:
        work = str(self.folder / "work") + "/"
        self.client = self._spawn(str(self.program), "-workdir", work, "-debug", "-noupdate")

    def quit(self) -> None:
        assert self.client is not None
        self.client.send_signal(signal.SIGTERM)
        self.client.wait(10)

    def end(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(5)

    # -- eyes and hands

    def _tool(self, *command: str) -> bytes:
        return subprocess.run(
            command, env=self._environment(), capture_output=True, timeout=20, check=True
        ).stdout

    def pixels(self) -> bytes:
        """The screen as RGB bytes, 1000 a row."""
        return self._tool("import", "-window", "root", "-depth", "8", "rgb:-")

    def shows(self, wanted: list[Pixel]) -> bool:
        screen = self.pixels()

        def near(x: int, y: int, colour: Colour) -> bool:
            at = (y * 1000 + x) * 3
            return all(abs(a - b) <= 12 for a, b in zip(screen[at : at + 3], colour, strict=True))

        return all(near(x, y, colour) if colour else not near(x, y, WHITE) for x, y, colour in wanted)

    def picture(self, name: str) -> None:
        self._tool("import", "-window", "root", str(self.folder / f"{name}.png"))

    def click(self, x: int, y: int) -> None:
        self._tool("xdotool", "mousemove", str(x), str(y))
        self._tool("xdotool", "click", "1")

    def type(self, text: str) -> None:
        self._tool("xdotool", "type", "--delay", "25", text)

    def key(self, name: str) -> None:
        self._tool("xdotool", "key", name)

    def wait(
        self,
        what: str,
        holds: Callable[[], bool],
        seconds: float = 60,
        again: Callable[[], None] | None = None,
    ) -> None:
        """Until it holds; `again` is done every three seconds meanwhile (a click may fall into an animation)."""
        begun = time.monotonic()
        repeated = begun
        while not holds():
            now = time.monotonic()
            if now - begun > seconds:
                self.picture("failed")
                raise AssertionError(f"{what} did not come within {seconds} s: see failed.png")
            if again is not None and now - repeated > 3:
                again()
                repeated = now
            time.sleep(0.1)

    def wait_page(
        self, what: str, wanted: list[Pixel], seconds: float = 60, again: Callable[[], None] | None = None
    ) -> None:
        self.wait(f"the page `{what}`", lambda: self.shows(wanted), seconds, again)
        time.sleep(0.3)  # pages slide in
        self.picture(what)

    def complaints(self) -> list[str]:
        """Errors that the program noted about answers: `406:STICKERSET_INVALID`."""
        found = []
        for log in [self.folder / "work" / "log.txt", *self.folder.glob("work/DebugLogs/log_*.txt")]:
            text = log.read_text(errors="replace")
            found += re.findall(r"RPC Error: request \d+ got fail with code (\d+), error (\w+)", text)
            found += [
                ("parse", line) for line in text.splitlines() if re.search("(API|Message|Parse) Error", line)
            ]
        return sorted({f"{code}:{name}" for code, name in found})

    def layers(self) -> set[int]:
        """Of every invokeWithLayer that was sent."""
        text = "".join(
            log.read_text(errors="replace") for log in self.folder.glob("work/DebugLogs/mtp_*.txt")
        )
        return {int(layer) for layer in re.findall(r"invokeWithLayer\s+layer: (\d+)", text)}


def sign_up(desktop: Desktop, server: Daemon) -> None:
    def called(method: str) -> Callable[[], bool]:
        return lambda: server.calls().get(method, 0) > 0

    desktop.start()
    desktop.wait_page("welcome", WELCOME)
    desktop.wait(
        "a login token", called("auth.exportLoginToken"), again=lambda: desktop.click(500, 498), seconds=20
    )
    desktop.wait_page("qr", QR)
    desktop.click(500, 553)
    desktop.wait_page("phone", PHONE, again=lambda: desktop.click(500, 553))
    desktop.type(NATIONAL)
    desktop.picture("number")
    desktop.wait("a code sent", called("auth.sendCode"), again=lambda: desktop.key("Return"))
    desktop.wait_page("code", CODE)
    desktop.type(server.code(COUNTRY_CODE + NATIONAL))
    desktop.wait_page("name", NAME)
    desktop.type("Dora")
    desktop.key("Tab")
    desktop.type("Desktop")
    desktop.click(500, 467)
    desktop.wait("the account made", called("auth.signUp"), again=lambda: desktop.click(500, 467))
    desktop.wait("the chat list asked for", called("messages.getDialogs"))


async def talk(desktop: Desktop, server: Daemon) -> list[str]:
    """What Ann heard. Desktop's list is empty when she writes first."""
    do = asyncio.to_thread
    async with telethon_person(server, "+99966000001", "Ann") as ann:
        book = t.InputPhoneContact(1, COUNTRY_CODE + NATIONAL, "Dora", "D")
        dora = (await ann(f.contacts.ImportContactsRequest([book]))).users[0]
        first = await ann.send_message(dora, "hello **Desktop**, `code` and a link https://example.org")
        await do(desktop.wait_page, "chatlist", CHATS)
        await do(desktop.click, 230, 160)
        await do(desktop.wait_page, "chat", INPUT)
        await do(desktop.type, "hello from the desktop")
        await do(desktop.key, "Return")
        await until(lambda: ann.heard)
        await ann.send_read_acknowledge(dora)
        await ann.edit_message(dora, first.id, "hello, edited")
        await ann.send_message(dora, "second message")
        await do(time.sleep, 1)
        await do(desktop.picture, "answered")
        dialog = (await ann.get_dialogs())[0]
        assert dialog.dialog.read_outbox_max_id >= first.id, "Desktop did not report what it read"
        heard = [message.raw_text for message in ann.heard]
        await read_and_comment(desktop, server, ann, dora)
        await write_in_a_topic(desktop, server, ann, dora)
        return heard


async def write(desktop: Desktop, ann: Any, text: str) -> Any:
    """Type a message and send it; as Ann hears it."""
    await asyncio.to_thread(desktop.type, text)
    await asyncio.to_thread(desktop.key, "Return")
    return (await until(lambda: [message for message in ann.heard if message.raw_text == text]))[0]


async def read_and_comment(desktop: Desktop, server: Daemon, ann: Any, dora: Any) -> None:
    """A channel with a group for its comments, which stands above it in the list."""
    do = asyncio.to_thread
    made = await ann(f.channels.CreateChannelRequest("Talk", "", megagroup=True))
    group = made.chats[0]
    made = await ann(f.channels.CreateChannelRequest("News", "", broadcast=True))
    news = made.chats[0]
    await ann(f.channels.SetDiscussionGroupRequest(broadcast=news, group=group))
    for channel in (group, news):
        await ann(f.channels.InviteToChannelRequest(channel, [dora]))
    await asyncio.sleep(1.2)  # lists are ordered by seconds; that she was added stands above the post
    post = await ann.send_message(news, "it rains")
    await asyncio.sleep(1.2)
    await ann.send_message(group, "it pours")
    await do(desktop.wait_page, "channels", ROWS)
    await do(desktop.click, *SECOND_ROW)
    await do(
        desktop.wait, "the post looked at", lambda: server.calls().get("messages.getMessagesViews", 0) > 0
    )
    await do(desktop.picture, "channel")
    await do(
        desktop.wait,
        "the comments asked for",
        lambda: server.calls().get("messages.getReplies", 0) > 0,
        again=lambda: desktop.click(*COMMENTS),
    )
    comment = await write(desktop, ann, "so it does")
    await do(desktop.picture, "comments")
    seen = await ann.get_messages(news, ids=post.id)
    assert seen.replies.replies == 1 and seen.views == 2
    assert comment.reply_to.reply_to_msg_id == (await ann.get_messages(group, search="it rains"))[0].id


async def write_in_a_topic(desktop: Desktop, server: Daemon, ann: Any, dora: Any) -> None:
    do = asyncio.to_thread
    await do(desktop.key, "Escape")
    await do(desktop.key, "Escape")
    made = await ann(f.channels.CreateChannelRequest("Forum", "", megagroup=True, forum=True))
    forum = made.chats[0]
    await ann(f.channels.InviteToChannelRequest(forum, [dora]))
    await asyncio.sleep(1.2)
    made = await ann(f.messages.CreateForumTopicRequest(peer=forum, title="Cats", random_id=1))
    topic = made.updates[0].id
    await ann.send_message(forum, "about cats", reply_to=topic)
    await do(desktop.wait_page, "forum", FORUM)
    await do(desktop.click, *FIRST_ROW)
    await do(desktop.wait, "topics asked for", lambda: server.calls().get("messages.getForumTopics", 0) > 0)
    await asyncio.sleep(0.5)  # the list slides in
    await do(desktop.click, *FIRST_ROW)
    await do(desktop.wait_page, "topic", TOPIC)
    meow = await write(desktop, ann, "meow")
    await do(desktop.picture, "meow")
    assert meow.reply_to.forum_topic and meow.reply_to.reply_to_msg_id == topic


def main(folder: Path) -> None:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("ended from outside"))
    loopback_up()
    server = Daemon(folder / "data", port=443, config=SETTINGS)
    desktop = None
    try:
        server.start()
        desktop = Desktop(folder, server.pem)
        sign_up(desktop, server)
        heard = asyncio.run(talk(desktop, server))
        desktop.quit()
        before = server.calls()
        desktop.start()
        desktop.wait_page("restarted", CHATS)
        again = {name: count - before.get(name, 0) for name, count in server.calls().items()}
        report = {
            "heard": heard,
            "calls": {name: count for name, count in server.calls().items() if count},
            "signed_in_again": bool(again.get("auth.sendCode")),
            "complaints": desktop.complaints(),
            "layers": sorted(desktop.layers()),
            "errors": server.figures("tgserve_rpc_errors_total", "code"),
            "faults": server.faults(),
        }
    finally:
        if desktop is not None:
            desktop.end()
        server.end()
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
