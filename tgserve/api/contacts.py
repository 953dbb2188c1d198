"""contacts.*: the address book, finding people, blocks."""

from __future__ import annotations

from collections.abc import Iterable

from tgserve import errors, limits
from tgserve.render import user as people
from tgserve.render.chat import chats
from tgserve.render.peers import peer as peer_object
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Flood, Status, per_minute, rpc
from tgserve.services.contacts import Entry
from tgserve.services.phones import digits_or_none
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import contacts

NOTE_CHARS = 128
CONTACT_LINK = "https://t.me/contact/"


# -- the list -------------------------------------------------------------------------------------------------------


@rpc(contacts.GetContacts)
async def get_contacts(call: Call, request: contacts.GetContacts) -> t.AnyContactsContacts:
    rows = call.services.contacts.of(call.me)
    ids = [user_id for user_id, _ in rows]
    if request.hash and request.hash == list_hash([0, *ids]):
        return t.ContactsContactsNotModified()
    return t.ContactsContacts(
        contacts=[t.Contact(user_id=user_id, mutual=row.mutual) for user_id, row in rows],
        saved_count=0,
        users=people.users(call.services, call.me, ids),
    )


@rpc(contacts.GetContactIDs)
async def get_contact_ids(call: Call, request: contacts.GetContactIDs) -> list[int]:
    """A vector of int in every layer: ids beyond 31 bits, which such a client cannot hold, are left out."""
    ids = [user_id for user_id, _ in call.services.contacts.of(call.me)]
    if request.hash and request.hash == list_hash([0, *ids]):
        return []
    return [user_id for user_id in ids if user_id < 2**31]


@rpc(contacts.GetStatuses)
async def get_statuses(call: Call, request: contacts.GetStatuses) -> list[t.AnyContactStatus]:
    return [
        t.ContactStatus(user_id=user_id, status=people.status(call.services, call.me, user_id))
        for user_id, _ in call.services.contacts.of(call.me)
    ]


def list_hash(numbers: Iterable[int]) -> int:
    """The hash of a list of numbers that clients compute, as a signed 64-bit number (api/offsets, `hash`)."""
    value = 0
    for number in numbers:
        value ^= value >> 21
        value ^= (value << 35) & 0xFFFFFFFFFFFFFFFF
        value ^= value >> 4
        value = (value + number) & 0xFFFFFFFFFFFFFFFF
    return value - (1 << 64) if value >> 63 else value


@rpc(contacts.ImportContacts, flood=per_minute(60))
async def import_contacts(call: Call, request: contacts.ImportContacts) -> t.AnyContactsImportedContacts:
    """`users` hold the state after the import: `contact` is set (CLIENTS C.2)."""
    entries = [
        Entry(entry.client_id, entry.phone, entry.first_name, entry.last_name)
        for entry in request.contacts
        if isinstance(entry, t.InputPhoneContact)
    ]
    done = await call.services.contacts.import_(call.me, entries, call.session)
    return t.ContactsImportedContacts(
        imported=[
            t.ImportedContact(user_id=user_id, client_id=client_id) for user_id, client_id in done.found
        ],
        popular_invites=[],
        retry_contacts=done.retry,
        users=people.users(call.services, call.me, [user_id for user_id, _ in done.found]),
    )


@rpc(contacts.AddContact, flood=per_minute(60))
async def add_contact(call: Call, request: contacts.AddContact) -> t.AnyUpdates:
    user_id = peers.resolve_user(call, request.id)
    note = b"" if request.note is None else _note(request.note)
    await call.services.contacts.add(
        call.me, user_id, request.first_name, request.last_name, request.phone, note, call.session
    )
    if request.add_phone_privacy_exception:
        await call.services.privacy.allow_user(call.me, "phone_number", user_id)
    return _changed(call, [user_id])


@rpc(contacts.AcceptContact, flood=per_minute(60))
async def accept_contact(call: Call, request: contacts.AcceptContact) -> t.AnyUpdates:
    """Keep somebody under his own name and let him see one's number."""
    user_id = peers.resolve_user(call, request.id)
    user = call.services.users.get(user_id)
    await call.services.contacts.add(call.me, user_id, user.first_name, user.last_name, "", b"", call.session)
    await call.services.privacy.allow_user(call.me, "phone_number", user_id)
    return _changed(call, [user_id])


@rpc(contacts.UpdateContactNote)
async def update_contact_note(call: Call, request: contacts.UpdateContactNote) -> bool:
    user_id = peers.resolve_user(call, request.id)
    await call.services.contacts.set_note(call.me, user_id, _note(request.note), call.session)
    return True


@rpc(contacts.EditCloseFriends, flood=per_minute(60))
async def edit_close_friends(call: Call, request: contacts.EditCloseFriends) -> bool:
    """The whole list; privacy rules may name close friends."""
    if len(request.id) > limits.CONTACTS:
        raise errors.LIMIT_INVALID()
    await call.services.contacts.set_close_friends(call.me, request.id, call.session)
    return True


@rpc(contacts.DeleteContacts)
async def delete_contacts(call: Call, request: contacts.DeleteContacts) -> t.AnyUpdates:
    ids = [peers.resolve_user(call, user) for user in request.id[: limits.CONTACTS]]
    gone = await call.services.contacts.delete(call.me, ids, call.session)
    return _changed(call, gone)


@rpc(contacts.DeleteByPhones)
async def delete_by_phones(call: Call, request: contacts.DeleteByPhones) -> bool:
    await call.services.contacts.delete_by_phones(call.me, request.phones, call.session)
    return True


def _note(note: t.AnyTextWithEntities) -> bytes:
    if not isinstance(note, t.TextWithEntities) or len(note.text) > NOTE_CHARS:
        raise errors.DATA_INVALID()
    return layers.encode(note) if note.text else b""


def _changed(call: Call, ids: list[int]) -> t.Updates:
    """The users as they are now, and what is offered above their chats."""
    return t.Updates(
        updates=[
            t.UpdatePeerSettings(
                peer=t.PeerUser(user_id=user_id), settings=people.settings(call.services, call.me, user_id)
            )
            for user_id in ids
        ],
        users=people.users(call.services, call.me, ids),
        chats=[],
        date=call.now,
        seq=0,
    )


# -- finding --------------------------------------------------------------------------------------------------------


@rpc(contacts.ResolveUsername, flood=Flood(200, 60))
async def resolve_username(call: Call, request: contacts.ResolveUsername) -> t.AnyContactsResolvedPeer:
    peer = call.services.names.peer_or_none(request.username)
    if call.services.nodes.active:
        peer = await _met(call, peer or await call.services.homes.peer_named(request.username))
    if peer is None:
        raise errors.USERNAME_NOT_OCCUPIED()
    return _resolved(call, peer)


async def _met(call: Call, peer: int) -> int | None:
    """A peer of whatever node, once there is something to show of it; None for 0 and who cannot be asked for."""
    if peer < 0 and call.services.channels.register.get_or_none(peer) is None:
        return None  # a channel of another node
    if peer > 0 and call.services.nodes.far(peer):
        await call.services.visitors.meet((peer,))
        return peer if call.services.users.get_or_none(peer) is not None else None
    return peer or None


@rpc(contacts.ResolvePhone, flood=per_minute(20))
async def resolve_phone(call: Call, request: contacts.ResolvePhone) -> t.AnyContactsResolvedPeer:
    try:
        found = await call.services.contacts.resolve_phone(call.me, request.phone)
    except errors.RpcError as fault:
        digits = digits_or_none(request.phone)
        if fault.name != errors.PHONE_NOT_OCCUPIED.name or digits is None:
            raise
        found = await call.services.visitors.called(digits)
        if not found:
            raise
    return _resolved(call, found)


def _resolved(call: Call, found: int) -> t.ContactsResolvedPeer:
    """Whom a name or number leads to; a channel only as far as the caller may see it."""
    return t.ContactsResolvedPeer(
        peer=peer_object(found),
        chats=chats(call.services, call.me, [found]),
        users=people.users(call.services, call.me, [found]),
    )


@rpc(contacts.Search, flood=per_minute(120))
async def search(call: Call, request: contacts.Search) -> t.AnyContactsFound:
    if request.limit < 0:
        raise errors.LIMIT_INVALID()
    limit = min(request.limit or 10, 50)
    mine, others = await call.services.contacts.search(call.me, request.q, limit)
    mine += _chats_named(call, request.q, limit - len(mine))
    others = [one for one in others if one not in mine]
    return t.ContactsFound(
        my_results=[peer_object(found) for found in mine],
        results=[peer_object(found) for found in others],
        chats=chats(call.services, call.me, [*mine, *others]),
        users=people.users(call.services, call.me, [*mine, *others]),
    )


def _chats_named(call: Call, query: str, limit: int) -> list[int]:
    """The caller's own channels and groups in whose titles a word begins so."""
    text = " ".join(query.strip().removeprefix("@").lower().split())
    found: list[int] = []
    for channel in call.services.channels.register.of_user(call.me):
        record = call.services.channels.register.get_or_none(channel)
        if record is not None and f" {text}" in f" {record.title.lower()}":
            found.append(channel)
    for roster in call.services.groups.rosters.of_user(call.me):
        if f" {text}" in f" {roster.group.title.lower()}":
            found.append(roster.chat)
    return found[: max(limit, 0)]


@rpc(contacts.GetSaved)
async def get_saved(call: Call, request: contacts.GetSaved) -> list[t.AnySavedContact]:
    """The address book with numbers, for an export. TAKEOUT_REQUIRED outside of one."""
    if not call.takeout:
        raise errors.TAKEOUT_REQUIRED()
    found: list[t.AnySavedContact] = []
    for user_id, row in call.services.contacts.of(call.me):
        shown = people.user(call.services, call.me, user_id)
        drawn = layers.decode(layers.encode(shown))
        phone = row.phone or (getattr(drawn, "phone", None) or "")
        found.append(
            t.SavedPhoneContact(
                phone=phone, first_name=row.first_name, last_name=row.last_name, date=row.added
            )
        )
    return found


@rpc(contacts.ExportContactToken, flood=per_minute(60))
async def export_contact_token(call: Call, request: contacts.ExportContactToken) -> t.AnyExportedContactToken:
    token, expires = call.services.contact_tokens.make(call.me)
    return t.ExportedContactToken(url=CONTACT_LINK + token, expires=expires)


@rpc(contacts.ImportContactToken, flood=per_minute(30))
async def import_contact_token(call: Call, request: contacts.ImportContactToken) -> t.AnyUser:
    """Whose link it is. Who shows it wants to be found: neither name nor number are needed. IMPORT_TOKEN_INVALID."""
    user_id = call.services.contact_tokens.read(request.token)
    user = call.services.users.get_or_none(user_id)
    if user is None or user.deleted:
        raise errors.IMPORT_TOKEN_INVALID()
    return people.user(call.services, call.me, user_id)  # type: ignore[no-any-return]


@rpc(contacts.ResetSaved)
async def reset_saved(call: Call, request: contacts.ResetSaved) -> bool:
    """Numbers without an account are not kept from an import, so none are to be forgotten."""
    return True


@rpc(contacts.BlockFromReplies, status=Status.REFUSED)
async def block_from_replies(call: Call, request: contacts.BlockFromReplies) -> t.AnyUpdates:
    """From the chat `Replies`, which collects answers to one's comments in channels: nothing is ever in it here."""
    raise errors.MESSAGE_ID_INVALID()


# -- blocks ---------------------------------------------------------------------------------------------------------


@rpc(contacts.Block, flood=per_minute(120))
async def block(call: Call, request: contacts.Block) -> bool:
    peer = peers.resolve(call, request.id)
    if not request.my_stories_from:
        await call.services.contacts.block(call.me, peer, True, call.session)
    return True


@rpc(contacts.Unblock, flood=per_minute(120))
async def unblock(call: Call, request: contacts.Unblock) -> bool:
    peer = peers.resolve(call, request.id)
    if not request.my_stories_from:
        await call.services.contacts.block(call.me, peer, False, call.session)
    return True


@rpc(contacts.SetBlocked, flood=per_minute(20))
async def set_blocked(call: Call, request: contacts.SetBlocked) -> bool:
    if len(request.id) > limits.CONTACTS:
        raise errors.LIMIT_INVALID()
    ids = [peers.resolve(call, peer) for peer in request.id]
    if not request.my_stories_from:
        await call.services.contacts.set_blocked(call.me, ids, call.session)
    return True


@rpc(contacts.GetBlocked)
async def get_blocked(call: Call, request: contacts.GetBlocked) -> t.AnyContactsBlocked:
    if request.limit < 0 or request.offset < 0:
        raise errors.LIMIT_INVALID()
    rows = [] if request.my_stories_from else call.services.contacts.blocked(call.me)
    page = rows[request.offset : request.offset + min(request.limit or 100, 1000)]
    blocked: list[t.AnyPeerBlocked] = [
        t.PeerBlocked(peer_id=t.PeerUser(user_id=peer), date=date) for peer, date in page if peer > 0
    ]
    users = people.users(call.services, call.me, [peer for peer, _ in page])
    if len(page) == len(rows):
        return t.ContactsBlocked(blocked=blocked, chats=[], users=users)
    return t.ContactsBlockedSlice(count=len(rows), blocked=blocked, chats=[], users=users)
