"""The directory of a server of several nodes: whose is a phone number, whose a username.

It is the keeper's own PHONES and NAMES: claims there may belong to accounts of other nodes, whose ids say which. A node
that gives an account a number or name asks the keeper for it between its own claim and the account's record; the
confirmation follows by the queue. When the keeper is away nobody signs up at another node, and everybody signs in.
"""

from __future__ import annotations

from typing import Final

from tgserve import errors, limits
from tgserve.clock import Clock
from tgserve.services.auth import Auth
from tgserve.services.flood_tallies import Tallies
from tgserve.services.names import Names
from tgserve.services.nodes import words as w
from tgserve.services.nodes.nodes import NodeAway, Nodes
from tgserve.services.privacy import BY_PHONE, Privacy
from tgserve.store import records as r
from tgserve.store.keyspaces import NAMES, PHONES
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

AWAY_SECONDS: Final = 10
"""Who needs a node that is away is told to try again after so long."""
OCCUPIED: Final = "OCCUPIED"


class Homes:
    def __init__(
        self, store: Store, clock: Clock, nodes: Nodes, auth: Auth, names: Names, privacy: Privacy
    ) -> None:
        self._store = store
        self._clock = clock
        self._nodes = nodes
        self._auth = auth
        self._names = names
        self._privacy = privacy
        self._tallies = Tallies(store, clock)

    # -- for clients --------------------------------------------------------------------------------------------------

    async def check_phone(self, digits: str, ip: str) -> None:
        """Is this the node for who wants to sign in or up with a number? PHONE_MIGRATE_X, FLOOD_WAIT_n."""
        nodes = self._nodes
        if not nodes.active or self._auth.user_by_digits_or_none(digits):
            return
        if not nodes.config.dev:
            most = 3 * nodes.config.limits.codes_per_address_per_hour
            wait = await self._tallies.count(f"home_ip:{ip}", most, limits.HOUR)
            if wait:
                raise errors.FLOOD_WAIT(wait)
        home = self.home_of_phone(digits) if nodes.keeps else await self._ask(w.Whose(digits))
        home = home or nodes.home_for(digits)
        if home != nodes.own_dc:
            raise errors.PHONE_MIGRATE(home)

    async def _ask(self, what: w.Question) -> int:
        try:
            value = await self._nodes.ask(self._nodes.keeper, what)
        except NodeAway:
            raise errors.FLOOD_WAIT(AWAY_SECONDS) from None
        return value if isinstance(value, int) else 0

    async def take_phone(self, digits: str, user_id: int) -> None:
        """PHONE_NUMBER_OCCUPIED, FLOOD_WAIT_n; nothing to do for the keeper, whose own claim it is."""
        if not self._nodes.keeps:
            await self._take(w.Take("phone", digits, user_id), errors.PHONE_NUMBER_OCCUPIED)

    async def take_name(self, lower: str, peer: int) -> None:
        """USERNAME_OCCUPIED, FLOOD_WAIT_n."""
        if not self._nodes.keeps:
            await self._take(w.Take("name", lower, peer), errors.USERNAME_OCCUPIED)

    async def _take(self, what: w.Take, refusal: errors.ErrorKind) -> None:
        try:
            answer = await self._nodes.ask(self._nodes.keeper, what)
        except NodeAway:
            raise errors.FLOOD_WAIT(AWAY_SECONDS) from None
        if answer != "":
            raise refusal()

    async def peer_named(self, name: str) -> int:
        """The user of another node with this username, 0 for none or while the keeper is away."""
        nodes = self._nodes
        if not nodes.active or nodes.keeps:
            return 0
        try:
            found = await nodes.ask(nodes.keeper, w.Named(name.removeprefix("@").lower()))
        except NodeAway:
            return 0
        return found if isinstance(found, int) and nodes.far(found) else 0

    async def user_called(self, digits: str) -> int:
        """The user of another node with this number, who lets strangers find him by it; 0 for none."""
        nodes = self._nodes
        if not nodes.active:
            return 0
        try:
            home = (
                self.home_of_phone(digits) if nodes.keeps else await nodes.ask(nodes.keeper, w.Whose(digits))
            )
            found = await nodes.ask(home, w.Called(digits)) if home and home != nodes.own_dc else 0
        except NodeAway:
            return 0
        return found if isinstance(found, int) and nodes.far(found) else 0

    def of_bot(self, token: str) -> int:
        """DC of the bot that a token names, when that is another one; 0 = it is this node's to judge."""
        number = token.partition(":")[0]
        bot = int(number) if number.isascii() and number.isdigit() and len(number) < 15 else 0
        return self._nodes.home(bot) if self._nodes.active and self._nodes.far(bot) else 0

    async def name_taken(self, name: str) -> bool:
        """Has somebody of another node this username? For who asks before he takes it; False while nobody can say."""
        if not self._nodes.active or self._nodes.keeps:
            return False
        try:
            found = await self._nodes.ask(self._nodes.keeper, w.Named(name.lower()))
        except NodeAway:
            return False
        return bool(found)

    # -- for other nodes ----------------------------------------------------------------------------------------------

    def home_of_phone(self, digits: str) -> int:
        """Where the account of a number is; 0 when there is none. The keeper's to say."""
        with self._store.read(slot_of(digits)) as reader:
            claim = reader.get(PHONES, digits)
        if claim is None:
            return 0
        home = self._nodes.home(claim.user_id)
        if home == self._nodes.own_dc and not claim.banned:
            return home if self._auth.user_by_digits_or_none(digits) else 0
        return home

    def named(self, name: str) -> int:
        return self._names.peer_or_none(name) or 0

    def called(self, digits: str) -> int:
        """One's own user of this number, if everybody may find him by it."""
        user_id = self._auth.user_by_digits_or_none(digits) or 0
        return user_id if user_id and self._privacy.open_to_all(user_id, BY_PHONE) else 0

    async def give(self, dc: int, what: w.Take) -> str:
        """A node wants a number or name for an account of its own: "" or OCCUPIED."""
        home = self._nodes.charter.home if self._nodes.charter is not None else None
        owner = what.peer if what.peer > 0 else -what.peer - r.CHANNEL_BASE
        if home is None or home(owner) != dc or not self._nodes.keeps:
            return OCCUPIED
        # Dated ahead: such a claim is not taken over while its confirmation may be on its way.
        now, ahead = int(self._clock.now()), int(self._clock.now()) + limits.DAY
        if what.kind == "phone":
            taken = self._auth.user_by_digits_or_none(what.text) is not None

            def phone(txn: Txn) -> str:
                claim = txn.get(PHONES, what.text)
                if claim is not None and claim.user_id != what.peer:
                    theirs = home(claim.user_id) == dc and not claim.confirmed
                    stale = not claim.confirmed and now - claim.claimed > limits.MINUTE and not taken
                    if claim.banned or not (theirs or stale):
                        return OCCUPIED
                if claim is None or claim.user_id != what.peer:
                    txn.put(PHONES, what.text, value=r.PhoneClaim(what.peer, ahead))
                return ""

            return await self._store.transact(slot_of(what.text), phone)
        free = self._names.free(what.text)

        def name(txn: Txn) -> str:
            claim = txn.get(NAMES, what.text)
            if claim is not None and claim.peer != what.peer and not free:
                return OCCUPIED
            if claim is None or claim.peer != what.peer:
                txn.put(NAMES, what.text, value=r.NameClaim(what.peer, ahead, name=what.text))
            return ""

        return await self._store.transact(slot_of(what.text), name)
