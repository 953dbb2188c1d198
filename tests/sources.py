"""The source files as trees, parsed once in a process: for what is said about the code and its documents."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def code_files() -> list[Path]:
    return sorted([*ROOT.glob("tgserve/**/*.py"), *ROOT.glob("cli/**/*.py")])


@cache
def tree_of(path: Path) -> ast.Module:
    enabled = gc.isenabled()
    gc.disable()  # a million nodes, none of them garbage
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        if enabled:
            gc.enable()


@cache
def imports_in(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """All of them, wherever they stand."""
    return tuple(node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Import | ast.ImportFrom))
