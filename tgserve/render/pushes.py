"""What pushes need of TL and of the cipher: what is in a message, what notify settings say, and the encrypted form."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Final

from tgserve.mtproto.cipher import AuthKey, seal_plain
from tgserve.services.push import decide
from tgserve.services.push.decide import Loud
from tgserve.services.push.payload import NOTHING, Content, clipped
from tgserve.services.push.sending import Seal
from tgserve.store import records as r
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import TLObject

MIN_PADDING: Final = 12
NO_WORD: Final = "NOTEXT"


def describe(body: r.Body) -> Content:
    """What a message is told as; NOTHING for service messages nobody is told of."""
    if body.action:
        return _of_action(layers.decode(body.action))
    if body.media:
        found = _of_media(layers.decode(body.media), body)
        if found is not None:
            return found
    text = body.text.decode(errors="replace")
    return Content("TEXT", (clipped(text),)) if text else Content(NO_WORD)


def _of_media(media: TLObject, body: r.Body) -> Content | None:
    secret = bool(body.media_ttl)
    if isinstance(media, t.MessageMediaPhoto):
        return Content("PHOTO_SECRET" if secret else "PHOTO")
    if isinstance(media, t.MessageMediaDocument):
        return _of_document(media.document, secret)
    if isinstance(media, t.MessageMediaContact):
        return Content("CONTACT", (clipped(f"{media.first_name} {media.last_name}".strip()),))
    if isinstance(media, t.MessageMediaGeoLive):
        return Content("GEOLIVE")
    if isinstance(media, t.MessageMediaGeo | t.MessageMediaVenue):
        return Content("GEO")
    if isinstance(media, t.MessageMediaPoll) and isinstance(media.poll, t.Poll):
        question = media.poll.question
        words = (clipped(question.text),) if isinstance(question, t.TextWithEntities) else ("",)
        return Content("QUIZ" if media.poll.quiz else "POLL", words)
    if isinstance(media, t.MessageMediaGame) and isinstance(media.game, t.Game):
        return Content("GAME", (clipped(media.game.title),))
    if isinstance(media, t.MessageMediaInvoice):
        return Content("INVOICE", (clipped(media.title),))
    if isinstance(media, t.MessageMediaDice):
        return Content("TEXT", (media.emoticon,))
    return None


def _of_document(document: Any, secret: bool) -> Content:
    kind, words = "DOC", tuple[str, ...]()
    for one in document.attributes if isinstance(document, t.Document) else ():
        if isinstance(one, t.DocumentAttributeAnimated):
            return Content("GIF")
        if isinstance(one, t.DocumentAttributeSticker):
            return Content("STICKER", (one.alt,))
        if isinstance(one, t.DocumentAttributeAudio) and one.voice:
            kind = "AUDIO"
        elif isinstance(one, t.DocumentAttributeVideo):
            kind = "ROUND" if one.round_message else "VIDEO_SECRET" if secret else "VIDEO"
    return Content(kind, words)


def _of_action(action: TLObject) -> Content:
    for kind, key in _ACTIONS.items():
        if isinstance(action, kind):
            return Content(key, service=True)
    if isinstance(action, t.MessageActionPinMessage):
        return Content(NO_WORD, pinned=True)
    if isinstance(action, t.MessageActionChatAddUser):
        return Content("CHAT_ADD_MEMBER", service=True, users=tuple(action.users))
    if isinstance(action, t.MessageActionChatDeleteUser):
        return Content("CHAT_DELETE_MEMBER", service=True, users=(action.user_id,))
    if isinstance(action, t.MessageActionCustomAction):
        return Content("TEXT", (clipped(action.message),))
    return NOTHING


_ACTIONS: Final[dict[type[TLObject], str]] = {
    t.MessageActionChatCreate: "CHAT_CREATED",
    t.MessageActionChatEditTitle: "CHAT_TITLE_EDITED",
    t.MessageActionChatEditPhoto: "CHAT_PHOTO_EDITED",
    t.MessageActionChatDeletePhoto: "CHAT_PHOTO_EDITED",
    t.MessageActionChatJoinedByLink: "CHAT_JOINED",
    t.MessageActionChatJoinedByRequest: "CHAT_REQ_JOINED",
    t.MessageActionSetChatWallPaper: "MESSAGE_WALLPAPER",
    t.MessageActionScreenshotTaken: "MESSAGE_SCREENSHOT",
}


def hear(data: bytes) -> Loud:
    """What peerNotifySettings say; -1 for what they leave open."""
    found = layers.decode(data)
    if not isinstance(found, t.PeerNotifySettings):
        return decide.UNSET
    return Loud(
        -1 if found.mute_until is None else max(found.mute_until, 0),
        -1 if found.silent is None else int(found.silent),
        -1 if found.show_previews is None else int(found.show_previews),
    )


def reactions(data: bytes) -> tuple[int, bool]:
    """Whose reactions somebody wants to hear of, and whether with what they are reactions to."""
    found = layers.decode(data)
    if not isinstance(found, t.ReactionsNotifySettings):
        return decide.CONTACTS, True
    whose = found.messages_notify_from
    if whose is None:
        return decide.NOBODY, found.show_previews
    everybody = isinstance(whose, t.ReactionNotificationsFromAll)
    return decide.EVERYBODY if everybody else decide.CONTACTS, found.show_previews


def sealing(padding: Callable[[int], bytes]) -> Seal:
    """The encrypted form: MTProto 2.0 as the server seals (x = 8), under the device's own secret; the plaintext is the
    length of the JSON, the JSON and padding."""

    def seal(secret: bytes, of: dict[str, Any]) -> str:
        data = json.dumps(of, ensure_ascii=False, separators=(",", ":")).encode()
        plain = len(data).to_bytes(4, "little") + data
        plain += padding(MIN_PADDING + (-(len(plain) + MIN_PADDING) & 15))
        return base64.urlsafe_b64encode(seal_plain(AuthKey(secret), plain)).rstrip(b"=").decode()

    return seal
