"""Photos of people and chats: the few bytes drawn with every mention of them, and whole photos of their profiles."""

from __future__ import annotations

from typing import Any

from tgserve.render import media
from tgserve.services import Services
from tgserve.services.files.references import INVITE, PROFILE, Origin
from tgserve.store import records as r
from tgserve.tl import types as t


def of_user(services: Services, shot: r.Shot, *, personal: bool = False) -> t.UserProfilePhoto:
    return t.UserProfilePhoto(
        has_video=shot.film,
        personal=personal,
        photo_id=shot.id,
        stripped_thumb=shot.stripped or None,
        dc_id=services.nodes.home_of_media(shot.id),
    )


def of_chat(services: Services, shot: r.Shot | None) -> t.AnyChatPhoto:
    """The photo of a group or channel in its Chat."""
    if shot is None:
        return t.ChatPhotoEmpty()
    return t.ChatPhoto(
        has_video=shot.film,
        photo_id=shot.id,
        stripped_thumb=shot.stripped or None,
        dc_id=services.nodes.home_of_media(shot.id),
    )


def whole(services: Services, viewer: int, peer: int, photo_id: int) -> Any:
    """The Photo of a person or chat for a viewer who may see it; photoEmpty when it is gone."""
    found = services.files.library.get_or_none(photo_id)
    if found is None:
        return t.PhotoEmpty(id=photo_id)
    return media.photo(services, viewer, found, Origin(PROFILE, peer))


def whole_of_chat(services: Services, viewer: int, peer: int, shot: r.Shot | None) -> Any:
    """As `whole`, where the schema wants a Photo though there may be none."""
    return whole(services, viewer, peer, shot.id) if shot is not None else t.PhotoEmpty(id=0)


def of_invite(services: Services, viewer: int, peer: int, shot: r.Shot | None) -> Any:
    """The Photo of a group or channel for who holds a link into it and is no member yet."""
    found = services.files.library.get_or_none(shot.id) if shot is not None else None
    if found is None:
        return t.PhotoEmpty(id=0)
    return media.photo(services, viewer, found, Origin(INVITE, peer))
