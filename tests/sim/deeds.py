"""What a user may think of doing next, drawn from the world's dice: sending, groups, settings."""

from __future__ import annotations

from tests.sim.device import SERVICE_USER
from tests.sim.member import Member
from tests.sim.oracle import Oracle
from tests.sim.tastes import NOTIFY, PRIVACY, RULES
from tests.sim.world import World

DAY = 86_400
EMOJI = ("👍", "👎", "🔥")


class Deeds:
    def __init__(self, world: World, oracle: Oracle, users: list[int]) -> None:
        self.world = world
        self.oracle = oracle
        self.users = users
        self.rng = world.rng
        self.named = 0

    def name(self, kind: str) -> str:
        self.named += 1
        return f"{kind} {self.named}"

    # -- messages ----------------------------------------------------------------------------------------------------

    def chats(self, device: Member) -> list[int]:
        """Groups that the device thinks its user is in."""
        return [chat for chat, known in device.groups.items() if known.state == "in"]

    def send(self, device: Member) -> None:
        rng = self.rng
        chats = self.chats(device)
        peer = rng.choice(chats) if chats and rng.random() < 0.5 else rng.choice(self.users)
        reply = mention = 0
        here = [i for i, one in device.box.items() if one.peer == peer]
        if here and rng.random() < 0.15:
            reply = rng.choice(here[-8:])
        if peer < 0 and rng.random() < 0.25:
            mention = rng.choice([user for user in self.users if user != device.me])
        written = device.soft.get(("draft", peer)) is not None
        device.send(peer, reply=reply, mention=mention, clear_draft=written and rng.random() < 0.5)

    # -- groups ------------------------------------------------------------------------------------------------------

    def found(self, device: Member) -> None:
        others = [user for user in self.users if user != device.me]
        some = self.rng.sample(others, self.rng.randint(1, len(others)))
        device.create(self.name("group"), some)

    def in_group(self, device: Member) -> None:
        rng = self.rng
        linked = [chat for chat in self.oracle.links if chat not in self.chats(device)]
        if linked and rng.random() < 0.5:
            device.join(rng.choice(linked))
            return
        chats = self.chats(device)
        if not chats:
            if rng.random() < 0.3:
                self.found(device)
            return
        chat = rng.choice(chats)
        members = device.groups[chat].members or {}
        inside = [user for user in members if user != device.me]
        outside = [user for user in self.users if user not in members]
        choice = rng.random()
        if choice < 0.18 and outside:
            device.add(chat, rng.choice(outside), rng.choice((0, 0, 0, 3, 50)))
        elif choice < 0.28 and inside:
            device.remove(chat, rng.choice(inside))
        elif choice < 0.34:
            device.remove(chat, device.me)
        elif choice < 0.44:
            device.rename(chat, self.name("title"))
        elif choice < 0.54 and inside:
            device.promote(chat, rng.choice(inside), rng.random() < 0.7)
        elif choice < 0.58:
            device.forbid(chat, rng.random() < 0.5, rng.random() < 0.5)
        elif choice < 0.66:
            device.invite(chat)
        elif choice < 0.80:
            self.pin(device)
        elif choice < 0.92:
            device.see_mentions(chat)
        elif choice < 0.95:
            self.found(device)
        elif choice < 0.97:
            device.clear(chat, False)
        elif choice < 0.98:
            device.end_group(chat)

    def react(self, device: Member) -> None:
        there = [i for i, one in device.box.items() if one.peer in device.peers and one.text[0] != "!"]
        if there:
            device.react(self.rng.choice(there[-10:]), self.rng.choice(("", *EMOJI)))

    def pin(self, device: Member) -> None:
        there = [i for i, one in device.box.items() if one.peer in device.peers and one.text[0] != "!"]
        if there:
            device.pin(self.rng.choice(there[-10:]), self.rng.random() < 0.7, self.rng.random() < 0.2)

    # -- settings ----------------------------------------------------------------------------------------------------

    def set_something(self, device: Member) -> None:
        rng = self.rng
        peers = [*self.users, *device.groups]
        peer = rng.choice(peers)
        person = rng.choice([user for user in self.users if user != device.me])
        choice = rng.random()
        if choice < 0.18:
            device.write(peer, rng.choice(("", self.name("draft"), self.name("draft"))))
        elif choice < 0.32:
            folder = device.soft.get(("folder", peer), 0)
            if any(one.peer == peer for one in device.box.values()):
                device.pin_chat(peer, peer not in device.soft.get(("pins", folder), ()) or rng.random() < 0.2)
        elif choice < 0.36:
            folder = rng.choice((0, 0, 1))
            pinned = list(device.soft.get(("pins", folder), ()))
            rng.shuffle(pinned)
            device.order_pins(folder, tuple(pinned[: rng.randint(0, 5)]), rng.random() < 0.5)
        elif choice < 0.44:
            device.mark(peer, rng.random() < 0.7)
        elif choice < 0.50:
            device.silence(peer, rng.choice((0, 2_000_000_000, 2_100_000_000)))
        elif choice < 0.52:
            device.silence_all(rng.choice(list(NOTIFY)), rng.choice((0, 2_000_000_000)))
        elif choice < 0.56:
            blocked = ("blocked", person) not in device.soft or rng.random() < 0.2
            self.oracle.blocking(device.me, person)
            device.block(person, blocked)
        elif choice < 0.64:
            number = rng.randint(2, 5)
            gone = ("filter", number) in device.soft and rng.random() < 0.4
            device.folder(number, self.name("folder"), [] if gone else rng.sample(self.users, 2))
        elif choice < 0.67:
            order = list(device.soft.get(("order",), (0,)))
            rng.shuffle(order)
            device.order_folders(tuple(order))
        elif choice < 0.68:
            device.tag(rng.random() < 0.5)
        elif choice < 0.74:
            device.archive(peer, rng.random() < 0.6)
        elif choice < 0.77:
            device.allow(rng.choice(list(PRIVACY)), rng.choice(list(RULES)))
        elif choice < 0.79:
            device.set_timer(rng.choice([person, *self.chats(device)]), rng.choice((0, 0, 20, 300, DAY)))
        elif choice < 0.87:
            date = int(self.world.clock.now()) + rng.choice((15, 60, 400, 5 * DAY))
            device.schedule(rng.choice([*self.users, *self.chats(device)]), date)
        elif choice < 0.92:
            waiting = [key for key in device.soft if key[0] == "scheduled"]
            if waiting:
                _, peer, number = rng.choice(waiting)
                device.unschedule(peer, number, rng.random() < 0.5)
        elif choice < 0.94:
            device.clear(rng.choice([one for one in peers if one != SERVICE_USER]), rng.random() < 0.4)
        else:
            self.pin(device)
