"""Dice and their kin: one film for each value that can be thrown, and one for the time before it is known.

Clients find a value's film by its place (TDLib) or by its keycap emoji (Desktop); a slot machine has 21 parts: two
backgrounds (idle, won), the lever, and for each of three reels the row of sevens that won, seven, bar, grapes, lemon,
and the turning reel. The films end in the picture that stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tgserve.stock.faces import RED, WHITE
from tgserve.stock.lottie import Key, Layer, film
from tgserve.stock.shapes import Drawing, box, fill, line, moved, oval, poly, star

FRAMES: Final = 120
KEYCAPS: Final = ("#\ufe0f\u20e3", *(f"{number}\ufe0f\u20e3" for number in range(1, 10)))
WOOD: Final = "#d9a05b"
_PIPS: Final = {
    1: ((50, 50),),
    2: ((32, 32), (68, 68)),
    3: ((30, 30), (50, 50), (70, 70)),
    4: ((32, 32), (68, 32), (32, 68), (68, 68)),
    5: ((30, 30), (70, 30), (50, 50), (30, 70), (70, 70)),
    6: ((32, 28), (68, 28), (32, 50), (68, 50), (32, 72), (68, 72)),
}


def _die(value: int) -> Drawing:
    pips = tuple(oval(x, y, 10 if value == 1 else 7.5) for x, y in _PIPS[value])
    return (
        fill("#c4ccd6", box(12, 14, 76, 76, 16)),
        fill("#fbfcfe", box(12, 11, 76, 75, 16)),
        fill(RED if value == 1 else "#2f3640", *pips),
    )


def dice(value: int) -> bytes:
    """Faces change while it tumbles; then the thrown one."""
    spin: tuple[Key, ...] = ((0, (0,)), (70, (660,)), (90, (732,)), (104, (720,)))
    hops: tuple[Key, ...] = (
        (0, (0, 0)),
        (18, (-4, -16)),
        (36, (4, 4)),
        (54, (2, -8)),
        (72, (0, 2)),
        (84, (0, 0)),
    )
    size: tuple[Key, ...] = ((0, (84, 84)), (30, (66, 66)), (72, (88, 80)), (90, (84, 84)))
    if not value:
        endless: tuple[Key, ...] = ((0, (0,)), (60, (360,)))
        return film(
            60,
            [
                Layer(_die(face), turn=endless, scale=((0, (70, 70)),), first=at * 10, last=at * 10 + 10)
                for at, face in enumerate((1, 4, 2, 6, 3, 5))
            ],
        )
    shown = [1 + (value + step) % 6 for step in range(1, 7)]
    cuts = (0, 12, 24, 36, 48, 60, 72)
    layers = [
        Layer(_die(face), turn=spin, shift=hops, scale=size, first=cuts[at], last=cuts[at + 1])
        for at, face in enumerate(shown)
    ]
    return film(FRAMES, [*layers, Layer(_die(value), turn=spin, shift=hops, scale=size, first=72)])


_BOARD: Final[Drawing] = (
    fill("#2f3640", oval(50, 46, 42)),
    fill("#f4efe2", oval(50, 46, 38)),
    fill("#3a9b5c", oval(50, 46, 31)),
    fill("#f4efe2", oval(50, 46, 24)),
    fill(RED, oval(50, 46, 16)),
    fill("#ffd23f", oval(50, 46, 7)),
)
_DART: Final[Drawing] = (
    line("#5d666f", 3.6, "M 50 46 L 66 62"),
    line("#3c8ff0", 6, "M 64 60 L 76 72"),
    fill("#ef3e4a", poly((74, 70), (92, 74), (86, 82), (84, 92), (72, 76))),
)
_HITS: Final = {1: (34, 40), 2: (-33, 12), 3: (24, -13), 4: (-17, -10), 5: (9, 6), 6: (0, 0)}


def darts(value: int) -> bytes:
    if not value:
        sway: tuple[Key, ...] = ((0, (0,)), (20, (-4,)), (40, (4,)), (60, (0,)))
        return film(60, (Layer(_BOARD), Layer(_DART, shift=((0, (8, 8)),), turn=sway)))
    x, y = _HITS[value]
    flight: tuple[Key, ...] = ((0, (50, 60)), (24, (x, y)), (120, (x, y + (30 if value == 1 else 0))))
    shake: tuple[Key, ...] = ((0, (0,)), (24, (0,)), (28, (5,)), (34, (-4,)), (40, (2,)), (46, (0,)))
    jolt: tuple[Key, ...] = ((0, (0,)), (24, (0,)), (27, (2,)), (32, (-2,)), (38, (0,)))
    size: tuple[Key, ...] = ((0, (190, 190)), (24, (100, 100)))
    return film(
        FRAMES,
        (
            Layer(_BOARD, turn=jolt if value > 1 else ()),
            Layer(_DART, shift=flight, scale=size, turn=shake, pivot=(50, 46)),
        ),
    )


_BASKETBALL: Final[Drawing] = (
    fill("#d9660f", oval(50, 50, 20)),
    fill("#f58220", oval(49, 48.5, 18.5)),
    line(
        "#5b3413",
        1.8,
        oval(50, 50, 20),
        "M 30 50 L 70 50",
        "M 50 30 L 50 70",
        "M 36 36 Q 48 50 36 64",
        "M 64 36 Q 52 50 64 64",
    ),
)
_HOOP: Final[Drawing] = (
    fill("#dfe6ee", box(22, 4, 56, 36, 4)),
    line(RED, 2.6, box(38, 16, 24, 18, 1)),
)
_NET: Final[Drawing] = (
    line(RED, 4, "M 32 40 L 68 40"),
    line(
        "#b9c4d0",
        1.8,
        "M 34 42 L 40 62",
        "M 42 42 L 45 62",
        "M 50 42 L 50 62",
        "M 58 42 L 55 62",
        "M 66 42 L 60 62",
        "M 36 50 L 64 50",
        "M 39 57 L 61 57",
    ),
)
_SHOTS: Final = {
    1: ((0, 34), (-26, -44), (-34, 60)),
    2: ((0, 34), (24, -34), (36, 60)),
    3: ((0, 34), (10, -28), (-14, -8)),
    4: ((0, 34), (0, -36), (0, 26)),
    5: ((0, 34), (0, -46), (0, 30)),
}


def _thrown(
    value: int, ways: Mapping[int, tuple[tuple[int, int], ...]], ball: Drawing, back: Drawing, front: Drawing
) -> bytes:
    if not value:
        idle: tuple[Key, ...] = ((0, (0, 34)), (15, (0, 22)), (30, (0, 34)), (45, (0, 26)), (60, (0, 34)))
        return film(60, (Layer(back), Layer(front), Layer(ball, shift=idle)))
    start, top, end = ways[value]
    way: tuple[Key, ...] = ((0, start), (34, top), (64, end), (76, (end[0], end[1] - 4)), (86, end))
    size: tuple[Key, ...] = ((0, (110, 110)), (34, (74, 74)), (86, (78, 78)))
    turn: tuple[Key, ...] = ((0, (0,)), (86, (280,)))
    near = Layer(ball, shift=way, scale=size, turn=turn, last=34)
    far = Layer(ball, shift=way, scale=size, turn=turn, first=34)
    return film(FRAMES, (Layer(back), far, Layer(front), near))


def basketball(value: int) -> bytes:
    return _thrown(value, _SHOTS, _BASKETBALL, _HOOP, _NET)


_FOOTBALL: Final[Drawing] = (
    fill("#c4ccd6", oval(50, 50, 17)),
    fill(WHITE, oval(49.5, 49, 16)),
    fill(
        "#2f3640",
        star(50, 49, 7, 5.6, 5),
        oval(38, 41, 3),
        oval(62, 41, 3),
        oval(42, 62, 3),
        oval(58, 62, 3),
        oval(50, 33.5, 3),
    ),
)
_GOAL: Final[Drawing] = (
    fill("#4caf50", box(4, 70, 92, 24, 6)),
    line(
        "#c9d3de",
        1.4,
        *(f"M {x} 22 L {x} 70" for x in range(22, 80, 8)),
        *(f"M 14 {y} L 86 {y}" for y in range(28, 70, 8)),
    ),
    line(WHITE, 4.6, "M 13 72 L 13 20 L 87 20 L 87 72"),
    line("#8a96a3", 1.2, "M 13 72 L 13 20 L 87 20 L 87 72"),
)
_KICKS: Final = {
    1: ((0, 34), (50, -30), (90, -60)),
    2: ((0, 34), (-36, -18), (-52, 30)),
    3: ((0, 34), (0, -6), (0, 14)),
    4: ((0, 34), (22, -4), (22, 14)),
    5: ((0, 34), (-24, -18), (-22, 14)),
}


def football(value: int) -> bytes:
    return _thrown(value, _KICKS, _FOOTBALL, _GOAL, ())


_PIN: Final[Drawing] = (
    fill(
        "#f7f9fc",
        "M 50 24 C 55 24 57 29 55 35 C 54 39 59 46 59 55 C 59 63 56 70 54 72 "
        "L 46 72 C 44 70 41 63 41 55 C 41 46 46 39 45 35 C 43 29 45 24 50 24 Z",
    ),
    line(
        "#b6c0cc",
        1.2,
        "M 50 24 C 55 24 57 29 55 35 C 54 39 59 46 59 55 C 59 63 56 70 54 72 "
        "L 46 72 C 44 70 41 63 41 55 C 41 46 46 39 45 35 C 43 29 45 24 50 24 Z",
    ),
    line(RED, 2.4, "M 45.6 36 L 54.4 36"),
)
_BOWL: Final[Drawing] = (
    fill("#3b3f8f", oval(50, 50, 14)),
    fill("#5459b8", oval(48, 48, 11)),
    fill("#22255c", oval(46, 42, 2), oval(52, 42, 2), oval(49, 47, 2)),
)
_LANE: Final[Drawing] = (
    fill(WOOD, poly((30, 10), (70, 10), (96, 96), (4, 96))),
    fill("#c98d47", poly((46, 10), (54, 10), (60, 96), (40, 96))),
)
_PINS: Final = ((50, -4), (40, -12), (60, -12), (30, -20), (50, -20), (70, -20))
_STANDING: Final = {1: 6, 2: 5, 3: 3, 4: 2, 5: 1, 6: 0}
"""Pins left standing by value: 1 is a gutter ball, 6 strikes all."""


def bowling(value: int) -> bytes:
    left = _STANDING.get(value, 6)
    layers = [Layer(_LANE)]
    for number, (x, y) in sorted(enumerate(_PINS), key=lambda one: one[1][1]):
        place = (x - 50, y + 4)
        falls = number < 6 - left
        side = 60 if x >= 50 else -60
        layers.append(
            Layer(
                _PIN,
                shift=((0, place), (46, place), (74, (place[0] + side / 2, place[1] - 10)))
                if falls
                else ((0, place),),
                turn=((46, (0,)), (74, (side * 2,))) if falls else (),
                alpha=((0, (100,)), (60, (100,)), (78, (0,))) if falls else (),
                scale=((0, (62, 62)),),
            )
        )
    if value:
        aside = 44 if value == 1 else 0
        roll: tuple[Key, ...] = ((0, (0, 40)), (50, (aside, -18)), (62, (aside, -30)))
        layers.append(
            Layer(
                _BOWL,
                shift=roll,
                scale=((0, (110, 110)), (50, (60, 60)), (62, (40, 40))),
                alpha=((0, (100,)), (52, (100,)), (64, (0,))),
                turn=((0, (0,)), (62, (-500,))),
            )
        )
        return film(FRAMES, layers)
    layers.append(
        Layer(
            _BOWL,
            shift=((0, (-6, 40)), (30, (6, 40)), (60, (-6, 40))),
            turn=((0, (0,)), (30, (60,)), (60, (0,))),
        )
    )
    return film(60, layers)


# -- the slot machine ----------------------------------------------------------------------------------------------

_REELS: Final = (24.0, 44.0, 64.0)
"""Middle of each window."""
_WINDOW: Final = 47.0


def _machine(won: bool) -> Drawing:
    body = "#d6364a" if not won else "#e5a400"
    made: Drawing = (
        fill("#8f1f30", box(4, 10, 82, 84, 14)),
        fill(body, box(4, 8, 82, 82, 14)),
        fill("#ffd23f", box(12, 14, 66, 12, 6)),
        fill("#f6f2e8", *(box(x - 9, 32, 18, 30, 4) for x in _REELS)),
        fill("#7b1626", box(16, 70, 58, 12, 5)),
    )
    return (*made, fill(WHITE, *(star(x, 20, 4.6, 2.2) for x in (20, 32, 44, 56, 68)))) if won else made


_SEVEN: Final[Drawing] = (line(RED, 9, "M 30 26 L 68 26 L 44 78"),)
_BAR: Final[Drawing] = (
    fill("#2f3640", box(10, 34, 80, 32, 8)),
    line(
        WHITE,
        5,
        "M 24 42 L 24 58",
        "M 36 42 L 36 58",
        "M 48 42 L 48 58",
        "M 60 42 L 60 58",
        "M 72 42 L 72 58",
    ),
)
_GRAPES: Final[Drawing] = (
    fill(
        "#7b3fc4", *(oval(x, y, 12) for x, y in ((28, 36), (50, 36), (72, 36), (39, 56), (61, 56), (50, 76)))
    ),
    line("#4caf50", 6, "M 50 26 Q 52 14 64 12"),
)
_LEMON: Final[Drawing] = (
    fill("#f2c500", "M 8 50 Q 20 24 50 24 Q 80 24 92 50 Q 80 76 50 76 Q 20 76 8 50 Z"),
    fill("#ffe14d", oval(48, 47, 28, 18)),
)
SYMBOLS: Final = (_SEVEN, _BAR, _GRAPES, _LEMON)


def _stops(symbol: Drawing, reel: int, *, glows: bool = False) -> bytes:
    """A reel that turns and comes to rest at `symbol`."""
    x = _REELS[reel]
    still = moved(symbol, x - 50, _WINDOW - 50, 0.15)
    turned: list[Layer] = []
    stop = 50 + 16 * reel
    for at in range(stop // 8):
        passing = moved(SYMBOLS[(at + reel) % 4], x - 50, _WINDOW - 50, 0.15)
        first = at * 8
        turned.append(
            Layer(passing, shift=((first, (0, -8)), (first + 8, (0, 8))), first=first, last=first + 8)
        )
    beat: tuple[Key, ...] = (
        ((stop, (100, 100)), (90, (100, 100)), (100, (124, 124)), (112, (100, 100))) if glows else ()
    )
    last = Layer(
        still,
        shift=((stop // 8 * 8, (0, -6)), (stop + 8, (0, 0))),
        scale=beat,
        first=stop // 8 * 8,
        pivot=(x, _WINDOW),
    )
    return film(FRAMES, (*turned, last))


def _spins(reel: int) -> bytes:
    x = _REELS[reel]
    layers = [
        Layer(
            moved(SYMBOLS[(at + reel) % 4], x - 50, _WINDOW - 50, 0.15),
            shift=((at * 8, (0, -8)), (at * 8 + 8, (0, 8))),
            first=at * 8,
            last=at * 8 + 8,
        )
        for at in range(8)
    ]
    return film(64, layers)


def slot_parts() -> list[bytes]:
    """The 21 films in the order clients count them."""
    lever: Drawing = (line("#8a96a3", 5, "M 88 60 L 94 34"), fill(RED, oval(94, 30, 6)))
    pull: tuple[Key, ...] = ((0, (0,)), (14, (70,)), (34, (0,)))
    parts = [
        film(FRAMES, (Layer(_machine(False)),)),
        film(FRAMES, (Layer(_machine(False), last=92), Layer(_machine(True), first=92))),
        film(FRAMES, (Layer(lever, turn=pull, pivot=(88, 60)),)),
    ]
    for reel in range(3):
        parts.append(_stops(_SEVEN, reel, glows=True))
        parts += [_stops(symbol, reel) for symbol in SYMBOLS]
        parts.append(_spins(reel))
    return parts


def films(emoji: str) -> list[bytes]:
    """All films of a game, by place. KeyError when it is none."""
    if emoji == SLOTS:
        return slot_parts()
    throw, values = _GAMES[emoji]
    return [throw(value) for value in range(values + 1)]


SLOTS: Final = "\U0001f3b0"
_GAMES: Final = {
    "\U0001f3b2": (dice, 6),
    "\U0001f3af": (darts, 6),
    "\U0001f3c0": (basketball, 5),
    "\u26bd": (football, 5),
    "\U0001f3b3": (bowling, 6),
}
GAMES: Final = (*_GAMES, SLOTS)
"""Emoji that can be thrown."""
LUCKY: Final = {
    "\U0001f3af": (6, 46),
    "\U0001f3c0": (5, 76),
    "\u26bd": (5, 80),
    "\U0001f3b0": (64, 110),
    "\U0001f3b3": (6, 78),
}
"""The best throw of a game, and the frame of its film at which clients celebrate."""
