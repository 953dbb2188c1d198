"""Auth keys: kept sealed in the key's own slot, known to the gateway through KeyInfo objects that never go stale.

Rules: an existing key is never overwritten (SECURITY 1.11); there is at most one KeyInfo of a key in the process, so
whoever holds it sees sign-in and sign-out the moment their commit is durable; temporary keys live in memory until they
are bound, then also in the store until they expire (SECURITY 1.16), so that a restart costs no new key exchange.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from sys import intern
from typing import Any, Protocol
from weakref import WeakValueDictionary

from msgspec.structs import replace

from tgserve import errors
from tgserve.clock import Clock
from tgserve.store import payloads as pl
from tgserve.store import records as r
from tgserve.store.commit import Commit
from tgserve.store.keyspaces import AUTHS, TEMP_BINDINGS
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

KEYS_CACHED = 100_000
"""KeyInfo objects kept although nobody holds them: about 1 KiB each."""
TEMPORARY_PER_KEY = 32
"""Bound temporary keys remembered per permanent key; the oldest goes first."""
TOUCH_SECONDS = 600
"""How stale `active` of a session may be: one small write per key in this time."""
U64 = (1 << 64) - 1


class DeviceLike(Protocol):
    """What initConnection told, as rpc.context.Device has it."""

    @property
    def api_id(self) -> int: ...
    @property
    def device_model(self) -> str: ...
    @property
    def system_version(self) -> str: ...
    @property
    def app_version(self) -> str: ...
    @property
    def lang_pack(self) -> str: ...
    @property
    def lang_code(self) -> str: ...


@dataclass(slots=True, eq=False, weakref_slot=True)
class KeyInfo:
    """A key as the gateway needs it. For a temporary key `permanent` is the key it is bound to, None until then."""

    auth_key_id: int
    raw: bytes
    record: r.Auth
    """As `kept` makes it."""
    expires: int = 0
    """Unix seconds for a temporary key, 0 for a permanent one."""
    permanent: KeyInfo | None = None

    @property
    def temporary(self) -> bool:
        return self.expires != 0

    @property
    def bound(self) -> bool:
        return self.expires == 0 or self.permanent is not None

    @property
    def owner(self) -> KeyInfo:
        """The permanent key; itself while a temporary one is not bound."""
        return self.permanent or self

    @property
    def user_id(self) -> int:
        """Who is signed in, 0 for nobody."""
        return self.owner.record.user_id

    @property
    def hash(self) -> int:
        """The session's name in the user's session list, 0 when nobody is signed in."""
        return self.owner.record.hash

    @property
    def layer(self) -> int:
        return self.owner.record.layer

    @property
    def created(self) -> int:
        return self.record.created


@dataclass(slots=True, frozen=True)
class KeyChanged:
    """Published with every commit that wrote a permanent key's row."""

    auth_key_id: int
    record: r.Auth


@dataclass(slots=True, frozen=True)
class SignedInKey:
    """Published: `user_id` is signed in on the key from now on (0: nobody, and its connections go on)."""

    auth_key_id: int
    user_id: int


@dataclass(slots=True, frozen=True)
class SessionEnded:
    """Published: nobody is signed in on the key any more; its live connections must be cut. `own` when the key's own
    client asked for it (auth.logOut): its answer goes out first."""

    auth_key_id: int
    user_id: int
    own: bool = False


def kept(record: r.Auth) -> r.Auth:
    """A record as it is held in memory, one for every idle client: without the sealed key, and with the words that
    thousands of clients say alike held once."""
    return replace(
        record,
        key=b"",
        device_model=intern(record.device_model),
        system_version=intern(record.system_version),
        app_version=intern(record.app_version),
        lang_code=intern(record.lang_code),
        lang_pack=intern(record.lang_pack),
        ip=intern(record.ip),
    )


def put_auth(txn: Txn, auth_key_id: int, record: r.Auth) -> None:
    """The only way a key's row is written: whoever knows the key is told after the commit."""
    txn.put(AUTHS, auth_key_id, value=record)
    txn.publish(KeyChanged(auth_key_id, record))


class Keys:
    """The keys of this deployment. All methods are for the loop's thread."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: WeakValueDictionary[int, KeyInfo] = WeakValueDictionary()
        self._recent: OrderedDict[int, KeyInfo] = OrderedDict()
        self._unbound: dict[int, KeyInfo] = {}

    # -- looking up -------------------------------------------------------------------------------------------------

    def key_or_none(self, auth_key_id: int) -> KeyInfo | None:
        """The key of this id (unsigned), None when it is not known or was temporary and has expired."""
        known = self._known.get(auth_key_id)
        if known is None:
            known = self._load(auth_key_id)
            if known is None:
                return None
        if known.expires and known.expires <= self._clock.now():
            self._forget(auth_key_id)
            return None
        return known

    def _load(self, auth_key_id: int) -> KeyInfo | None:
        with self._store.read(slot_of(auth_key_id)) as reader:
            record = reader.get(AUTHS, auth_key_id)
            binding = reader.get(TEMP_BINDINGS, auth_key_id) if record is None else None
        if record is not None:
            return self._remember(
                KeyInfo(
                    auth_key_id,
                    self._store.vault.open(record.key, _context(auth_key_id)),
                    kept(record),
                )
            )
        if binding is None or binding.expires <= self._clock.now():
            return None
        permanent = self.key_or_none(binding.perm_auth_key_id)
        if permanent is None:
            return None
        raw = self._store.vault.open(binding.key, _context(auth_key_id))
        return self._remember(
            KeyInfo(
                auth_key_id, raw, r.Auth(key=b"", created=0), expires=binding.expires, permanent=permanent
            )
        )

    def _remember(self, info: KeyInfo) -> KeyInfo:
        self._known[info.auth_key_id] = info
        self._recent[info.auth_key_id] = info
        if len(self._recent) > KEYS_CACHED:
            self._recent.popitem(last=False)
        return info

    def forget(self, auth_key_id: int) -> None:
        """The key is gone from the store."""
        self._forget(auth_key_id)

    def _forget(self, auth_key_id: int) -> None:
        self._known.pop(auth_key_id, None)
        self._recent.pop(auth_key_id, None)
        self._unbound.pop(auth_key_id, None)

    def after_commit(self, batch: list[Any]) -> None:
        """Bus subscriber: what was committed becomes visible to every holder of the key."""
        for item in batch:
            if type(item) is KeyChanged:
                known = self._known.get(item.auth_key_id)
                if known is not None:
                    known.record = kept(item.record)

    # -- making -----------------------------------------------------------------------------------------------------

    async def add_key(self, auth_key_id: int, raw: bytes, expires_in: int = 0) -> bool:
        """Keep a new key; `expires_in` seconds for a temporary one. False: the id is taken, nothing was kept."""
        now = int(self._clock.now())
        if expires_in:
            return self._add_temporary(auth_key_id, raw, now, expires_in)
        if auth_key_id in self._unbound:
            return False
        record = r.Auth(key=self._store.vault.seal(raw, _context(auth_key_id)), created=now)

        def work(txn: Txn) -> bool:
            if txn.get(AUTHS, auth_key_id) is not None or txn.get(TEMP_BINDINGS, auth_key_id) is not None:
                return False
            txn.put(AUTHS, auth_key_id, value=record)
            return True

        added = await self._store.transact(slot_of(auth_key_id), work)
        if added:
            self._remember(KeyInfo(auth_key_id, raw, record))
        return added

    def _add_temporary(self, auth_key_id: int, raw: bytes, now: int, expires_in: int) -> bool:
        if self.key_or_none(auth_key_id) is not None:
            return False
        for expired in [key for key, info in self._unbound.items() if info.expires <= now]:
            self._forget(expired)
        info = KeyInfo(auth_key_id, raw, r.Auth(key=b"", created=now), expires=now + expires_in)
        self._unbound[auth_key_id] = info
        self._remember(info)
        return True

    async def bind(self, temporary: KeyInfo, permanent: KeyInfo) -> None:
        """Bind a temporary key for its remaining life. TEMP_AUTH_KEY_ALREADY_BOUND to another permanent key."""
        if temporary.permanent is not None:
            if temporary.permanent.auth_key_id != permanent.auth_key_id:
                raise errors.TEMP_AUTH_KEY_ALREADY_BOUND()
            return
        key_id, owner_id = temporary.auth_key_id, permanent.auth_key_id

        def note(txn: Txn) -> tuple[int, ...]:
            auth = txn.get(AUTHS, owner_id)
            if auth is None:
                raise errors.ENCRYPTED_MESSAGE_INVALID()
            ids = (*(known for known in auth.temporary if known != key_id), key_id)
            put_auth(txn, owner_id, replace(auth, temporary=ids[-TEMPORARY_PER_KEY:]))
            return ids[:-TEMPORARY_PER_KEY]

        # The permanent key lists its temporary ones first: a crash in between leaves a name too many, never one
        # temporary key that auth.dropTempAuthKeys could not find.
        too_old = await self._store.transact(slot_of(owner_id), note)
        binding = r.TempBinding(
            key=self._store.vault.seal(temporary.raw, _context(key_id)),
            perm_auth_key_id=owner_id,
            expires=temporary.expires,
        )
        await self._store.transact(slot_of(key_id), lambda txn: txn.put(TEMP_BINDINGS, key_id, value=binding))
        temporary.permanent = permanent
        self._unbound.pop(key_id, None)
        for old in too_old:
            await self._drop_binding(old)

    async def drop_temporary(self, permanent_id: int, keep: set[int]) -> None:
        """Unbind and forget all temporary keys of a permanent key but those in `keep` (unsigned ids)."""

        def work(txn: Txn) -> tuple[int, ...]:
            auth = txn.get(AUTHS, permanent_id)
            if auth is None:
                return ()
            kept = tuple(key for key in auth.temporary if key in keep)
            if kept != auth.temporary:
                put_auth(txn, permanent_id, replace(auth, temporary=kept))
            return tuple(key for key in auth.temporary if key not in keep)

        for key_id in await self._store.transact(slot_of(permanent_id), work):
            await self._drop_binding(key_id)

    async def _drop_binding(self, key_id: int) -> None:
        await self._store.transact(slot_of(key_id), lambda txn: txn.delete(TEMP_BINDINGS, key_id))
        self._forget(key_id)

    # -- what is known of the client --------------------------------------------------------------------------------

    def touch(self, info: KeyInfo, layer: int, device: DeviceLike, ip: str) -> Commit[None] | None:
        """Note what the client says of itself and that it lives. Writes only when something changed or `active` is
        older than TOUCH_SECONDS; the commit need not be waited for."""
        owner = info.owner
        now = int(self._clock.now())
        old = owner.record
        if owner.temporary:
            owner.record = replace(old, layer=layer)
            return None
        new = replace(
            old,
            layer=layer,
            api_id=device.api_id,
            device_model=device.device_model[:128],
            system_version=device.system_version[:128],
            app_version=device.app_version[:128],
            lang_pack=device.lang_pack[:32],
            lang_code=device.lang_code[:32],
            ip=ip,
        )
        if new == old and now - old.active < TOUCH_SECONDS:
            return None
        new = replace(new, active=now)
        owner.record = new  # at once: the next call of this client must not write again
        return self._store.transact(slot_of(owner.auth_key_id), self._touching(owner.auth_key_id, new))

    @staticmethod
    def _touching(auth_key_id: int, seen: r.Auth) -> Callable[[Txn], None]:
        def work(txn: Txn) -> None:
            auth = txn.get(AUTHS, auth_key_id)
            if auth is None:
                return
            new = replace(
                seen,
                key=auth.key,
                user_id=auth.user_id,
                signed_in=auth.signed_in,
                hash=auth.hash,
                revoked=auth.revoked,
                password_pending=auth.password_pending,
                pending_user=auth.pending_user,
                pending_since=auth.pending_since,
                temporary=auth.temporary,
            )
            put_auth(txn, auth_key_id, new)
            if auth.user_id:
                seen_line = pl.SessionSeen(
                    user_id=auth.user_id, hash=auth.hash, auth=listed(auth_key_id, new)
                )
                txn.outbox(slot_of(auth.user_id), seen_line)

        return work


APPS = {
    "android": ("Android", "Telegram Android"),
    "android_x": ("Android", "Telegram X"),
    "ios": ("iOS", "Telegram iOS"),
    "macos": ("macOS", "Telegram macOS"),
    "tdesktop": ("Desktop", "Telegram Desktop"),
    "weba": ("Web", "Telegram Web A"),
    "webk": ("Web", "Telegram Web K"),
}
"""Language pack -> (platform, app): what official clients are known by; others say nothing of themselves."""


def _context(auth_key_id: int) -> bytes:
    """What a sealed key is bound to: its own row."""
    return b"auth" + auth_key_id.to_bytes(8, "big")


def listed(auth_key_id: int, auth: r.Auth) -> r.UserAuth:
    """The line of the session list that shows this key."""
    platform, app_name = APPS.get(auth.lang_pack, ("", ""))
    return r.UserAuth(
        auth_key_id=auth_key_id,
        created=auth.signed_in,
        active=auth.active or auth.signed_in,
        api_id=auth.api_id,
        device_model=auth.device_model or "Unknown device",
        system_version=auth.system_version,
        platform=platform,
        app_name=app_name,
        app_version=auth.app_version,
        ip=auth.ip,
    )
