"""Log lines: one an event, parseable, and silent about what is nobody's business."""

import io
import json
import logging

import pytest

from tgserve import log


@pytest.fixture
def lines():
    stream = io.StringIO()

    def of(style="logfmt", level="debug"):
        log.setup(style, level, stream)
        return stream

    yield of
    log.setup()


def test_logfmt(lines):
    stream = lines()
    log.get("server").info(
        "conn.open", conn=12, ip="127.0.0.1", agent='a "b"\nc', ms=1.25, tls=False, empty=""
    )
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert line.endswith(
        'level=info room=server event=conn.open conn=12 ip=127.0.0.1 agent="a \\"b\\"\\nc" ms=1.25 tls=false empty=""\n'
    )


def test_json(lines):
    stream = lines("json")
    log.get("rpc").warning("call.slow", method="messages.sendMessage", ms=3.5)
    row = json.loads(stream.getvalue())
    assert (row["level"], row["event"], row["ms"]) == ("warning", "call.slow", 3.5)


def test_levels(lines):
    stream = lines(level="warning")
    log.get("x").debug("no")
    log.get("x").info("no")
    log.get("x").error("yes")
    assert stream.getvalue().count("\n") == 1


def test_7_2_secrets_are_withheld_by_name(lines):
    """SECURITY 7.2"""
    stream = lines()
    log.get("auth").info(
        "code.sent",
        code="20457",
        text="hello",
        phone="999661234",
        auth_key=b"k" * 256,
        auth_key_id=b"12345678",
    )
    line = stream.getvalue()
    assert "20457" not in line and "hello" not in line and "999661234" not in line and "kkk" not in line
    assert line.count(log.WITHHELD) == 4 and 'auth_key_id="[8 bytes]"' in line


def test_7_2_phone_numbers_are_masked():
    """SECURITY 7.2"""
    assert log.phone("+999 66 1234") == "999****34"
    assert log.phone("491701234567") == "491*******67"
    assert log.phone("12345") == "*****"


def test_7_2_an_exception_shows_its_place_and_not_its_text(lines):
    """SECURITY 7.2: texts of exceptions quote what was being handled."""
    stream = lines()
    try:
        raise ValueError("could not parse 'my private message'")
    except ValueError as error:
        log.get("rpc").error("call.fault", error, call=7)
    line = stream.getvalue()
    assert "error=ValueError" in line and "test_log.py:" in line and "private" not in line


def test_libraries_come_out_in_the_same_form(lines):
    stream = lines()
    logging.getLogger("asyncio").warning("slow %s", "callback")
    assert 'room=asyncio event="slow callback"' in stream.getvalue()
