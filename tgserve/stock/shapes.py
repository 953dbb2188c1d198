"""The paper: a drawing is a list of parts, a part is an outline (or several) with a fill and a line.

Units: the paper is 100 x 100, y grows downwards. An outline is a list of nodes; a node is
(x, y, in_x, in_y, out_x, out_y) with handles relative to it, as Lottie has them. Parts later in the list lie on top.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

Node = tuple[float, float, float, float, float, float]
PAPER: Final = 100.0
_ROUND: Final = 0.5523
"""Length of the handles that make four curves a circle."""


@dataclass(frozen=True, slots=True)
class Outline:
    nodes: tuple[Node, ...]
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """`fill` and `line` are colours as `#rrggbb`, empty = none; `width` of the line in units of the paper."""

    outlines: tuple[Outline, ...]
    fill: str = ""
    line: str = ""
    width: float = 0.0
    alpha: int = 100


Drawing = tuple[Part, ...]


def corner(x: float, y: float) -> Node:
    return (x, y, 0.0, 0.0, 0.0, 0.0)


def oval(x: float, y: float, rx: float, ry: float | None = None) -> Outline:
    """An ellipse around (x, y)."""
    ry = rx if ry is None else ry
    hx, hy = rx * _ROUND, ry * _ROUND
    return Outline(
        (
            (x, y - ry, -hx, 0.0, hx, 0.0),
            (x + rx, y, 0.0, -hy, 0.0, hy),
            (x, y + ry, hx, 0.0, -hx, 0.0),
            (x - rx, y, 0.0, hy, 0.0, -hy),
        )
    )


def box(x: float, y: float, w: float, h: float, r: float = 0.0) -> Outline:
    """A rectangle with round corners; (x, y) is its upper left."""
    if not r:
        return poly((x, y), (x + w, y), (x + w, y + h), (x, y + h))
    k = r * _ROUND
    return Outline(
        (
            (x + r, y, -k, 0.0, 0.0, 0.0),
            (x + w - r, y, 0.0, 0.0, k, 0.0),
            (x + w, y + r, 0.0, -k, 0.0, 0.0),
            (x + w, y + h - r, 0.0, 0.0, 0.0, k),
            (x + w - r, y + h, k, 0.0, 0.0, 0.0),
            (x + r, y + h, 0.0, 0.0, -k, 0.0),
            (x, y + h - r, 0.0, k, 0.0, 0.0),
            (x, y + r, 0.0, 0.0, 0.0, -k),
        )
    )


def poly(*points: tuple[float, float], closed: bool = True) -> Outline:
    return Outline(tuple(corner(x, y) for x, y in points), closed)


def star(x: float, y: float, outer: float, inner: float, points: int = 5, turn: float = 0.0) -> Outline:
    made = []
    for number in range(points * 2):
        angle = math.radians(turn - 90 + 180 * number / points)
        r = inner if number % 2 else outer
        made.append((x + r * math.cos(angle), y + r * math.sin(angle)))
    return poly(*made)


def path(text: str) -> Outline:
    """`M x y`, `L x y`, `Q cx cy x y`, `C c1x c1y c2x c2y x y`, `Z`: one outline, absolute, blanks between all."""
    nodes: list[list[float]] = []
    closed = False
    words = iter(text.split())
    for word in words:
        if word == "Z":
            closed = True
            break
        count = {"M": 2, "L": 2, "Q": 4, "C": 6}[word]
        numbers = [float(next(words)) for _ in range(count)]
        x, y = numbers[-2:]
        node = [x, y, 0.0, 0.0, 0.0, 0.0]
        if word == "Q":
            cx, cy = numbers[:2]
            last = nodes[-1]
            last[4:] = (cx - last[0]) * 2 / 3, (cy - last[1]) * 2 / 3
            node[2:4] = (cx - x) * 2 / 3, (cy - y) * 2 / 3
        elif word == "C":
            last = nodes[-1]
            last[4:] = numbers[0] - last[0], numbers[1] - last[1]
            node[2:4] = numbers[2] - x, numbers[3] - y
        nodes.append(node)
    if closed and len(nodes) > 2 and nodes[0][:2] == nodes[-1][:2]:
        nodes[0][2:4] = nodes.pop()[2:4]
    return Outline(tuple((a, b, c, d, e, f) for a, b, c, d, e, f in nodes), closed)


def fill(color: str, *outlines: Outline | str, alpha: int = 100) -> Part:
    return Part(_outlines(outlines), fill=color, alpha=alpha)


def line(color: str, width: float, *outlines: Outline | str, alpha: int = 100) -> Part:
    """Lines have round ends and joints."""
    return Part(_outlines(outlines), line=color, width=width, alpha=alpha)


def _outlines(outlines: Iterable[Outline | str]) -> tuple[Outline, ...]:
    return tuple(path(one) if isinstance(one, str) else one for one in outlines)


def moved(
    drawing: Drawing,
    dx: float = 0.0,
    dy: float = 0.0,
    scale: float = 1.0,
    turn: float = 0.0,
    flip: bool = False,
) -> Drawing:
    """The drawing scaled, mirrored and turned (degrees, clockwise) about the middle of the paper, then moved."""
    middle = PAPER / 2
    cos, sin = math.cos(math.radians(turn)) * scale, math.sin(math.radians(turn)) * scale
    side = -1.0 if flip else 1.0

    def about(x: float, y: float) -> tuple[float, float]:
        x *= side
        return x * cos - y * sin, x * sin + y * cos

    def node(one: Node) -> Node:
        x, y = about(one[0] - middle, one[1] - middle)
        return (x + middle + dx, y + middle + dy, *about(one[2], one[3]), *about(one[4], one[5]))

    return tuple(
        replace(
            part,
            width=part.width * scale,
            outlines=tuple(Outline(tuple(map(node, one.nodes)), one.closed) for one in part.outlines),
        )
        for part in drawing
    )
