"""Who may see, find and reach whom: rules as people set them, tried in order, the first that fits decides.

Defaults are Telegram's (CLIENTS A.22, C.4): phone number and birthday to contacts, everything else to everybody; in a
fresh community nobody could find anybody otherwise. "Contacts" means: those whom the owner has as contact.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from tgserve.clock import Clock
from tgserve.services.channels.register import Register
from tgserve.services.groups.roster import Roster, Rosters
from tgserve.services.users import Users
from tgserve.services.views import RedrawForAll, Views
from tgserve.store import eventlog
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.channel_records import MEMBER
from tgserve.store.keyspaces import CONTACTS, PRIVACY
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

STATUS: Final = "status_timestamp"
PHONE: Final = "phone_number"
BY_PHONE: Final = "added_by_phone"
FORWARDS: Final = "forwards"
PHOTO: Final = "profile_photo"
ABOUT: Final = "about"
BIRTHDAY: Final = "birthday"
KEYS: Final = (
    STATUS,
    PHONE,
    BY_PHONE,
    FORWARDS,
    PHOTO,
    ABOUT,
    BIRTHDAY,
    "chat_invite",
    "phone_call",
    "phone_p2p",
    "voice_messages",
    "star_gifts_auto_save",
    "no_paid_messages",
    "saved_music",
)
"""privacyKey... of the schema in snake case."""

Origin = tuple[int, int] | None
Rule = tuple[str, tuple[int, ...]]
"""(kind, ids): allow_all allow_contacts allow_close_friends allow_premium allow_bots allow_users
allow_chat_participants and disallow_... of the same."""
EVERYBODY: Final[tuple[Rule, ...]] = (("allow_all", ()),)
CONTACTS_ONLY: Final[tuple[Rule, ...]] = (("allow_contacts", ()), ("disallow_all", ()))
DEFAULTS: Final = {PHONE: CONTACTS_ONLY, BIRTHDAY: CONTACTS_ONLY}
NOBODY: Final[tuple[Rule, ...]] = (("disallow_all", ()),)
ELSEWHERE: Final = {PHONE: NOBODY, "chat_invite": NOBODY, "phone_call": NOBODY}
"""Of people homed at another node: a copy holds nothing that not everybody may see, and no group reaches them."""
_CHATS: Final = "chat_participants"
OWNERS_KEPT = 100_000


class Privacy:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        users: Users,
        rosters: Rosters,
        views: Views,
        register: Register,
    ) -> None:
        self._register = register
        self._store = store
        self._clock = clock
        self._users = users
        self._rosters = rosters
        self._views = views
        self._by_chat: set[int] = set()
        """Owners with a rule that names groups: they look different when somebody joins or leaves one."""
        self._rules: OrderedDict[int, dict[str, tuple[Rule, ...]]] = OrderedDict()

        self.far: Callable[[int], bool] = lambda user_id: False
        """Is this the copy of somebody homed at another node?"""

    def rules(self, owner: int, key: str) -> tuple[Rule, ...]:
        """The owner's rules for one of KEYS."""
        known = self._rules.get(owner)
        if known is None and self.far(owner):
            known = self._rules[owner] = ELSEWHERE
        if known is None:
            with self._store.read(slot_of(owner)) as reader:
                known = {name: row.rules for (*_, name), row in reader.range(PRIVACY, owner)}
            self._rules[owner] = known
            if any(kind.endswith(_CHATS) for rules in known.values() for kind, _ in rules):
                self._by_chat.add(owner)
            if len(self._rules) > OWNERS_KEPT:
                self._rules.popitem(last=False)
        return known.get(key) or DEFAULTS.get(key, EVERYBODY)

    def allows(self, owner: int, key: str, viewer: int, *, contact: bool | None = None) -> bool:
        """May `viewer` see this of `owner`? `contact`: whether the owner has the viewer as contact, when known."""
        if owner == viewer:
            return True
        for kind, ids in self.rules(owner, key):
            verdict = not kind.startswith("dis")
            match kind.removeprefix("dis").removeprefix("allow_"):
                case "all":
                    return verdict
                case "users":
                    if viewer in ids:
                        return verdict
                case "contacts":
                    if contact is None:
                        contact = self._has_contact(owner, viewer)
                    if contact:
                        return verdict
                case "close_friends":
                    if self._is_close(owner, viewer):
                        return verdict
                case "chat_participants":
                    if any(self._in_group(chat, viewer) for chat in ids):
                        return verdict
                case "bots":
                    user = self._users.get_or_none(viewer)
                    if user is not None and user.bot:
                        return verdict
        return False  # Premium is nobody

    def open_to_all(self, owner: int, key: str) -> bool:
        """Is there nobody who may not see this of `owner`?"""
        for kind, _ in self.rules(owner, key):
            if kind == "allow_all":
                return True
            if kind.startswith("dis"):
                return False
        return False

    def shows_status(self, owner: int, viewer: int, *, contact: bool | None = None) -> bool:
        """May `viewer` know when `owner` was last seen? Who hides his own from somebody does not see that one's."""
        return self.allows(owner, STATUS, viewer, contact=contact) and self.allows(viewer, STATUS, owner)

    def _in_group(self, chat_id: int, user: int) -> bool:
        roster = self._rosters.get_or_none(-chat_id)
        if roster is not None and roster.has(user):
            return True
        record = self._register.get_or_none(-CHANNEL_BASE - chat_id)
        if record is None or record.deleted or not record.megagroup:
            return False
        seat = self._register.participant(-CHANNEL_BASE - chat_id, user)
        return seat is not None and seat.state == MEMBER

    def _is_close(self, owner: int, other: int) -> bool:
        with self._store.read(slot_of(owner)) as reader:
            row = reader.get(CONTACTS, owner, other)
        return row is not None and row.close

    def _has_contact(self, owner: int, other: int) -> bool:
        with self._store.read(slot_of(owner)) as reader:
            return reader.get(CONTACTS, owner, other) is not None

    async def set_rules(self, owner: int, key: str, rules: tuple[Rule, ...], origin: Origin = None) -> None:
        """Store the owner's rules; every viewer sees the owner anew, the owner's other devices are told."""
        now = int(self._clock.now())

        def work(txn: Txn) -> None:
            txn.put(PRIVACY, owner, key, value=r.PrivacyRules(rules=rules))
            txn.publish(RedrawForAll(owner))
            eventlog.append(txn, owner, ev.PrivacyChanged(key), now=now, raises=0, origin=origin)

        await self._store.transact(slot_of(owner), work)

    async def allow_user(self, owner: int, key: str, viewer: int) -> None:
        """Let this one user see it whatever the other rules say."""
        rules = [(kind, tuple(i for i in ids if i != viewer)) for kind, ids in self.rules(owner, key)]
        allowed = next((ids for kind, ids in rules if kind == "allow_users"), ())
        rest = [
            rule
            for rule in rules
            if rule[0] != "allow_users" and not (rule[0].endswith("_users") and not rule[1])
        ]
        await self.set_rules(owner, key, (("allow_users", (*allowed, viewer)), *rest))

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber; must come before anything is drawn because of the commit."""
        for item in batch:
            if type(item) is RedrawForAll:
                self._rules.pop(item.user_id, None)
                self._by_chat.discard(item.user_id)
            elif type(item) is Roster:
                for owner in self._by_chat:
                    self._views.drop_user(owner)
