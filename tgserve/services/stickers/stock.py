"""Documents of the pictures that come with the server: made once for each store, in the background, found by name.

Names: `still:👍` (webp), `appear:👍` and the like for reactions, `around`, `alone:👍` for emoji sent by themselves,
`icon:🔥`, `status:🔥` and `badge:🔥` for custom emoji, `dice:🎲:3` for games. Sets made of them are not stored: they
are what the table of names says, with small ids. Who asks before all are made waits for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tgserve import log
from tgserve.services.files.files import Files
from tgserve.services.files.holding import hold
from tgserve.stock import catalogue, games, motions
from tgserve.store.keyspaces import STOCK
from tgserve.store.shards import Store
from tgserve.store.slots import slot_of
from tgserve.store.sticker_records import STOCK_SLOT, Sticker, StickerSet
from tgserve.store.transaction import Txn

WEBP: Final = "image/webp"
TGS: Final = "application/x-tgsticker"
WAIT_SECONDS: Final = 10
"""How long a caller waits for the pictures of a store that is being made."""
AT_ONCE: Final = 16
"""Documents made at the same time: they share commits."""
ICONS: Final = (
    *("\U0001f525", "\u26a1", "\U0001f389", "\U0001f3c6", "\U0001f4af", "\u2764", "\U0001f44d", "\U0001f440"),
    *("\U0001f60e", "\U0001f929", "\U0001f47b", "\U0001f47e", "\U0001f984", "\U0001f433", "\U0001f353"),
    *("\U0001f34c", "\U0001f37e", "\U0001f32d", "\U0001f383", "\U0001f384", "\U0001f5ff", "\U0001f48a"),
    *("\U0001f192", "\U0001f602"),
)
"""Custom emoji of the server: icons of topics, statuses, headings of the emoji picker."""
ANIMATED, CLICKED, DICE, CHANNEL_STATUSES, STATUSES, TOPICS, GENERIC, PREMIUM, TON = range(1, 10)
"""Ids of the sets that clients know by their role; those of the games come behind GAMES."""
GAMES: Final = 20
NAMES: Final = {
    ANIMATED: "AnimatedEmoji",
    CLICKED: "AnimatedEmojiAnimations",
    CHANNEL_STATUSES: "EmojiChannelDefaultStatuses",
    STATUSES: "EmojiDefaultStatuses",
    TOPICS: "EmojiDefaultTopicIcons",
    GENERIC: "EmojiGenericAnimations",
    PREMIUM: "PremiumGifts",
    TON: "TonGifts",
    **{GAMES + place: f"Dice{place + 1}" for place in range(len(games.GAMES))},
}
OF_ICONS: Final = {"icon": TOPICS, "status": STATUSES, "badge": CHANNEL_STATUSES}
"""Sets of ICONS by what their pictures are named. Each has documents of its own: in TDLib they belong to one set, and
it logs an ERROR when it reads another from its database."""

_log = log.get("stock")
_SLOT: Final = slot_of(STOCK_SLOT)


@dataclass(frozen=True, slots=True)
class Picture:
    """One to be made. `side`: its pixels; `set_id`: the set it belongs to, 0 = none; `custom`: it is a custom emoji."""

    name: str
    emoji: str
    mime: str
    side: int
    set_id: int
    custom: bool
    draw: Callable[[], bytes]


Attributes = Callable[[Picture], tuple[bytes, int]]
"""TL Vector<DocumentAttribute> of a picture, and the layer it is of."""


def pictures() -> Iterator[Picture]:
    """All of them, in the order of the names."""

    def moving(kind: str, emoji: str) -> Callable[[], bytes]:
        return lambda: motions.reaction(kind, catalogue.DRAWINGS[emoji])

    for emoji in catalogue.DRAWINGS:
        yield Picture(
            f"still:{emoji}",
            emoji,
            WEBP,
            catalogue.STILL_SIZE,
            0,
            False,
            lambda emoji=emoji: catalogue.still(emoji),  # type: ignore[misc]
        )
        for kind in motions.KINDS:
            if kind != "around":
                yield Picture(f"{kind}:{emoji}", emoji, TGS, 512, 0, False, moving(kind, emoji))
        yield Picture(f"alone:{emoji}", emoji, TGS, 512, ANIMATED, False, _alone(emoji))
    yield Picture("around", "\U0001f389", TGS, 512, 0, False, moving("around", "\U0001f389"))
    for emoji in ICONS:
        for kind, number in OF_ICONS.items():
            yield Picture(f"{kind}:{emoji}", emoji, TGS, 512, number, True, _alone(emoji))
    for place, game in enumerate(games.GAMES):
        for value, data in enumerate(games.films(game)):
            key = games.KEYCAPS[value] if value < len(games.KEYCAPS) else game
            yield Picture(
                f"dice:{game}:{value}",
                game if game == games.SLOTS else key,
                TGS,
                512,
                GAMES + place,
                False,
                lambda data=data: data,  # type: ignore[misc]
            )


def _alone(emoji: str) -> Callable[[], bytes]:
    return lambda: motions.alone(catalogue.DRAWINGS[emoji])


class Stock:
    """`attributes` is set by who knows TL (app.py) before `start`."""

    def __init__(self, store: Store, files: Files) -> None:
        self._store = store
        self._files = files
        self.attributes: Attributes = lambda picture: (b"", 0)
        self.own: Callable[[int], bool] = lambda document: True
        """Does it have an id of this node? One that joined others makes its pictures anew, with ids of its range."""
        self._ids: dict[str, int] = {}
        self._documents: frozenset[int] = frozenset()
        self._sets = {one.id: one for one in self._built()}
        self._waiting: list[asyncio.Future[None]] = []
        self.ready = False
        self._begun = False

    async def start(self) -> None:
        """Find all pictures, make those that are not there yet. Run it in the background."""
        self._begun = True
        with self._store.read(_SLOT) as reader:
            known = {name: int.from_bytes(value, "big") for (name,), value in reader.range(STOCK)}
        wanted = await asyncio.get_running_loop().run_in_executor(None, list, pictures())
        missing = [
            one
            for one in wanted
            if one.name not in known
            or not self.own(known[one.name])
            or self._files.library.get_or_none(known[one.name]) is None
        ]
        for at in range(0, len(missing), AT_ONCE):
            some = missing[at : at + AT_ONCE]
            made = await asyncio.gather(*map(self._make, some))
            known.update(zip((one.name for one in some), made, strict=True))
        self._ids = {one.name: known[one.name] for one in wanted}
        self._documents = frozenset(self._ids.values())
        self._sets = {one.id: one for one in self._built()}
        self.ready = True
        for waiter in self._waiting:
            _done(waiter)
        self._waiting.clear()
        if missing:
            _log.info("stock.made", pictures=len(missing))

    async def _make(self, picture: Picture) -> int:
        blob = await self._files.store_bytes(picture.draw())
        attributes, layer = self.attributes(picture)
        media = await self._files.create_document(
            0, blob, mime=picture.mime, attributes=attributes, layer=layer
        )

        def work(txn: Txn) -> None:
            txn.put(STOCK, picture.name, value=media.id.to_bytes(8, "big"))
            hold(txn, (media.id,))

        await self._store.transact(_SLOT, work)
        return media.id

    async def wait(self) -> None:
        """Until all are there, or WAIT_SECONDS have passed."""
        if self.ready or not self._begun:
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiter)
        timer = loop.call_later(WAIT_SECONDS, _done, waiter)
        await waiter
        timer.cancel()

    def document(self, name: str) -> int:
        """The id of a picture's document, 0 when there is none (yet)."""
        return self._ids.get(name, 0)

    def holds(self, document: int) -> bool:
        """Is this one of ours?"""
        return document in self._documents

    # -- sets made of them --------------------------------------------------------------------------------------------

    def set_or_none(self, set_id: int) -> StickerSet | None:
        return self._sets.get(set_id)

    def named_or_none(self, name: str) -> StickerSet | None:
        return next((one for one in self._sets.values() if one.name.lower() == name.lower()), None)

    def game_or_none(self, emoji: str) -> StickerSet | None:
        """The set of a game by its emoji, with a variation selector or without."""
        plain = emoji.replace("\ufe0f", "")
        if plain not in games.GAMES:
            return None
        return self._sets.get(GAMES + games.GAMES.index(plain))

    def _built(self) -> Iterator[StickerSet]:
        members: dict[int, list[Sticker]] = {number: [] for number in NAMES}
        for name, number in self._ids.items():
            kind, _, emoji = name.partition(":")
            if kind == "alone":
                members[ANIMATED].append(Sticker(number, (emoji,)))
            elif kind in OF_ICONS:
                members[OF_ICONS[kind]].append(Sticker(number, (emoji,)))
            elif kind == "dice":
                game, _, value = emoji.partition(":")
                keys = games.KEYCAPS[int(value)] if int(value) < len(games.KEYCAPS) else game
                members[GAMES + games.GAMES.index(game)].append(
                    Sticker(number, (game if game == games.SLOTS else keys,))
                )
        for number, stickers in members.items():
            name = NAMES[number]
            kind = "emojis" if number in OF_ICONS.values() else "stickers"
            yield StickerSet(number, 0, kind, name, name, 0, len(stickers) + 1, tuple(stickers))


def _done(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
