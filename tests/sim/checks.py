"""What must hold at the end of every story, whatever happened in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from tests.sim.device import SERVICE_USER, Device, Held, held
from tests.sim.oracle import Oracle, Sent
from tests.sim.world import World
from tgserve.ids import Ids
from tgserve.store.check import Checker
from tgserve.testing.miniclient import Wire
from tgserve.tl import functions as f
from tgserve.tl import types as t


async def everything(world: World, oracle: Oracle, devices: list[Device], users: list[int]) -> None:
    """All checks. What is wrong is reported to the world."""
    for text in oracle.again:
        world.wrong(text)
    boxes: dict[int, dict[int, Held]] = {}
    for user in users:
        own = [device for device in devices if device.me == user]
        boxes[user] = await history(own[0], users)
        state = await own[0].ask(f.updates.GetState())
        dialogs = await own[0].ask(
            f.messages.GetPeerDialogs(peers=[t.InputDialogPeer(peer=peer) for peer in own[0].peers.values()])
        )
        for device in own:
            agrees(world, device, boxes[user], state.pts, dialogs.dialogs)
    for user in users:
        nothing_from_nowhere(world, oracle, user, boxes[user])
    for sent in oracle.sent.values():
        both_sides(world, sent, boxes)
    order(world, oracle, boxes)
    reads(world, oracle, boxes, devices)
    walk(world)


def walk(world: World) -> None:
    """The invariants of docs/DISK.md over everything on the disks."""
    assert world.app is not None
    store = world.app.store
    views = [store.snapshot(number) for number in range(len(store.shards))]
    report = Checker(views, store.table).run()
    for view in views:
        view.close()
    for problem in report.problems[:5]:
        world.wrong(f"check: {problem}")
    if report.waiting or report.parked:
        world.wrong(
            f"check: {report.waiting} payloads on their way and {report.parked} parked after all has settled"
        )


async def history(device: Device, users: list[int]) -> dict[int, Held]:
    """A user's whole box as the server tells it page by page."""
    found: dict[int, Held] = {}
    peers: list[Any] = [device.peers[user] for user in users]
    service = t.InputPeerUser(user_id=SERVICE_USER, access_hash=_service_hash(device))
    for peer in [*peers, service]:
        offset = 0
        while True:
            page = await device.ask(
                f.messages.GetHistory(
                    peer=peer,
                    offset_id=offset,
                    offset_date=0,
                    add_offset=0,
                    limit=40,
                    max_id=0,
                    min_id=0,
                    hash=0,
                )
            )
            if not page.messages:
                break
            for message in page.messages:
                if message.id in found:
                    device.world.wrong(f"{device.name}: message {message.id} is in the history twice")
                found[message.id] = held(message, device.me)
            offset = page.messages[-1].id
    return found


def _service_hash(device: Device) -> int:
    app = device.world.app
    assert app is not None
    return app.services.access.of(device.me, b"u", SERVICE_USER)


def agrees(world: World, device: Device, box: dict[int, Held], pts: int, dialogs: list[Any]) -> None:
    """A device that has caught up has what the server has."""
    if device.pts != pts:
        world.wrong(f"{device.name} is at pts {device.pts}, its box at {pts}")
    for msg_id in sorted(box.keys() | device.box.keys()):
        ours, theirs = device.box.get(msg_id), box.get(msg_id)
        if ours != theirs:
            world.wrong(f"{device.name} has {ours} as {msg_id}, the server {theirs}")
    for dialog in dialogs:
        peer = dialog.peer.user_id
        if dialog.unread_count != device.unread(peer):
            world.wrong(
                f"{device.name} counts {device.unread(peer)} unread from {peer}, the server {dialog.unread_count}"
            )
        if peer != device.me and dialog.read_outbox_max_id != device.read_out.get(peer, 0):
            world.wrong(
                f"{device.name}: {peer} has read up to {device.read_out.get(peer, 0)}, "
                f"the server says {dialog.read_outbox_max_id}"
            )


def nothing_from_nowhere(world: World, oracle: Oracle, user: int, box: dict[int, Held]) -> None:
    """Every message was sent by whom it says, to this user, with this text, and is there once."""
    count: Counter[str] = Counter()
    for msg_id, one in box.items():
        if one.peer == SERVICE_USER:
            continue
        token = one.text.partition("~")[0]
        sent = oracle.sent.get(token)
        if sent is None:
            world.wrong(f"user {user} has a message from nowhere: {msg_id} {one}")
            continue
        count[token] += 1
        if sent.sender != one.sender or user not in sent.holders or one.text not in sent.texts:
            world.wrong(f"user {user} has {one} of {sent}")
        if user == sent.sender and sent.msg_id not in (0, msg_id):
            world.wrong(f"{token} was acknowledged as {sent.msg_id} and is {msg_id}")
    for token, times in count.items():
        if times > 1:
            world.wrong(f"user {user} has {token} {times} times")


def both_sides(world: World, sent: Sent, boxes: dict[int, dict[int, Held]]) -> None:
    """Acknowledged: there on both sides, unless deleted; with one text, the last acknowledged or a later one."""
    texts = set()
    there = {}
    for user in sorted(sent.holders):
        found = [one for one in boxes[user].values() if one.text.partition("~")[0] == sent.token]
        there[user] = bool(found)
        texts |= {one.text for one in found}
        if user in sent.deleted and found:
            world.wrong(f"{sent.token} was deleted for {user} and is there")
        if sent.msg_id and not found and user not in sent.deleting:
            world.wrong(f"{sent.token} was acknowledged and user {user} lacks it")
        if not sent.msg_id and not sent.given_up:
            world.wrong(f"{sent.token} was never answered")
    if not sent.msg_id and len(set(there.values())) > 1 and not sent.deleting:
        world.wrong(f"{sent.token} is on one side only: {there}")
    if len(texts) > 1:
        world.wrong(f"{sent.token} has two texts: {sorted(texts)}")
    allowed = {sent.last_edit or sent.token, *sent.unsure}
    if sent.editing:
        allowed.add(sent.revisions[-1])
    if texts - allowed:
        world.wrong(f"{sent.token} says {sorted(texts)}, the last edit was {sorted(allowed)}")


def order(world: World, oracle: Oracle, boxes: dict[int, dict[int, Held]]) -> None:
    """Both sides have one sender's messages in one order, and a device's later message behind its earlier ones."""
    for sender, own in boxes.items():
        for user, box in boxes.items():
            if user == sender:
                continue
            here = [
                _token(one) for _, one in sorted(own.items()) if one.peer == user and one.sender == sender
            ]
            there = [
                _token(one) for _, one in sorted(box.items()) if one.peer == sender and one.sender == sender
            ]
            both = set(here) & set(there)
            if [token for token in here if token in both] != [token for token in there if token in both]:
                world.wrong(f"messages of {sender} to {user} are in different orders: {here} and {there}")
    streams: dict[tuple[str, int], list[Sent]] = {}
    for sent in oracle.sent.values():
        if sent.msg_id:
            streams.setdefault((sent.device, sent.peer), []).append(sent)
    for stream in streams.values():
        ids = sorted(sent.msg_id for sent in stream)
        for sent in stream:
            if ids.index(sent.msg_id) < sent.before:
                world.wrong(f"{sent.token} stands before messages that were acknowledged before it was sent")


def _token(one: Held) -> str:
    return one.text.partition("~")[0]


def reads(world: World, oracle: Oracle, boxes: dict[int, dict[int, Held]], devices: list[Device]) -> None:
    """What was acknowledged as read is read."""
    for (user, peer), max_id in oracle.reads.items():
        for device in devices:
            if device.me == user and device.unread(peer) > sum(1 for i in boxes[user] if i > max_id):
                world.wrong(f"{device.name} counts messages of {peer} unread that were read up to {max_id}")


class Replayer(asyncio.Protocol):
    """Somebody on the path who has recorded a packet and sends it over a line of his own."""

    def __init__(self, world: World, packet: bytes) -> None:
        self._world = world
        self._packet = packet
        self._wire = Wire("abridged", Ids(1))

    def go(self) -> None:
        try:
            line = self._world.network.connect(self, "203.0.113.9")
        except ConnectionRefusedError:
            return
        line.client.write(self._wire.hello() + self._wire.wrap(self._packet))
        self._world.loop.call_later(5.0, line.cut)
