"""Drawings that move: Lottie files as animated stickers are (`.tgs`), made of a drawing and its motion.

A film has 512 x 512 points and 60 frames a second; layers that come first lie on top. A drawing used by several
layers is held once, as an asset. The same drawing and motion always give the same bytes.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from tgserve.stock.shapes import PAPER, Drawing, Outline, Part

SIDE: Final = 512
RATE: Final = 60
UNIT: Final = 5.0
"""Points of the film for one unit of paper: a little room is left around it."""
EDGE: Final = (SIDE - PAPER * UNIT) / 2

Key = tuple[float, Sequence[float]]
"""Frame and value."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A drawing on its way through the film. `scale` in percent (x, y), `turn` in degrees, `shift` in units of paper
    from where it is drawn, `alpha` in percent; each is a list of keys. Seen from frame `first` until before `last`."""

    drawing: Drawing
    scale: tuple[Key, ...] = ()
    turn: tuple[Key, ...] = ()
    shift: tuple[Key, ...] = ()
    alpha: tuple[Key, ...] = ()
    first: int = 0
    last: int = 0
    pivot: tuple[float, float] = (50.0, 50.0)


def film(frames: int, layers: Iterable[Layer], name: str = "") -> bytes:
    """The `.tgs` file of a film of so many frames; layers from the lowest to the topmost."""
    drawn = list(layers)
    uses: dict[int, list[Drawing]] = {}
    for layer in drawn:
        uses.setdefault(id(layer.drawing), []).append(layer.drawing)
    assets: dict[int, str] = {}
    held: list[dict[str, Any]] = []
    for key, same in uses.items():
        if len(same) > 1:
            assets[key] = f"d{len(held)}"
            held.append({"id": assets[key], "layers": [_still(same[0], frames)]})
    made = [_layer(layer, number, frames, assets) for number, layer in enumerate(reversed(drawn))]
    content = {
        "tgs": 1,
        "v": "5.5.2",
        "fr": RATE,
        "ip": 0,
        "op": frames,
        "w": SIDE,
        "h": SIDE,
        "nm": name,
        "ddd": 0,
        "assets": held,
        "layers": made,
    }
    return gzip.compress(json.dumps(content, separators=(",", ":")).encode(), 9, mtime=0)


def _still(drawing: Drawing, frames: int) -> dict[str, Any]:
    return {
        "ddd": 0,
        "ind": 1,
        "ty": 4,
        "sr": 1,
        "ks": _transform(Layer(()), (0.0, 0.0)),
        "ao": 0,
        "shapes": _shapes(drawing),
        "ip": 0,
        "op": frames,
        "st": 0,
        "bm": 0,
    }


def _layer(layer: Layer, number: int, frames: int, assets: dict[int, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"ddd": 0, "ind": number + 1, "sr": 1, "ao": 0}
    made["ks"] = _transform(layer, tuple(one * UNIT + EDGE for one in layer.pivot))
    made |= {"ip": layer.first, "op": layer.last or frames, "st": 0, "bm": 0}
    asset = assets.get(id(layer.drawing))
    if asset is None:
        return made | {"ty": 4, "shapes": _shapes(layer.drawing)}
    return made | {"ty": 0, "refId": asset, "w": SIDE, "h": SIDE}


def _transform(layer: Layer, pivot: Sequence[float]) -> dict[str, Any]:
    x, y = pivot
    shift = tuple((frame, (x + dx * UNIT, y + dy * UNIT, 0.0)) for frame, (dx, dy) in layer.shift)
    return {
        "o": _value(layer.alpha, (100.0,)),
        "r": _value(layer.turn, (0.0,)),
        "p": _value(shift, (x, y, 0.0)),
        "a": _value((), (x, y, 0.0)),
        "s": _value(tuple((frame, (*one, 100.0)) for frame, one in layer.scale), (100.0, 100.0, 100.0)),
    }


def _value(keys: Sequence[Key], still: Sequence[float]) -> dict[str, Any]:
    if not keys:
        return {"a": 0, "k": _numbers(still) if len(still) > 1 else round(still[0], 2)}
    if len(keys) == 1:
        return _value((), keys[0][1])
    made: list[dict[str, Any]] = []
    for (frame, value), (_, after) in pairwise(keys):
        made.append(
            {
                "t": frame,
                "s": _numbers(value),
                "e": _numbers(after),
                "i": {"x": [0.6] * len(value), "y": [1.0] * len(value)},
                "o": {"x": [0.4] * len(value), "y": [0.0] * len(value)},
            }
        )
    made.append({"t": keys[-1][0], "s": _numbers(keys[-1][1])})
    return {"a": 1, "k": made}


def _shapes(drawing: Drawing) -> list[dict[str, Any]]:
    return [_group(part) for part in reversed(drawing)]


def _group(part: Part) -> dict[str, Any]:
    items: list[dict[str, Any]] = [{"ty": "sh", "ks": {"a": 0, "k": _outline(one)}} for one in part.outlines]
    if part.fill:
        items.append({"ty": "fl", "c": _color(part.fill), "o": {"a": 0, "k": part.alpha}, "r": 1})
    if part.line:
        width = {"a": 0, "k": round(part.width * UNIT, 2)}
        items.append(
            {"ty": "st", "c": _color(part.line), "o": {"a": 0, "k": part.alpha}, "w": width, "lc": 2, "lj": 2}
        )
    zero, whole = {"a": 0, "k": [0, 0]}, {"a": 0, "k": [100, 100]}
    none, full = {"a": 0, "k": 0}, {"a": 0, "k": 100}
    items.append({"ty": "tr", "p": zero, "a": zero, "s": whole, "r": none, "o": full, "sk": none, "sa": none})
    return {"ty": "gr", "it": items}


def _outline(outline: Outline) -> dict[str, Any]:
    nodes = outline.nodes
    return {
        "i": [_numbers((n[2] * UNIT, n[3] * UNIT)) for n in nodes],
        "o": [_numbers((n[4] * UNIT, n[5] * UNIT)) for n in nodes],
        "v": [_numbers((n[0] * UNIT + EDGE, n[1] * UNIT + EDGE)) for n in nodes],
        "c": outline.closed,
    }


def _numbers(values: Sequence[float]) -> list[float]:
    return [round(float(one), 2) for one in values]


def _color(code: str) -> dict[str, Any]:
    red, green, blue = (int(code[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return {"a": 0, "k": [round(red, 3), round(green, 3), round(blue, 3), 1]}
