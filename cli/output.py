"""The one door for output: tables and fields on a terminal by rich, plain text in a pipe, `--json` as a contract.

With --json standard output is exactly one JSON object: the result as admin/schema/ has it, or
{"error": {"kind": "refused" | "usage", "text": "..."}}. Without it results go to standard output, refusals to standard
error. Exit codes: 0 done, 1 refused, 2 usage. rich is imported only when there is a terminal to use it on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any


class Refused(Exception):
    """A command that cannot be done; the text says why and what to do."""


EXIT_CODES = {"refused": 1, "usage": 2}


def result(plain: Any) -> None:
    """The JSON form of a result."""
    write(json.dumps(plain, ensure_ascii=False, indent=None))


def write(text: str) -> None:
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Something about the work that is not its result."""
    sys.stderr.write(text + "\n")


def fail(kind: str, text: str, as_json: bool) -> int:
    """Show why a command did not do its work; the exit code."""
    if as_json:
        result({"error": {"kind": kind, "text": text}})
    else:
        sys.stderr.write(f"tgserve: {text}\n")
    return EXIT_CODES[kind]


def fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Name and value, a line each."""
    rows = [(name, str(value)) for name, value in pairs]
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        write(f"{name:<{width}}  {value}")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """On a terminal a table of its width, in a pipe tab-separated lines with a heading."""
    if not sys.stdout.isatty():
        write("\t".join(columns))
        for row in rows:
            write("\t".join(_cell(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(_cell(cell) for cell in row))
    Console().print(drawn, markup=False)


def _cell(cell: object) -> str:
    return str(cell).replace("\t", " ").replace("\n", " ")


def when(unix_seconds: int) -> str:
    """Local time to the minute; a dash for never."""
    if not unix_seconds:
        return "-"
    return datetime.fromtimestamp(unix_seconds).strftime("%Y-%m-%d %H:%M")


def size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def duration(seconds: float) -> str:
    """The two largest units."""
    parts: list[str] = []
    left = int(seconds)
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= length or (unit == "s" and not parts):
            parts.append(f"{left // length} {unit}")
            left %= length
    return " ".join(parts[:2])


def flush() -> None:
    """Before a long wait: whoever reads a pipe shall see what was written."""
    sys.stdout.flush()
