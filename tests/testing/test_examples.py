"""A third party's SMS adapter: its own test with the public kit, and found by its entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tgserve.adapters.contract import AdapterError
from tgserve.adapters.loading import SMS, sms_factory
from tgserve.adapters.options import options_of

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/sms_adapter"


def test_the_example_passes_the_public_kit() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE)],
        env=os.environ
        | {"PYTHONPATH": f"{EXAMPLE}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
        | {"PYTEST_ADDOPTS": "", "PY_COLORS": "0"},
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("......"), done.stdout


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip leaves it: the module, and its entry points in a dist-info."""
    info = tmp_path / "tgserve_sms_command-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tgserve-sms-command\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(
        "[tgserve.sms]\ncommand = sms_command:create\ngone = no_such_module:create\nempty = sms_command:nothing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(EXAMPLE))


def test_it_is_found_by_its_entry_point(installed: None) -> None:
    assert {"command", "twilio"} <= set(SMS.names())
    factory = sms_factory("command")
    assert options_of(factory) is None, "it does not say what it takes: everything is a secret"
    with pytest.raises(AdapterError, match="needs program"):
        factory({}, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["gone", "empty"])
def test_a_broken_one_is_told(installed: None, name: str) -> None:
    with pytest.raises(AdapterError, match=f"`{name}` cannot be loaded"):
        sms_factory(name)
