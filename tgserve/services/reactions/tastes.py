"""What a user likes to react with: kept among his settings, changed as he reacts."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from tgserve.services.reactions.stock import STOCK
from tgserve.store.keyspaces import USER_SETTINGS
from tgserve.store.reaction_records import Tastes
from tgserve.store.transaction import Reader, Txn

RECENT = 50
"""As many as clients show."""
_NAME = "reactions"
_NONE = Tastes()
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Tastes).decode


def tastes_of(reader: Reader, user: int) -> Tastes:
    stored = reader.get(USER_SETTINGS, user, _NAME)
    return _DECODE(stored) if stored else _NONE


def remember(txn: Txn, user: int, kinds: tuple[str, ...], recent: bool) -> None:
    """He has reacted with `kinds`; `recent`: they go to the head of his latest."""
    was = tastes_of(txn, user)
    uses = dict(was.uses)
    for kind in kinds:
        uses[kind] = uses.get(kind, 0) + 1
    most = sorted(uses.items(), key=lambda one: -one[1])[: 2 * RECENT]
    latest = was.recent
    if recent:
        latest = tuple(dict.fromkeys((*kinds, *was.recent)))[:RECENT]
    keep(txn, user, replace(was, recent=latest, uses=tuple(most)))


def keep(txn: Txn, user: int, tastes: Tastes) -> None:
    txn.put(USER_SETTINGS, user, _NAME, value=_ENCODE(tastes))


def top(tastes: Tastes, limit: int) -> list[str]:
    """What he has used most, then the stock in its order."""
    return list(dict.fromkeys((*(kind for kind, _ in tastes.uses), *(emoji for emoji, _ in STOCK))))[:limit]
