"""How an emoji moves: the animations of a reaction, and of an emoji sent alone."""

from __future__ import annotations

import math
from typing import Final

from tgserve.stock.lottie import Key, Layer, film
from tgserve.stock.shapes import Drawing, moved, oval, star
from tgserve.stock.shapes import fill as filled

KINDS: Final = ("appear", "select", "activate", "effect", "around")
"""The moving pictures of a reaction. `appear`: it comes into the picker; `select`: it is pointed at; `activate`: it
sits in a message; `effect`: it was given, large; `around`: the same, small. The icon in their middle is `activate`."""
_BURST: Final = ("#ffd04a", "#ef3e4a", "#4fb6f5", "#43b862", "#ec6fb4", "#ff9d2e")


def _even(*keys: tuple[float, float]) -> tuple[Key, ...]:
    """The same scale both ways."""
    return tuple((frame, (value, value)) for frame, value in keys)


def appear(drawing: Drawing) -> bytes:
    scale = _even((0, 0), (14, 116), (22, 94), (30, 100))
    return film(36, (Layer(drawing, scale=scale, turn=((0, (-30,)), (18, (8,)), (30, (0,)))),))


def select(drawing: Drawing) -> bytes:
    turn: tuple[Key, ...] = ((0, (0,)), (15, (-10,)), (45, (10,)), (60, (0,)))
    return film(60, (Layer(drawing, turn=turn, scale=_even((0, 92), (30, 100), (60, 92))),))


def activate(drawing: Drawing) -> bytes:
    hop: tuple[Key, ...] = ((0, (0, 0)), (14, (0, -9)), (28, (0, 2)), (36, (0, 0)), (60, (0, 0)))
    squash: tuple[Key, ...] = (
        (0, (84, 84)),
        (14, (80, 88)),
        (28, (90, 76)),
        (40, (84, 84)),
        (60, (84, 84)),
    )
    return film(60, (Layer(drawing, shift=hop, scale=squash, pivot=(50, 92)),))


def effect(drawing: Drawing) -> bytes:
    """Many small ones fly out of the middle, one large one stays a while."""
    layers = []
    for number in range(9):
        angle = math.radians(40 * number + 8)
        reach = 33 + 9 * (number % 3)
        start = 6 + 2 * (number % 4)
        x, y = math.cos(angle) * reach, math.sin(angle) * reach
        size = 17 + 5 * (number % 3)
        layers.append(
            Layer(
                drawing,
                shift=((start, (0, 0)), (start + 40, (x, y)), (start + 70, (x * 1.08, y + 8))),
                scale=_even((start, 0), (start + 16, size), (start + 50, size), (start + 70, 0)),
                turn=((start, (0,)), (start + 70, (number % 2 * 80 - 40,))),
            )
        )
    layers.append(Layer(drawing, scale=_even((0, 0), (14, 52), (20, 44), (66, 46), (80, 0))))
    return film(96, layers)


def around(drawing: Drawing) -> bytes:
    """Confetti around where the reaction sits."""
    layers = []
    for number in range(12):
        angle = math.radians(30 * number)
        color = _BURST[number % len(_BURST)]
        shape = star(50, 50, 5, 2.3) if number % 2 else oval(50, 50, 3.2)
        reach = 30 + 12 * (number % 2)
        x, y = math.cos(angle) * reach, math.sin(angle) * reach
        layers.append(
            Layer(
                (filled(color, shape),),
                shift=((0, (x / 4, y / 4)), (30, (x, y)), (50, (x * 1.05, y + 4))),
                scale=_even((0, 30), (14, 100), (32, 90), (50, 0)),
            )
        )
    return film(54, layers)


def alone(drawing: Drawing) -> bytes:
    """An emoji sent by itself: it breathes and nods, over and over."""
    turn: tuple[Key, ...] = ((0, (0,)), (20, (-6,)), (50, (6,)), (80, (-3,)), (100, (0,)), (120, (0,)))
    scale = _even((0, 90), (30, 100), (60, 94), (90, 100), (120, 90))
    return film(120, (Layer(drawing, turn=turn, scale=scale, pivot=(50, 80)),))


def reaction(kind: str, drawing: Drawing) -> bytes:
    """The `.tgs` of one of KINDS."""
    return {"appear": appear, "select": select, "activate": activate, "effect": effect, "around": around}[
        kind
    ](drawing)


def small(drawing: Drawing, x: float, y: float, scale: float) -> Drawing:
    """The drawing reduced, with its middle at (x, y)."""
    return moved(drawing, x - 50, y - 50, scale)
