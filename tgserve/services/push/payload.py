"""What a push says, in the documented words (core.telegram.org/api/push-updates): loc_key, loc_args, custom. Pure.

A key is put together from where a message stands (a private chat, a group, a channel) and what is in it; the arguments
are who, where, and what there is to say of the thing itself. `english` makes a sentence of them, for whoever shows a
push without knowing the keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tgserve.services.push import decide
from tgserve.store.push_records import PushWaiting
from tgserve.store.records import CHANNEL_BASE

TEXT_CHARACTERS: Final = 256
NAME_CHARACTERS: Final = 64

USER, CHAT, CHANNEL = "user", "chat", "channel"


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a message. `kind`: the last word of its key (TEXT PHOTO ...), "" when nobody is told of it; `words`:
    what the key says of it beside who and where."""

    kind: str
    words: tuple[str, ...] = ()
    pinned: bool = False
    service: bool = False
    """`kind` is the whole key."""
    users: tuple[int, ...] = ()
    """Of a service message: whom it is about."""


NOTHING: Final = Content("")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a message stands and who is in it, with the names the receiver knows them by."""

    place: str
    who: str
    where: str = ""
    author: int = 0
    """Who is shown as its author: a user, or (negative) a channel or group."""
    author_is_group: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """A push as the device's app reads it, and for those who do not know the keys."""

    loc_key: str
    loc_args: tuple[str, ...] = ()
    custom: Mapping[str, Any] = field(default_factory=dict)
    silent: bool = False
    shows: bool = True
    """False: nothing for the user's eyes, only for the app."""
    title: str = ""
    text: str = ""
    collapse: str = ""
    """Pushes with the same word replace one another."""

    def payload(self, user: int, badge: int) -> dict[str, Any]:
        """The JSON object of the documentation."""
        found: dict[str, Any] = {"loc_key": self.loc_key, "loc_args": list(self.loc_args), "user_id": user}
        found["custom"] = dict(self.custom)
        found["badge"] = badge
        if self.shows and not self.silent:
            found["sound"] = "default"
        return found


def clipped(text: str, most: int = TEXT_CHARACTERS) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def of_message(scene: Scene, content: Content, item: PushWaiting, me: int) -> Drawn:
    """A new message. `item.flags` say how much may be shown."""
    hidden = bool(item.flags & decide.HIDDEN) and not content.service
    if hidden:
        content = Content("NOTEXT")
    key, args = _keyed(scene, content, me)
    custom = _where(item.peer) | {"msg_id": item.msg_id}
    if scene.place != USER and scene.author > 0:
        custom["chat_from_id"] = scene.author
    elif scene.place == CHAT and scene.author < 0:
        name = "chat_from_group_id" if scene.author_is_group else "chat_from_broadcast_id"
        custom[name] = _bare(scene.author)
    silent = bool(item.flags & decide.SILENT)
    if item.flags & decide.MENTION:
        custom["mention"] = 1
    if silent:
        custom["silent"] = 1
    if item.flags & decide.OWN:
        custom["schedule"] = 1
    if item.topic:
        custom["top_msg_id"] = item.topic
    title = scene.where if scene.place != USER else scene.who
    return Drawn(key, args, custom, silent, True, title, english(key, args), f"{item.peer}:{item.msg_id}")


def locked(item: PushWaiting) -> Drawn:
    """A device that is locked is told that there is something."""
    text = "You have a new message"
    custom = _where(item.peer) | ({"msg_id": item.msg_id} if item.msg_id else {})
    silent = bool(item.flags & decide.SILENT)
    return Drawn("LOCKED_MESSAGE", (), custom, silent, True, "", text, f"{item.peer}:{item.msg_id}")


def of_reaction(scene: Scene, content: Content, item: PushWaiting, emoji: str) -> Drawn:
    """A reaction to a message of the receiver's: `content` is that of his message, `scene.who` has reacted."""
    custom = _where(item.peer) | {"msg_id": item.msg_id}
    if scene.place != USER and scene.author < 0:
        custom["chat_from_group_id"] = _bare(scene.author)
    elif scene.place != USER:
        custom["chat_from_id"] = item.who
    silent = bool(item.flags & decide.SILENT)
    if item.flags & decide.HIDDEN:
        key, args = "REACT_HIDDEN", tuple[str, ...]()
    elif scene.place == USER:
        key, args = f"REACT_{content.kind}", (scene.who, emoji, *content.words)
    else:
        key, args = f"CHAT_REACT_{content.kind}", (scene.who, scene.where, emoji, *content.words)
    title = scene.where or scene.who
    collapse = f"{item.peer}:{item.msg_id}:r"
    return Drawn(key, args, custom, silent, True, title, english(key, args), collapse)


def muted(item: PushWaiting) -> Drawn:
    """A message nobody wants to be told of: the app may fetch it."""
    custom = _where(item.peer) | {"msg_id": item.msg_id, "silent": 1}
    return Drawn("MESSAGE_MUTED", (), custom, True, False, collapse=f"{item.peer}:m")


def read(peer: int, max_id: int) -> Drawn:
    """Read on another device up to there."""
    custom = _where(peer) | {"max_id": max_id}
    return Drawn("READ_HISTORY", (), custom, True, False, collapse=f"{peer}:read")


def deleted(peer: int, msg_ids: tuple[int, ...]) -> Drawn:
    custom = _where(peer) | {"messages": ",".join(map(str, msg_ids))}
    return Drawn("MESSAGE_DELETED", (), custom, True, False)


def revoked() -> Drawn:
    """The session was ended from another device: its app signs out."""
    return Drawn("SESSION_REVOKE", (), {}, True, False)


def trial(server: str) -> Drawn:
    """What `tgserve push test` sends."""
    text = f"This is a test of {server}"
    return Drawn("MESSAGE_TEXT", (server, "This is a test"), {"from_id": 777000}, False, True, server, text)


def _where(peer: int) -> dict[str, Any]:
    if peer > 0:
        return {"from_id": peer}
    return {"channel_id" if peer <= -CHANNEL_BASE else "chat_id": _bare(peer)}


def _bare(peer: int) -> int:
    return -peer - CHANNEL_BASE if peer <= -CHANNEL_BASE else -peer


def _keyed(scene: Scene, content: Content, me: int) -> tuple[str, tuple[str, ...]]:
    who, where, words = scene.who, scene.where, content.words
    if content.service:
        return _service(scene, content, me)
    if content.pinned:
        args = {USER: (who,), CHAT: (who, where), CHANNEL: (where,)}[scene.place]
        return f"PINNED_{content.kind}", (*args, *words)
    head, args = {
        USER: ("MESSAGE", (who,)),
        CHAT: ("CHAT_MESSAGE", (who, where)),
        CHANNEL: ("CHANNEL_MESSAGE", (where,)),
    }[scene.place]
    if content.kind == "ALBUM":
        return f"{head}S", args
    return f"{head}_{content.kind}", (*args, *words)


def _service(scene: Scene, content: Content, me: int) -> tuple[str, tuple[str, ...]]:
    key, about = content.kind, me in content.users
    if key == "CHAT_ADD_MEMBER" and about:
        key = "CHAT_ADD_YOU"
    elif key == "CHAT_DELETE_MEMBER" and about:
        key = "CHAT_DELETE_YOU"
    if scene.place == USER:
        return key, (scene.who, *content.words)
    named = content.words if key in ("CHAT_ADD_MEMBER", "CHAT_DELETE_MEMBER") else ()
    return key, (scene.who, scene.where, *named)


_SAID: Final = {
    "PHOTO": "sent a photo",
    "PHOTO_SECRET": "sent a self-destructing photo",
    "VIDEO": "sent a video",
    "VIDEO_SECRET": "sent a self-destructing video",
    "ROUND": "sent a video message",
    "AUDIO": "sent a voice message",
    "DOC": "sent a file",
    "STICKER": "sent a sticker",
    "GIF": "sent a GIF",
    "CONTACT": "shared a contact",
    "GEO": "sent a location",
    "GEOLIVE": "shared a live location",
    "POLL": "sent a poll",
    "QUIZ": "sent a quiz",
    "GAME": "sent a game",
    "INVOICE": "sent an invoice",
    "NOTEXT": "sent a message",
    "PHOTOS": "sent photos",
    "VIDEOS": "sent videos",
    "DOCS": "sent files",
    "PLAYLIST": "sent music",
}
_DONE: Final = {
    "CHAT_CREATED": "invited you to the group",
    "CHAT_ADD_YOU": "invited you to the group",
    "CHAT_ADD_MEMBER": "invited somebody to the group",
    "CHAT_DELETE_YOU": "removed you from the group",
    "CHAT_DELETE_MEMBER": "removed somebody from the group",
    "CHAT_LEFT": "left the group",
    "CHAT_RETURNED": "returned to the group",
    "CHAT_JOINED": "joined the group",
    "CHAT_REQ_JOINED": "was accepted into the group",
    "CHAT_TITLE_EDITED": "renamed the group",
    "CHAT_PHOTO_EDITED": "changed the group photo",
    "MESSAGE_WALLPAPER": "set a new wallpaper for this chat",
    "MESSAGE_SCREENSHOT": "took a screenshot",
    "REACT_HIDDEN": "New reaction to your message",
}


def english(key: str, args: tuple[str, ...]) -> str:
    """A sentence for those who do not know the keys."""
    who = args[0] if args else ""
    if key in _DONE:
        return f"{who} {_DONE[key]}".strip()
    kind = key.rpartition("_")[2]
    if key.endswith(("_PHOTO_SECRET", "_VIDEO_SECRET")):
        kind = "_".join(key.split("_")[-2:])
    if "REACT_" in key:
        emoji = args[2] if key.startswith("CHAT_") else args[1]
        return f"{who}: {emoji} to your message"
    if key.startswith("PINNED_"):
        return f"{who} pinned a message"
    if kind == "TEXT":
        return args[-1] if len(args) == 2 else f"{who}: {args[-1]}"
    if key.endswith("MESSAGES"):
        return f"{who} sent an album"
    return f"{who} {_SAID.get(kind, 'sent a message')}"
