"""Service messages as fields of the export."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tgserve.admin.exporting.folder import Folder
from tgserve.admin.exporting.media import photo
from tgserve.admin.exporting.texts import Part
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.tl import layers
from tgserve.tl import types as t

Name = Callable[[int], str | None]


async def fields(services: Services, folder: Folder, view: View, name: Name) -> Part:
    """`action` and what goes with it. Names are those of Desktop; actions it has none for get one in its style."""
    action: Any = layers.decode(view.body.action)
    match action:
        case t.MessageActionChatCreate():
            return {
                "action": "create_group",
                "title": action.title,
                "members": [name(user) for user in action.users],
            }
        case t.MessageActionChannelCreate():
            return {"action": "create_channel", "title": action.title}
        case t.MessageActionChatEditTitle():
            return {"action": "edit_group_title", "title": action.title}
        case t.MessageActionChatEditPhoto():
            return {"action": "edit_group_photo", **await _photo(services, folder, view, action.photo)}
        case t.MessageActionChatDeletePhoto():
            return {"action": "delete_group_photo"}
        case t.MessageActionChatAddUser():
            return {"action": "invite_members", "members": [name(user) for user in action.users]}
        case t.MessageActionChatDeleteUser():
            return {"action": "remove_members", "members": [name(action.user_id)]}
        case t.MessageActionChatJoinedByLink():
            return {"action": "join_group_by_link", "inviter": name(action.inviter_id)}
        case t.MessageActionChatJoinedByRequest():
            return {"action": "join_group_by_request", "inviter": "Group"}
        case t.MessageActionChatMigrateTo():
            return {"action": "migrate_to_supergroup"}
        case t.MessageActionChannelMigrateFrom():
            return {"action": "migrate_from_group", "title": action.title}
        case t.MessageActionPinMessage():
            return {"action": "pin_message", **({"message_id": view.reply_id} if view.reply_id else {})}
        case t.MessageActionHistoryClear():
            return {"action": "clear_history"}
        case t.MessageActionScreenshotTaken():
            return {"action": "take_screenshot"}
        case t.MessageActionCustomAction():
            return {"action": "custom_action", "information_text": action.message}
        case t.MessageActionContactSignUp():
            return {"action": "joined_telegram"}
        case t.MessageActionSetMessagesTTL():
            return {"action": "set_messages_ttl", "period": action.period}
        case t.MessageActionTopicCreate():
            return {"action": "topic_created", "title": action.title}
        case t.MessageActionTopicEdit():
            return {"action": "topic_edit", **({"new_title": action.title} if action.title else {})}
        case t.MessageActionSuggestProfilePhoto():
            return {"action": "suggest_profile_photo", **await _photo(services, folder, view, action.photo)}
        case t.MessageActionPhoneCall():
            made: Part = {"action": "phone_call"}
            if action.duration is not None:
                made["duration_seconds"] = action.duration
            return made
    return {"action": _snake(type(action).__name__.removeprefix("MessageAction"))}


async def _photo(services: Services, folder: Folder, view: View, of: Any) -> Part:
    if not isinstance(of, t.Photo):
        return {}
    return await photo(folder, services.files.library.get_or_none(of.id), "photos/photo", view.body.date)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
