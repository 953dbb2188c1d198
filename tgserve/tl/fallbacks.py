"""What a client of an old layer gets instead of a constructor it does not know, by boxed type.

Types that are not here have no stand-in: such an object is left out of the vector or optional field it stands in (an
Update is dropped, and the client finds what it missed by getDifference).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tgserve.tl import types as t
from tgserve.tl.base import TLObject


def _action(unknown: Any) -> TLObject:
    """TDLib logs an ERROR for an empty action: of a new owner it is told in words."""
    if isinstance(unknown, t.MessageActionChangeCreator):
        return t.MessageActionCustomAction(message="The group has a new owner")
    return t.MessageActionEmpty()


STAND_INS: dict[str, Callable[[Any], TLObject]] = {
    "ChannelParticipantsFilter": lambda o: t.ChannelParticipantsRecent(),
    "Chat": lambda o: t.ChatEmpty(id=getattr(o, "id", 0)),
    "Document": lambda o: t.DocumentEmpty(id=getattr(o, "id", 0)),
    "EmojiStatus": lambda o: t.EmojiStatusEmpty(),
    "EncryptedChat": lambda o: t.EncryptedChatEmpty(id=getattr(o, "id", 0)),
    "InputPeer": lambda o: t.InputPeerEmpty(),
    "InputStickerSet": lambda o: t.InputStickerSetEmpty(),
    "InputUser": lambda o: t.InputUserEmpty(),
    "MessageAction": _action,
    "MessageEntity": lambda o: t.MessageEntityUnknown(offset=o.offset, length=o.length),
    "MessageExtendedMedia": lambda o: t.MessageExtendedMediaPreview(),
    "MessageMedia": lambda o: t.MessageMediaUnsupported(),
    "PageBlock": lambda o: t.PageBlockUnsupported(),
    "Photo": lambda o: t.PhotoEmpty(id=getattr(o, "id", 0)),
    "Reaction": lambda o: t.ReactionEmpty(),
    "RichText": lambda o: t.TextEmpty(),
    "SendMessageAction": lambda o: t.SendMessageCancelAction(),
    "UserStatus": lambda o: t.UserStatusEmpty(),
    "WebPage": lambda o: t.WebPageEmpty(id=getattr(o, "id", 0)),
}
