"""contacts.*: whom one writes to most, and whose birthday it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from tgserve import errors
from tgserve.api.contacts import list_hash
from tgserve.render.chat import chats
from tgserve.render.peers import peer as peer_object
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services import top_peers
from tgserve.services.privacy import BIRTHDAY
from tgserve.tl import types as t
from tgserve.tl.functions import contacts

_CATEGORIES: Final[dict[type[Any], str]] = {
    t.TopPeerCategoryCorrespondents: top_peers.CORRESPONDENTS,
    t.TopPeerCategoryGroups: top_peers.GROUPS,
    t.TopPeerCategoryForwardUsers: top_peers.FORWARD_USERS,
    t.TopPeerCategoryForwardChats: top_peers.FORWARD_CHATS,
}
MOST: Final = 100


@rpc(contacts.GetTopPeers, flood=per_minute(60))
async def get_top_peers(call: Call, request: contacts.GetTopPeers) -> t.AnyContactsTopPeers:
    """The lists asked for, as far as there is anybody in them."""
    if request.limit < 0 or request.offset < 0:
        raise errors.LIMIT_INVALID()
    if not call.services.top_peers.enabled(call.me):
        return t.ContactsTopPeersDisabled()
    rated = call.services.top_peers.rated(call.me)
    made: list[t.AnyTopPeerCategoryPeers] = []
    ids: list[int] = []
    for kind, name in _CATEGORIES.items():
        if not getattr(request, name):
            continue
        found = rated.get(name, [])
        page = found[request.offset :][: min(request.limit or MOST, MOST)]
        if page:
            ids += [peer for peer, _ in page]
            listed: list[t.AnyTopPeer] = [
                t.TopPeer(peer=peer_object(peer), rating=rating) for peer, rating in page
            ]
            made.append(t.TopPeerCategoryPeers(category=kind(), count=len(found), peers=listed))
    if request.hash and request.hash == list_hash(abs(peer) for peer in ids):
        return t.ContactsTopPeersNotModified()
    named = dict.fromkeys(ids)
    return t.ContactsTopPeers(
        categories=made,
        chats=chats(call.services, call.me, named),
        users=users(call.services, call.me, named),
    )


@rpc(contacts.ToggleTopPeers, flood=per_minute(60))
async def toggle_top_peers(call: Call, request: contacts.ToggleTopPeers) -> bool:
    await call.services.top_peers.enable(call.me, request.enabled)
    return True


@rpc(contacts.ResetTopPeerRating, flood=per_minute(60))
async def reset_top_peer_rating(call: Call, request: contacts.ResetTopPeerRating) -> bool:
    """Of lists that are never filled here there is nothing to forget."""
    peer = peers.resolve(call, request.peer)
    name = _CATEGORIES.get(type(request.category))
    if name is not None:
        await call.services.top_peers.forget(call.me, name, peer)
    return True


@rpc(contacts.GetBirthdays)
async def get_birthdays(call: Call, request: contacts.GetBirthdays) -> t.AnyContactsContactBirthdays:
    """Contacts whose birthday is yesterday, today or tomorrow, wherever on Earth one is, and who show it."""
    days = {
        (when.day, when.month)
        for when in (datetime.fromtimestamp(call.now + shift * 86_400, UTC) for shift in (-1, 0, 1))
    }
    found: list[t.AnyContactBirthday] = []
    for user_id, _ in call.services.contacts.of(call.me):
        record = call.services.users.get_or_none(user_id)
        if record is None or record.deleted:
            continue
        day, month, year = record.birthday
        if (day, month) in days and call.services.privacy.allows(user_id, BIRTHDAY, call.me):
            birthday = t.Birthday(day=day, month=month, year=year or None)
            found.append(t.ContactBirthday(contact_id=user_id, birthday=birthday))
    who = [one.contact_id for one in found if isinstance(one, t.ContactBirthday)]
    return t.ContactsContactBirthdays(contacts=found, users=users(call.services, call.me, who))
