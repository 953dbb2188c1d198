"""Buttons across layer 229: since then a button has a type; before, each kind was a constructor of KeyboardButton.

Inline buttons of old layers keep their own classes (legacy_types) until the markup they stand in is converted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tgserve.tl import legacy_types as old
from tgserve.tl import types as t
from tgserve.tl.base import TLObject


def inline_up(button: Any) -> t.KeyboardInlineButton:
    """A button of an inline keyboard of layers until 228."""
    made: t.AnyInlineButtonType
    match button:
        case old.KeyboardButtonBuy():
            made = t.InlineButtonTypeBuy()
        case old.KeyboardButtonCallback():
            made = t.InlineButtonTypeCallback(data=button.data, requires_password=button.requires_password)
        case old.KeyboardButtonCopy():
            made = t.InlineButtonTypeCopy(copy_text=button.copy_text)
        case old.KeyboardButtonGame():
            made = t.InlineButtonTypeGame()
        case old.KeyboardButtonSwitchInline():
            made = t.InlineButtonTypeSwitchInline(
                query=button.query, same_peer=button.same_peer, peer_types=button.peer_types
            )
        case old.KeyboardButtonUrl():
            made = t.InlineButtonTypeUrl(url=button.url)
        case old.KeyboardButtonUrlAuth():
            made = t.InlineButtonTypeUrlAuth(
                url=button.url, button_id=button.button_id, fwd_text=button.fwd_text
            )
        case old.KeyboardButtonUserProfile():
            made = t.InlineButtonTypeUserProfile(user_id=button.user_id)
        case old.KeyboardButtonWebView():
            made = t.InlineButtonTypeWebView(url=button.url)
        case old.InputKeyboardButtonUrlAuth():
            made = t.InputInlineButtonTypeUrlAuth(
                url=button.url,
                bot=button.bot,
                fwd_text=button.fwd_text,
                request_write_access=button.request_write_access,
            )
        case old.InputKeyboardButtonUserProfile():
            made = t.InputInlineButtonTypeUserProfile(user_id=button.user_id)
        case _:
            made = t.InlineButtonTypeDisabled()
    return t.KeyboardInlineButton(text=button.text, type=made, style=getattr(button, "style", None))


def inline_down(button: Any) -> t.AnyKeyboardButton:
    """A button of an inline keyboard for layers until 228; kinds those never had do nothing when pressed."""
    kind: Any = button.type
    same: Any = {"text": button.text, "style": button.style}
    match kind:
        case t.InlineButtonTypeBuy():
            return old.KeyboardButtonBuy(**same)
        case t.InlineButtonTypeCallback():
            return old.KeyboardButtonCallback(
                data=kind.data, requires_password=kind.requires_password, **same
            )
        case t.InlineButtonTypeCopy():
            return old.KeyboardButtonCopy(copy_text=kind.copy_text, **same)
        case t.InlineButtonTypeGame():
            return old.KeyboardButtonGame(**same)
        case t.InlineButtonTypeSwitchInline():
            return old.KeyboardButtonSwitchInline(
                query=kind.query, same_peer=kind.same_peer, peer_types=kind.peer_types, **same
            )
        case t.InlineButtonTypeUrl():
            return old.KeyboardButtonUrl(url=kind.url, **same)
        case t.InlineButtonTypeUrlAuth():
            return old.KeyboardButtonUrlAuth(
                url=kind.url, button_id=kind.button_id, fwd_text=kind.fwd_text, **same
            )
        case t.InlineButtonTypeUserProfile():
            return old.KeyboardButtonUserProfile(user_id=kind.user_id, **same)
        case t.InlineButtonTypeWebView():
            return old.KeyboardButtonWebView(url=kind.url, **same)
        case t.InputInlineButtonTypeUrlAuth():
            return old.InputKeyboardButtonUrlAuth(
                url=kind.url,
                bot=kind.bot or t.InputUserEmpty(),
                fwd_text=kind.fwd_text,
                request_write_access=kind.request_write_access,
                **same,
            )
        case t.InputInlineButtonTypeUserProfile():
            return old.InputKeyboardButtonUserProfile(user_id=kind.user_id, **same)
        case _:
            return old.KeyboardButtonCallback(data=b"", **same)


REPLY_TYPES: dict[str, Callable[[dict[str, Any]], t.AnyButtonType]] = {
    "keyboardButtonRequestGeoLocation": lambda v: t.ButtonTypeRequestGeoLocation(),
    "keyboardButtonRequestPhone": lambda v: t.ButtonTypeRequestPhone(),
    "keyboardButtonRequestPoll": lambda v: t.ButtonTypeRequestPoll(quiz=v["quiz"]),
    "keyboardButtonSimpleWebView": lambda v: t.ButtonTypeSimpleWebView(url=v["url"]),
    "keyboardButtonRequestPeer": lambda v: t.ButtonTypeRequestPeer(
        button_id=v["button_id"], peer_type=v["peer_type"], max_quantity=v.get("max_quantity", 1)
    ),
    "inputKeyboardButtonRequestPeer": lambda v: t.InputButtonTypeRequestPeer(
        button_id=v["button_id"],
        peer_type=v["peer_type"],
        max_quantity=v["max_quantity"],
        name_requested=v["name_requested"],
        username_requested=v["username_requested"],
        photo_requested=v["photo_requested"],
    ),
}
"""Kinds of reply buttons until layer 228 (removed constructors) -> their type, from their values."""


def reply_up(kind: str) -> Callable[[dict[str, Any]], TLObject]:
    """Rule that makes a reply button of a removed constructor into today's."""
    make = REPLY_TYPES[kind]
    return lambda v: t.KeyboardButton(text=v["text"], type=make(v), style=v.get("style"))


def reply_down(o: t.KeyboardButton) -> dict[str, Any] | TLObject:
    """A button of a reply keyboard for layers until 228; {} when the plain keyboardButton will do."""
    kind: Any = o.type
    same: Any = {"text": o.text, "style": o.style}
    match kind:
        case t.ButtonTypeRequestGeoLocation():
            return old.KeyboardButtonRequestGeoLocation(**same)
        case t.ButtonTypeRequestPeer():
            return old.KeyboardButtonRequestPeer(
                button_id=kind.button_id, peer_type=kind.peer_type, max_quantity=kind.max_quantity, **same
            )
        case t.ButtonTypeRequestPhone():
            return old.KeyboardButtonRequestPhone(**same)
        case t.ButtonTypeRequestPoll():
            return old.KeyboardButtonRequestPoll(quiz=kind.quiz, **same)
        case t.ButtonTypeSimpleWebView():
            return old.KeyboardButtonSimpleWebView(url=kind.url, **same)
        case t.InputButtonTypeRequestPeer():
            return old.InputKeyboardButtonRequestPeer(
                button_id=kind.button_id,
                peer_type=kind.peer_type,
                max_quantity=kind.max_quantity,
                name_requested=kind.name_requested,
                username_requested=kind.username_requested,
                photo_requested=kind.photo_requested,
                **same,
            )
        case _:
            return {}
