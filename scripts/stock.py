"""Paint the still pictures of the stock set: tgserve/stock/pictures/*.webp, from the drawings in tgserve/stock.

    python scripts/stock.py            paint what is missing or has changed
    python scripts/stock.py --sheet X  all drawings on one page, to look at

Needs Pillow. The pictures are committed, so that a server needs no painter; run this after changing a drawing.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tgserve.stock import catalogue as pictures  # noqa: E402
from tgserve.stock.shapes import PAPER, Drawing, Outline  # noqa: E402

FINER = 3
"""Painted so much larger, then reduced: Pillow's own edges are hard."""
STEPS = 14
"""Straight pieces of one curve."""
MARGIN = 0.03
"""Of the picture, left free at each side."""


def points(outline: Outline) -> Iterator[tuple[float, float]]:
    """The outline as straight pieces, in units of the paper."""
    nodes = outline.nodes
    pairs = list(zip(nodes, nodes[1:] + (nodes[:1] if outline.closed else ()), strict=False))
    yield nodes[0][:2]
    for a, b in pairs:
        if not any((*a[4:], *b[2:4])):
            yield b[:2]
            continue
        p = (a[:2], (a[0] + a[4], a[1] + a[5]), (b[0] + b[2], b[1] + b[3]), b[:2])
        for step in range(1, STEPS + 1):
            t = step / STEPS
            k = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            yield (sum(k[i] * p[i][0] for i in range(4)), sum(k[i] * p[i][1] for i in range(4)))


def paint(drawing: Drawing, size: int) -> Image.Image:
    """The drawing as a square picture of `size` pixels with a clear background."""
    large = size * FINER
    picture = Image.new("RGBA", (large, large))
    unit = large * (1 - 2 * MARGIN) / PAPER
    for part in drawing:
        stencil = Image.new("L", (large, large))
        pen = ImageDraw.Draw(stencil)
        ink = round(255 * part.alpha / 100)
        for outline in part.outlines:
            way = [(x * unit + large * MARGIN, y * unit + large * MARGIN) for x, y in points(outline)]
            if part.fill and len(way) > 2:
                pen.polygon(way, fill=ink)
            if part.line:
                width = part.width * unit
                pen.line(way, fill=ink, width=round(width), joint="curve")
                for x, y in way:
                    pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=ink)
        color = Image.new("RGBA", (large, large), part.fill or part.line)
        color.putalpha(stencil)
        picture.alpha_composite(color)
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def webp(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=80, alpha_quality=80, method=6)
    return out.getvalue()


def sheet(target: Path) -> None:
    drawings = pictures.DRAWINGS
    cell, columns = 128, 12
    rows = (len(drawings) + columns - 1) // columns
    page = Image.new("RGB", (cell * columns, cell * rows), "white")
    for number, drawing in enumerate(drawings.values()):
        one = paint(drawing, cell - 8)
        page.paste(one, (number % columns * cell + 4, number // columns * cell + 4), one)
    page.save(target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", type=Path)
    asked = parser.parse_args()
    if asked.sheet:
        sheet(asked.sheet)
        return 0
    folder = ROOT / "tgserve" / "stock" / "pictures"
    folder.mkdir(exist_ok=True)
    wanted = {pictures.file_name(emoji): drawing for emoji, drawing in pictures.STILL.items()}
    for name, drawing in wanted.items():
        (folder / name).write_bytes(webp(paint(drawing, pictures.STILL_SIZE)))
    for old in folder.glob("*.webp"):
        if old.name not in wanted:
            old.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
