"""One line before a commit: format, lint, types, generated files, house rules and the fast tests; under a minute.

python scripts/check.py                   all of it
python scripts/check.py --only types      one step
python scripts/check.py --no-tests        without pytest
python scripts/check.py --fix             let ruff and generate.py repair what they can first
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = ["tgserve", "cli", "scripts", "tests", "setup.py"]
PYTHON = sys.executable

STEPS: dict[str, list[str]] = {
    "format": [PYTHON, "-m", "ruff", "format", "--check", "--quiet", *CODE],
    "lint": [PYTHON, "-m", "ruff", "check", "--quiet", *CODE],
    "types": [PYTHON, "-m", "mypy", "--strict", "tgserve", "cli", "scripts"],
    "generated": [PYTHON, "scripts/generate.py", "--check"],
    "house": [
        *(PYTHON, "-m", "pytest", "tests/test_house.py", "tests/test_docs.py"),
        *("--deselect", "tests/test_docs.py::test_generated_files_are_fresh"),  # the step before
    ],
    "tests": [
        *(PYTHON, "-m", "pytest", "-x", "-n", "2", "-m", "not slow and not journey"),
        # None of theirs is chosen by -m: collecting them costs each worker as long as running a third of the others.
        *(f"--ignore=tests/{folder}" for folder in ("journeys", "faults", "sim", "cli", "nodes", "server")),
        *("--ignore=tests/test_house.py", "--ignore=tests/test_docs.py"),  # the step before
    ],
}
FIXES = [
    [PYTHON, "-m", "ruff", "check", "--quiet", "--fix", *CODE],
    [PYTHON, "-m", "ruff", "format", "--quiet", *CODE],
    [PYTHON, "scripts/generate.py"],
]


def run(name: str) -> tuple[str, int]:
    """Its exit code; what it prints is shown once it is over."""
    begin = time.perf_counter()
    done = subprocess.run(
        STEPS[name], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    seconds = time.perf_counter() - begin
    said = done.stdout.decode(errors="replace")
    sys.stdout.write(f"{said}{name:<10} {'FAILED' if done.returncode else 'ok'} in {seconds:.1f} s\n")
    sys.stdout.flush()
    return name, done.returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=STEPS, action="append", help="run this step (may be repeated)")
    parser.add_argument("--no-tests", action="store_true", help="leave the fast tests out")
    parser.add_argument("--fix", action="store_true", help="repair format, lint and generated files first")
    options = parser.parse_args()
    chosen = options.only or [name for name in STEPS if not (options.no_tests and name == "tests")]
    if options.fix:
        for command in FIXES:
            subprocess.run(command, cwd=ROOT, check=False)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each step would compile 600 modules anew
    failed: list[str] = []
    # Two at a time: each of them uses one core, only the tests use two.
    with ThreadPoolExecutor(2) as pool:
        for name, code in pool.map(run, (name for name in chosen if name != "tests")):
            failed += [name] if code else []
    if "tests" in chosen and run("tests")[1]:
        failed.append("tests")
    sys.stdout.write(f"check: {'failed: ' + ', '.join(failed) if failed else 'all good'}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
