"""Libraries from npm for the journeys, kept beside the other clients."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.wheels import CACHE


def installed(source: Path) -> Path:
    """A folder with what `source`/package.json names and copies of the other files of `source`; without Node.js, npm or
    a registry the test is skipped."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip(f"Node.js is not installed here: {source.name} is not tried")
    folder = CACHE / source.name
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (source / "package.json").read_text()
    stamp = folder / "installed.json"
    if not stamp.exists() or stamp.read_text() != wanted:
        (folder / "package.json").write_text(wanted)
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=400, check=False)
        if done.returncode:
            pytest.skip(f"npm could not install what {source.name} needs: {done.stderr[-300:]}")
        stamp.write_text(wanted)
    for path in source.iterdir():
        if path.is_file() and path.name != "package.json":
            shutil.copy(path, folder / path.name)
    return folder
