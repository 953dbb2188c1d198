"""The folder an export is written to: result.json as it grows, and files copied out of the chunk store.

result.json has its name only when it is whole: until then it is result.json.part.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from tgserve.admin.refusal import Refusal
from tgserve.errors import StoreError
from tgserve.services import Services
from tgserve.store.media_records import Blob

RESULT = "result.json"
LOST = "(File lost: no disk of the server has it.)"
_SPACE = " "


def moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def dated(seconds: int) -> dict[str, str]:
    """`date` and `date_unixtime`."""
    return {"date": moment(seconds), "date_unixtime": str(seconds)}


def stamp(seconds: int) -> str:
    """As in names of files."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%d-%m-%Y_%H-%M-%S")


class Folder:
    """`prefix`: where the files of the chat being written go, as in "chats/chat_01/"."""

    def __init__(self, path: Path, services: Services, *, media: bool = True) -> None:
        self.path = path
        self.media = media
        self.prefix = ""
        self.bytes = 0
        """Of files copied."""
        self.lost = 0
        """Files that no disk has a good copy of."""
        self._services = services
        self._counts: dict[str, int] = {}
        self._taken: set[str] = set()
        self._copied: dict[tuple[str, bytes], str] = {}

    def numbered(self, kind: str, date: int, suffix: str) -> str:
        """photos/photo_1@01-02-2024_10-00-00.jpg; a folder of each kind."""
        folder, name = kind.split("/")
        number = self._counts[self.prefix + kind] = self._counts.get(self.prefix + kind, 0) + 1
        return f"{self.prefix}{folder}/{name}_{number}@{stamp(date)}{suffix}"

    def named(self, folder: str, name: str) -> str:
        """files/NAME, or files/NAME (1) where that is taken."""
        return self._free(f"{self.prefix}{folder}/{name}")

    def _free(self, wanted: str) -> str:
        folder, _, name = wanted.rpartition("/")
        stem, dot, suffix = name.rpartition(".")
        stem, suffix = (stem, dot + suffix) if stem else (name, "")
        place, number = wanted, 0
        while place.casefold() in self._taken:
            number += 1
            place = f"{folder}/{stem} ({number}){suffix}"
        return place

    async def copy(self, blob: Blob, place: str) -> str:
        """Copy a file out to `place` and give its path; what was copied for this chat already is not copied again."""
        known = self._copied.get((self.prefix, blob.pieces))
        if known is not None:
            return known
        place = self._free(place)
        self._taken.add(place.casefold())
        target = self.path / place
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        try:
            with await asyncio.to_thread(target.open, "xb") as file:
                async for piece in self._services.files.content.stream(blob):
                    await asyncio.to_thread(file.write, piece)
        except StoreError:
            target.unlink(missing_ok=True)
            self.lost += 1
            place = LOST
        else:
            self.bytes += blob.size
        self._copied[self.prefix, blob.pieces] = place
        return place


class Result:
    """result.json, written from the top: objects and lists are opened and closed, values put in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path / f"{RESULT}.part"
        self._file: TextIO = self._part.open("x", encoding="utf-8")
        self._first: list[bool] = []
        self._ends: list[str] = []

    def open(self, bracket: str, name: str | None = None) -> None:
        """`bracket`: { or [; with a name inside an object."""
        if self._ends:
            self._next(name)
        self._file.write(bracket + "\n")
        self._first.append(True)
        self._ends.append("}" if bracket == "{" else "]")

    def close(self) -> None:
        self._first.pop()
        end = self._ends.pop()
        self._file.write("\n" + _SPACE * len(self._ends) + end)

    def put(self, value: Any, name: str | None = None) -> None:
        self._next(name)
        text = json.dumps(value, ensure_ascii=False, indent=1)
        self._file.write(text.replace("\n", "\n" + _SPACE * len(self._ends)))

    def _next(self, name: str | None) -> None:
        if not self._first[-1]:
            self._file.write(",\n")
        self._first[-1] = False
        self._file.write(_SPACE * len(self._ends))
        if name is not None:
            self._file.write(json.dumps(name) + ": ")

    def finish(self) -> None:
        while self._ends:
            self.close()
        self._file.write("\n")
        self._file.close()
        self._part.rename(self._path / RESULT)

    def abandon(self) -> None:
        self._file.close()


def checked_target(path: str) -> Path:
    """A folder that is not there or empty, in one that may be written to; it is made, for the server's user alone.
    Refusal."""
    target = Path(path)
    if not target.is_absolute():
        raise Refusal(f"{path}: an absolute path is needed")
    try:
        if target.exists():
            if not target.is_dir():
                raise Refusal(f"{path} is no folder")
            if any(target.iterdir()):
                raise Refusal(f"{path} is not empty: an export wants a folder of its own")
        target.mkdir(mode=0o700, exist_ok=True)
        probe = target / f"{RESULT}.part"
        probe.touch(exist_ok=False)
        probe.unlink()
    except FileNotFoundError:
        raise Refusal(f"{target.parent} is not there") from None
    except OSError as error:
        raise Refusal(f"{path} cannot be written to by the server: {error.strerror}") from None
    return target
