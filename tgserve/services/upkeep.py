"""What ends by itself: idle sessions, accounts whose owner wished it, rows of deleted accounts, files nobody came back
for. One slot of the store
is looked at each turn, so that all of it costs next to nothing at any moment.
"""

from __future__ import annotations

from collections.abc import Callable

from tgserve import limits
from tgserve.clock import Clock
from tgserve.services.accounts import Accounts
from tgserve.services.files.files import Files
from tgserve.services.previews import Previews
from tgserve.services.repeats import Repeats
from tgserve.services.sessions import Sessions
from tgserve.services.users import RESERVED_IDS
from tgserve.store import records as r
from tgserve.store.keyspaces import LEAVING, USER_AUTHS, USER_SETTINGS, USERS
from tgserve.store.shards import Store
from tgserve.store.slots import SLOTS
from tgserve.store.transaction import Reader

SESSION_TTL = "authorization_ttl_days"
"""Name of the setting: account.setAuthorizationTTL."""
SESSION_TTL_DAYS = 180
"""When nothing was set; Telegram's."""
ACCOUNT_TTL = "account_ttl_days"
"""Name of the setting: account.setAccountTTL; limits.account_ttl_days of the settings file where none is set."""
TURN_SECONDS = 5
"""Between two slots: all are seen in an hour and a half."""


class Upkeep:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        sessions: Sessions,
        accounts: Accounts,
        files: Files,
        previews: Previews,
        *,
        account_days: int,
    ) -> None:
        """`account_days`: after how many days an unused account is deleted whose owner has set none; 0 = never."""
        self._account_days = account_days
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._accounts = accounts
        self._files = files
        self._previews = previews
        self.repeats = Repeats(store, clock)
        self._slot = 0
        self.in_use: Callable[[int], bool] = lambda auth_key_id: False
        """Whether a client of this key is connected now; such a session is not idle, however old its mark is."""
        self.far: Callable[[int], bool] = lambda user_id: False
        """Is this the copy of somebody homed at another node, who is looked after there?"""

    async def turn(self) -> None:
        """Look at the next slot, and at accounts that were just deleted."""
        slot, self._slot = self._slot, (self._slot + 1) % SLOTS
        await self.look(slot)
        for user_id in list(self._accounts.leaving):
            await self._accounts.wipe(user_id)

    async def look(self, slot: int) -> None:
        """Do what is due in one slot."""
        now = int(self._clock.now())
        with self._store.read(slot) as reader:
            leaving = [user_id for (user_id,), _ in reader.range(LEAVING)]
            users = [user for _, user in reader.range(USERS) if not user.deleted]
            idle = [found for user in users for found in self._idle(reader, user, now)]
            away = [user.id for user in users if self._away(reader, user, now)]
        for user_id, session_hash in idle:
            await self._sessions.end_by_operator(user_id, session_hash)
        for user_id in away:
            await self._accounts.delete(user_id)
        for user_id in dict.fromkeys((*leaving, *away)):
            await self._accounts.wipe(user_id)
        await self._files.sweep(slot)
        await self._previews.sweep(slot)
        await self.repeats.sweep(slot)

    def _idle(self, reader: Reader, user: r.User, now: int) -> list[tuple[int, int]]:
        days = _days(reader, user.id, SESSION_TTL) or SESSION_TTL_DAYS
        return [
            (user.id, session_hash)
            for (*_, session_hash), line in reader.range(USER_AUTHS, user.id)
            if now - max(line.active, line.created) >= days * limits.DAY and not self._used(line)
        ]

    def _away(self, reader: Reader, user: r.User, now: int) -> bool:
        if user.bot or user.support or user.id <= RESERVED_IDS or self.far(user.id):
            return False
        days = _days(reader, user.id, ACCOUNT_TTL) or self._account_days
        if not days or now - max(user.created, user.last_online) < days * limits.DAY:
            return False
        lines = [line for _, line in reader.range(USER_AUTHS, user.id)]
        return all(now - line.active >= days * limits.DAY and not self._used(line) for line in lines)

    def _used(self, line: r.UserAuth) -> bool:
        return any(self.in_use(key) for key in (line.auth_key_id, *line.joined))


def _days(reader: Reader, user_id: int, name: str) -> int:
    stored = reader.get(USER_SETTINGS, user_id, name)
    return int(stored) if stored else 0
