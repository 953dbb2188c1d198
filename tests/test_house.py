"""The house rules as a test: floors, sizes, banned calls, generated files, what must be listed somewhere.

Each failure says what to do. The rules and their reasons: docs/ARCHITECTURE.md and CONTRIBUTING.md.
"""

from __future__ import annotations

import ast
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.sources import ROOT, code_files, imports_in, tree_of

# Floors: an import may only go down, or stay within its own package or its neighbours of the same floor.
FLOORS: list[list[str]] = [
    ["errors", "clock", "config", "log", "limits", "ids", "metrics", "child"],
    ["tl"],
    ["mtproto", "store", "chunks", "imaging", "stock", "adapters", "webroot"],
    ["backup"],
    ["services"],
    ["rpc", "render"],
    ["api", "botapi"],
    ["server", "admin"],
    ["app"],
    ["cli"],
]
STRANGERS = [(a, b) for a in ("mtproto",) for b in ("store", "chunks", "imaging", "adapters", "services")]
"""The wire tower and the domain tower never know each other below api/."""
SERVICES_MAY_USE_TL = {"tl.layers", "tl.fast"}
"""Services carry TL bytes and never look inside: of tl they may import these."""
CLI_MAY_IMPORT = {"tgserve", "config", "errors", "ids", "admin.schema"}
CLI_MAY_IMPORT_LATE = CLI_MAY_IMPORT | {
    "app",
    "admin.offline",
    "admin.offline_backups",
    "admin.offline_catalogue",
    "webroot",
}
"""Inside a command's function: the daemon itself, and what works without one."""
LAYER_ROOMS = ("tl/", "rpc/dispatcher.py", "rpc/context.py", "rpc/wrappers.py", "server/")
"""Where `.layer` of a call or session may be read; records and keys keep theirs as a stored fact."""

BIG = 800
GENERATED = ("tgserve/tl/types.py", "tgserve/tl/legacy_types.py", "tgserve/tl/functions/")

BANNED: list[tuple[str, str, tuple[str, ...]]] = [
    (r"\btime\.time\(", "take a Clock", ("tgserve/clock.py",)),
    (r"\btime\.monotonic\(", "take a Clock", ("tgserve/clock.py",)),
    (r"\bdatetime\.(now|utcnow)\(", "take a Clock", ()),
    (r"\brandom\.|\bimport random\b|\bsecrets\.", "take Ids", ("tgserve/ids.py",)),
    (r"\bos\.urandom\b", "take Ids", ("tgserve/ids.py",)),
    (r"(?<![\w.])print\(", "use log, or cli/output.py", ()),
    (r"\bexcept Exception\b|\bexcept:", "catch what can be raised", ("tgserve/rpc/dispatcher.py",)),
    (r"\bcreate_task\(|\bensure_future\(", "use server/lifecycle.py", ("tgserve/server/lifecycle.py",)),
    (r"\bfrom \S+ import \*", "name what is imported", ()),
    (r"\bTYPE_CHECKING\b", "move the shared type down a floor", ()),
    (r"\bTODO\b|\bFIXME\b|\bXXX\b", "do it, or write an issue", ()),
]
MAY_CATCH_ALL = ("tgserve/server/fanout.py", "tgserve/server/lifecycle.py", "tgserve/app.py")
"""Where one fault must not cost the others: the next update, the next task, the rest of a stop."""
BAD_NAMES = {"utils", "helpers", "manager", "managers", "base", "misc", "common"}
FOREIGN_WORDS = re.compile(r"/work/|/root/|\.pyenv|\bClaude\b|\bChatGPT\b|\bCopilot\b|\bLLM\b", re.IGNORECASE)


def name_of(path: Path) -> str:
    """`tgserve/tl/base.py` -> `tl.base`, `cli/main.py` -> `cli.main`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "tgserve":
        parts = parts[1:]
    return ".".join(part for part in parts if part != "__init__")


def place(path: Path, root: Path = ROOT) -> str:
    return path.relative_to(root).as_posix()


def is_generated(path: Path) -> bool:
    return place(path).startswith(GENERATED)


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def floor_of(name: str) -> int | None:
    return next(
        (floor for floor, names in enumerate(FLOORS) if any(inside(name, one) for one in names)), None
    )


@cache
def imports_of(path: Path) -> list[tuple[ast.stmt, str]]:
    """(statement, module or module.name) of our own imports, without the leading `tgserve.`."""
    return list(_imports_of(path))


def _imports_of(path: Path) -> Iterator[tuple[ast.stmt, str]]:
    for node in imports_in(path):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name == "tgserve" or name.startswith("tgserve."):
                yield node, name.removeprefix("tgserve").removeprefix(".") or "tgserve"


def at_top(path: Path) -> set[ast.stmt]:
    return set(tree_of(path).body)


def test_imports_go_down():
    wrong = []
    for path in code_files():
        here = name_of(path)
        if inside(here, "testing") or here == "__main__":
            continue
        mine = floor_of(here)
        for node, name in imports_of(path):
            theirs = floor_of(name)
            if mine is None or theirs is None:
                continue
            if theirs > mine:
                wrong.append(
                    f"{place(path)}:{node.lineno}: {here} (floor {mine}) imports {name} (floor {theirs})"
                )
            for one, other in STRANGERS:
                if (inside(here, one) and inside(name, other)) or (inside(here, other) and inside(name, one)):
                    wrong.append(f"{place(path)}:{node.lineno}: {one} and {other} must not know each other")
    assert not wrong, "move what is shared down a floor:\n" + "\n".join(wrong)


def test_every_module_has_a_floor():
    lost = [place(path) for path in code_files() if floor_of(name_of(path)) is None]
    allowed = ("tgserve/__init__.py", "tgserve/__main__.py", "tgserve/testing/")
    lost = [one for one in lost if not one.startswith(allowed)]
    assert not lost, f"give these a floor in tests/test_house.py: {lost}"


def test_services_do_not_read_tl():
    wrong = [
        f"{place(path)}:{node.lineno}: {name}"
        for path in ROOT.glob("tgserve/services/**/*.py")
        for node, name in imports_of(path)
        if inside(name, "tl") and not any(inside(name, one) for one in SERVICES_MAY_USE_TL)
    ]
    assert not wrong, "services return records, render/ draws TL:\n" + "\n".join(wrong)


def test_the_command_line_stays_thin():
    wrong = []
    for path in ROOT.glob("cli/**/*.py"):
        top = at_top(path)
        for node, name in imports_of(path):
            allowed = CLI_MAY_IMPORT if node in top else CLI_MAY_IMPORT_LATE
            if not any(inside(name, one) or name.startswith("__") for one in allowed - {"tgserve"}):
                wrong.append(f"{place(path)}:{node.lineno}: {name}")
    assert not wrong, "the command line speaks to the daemon through admin/schema/:\n" + "\n".join(wrong)


def test_imports_stand_at_the_top():
    wrong = []
    for path in code_files():
        if place(path).startswith("cli/") or at_top(path).issuperset(imports_in(path)):
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Import | ast.ImportFrom):
                        wrong.append(f"{place(path)}:{inner.lineno}")
    assert not wrong, f"imports in functions hide cycles: {sorted(set(wrong))}"


def test_no_import_cycles():
    names = {name_of(path): path for path in code_files()}
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        top = at_top(path)
        targets = set()
        for node, target in imports_of(path):
            if node not in top:
                continue
            # `from tgserve.x import y` is module x.y if there is one, else x.
            found = target if target in names else target.rpartition(".")[0]
            if found in names and found != name and found:
                targets.add(found)
        graph[name] = targets
    cycles = [group for group in strong_components(graph) if len(group) > 1]
    assert not cycles, f"these modules import each other: {cycles}"


def strong_components(graph: dict[str, set[str]]) -> list[list[str]]:
    """Tarjan's algorithm; the recursion is as deep as our longest import chain."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            found.append(sorted(stack[at:]))
            del stack[at:]

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_files_are_small():
    paths = [*code_files(), *ROOT.glob("scripts/**/*.py"), *ROOT.glob("tests/**/*.py")]
    big = {place(p): n for p in paths if not is_generated(p) and (n := len(p.read_text().splitlines())) > BIG}
    assert not big, f"split these by concern: {big}"


def test_no_rag_bag_names():
    bad = [place(p) for p in code_files() if p.stem in BAD_NAMES and place(p) != "tgserve/tl/base.py"]
    assert not bad, f"name files by what they do: {bad}"


def code_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Source lines with comments (they may name what is banned) and the insides of strings taken out."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    holes: list[tuple[int, int, int, int]] = []
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in (tokenize.STRING, tokenize.COMMENT):
                holes.append((*token.start, *token.end))
    for first, start, last, end in holes:
        for number in range(first, last + 1):
            line = lines[number - 1]
            left = start if number == first else 0
            right = end if number == last else len(line)
            lines[number - 1] = line[:left] + " " * (right - left) + line[right:]
    yield from enumerate(lines, 1)


def banned_in(path: Path, root: Path = ROOT) -> list[str]:
    here = place(path, root)
    found = []
    lines = list(code_lines(path))
    text = list(enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
    for pattern, instead, allowed in BANNED:
        if here in allowed or ("except Exception" in pattern and here in MAY_CATCH_ALL):
            continue
        compiled = re.compile(pattern)
        # Promises for later hide in comments, everything else in code.
        searched = text if "TODO" in pattern else lines
        found += [f"{here}:{n}: {line.strip()} -> {instead}" for n, line in searched if compiled.search(line)]
    return found


def test_banned_calls():
    found = [line for path in code_files() if not is_generated(path) for line in banned_in(path)]
    found = [
        line
        for line in found
        # The command line has no clock and no loop: it waits for a process to end, and shows local time.
        if not (line.startswith("cli/") and "take a Clock" in line)
    ]
    assert not found, "\n" + "\n".join(found)


def test_the_scanner_sees_what_is_banned(tmp_path):
    bad = tmp_path / "tgserve" / "bad.py"
    bad.parent.mkdir()
    bad.write_text('import time\n# time.time() in a comment is fine\nx = "print(1)"\ny = time.time()\n')
    assert banned_in(bad, tmp_path) == ["tgserve/bad.py:4: y = time.time() -> take a Clock"]


def test_layers_are_the_wires_business():
    """Reading `.layer` of a call or session; records and keys keep their layer as a stored fact."""
    wrong = []
    for path in ROOT.glob("tgserve/**/*.py"):
        here = place(path).removeprefix("tgserve/")
        if here.startswith((*LAYER_ROOMS, "mtproto/")) or is_generated(path):
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and node.attr == "layer" and isinstance(node.value, ast.Name):
                if node.value.id in ("call", "session", "caller", "connection"):
                    wrong.append(f"{place(path)}:{node.lineno}: {node.value.id}.layer")
    assert not wrong, f"inside the house only current objects exist: {wrong}"


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_the_text_speaks_of_the_project_alone():
    wrong = []
    for path in tracked_files():
        if path.suffix in (".bin", ".png", ".tl", ".json") or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if FOREIGN_WORDS.search(line):
                wrong.append(f"{place(path)}:{number}: {line.strip()[:100]}")
    assert not wrong, "machine paths and names of tools have no place here:\n" + "\n".join(wrong)


def test_every_error_is_made_by_the_catalogue():
    """A literal `RpcError(` outside errors.py has no line in docs/errors.md."""
    wrong = []
    for path in ROOT.glob("tgserve/**/*.py"):
        if place(path) in ("tgserve/errors.py",) or is_generated(path):
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                called = node.exc.func
                name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                if name == "RpcError":
                    wrong.append(f"{place(path)}:{node.lineno}")
    assert not wrong, f"give the error a line in errors.py: {wrong}"
