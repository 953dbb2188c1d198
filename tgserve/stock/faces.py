"""Round faces, put together from eyes, mouths and what else is on them."""

from __future__ import annotations

from typing import Final

from tgserve.stock.shapes import Drawing, Part, box, fill, line, moved, oval, star

SKIN: Final = "#ffd04a"
RIM: Final = "#eea320"
DARK: Final = "#5b3413"
WHITE: Final = "#ffffff"
RED: Final = "#ef3e4a"
TONGUE: Final = "#f2687b"
TEAR: Final = "#4fb6f5"
_HEART: Final = "M 50 86 C 18 62 10 46 14 32 C 19 14 42 14 50 32 C 58 14 81 14 86 32 C 90 46 82 62 50 86 Z"


def ball(color: str = SKIN, rim: str = RIM) -> Drawing:
    """The bare face."""
    return (
        fill(rim, oval(50, 51, 43)),
        fill(color, oval(50, 48.5, 41.5)),
        fill(WHITE, oval(37, 22, 13, 6), alpha=28),
    )


FACE: Final = ball()


def heart(x: float, y: float, size: float, color: str = RED, turn: float = 0.0) -> Drawing:
    return moved((fill(color, _HEART),), x - 50, y - 50, size / 76, turn)


def dots(y: float = 42, r: float = 5.5, apart: float = 15) -> Drawing:
    return (fill(DARK, oval(50 - apart, y, r, r * 1.25), oval(50 + apart, y, r, r * 1.25)),)


def wide(y: float = 42, r: float = 10, pupil: float = 4.5, dx: float = 0, dy: float = 0) -> Drawing:
    """Round white eyes that look towards (dx, dy)."""
    return (
        fill(WHITE, oval(34, y, r), oval(66, y, r)),
        fill(DARK, oval(34 + dx, y + dy, pupil), oval(66 + dx, y + dy, pupil)),
    )


def arches(y: float = 42, height: float = -9, width: float = 4) -> Drawing:
    """Eyes shut: laughing when `height` is negative, asleep when positive."""
    return (
        line(
            DARK,
            width,
            f"M 26 {y} Q 34 {y + height} 42 {y}",
            f"M 58 {y} Q 66 {y + height} 74 {y}",
        ),
    )


def brows(left: float, right: float, y: float = 29, lift: float = 0) -> Drawing:
    """Eyebrows; the numbers tilt their inner ends down."""
    return (
        line(
            DARK,
            3.6,
            f"M 26 {y} L 42 {y + left}",
            f"M 58 {y + right - lift} L 74 {y - lift}",
        ),
    )


def smile(y: float = 62, depth: float = 14, half: float = 20) -> Drawing:
    return (line(DARK, 4, f"M {50 - half} {y} Q 50 {y + depth} {50 + half} {y}"),)


def grin(y: float = 56, depth: float = 34, half: float = 25, tongue: bool = True) -> Drawing:
    """An open, laughing mouth."""
    made: Drawing = (
        fill(
            DARK,
            f"M {50 - half} {y} L {50 + half} {y} Q {50 + half} {y + depth} 50 {y + depth * 0.8} "
            f"Q {50 - half} {y + depth} {50 - half} {y} Z",
        ),
        fill(WHITE, box(50 - half + 4, y, half * 2 - 8, 6, 2.5)),
    )
    if tongue:
        made += (fill(TONGUE, oval(50, y + depth * 0.72, half * 0.5, depth * 0.16)),)
    return made


def mouth(y: float = 68, rx: float = 8, ry: float = 10) -> Drawing:
    return (fill(DARK, oval(50, y, rx, ry)),)


def flat(y: float = 66, half: float = 15, tilt: float = 0) -> Drawing:
    return (line(DARK, 4, f"M {50 - half} {y + tilt} L {50 + half} {y - tilt}"),)


def blush() -> Drawing:
    return (fill("#ff8a65", oval(22, 58, 8, 5), oval(78, 58, 8, 5), alpha=60),)


def drop(x: float, y: float, size: float, color: str = TEAR) -> Part:
    return fill(
        color,
        f"M {x} {y - size} C {x + size * 0.9} {y} {x + size * 0.8} {y + size} {x} {y + size} "
        f"C {x - size * 0.8} {y + size} {x - size * 0.9} {y} {x} {y - size} Z",
    )


def hand(x: float, y: float, turn: float = 0.0, scale: float = 0.4, flip: bool = False) -> Drawing:
    """A small mitten."""
    return moved(
        (
            fill(RIM, box(27, 22, 48, 66, 22)),
            fill("#ffdc73", box(29, 20, 44, 64, 20)),
            line("#ffdc73", 15, "M 30 60 L 18 44"),
            line(RIM, 2.5, "M 43 26 L 43 46", "M 58 26 L 58 46"),
        ),
        x - 50,
        y - 50,
        scale,
        turn,
        flip,
    )


def _glasses(color: str, lens: str, alpha: int) -> Drawing:
    return (
        fill(lens, box(19, 34, 27, 19, 8), box(54, 34, 27, 19, 8), alpha=alpha),
        line(color, 3.5, box(19, 34, 27, 19, 8), box(54, 34, 27, 19, 8), "M 46 41 Q 50 37 54 41"),
    )


ANGRY: Final = ball("#f4623f", "#c93a20")
PURPLE: Final = ball("#9a6fe8", "#6d43bd")
GREEN: Final = ball("#b6d64c", "#86a62c")
PALE: Final = ball("#ffd867", "#7aa7e0")

FACES: Final[dict[str, Drawing]] = {
    "\U0001f970": (
        *FACE,
        *arches(),
        *smile(60, 16),
        *blush(),
        *heart(16, 24, 24),
        *heart(86, 40, 20, turn=12),
        *heart(76, 84, 22, turn=-10),
    ),
    "\U0001f601": (
        *FACE,
        *arches(),
        fill(WHITE, "M 26 58 L 74 58 Q 72 80 50 80 Q 28 80 26 58 Z"),
        line(
            DARK,
            3,
            "M 26 58 L 74 58 Q 72 80 50 80 Q 28 80 26 58 Z",
            "M 29 68 L 71 68",
            "M 50 58 L 50 80",
            "M 38 58 L 38 78",
            "M 62 58 L 62 78",
        ),
    ),
    "\U0001f914": (*FACE, *dots(42), *brows(-2, -3, 30, 6), *flat(66, 13, 2), *hand(38, 82, 28, 0.34)),
    "\U0001f92f": (
        *ball(),
        fill("#ff7a2f", star(50, 17, 30, 16, 9)),
        fill("#ffd23f", star(50, 17, 20, 10, 9)),
        fill(SKIN, "M 9 40 Q 50 24 91 40 L 91 50 L 9 50 Z"),
        line(RIM, 3, "M 11 38 Q 50 24 89 38"),
        *wide(54, 9, 3.5),
        *mouth(78, 8, 7),
    ),
    "\U0001f631": (
        *PALE,
        *wide(38, 10, 3),
        *mouth(70, 10, 14),
        *hand(14, 72, 14, 0.42),
        *hand(86, 72, -14, 0.42, True),
    ),
    "\U0001f92c": (
        *ANGRY,
        *dots(42, 5),
        *brows(7, 7, 30),
        fill("#2b2b33", box(20, 58, 60, 18, 6)),
        line(
            WHITE,
            2.6,
            "M 28 62 L 28 72",
            "M 24 67 L 32 67",
            "M 39 62 L 46 72",
            "M 46 62 L 39 72",
            "M 53 63 L 63 63",
            "M 53 71 L 63 71",
            "M 56 61 L 55 73",
            "M 61 61 L 60 73",
            "M 71 61 L 71 68",
        ),
        fill(WHITE, oval(71, 72, 1.8)),
    ),
    "\U0001f622": (
        *FACE,
        *dots(44, 5),
        *brows(-6, -6, 34),
        line(DARK, 4, "M 36 72 Q 50 60 64 72"),
        drop(31, 66, 9),
    ),
    "\U0001f929": (
        *FACE,
        fill("#ff8f1f", star(32, 40, 18, 8), star(68, 40, 18, 8)),
        fill("#ffe566", star(32, 40, 11, 5), star(68, 40, 11, 5)),
        *grin(58, 30, 22),
    ),
    "\U0001f92e": (
        *GREEN,
        *arches(40, 8),
        *brows(6, 6, 30),
        fill(DARK, oval(50, 66, 15, 9)),
        fill("#5fb233", "M 38 64 L 62 64 L 66 94 Q 58 88 54 97 Q 48 88 42 96 Q 38 90 34 94 Z"),
    ),
    "\U0001f921": (
        *ball("#fff1dd", "#e6b98a"),
        fill("#3c8ff0", oval(32, 36, 9, 14), oval(68, 36, 9, 14), alpha=70),
        *dots(40, 4.5, 18),
        fill(RED, oval(50, 53, 9)),
        fill(RED, "M 22 62 Q 50 78 78 62 Q 72 90 50 90 Q 28 90 22 62 Z"),
        fill(WHITE, "M 30 68 Q 50 79 70 68 Q 64 82 50 82 Q 36 82 30 68 Z"),
        fill("#ff7043", oval(11, 34, 11, 15), oval(89, 34, 11, 15)),
    ),
    "\U0001f971": (
        *FACE,
        *arches(40, 8),
        *brows(-4, -4, 30),
        *mouth(70, 12, 13),
        fill(TONGUE, oval(50, 78, 7, 4)),
        *hand(66, 80, -20, 0.36, True),
    ),
    "\U0001f974": (
        *FACE,
        *arches(40, 8)[:1],
        fill(SKIN, box(56, 30, 24, 20)),
        *brows(3, -6, 30),
        fill(DARK, oval(67, 42, 5.5, 7)),
        line(DARK, 4, "M 30 68 Q 38 60 46 68 Q 54 76 62 68 Q 67 63 72 67"),
        *blush(),
    ),
    "\U0001f60d": (*FACE, *heart(31, 40, 28), *heart(69, 40, 28), *grin(58, 30, 22)),
    "\U0001f923": moved(
        (*FACE, *arches(40, -9, 4.5), *grin(54, 36, 26), drop(14, 60, 10), drop(86, 60, 10)), turn=-24
    ),
    "\U0001f928": (
        *FACE,
        *dots(44),
        *brows(0, 0, 34)[:1],
        line(SKIN, 6, "M 58 34 L 74 34"),
        line(DARK, 3.8, "M 57 30 Q 66 20 76 28"),
        *flat(68, 14, 2),
    ),
    "\U0001f610": (*FACE, *dots(43), *flat(66, 17)),
    "\U0001f608": (
        fill("#6d43bd", "M 16 36 Q 8 16 14 2 Q 22 18 38 16 Z", "M 84 36 Q 92 16 86 2 Q 78 18 62 16 Z"),
        *PURPLE,
        *dots(45),
        *brows(8, 8, 32),
        *smile(62, 18, 22),
    ),
    "\U0001f634": (
        *FACE,
        *arches(44, 8),
        *mouth(68, 7, 6),
        line("#3c8ff0", 4, "M 68 10 L 80 10 L 68 24 L 80 24"),
        line("#3c8ff0", 5, "M 82 26 L 96 26 L 82 42 L 96 42"),
    ),
    "\U0001f62d": (
        *FACE,
        fill(TEAR, "M 24 46 L 44 46 L 42 90 Q 32 96 22 84 Z", "M 56 46 L 76 46 L 78 84 Q 68 96 58 90 Z"),
        *arches(44, 7),
        *brows(-6, -6, 34),
        *mouth(70, 9, 11),
    ),
    "\U0001f913": (
        *FACE,
        *wide(43, 9, 4),
        *_glasses("#2b2b33", WHITE, 12),
        *smile(62, 14, 20),
        fill(WHITE, box(43, 67, 6.5, 8, 1.5), box(50.5, 67, 6.5, 8, 1.5)),
    ),
    "\U0001f607": (
        *FACE,
        *arches(42),
        *smile(60, 16),
        line("#3fb5f2", 6, oval(50, 10, 30, 7)),
        line("#a8e1ff", 2, oval(50, 9, 30, 7)),
    ),
    "\U0001f628": (*PALE, *wide(42, 10, 4), *brows(-7, -7, 27), line(DARK, 4, "M 34 74 Q 50 62 66 74")),
    "\U0001f917": (
        *FACE,
        *arches(38),
        *grin(50, 24, 18, False),
        *hand(24, 80, 18, 0.44),
        *hand(76, 80, -18, 0.44, True),
    ),
    "\U0001fae1": (*FACE, *dots(46), *brows(-2, -2, 35), *flat(70, 14), *hand(76, 24, 62, 0.4, True)),
    "\U0001f92a": (
        *FACE,
        fill(WHITE, oval(32, 40, 13), oval(68, 42, 9)),
        fill(DARK, oval(34, 43, 6), oval(66, 40, 4)),
        *brows(-4, 4, 24),
        *grin(60, 26, 20, False),
        fill(TONGUE, box(52, 70, 15, 22, 7)),
        line("#d14a62", 2, "M 59.5 72 L 59.5 84"),
    ),
    "\U0001f618": (
        *FACE,
        line(DARK, 4, "M 26 42 Q 34 33 42 42"),
        fill(DARK, oval(66, 41, 5.5, 7)),
        line(DARK, 4, "M 50 58 Q 60 61 52 66 Q 60 70 50 74"),
        *blush()[:1],
        *heart(80, 66, 26, turn=10),
    ),
    "\U0001f60e": (
        *FACE,
        *_glasses("#1d1d24", "#1d1d24", 100),
        line(WHITE, 2.5, "M 25 39 L 34 39", "M 60 39 L 69 39", alpha=60),
        *smile(64, 14, 20),
    ),
    "\U0001f621": (*ANGRY, *dots(46, 5), *brows(9, 9, 33), line(DARK, 4, "M 34 74 Q 50 62 66 74")),
    "\U0001f31a": (
        *ball("#4c5470", "#323850"),
        fill("#3a415c", oval(26, 66, 7), oval(74, 24, 6), oval(68, 78, 5)),
        fill(WHITE, oval(34, 42, 8), oval(66, 42, 8)),
        fill("#1d2133", oval(37, 42, 4), oval(69, 42, 4)),
        line("#1d2133", 4, "M 32 62 Q 50 78 68 62"),
    ),
    "\U0001f600": (*FACE, *dots(40), *grin(54, 36, 26)),
    "\U0001f602": (*FACE, *arches(40), *grin(54, 34, 25), drop(13, 58, 11), drop(87, 58, 11)),
    "\U0001f642": (*FACE, *dots(42), *smile(60, 16, 20)),
    "\U0001f609": (
        *FACE,
        fill(DARK, oval(35, 42, 5.5, 7)),
        line(DARK, 4, "M 58 43 Q 66 34 74 43"),
        *smile(60, 16, 20),
    ),
}
"""By emoji, without variation selectors."""
