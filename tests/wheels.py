"""Client libraries as their makers ship them, taken from the package registry once and kept beside the other clients."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("TGSERVE_TEST_CACHE", Path.home() / ".cache" / "tgserve-tests"))


def wheel(project: str, version: str) -> Path:
    """The wheel of that version, from the cache or the package registry; without either the test is skipped."""
    CACHE.mkdir(parents=True, exist_ok=True)
    pattern = f"{project}-{version}-*.whl"
    if not list(CACHE.glob(pattern)):
        # Another worker may fetch the same: what stands in the cache is whole.
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            command = [*(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder)]
            command.append(f"{project}=={version}")
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if done.returncode:
                pytest.skip(f"{project} {version} cannot be had here: {done.stderr.strip()[-200:]}")
            found = next(iter(Path(folder).glob("*.whl")))
            found.rename(CACHE / found.name)
    return next(iter(CACHE.glob(pattern)))
