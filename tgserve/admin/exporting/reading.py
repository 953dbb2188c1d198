"""An export as it is read back: everything is looked at before anything is done, and what is wrong is said by place.

Taken: result.json of one chat, or of an account (one of its chats is chosen then).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeGuard

import msgspec

from tgserve import limits
from tgserve.admin.exporting import texts
from tgserve.admin.exporting.folder import RESULT
from tgserve.admin.refusal import Refusal

RESULT_BYTES = 256 << 20
"""About a million messages. It is parsed in one go, which holds everything else up for a second at this size."""
LATEST = 2**31 - 1
DELETED = "Deleted Account"
WORDS = ("photo", "file")
"""Fields that name a file."""


@dataclass(slots=True, frozen=True)
class Item:
    """One message. `file` is inside the export's folder; `left_out`: the export was made without it."""

    id: int
    date: int
    sender: str
    text: str
    entities: list[Any]
    reply_to: int = 0
    file: Path | None = None
    photo: bool = False
    left_out: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file is not None else 0


@dataclass(slots=True, frozen=True)
class Export:
    name: str
    kind: str
    number: int
    items: list[Item]
    services: int
    """Service messages, which are not taken over."""
    left_out: int
    """Files that were not exported."""


def read(path: str, which: str, most_file_bytes: int) -> Export:
    """`which`: name or id of the chat, where there are several. Refusal. Not for the loop: reads files."""
    folder = Path(path)
    if not folder.is_absolute():
        raise Refusal(f"{path}: an absolute path is needed")
    chat = _chosen(_loaded(folder), which, folder)
    messages = chat.get("messages")
    if not isinstance(messages, list):
        raise Refusal(f"{folder / RESULT}: the chat has no list `messages`")
    items: list[Item] = []
    services = 0
    seen: set[int] = set()
    for place, one in enumerate(messages):
        item = _item(folder, place, one, most_file_bytes)
        if item is None:
            services += 1
            continue
        if item.id in seen:
            raise Refusal(f"message {item.id} is in the export twice")
        seen.add(item.id)
        items.append(item)
    name, number = chat.get("name"), chat.get("id")
    return Export(
        name=name if isinstance(name, str) else "",
        kind=str(chat.get("type", "")),
        number=number if _number(number) else 0,
        items=items,
        services=services,
        left_out=sum(bool(item.left_out) for item in items),
    )


def _loaded(folder: Path) -> dict[str, Any]:
    path = folder / RESULT
    try:
        if path.stat().st_size > RESULT_BYTES:
            raise Refusal(f"{path} is larger than 256 MiB: export the chat in parts, from date to date")
        data = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        hint = " (it is a HTML export: choose the JSON format)" if (folder / "messages.html").exists() else ""
        raise Refusal(f"there is no {path}{hint}") from None
    except OSError as error:
        raise Refusal(f"{path} cannot be read by the server: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(f"{path} is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise Refusal(f"{path} is no export of Telegram Desktop: an object is expected")
    return data


def _chosen(data: dict[str, Any], which: str, folder: Path) -> dict[str, Any]:
    if "messages" in data:
        return data
    chats: list[dict[str, Any]] = []
    for name in ("chats", "left_chats"):
        section = data.get(name)
        listed = section.get("list") if isinstance(section, dict) else None
        chats += [chat for chat in listed if isinstance(chat, dict)] if isinstance(listed, list) else []
    if not chats:
        raise Refusal(f"{folder / RESULT} is no export of Telegram Desktop: it has no chats")
    if not which and len(chats) == 1:
        return chats[0]
    fitting = [chat for chat in chats if which and which in (_title(chat), str(chat.get("id")))]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        ids = ", ".join(str(chat.get("id")) for chat in fitting)
        raise Refusal(f"several chats are called {which}: name one by its id, of {ids}")
    some = ", ".join(f"{_title(chat)} ({chat.get('id')})" for chat in chats[:20])
    more = f" and {len(chats) - 20} more" if len(chats) > 20 else ""
    wrong = f"no chat is called {which}; " if which else ""
    raise Refusal(f"{wrong}the export has several chats, of which --chat names one: {some}{more}")


def _title(chat: dict[str, Any]) -> str:
    name = chat.get("name")
    return name if isinstance(name, str) else str(chat.get("type", "?"))


def _item(folder: Path, place: int, one: Any, most: int) -> Item | None:
    """None for a service message. Refusal."""
    if not isinstance(one, dict) or not _number(one.get("id")):
        raise Refusal(f"entry {place + 1} of `messages` is no message: it has no id")
    number = one["id"]
    kind = one.get("type")
    if kind in ("service", "unsupported"):
        return None
    if kind != "message":
        raise Refusal(f"message {number}: its type is neither message nor service")
    try:
        text, entities = texts.read(one["text_entities"] if one.get("text_entities") else one.get("text", ""))
    except texts.BrokenText as error:
        raise Refusal(f"message {number}: {error}") from None
    if len(text.encode("utf-16-le", errors="replace")) // 2 > limits.TEXT_CHARS:
        raise Refusal(f"message {number}: its text is longer than {limits.TEXT_CHARS} characters")
    sender = one.get("from")
    reply = one.get("reply_to_message_id")
    name = next((word for word in WORDS if one.get(word)), "")
    file, left_out = _file(folder, number, one[name], most) if name else (None, "")
    return Item(
        id=number,
        date=_date(number, one),
        sender=(sender if isinstance(sender, str) and sender.strip() else DELETED)[:256],
        text=text,
        entities=entities,
        reply_to=reply if _number(reply) else 0,
        file=file,
        photo=name == "photo",
        left_out=left_out and (str(one.get("media_type") or name).replace("_", " ")),
        fields=one,
    )


def _file(folder: Path, number: int, named: Any, most: int) -> tuple[Path | None, str]:
    """(the file, what is said of one that is not in the export). It must lie in the folder, whatever its path says
    (SECURITY 6.11)."""
    if not isinstance(named, str) or "\0" in named:
        raise Refusal(f"message {number}: its file has no name")
    if named.startswith("("):
        return None, named
    path = folder / named
    if Path(named).is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise Refusal(f"message {number}: {named} is outside of the export")
    try:
        size = path.stat().st_size
    except OSError:
        raise Refusal(f"message {number}: {named} is not in the export's folder") from None
    if not path.is_file():
        raise Refusal(f"message {number}: {named} is no file")
    if size > most:
        raise Refusal(f"message {number}: {named} is larger than files.most_mib allows")
    return (path, "") if size else (None, named)


def _date(number: int, one: dict[str, Any]) -> int:
    unix, written = one.get("date_unixtime"), one.get("date")
    try:
        if isinstance(unix, str | int) and not isinstance(unix, bool):
            seconds = int(unix)
        else:
            seconds = int(datetime.fromisoformat(str(written)).replace(tzinfo=UTC).timestamp())
    except (ValueError, OverflowError):
        seconds = -1
    if not 0 <= seconds <= LATEST:
        raise Refusal(f"message {number}: it has no date that is one")
    return seconds


def _number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
