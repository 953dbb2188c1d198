"""Benchmarks never rot: each runs with --quick and prints JSON lines that carry a ratio. No figure is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
PARTS = {"__init__", "load", "measure", "servers", "yardstick"}
BENCHES = sorted(path.stem for path in (ROOT / "scripts" / "bench").glob("*.py") if path.stem not in PARTS)


def keys(value: object) -> set[str]:
    """Every key anywhere in a JSON value."""
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys(inner)}
    return {key for inner in value for key in keys(inner)} if isinstance(value, list) else set()


@pytest.mark.parametrize("bench", BENCHES)
def test_runs_and_prints_a_ratio(bench: str) -> None:
    command = [sys.executable, "-m", f"scripts.bench.{bench}", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stdout
    assert any("ratio" in key for line in lines for key in keys(line)), lines
