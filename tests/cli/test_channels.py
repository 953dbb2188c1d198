"""channel commands against a running server; the chats are made by a client."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import suppress

import pytest
from telethon import errors
from telethon.tl import functions as f

from tests.journeys.daemon import ROOT
from tests.journeys.people import telethon_person


def chats(operated, channel_title, username, group_title):
    """A channel and a basic group of Ann's with Bob in them."""

    async def make():
        async with (
            telethon_person(operated, "+999667301", "Ann") as ann,
            telethon_person(operated, "+999667302", "Bob") as bob,
        ):
            with suppress(errors.UsernameNotModifiedError):
                await bob(f.account.UpdateUsernameRequest("bobmember"))
            other = await ann.get_entity("bobmember")
            request = f.channels.CreateChannelRequest(channel_title, "We sing", broadcast=True)
            channel = (await ann(request)).chats[0]
            await ann(f.channels.UpdateUsernameRequest(channel, username))
            await ann.send_message(channel, "hello")
            await bob(f.channels.JoinChannelRequest(await bob.get_input_entity(username)))
            group = (await ann(f.messages.CreateChatRequest([other], group_title))).updates.chats[0]
            return {"channel": channel.id, "group": group.id, "ann": ann.me.id, "bob": bob.me.id}

    return asyncio.run(make())


@pytest.fixture(scope="module")
def made(operated):
    return chats(operated, "Choir", "choirnews", "Basses")


@pytest.fixture(scope="module")
def given(operated):
    """Others, to be given away."""
    return chats(operated, "Band", "bandnews", "Drums")


def test_list_and_show(told, made):
    rows = told("channel", "list")["channels"]
    assert {(row["kind"], row["title"]) for row in rows} >= {("channel", "Choir"), ("group", "Basses")}
    assert [row["title"] for row in told("channel", "list", "--search", "CHOIR")["channels"]] == ["Choir"]
    groups = told("channel", "list", "--kind", "group")["channels"]
    assert groups == [row for row in rows if row["kind"] == "group"]
    page = told("channel", "list", "--limit", "1", "--offset", "1")
    assert (page["channels"], page["total"]) == (rows[1:2], len(rows))
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
def test_transfer_is_seen_by_the_new_owner(told, given, kind):
    done = told("channel", "transfer", str(given[kind]), "@bobmember", "--yes")
    assert done["channel"]["owner"] == given["bob"]
    page = told("channel", "members", str(given[kind]))["members"]
    assert [(row["id"], row["role"]) for row in page] == [(given["bob"], "owner"), (given["ann"], "admin")]
    assert "CHAT_NOT_MODIFIED" in told("channel", "transfer", str(given[kind]), "@bobmember", "--yes", code=1)


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


def test_delete_asks_and_ends_it(told, operated):
    gone = chats(operated, "Quartet", "quartetnews", "Altos")
    done = subprocess.run(
        operated.command("channel", "delete", "@quartetnews"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        input="n\n",
    )
    assert done.returncode == 1 and "nothing was done" in done.stderr
    for kind in ("channel", "group"):
        told("channel", "delete", str(gone[kind]), "--yes")
        assert "is deleted" in told("channel", "delete", str(gone[kind]), "--yes", code=1)
    assert not {row["title"] for row in told("channel", "list")["channels"]} & {"Quartet", "Altos"}
    assert {row["title"] for row in told("channel", "list", "--deleted")["channels"]} >= {"Quartet", "Altos"}
    assert told("check")["problems"] == []
