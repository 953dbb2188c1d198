"""One line per event, logfmt for people and JSON for machines: `level=info event=conn.open conn=12 ip=127.0.0.1`.

Rules (SECURITY 7.2): no message text, codes, keys, tokens or full phone numbers, whatever the level. A field whose
name says it would carry one is withheld; phone numbers go through `phone()`. Nothing on the packet path logs at info.
Standard logging carries the lines, so that libraries' warnings come out in the same form.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections import deque
from datetime import UTC, datetime
from typing import IO, Any, Literal, NamedTuple

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["logfmt", "json"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
FORMATS: tuple[Format, ...] = ("logfmt", "json")

ROOT = "tgserve"
WITHHELD = "[withheld]"
SECRET_FIELDS = frozenset(
    {
        "text",
        "message",
        "body",
        "caption",
        "code",
        "codes",
        "password",
        "token",
        "key",
        "auth_key",
        "raw",
        "secret",
    }
    | {
        "phone",
        "phone_number",
        "phone_code",
        "phone_code_hash",
        "salt",
        "srp",
        "first_name",
        "last_name",
        "about",
    }
)
"""Field names that are never printed; `auth_key_id`, `phone_tag` and the like are fine."""


def phone(number: str) -> str:
    """A phone number one can recognise but not call: first three and last two digits."""
    digits = "".join(char for char in number if char.isdigit())
    if len(digits) < 7:
        return "*" * len(digits)
    return f"{digits[:3]}{'*' * (len(digits) - 5)}{digits[-2:]}"


class Log:
    """A named log. `log.info("conn.open", conn=12)`: a dotted event name, then fields; no prose, no formatting."""

    __slots__ = ("_logger",)

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"{ROOT}.{name}")

    def debug(self, event: str, **fields: object) -> None:
        if self._logger.isEnabledFor(logging.DEBUG):
            self._logger.debug(event, extra={"fields": fields})

    def info(self, event: str, **fields: object) -> None:
        if self._logger.isEnabledFor(logging.INFO):
            self._logger.info(event, extra={"fields": fields})

    def warning(self, event: str, **fields: object) -> None:
        self._logger.warning(event, extra={"fields": fields})

    def error(self, event: str, exc: BaseException | None = None, **fields: object) -> None:
        """`exc` adds the place it was raised at and its type; its text only when it is ours to show."""
        self._logger.error(event, extra={"fields": fields, "raised": exc})


def get(name: str) -> Log:
    return Log(name)


class Line(NamedTuple):
    number: int
    severity: int
    text: str


class Kept(logging.Handler):
    """The last lines, as they were written: for `tgserve log tail`."""

    def __init__(self, most: int = 5000) -> None:
        super().__init__()
        self._lines: deque[Line] = deque(maxlen=most)
        self.last = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.last += 1
        self._lines.append(Line(self.last, record.levelno, self.format(record)))

    def after(self, number: int) -> list[Line]:
        """Lines with a higher number."""
        return [line for line in self._lines if line.number > number]

    def lost(self, number: int) -> int:
        """How many lines after that one are gone."""
        if number < 0 or not self._lines:
            return 0
        return max(0, self._lines[0].number - number - 1)


KEPT = Kept()


def severity(level: str) -> int:
    """Of a level's name, as the standard library counts."""
    return logging.getLevelNamesMapping()[level.upper()]


def setup(style: Format = "logfmt", level: Level = "info", stream: IO[str] | None = None) -> None:
    """Send all logs of the process to `stream` (standard error by default). May be called again."""
    handler = logging.StreamHandler(stream or sys.stderr)
    formatter = JsonLines() if style == "json" else Logfmt()
    handler.setFormatter(formatter)
    KEPT.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler, KEPT]
    root.setLevel(logging.WARNING)
    logging.getLogger(ROOT).setLevel(level.upper())


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """What a line says, in order; the one place where secret fields are withheld."""
    stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    room = record.name.removeprefix(ROOT + ".")
    line: dict[str, object] = {
        "time": stamp.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "room": room,
        "event": record.getMessage(),
    }
    given: dict[str, object] = getattr(record, "fields", {})
    for name, value in given.items():
        line[name] = WITHHELD if name in SECRET_FIELDS else value
    raised = getattr(record, "raised", None) or (record.exc_info[1] if record.exc_info else None)
    if isinstance(raised, BaseException):
        line["error"] = type(raised).__name__
        line["at"] = " < ".join(
            f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
            for frame in reversed(traceback.extract_tb(raised.__traceback__)[-4:])
        )
    return line


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(fields_of(record), default=_plain, ensure_ascii=False)


class Logfmt(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{name}={_word(value)}" for name, value in fields_of(record).items())


def _plain(value: object) -> Any:
    """Bytes are never printed: most of ours are keys or content."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    return str(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    word = str(_plain(value))
    if not word or any(char in ' "=\\' or not char.isprintable() for char in word):
        return json.dumps(word, ensure_ascii=False)
    return word
