"""The adapter against the public kit: pytest examples/sms_adapter."""

import pytest
from sms_command import create

from tgserve.clock import SystemClock
from tgserve.testing.sms_suite import SmsSuite


class TestCommand(SmsSuite):
    @pytest.fixture(autouse=True)
    def _program(self, tmp_path):
        self.folder = tmp_path / "sent"
        self.folder.mkdir()
        self.program = tmp_path / "send"
        self.program.write_text(f'#!/bin/sh\ncat > "{self.folder}/$1"\n')
        self.program.chmod(0o755)

    def sender(self):
        return create({"program": str(self.program)}, SystemClock())

    def broken(self):
        return create({"program": str(self.program) + "-missing"}, SystemClock())

    def received(self):
        return [(path.name.removeprefix("+"), path.read_text()) for path in sorted(self.folder.iterdir())]
