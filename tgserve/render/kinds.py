"""What of a stored body can be searched for beside its text: kinds for the filters of a search, and more words.

Kinds stand in the search index: renaming one, or giving one to other messages, needs a rebuild (raise index.VERSION).
"""

from __future__ import annotations

from collections.abc import Iterator

from tgserve.services.groups import rights
from tgserve.services.search.feed import Described
from tgserve.store import records as r
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import TLObject

NOTHING = Described()

_LINKS = tuple(one.ID.to_bytes(4, "little") for one in (t.MessageEntityUrl, t.MessageEntityTextUrl))

FILTERS: dict[type[TLObject], tuple[str, ...]] = {
    t.InputMessagesFilterPhotos: ("photo",),
    t.InputMessagesFilterVideo: ("video",),
    t.InputMessagesFilterPhotoVideo: ("photo", "video"),
    t.InputMessagesFilterDocument: ("file",),
    t.InputMessagesFilterUrl: ("url",),
    t.InputMessagesFilterGif: ("gif",),
    t.InputMessagesFilterVoice: ("voice",),
    t.InputMessagesFilterMusic: ("music",),
    t.InputMessagesFilterRoundVideo: ("round",),
    t.InputMessagesFilterRoundVoice: ("round", "voice"),
    t.InputMessagesFilterChatPhotos: ("chatphoto",),
    t.InputMessagesFilterGeo: ("geo",),
    t.InputMessagesFilterContacts: ("contact",),
    t.InputMessagesFilterPoll: ("poll",),
}
"""The kinds a filter lets pass. Calls have a filter of two sorts: kinds_of."""


def kinds_of(what: t.AnyMessagesFilter) -> tuple[str, ...] | None:
    """Kinds that pass a filter, () for the filter that is none; None for those that are no matter of the index."""
    if isinstance(what, t.InputMessagesFilterEmpty):
        return ()
    if isinstance(what, t.InputMessagesFilterPhoneCalls):
        return ("missedcall",) if what.missed else ("call",)
    return FILTERS.get(type(what))


def describe(body: r.Body) -> Described:
    """Kinds and words of a body."""
    if not (body.media or body.action or body.entities):
        return NOTHING
    kinds: list[str] = []
    more: list[str] = []
    if body.entities and any(link in body.entities for link in _LINKS):
        kinds.append("url")
    if body.media:
        for kind, words in _of_media(layers.decode(body.media)):
            kinds.append(kind)
            more += words
    if body.action:
        kinds += _of_action(layers.decode(body.action))
    return Described(tuple(dict.fromkeys(kinds)), " ".join(more))


def _of_media(media: TLObject) -> Iterator[tuple[str, list[str]]]:
    if isinstance(media, t.MessageMediaPhoto):
        yield "photo", []
    elif isinstance(media, t.MessageMediaDocument):
        if isinstance(media.document, t.Document):
            yield from _of_document(media.document)
    elif isinstance(media, t.MessageMediaWebPage):
        yield "url", []
    elif isinstance(media, t.MessageMediaGeo | t.MessageMediaGeoLive):
        yield "geo", []
    elif isinstance(media, t.MessageMediaVenue):
        yield "geo", [media.title, media.address]
    elif isinstance(media, t.MessageMediaContact):
        yield "contact", [media.first_name, media.last_name, media.phone_number]
    elif isinstance(media, t.MessageMediaPoll) and isinstance(media.poll, t.Poll):
        question = media.poll.question
        yield "poll", [question.text] if isinstance(question, t.TextWithEntities) else []


def _of_document(document: t.Document) -> Iterator[tuple[str, list[str]]]:
    kind, more = "file", []
    for one in document.attributes:
        if isinstance(one, t.DocumentAttributeFilename):
            more.append(one.file_name)
        elif isinstance(one, t.DocumentAttributeAudio):
            kind = "voice" if one.voice else "music"
            more += [one.title or "", one.performer or ""]
        elif isinstance(one, t.DocumentAttributeVideo):
            if kind != "gif":
                kind = "round" if one.round_message else "video"
        elif isinstance(one, t.DocumentAttributeAnimated):
            kind = "gif"
        elif isinstance(one, t.DocumentAttributeSticker):
            kind = "sticker"
    yield kind, more


RIGHTS: dict[str, int] = {
    "photo": rights.PHOTOS,
    "video": rights.VIDEOS,
    "round": rights.ROUNDS,
    "voice": rights.VOICES,
    "music": rights.AUDIOS,
    "file": rights.DOCS,
    "gif": rights.GIFS,
    "sticker": rights.STICKERS,
    "poll": rights.POLLS,
}


def right_for(data: bytes) -> int:
    """What a member of a group must be allowed to send these media (boxed TL). Places, contacts and previews go with
    texts, dice with stickers, as clients have it."""
    media = layers.decode(data)
    if isinstance(media, t.MessageMediaDice):
        return rights.STICKERS
    if isinstance(media, t.MessageMediaGame):
        return rights.GAMES
    for kind, _ in _of_media(media):
        return RIGHTS.get(kind, rights.PLAIN)
    return rights.PLAIN


def kind_of(body: r.Body) -> str:
    """The kind of a body's media, as messaging.Draft has it."""
    return kind_of_media(layers.decode(body.media)) if body.media else ""


def kind_of_media(media: TLObject) -> str:
    if isinstance(media, t.MessageMediaVenue):
        return "venue"
    if isinstance(media, t.MessageMediaDice):
        return "dice"
    if isinstance(media, t.MessageMediaGame):
        return "game"
    if isinstance(media, t.MessageMediaWebPage):
        return "web"
    return next((kind for kind, _ in _of_media(media)), "")


def _of_action(action: TLObject) -> list[str]:
    if isinstance(action, t.MessageActionPhoneCall):
        missed = isinstance(action.reason, t.PhoneCallDiscardReasonMissed | t.PhoneCallDiscardReasonBusy)
        return ["call", "missedcall"] if missed else ["call"]
    if isinstance(action, t.MessageActionChatEditPhoto):
        return ["chatphoto"]
    return []
