"""Devices that are away hear of messages: Telethon registers, receivers that speak the real protocols take the pushes."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from telethon.tl import functions as f

from tests.adapters.push_peers import Browser, Distributor
from tests.journeys.daemon import Daemon
from tests.journeys.people import telethon_client, telethon_person, telethon_sign_up
from tests.journeys.test_telethon import meet
from tests.waiting import until

SETTINGS = """
[push]
allow_private = ["127.0.0.0/8"]
delay_seconds = 1
"""


@pytest.fixture
def server(tmp_path):
    daemon = Daemon(tmp_path / "data", config=SETTINGS).start()
    yield daemon
    faults = daemon.faults()
    daemon.end()
    assert not faults, "\n".join(faults[:20])


@pytest.fixture
def browser():
    peer = Browser()
    peer.start()
    yield peer
    peer.stop()


@pytest.fixture
def distributor():
    peer = Distributor(puts=False)
    peer.start()
    yield peer
    peer.stop()


def register(token_type, token, **more):
    return f.account.RegisterDeviceRequest(
        **{
            "token_type": token_type,
            "token": token,
            "app_sandbox": False,
            "secret": b"",
            "other_uids": [],
            **more,
        }
    )


def keys(browser):
    return [push["loc_key"] for push in browser.opened]


def texts(browser):
    return [push["loc_args"][-1] for push in browser.opened if push["loc_key"] == "MESSAGE_TEXT"]


async def shown(browser, count):
    await until(lambda: len(browser.opened) >= count)
    return browser.opened[-1]


@pytest.mark.asyncio
async def test_a_phone_that_is_away_is_pushed_to_and_reading_elsewhere_clears_it(
    server, browser, distributor, new_phone
):
    phone_number = new_phone()
    async with telethon_person(server, new_phone(), "Ann") as ann:
        phone = telethon_client(server)
        bob = await telethon_sign_up(phone, server, phone_number, "Bob")
        phone.me = bob
        to_bob, _ = await meet(ann, phone)
        assert await phone(register(10, browser.token()))
        tablet = telethon_client(server)
        await telethon_sign_up(tablet, server, phone_number, "Bob")
        assert await tablet(register(4, f"{distributor.url}/up/tablet"))
        await phone.disconnect()
        await tablet.disconnect()
        await asyncio.sleep(0.2)
        browser.opened.clear()
        distributor.woken.clear()

        sent = await ann.send_message(to_bob, "are you there?")
        push = await shown(browser, 1)
        assert push["loc_key"] == "MESSAGE_TEXT" and push["loc_args"][1] == "are you there?"
        assert push["user_id"] == bob.id and push["custom"]["from_id"] == ann.me.id and sent.id
        assert push["badge"] >= 1
        await until(lambda: distributor.woken)
        assert len(distributor.woken) == 1 and distributor.woken[0][0] == "POST"

        await tablet.connect()
        ann_there = await tablet.get_entity(ann.me.phone)
        await tablet.send_read_acknowledge(ann_there)
        read = await shown(browser, 2)
        assert read["loc_key"] == "READ_HISTORY"
        assert read["custom"] == {"from_id": ann.me.id, "max_id": push["custom"]["msg_id"]}
        assert read["badge"] < push["badge"]

        browser.opened.clear()
        await phone.connect()
        await phone.get_me()
        await asyncio.sleep(0.5)
        await ann.send_message(to_bob, "both are here now")
        await asyncio.sleep(2.5)
        assert "MESSAGE_TEXT" not in keys(browser), "whoever is connected is not pushed to"

        await phone.log_out()
        await ann.send_message(to_bob, "the phone has signed out")
        await asyncio.sleep(2.5)
        assert "MESSAGE_TEXT" not in keys(browser), "its token went with its session"
        report = json.loads(server.run("push", "stats", "--json"))
        counts = {row["token_type"]: row["devices"] for row in report["types"]}
        assert counts[10] == 0 and counts[4] == 1 and report["waiting"] == 0
        await tablet.disconnect()


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_restart_and_kill_9_lose_no_push(server, browser, new_phone, how):
    """The push service is down, messages come, the daemon dies: every message is pushed after its start."""
    phone_number = new_phone()
    phone = telethon_client(server)
    async with telethon_person(server, new_phone(), "Ann") as ann:
        phone.me = await telethon_sign_up(phone, server, phone_number, "Bob")
        to_bob, _ = await meet(ann, phone)
        assert await phone(register(10, browser.token()))
        await phone.disconnect()
        await asyncio.sleep(0.2)
        browser.answers = [web.Response(status=503, headers={"Retry-After": "2"}) for _ in range(3)]
        for number in range(4):
            await ann.send_message(to_bob, f"before {number}")
        if how == "kill":
            server.kill()
        else:
            server.stop()
        server.start()
        await until(lambda: len(set(texts(browser))) >= 4)
        assert sorted(set(texts(browser))) == [f"before {number}" for number in range(4)]
        await until(ann.is_connected)
        await ann.send_message(to_bob, "after")
        await until(lambda: "after" in texts(browser))


@pytest.mark.asyncio
async def test_kill_9_between_the_message_and_its_push_loses_none(server, browser, new_phone):
    """Killed at once after each answer to a send, again and again."""
    phone = telethon_client(server)
    async with telethon_person(server, new_phone(), "Ann") as ann:
        phone.me = await telethon_sign_up(phone, server, new_phone(), "Bob")
        to_bob, _ = await meet(ann, phone)
        assert await phone(register(10, browser.token()))
        await phone.disconnect()
        await asyncio.sleep(0.2)
        for number in range(3):
            await until(ann.is_connected)
            await ann.send_message(to_bob, f"text {number}")
            server.kill()
            server.start()
        await until(lambda: len(set(texts(browser))) == 3)
        assert sorted(set(texts(browser))) == [f"text {number}" for number in range(3)]
