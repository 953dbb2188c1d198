"""The texts of the generated documents. Each function returns a whole file."""

from __future__ import annotations

import ast
import csv
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click

from cli.main import COMMANDS, tgserve
from scripts import manpages
from tgserve import errors as error_list
from tgserve.admin import offline
from tgserve.api import catalogue

NOTE = "<!-- Written by scripts/generate.py: change its sources, not this file. -->\n"


def errors() -> str:
    """docs/errors.md: the catalogue by code."""
    lines = [
        "# Errors a client can be told",
        NOTE,
        "Clients match names exactly; `%d` is a number. The catalogue is `tgserve/errors.py`.",
        "",
        "| code | name | meaning |",
        "|---|---|---|",
    ]
    kinds = sorted(error_list.CATALOGUE.values(), key=lambda kind: (kind.code, kind.name))
    lines += [f"| {kind.code} | `{kind.name}` | {kind.meaning} |" for kind in kinds]
    return "\n".join(lines) + "\n"


def methods() -> str:
    """docs/methods.md: every method of the current schema, by namespace."""
    rows = offline.methods()
    statuses = ("REAL", "EMPTY", "REFUSED", catalogue.MISSING)
    counted = Counter((row.need, row.status) for row in rows)
    lines = [
        "# Methods",
        NOTE,
        "REAL does what it says. EMPTY gives a declared harmless answer: the true one is `none`, or it is a report",
        "nobody reads. REFUSED gives a declared error. A missing method answers `400 METHOD_INVALID`. How much each is",
        "needed by clients stands in `tgserve/api/methods.csv`; `tgserve methods NAME` shows one with its code.",
        "",
        f"| needed | {' | '.join(statuses)} |",
        "|---" * 5 + "|",
    ]
    for need in ("core", "expected", "nice", "irrelevant"):
        lines.append(f"| {need} | {' | '.join(str(counted[need, status]) for status in statuses)} |")
    totals = Counter(row.status for row in rows)
    lines.append(f"| all {len(rows)} | {' | '.join(str(totals[status]) for status in statuses)} |")
    by_namespace: dict[str, list[catalogue.Row]] = defaultdict(list)
    for row in rows:
        by_namespace[row.name.rpartition(".")[0]].append(row)
    for namespace, members in sorted(by_namespace.items()):
        lines += ["", f"## {namespace or 'core'}", ""]
        served = [row for row in members if row.status != catalogue.MISSING]
        if served:
            lines += ["| method | status | needed | for | code |", "|---|---|---|---|---|"]
        for row in served:
            place = row.where.rpartition(":")[0]
            lines.append(f"| {row.name} | {row.status} | {row.need} | {row.who} | {place} |")
        absent = [row.name.rpartition(".")[2] for row in members if row.status == catalogue.MISSING]
        if absent:
            lines += ["", f"Missing: {', '.join(absent)}."]
    return "\n".join(lines) + "\n"


def cli() -> str:
    """docs/cli.md: the help of every command."""
    lines = ["# Commands", NOTE]
    with manpages.top_context() as top:
        lines += ["", "```", tgserve.get_help(top), "```"]
        for name in COMMANDS:
            command = tgserve.get_command(top, name)
            if command is not None:
                lines += _help(command, f"tgserve {name}", top)
    return "\n".join(lines) + "\n"


def _help(command: click.Command, path: str, parent: click.Context) -> list[str]:
    name = path.rpartition(" ")[2]
    with click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=manpages.WIDTH,
        max_content_width=manpages.WIDTH,
    ) as context:
        lines = ["", f"## {path}", "", "```", command.get_help(context), "```"]
        if isinstance(command, click.Group):
            for word, inner in sorted(command.commands.items()):
                lines += _help(inner, f"{path} {word}", context)
    return lines


@dataclass(frozen=True, slots=True)
class Promise:
    """A row of scripts/security.csv. `stage` is `now`, or `later` for what belongs to rooms that are not built."""

    id: str
    promise: str
    answer: str
    stage: str


SECTIONS = {
    "1": "Key exchange",
    "2": "Transports",
    "3": "Encrypted messages and sessions",
    "5": "Accounts",
    "6": "Access to peers, chats, files",
    "7": "Operations",
    "8": "Several nodes",
    "10": "Reliability",
}


def promises(root: Path) -> list[Promise]:
    with (root / "scripts/security.csv").open(encoding="utf-8", newline="") as file:
        return [Promise(**row) for row in csv.DictReader(file)]


def security(root: Path) -> str:
    """docs/SECURITY.md: each promise beside the tests that name it."""
    tests = tests_by_promise(root)
    lines = [
        "# What the server promises, and the test that proves it",
        NOTE,
        "Each row is a rule of the protocol or of good keeping. A test names the rows it covers (`test_3_5_...` or",
        "`SECURITY 3.5` in its docstring); a row without a test is not kept yet. How to report a fault:",
        "[SECURITY.md](../SECURITY.md).",
    ]
    section = ""
    for row in promises(root):
        number = row.id.partition(".")[0]
        if number != section:
            section = number
            lines += [
                "",
                f"## {number}. {SECTIONS[number]}",
                "",
                "| id | the server must | answer | tests |",
                "|---|---|---|---|",
            ]
        proofs = "<br>".join(f"`{test}`" for test in tests.get(row.id, [])[:6])
        lines.append(f"| {row.id} | {_cell(row.promise)} | {_cell(row.answer)} | {proofs or 'not yet'} |")
    return "\n".join(lines) + "\n"


_MAY_NAME = re.compile(r"def test\w*[1-8]_\d|SECURITY \d")


@cache
def tests_by_promise(root: Path) -> dict[str, list[str]]:
    """Promise id -> `file::test`, from names and docstrings."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(root.glob("tests/**/*.py")):
        text = path.read_text(encoding="utf-8")
        if not _MAY_NAME.search(text):
            continue
        place = path.relative_to(root / "tests").as_posix()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                for name in _ids_named(node):
                    found[name].append(f"{place}::{node.name}")
    return dict(found)


def _ids_named(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    ids = [
        f"{major}.{minor}" for major, minor in re.findall(r"(?<![0-9])([1-8])_(\d{1,2})(?=_|$)", node.name)
    ]
    for listed in re.findall(r"SECURITY ((?:\d+\.\d+(?:, | and )?)+)", ast.get_docstring(node) or ""):
        ids += re.findall(r"\d+\.\d+", listed)
    return sorted(set(ids))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
