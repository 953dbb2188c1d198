"""At the end of a story: members of a group agree on its messages, their order, and on who is in it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.sim.device import Box
from tests.sim.member import Known, Member
from tests.sim.oracle import NEVER, Oracle, Sent
from tests.sim.world import World
from tgserve.services.groups.roster import Roster
from tgserve.tl import functions as f


def _token(text: str) -> str:
    return text.partition("~")[0]


def members_have(world: World, oracle: Oracle, sent: Sent, boxes: dict[int, Box]) -> None:
    """Acknowledged: there for everybody who was in the group all the time it took, for nobody who was not; given up:
    there for all of them or none."""
    texts: set[str] = set()
    sure: dict[int, bool] = {}
    counts: set[Any] = set()
    for user, box in boxes.items():
        found = [one for one in box.values() if _token(one.text) == sent.token]
        texts |= {one.text for one in found}
        if oracle.always(sent.peer, user):
            counts |= {tuple(kind[:2] for kind in one.reactions) for one in found}
        member = oracle.member(sent.peer, user, sent.first, sent.last if sent.msg_id else NEVER)
        if user in sent.deleted and found and user not in oracle.brought(sent.peer):
            world.wrong(f"{sent.token} was deleted for {user} and is there")
        kept = user not in sent.deleting and (user, sent.peer) not in oracle.cleared
        kept = kept and not sent.mortal and not oracle.hidden(sent.token, sent.peer, user)
        if member is True and kept:
            sure[user] = bool(found)
            if sent.msg_id and not found:
                world.wrong(f"{sent.token} was acknowledged and member {user} lacks it")
        if member is False and found and user != sent.sender and user not in oracle.brought(sent.peer):
            world.wrong(f"{sent.token} reached {user}, who was not in the group")
    if not sent.msg_id and not sent.given_up and not sent.later:
        world.wrong(f"{sent.token} was never answered")
    if len(set(sure.values())) > 1:
        world.wrong(f"{sent.token} is there for some members only: {sure}")
    if len(counts) > 1:
        world.wrong(f"{sent.token} has different reactions: {counts}")
    if len(texts) > 1:
        world.wrong(f"{sent.token} has two texts: {sorted(texts)}")
    allowed = {sent.last_edit or sent.token, *sent.unsure}
    if sent.editing:
        allowed.add(sent.revisions[-1])
    if texts - allowed:
        world.wrong(f"{sent.token} says {sorted(texts)}, the last edit was {sorted(allowed)}")


def order(world: World, oracle: Oracle, boxes: dict[int, Box]) -> None:
    """All members have one author's messages in one order, and behind those that were acknowledged before the last
    moment at which nothing was under way."""
    streams: dict[tuple[int, int], dict[int, list[str]]] = {}
    for user, box in boxes.items():
        newest: dict[int, Sent] = {}
        for _, one in sorted(box.items()):
            sent = oracle.sent.get(_token(one.text))
            if sent is None or user in oracle.brought(one.peer):
                continue
            streams.setdefault((one.peer if one.peer < 0 else 0, one.sender), {}).setdefault(user, []).append(
                sent.token
            )
            before = newest.get(one.peer)
            if before is not None and before.first > sent.last:
                world.wrong(
                    f"user {user} has {before.token} before {sent.token}, which was there long before"
                )
            if before is None or sent.first > before.first:
                newest[one.peer] = sent
    for (chat, sender), of_user in streams.items():
        if not chat:
            continue
        for user, own in of_user.items():
            for other, theirs in of_user.items():
                both = set(own) & set(theirs)
                if [one for one in own if one in both] != [one for one in theirs if one in both]:
                    world.wrong(f"{user} and {other} have messages of {sender} in {chat} in different orders")


async def rosters(world: World, oracle: Oracle, devices: list[Member], boxes: dict[int, Box]) -> None:
    """Devices of members know who is in their groups and how they are called, those of others that they are out."""
    assert world.app is not None
    known = world.app.services.groups.rosters
    chats = {chat for device in devices for chat in device.groups} | oracle.groups.keys()
    for chat in sorted(chats):
        roster = known.get_or_none(chat)
        if roster is None:
            world.wrong(f"group {chat} is not there")
            continue
        for device in devices:
            has = device.groups.get(chat)
            if device.me in roster.members:
                _knows(world, device, has, roster)
        asked: set[int] = set()
        for device in devices:
            if roster.has(device.me) and not roster.group.deleted and device.me not in asked:
                asked.add(device.me)
                full = await device.ask(f.messages.GetFullChat(chat_id=-chat))
                _same(world, device, full, roster)
        _service_messages(world, oracle, chat, boxes)


def _state(roster: Roster, user: int) -> str:
    if roster.has(user) and not roster.group.deleted:
        return "in"
    return "left" if roster.members[user].gone == 1 and not roster.group.deleted else "out"


def _roles(roster: Roster) -> dict[int, str]:
    return {
        user: "creator"
        if user == roster.group.creator
        else "admin"
        if roster.members[user].admin
        else "member"
        for user in roster.here
    }


def _knows(world: World, device: Member, has: Known | None, roster: Roster) -> None:
    state = _state(roster, device.me)
    if has is None:
        if state == "in":
            world.wrong(f"{device.name} does not know of group {roster.chat}, whose member he is")
        return
    if has.state != state:
        world.wrong(f"{device.name} is {has.state} of {roster.chat}, the server says {state}")
    if state != "in":
        return
    truth: dict[str, Any] = {
        "title": roster.group.title,
        "version": roster.group.version,
        "members": _roles(roster),
        "banned": int(bool(roster.group.banned & 2)) | 2 * int(bool(roster.group.banned & (1 << 17))),
    }
    for name, value in truth.items():
        if getattr(has, name) != value:
            world.wrong(
                f"{device.name} has {name} of {roster.chat} as {getattr(has, name)}, the server {value}"
            )


def _same(world: World, device: Member, full: Any, roster: Roster) -> None:
    named = {one.user_id for one in full.full_chat.participants.participants}
    if named != set(roster.here):
        world.wrong(f"{device.name} is told {sorted(named)} are in {roster.chat}: {sorted(roster.here)} are")


def _service_messages(world: World, oracle: Oracle, chat: int, boxes: dict[int, Box]) -> None:
    """What was done to a group is told to all who have been in it from the first day."""
    told: dict[int, Counter[tuple[int, str]]] = {}
    for user, box in boxes.items():
        if oracle.always(chat, user) and (user, chat) not in oracle.cleared:
            told[user] = Counter(
                (one.sender, one.text)
                for one in box.values()
                if one.peer == chat and one.text[0] == "!" and one.text not in oracle.deleted_service
            )
    for user, mine in told.items():
        for other, theirs in told.items():
            if mine != theirs:
                world.wrong(f"{user} and {other} were told different things of {chat}: {mine - theirs}")
                return
