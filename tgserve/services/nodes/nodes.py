"""Which nodes there are, and how one comes in. docs/OPERATING.md says what the operator does, SECURITY.md what holds.

Joining: the keeper prints a token (`invite`); the new node, still without accounts, connects with it, proves its own
key by the line and its right by the secret (`admit`), and is given the charter, the RSA key and the list of nodes
(`enter`). A join that broke off is done again with the same token by the same node. Other nodes hear of the newcomer in
order, like of everything else, by their queues.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from msgspec.structs import replace

from tgserve import log
from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.ids import AccessHashes, Ids
from tgserve.services.files.references import References
from tgserve.services.nodes import words as w
from tgserve.services.nodes.charter import Charter, key_between, take_range
from tgserve.services.nodes.tokens import SECRET_BYTES, Token, name_of
from tgserve.services.users import RESERVED_IDS
from tgserve.store import node_records as n
from tgserve.store import payloads as pl
from tgserve.store.keyspaces import INVITATIONS, NODES, STREAMS, USERS
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS, slot_of
from tgserve.store.transaction import Txn

SLOT = slot_of(n.NODES_SLOT)
MOST_NODES = 5
"""Web clients know the numbers 1 to 5 alone."""

_log = log.get("nodes")


class NodeAway(Exception):
    """The node that should answer is not connected, or does not answer in time."""


class JoinRefused(Exception):
    """A node cannot join; the text says why and what to do."""


class Line(Protocol):
    """A connection to another node that both have said Hello on (server/peering.py)."""

    dc: int
    since: float
    lag: float
    """Seconds there and back, of the last ping; -1 before the first."""

    async def ask(self, what: w.Question) -> Any: ...

    def say(self, word: w.Word) -> None: ...

    def wake(self) -> None:
        """There is more in its queue."""

    def part(self) -> None:
        """End it."""


class Nodes:
    """`charter` is None as long as there is one node and no token was ever printed."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        config: Config,
        access: AccessHashes,
        references: References,
        *,
        secret: bytes,
        charter: Charter | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._access = access
        self._references = references
        self._secret = secret
        self.config = config
        self.own_dc = config.dc_id
        self.charter: Charter | None = None
        self.rows: dict[int, n.Node] = {}
        self.lines: dict[int, Line] = {}
        self.faults: dict[int, str] = {}
        """Why a node could not be reached at the last try."""
        self.active = False
        """There are other nodes."""
        self.queued_before: dict[int, int] = {}
        """DC -> the last number in its queue when this run began; taken out by the first Hello."""
        self.key = b""
        """Public key of this node; empty while no link is configured."""
        self.link = ""
        """host:port that other nodes are told."""
        self.address = ("", 0)
        """Host and port that clients are told."""
        self.keep: Callable[[Charter, str], None] = lambda charter, rsa: None
        """Write the charter, and where it is given the server's RSA key in PEM, to the data directory; use the key."""
        self.rsa: Callable[[], str] = lambda: ""
        self.chartered: Callable[[], None] = lambda: None
        """There is a charter now (carrying.py wraps what it carries)."""
        self.known: Callable[[n.Node], None] = lambda node: None
        """A node is new here or has changed: whoever keeps connections looks at it."""
        self.join: Callable[[Token], Awaitable[n.Node]] = self._no_line
        """Become a node of the server that printed the token: the line does it. The keeper's row; JoinRefused."""
        self.numbered: Callable[[list[int]], None] = lambda numbers: None
        """Told the DC numbers of the others."""
        self.queue: Callable[[Txn, int, Any], None] = lambda txn, dc, payload: None
        if charter is not None:
            self._adopt(charter)

    def _adopt(self, charter: Charter) -> None:
        self.charter = charter
        take_range(self._ids, charter, self.own_dc)
        self._access.shared_key = key_between(charter, self.own_dc)
        self._references.key = charter.references

    def load(self) -> None:
        """After the store has started. JoinRefused when dc_id is not what the nodes know this one by."""
        with self._store.read(SLOT) as reader:
            self.rows = {node.dc: node for _, node in reader.range(NODES)}
        own = [node.dc for node in self.rows.values() if node.own]
        if own and own != [self.own_dc]:
            raise JoinRefused(
                f"this node is known to the others as DC {own[0]}: set dc_id = {own[0]} in the settings again"
            )
        self.active = len(self.rows) > 1
        self.numbered([node.dc for node in self.others()])
        self.queued_before = {node.dc: self.stream(node.dc).queued for node in self.others()}

    # -- whose is it? -------------------------------------------------------------------------------------------------

    def home(self, user_id: int) -> int:
        """DC of a user."""
        if self.charter is None or user_id <= RESERVED_IDS:
            return self.own_dc
        return self.charter.home(user_id)

    def far(self, user_id: int) -> bool:
        """Is this a user of another node?"""
        return self.charter is not None and self.home(user_id) != self.own_dc

    def elsewhere(self, user_id: int) -> int:
        """DC of a user of another node, 0 for one's own."""
        home = self.home(user_id)
        return home if home != self.own_dc else 0

    def home_of_media(self, media_id: int) -> int:
        return self.own_dc if self.charter is None else self.charter.home_of_media(media_id)

    @property
    def keeps(self) -> bool:
        """Is the directory here?"""
        return self.charter is None or self.charter.keeper == self.own_dc

    @property
    def keeper(self) -> int:
        return self.own_dc if self.charter is None else self.charter.keeper

    def place_of(self, number: int) -> n.Node | None:
        """Where a client finds the DC of this number, when that is not simply here: numbers that no node has lead to
        the keeper, at every node alike."""
        if not self.active:
            return None
        found = self.rows.get(number) or self.rows.get(self.keeper)
        return None if found is None or found.own else found

    def others(self) -> list[n.Node]:
        return [node for _, node in sorted(self.rows.items()) if not node.own]

    async def ask(self, dc: int, what: w.Question) -> Any:
        """NodeAway."""
        line = self.lines.get(dc)
        if line is None:
            raise NodeAway(f"node {dc} is not connected")
        return await line.ask(what)

    # -- tokens -------------------------------------------------------------------------------------------------------

    async def _no_line(self, token: Token) -> n.Node:
        self._require_link()
        raise JoinRefused("the line to other nodes is not open")

    async def invite(self, seconds: int) -> Token:
        """A token for one new node. JoinRefused."""
        self._require_link()
        if not self.keeps:
            raise JoinRefused(f"DC {self.keeper} keeps the directory: run `tgserve node invite` there")
        if self.charter is None:
            charter = Charter.make(self.own_dc, self._secret, self._references.key)
            self.keep(charter, "")
            self._adopt(charter)
            self.chartered()
        own = self.own_row()
        now = int(self._clock.now())
        secret = self._ids.random_bytes(SECRET_BYTES)
        row = n.Invitation(now + seconds)

        def work(txn: Txn) -> None:
            for (name,), old in list(txn.range(INVITATIONS)):
                if old.expires < now:
                    txn.delete(INVITATIONS, name)
            if txn.get(NODES, own.dc) is None:
                txn.put(NODES, own.dc, value=own)
            txn.put(INVITATIONS, name_of(secret), value=row)

        await self._store.transact(SLOT, work)
        self.rows.setdefault(own.dc, own)
        return Token(own.link, self.key, secret, own.dc, row.expires)

    def _require_link(self) -> None:
        if not self.link:
            raise JoinRefused(
                'other nodes have no way in: set link = "HOST:PORT" under [node] in tgserve.toml and restart'
            )
        if not self.address[0]:
            raise JoinRefused("clients must be told an address: set public_host in tgserve.toml and restart")

    def own_row(self) -> n.Node:
        """This node as it is now, with what the settings say of it."""
        stored = self.rows.get(self.own_dc)
        host, port = self.address
        return n.Node(
            self.own_dc,
            self.key,
            self.link,
            host,
            port,
            self.config.name,
            stored.state if stored is not None else n.ACTIVE,
            stored.joined if stored is not None else int(self._clock.now()),
            keeper=self.keeps,
            own=True,
        )

    # -- the keeper's side of a join ----------------------------------------------------------------------------------

    async def admit(self, join: w.Join, key: bytes) -> w.Welcome | w.Refused:
        """Somebody whose key is `key` comes with a token."""
        now = int(self._clock.now())
        name = name_of(join.secret)
        node = replace(join.node, key=key, own=False, keeper=False, dials=False, joined=now, state=n.ACTIVE)
        charter = self.charter
        if charter is None or not self.keeps:
            return w.Refused("this node keeps no directory")

        def work(txn: Txn) -> str:
            row = txn.get(INVITATIONS, name)
            if row is None:
                return "the token is not known here: it was not printed by this node, or long ago"
            if row.used_by and not hmac.compare_digest(row.used_by, key):
                return "the token was used by another node: print a new one with `tgserve node invite`"
            if not row.used_by and row.expires < now:
                return "the token has expired: print a new one with `tgserve node invite`"
            taken = txn.get(NODES, node.dc)
            if taken is not None and taken.key != key:
                return f"DC {node.dc} is taken{_free(txn)}"
            for (dc,), other in txn.range(NODES):
                if other.key == key and dc != node.dc:
                    return f"this node has joined already, as DC {dc}: set dc_id = {dc} in its tgserve.toml"
            if not 1 <= node.dc <= MOST_NODES:
                return f"dc_id: {node.dc} is not 1..{MOST_NODES}"
            txn.put(INVITATIONS, name, value=replace(row, used_by=key))
            if taken is None:
                txn.put(NODES, node.dc, value=node)
                for (dc,), other in txn.range(NODES):
                    if not other.own and dc != node.dc:
                        self.queue(txn, dc, pl.NodeKnown(node))
            return ""

        refused = await self._store.transact(SLOT, work)
        if refused:
            _log.warning("node.refused", dc=node.dc, why=refused)
            return w.Refused(refused)
        self._remember(node)
        _log.info("node.joined", dc=node.dc, link=node.link)
        rows = tuple(replace(one, own=False) for one in self.rows.values() if one.dc != node.dc)
        return w.Welcome(rows, charter.encode(), self.rsa())

    # -- the newcomer's side ------------------------------------------------------------------------------------------

    def check_new(self, token: Token) -> w.Join:
        """May this node join with it? JoinRefused."""
        self._require_link()
        if token.key == self.key:
            raise JoinRefused("this is a token of this very node: run `tgserve node add` on the new one")
        if token.expires < self._clock.now():
            raise JoinRefused("the token has expired: print a new one with `tgserve node invite`")
        if self.active:
            raise JoinRefused(
                f"this node belongs to others already ({', '.join(map(str, sorted(self.rows)))})"
            )
        if self.charter is not None and self.keeps:
            raise JoinRefused(
                "this node has printed tokens itself: others join it. Begin with an empty data directory to join them"
            )
        if token.dc == self.own_dc:
            raise JoinRefused(
                f"DC {token.dc} is taken by the node that made the token: set another dc_id (1 to {MOST_NODES}) in "
                "this node's tgserve.toml and restart it"
            )
        if self._inhabited():
            raise JoinRefused(
                "this node has accounts of its own, whose ids could clash: a node joins before the first sign-up"
            )
        return w.Join(token.secret, self.own_row())

    def _inhabited(self) -> bool:
        for slot in range(SLOTS):
            with self._store.read(slot) as reader:
                for _ in reader.range(USERS, limit=1):
                    return True
        return False

    async def enter(self, token: Token, welcome: w.Welcome) -> n.Node:
        """What the keeper has given is kept: files first, rows after them, so that a join cut between is done again.
        The keeper's row."""
        try:
            charter = Charter.decode(welcome.charter)
        except ValueError:
            raise JoinRefused(
                "what the other node sent makes no sense: are both of the same version?"
            ) from None
        rows = {node.dc: replace(node, dials=True, own=False) for node in welcome.nodes}
        keeper = rows.get(charter.keeper)
        if keeper is None or keeper.key != token.key or self.own_dc in rows:
            raise JoinRefused("what the other node sent makes no sense: are both of the same version?")
        rows[keeper.dc] = keeper = replace(keeper, link=token.link)
        self.keep(charter, welcome.rsa)
        self._adopt(charter)
        self.chartered()
        rows[self.own_dc] = self.own_row()

        def work(txn: Txn) -> None:
            for dc, node in rows.items():
                txn.put(NODES, dc, value=node)

        await self._store.transact(SLOT, work)
        for node in rows.values():
            self._remember(node)
        return keeper

    # -- changes ------------------------------------------------------------------------------------------------------

    def _remember(self, node: n.Node) -> None:
        self.rows[node.dc] = node
        self.active = len(self.rows) > 1
        self.numbered([one.dc for one in self.others()])
        self.known(node)

    def put_known(self, txn: Txn, node: n.Node) -> None:
        """The keeper tells of a newcomer, which connects to us by itself."""
        if node.dc != self.own_dc and txn.get(NODES, node.dc) is None:
            txn.put(NODES, node.dc, value=replace(node, own=False, keeper=False, dials=False))
            txn.publish(NodeChanged(node.dc))

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber."""
        for item in batch:
            if type(item) is NodeChanged:
                with self._store.read(SLOT) as reader:
                    node = reader.get(NODES, item.dc)
                if node is not None:
                    self._remember(node)

    async def greeted(self, dc: int, said: n.Node) -> None:
        """A node says Hello, and how it is now: addresses and state follow it."""
        stored = self.rows.get(dc)
        if stored is None or said.dc != dc:
            return
        now = replace(
            stored, link=said.link, host=said.host, port=said.port, name=said.name, state=said.state
        )
        if now != stored:
            await self._store.transact(SLOT, lambda txn: txn.put(NODES, dc, value=now))
            self._remember(now)

    async def set_state(self, state: int) -> n.Node:
        """Of this node: the others are told."""
        own = replace(self.own_row(), state=state)
        await self._store.transact(SLOT, lambda txn: txn.put(NODES, own.dc, value=own))
        self.rows[own.dc] = own
        for line in list(self.lines.values()):
            line.say(self.hello(line.dc))
        return own

    def stream(self, dc: int) -> n.Stream:
        with self._store.read(SLOT) as reader:
            return reader.get(STREAMS, dc) or n.Stream()

    def hello(self, dc: int) -> w.Hello:
        return w.Hello(replace(self.own_row(), own=False), self.stream(dc).applied)

    def node_of_key(self, key: bytes) -> n.Node | None:
        return next((node for node in self.rows.values() if node.key == key and not node.own), None)

    # -- new accounts -------------------------------------------------------------------------------------------------

    def home_for(self, digits: str) -> int:
        """DC where a new account with this number is made: here, or by the number's hash over the nodes that can be
        reached and take accounts."""
        own = self.rows.get(self.own_dc)
        open_here = own is None or own.state == n.ACTIVE
        if open_here and self.config.node.new_accounts == "here":
            return self.own_dc
        free = [
            node.dc
            for node in self.rows.values()
            if node.state == n.ACTIVE and (node.own or node.dc in self.lines)
        ]
        return max(
            free, key=lambda dc: hashlib.blake2b(f"{dc}:{digits}".encode()).digest(), default=self.own_dc
        )


class NodeChanged:
    """Published when a node's row came in by another's word."""

    __slots__ = ("dc",)

    def __init__(self, dc: int) -> None:
        self.dc = dc


def _free(txn: Txn) -> str:
    taken = {dc for (dc,), _ in txn.range(NODES)}
    free = [str(dc) for dc in range(1, MOST_NODES + 1) if dc not in taken]
    return (
        f": set dc_id to {' or '.join(free)} in tgserve.toml and restart" if free else ", as are all others"
    )
