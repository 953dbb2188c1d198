"""The built-in SMS adapters against the public kit, and loading by name."""

import io
import json
import stat

import pytest

from tgserve.adapters import loading
from tgserve.adapters.contract import AdapterError
from tgserve.adapters.sms import console, file
from tgserve.clock import SystemClock
from tgserve.config import Config, parse
from tgserve.testing.sms_suite import SmsSuite


class TestFile(SmsSuite):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path):
        self.path = tmp_path / "codes.jsonl"

    def sender(self):
        return file.create({"path": str(self.path)}, SystemClock())

    def broken(self):
        return file.create({"path": str(self.path.parent)}, SystemClock())

    def received(self):
        rows = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
        return [(row["phone"], row["text"]) for row in rows]

    def test_only_the_operator_can_read_it(self):
        self.test_a_message_arrives_as_it_was_given()
        assert stat.S_IMODE(self.path.stat().st_mode) == 0o600


class TestConsole(SmsSuite):
    def sender(self):
        self.screen = io.StringIO()
        return console.ConsoleSender(self.screen)

    def broken(self):
        screen = io.StringIO()
        screen.close()
        return console.ConsoleSender(screen)

    def received(self):
        texts = {"20457": "20457 is your login code for the suite.", "31415": self._foreign()}
        rows = [
            line.removeprefix("login code for +").split(": ") for line in self.screen.getvalue().splitlines()
        ]
        return [(phone, texts.get(code, f"{code} is your code")) for phone, code in rows]

    @staticmethod
    def _foreign():
        return "31415 — Ihr Anmeldecode, код входа, 登录码 🙂"

    def test_a_daemon_without_a_terminal_shows_no_code(self, capsys, monkeypatch):
        """SECURITY 7.2: standard output that is not a terminal may be a log."""
        monkeypatch.setattr("sys.stdout", io.StringIO())
        sender = console.create({}, SystemClock())
        self._run(sender, [])
        assert sender._terminal is None


def test_names_of_the_table_and_of_strangers():
    assert loading.sms_factory("console") is console.create
    with pytest.raises(
        AdapterError, match="there is no `pigeon`; installed are android, console, email, file"
    ):
        loading.sms_factory("pigeon")


def test_options_reach_the_adapter_by_its_table(tmp_path):
    target = tmp_path / "codes"
    config = parse(f'[sms]\nadapter = "file"\n[sms.file]\npath = "{target}"\n')
    assert loading.sms_sender(config, SystemClock()) is not None
    with pytest.raises(AdapterError, match="needs path"):
        loading.sms_sender(parse('[sms]\nadapter = "file"\n'), SystemClock())
    with pytest.raises(AdapterError, match="takes no options"):
        console.create({"colour": "red"}, SystemClock())
    assert loading.sms_sender(Config(), SystemClock()) is not None
