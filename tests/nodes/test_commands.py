"""`tgserve node ...` over the admin socket and the command line: what it shows, what it refuses by name."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nodes.conftest import MakeNode, lined
from tests.server.people import sign_up
from tgserve.config import NodeConfig
from tgserve.testing.server import TestServer

pytestmark = pytest.mark.asyncio
ROOT = Path(__file__).resolve().parents[2]


async def run(server: TestServer, *arguments: str) -> tuple[int, str, str]:
    """(exit code, output, errors) of the command line."""
    command = [sys.executable, "-m", "tgserve", *arguments, "--data", str(server.config.data)]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


async def test_from_the_token_to_the_list(make_node: MakeNode):
    async with make_node(2) as two, make_node(4) as four:
        code, token, said = await run(two, "node", "invite", "--minutes", "5")
        assert code == 0 and token.startswith("tgnode1-") and "good for one node until" in said
        code, _, said = await run(four, "node", "add", token.strip()[:-4], "--yes")
        assert code == 1 and "damaged or cut" in said
        code, _, said = await run(two, "node", "add", token.strip(), "--yes")
        assert code == 1 and "token of this very node" in said
        assert (await run(four, "node", "add", token.strip(), "--yes"))[0] == 0
        await lined(two, four)
        code, out, _ = await run(two, "node", "list", "--json")
        rows = {row["dc"]: row for row in json.loads(out)["nodes"]}
        assert code == 0
        assert (rows[2]["own"], rows[2]["keeper"], rows[4]["own"], rows[4]["state"]) == (
            True,
            True,
            False,
            "active",
        )
        assert rows[4]["link"] == four.app.services.nodes.link and rows[4]["connected"] > 0
        assert rows[4]["address"] == f"127.0.0.1:{four.port}"
        code, out, _ = await run(four, "node", "show", "2")
        assert code == 0 and "keeper" in out and rows[2]["key"] in out
        code, _, said = await run(four, "node", "show", "5")
        assert code == 1 and "there is no DC 5" in said
        code, _, said = await run(four, "node", "drain", "2", "--yes")
        assert code == 1 and "run `tgserve node drain 2` there" in said
        assert (await run(four, "node", "drain", "4", "--yes"))[1] == "DC 4 is draining\n"
        code, _, said = await run(two, "node", "drain", "2", "--yes")
        assert code == 1 and "no other node takes accounts" in said
        assert (await run(four, "node", "drain", "4", "--cancel"))[1] == "DC 4 is active\n"
        # Who is at home elsewhere is nobody of this node's commands.
        me = await sign_up(await four.client(), "+999661201")
        code, _, said = await run(two, "user", "show", "+999661201")
        assert code == 1 and "at home at DC 4" in said
        code, _, said = await run(two, "user", "show", str(me.id))
        assert code == 1 and "at home at DC 4" in said
        await four.stop()
        code, out, _ = await run(two, "node", "list", "--json")
        assert code == 1
        assert {row["dc"]: row["state"] for row in json.loads(out)["nodes"]} == {2: "active", 4: "away"}


async def test_a_node_that_stands_alone(make_node: MakeNode):
    async with make_node(node=NodeConfig()) as server:
        code, out, _ = await run(server, "node", "list", "--json")
        assert code == 0 and [row["dc"] for row in json.loads(out)["nodes"]] == [2]
        code, _, said = await run(server, "node", "invite")
        assert code == 1 and "[node]" in said
        code, _, said = await run(server, "node", "drain", "2", "--yes")
        assert code == 1 and "no other node" in said
        code, _, said = await run(server, "node", "add", "hello", "--yes")
        assert code == 1 and "no node token" in said
        assert (await run(server, "node", "add"))[0] == 2
