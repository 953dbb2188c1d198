"""kill -9 at random moments while messages come for a device that is away: every acknowledged one is pushed.

TGSERVE_KILL_PUSH_ROUNDS for a longer run, TGSERVE_KILL_SEED=n for other moments.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest
from telethon.tl import functions as f

from tests.adapters.push_peers import Browser
from tests.journeys.daemon import Daemon
from tests.journeys.people import telethon_client, telethon_person, telethon_sign_up
from tests.journeys.test_push import SETTINGS, register
from tests.journeys.test_telethon import meet
from tests.waiting import until

ROUNDS = int(os.environ.get("TGSERVE_KILL_PUSH_ROUNDS", "4"))
SEED = int(os.environ.get("TGSERVE_KILL_SEED", "1"))
MESSAGES = 4
"""For each chat in a round: more than ten of one chat that pile up are not pushed one by one."""


@pytest.mark.slow
@pytest.mark.timeout(120 + 30 * ROUNDS)
@pytest.mark.asyncio
async def test_every_acknowledged_message_is_pushed_whenever_the_daemon_dies(tmp_path: Path) -> None:
    """SECURITY 10.5: what was acknowledged is told, in private chats and in channels."""
    rng = random.Random(SEED)
    daemon = Daemon(tmp_path / "data", config=SETTINGS)
    await asyncio.to_thread(daemon.start)
    browser = Browser()
    browser.start()
    acknowledged: list[str] = []

    async def say(ann, chat, text):
        try:
            await ann.send_message(chat, text)
        except (ConnectionError, asyncio.CancelledError):
            return
        acknowledged.append(text)

    try:
        phone = telethon_client(daemon)
        async with telethon_person(daemon, "+999668801", "Ann") as ann:
            phone.me = await telethon_sign_up(phone, daemon, "+999668802", "Bob")
            to_bob, _ = await meet(ann, phone)
            made = await ann(f.channels.CreateChannelRequest(title="News", about="", megagroup=True))
            news = made.chats[0]
            await ann(f.channels.InviteToChannelRequest(news, [to_bob]))
            assert await phone(register(10, browser.token()))
            await phone.disconnect()
            await asyncio.sleep(0.2)
            for number in range(ROUNDS):
                await until(ann.is_connected)
                tasks = []
                for n in range(MESSAGES):
                    tasks.append(asyncio.ensure_future(say(ann, to_bob, f"r{number} private {n}")))
                    tasks.append(asyncio.ensure_future(say(ann, news, f"r{number} group {n}")))
                await asyncio.sleep(rng.uniform(0.0, 0.12))
                await asyncio.to_thread(daemon.kill)
                await asyncio.to_thread(daemon.start)
                await asyncio.wait(tasks, timeout=60)

                def pushed() -> set[str]:
                    keys = ("MESSAGE_TEXT", "CHAT_MESSAGE_TEXT")
                    return {push["loc_args"][-1] for push in browser.opened if push["loc_key"] in keys}

                def all_of_them(pushed=pushed) -> bool:
                    return set(acknowledged) <= pushed()

                try:
                    await until(all_of_them)
                except AssertionError:
                    raise AssertionError(f"never pushed: {sorted(set(acknowledged) - pushed())}") from None
            assert len(acknowledged) >= ROUNDS * MESSAGES, "most of them were acknowledged in the end"
    finally:
        browser.stop()
        daemon.end()
