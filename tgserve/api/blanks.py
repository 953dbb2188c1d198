"""The emptiest object of a boxed type: zeros, empty texts and lists, absent options; nested objects likewise.

Where a type has several constructors the choice is named here, since it decides what clients think.
"""

from __future__ import annotations

from typing import Any, Final

from tgserve.tl import types as t
from tgserve.tl.codec import vector_element
from tgserve.tl.definitions import Param, camel, schema

CHOICES: Final[dict[str, type[Any]]] = {
    "MessageMedia": t.MessageMediaEmpty,
    "StarsAmount": t.StarsAmount,
    "WebPage": t.WebPageEmpty,
    "account.ChatThemes": t.AccountChatThemes,
    "account.EmojiStatuses": t.AccountEmojiStatuses,
    "account.SavedMusicIds": t.AccountSavedMusicIds,
    "account.SavedRingtones": t.AccountSavedRingtones,
    "account.Themes": t.AccountThemes,
    "account.WallPapers": t.AccountWallPapers,
    "account.WebBrowserSettings": t.AccountWebBrowserSettings,
    "aicompose.Tones": t.AicomposeTones,
    "AttachMenuBots": t.AttachMenuBots,
    "contacts.SponsoredPeers": t.ContactsSponsoredPeersEmpty,
    "EmojiList": t.EmojiList,
    "help.DeepLinkInfo": t.HelpDeepLinkInfoEmpty,
    "help.PassportConfig": t.HelpPassportConfigNotModified,
    "help.PeerColors": t.HelpPeerColors,
    "messages.AllStickers": t.MessagesAllStickers,
    "messages.AvailableEffects": t.MessagesAvailableEffects,
    "messages.AvailableReactions": t.MessagesAvailableReactions,
    "messages.Chats": t.MessagesChats,
    "messages.EmojiGameInfo": t.MessagesEmojiGameUnavailable,
    "messages.EmojiGroups": t.MessagesEmojiGroups,
    "messages.FavedStickers": t.MessagesFavedStickers,
    "messages.FeaturedStickers": t.MessagesFeaturedStickers,
    "messages.FoundStickerSets": t.MessagesFoundStickerSets,
    "messages.FoundStickers": t.MessagesFoundStickers,
    "messages.Messages": t.MessagesMessages,
    "messages.QuickReplies": t.MessagesQuickReplies,
    "messages.Reactions": t.MessagesReactions,
    "messages.RecentStickers": t.MessagesRecentStickers,
    "messages.SavedDialogs": t.MessagesSavedDialogs,
    "messages.SavedGifs": t.MessagesSavedGifs,
    "messages.SavedReactionTags": t.MessagesSavedReactionTags,
    "messages.SponsoredMessages": t.MessagesSponsoredMessagesEmpty,
    "messages.Stickers": t.MessagesStickers,
    "payments.StarGiftActiveAuctions": t.PaymentsStarGiftActiveAuctions,
    "payments.StarGiftCollections": t.PaymentsStarGiftCollections,
    "payments.StarGifts": t.PaymentsStarGifts,
    "photos.Photos": t.PhotosPhotos,
    "stories.Albums": t.StoriesAlbums,
    "users.SavedMusic": t.UsersSavedMusic,
    "users.Users": t.UsersUsers,
}
_PLAIN: Final[dict[str, Any]] = {
    "int": 0,
    "long": 0,
    "double": 0.0,
    "string": "",
    "bytes": b"",
    "Bool": False,
}


def blank(type_: str) -> Any:
    """A new emptiest value of a TL type: `Vector<X>` is [], `Bool` False. LookupError when the choice is not named."""
    if vector_element(type_) is not None:
        return []
    if type_ in _PLAIN:
        return _PLAIN[type_]
    made = CHOICES.get(type_) or _only(type_)
    return made(
        **{param.attribute: blank(param.type) for param in schema()[made.ID].fields if _needed(param)}
    )


def _needed(param: Param) -> bool:
    return param.flag is None


def _only(type_: str) -> type[Any]:
    """The one constructor of a type."""
    constructors = getattr(t, f"Any{camel(type_)}").__subclasses__()
    if len(constructors) != 1:
        raise LookupError(f"{type_} has {len(constructors)} constructors: name one in CHOICES")
    only: type[Any] = constructors[0]
    return only
