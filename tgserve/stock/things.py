"""Hands, hearts, animals and things."""

from __future__ import annotations

from typing import Final

from tgserve.stock.faces import DARK, FACE, RED, RIM, SKIN, TONGUE, WHITE, arches, dots, hand, heart, smile
from tgserve.stock.shapes import Drawing, box, fill, line, moved, oval, poly, star

LIGHT: Final = "#ffe07f"
GREEN: Final = "#4caf50"
BROWN: Final = "#8d5a3b"
BLUE: Final = "#3c8ff0"

_THUMB: Drawing = (
    fill(BLUE, box(8, 46, 20, 44, 6)),
    fill(RIM, box(26, 43, 58, 49, 16)),
    fill(SKIN, box(26, 41, 56, 48, 15)),
    line(SKIN, 20, "M 46 52 Q 56 38 54 18"),
    line(RIM, 2.6, "M 58 54 L 82 54", "M 58 65 L 82 65", "M 58 77 L 80 77"),
)
_FLAME: Drawing = (
    fill(
        "#f4511e",
        "M 50 4 C 56 22 82 36 82 64 C 82 84 68 96 50 96 C 32 96 18 84 18 64 C 18 50 27 42 31 30 "
        "C 36 36 40 40 41 44 C 46 34 50 20 50 4 Z",
    ),
    fill(
        "#ff9d2e",
        "M 52 36 C 56 48 70 54 70 70 C 70 84 61 91 50 91 C 39 91 30 84 30 71 C 30 62 36 57 39 50 "
        "C 43 54 45 57 46 60 C 50 53 53 46 52 36 Z",
    ),
    fill(
        "#ffe15a", "M 50 62 C 54 69 60 73 60 80 C 60 87 56 90 50 90 C 44 90 40 87 40 81 C 40 74 48 70 50 62 Z"
    ),
)
_FIR: Drawing = (
    fill(BROWN, box(44, 80, 12, 16, 2)),
    fill("#2e8b45", poly((50, 44), (86, 84), (14, 84))),
    fill("#37a153", poly((50, 26), (78, 62), (22, 62))),
    fill("#43b862", poly((50, 8), (70, 40), (30, 40))),
    fill("#ffd23f", star(50, 9, 9, 4)),
    fill(RED, oval(40, 56, 4), oval(66, 76, 4)),
    fill("#ffd23f", oval(60, 50, 4), oval(34, 76, 4)),
    fill(BLUE, oval(50, 70, 4), oval(48, 36, 3.5)),
)


def _monkey(*over: Drawing, shut: bool = False) -> Drawing:
    made: Drawing = (
        fill("#7a4a2b", oval(12, 48, 11), oval(88, 48, 11)),
        fill("#f0c79a", oval(12, 48, 6), oval(88, 48, 6)),
        fill("#7a4a2b", oval(50, 50, 38, 40)),
        fill("#f0c79a", oval(37, 42, 15, 17), oval(63, 42, 15, 17), oval(50, 68, 27, 20)),
        *(arches(42, 6) if shut else dots(42, 5, 13)),
        fill("#7a4a2b", oval(46, 60, 2), oval(54, 60, 2)),
        line("#7a4a2b", 3.5, "M 36 72 Q 50 82 64 72"),
    )
    for one in over:
        made += one
    return made


def _paw(x: float, y: float, turn: float, flip: bool = False) -> Drawing:
    return moved(
        (fill("#6a3f23", box(24, 20, 52, 66, 24)), line("#f0c79a", 4, "M 40 26 L 40 46", "M 60 26 L 60 46")),
        x - 50,
        y - 50,
        0.44,
        turn,
        flip,
    )


THINGS: Final[dict[str, Drawing]] = {
    "\U0001f44d": _THUMB,
    "\U0001f44e": moved(_THUMB, turn=180, flip=True),
    "\u2764": (*heart(50, 50, 88), fill(WHITE, oval(32, 32, 8, 5), alpha=45)),
    "\U0001f525": _FLAME,
    "\U0001f44f": (
        *hand(44, 54, -24, 0.74),
        *hand(58, 56, 8, 0.74, True),
        line("#ff9d2e", 4, "M 20 10 L 26 20", "M 40 4 L 42 14", "M 62 6 L 58 15"),
    ),
    "\U0001f389": (
        fill("#ffb02e", poly((8, 94), (30, 38), (62, 70))),
        line("#e0526f", 5, "M 22 60 L 40 80", "M 16 76 L 26 86"),
        fill("#e58a17", "M 30 38 Q 52 40 62 70 Q 40 62 30 38 Z"),
        line("#3c8ff0", 4, "M 50 46 Q 46 26 62 14"),
        line("#e0526f", 4, "M 58 52 Q 76 44 88 56"),
        line("#43b862", 4, "M 54 40 Q 70 34 76 16"),
        fill("#e0526f", oval(40, 18, 4), star(84, 30, 7, 3)),
        fill("#43b862", oval(72, 72, 4), box(28, 18, 6, 6, 1)),
        fill("#ffb02e", oval(90, 78, 4), star(60, 28, 5, 2.4)),
        fill("#8a4fd0", box(80, 8, 7, 7, 1), oval(48, 8, 3.5)),
    ),
    "\U0001f4a9": (
        fill(
            "#6d4327",
            "M 50 6 C 58 14 66 20 62 32 C 74 36 78 46 72 54 C 88 58 94 72 86 84 C 80 92 20 92 14 84 "
            "C 6 72 12 58 28 54 C 22 46 26 36 38 32 C 46 26 52 18 50 6 Z",
        ),
        line("#54321b", 3, "M 30 55 Q 50 62 70 54", "M 40 33 Q 50 38 60 33"),
        fill(WHITE, oval(38, 60, 8), oval(62, 60, 8)),
        fill(DARK, oval(39, 61, 4), oval(61, 61, 4)),
        fill(WHITE, "M 34 74 Q 50 78 66 74 Q 62 88 50 88 Q 38 88 34 74 Z"),
    ),
    "\U0001f64f": (
        fill(BLUE, poly((20, 98), (32, 70), (50, 78), (68, 70), (80, 98))),
        fill(RIM, "M 50 4 Q 40 4 38 20 L 28 70 Q 30 86 50 84 Z"),
        fill(SKIN, "M 50 4 Q 60 4 62 20 L 72 70 Q 70 86 50 84 Z"),
        line(DARK, 2, "M 50 10 L 50 82"),
        line(RIM, 2.6, "M 58 60 Q 60 44 58 30"),
    ),
    "\U0001f44c": (
        line(SKIN, 11, "M 56 52 L 50 14", "M 66 54 L 68 10", "M 76 58 L 86 20"),
        fill(SKIN, box(46, 50, 38, 42, 14)),
        line(SKIN, 11, "M 50 60 Q 22 60 20 46 Q 20 34 34 34 Q 46 36 50 50"),
        line(RIM, 2.4, "M 56 66 Q 66 60 78 66"),
    ),
    "\U0001f54a": (
        fill("#dfe9f5", "M 30 40 Q 40 6 70 6 Q 62 30 56 46 Z"),
        fill(
            "#ffffff", "M 8 40 Q 14 28 26 34 Q 44 36 52 44 L 94 34 Q 84 66 54 70 Q 30 74 24 50 Q 16 44 8 40 Z"
        ),
        line(
            "#b9cbe0",
            2.4,
            "M 8 40 Q 14 28 26 34 Q 44 36 52 44 L 94 34 Q 84 66 54 70 Q 30 74 24 50 Q 16 44 8 40 Z",
            "M 60 50 L 84 44",
            "M 58 58 L 78 54",
        ),
        fill("#e8edf5", "M 40 46 Q 50 14 84 12 Q 78 40 58 52 Z"),
        fill(DARK, oval(22, 38, 2.4)),
        fill("#ff9d2e", poly((10, 37), (0, 42), (11, 43))),
        line("#43a047", 3, "M 2 44 Q 10 58 20 60"),
        fill("#43a047", oval(10, 58, 6, 3), oval(20, 66, 6, 3)),
    ),
    "\U0001f433": (
        fill(
            "#4aa3df",
            "M 6 54 C 6 34 28 26 48 28 C 70 30 78 48 82 56 C 88 54 92 46 90 38 "
            "C 98 40 100 52 96 58 C 92 80 72 90 46 90 C 20 90 6 74 6 54 Z",
        ),
        fill("#cfeaff", "M 8 66 Q 30 78 60 72 Q 54 88 40 90 Q 16 86 8 66 Z"),
        fill(DARK, oval(24, 56, 4, 5)),
        line(DARK, 3, "M 12 66 Q 22 72 30 68"),
        line("#8fd0ff", 5, "M 40 26 Q 40 12 28 10", "M 42 26 Q 44 12 56 10"),
    ),
    "\u2764\u200d\U0001f525": (*moved(_FLAME, 0, 2, 0.98), *heart(50, 60, 62, "#d81b45")),
    "\U0001f32d": moved(
        (
            fill("#e8b06a", box(8, 30, 84, 22, 11)),
            fill("#c0392b", box(2, 38, 96, 22, 11)),
            fill("#e8b06a", box(8, 52, 84, 22, 11)),
            line(
                "#ffd23f", 5, "M 12 50 Q 20 40 28 50 Q 36 60 44 50 Q 52 40 60 50 Q 68 60 76 50 Q 82 42 88 48"
            ),
        ),
        turn=-24,
    ),
    "\U0001f4af": moved(
        (
            line(RED, 8, "M 16 26 L 26 18 L 26 66"),
            line(RED, 8, oval(46, 42, 10, 22), oval(74, 42, 10, 22)),
            line(RED, 5, "M 18 84 Q 50 74 86 76", "M 34 95 Q 56 88 80 89"),
        ),
        turn=-8,
    ),
    "\u26a1": (
        fill("#f59f00", poly((60, 2), (18, 58), (44, 58), (34, 98), (82, 38), (54, 38))),
        fill("#ffd43b", poly((56, 10), (26, 54), (50, 54), (42, 82), (72, 42), (48, 42))),
    ),
    "\U0001f34c": (
        line("#e0b21c", 24, "M 78 18 Q 78 68 24 80"),
        line("#ffe14d", 17, "M 78 18 Q 76 64 26 77"),
        line(BROWN, 7, "M 78 8 L 78 16", "M 16 80 L 20 80"),
    ),
    "\U0001f3c6": (
        line("#e0a100", 6, "M 24 20 Q 6 20 10 36 Q 14 50 32 48", "M 76 20 Q 94 20 90 36 Q 86 50 68 48"),
        fill("#ffc62e", "M 22 10 L 78 10 Q 78 62 50 64 Q 22 62 22 10 Z"),
        fill("#e0a100", box(45, 60, 10, 18)),
        fill("#8d5a3b", box(28, 78, 44, 16, 4)),
        fill(WHITE, star(50, 34, 13, 6), alpha=85),
    ),
    "\U0001f494": (*heart(50, 50, 88), line(WHITE, 5, "M 52 20 L 42 40 L 56 52 L 44 66 L 50 86")),
    "\U0001f353": (
        fill("#e53950", "M 50 96 C 22 82 10 58 14 40 C 20 26 80 26 86 40 C 90 58 78 82 50 96 Z"),
        fill("#43a047", star(50, 27, 30, 12, 7), box(46, 4, 7, 20, 3)),
        fill(
            "#ffe08a",
            *(
                oval(x, y, 2.2, 3)
                for x, y in ((32, 50), (50, 48), (68, 50), (40, 64), (60, 64), (50, 80), (26, 60), (74, 60))
            ),
        ),
    ),
    "\U0001f37e": (
        *moved(
            (
                fill(
                    "#2e7d4f",
                    "M 42 34 L 58 34 L 58 46 Q 70 54 70 66 L 70 92 Q 70 98 62 98 "
                    "L 38 98 Q 30 98 30 92 L 30 66 Q 30 54 42 46 Z",
                ),
                fill("#ffd23f", box(40, 30, 20, 12, 3)),
                fill("#fff3d6", box(32, 66, 36, 20, 2)),
                fill(BROWN, box(43, 4, 14, 12, 3)),
            ),
            turn=20,
        ),
        fill("#ffe9a8", oval(62, 28, 4), oval(74, 26, 3), oval(66, 16, 3), oval(56, 16, 2.5)),
    ),
    "\U0001f48b": moved(
        (
            fill(
                "#d81b60",
                "M 6 46 Q 24 24 40 24 Q 46 24 50 30 Q 54 24 60 24 Q 76 24 94 46 Q 72 80 50 80 Q 28 80 6 46 Z",
            ),
            fill("#ffffff", "M 18 46 Q 34 42 50 44 Q 66 42 82 46 Q 66 56 50 55 Q 34 56 18 46 Z", alpha=90),
        ),
        turn=-12,
    ),
    "\U0001f595": (
        fill(RIM, box(24, 50, 54, 44, 16)),
        fill(SKIN, box(24, 48, 54, 43, 16)),
        line(SKIN, 14, "M 50 54 L 50 14"),
        line(SKIN, 12, "M 34 58 L 34 50", "M 67 58 L 67 50"),
        line(RIM, 2.4, "M 41 56 L 41 68", "M 59 56 L 59 68"),
        line(SKIN, 12, "M 26 74 Q 42 82 52 74"),
    ),
    "\U0001f47b": (
        fill(
            "#eef1fb",
            "M 50 6 C 76 6 84 28 84 52 L 90 92 Q 80 98 72 88 Q 62 98 50 88 "
            "Q 38 98 28 88 Q 20 98 10 92 L 16 52 C 16 28 24 6 50 6 Z",
        ),
        fill("#2b2b33", oval(38, 40, 6, 9), oval(62, 40, 6, 9), oval(50, 62, 8, 9)),
        fill(TONGUE, oval(50, 67, 4.5, 4)),
    ),
    "\U0001f468\u200d\U0001f4bb": (
        fill(BLUE, "M 18 96 Q 18 66 50 66 Q 82 66 82 96 Z"),
        *moved(FACE, 0, -16, 0.56),
        fill("#6b4226", "M 27 30 Q 26 6 50 6 Q 74 6 73 30 Q 66 18 50 18 Q 34 18 27 30 Z"),
        *moved((*dots(42), *smile(60, 12, 16)), 0, -16, 0.56),
        fill("#9aa4b2", box(22, 64, 56, 34, 4)),
        fill("#c9d1da", oval(50, 80, 5)),
    ),
    "\U0001f440": (
        fill(WHITE, oval(28, 50, 20, 27), oval(72, 50, 20, 27)),
        line("#c8ced8", 2.5, oval(28, 50, 20, 27), oval(72, 50, 20, 27)),
        fill("#2b2b33", oval(22, 54, 9, 12), oval(66, 54, 9, 12)),
        fill(WHITE, oval(19, 49, 3), oval(63, 49, 3)),
    ),
    "\U0001f383": (
        fill("#4a7a2c", box(45, 4, 11, 18, 4)),
        fill("#d9660f", oval(50, 56, 44, 38)),
        fill("#f58220", oval(26, 56, 19, 35), oval(74, 56, 19, 35), oval(50, 56, 20, 38)),
        fill(
            "#4a1f06",
            poly((26, 52), (42, 52), (36, 36)),
            poly((58, 52), (74, 52), (64, 36)),
            poly(
                (24, 64),
                (34, 68),
                (40, 64),
                (46, 70),
                (54, 70),
                (60, 64),
                (66, 68),
                (76, 64),
                (66, 82),
                (34, 82),
            ),
        ),
    ),
    "\U0001f648": _monkey(_paw(34, 46, 24), _paw(66, 46, -24, True)),
    "\U0001f649": _monkey(_paw(12, 56, 14), _paw(88, 56, -14, True)),
    "\U0001f64a": _monkey(_paw(38, 78, 40), _paw(62, 78, -40, True)),
    "\U0001f91d": (
        fill(BLUE, box(0, 40, 18, 32, 3)),
        fill("#e0526f", box(82, 40, 18, 32, 3)),
        line(SKIN, 26, "M 24 56 L 58 58"),
        line("#d99b62", 24, "M 76 54 L 50 50"),
        line(SKIN, 9, "M 46 68 L 62 76", "M 40 72 L 52 82", "M 34 72 L 42 80"),
        line("#b97a45", 2.4, "M 52 58 L 66 68", "M 60 52 L 74 60"),
    ),
    "\u270d": (
        line("#5b6bc0", 8, "M 20 78 L 66 22"),
        fill("#2b2b33", poly((12, 90), (15, 76), (25, 83))),
        fill(SKIN, box(40, 44, 48, 40, 14)),
        line(SKIN, 11, "M 50 54 L 34 50", "M 52 64 L 36 64", "M 56 48 L 50 34"),
        line(RIM, 2.4, "M 46 72 Q 56 76 64 70"),
        line("#9aa4b2", 3, "M 8 96 Q 22 90 40 96"),
    ),
    "\U0001f385": (
        *FACE,
        fill(WHITE, "M 10 54 Q 20 66 34 58 Q 50 52 66 58 Q 80 66 90 54 Q 92 98 50 98 Q 8 98 10 54 Z"),
        *dots(44, 4.5),
        fill("#e88a70", oval(50, 54, 6)),
        line(RED, 4, "M 42 68 Q 50 74 58 68"),
        fill(RED, "M 12 30 Q 24 0 60 2 Q 84 4 90 32 Z"),
        fill(WHITE, box(8, 24, 84, 12, 6), oval(88, 14, 8)),
    ),
    "\U0001f384": _FIR,
    "\u2603": (
        fill("#e7f0fa", oval(50, 70, 30, 27)),
        fill("#f6faff", oval(50, 34, 21)),
        fill(
            "#2b2b33",
            box(30, 12, 40, 6, 2),
            box(36, 0, 28, 14, 3),
            oval(43, 32, 2.6),
            oval(57, 32, 2.6),
            oval(50, 62, 2.8),
            oval(50, 74, 2.8),
        ),
        fill("#ff8f1f", poly((50, 37), (66, 41), (50, 43))),
        line(BROWN, 3.4, "M 22 60 L 4 46", "M 78 60 L 96 46"),
        line(RED, 6, "M 34 50 Q 50 58 66 50", "M 62 52 L 66 66"),
    ),
    "\U0001f485": (
        line(SKIN, 13, "M 30 70 L 30 30", "M 46 66 L 46 20", "M 62 66 L 62 24", "M 76 72 L 78 40"),
        fill(SKIN, box(22, 56, 60, 38, 16)),
        fill("#e83e8c", oval(30, 26, 5, 8), oval(46, 16, 5, 8), oval(62, 20, 5, 8), oval(78, 36, 5, 8)),
        line(RIM, 2.4, "M 38 58 L 38 68", "M 54 58 L 54 68", "M 69 60 L 69 70"),
    ),
    "\U0001f5ff": (
        fill("#7d8791", "M 26 10 L 70 4 L 78 34 L 88 58 L 78 64 L 80 96 L 22 96 L 20 40 Z"),
        fill("#5d666f", "M 26 34 L 76 28 L 76 38 L 60 42 L 66 64 L 48 64 L 50 42 L 26 44 Z"),
        line("#4a525a", 4, "M 38 78 L 72 76"),
        line("#98a2ab", 3, "M 30 18 L 66 12"),
    ),
    "\U0001f192": (
        fill("#2874d9", box(6, 6, 88, 88, 16)),
        line(
            WHITE,
            6,
            "M 32 40 Q 22 36 20 50 Q 22 64 32 60",
            oval(46, 50, 7, 11),
            oval(66, 50, 7, 11),
            "M 82 36 L 82 60",
        ),
    ),
    "\U0001f498": (
        *heart(50, 52, 80, "#ec407a"),
        line("#5b6bc0", 5, "M 8 88 L 30 70", "M 70 32 L 92 10"),
        fill("#5b6bc0", poly((96, 4), (78, 10), (90, 22))),
        line("#5b6bc0", 4, "M 6 78 L 14 82 L 16 92"),
    ),
    "\U0001f984": (
        fill("#b06ee0", "M 60 20 Q 92 26 90 70 Q 80 60 72 64 Q 78 44 60 36 Z"),
        fill(
            "#f7f2ff",
            "M 34 26 L 40 12 L 50 22 Q 74 26 74 62 L 70 96 L 40 96 "
            "Q 44 78 38 72 L 18 72 Q 6 66 12 56 Q 26 46 34 26 Z",
        ),
        fill("#ffc62e", poly((34, 24), (22, 0), (44, 18))),
        fill("#ff8fc7", "M 46 20 Q 66 22 70 50 Q 58 40 50 40 Z"),
        fill(DARK, oval(40, 44, 4, 5), oval(16, 62, 2)),
        line("#c9b8e0", 2.5, "M 14 68 Q 20 70 26 66"),
    ),
    "\U0001f48a": moved(
        (
            fill("#e53950", box(6, 32, 50, 36, 18)),
            fill("#f5f7fb", box(44, 32, 50, 36, 18)),
            fill("#e53950", box(38, 32, 12, 36)),
            fill("#f5f7fb", box(50, 32, 12, 36)),
            line(WHITE, 4, "M 20 41 L 40 41", alpha=60),
        ),
        turn=-40,
    ),
    "\U0001f47e": (
        fill(
            "#8e44d6",
            *(
                box(x * 9 + 5, y * 9 + 18, 9.2, 9.2)
                for y, row in enumerate(
                    (
                        "..#....#..",
                        "...#..#...",
                        "..######..",
                        ".##.##.##.",
                        "##########",
                        "#.######.#",
                        "#.#....#.#",
                        "...#..#...",
                    )
                )
                for x, one in enumerate(row)
                if one == "#"
            ),
        ),
    ),
    "\U0001f937": (
        fill("#8e44d6", "M 22 98 Q 22 66 50 66 Q 78 66 78 98 Z"),
        *moved(FACE, 0, -16, 0.58),
        *moved((*dots(42), *smile(64, -6, 14)), 0, -16, 0.58),
        line(SKIN, 11, "M 20 84 L 8 62", "M 80 84 L 92 62"),
        fill(SKIN, oval(8, 58, 9, 7), oval(92, 58, 9, 7)),
    ),
}
"""By emoji, without variation selectors."""
