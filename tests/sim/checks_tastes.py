"""At the end of a story: every device of a user has the settings the server has, and what was scheduled was sent."""

from __future__ import annotations

from tests.sim.device import Box
from tests.sim.member import Member
from tests.sim.oracle import Oracle, Sent
from tests.sim.tastes import NOTIFY, PRIVACY, Key, Settings
from tests.sim.world import World

LATE_SECONDS = 40
"""A scheduled message goes within a second of its time, or half a minute after the disk was full."""


async def settings(device: Member) -> Settings:
    """All settings of a user as the server tells them."""
    found: Settings = {}
    lasting: list[Key] = [("pins", 0), ("pins", 1), ("order",), ("blocked", 0)]
    lasting += [("notify", kind) for kind in NOTIFY] + [("privacy", key) for key in PRIVACY]
    lasting += [(kind, peer) for peer in device.peers for kind in ("draft",)]
    lasting += [("scheduled", peer, 0) for peer in device.peers]
    for key in lasting:
        request, read = device.question(key)
        found |= read(await device.ask(request))
    # as devices keep them: what is not set is not there
    kept, device.soft = device.soft, {}
    for key, value in found.items():
        device.put(key, value)
    found, device.soft = device.soft, kept
    return found


def agrees(world: World, oracle: Oracle, device: Member, truth: Settings, box: Box) -> None:
    """A device that was told everything has what the server has. Pins of empty chats are not listed by the server, and
    come again with their next message."""
    listed = {one.peer for one in box.values() if (device.me, one.peer) not in oracle.emptied}
    for key in sorted(device.soft.keys() | truth.keys(), key=str):
        ours, theirs = device.soft.get(key), truth.get(key)
        if key[0] == "pins":
            ours = tuple(peer for peer in ours or () if peer in listed)
            theirs = tuple(peer for peer in theirs or () if peer in listed)
        if ours != theirs:
            world.wrong(f"{device.name} has {key} as {ours}, the server {theirs}")


def sent_in_time(world: World, oracle: Oracle, sent: Sent, box: Box, waiting: set[str]) -> None:
    """A scheduled message waits or is sent, not both, and does not wait beyond its time."""
    there = any(one.text.partition("~")[0] == sent.token for one in box.values())
    waits = sent.token in waiting
    if there and waits:
        world.wrong(f"{sent.token} was sent and still waits")
    if waits and sent.later < world.clock.now() - LATE_SECONDS:
        world.wrong(f"{sent.token} should have been sent {world.clock.now() - sent.later:.0f} s ago")
    stopped = sent.unscheduled or sent.deleting or sent.mortal or (sent.sender, sent.peer) in oracle.cleared
    blocked = sent.peer > 0 and oracle.blocked(sent.sender, sent.peer)
    certain = sent.peer > 0 or (oracle.always(sent.peer, sent.sender) and sent.peer not in oracle.forbidden)
    if sent.kept and not (there or waits or stopped or blocked) and certain:
        world.wrong(f"{sent.token} was scheduled and is lost")
