"""One seed's story: a few users with a few devices, random actions under random faults, then peace, then the checks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.sim import checks, keys
from tests.sim.deeds import Deeds
from tests.sim.device import SERVICE_USER
from tests.sim.exchange import Maker
from tests.sim.member import Member
from tests.sim.oracle import Oracle
from tests.sim.world import World, Wrong
from tgserve.mtproto.cipher import AuthKey
from tgserve.tl import types as t

PEACE_SECONDS = 3600.0
"""Virtual time in which everything must have been answered once the faults are over."""


@dataclass
class Outcome:
    """What happened, for statistics and for the test that the same seed gives the same world."""

    messages: int
    acknowledged: int
    edits: int
    deletions: int
    crashes: int
    sessions: int
    gaps: int
    retries: int
    settings: int
    reactions: int
    deeds: int
    looks: int
    epochs: int
    moved: int
    virtual_seconds: float
    trace: list[str]


COUNTED = (
    "messages",
    "acknowledged",
    "edits",
    "deletions",
    "crashes",
    "sessions",
    "gaps",
    "retries",
    "settings",
    "reactions",
    "deeds",
    "looks",
    "epochs",
    "moved",
)
QUIET_SECONDS = 120
BACK_SECONDS = 50.0
"""How far clocks may be set back in all: getDifference tells again what a minute ago had no pts."""


class Story:
    def __init__(self, seed: int) -> None:
        self.world = world = World(seed)
        rng = world.rng
        self.oracle = Oracle()
        self.devices: list[Member] = []
        self.users: list[int] = []
        self.actions = rng.randint(40, 90)
        self.with_groups = rng.random() < 0.6
        self.with_settings = rng.random() < 0.6
        self.back = 0.0
        self.deeds = Deeds(self.world, self.oracle, self.users)
        self.pause = rng.choice((0.02, 0.2, 1.0, 3.0))
        world.slow_commits = rng.choice((0.0005, 0.003, 0.02))
        world.slow_hearing = rng.choice((0.0005, 0.003, 0.05))
        world.slow_network = rng.choice((0.002, 0.02, 0.2))
        world.slow_moves = rng.choice((0.01, 0.5))
        world.crash_chance = rng.choice((0.0, 0.2))
        # Each world knows some of the troubles only: what hides behind another trouble is found in worlds without it.
        self.faults: list[tuple[float, Callable[[], None]]] = [
            (rng.random() * 0.10, fault)
            for fault in (
                self._cut,
                self._mute,
                self._away,
                self._crash,
                self._crash_in_commit,
                self._lossy,
                self._replay,
                self._app_restart,
                self._time_jump,
                self._clock_wrong,
                self._disk_full,
                self._move_slots,
            )
            if rng.random() < 0.45
        ]

        world.owners = lambda: [*self.users, *{peer for device in self.devices for peer in device.peers}]
        self.last_commit = 0
        """The server dies at this commit after people have begun, 0 = at none in particular."""
        world.orderly = all(fault != self._lossy for _, fault in self.faults)

    def run(self) -> Outcome:
        """Raises Wrong with the seed and how to run it again."""
        self.world.run(self._story)
        acknowledged = sum(1 for sent in self.oracle.sent.values() if sent.msg_id)
        return Outcome(
            len(self.oracle.sent),
            acknowledged,
            self.oracle.edits,
            self.oracle.deletions,
            self.world.crashes,
            sum(device.sessions for device in self.devices),
            sum(device.gaps for device in self.devices),
            sum(device.retries for device in self.devices),
            self.oracle.settings,
            self.oracle.reactions,
            self.oracle.deeds,
            sum(device.looks for device in self.devices),
            self.oracle.epoch,
            self.world.moved,
            self.world.loop.time() - 1000.0,
            self.world.trace,
        )

    def only_die(self, commit: int) -> None:
        """Of all troubles a crash alone, at the n-th commit: before it is kept, or behind that."""
        self.faults, self.world.orderly = [], True
        self.last_commit = commit

    def _begin(self) -> None:
        """People begin."""
        if self.last_commit:
            self.world.die_at_commit, self.world.die_durable = (
                (self.last_commit + 1) // 2,
                self.last_commit % 2 == 0,
            )

    async def _story(self) -> None:
        await self.world.start()
        await self._settle_in()
        self._begin()
        rng = self.world.rng
        for _ in range(self.actions):
            await asyncio.sleep(rng.expovariate(1.0) * self.pause)
            for chance, fault in self.faults:
                if rng.random() < chance:
                    fault()
            self._act(rng.choice(self.devices))
            if self.with_groups and rng.random() < 0.12:
                await self._lull()
        await self._peace()
        await checks.everything(self.world, self.oracle, self.devices, self.users)

    def member(self, *given: Any) -> Member:
        """A device of this story."""
        return Member(*given)

    async def _settle_in(self) -> None:
        """Accounts and devices, over the wire, before the trouble begins."""
        world, rng = self.world, self.world.rng
        assert world.app is not None
        exchanging = rng.random() < 0.05
        number = 0
        many = (2, 3, 3) if self.with_settings else (1, 1, 2, 3)
        for user in range(rng.randint(2, 4) + self.with_groups):
            phone = f"+9996620{user:04d}"
            for of_user in range(rng.choice(many)):
                if exchanging and not number:
                    key = await Maker(world).key()
                else:
                    key = keys.auth_key(number)
                    assert await world.app.services.auth.keys.add_key(AuthKey(key).id, key)
                device = self.member(world, self.oracle, phone, of_user, key)
                number += 1
                device.connect()
                me = await device.sign_in(f"User{user}")
                self.devices.append(device)
                if not of_user:
                    self.users.append(me)
        access = world.app.services.access
        for device in self.devices:
            device.peers = {
                user: t.InputPeerUser(user_id=user, access_hash=access.of(device.me, b"u", user))
                for user in self.users
            }
            device.peers[device.me] = t.InputPeerSelf()
        self.oracle.everybody = frozenset(self.users)
        if self.with_groups:
            for _ in range(rng.choice((1, 1, 2))):
                self.deeds.found(rng.choice(self.devices))
            await asyncio.sleep(5.0)
            await self._lull()

    async def _lull(self) -> None:
        """Wait for a moment at which nothing is under way at the server; there may be none soon."""
        world = self.world
        if world.up and world.app is not None and await world.app.store.settled(3.0) and world.up:
            known = world.app.services.groups.rosters
            chats = {chat for device in self.devices for chat in device.groups}
            found = {chat: known.get_or_none(chat) for chat in sorted(chats)}
            self.oracle.lull({chat: frozenset(one.here) for chat, one in found.items() if one is not None})

    # -- what users do -----------------------------------------------------------------------------------------------

    def _act(self, device: Member) -> None:
        rng = self.world.rng
        if self.with_groups and rng.random() < 0.2:
            self.deeds.in_group(device)
            return
        if self.with_settings and rng.random() < 0.3:
            self.oracle.settings += 1
            self.deeds.set_something(device)
            return
        choice = rng.random()
        if (self.with_groups or self.with_settings) and choice < 0.1:
            self.deeds.react(device)
        elif choice < 0.62:
            for _ in range(rng.choice((1, 1, 1, 2, 5))):
                self.deeds.send(device)
        elif choice < 0.74:
            mine = [
                sent
                for sent in self.oracle.sent.values()
                if sent.device == device.name and sent.msg_id in device.box and not sent.editing
            ]
            if mine:
                device.edit(rng.choice(mine[-6:]))
        elif choice < 0.86:
            there = [i for i, one in device.box.items() if one.peer != SERVICE_USER]
            if there:
                device.delete(
                    sorted(rng.sample(there, min(len(there), rng.choice((1, 1, 2, 4))))), rng.random() < 0.6
                )
        else:
            unread = [
                (one.peer, i) for i, one in device.box.items() if not one.out and one.peer in device.peers
            ]
            if unread:
                device.read(*rng.choice(unread))

    # -- what happens to them ----------------------------------------------------------------------------------------

    def _victim(self) -> Member:
        return self.world.rng.choice(self.devices)

    def _cut(self) -> None:
        device = self._victim()
        self.world.note(f"cut {device.name}")
        device.cut()

    def _mute(self) -> None:
        device = self._victim()
        if device.line is not None:
            self.world.note(f"mute {device.name}")
            device.harmed = True
            device.line.mute()

    def _away(self) -> None:
        device = self._victim()
        self.world.note(f"{device.name} goes away")
        device.go_away()
        self.world.loop.call_later(self.world.rng.expovariate(1.0) * self.pause * 10, device.come_back)

    def _crash(self) -> None:
        self.world.crash()

    def _crash_in_commit(self) -> None:
        self.world.die_at_commit = self.world.rng.randint(1, 6)
        self.world.die_durable = self.world.rng.random() < 0.5

    def _lossy(self) -> None:
        rng, device = self.world.rng, self._victim()
        device.lost_in, device.lost_out, device.doubled = (rng.choice((0.0, 0.1, 0.4)) for _ in range(3))
        self.world.note(f"{device.name} is lossy {device.lost_in} {device.lost_out} {device.doubled}")

    def _replay(self) -> None:
        """A recorded packet once more: over the client's own line, or over a line of the one who recorded it."""
        device = self._victim()
        recorded = device.recorded()
        if recorded:
            packet = self.world.rng.choice(recorded)
            self.world.note(f"replay of {device.name}")
            if self.world.rng.random() < 0.5:
                device.say(packet)
            else:
                replayer = checks.Replayer(self.world, packet)
                replayer.go()

    def _app_restart(self) -> None:
        self._victim().restart_app(self.world.rng.random() < 0.6)

    def _time_jump(self) -> None:
        seconds = self.world.rng.choice((5.0, 40.0, 200.0, 700.0, 4000.0))
        self.world.note(f"time jumps {seconds}")
        self.world.clock.advance(seconds)

    def _clock_wrong(self) -> None:
        """The machine's clock is set: forwards, or back as far as clients are told to bear."""
        by = self.world.rng.choice((-20.0, -3.0, 3.0, 100.0, 1000.0))
        if by < 0:
            self.back -= by
            if self.back > BACK_SECONDS:
                return
        self.world.note(f"wall clock set by {by}")
        self.world.clock.set_wall(self.world.clock.now() + by)

    def _disk_full(self) -> None:
        self.world.note("disk full")
        self.world.full_until = self.world.loop.time() + self.world.rng.uniform(0.1, 5.0)

    def _move_slots(self) -> None:
        self.world.move_slots()

    # -- the end -----------------------------------------------------------------------------------------------------

    async def _peace(self) -> None:
        """No more faults; wait until everything asked is answered, then ask once more what was missed."""
        world = self.world
        world.note("peace")
        world.crash_chance = 0.0
        world.die_at_commit = 0
        world.full_until = min(world.full_until, world.loop.time())
        for device in self.devices:
            device.lost_in = device.lost_out = device.doubled = 0.0
            if device.harmed:
                # It cannot know that the last thing it was told is lost. Those on sound lines need not be asked.
                device.cut()
            device.come_back()
        until = world.loop.time() + PEACE_SECONDS
        calm = 0
        while calm < 3:
            await asyncio.sleep(1.0)
            busy = [device.name for device in self.devices if device.busy]
            store = world.app.store if world.app is not None and world.up else None
            settled = store is not None and await store.settled(30.0)
            calm = calm + 1 if settled and not busy and not world.moving and not self._soon() else 0
            if world.loop.time() > until:
                raise Wrong(f"no peace: {busy}, server {'up' if world.up else 'down'}, settled {settled}")

    def _soon(self) -> bool:
        """Will something be sent or end by itself while the checks look?"""
        app = self.world.app
        heap = app.services.alarms._heap if app is not None else []
        return bool(heap) and heap[0][0] < self.world.clock.now() + QUIET_SECONDS


def run(seed: int) -> Outcome:
    return Story(seed).run()
