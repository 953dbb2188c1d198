"""Folders as TL. Stored input peers carry the access hashes their owner was given: they stay right."""

from __future__ import annotations

from typing import Any

from tgserve.services import Services
from tgserve.services.folders import ALL_CHATS
from tgserve.store import records as r
from tgserve.tl import layers
from tgserve.tl import types as t


def folder(stored: r.Folder) -> Any:
    return layers.decode(stored.data)


def folder_or_none(services: Services, me: int, number: int) -> Any:
    found = services.folders.get_or_none(me, number)
    return folder(found) if found is not None else None


def folders(services: Services, me: int) -> t.MessagesDialogFilters:
    """All of them in their order, the list of all chats too: clients demand it."""
    of = services.folders.of(me)
    by_number = {one.number: one for one in of.items}
    filters: list[Any] = [
        t.DialogFilterDefault() if number == ALL_CHATS else folder(by_number[number])
        for number in services.folders.order(me)
    ]
    return t.MessagesDialogFilters(tags_enabled=of.tags, filters=filters)


def users_of(made: Any) -> tuple[int, ...]:
    """People named in a folder's lists."""
    if not isinstance(made, t.DialogFilter | t.DialogFilterChatlist):
        return ()
    left_out = made.exclude_peers if isinstance(made, t.DialogFilter) else ()
    named = (*made.pinned_peers, *made.include_peers, *left_out)
    return tuple(one.user_id for one in named if isinstance(one, t.InputPeerUser))
