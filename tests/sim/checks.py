"""What must hold at the end of every story, whatever happened in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

from tests.sim import checks_groups, checks_tastes
from tests.sim.device import SERVICE_USER, Box, Device, Held, held
from tests.sim.member import Member
from tests.sim.oracle import Oracle, Sent
from tests.sim.tastes import peer_of
from tests.sim.world import World
from tgserve.ids import Ids
from tgserve.store.check import Checker
from tgserve.testing.miniclient import Wire
from tgserve.tl import functions as f
from tgserve.tl import types as t


async def everything(world: World, oracle: Oracle, devices: list[Member], users: list[int]) -> None:
    """All checks. What is wrong is reported to the world."""
    for text in oracle.again:
        world.wrong(text)
    boxes: dict[int, Box] = {}
    waiting: dict[int, set[str]] = {}
    for user in users:
        own = [device for device in devices if device.me == user]
        for device in own:
            own[0].peers |= {chat: peer for chat, peer in device.peers.items() if chat < 0}
        boxes[user] = await history(own[0])
        state = await own[0].ask(f.updates.GetState())
        lines: list[Any] = [t.InputDialogPeer(peer=peer) for peer in own[0].peers.values()]
        dialogs = await own[0].ask(f.messages.GetPeerDialogs(peers=lines))
        settings = await checks_tastes.settings(own[0])
        waiting[user] = {text for key, text in settings.items() if key[0] == "scheduled"}
        for device in own:
            agrees(world, oracle, device, boxes[user], state.pts, dialogs.dialogs)
            checks_tastes.agrees(world, oracle, device, settings, boxes[user])
    for user in users:
        nothing_from_nowhere(world, oracle, user, boxes[user])
        replies(world, oracle, user, boxes[user])
    for sent in oracle.sent.values():
        if sent.later:
            checks_tastes.sent_in_time(world, oracle, sent, boxes[sent.sender], waiting[sent.sender])
        if sent.peer > 0:
            both_sides(world, oracle, sent, boxes)
        else:
            checks_groups.members_have(world, oracle, sent, boxes)
    order(world, oracle, boxes)
    checks_groups.order(world, oracle, boxes)
    await checks_groups.rosters(world, oracle, devices, boxes)
    reads(world, oracle, boxes, devices)
    walk(world)


def walk(world: World) -> None:
    """The invariants of docs/DISK.md over everything on the disks."""
    assert world.app is not None
    store = world.app.store
    with store.cut() as cut:
        report = Checker(cut).run()
    for problem in report.problems[:5]:
        world.wrong(f"check: {problem}")
    if report.waiting or report.parked:
        world.wrong(
            f"check: {report.waiting} payloads on their way and {report.parked} parked after all has settled"
        )


async def history(device: Device) -> Box:
    """A user's whole box as the server tells it page by page."""
    found: Box = {}
    peers: list[Any] = list(device.peers.values())
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


def agrees(world: World, oracle: Oracle, device: Device, box: Box, pts: int, dialogs: list[Any]) -> None:
    """A device that has caught up has what the server has."""
    if device.pts != pts:
        world.wrong(f"{device.name} is at pts {device.pts}, its box at {pts}")
    for msg_id in sorted(box.keys() | device.box.keys()):
        ours, theirs = device.box.get(msg_id), box.get(msg_id)
        known = ours or theirs
        if known is not None and known.peer < 0 and not oracle.always(known.peer, device.me):
            # who is out of a group is told neither of edits nor of reactions, and may see them all the same
            if (ours is None or theirs is None) and oracle.hidden(_token(known), known.peer, device.me):
                continue
            if ours is not None and theirs is not None and _token(ours) == _token(theirs):
                ours = replace(ours, text=theirs.text, reactions=theirs.reactions)
        if ours != theirs:
            world.wrong(f"{device.name} has {ours} as {msg_id}, the server {theirs}")
    for dialog in dialogs:
        peer = peer_of(dialog.peer)
        edited = peer < 0 and any(oracle.hidden(token, peer, device.me) for token in oracle.sent)
        if dialog.unread_mentions_count != device.mentions(peer) and not edited:
            world.wrong(
                f"{device.name} counts {device.mentions(peer)} unread mentions in {peer}, "
                f"the server {dialog.unread_mentions_count}"
            )
        if dialog.unread_count != device.unread(peer) and not edited:
            world.wrong(
                f"{device.name} counts {device.unread(peer)} unread from {peer}, the server {dialog.unread_count}"
            )
        if peer != device.me and dialog.read_outbox_max_id != device.read_out.get(peer, 0):
            world.wrong(
                f"{device.name}: {peer} has read up to {device.read_out.get(peer, 0)}, "
                f"the server says {dialog.read_outbox_max_id}"
            )


def nothing_from_nowhere(world: World, oracle: Oracle, user: int, box: Box) -> None:
    """Every message was sent by whom it says, to this user, with this text, and is there once."""
    count: Counter[str] = Counter()
    for msg_id, one in box.items():
        if one.peer == SERVICE_USER or one.text.startswith("!"):
            continue
        token = one.text.partition("~")[0]
        sent = oracle.sent.get(token)
        if sent is None:
            world.wrong(f"user {user} has a message from nowhere: {msg_id} {one}")
            continue
        count[token] += 1
        if sent.sender != one.sender or user not in sent.holders or one.text not in sent.texts:
            world.wrong(f"user {user} has {one} of {sent}")
        if sent.peer < 0 and one.peer != sent.peer:
            world.wrong(f"user {user} has {sent.token} in {one.peer}")
        if one.named and sent.names != user and not sent.reply:
            world.wrong(f"user {user} is told that {sent.token} names him")
        if sent.names == user and not one.named and user not in oracle.brought(sent.peer):
            world.wrong(f"user {user} is not told that {sent.token} names him")
        if user == sent.sender and sent.msg_id not in (0, msg_id):
            world.wrong(f"{token} was acknowledged as {sent.msg_id} and is {msg_id}")
    for token, times in count.items():
        if times > 1:
            world.wrong(f"user {user} has {token} {times} times")


def replies(world: World, oracle: Oracle, user: int, box: Box) -> None:
    """What a message answers is the same message for everybody."""
    for msg_id, one in box.items():
        sent = oracle.sent.get(_token(one))
        target = box.get(one.reply)
        if sent is not None and target is not None and _token(target) != sent.reply:
            world.wrong(
                f"user {user}: {sent.token} answers {target.text}, it was sent as an answer to {sent.reply}"
            )
        if (
            sent is not None
            and one.reply
            and target is None
            and not oracle.hidden(sent.reply, one.peer, user)
        ):
            world.wrong(f"user {user}: {msg_id} answers {one.reply}, which he does not have")


def both_sides(world: World, oracle: Oracle, sent: Sent, boxes: dict[int, Box]) -> None:
    """Acknowledged: there on both sides, unless deleted; with one text, the last acknowledged or a later one."""
    texts = set()
    counts: set[Any] = set()
    there = {}
    for user in sorted(sent.holders):
        found = [one for one in boxes[user].values() if one.text.partition("~")[0] == sent.token]
        there[user] = bool(found)
        texts |= {one.text for one in found}
        counts |= {tuple(kind[:2] for kind in one.reactions) for one in found}
        if user in sent.deleted and found:
            world.wrong(f"{sent.token} was deleted for {user} and is there")
        other = sent.peer if user == sent.sender else sent.sender
        excused = user in sent.deleting or sent.mortal or (user, other) in oracle.cleared
        if sent.msg_id and not found and not excused:
            world.wrong(f"{sent.token} was acknowledged and user {user} lacks it")
        if not sent.msg_id and not sent.given_up and not sent.later:
            world.wrong(f"{sent.token} was never answered")
    known = sent.deleting or {(sent.sender, sent.peer), (sent.peer, sent.sender)} & oracle.cleared
    if (not sent.msg_id or sent.mortal) and len(set(there.values())) > 1 and not known:
        world.wrong(f"{sent.token} is on one side only: {there}")
    if len(counts) > 1:
        world.wrong(f"{sent.token} has different reactions: {counts}")
    said(world, sent, texts)


def said(world: World, sent: Sent, texts: set[str]) -> None:
    """All who have it have one text: the last acknowledged, or a later one."""
    if len(texts) > 1:
        world.wrong(f"{sent.token} has two texts: {sorted(texts)}")
    allowed = {sent.last_edit or sent.token, *sent.unsure}
    if sent.editing:
        allowed.add(sent.revisions[-1])
    if texts - allowed:
        world.wrong(f"{sent.token} says {sorted(texts)}, the last edit was {sorted(allowed)}")


def order(world: World, oracle: Oracle, boxes: dict[int, Box]) -> None:
    """Both sides have one sender's messages in one order, and a device's later message behind its earlier ones."""
    for sender, own in boxes.items():
        for user, box in boxes.items():
            if user == sender:
                continue
            here, there = _stream(own, user, sender), _stream(box, sender, sender)
            both = set(here) & set(there)
            if [token for token in here if token in both] != [token for token in there if token in both]:
                world.wrong(f"messages of {sender} to {user} are in different orders: {here} and {there}")
    streams: dict[tuple[str, int], list[Sent]] = {}
    for sent in oracle.sent.values():
        if sent.msg_id:
            streams.setdefault((sent.device, sent.peer), []).append(sent)
    for stream in streams.values():
        if world.orderly:
            excused = world.trouble()
            row = [
                sent
                for sent in stream
                if not sent.refused and not sent.given_up and not (excused and sent.loose)
            ]
            if [sent.msg_id for sent in row] != sorted(sent.msg_id for sent in row):
                world.wrong(f"sent in a row, kept in another: {[(sent.token, sent.msg_id) for sent in row]}")
        ids = sorted(sent.msg_id for sent in stream)
        for sent in stream:
            if ids.index(sent.msg_id) < sent.before:
                world.wrong(f"{sent.token} stands before messages that were acknowledged before it was sent")


def _stream(box: Box, peer: int, sender: int) -> list[str]:
    """What somebody has written in a chat, in order."""
    return [
        _token(one)
        for _, one in sorted(box.items())
        if one.peer == peer and one.sender == sender and one.text[0] != "!"
    ]


def _token(one: Held) -> str:
    return one.text.partition("~")[0]


def reads(world: World, oracle: Oracle, boxes: dict[int, Box], devices: list[Member]) -> None:
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
