"""One JSON line for each message in a file of mode 0600: for scripts that send by a way of their own, and for tests.

Options: `path` (required). Each line: {"time": unix seconds, "phone": digits, "code": "...", "text": "..."}.
A reader may rename the file away at any time: it is opened for every line.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from tgserve.adapters.contract import Later, Options, Refused, Sent, Sms, SmsResult
from tgserve.adapters.options import Option, takes
from tgserve.clock import Clock


class FileSender:
    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    async def send(self, sms: Sms) -> SmsResult:
        row = {"time": int(self._clock.now()), "phone": sms.phone, "code": sms.code, "text": sms.text}
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        fault = self._append(line)
        return Later(fault) if fault else Sent()

    async def probe(self) -> SmsResult:
        """Nothing is written, though the file is there afterwards."""
        fault = self._append(b"")
        return Refused(fault) if fault else Sent()

    def _append(self, line: bytes) -> str:
        """What went wrong, if anything. One write with O_APPEND: lines of two senders never mix. A line this short
        blocks the loop no longer than handing it to a thread would."""
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, line)
            finally:
                os.close(file)
        except OSError as error:
            return f"{self._path}: {error.strerror}"
        return ""

    async def close(self) -> None:
        """Nothing is held open."""


@takes("sms.file", Option("path", "file that gets a JSON line for each message"))
def create(options: Options, clock: Clock) -> FileSender:
    return FileSender(Path(options["path"]).expanduser(), clock)
