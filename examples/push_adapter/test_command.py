"""The adapter against the public kit: pytest examples/push_adapter."""

import json

import pytest
from push_command import create

from tgserve.clock import SystemClock
from tgserve.testing.push_suite import PushSuite


class TestCommand(PushSuite):
    @pytest.fixture(autouse=True)
    def _program(self, tmp_path):
        self.folder = tmp_path / "sent"
        self.folder.mkdir()
        self.program = tmp_path / "send"
        dead = 'case "$said" in *dead-token*) exit 3;; esac'
        self.program.write_text(f'#!/bin/sh\nsaid=$(cat)\n{dead}\nprintf %s "$said" > "{self.folder}/$$"\n')
        self.program.chmod(0o755)

    def sender(self):
        return create({"program": str(self.program)}, SystemClock())

    def token(self):
        return 13, "a-token"

    def dead(self):
        return 13, "dead-token"

    def broken(self):
        return create({"program": str(self.program) + "-missing"}, SystemClock())

    def received(self):
        return [json.loads(path.read_text())["payload"] for path in self.folder.iterdir()]
