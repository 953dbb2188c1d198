"""The benchmark of the store runs and measures what it says (--quick)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_store_benchmark_runs(tmp_path: Path) -> None:
    ran = subprocess.run(
        [
            sys.executable,
            "scripts/bench/store.py",
            "--quick",
            "--in-flight",
            "10",
            "--users",
            "50",
            "--dir",
            tmp_path,
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = ran.stdout.splitlines()
    figures = json.loads(line)
    assert figures["in_flight"] == 10
    assert figures["messages_s"] > 0 and figures["cpu_us"] > figures["loop_cpu_us"] > 0
    assert 9 < figures["rows"] < 20
