"""Traces: names, ids and errors of one account, nothing of others, no content (SECURITY 7.2), nothing left behind."""

from __future__ import annotations

import pytest

from tests.server.conftest import MakeServer
from tests.server.people import sign_up
from tgserve.errors import RpcError
from tgserve.tl import types as t
from tgserve.tl.functions import help, messages


@pytest.mark.asyncio
async def test_7_2_a_trace_shows_what_is_called_and_never_what_is_said(make_server: MakeServer) -> None:
    async with make_server() as server:
        ann, bob = await server.client(), await server.client()
        me = await sign_up(ann, "+999661001", "Ann")
        await sign_up(bob, "+999661002", "Bob")
        tracing = server.app.tracing
        gateway = server.app.gateway
        assert "_act" not in vars(gateway)
        trace = tracing.start(user_id=me.id)
        assert trace is not None
        await bob.call(help.GetNearestDc())
        await ann.call(messages.SendMessage(peer=t.InputPeerSelf(), message="a secret word", random_id=7))
        with pytest.raises(RpcError):
            await ann.call(messages.SendMessage(peer=t.InputPeerSelf(), message="", random_id=8))
        seen = trace.after(0)
        words = [step.what for step in seen]
        assert any("messages.sendMessage" in word for word in words if not word.startswith("answer"))
        assert any(word.startswith("answer to ") and "update" in word.lower() for word in words)
        assert any("error 400 MESSAGE_EMPTY" in word for word in words)
        assert not any("getNearestDc" in word or "secret" in word for word in words)
        sent = next(step for step in seen if step.what.startswith("messages.sendMessage"))
        assert any(step.what.startswith(f"answer to {sent.msg_id}:") for step in seen)
        assert trace.after(seen[-1].number) == []
        tracing.stop(trace.id)
        assert "_act" not in vars(gateway) and tracing.read(trace.id) is None


@pytest.mark.asyncio
async def test_a_trace_that_nobody_reads_ends(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make_server() as server:
        me = await sign_up(await server.client(), "+999661003", "Ann")
        tracing = server.app.tracing
        trace = tracing.start(user_id=me.id)
        assert trace is not None
        monkeypatch.setattr("tgserve.server.tracing.UNREAD_SECONDS", -1.0)
        assert tracing.read(trace.id) is None and "_act" not in vars(server.app.gateway)
