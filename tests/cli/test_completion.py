"""Completion, tried in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with a `tgserve` on it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "tgserve"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m tgserve "$@"\n')
    command.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def script(shell: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tgserve", "completion", shell],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def run(shell: list[str], text: str, path: str, tmp_path: Path) -> list[str]:
    done = subprocess.run(
        [*shell, text],
        env={"PATH": path, "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def need(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine")


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("s", {"start", "stop", "status", "search", "sms"}),
        ("sms ", {"list", "add", "set", "test", "remove", "adapters"}),
        ("sms add --", {"--adapter", "--secret", "--secret-file", "--country", "--no-check"}),
        ("completion ", {"bash", "zsh", "fish"}),
        ("disk rem", {"remove"}),
    ],
)
def test_bash(typed: str, wanted: set[str], path: str, tmp_path: Path) -> None:
    need("bash")
    words = ["tgserve", *typed.split(" ")]
    quoted = " ".join(f"'{word}'" for word in words)
    text = (
        f"{script('bash')}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n"
        "_tgserve_completion tgserve\nprintf '%s\\n' \"${COMPREPLY[@]}\""
    )
    found = set(run(["bash", "--norc", "-c"], text, path, tmp_path))
    assert wanted <= found
    if not typed.endswith("--"):
        assert all(word.startswith(words[-1]) for word in found if word)


def test_fish(path: str, tmp_path: Path) -> None:
    need("fish")
    text = f"{script('fish')}\ncomplete -C 'tgserve sms '"
    found = {line.split("\t")[0] for line in run(["fish", "--no-config", "-c"], text, path, tmp_path)}
    assert {"list", "add", "set", "test", "remove"} <= found


def test_zsh(path: str, tmp_path: Path) -> None:
    """zsh completes in an editor alone: the function is called with its words, and what it hands on is printed."""
    need("zsh")
    text = (
        "compdef() { }\n"
        + script("zsh")
        + "\ncompadd() { print -l -- ${(P)${@[-1]}} }\n_describe() { print -l -- ${(P)3} }\n"
        "words=(tgserve sms ''); CURRENT=3\n_tgserve_completion"
    )
    found = {line.partition(":")[0] for line in run(["zsh", "-f", "-c"], text, path, tmp_path)}
    assert {"list", "add", "set", "test", "remove"} <= found


def test_it_is_fast(path: str, tmp_path: Path) -> None:
    """A tab is not waited for: the best of five, in CPU time, since the machine may be busy with other tests."""
    env = {"PATH": path, "COMP_WORDS": "tgserve s", "COMP_CWORD": "1", "_TGSERVE_COMPLETE": "bash_complete"}
    best = 9.0
    for _ in range(5):
        begin = os.times()
        done = subprocess.run(["tgserve"], env=env, capture_output=True, text=True, cwd=tmp_path)
        end = os.times()
        best = min(best, sum(end[2:4]) - sum(begin[2:4]))
        assert "plain,status" in done.stdout.splitlines()
    assert best < 0.2


def test_every_command_is_offered(path: str, tmp_path: Path) -> None:
    env = {"PATH": path, "COMP_WORDS": "tgserve ", "COMP_CWORD": "1", "_TGSERVE_COMPLETE": "bash_complete"}
    done = subprocess.run(["tgserve"], env=env, capture_output=True, text=True, cwd=tmp_path)
    assert {f"plain,{name}" for name in COMMANDS} <= set(done.stdout.splitlines())


def test_another_shell(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tgserve", "completion", "tcsh"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and "bash" in done.stderr
