"""search status and rebuild against a real daemon."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tgserve(data, *arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "tgserve", *arguments, "--data", str(data)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    command = [sys.executable, "-m", "tgserve", "start", "--data", str(folder), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None and process.stdout.readline().startswith("ready")
    yield folder
    process.terminate()
    assert process.wait(100) == 0
    process.stdout.close()


def test_status_and_rebuild(data):
    report = json.loads(tgserve(data, "search", "rebuild", "--wait", "--json"))
    assert (report["state"], report["documents"], report["fault"]) == ("ready", 0, "")
    assert report["bytes"] > 0
    assert "ready" in tgserve(data, "search", "status")
    assert (data / "search" / "index.sqlite").stat().st_mode & 0o777 == 0o600
    assert (data / "search").stat().st_mode & 0o777 == 0o700


def test_without_a_server(tmp_path):
    tgserve(tmp_path / "none", "search", "status", code=1)
