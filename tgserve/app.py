"""The composition root: the only place where everything is made and wired. config -> objects -> run.

Start order: keys, store (which finishes what the last run left), services, gateway, admin socket, port. Stop order: the
port, running calls, the store's queue, sockets. A start that fails says one sentence and leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

from tgserve import api, limits, log
from tgserve.adapters.contract import AdapterError
from tgserve.adapters.desk import SmsDesk
from tgserve.adapters.line import Line
from tgserve.adapters.mail.desk import MailDesk
from tgserve.adapters.mail.loading import mail_sender
from tgserve.adapters.push.direct import direct_senders
from tgserve.adapters.push.routes import Routes
from tgserve.adapters.web.loading import web_fetcher
from tgserve.admin import backups, datadir
from tgserve.admin.jobs import Jobs
from tgserve.admin.socket import AdminServer
from tgserve.chunks.keeper import TURN_SECONDS as TURN_SECONDS_CHUNKS
from tgserve.chunks.keeper import WATCH_SECONDS, Keeper
from tgserve.chunks.settings import Settings as ChunkSettings
from tgserve.chunks.store import Chunks
from tgserve.clock import Clock, SystemClock
from tgserve.config import Config
from tgserve.errors import StoreError
from tgserve.ids import Ids
from tgserve.imaging.pool import Imaging
from tgserve.mtproto.handshake import Handshakes
from tgserve.mtproto.rsa import RsaKey
from tgserve.render import forward, kinds, post, pushes, reactions, stickers
from tgserve.render import updates as render
from tgserve.render.channel_updates import Crowd
from tgserve.rpc.dispatcher import Dispatcher
from tgserve.rpc.driver import Driver
from tgserve.server import lifecycle
from tgserve.server.doors import Certificate, Doors, WebMaker, web_maker
from tgserve.server.exchange import Exchange
from tgserve.server.fanout import Fanout
from tgserve.server.gateway import Gateway
from tgserve.server.listener import Listener
from tgserve.server.peering import Peering
from tgserve.server.peering_cipher import public_key
from tgserve.server.tracing import Tracing
from tgserve.server.waking import SessionSender, connected, parted
from tgserve.services import Services, alarms, build
from tgserve.services.channels.counters import FLUSH_SECONDS
from tgserve.services.nodes.charter import Charter
from tgserve.services.nodes.nodes import JoinRefused
from tgserve.services.previews import Web
from tgserve.services.push.bundle import MARK_SECONDS
from tgserve.services.upkeep import TURN_SECONDS
from tgserve.store.moving import Mover
from tgserve.store.retention import Retention
from tgserve.store.shards import Store
from tgserve.store.vault import load_secret
from tgserve.tl import layers

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104
PAIRS_AHEAD = 16
"""Diffie-Hellman values made in idle time: a burst of so many clients waits half as long."""

_log = log.get("app")


class StartError(Exception):
    """The server cannot start; the text says why and what to do."""


class App:
    """One server. `start` once, `stop` once. The admin commands see it as their Daemon."""

    services: Services
    store: Store
    gateway: Gateway
    peering: Peering | None = None
    _stock: asyncio.Task[None]
    exchange: Exchange
    keeper: Keeper
    tracing: Tracing
    mover: Mover
    backups: backups.Backups
    sms: Line
    routes: Routes

    def __init__(self, config: Config, clock: Clock | None = None, ids: Ids | None = None) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self.ids = ids or Ids()
        self.address = ""
        self.host = ""
        self.port = 0
        self.started = 0.0
        self.tasks = lifecycle.Tasks()
        self.jobs = Jobs(self.clock, self.tasks.spawn)
        self.driver = Driver()
        self._closing: list[Callable[[], Any]] = []

    async def start(self) -> None:
        """Serve. Raises StartError, and then nothing is left open."""
        try:
            await self._start()
        except (StoreError, AdapterError, datadir.DataDirError, JoinRefused, OSError) as fault:
            await self.stop()
            raise StartError(_sentence(self.config, fault)) from fault
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        config, clock, ids = self.config, self.clock, self.ids
        datadir.create(config.data, ids)
        keys = datadir.load(config.data)
        store = Store(
            config.store_dir,
            engine=config.store.engine,
            shards=config.store.shards,
            map_bytes=config.store.map_gib << 30,
            clock=clock,
            ids=ids,
            secret=keys.secret,
            retention=Retention(config.limits.events_kept, config.limits.events_kept_days * limits.DAY),
        )
        self.sms = Line(config, clock, self.tasks.spawn)
        desk = SmsDesk(self.sms, self.tasks.spawn)
        mail = MailDesk(mail_sender(config, clock), self.tasks.spawn)
        chunks = Chunks(store, clock, ids, keys.secret, chunk_settings(config))
        imaging = Imaging()
        charter = _charter(keys.charter)
        self.assemble(store, desk, keys.rsa, keys.secret, mail, chunks, imaging, charter)
        self._closing.append(imaging.close)

        self._closing.append(self.exchange.close)
        self._closing.append(desk.close)
        self._closing.append(mail.close)
        await store.start()
        self._closing.append(store.close)
        self.sms.use(self.services.providers.of("sms"))
        self.services.providers.on_change("sms", self.sms.use)
        await chunks.start()
        self._closing.append(chunks.close)
        self._closing.append(self.tasks.every(TURN_SECONDS_CHUNKS, self.keeper.turn, "chunks").cancel)
        self._closing.append(self.tasks.every(WATCH_SECONDS, self.keeper.watch, "disks").cancel)
        self.backups = backups.Backups(config, clock, ids, chunks, self.jobs)
        self._closing.append(self.backups.close)
        self._closing.append(self.tasks.every(backups.TURN_SECONDS, self.backups.turn, "backups").cancel)
        # Behind the gateway's end: what is acknowledged until then is judged.
        self._closing.append(self.services.push.close)
        self.services.search.start()
        self._closing.append(self.services.search.stop)
        self.gateway.start()
        self._closing.append(self.gateway.stop)
        self._closing.append(self._finish_calls)
        admin = AdminServer(config.admin_socket, self)
        await admin.start()
        self._closing.append(admin.stop)
        listener = Listener(self.gateway, ids)
        self.gateway.doors = doors = Doors(
            listener.connect,
            self.gateway.lost,
            self.tasks.spawn,
            certificate(config, clock),
            self._pages(listener, keys.rsa),
        )
        self._closing.append(doors.close)
        try:
            self.host, self.port = await listener.start(config.host, config.port)
        except OSError as fault:
            raise StartError(f"cannot listen on {config.listen}: {_reason(fault)}") from fault
        self.services.port = self.port
        self._closing.append(listener.stop)
        self.address = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        await self._join_nodes(keys.rsa)
        self.exchange.start()
        await self._start_pushes()
        self.services.upkeep.in_use = self.gateway.in_use
        self.tasks.every(TURN_SECONDS, self.services.upkeep.turn, "upkeep")
        self.tasks.every(alarms.TURN_SECONDS, self.services.alarms.turn, "alarms")
        self.tasks.every(FLUSH_SECONDS, self.services.channels.watching.turn, "views")
        self._closing.append(self.services.channels.watching.flush)
        self._stock = self.tasks.spawn(self.services.stock.start(), "stock")
        self._closing.append(self._stock.cancel)
        self._closing.append(lambda: self._stock.cancel())
        if config.previews.enabled:
            fetcher, refusal = web_fetcher()
            self.services.previews.web = Web(fetcher.fetch, refusal, self.tasks.spawn)
            self._closing.append(fetcher.close)
        self.started = clock.monotonic()
        _log.info("app.ready", address=self.address, shards=len(self.store.shards))

    def assemble(
        self,
        store: Store,
        desk: SmsDesk,
        rsa: RsaKey,
        secret: bytes,
        mail: MailDesk | None = None,
        chunks: Chunks | None = None,
        imaging: Imaging | None = None,
        charter: Charter | None = None,
    ) -> None:
        """Everything between the store and the sockets, made and wired, nothing started yet. The simulation
        (tests/sim) begins here, with a store and sockets of its own."""
        config, clock, ids = self.config, self.clock, self.ids
        api.load()
        self.store = store
        self.services = services = build(
            store,
            clock,
            ids,
            config,
            desk,
            secret=secret,
            mail=mail,
            chunks=chunks,
            imaging=imaging,
            charter=charter,
        )
        self.keeper = Keeper(services.chunks)
        self.mover = Mover(store)
        self.gateway = gateway = Gateway(
            services.auth,
            services.presence,
            clock,
            ids,
            self.driver,
            home_dc=config.dc_id,
            sockets_per_address=config.limits.connections_per_address,
            trusted_proxies=config.trusted_proxies,
        )
        self.tracing = Tracing(gateway, clock)
        gateway.dispatcher = Dispatcher(
            services,
            self.driver,
            clock,
            touch=gateway.touch,
            calls_per_minute=config.limits.calls_per_minute,
            pending=services.auth.pending_user,
            home_dc=config.dc_id,
        )
        handshakes = Handshakes(rsa, ids, pool_size=PAIRS_AHEAD)
        gateway.exchange = self.exchange = Exchange(
            handshakes,
            services.auth.keys,
            clock,
            self.driver,
            per_address=config.limits.handshakes_per_address_per_minute,
            total=config.limits.handshakes_per_minute,
            made=gateway.key_made,
        )
        fanout = Fanout(
            gateway.online,
            partial(render.draw, services),
            partial(render.draw_ephemeral, services),
            home_dc=config.dc_id,
            crowd=Crowd(services),
        )
        gateway.online.arrived = services.channels.audience.arrived
        gateway.online.departed = services.channels.audience.departed
        gateway.online.changed = services.channels.audience.changed
        services.search.feed.describe = kinds.describe
        services.push.drawing.describe = pushes.describe
        services.push.loudness.hear = pushes.hear
        services.push.loudness.reactions = pushes.reactions
        services.push.sending.seal = pushes.sealing(ids.padding)
        services.stock.attributes = partial(stickers.of_stock, services.access)
        services.messaging.right_for = kinds.right_for
        services.channels.comments.header = forward.of_post
        services.channels.tallies.original = partial(post.original, services)
        services.reactions.custom_known = reactions.custom_known(services)
        services.bus.subscribe(gateway.committed, but_messages=True)
        services.bus.subscribe(fanout.committed)
        services.bus.subscribe_ephemeral(fanout.tell)

    async def _start_pushes(self) -> None:
        """When clients can come in: what the last run left is pushed only to those who do not."""
        push = self.services.push
        self.routes = routes = Routes(
            self.clock,
            self.tasks.spawn,
            seconds=self.config.push.seconds,
            direct=direct_senders(self.config, self.clock, push.key_seed) if self.config.push.direct else (),
        )
        routes.session = SessionSender(self.gateway)
        self._closing.append(routes.close)
        push.connect(connected(self.gateway.online))
        self.gateway.parted = parted(push.feed.unheard)
        await push.start(routes, self.tasks.spawn, self.services.providers)
        self._closing.append(push.sending.stop)
        self._closing.append(self.tasks.every(MARK_SECONDS, push.feed.tick, "pushes").cancel)

    async def _join_nodes(self, rsa: RsaKey) -> None:
        """Know the other nodes, and be known to them where [node] link says so."""
        config, nodes, services = self.config, self.services.nodes, self.services
        nodes.numbered = self._numbered
        nodes.load()
        services.stock.own = lambda document: nodes.home_of_media(document) == nodes.own_dc
        host = config.public_host or ("" if config.host in WILDCARDS else config.host)
        nodes.address = (host, config.public_port or self.port)
        if not config.node.link:
            if nodes.active:
                raise StartError(
                    "this node belongs to others: [node] link in tgserve.toml must say where they find it"
                )
            return
        key = load_secret(config.keys_dir / "node.key", self.ids)
        nodes.key = public_key(key)

        def keep(charter: Charter, pem: str) -> None:
            datadir.keep_charter(config.data, charter.encode(), pem)
            if pem:
                self.exchange.use(RsaKey.from_pem(pem))
                self._stock = self.tasks.spawn(self._stock_anew(self._stock), "stock")

        nodes.keep = keep
        nodes.rsa = rsa.to_pem
        self.peering = peering = Peering(
            nodes, services.homes, services.visitors, services.carrying, self.clock, self.ids, self.tasks, key
        )
        try:
            link_host, link_port = await peering.start(config.node.link)
        except OSError as fault:
            raise StartError(f"cannot listen on {config.node.link} (node.link): {_reason(fault)}") from fault
        self._closing.append(peering.stop)
        shown = host if link_host in WILDCARDS else link_host
        shown = f"[{shown}]" if ":" in shown else shown
        nodes.link = config.node.link_public or (f"{shown}:{link_port}" if shown else "")

    def _numbered(self, others: list[int]) -> None:
        """The DC numbers of other nodes."""
        layers.keep_dcs(others)
        self.gateway.dispatcher.elsewhere = self.services.nodes.elsewhere if others else None

    async def _stock_anew(self, before: asyncio.Task[None]) -> None:
        """This node has just joined others: its pictures had ids that belong to the keeper's range."""
        await asyncio.wait([before])
        await self.services.stock.start()

    def _pages(self, listener: Listener, key: RsaKey) -> WebMaker | None:
        if not self.config.http.enabled:
            return None
        gateway = self.gateway
        return web_maker(
            listener.connect,
            gateway.lost,
            self.config,
            self.clock,
            self.services,
            gateway.proxies,
            key.public,
        )

    async def stop(self) -> None:
        """End in the reverse order of the start; what is committed stays, what waits is answered or cut."""
        closing, self._closing = self._closing, []
        for close in reversed(closing):
            try:
                result = close()
                if hasattr(result, "__await__"):
                    await result
            except Exception as fault:
                _log.error("app.stop", exc=fault, what=getattr(close, "__qualname__", ""))
        await self.tasks.close(1.0)

    async def _finish_calls(self) -> None:
        """Begin no more calls and let running ones end; those that take longer are cut, their clients ask again."""
        self.gateway.draining = True
        for _ in range(limits.STOP_SECONDS * 50):
            if not self.driver.waiting:
                return
            await asyncio.sleep(0.01)
        self.driver.cancel_all()


async def run(config: Config, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready(address)` is called when clients can come in. Raises StartError."""
    loop = asyncio.get_running_loop()
    lifecycle.catch_all(loop)
    lifecycle.raise_nofile()
    stopping = asyncio.Event()
    lifecycle.on_signals(loop, stopping.set)
    app = App(config)
    await app.start()
    try:
        lifecycle.settle()
        ready(app.address)
        await stopping.wait()
        _log.info("app.stop", connections=len(app.gateway.connections))
    finally:
        await app.stop()


def serve(config: Config, ready: Callable[[str], None]) -> None:
    """`run` on the fastest loop there is. Raises StartError."""
    log.setup(config.log.format, config.log.level)
    with asyncio.Runner(loop_factory=lifecycle.new_loop) as runner:
        runner.run(run(config, ready))


def certificate(config: Config, clock: Clock) -> Certificate | None:
    """That of the settings. Raises StartError."""
    if not config.http.certificate:
        return None
    pair = config.data / config.http.certificate, config.data / config.http.key
    try:
        return Certificate(*pair, clock)
    except (OSError, ssl.SSLError) as fault:
        raise StartError(f"http.certificate {pair[0]}, http.key {pair[1]}: {fault}") from fault


def chunk_settings(config: Config) -> ChunkSettings:
    chosen = config.chunks
    return ChunkSettings(
        root=config.data,
        copies=chosen.copies,
        least_copies=chosen.least_copies,
        seal=chosen.seal,
        reserve_bytes=chosen.reserve_mib << 20,
        cache_bytes=chosen.cache_mib << 20,
        grace_seconds=chosen.grace_hours * limits.HOUR,
        scrub_seconds=chosen.scrub_days * limits.DAY,
        scrub_rate=chosen.scrub_mib_per_second << 20,
        move_rate=chosen.move_mib_per_second << 20,
    )


def _charter(data: bytes) -> Charter | None:
    try:
        return Charter.decode(data) if data else None
    except ValueError:
        raise StartError("keys/charter.key is damaged: put the backup of the keys back") from None


def _sentence(config: Config, fault: Exception) -> str:
    if isinstance(fault, OSError):
        return f"{fault.filename or config.data}: {_reason(fault)}"
    return str(fault)


def _reason(fault: OSError) -> str:
    """uvloop and asyncio put whole sentences where the system's words belong."""
    return os.strerror(fault.errno) if fault.errno else str(fault)
