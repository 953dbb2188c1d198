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
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = ["tgserve", "cli", "scripts", "tests", "setup.py"]
PYTHON = sys.executable

STEPS: dict[str, list[str]] = {
    "format": [PYTHON, "-m", "ruff", "format", "--check", "--quiet", *CODE],
    "lint": [PYTHON, "-m", "ruff", "check", "--quiet", *CODE],
    "types": [PYTHON, "-m", "mypy", "--strict", "tgserve", "cli", "scripts"],
    "generated": [PYTHON, "scripts/generate.py", "--check"],
    "house": [PYTHON, "-m", "pytest", "tests/test_house.py", "tests/test_docs.py"],
    "tests": [
        *(PYTHON, "-m", "pytest", "-x", "-n", "2", "-m", "not slow and not journey"),
        *("--ignore=tests/journeys", "--ignore=tests/faults", "--ignore=tests/sim"),
        *("--ignore=tests/test_house.py", "--ignore=tests/test_docs.py"),  # the step before
    ],
}
FIXES = [
    [PYTHON, "-m", "ruff", "check", "--quiet", "--fix", *CODE],
    [PYTHON, "-m", "ruff", "format", "--quiet", *CODE],
    [PYTHON, "scripts/generate.py"],
]


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
    for name in chosen:
        begin = time.perf_counter()
        code = subprocess.run(STEPS[name], cwd=ROOT, check=False, stdin=subprocess.DEVNULL).returncode
        seconds = time.perf_counter() - begin
        sys.stdout.write(f"{name:<10} {'ok' if not code else 'FAILED'} in {seconds:.1f} s\n")
        sys.stdout.flush()
        if code:
            failed.append(name)
    sys.stdout.write(f"check: {'failed: ' + ', '.join(failed) if failed else 'all good'}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
