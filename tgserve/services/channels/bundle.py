"""The services of channels, made and wired together."""

from __future__ import annotations

from dataclasses import dataclass

from tgserve.clock import Clock
from tgserve.ids import Ids
from tgserve.services import archive
from tgserve.services.bus import Bus
from tgserve.services.channels import seats, threads
from tgserve.services.channels.audience import Audience
from tgserve.services.channels.changing import Changing
from tgserve.services.channels.comments import Comments
from tgserve.services.channels.counters import Counters
from tgserve.services.channels.days import Tallies
from tgserve.services.channels.doors import Doors
from tgserve.services.channels.forums import Forums
from tgserve.services.channels.guests import Guests
from tgserve.services.channels.journal import Journal
from tgserve.services.channels.life import Life, account_gone
from tgserve.services.channels.members import Members
from tgserve.services.channels.migrating import Migration
from tgserve.services.channels.posting import Posting
from tgserve.services.channels.publicity import Publicity
from tgserve.services.channels.reading import ChannelReading
from tgserve.services.channels.register import Register
from tgserve.services.channels.statistics import Statistics
from tgserve.services.channels.thread_reading import ThreadReading
from tgserve.services.channels.threads import Threads
from tgserve.services.channels.watching import Watching
from tgserve.services.history import History
from tgserve.services.names import Names
from tgserve.services.users import Users
from tgserve.store import payloads as pl
from tgserve.store.shards import Store


@dataclass(slots=True)
class Channels:
    """Reached as `services.channels`."""

    register: Register
    audience: Audience
    guests: Guests
    life: Life
    posting: Posting
    changing: Changing
    reading: ChannelReading
    counters: Counters
    tallies: Tallies
    statistics: Statistics
    watching: Watching
    members: Members
    journal: Journal
    publicity: Publicity
    doors: Doors
    migration: Migration
    threads: Threads
    forums: Forums
    thread_reading: ThreadReading
    comments: Comments


def build(
    store: Store,
    clock: Clock,
    ids: Ids,
    users: Users,
    names: Names,
    history: History,
    register: Register,
    bus: Bus,
) -> Channels:
    """Before store.start(): outbox handlers are registered here."""
    store.on_outbox(pl.SeatChanged, seats.seat_changed)
    store.on_outbox(pl.TellChannelChanged, seats.tell)
    store.on_outbox(pl.TellChannelRequests, seats.requests_changed)
    store.on_outbox(pl.AccountGone, account_gone)
    store.on_outbox(pl.FillGeneral, threads.fill_general)
    store.on_outbox(pl.BotSeated, seats.bot_seated)
    store.on_outbox(pl.AwaitPost, archive.awaited)
    store.on_outbox(pl.WakeArchived, archive.told)
    store.on_outbox(pl.WakeNext, archive.next_ones)
    life = Life(store, clock, ids, register)
    known = Threads(store)
    reading = ChannelReading(store, clock, register, history, known)
    posting = Posting(store, clock, users, register)
    counters = Counters(store, clock)
    tallies = Tallies(store, clock, register)
    members = Members(store, clock, register)
    return Channels(
        register=register,
        audience=Audience(store, register),
        guests=Guests(register, clock),
        life=life,
        posting=posting,
        changing=Changing(store, clock, register),
        reading=reading,
        counters=counters,
        tallies=tallies,
        statistics=Statistics(store, clock, register, counters, members),
        watching=Watching(clock, bus, counters, tallies, register, reading),
        members=members,
        journal=Journal(store, clock, register),
        publicity=Publicity(store, clock, names, life, register),
        migration=Migration(store, clock, ids),
        doors=Doors(store, clock, ids, life, register),
        threads=known,
        forums=Forums(store, clock, posting),
        thread_reading=ThreadReading(store, clock, register, known, reading, history),
        comments=Comments(store, clock, register),
    )
