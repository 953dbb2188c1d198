"""The ways that need no contract with anybody: to the addresses that devices name themselves. Loaded when first used,
as their libraries take a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any

from tgserve.adapters.contract import Push, PushResult, PushSender
from tgserve.adapters.push import SIMPLE, WEB
from tgserve.clock import Clock
from tgserve.config import Config


class Lazy:
    """A sender that is made when the first push comes."""

    def __init__(self, types: frozenset[int], made: Any) -> None:
        self.types = types
        self.by_endpoint = True
        self._make = made
        self._sender: PushSender | None = None

    async def send(self, push: Push) -> PushResult:
        if self._sender is None:
            self._sender = self._make()
        return await self._sender.send(push)

    async def close(self) -> None:
        if self._sender is not None:
            await self._sender.close()


def direct_senders(config: Config, clock: Clock, seed: bytes) -> Sequence[tuple[str, Any]]:
    """(name, how it is made) of simple push and web push; `seed`: the server's VAPID key is derived from it."""
    networks = config.push.allow_private

    def simple() -> PushSender:
        endpoints = import_module("tgserve.adapters.push.endpoints")
        sender: PushSender = import_module("tgserve.adapters.push.simple").SimpleSender(
            endpoints.Endpoints(clock, networks), clock
        )
        return sender

    def web() -> PushSender:
        endpoints = import_module("tgserve.adapters.push.endpoints")
        signing = import_module("tgserve.adapters.push.signing")
        sender: PushSender = import_module("tgserve.adapters.push.webpush").WebPushSender(
            endpoints.Endpoints(clock, networks), clock, signing.p256_of(seed), contact(config)
        )
        return sender

    return (
        ("simple push", partial(Lazy, frozenset({SIMPLE}), simple)),
        ("web push", partial(Lazy, frozenset({WEB}), web)),
    )


def contact(config: Config) -> str:
    """How push services reach the operator."""
    return config.push.contact or f"mailto:push@{config.public_host or 'localhost'}"
