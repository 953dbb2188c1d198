"""The rules: what may happen, one call = one transaction. Services are built once, here, and know no wire.

Rules: a service takes the store, the clock and other services in its constructor, returns records and raises the
errors of the catalogue; it never sees a TL class or a socket. A transaction function runs on the
loop, later, with others: it touches the transaction and its arguments only, and is short.
"""

from __future__ import annotations

from dataclasses import dataclass

from tgserve.adapters.desk import SmsDesk
from tgserve.adapters.mail.desk import MailDesk
from tgserve.chunks.store import Chunks
from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.ids import AccessHashes, Ids
from tgserve.imaging.pool import Imaging
from tgserve.services.accounts import Accounts
from tgserve.services.alarms import LIFT, Alarms
from tgserve.services.auth import Auth
from tgserve.services.blocking import Blocks
from tgserve.services.bots import Bots
from tgserve.services.bus import Bus
from tgserve.services.channels import bundle, migrating, seats
from tgserve.services.channels.bundle import Channels
from tgserve.services.channels.register import Register
from tgserve.services.chatlists import Chatlists
from tgserve.services.codes import LoginCodes
from tgserve.services.contact_tokens import ContactTokens
from tgserve.services.contacts import Contacts
from tgserve.services.deleting import Deleting
from tgserve.services.dialogs import Dialogs
from tgserve.services.directory import Directory
from tgserve.services.editing import Editing
from tgserve.services.expiry import Expiry
from tgserve.services.files.files import Files
from tgserve.services.flood_tallies import Tallies
from tgserve.services.folders import Folders
from tgserve.services.groups import delivery
from tgserve.services.groups.invites import Invites
from tgserve.services.groups.life import Groups
from tgserve.services.groups.roster import Rosters
from tgserve.services.history import History
from tgserve.services.keys import Keys
from tgserve.services.login_emails import LoginEmails
from tgserve.services.login_tokens import LoginTokens
from tgserve.services.looks import Looks
from tgserve.services.messaging import Messaging
from tgserve.services.names import Names
from tgserve.services.nodes.carrying import Carrying
from tgserve.services.nodes.charter import Charter
from tgserve.services.nodes.homes import Homes
from tgserve.services.nodes.nodes import Nodes
from tgserve.services.nodes.tickets import Tickets
from tgserve.services.nodes.visitors import Visitors
from tgserve.services.operating import Operating
from tgserve.services.overseeing import Overseeing
from tgserve.services.passwords import Passwords
from tgserve.services.photos import Photos
from tgserve.services.pinning import Pinning
from tgserve.services.polls.polling import Polls
from tgserve.services.presence import Presence
from tgserve.services.previews import Previews
from tgserve.services.privacy import Privacy
from tgserve.services.providers import Providers
from tgserve.services.push import bundle as push_bundle
from tgserve.services.push.bundle import Pushes
from tgserve.services.reactions.reacting import Reactions
from tgserve.services.reading import Reading
from tgserve.services.recovery import Recovery
from tgserve.services.saved import Saved
from tgserve.services.scenes import Scenes
from tgserve.services.scheduling import Scheduling
from tgserve.services.search.finding import Search
from tgserve.services.sessions import Sessions
from tgserve.services.settings import Settings
from tgserve.services.signups import Signups
from tgserve.services.stickers.sets import StickerSets
from tgserve.services.stickers.shelves import Shelves
from tgserve.services.stickers.stock import Stock
from tgserve.services.top_peers import TopPeers
from tgserve.services.updates import Updates
from tgserve.services.upkeep import Upkeep
from tgserve.services.users import Users
from tgserve.services.views import Views
from tgserve.store.shards import Store


@dataclass(slots=True, kw_only=True)
class Services:
    """Every service of the daemon; handlers reach them as `call.services`."""

    store: Store
    clock: Clock
    ids: Ids
    access: AccessHashes
    config: Config
    bus: Bus
    updates: Updates
    messaging: Messaging
    editing: Editing
    deleting: Deleting
    reading: Reading
    reactions: Reactions
    polls: Polls
    history: History
    dialogs: Dialogs
    presence: Presence
    blocks: Blocks
    users: Users
    names: Names
    auth: Auth
    contacts: Contacts
    contact_tokens: ContactTokens
    photos: Photos
    privacy: Privacy
    settings: Settings
    views: Views
    search: Search
    groups: Groups
    invites: Invites
    passwords: Passwords
    recovery: Recovery
    login_tokens: LoginTokens
    accounts: Accounts
    operating: Operating
    overseeing: Overseeing
    signups: Signups
    bots: Bots
    upkeep: Upkeep
    pinning: Pinning
    alarms: Alarms
    scheduling: Scheduling
    expiry: Expiry
    chunks: Chunks
    files: Files
    previews: Previews
    scenes: Scenes
    sticker_sets: StickerSets
    shelves: Shelves
    stock: Stock
    channels: Channels
    folders: Folders
    saved: Saved
    top_peers: TopPeers
    chatlists: Chatlists
    nodes: Nodes
    homes: Homes
    visitors: Visitors
    carrying: Carrying
    providers: Providers
    push: Pushes
    port: int = 0
    """The port that is really listened on; clients are told of it when the operator names no other."""


def build(
    store: Store,
    clock: Clock,
    ids: Ids,
    config: Config,
    sms: SmsDesk,
    *,
    secret: bytes,
    mail: MailDesk | None = None,
    chunks: Chunks | None = None,
    imaging: Imaging | None = None,
    charter: Charter | None = None,
) -> Services:
    """Wire the services together. `secret` is the deployment's 32 random bytes (keys/secret.key); without `mail` the
    operator hands codes over; without `chunks` files are kept in memory; without `imaging` it is made here. `charter`:
    what this node holds in common with others.

    Must run before store.start(): outbox handlers are registered here. `store` hands its commits to `bus.publish`.
    """
    bus = Bus()
    store.subscribe(bus.publish)
    access = AccessHashes(secret)
    users = Users(store, clock)
    keys = Keys(store, clock)
    views = Views(access)
    rosters = Rosters(store)
    register = Register(store, clock)
    privacy = Privacy(store, clock, users, rosters, views, register)
    directory = Directory(store)
    # Caches hear of a commit before anybody draws because of it: subscribers are served in this order.
    for cache in (users, keys, privacy, views, directory, rosters, register):
        bus.subscribe(cache.after_commit, but_messages=True)
    bus.subscribe(delivery.resolve, but_messages=True)
    blocks = Blocks(store, bus)
    emails = LoginEmails(store, clock, ids, config, mail)
    tallies = Tallies(store, clock)
    codes = LoginCodes(store, clock, ids, config, tallies, sms, emails)
    signups = Signups(store, clock, ids, config, tallies, secret)
    passwords = Passwords(store, clock, ids, config, secret)
    recovery = Recovery(store, clock, ids, config, passwords, mail)
    auth = Auth(store, clock, ids, users, keys, codes, Sessions(store, clock), passwords, emails, signups)
    accounts = Accounts(store, clock, ids, auth)
    history = History(store)
    folders = Folders(store, clock)
    groups = Groups(store, clock, ids, rosters)
    names = Names(store, clock, users, register)
    channels = bundle.build(store, clock, ids, users, names, history, register, bus)
    bus.subscribe(channels.audience.after_commit, but_messages=True)
    bus.subscribe(seats.resolve, but_messages=True)
    bus.subscribe(migrating.resolve, but_messages=True)
    bus.subscribe(channels.counters.after_commit, but_messages=True)
    bus.subscribe(channels.tallies.after_commit, but_messages=True)
    bus.subscribe(channels.threads.after_commit, but_messages=True)
    bus.subscribe(channels.reading.after_commit, but_messages=True)
    bus.subscribe(channels.members.after_commit, but_messages=True)
    dialogs = Dialogs(store, clock, history, register, channels.reading)
    messaging = Messaging(store, clock, blocks, rosters)
    bots = Bots(store, clock, ids, users, names, auth)
    messaging.check_bot = bots.check_write
    messaging.takes_voice = lambda peer, me: privacy.allows(peer, "voice_messages", me)
    messaging.channels = channels.posting
    channels.posting.right_for = lambda media: messaging.right_for(media)
    editing = Editing(store, clock, rosters)
    editing.channels = channels.changing
    editing.right_for = channels.changing.right_for = channels.posting.right_for
    presence = Presence(store, clock, bus)
    alarms = Alarms(store, clock, presence)
    bus.subscribe(alarms.after_commit, but_messages=True)
    alarms.on(LIFT, channels.members.lift)
    polls = Polls(store, clock, bus, access, rosters, history, alarms, channels.reading, channels.audience)
    chunks = chunks or Chunks(store, clock, ids, secret, threaded=False)
    files = Files(store, clock, ids, access, chunks, secret, config.files, register, imaging=imaging)
    bus.subscribe(files.library.after_commit, but_messages=True)
    previews = Previews(store, clock, files)
    Looks(store, clock, alarms)
    contacts = Contacts(store, clock, users, auth, privacy, directory)
    photos = Photos(store, clock, users, contacts, privacy, blocks, rosters, register)
    push = push_bundle.build(
        store,
        clock,
        config,
        bus,
        secret,
        users=users,
        contacts=contacts,
        register=register,
        rosters=rosters,
        channels=channels,
        history=history,
        dialogs=dialogs,
        presence=presence,
        blocks=blocks,
    )
    nodes = Nodes(store, clock, ids, config, access, files.references, secret=secret, charter=charter)
    homes = Homes(store, clock, nodes, auth, names, privacy)
    visitors = Visitors(store, clock, nodes, homes, users, photos, privacy)
    carrying = Carrying(store, clock, nodes, visitors, blocks, bus)
    auth.homes, names.homes = homes, homes
    contacts.elsewhere = visitors.called
    auth.tickets = Tickets(clock, ids, nodes)
    messaging.far = files.far = privacy.far = nodes.far
    services = Services(
        store=store,
        clock=clock,
        ids=ids,
        access=access,
        config=config,
        bus=bus,
        updates=Updates(store, clock, bus, dialogs),
        messaging=messaging,
        editing=editing,
        deleting=Deleting(store, clock, rosters),
        reading=Reading(store, clock),
        reactions=Reactions(store, clock, rosters, messaging, history, channels),
        polls=polls,
        history=history,
        dialogs=dialogs,
        presence=presence,
        blocks=blocks,
        users=users,
        names=names,
        auth=auth,
        contacts=contacts,
        photos=photos,
        contact_tokens=ContactTokens(clock, secret),
        privacy=privacy,
        settings=Settings(store, clock),
        views=views,
        search=Search(store, clock, bus, history, config.search_dir, register, channels.reading),
        pinning=Pinning(store, clock, history, rosters),
        channels=channels,
        folders=folders,
        saved=Saved(store, clock),
        top_peers=TopPeers(store, clock),
        chatlists=Chatlists(store, clock, ids, folders, groups, channels),
        providers=Providers(store, clock),
        push=push,
        alarms=alarms,
        scheduling=Scheduling(store, clock, messaging, alarms, channels.posting),
        expiry=Expiry(store, clock, alarms),
        chunks=chunks,
        files=files,
        previews=previews,
        scenes=Scenes(store, clock, ids),
        sticker_sets=StickerSets(store, clock, ids),
        shelves=Shelves(store, clock),
        stock=Stock(store, files),
        groups=groups,
        invites=Invites(store, clock, ids, groups),
        passwords=passwords,
        recovery=recovery,
        login_tokens=LoginTokens(clock, ids, bus, auth),
        accounts=accounts,
        bots=bots,
        overseeing=Overseeing(store, clock, register, channels.life),
        signups=signups,
        operating=Operating(store, clock, config, users, auth),
        nodes=nodes,
        homes=homes,
        visitors=visitors,
        carrying=carrying,
        upkeep=Upkeep(
            store,
            clock,
            auth.sessions,
            accounts,
            files,
            previews,
            account_days=config.limits.account_ttl_days,
        ),
    )
    services.upkeep.far = nodes.far
    for listener in (nodes, visitors, carrying):
        bus.subscribe(listener.after_commit, but_messages=True)
    bus.subscribe_ephemeral(carrying.tell)
    if charter is not None:
        carrying.wrap()
    return services
