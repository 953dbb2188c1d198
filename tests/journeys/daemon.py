"""A real `tgserve start` in its own process, driven as an operator would: command line, ready line, signals."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from cli.client import call
from cli.commands.key import read_public
from tests.ports import free_port
from tgserve.admin.schema.daemon import Metrics
from tgserve.admin.schema.users import UserCode

ROOT = Path(__file__).resolve().parents[2]


class Daemon:
    """Starts, stops, kills and restarts one server on one data folder and one port."""

    def __init__(self, data: Path, *, port: int = 0, config: str = "") -> None:
        self.data = data
        self.port = port or free_port()
        self.host = "127.0.0.1"
        self.log = data.parent / f"{data.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        if config:
            data.mkdir(parents=True, exist_ok=True)
            (data / "tgserve.toml").write_text(config)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tgserve", *arguments, "--data", str(self.data)]

    def run(self, *arguments: str, timeout: float = 200) -> str:
        """The standard output of a CLI command that must succeed."""
        done = subprocess.run(
            self.command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=timeout
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, timeout: float = 200) -> Daemon:
        before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command("start", "--listen", f"{self.host}:{self.port}"),
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            with self.log.open("rb") as log:
                log.seek(before)
                if any(b"ready" in line and b"127.0.0.1:" in line for line in log.read().splitlines()):
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"the server did not come to ready:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(100)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(100)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()

    @property
    def pem(self) -> str:
        """As `tgserve key public` prints it; asked for by every client, so without a process of its own."""
        return read_public(self.data)

    def code(self, phone: str) -> str:
        """The last login code, as `tgserve user code PHONE` asks for it, without a process of its own."""
        return call(self.data, UserCode(phone)).code

    def figures(self, metric: str, label: str) -> dict[str, int]:
        """What a labelled counter stands at, by the label's value: `figures("tgserve_rpc_calls_total", "method")`."""
        text = call(self.data, Metrics()).text
        found = re.findall(rf'^{metric}\{{{label}="([^"]+)"\}} (\S+)$', text, re.M)
        return {value: int(float(count)) for value, count in found}

    def calls(self) -> dict[str, int]:
        """How often each method was called since the start."""
        return self.figures("tgserve_rpc_calls_total", "method")

    def wait_called(self, method: str, times: int) -> None:
        """Until a method was called so often since the start: TDLib says that much is done before it tells the server."""
        until = time.monotonic() + 100
        while self.calls().get(method, 0) < times:
            assert time.monotonic() < until, f"{method} was not called {times} times"
            time.sleep(0.05)

    def rss_bytes(self) -> int:
        assert self.process is not None
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def faults(self) -> list[str]:
        """Lines of the log that tell of a fault of ours: a journey that leaves one has failed."""
        marks = ("Traceback", "level=error", "level=critical", "INTERNAL")
        return [
            line
            for line in self.log.read_text(errors="replace").splitlines()
            if any(m in line for m in marks)
        ]
