"""channel commands against a running server; the chats are made by a client."""

from __future__ import annotations

import asyncio
import subprocess

import pytest
from telethon.tl import functions as f

from tests.journeys.daemon import ROOT
from tests.journeys.people import telethon_person


@pytest.fixture(scope="module")
def made(operated):
    """A channel and a basic group of Ann's with Bob in them."""

    async def make():
        async with (
            telethon_person(operated, "+999667301", "Ann") as ann,
            telethon_person(operated, "+999667302", "Bob") as bob,
        ):
            await bob(f.account.UpdateUsernameRequest("bobmember"))
            other = await ann.get_entity("bobmember")
            channel = (await ann(f.channels.CreateChannelRequest("Choir", "We sing", broadcast=True))).chats[
                0
            ]
            await ann(f.channels.UpdateUsernameRequest(channel, "choirnews"))
            await ann.send_message(channel, "hello")
            await bob(f.channels.JoinChannelRequest(await bob.get_input_entity("choirnews")))
            group = (await ann(f.messages.CreateChatRequest([other], "Basses"))).updates.chats[0]
            return {"channel": channel.id, "group": group.id, "ann": ann.me.id, "bob": bob.me.id}

    return asyncio.run(make())


def test_list_and_show(told, made):
    rows = told("channel", "list")["channels"]
    assert {(row["kind"], row["title"]) for row in rows} == {("channel", "Choir"), ("group", "Basses")}
    assert [row["title"] for row in told("channel", "list", "--search", "CHOIR")["channels"]] == ["Choir"]
    assert [row["title"] for row in told("channel", "list", "--kind", "group")["channels"]] == ["Basses"]
    assert told("channel", "list", "--limit", "1", "--offset", "1")["total"] == 2
    shown = told("channel", "show", "@ChoirNews")
    assert shown["about"] == "We sing" and shown["owner_name"] == "Ann T"
    assert shown["channel"]["members"] == 2 and shown["channel"]["messages"] >= 1
    for which in (str(made["channel"]), str(-(10**12) - made["channel"])):
        assert told("channel", "show", which) == shown
    for which in (str(made["group"]), f"-{made['group']}"):
        assert told("channel", "show", which)["channel"]["title"] == "Basses"


@pytest.mark.parametrize("kind", ["channel", "group"])
def test_members(told, made, kind):
    page = told("channel", "members", str(made[kind]))
    assert [(row["id"], row["role"]) for row in page["members"]] == [
        (made["ann"], "owner"),
        (made["bob"], "member"),
    ]
    second = told("channel", "members", str(made[kind]), "--limit", "1", "--offset", "1")
    assert second == {"members": page["members"][1:], "total": 2}
    assert told("channel", "members", str(made[kind]), "--offset", "9")["members"] == []


def test_a_given_username_leads_to_the_channel_and_its_owner_orders_it(told, operated, made):
    shown = told("channel", "add-username", "@choirnews", "@choir_singers")
    assert shown["usernames"] == ["choirnews", "choir_singers"]

    async def look():
        async with telethon_person(operated, "+999667303", "Joe") as joe:
            return await joe.get_entity("choir_singers")

    seen = asyncio.run(look())
    assert seen.id == made["channel"]
    assert [(one.username, one.editable, one.active) for one in seen.usernames] == [
        ("choirnews", True, True),
        ("choir_singers", False, True),
    ]
    assert told("channel", "remove-username", "@choir_singers", "choir_singers")["usernames"] == ["choirnews"]


@pytest.mark.parametrize("kind", ["channel", "group"])
def test_transfer_is_seen_by_the_new_owner(told, operated, made, kind):
    done = told("channel", "transfer", str(made[kind]), "@bobmember", "--yes")
    assert done["channel"]["owner"] == made["bob"]
    page = told("channel", "members", str(made[kind]))["members"]
    assert [(row["id"], row["role"]) for row in page] == [(made["bob"], "owner"), (made["ann"], "admin")]
    assert "CHAT_NOT_MODIFIED" in told("channel", "transfer", str(made[kind]), "@bobmember", "--yes", code=1)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("show", "@nobody77"), "no group or channel is @nobody77"),
        (("show", "12"), "no group or channel is 12"),
        (("show", "99999999999999999999999"), "no group or channel is"),
        (("show", "--"), ""),
        (("members", "@bobmember"), "no group or channel is @bobmember"),
        (("add-username", "@choirnews", "no"), "USERNAME_INVALID"),
        (("add-username", "@choirnews", "choirnews"), "USERNAME_NOT_MODIFIED"),
        (("add-username", "@choirnews", "bobmember"), "USERNAME_OCCUPIED"),
        (("remove-username", "@choirnews", "somebody"), "USERNAME_NOT_OCCUPIED"),
        (("delete", "x", "--yes"), "no group or channel is x"),
        (("transfer", "@choirnews", "@nobody77", "--yes"), "nobody here is @nobody77"),
        (("transfer", "@choirnews", "+999667399", "--yes"), "USER_NOT_PARTICIPANT"),
    ],
)
def test_what_is_refused_says_why(told, operated, made, arguments, text):
    if "+999667399" in arguments:
        operated.run("user", "create", "+999667399", "Eve")
    before = told("channel", "list")
    assert text in told("channel", *arguments, code=1 if text else 2)
    assert told("channel", "list") == before


def test_delete_asks_and_ends_it(told, operated, made):
    done = subprocess.run(
        operated.command("channel", "delete", "@choirnews"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        input="n\n",
    )
    assert done.returncode == 1 and "nothing was done" in done.stderr
    for kind in ("channel", "group"):
        told("channel", "delete", str(made[kind]), "--yes")
        assert "is deleted" in told("channel", "delete", str(made[kind]), "--yes", code=1)
    assert told("channel", "list")["channels"] == []
    assert len(told("channel", "list", "--deleted")["channels"]) == 2
    assert told("check")["problems"] == []
