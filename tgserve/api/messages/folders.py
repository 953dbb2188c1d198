"""messages.*DialogFilter*: folders; folders.editPeerFolders: the archive."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.render import folders as render
from tgserve.render.told import told
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels.register import is_channel
from tgserve.store import records as r
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import folders, messages

FIRST, LAST = 2, 255
"""Numbers of folders; 0 is the list of all chats, 1 the archive."""
PEERS = 100
"""Chats named in one list of a folder, as help.getAppConfig says."""
TITLE_CHARS = 64
"""Clients stop at 12."""


@rpc(messages.GetDialogFilters)
async def get_dialog_filters(call: Call, request: messages.GetDialogFilters) -> t.AnyMessagesDialogFilters:
    return render.folders(call.services, call.me)


@rpc(messages.GetSuggestedDialogFilters)
async def get_suggested_dialog_filters(
    call: Call, request: messages.GetSuggestedDialogFilters
) -> list[t.AnyDialogFilterSuggested]:
    """What everybody may want, as far as it is not there yet."""
    wanted = [
        (
            "Unread",
            "New messages from all chats.",
            t.DialogFilter(
                contacts=True,
                non_contacts=True,
                groups=True,
                broadcasts=True,
                bots=True,
                exclude_read=True,
                exclude_archived=True,
                id=0,
                title=t.TextWithEntities(text="Unread", entities=[]),
                pinned_peers=[],
                include_peers=[],
                exclude_peers=[],
            ),
        ),
        (
            "Personal",
            "Only messages from personal chats.",
            t.DialogFilter(
                contacts=True,
                non_contacts=True,
                exclude_archived=True,
                id=0,
                title=t.TextWithEntities(text="Personal", entities=[]),
                pinned_peers=[],
                include_peers=[],
                exclude_peers=[],
            ),
        ),
    ]
    here = [render.folder(one) for one in call.services.folders.of(call.me).items]
    names = [one.title for one in here if isinstance(one, t.DialogFilter)]
    titles = {name.text for name in names if isinstance(name, t.TextWithEntities)}
    return [
        t.DialogFilterSuggested(filter=made, description=text)
        for title, text, made in wanted
        if title not in titles
    ]


@rpc(messages.UpdateDialogFilter, flood=per_minute(60))
async def update_dialog_filter(call: Call, request: messages.UpdateDialogFilter) -> bool:
    if not FIRST <= request.id <= LAST:
        raise errors.FILTER_ID_INVALID()
    service = call.services.folders
    if request.filter is None:
        await call.services.chatlists.delete(call.me, request.id)
        await service.delete(call.me, request.id, origin=call.session)
        return True
    made = _checked(call, request.id, request.filter)
    shared, slug, known = _still_shared(call, made)
    kept = r.Folder(request.id, layers.encode(shared), layers.CURRENT, _named(call, shared), slug, known)
    await service.put(call.me, kept, origin=call.session)
    return True


def _checked(call: Call, number: int, asked: t.AnyDialogFilter) -> t.DialogFilter:
    """The folder as it is kept: every rule of it, its chats named once each by peers that are right for the caller.
    A shared folder cannot be made here, only changed (FILTER_ID_INVALID)."""
    if isinstance(asked, t.DialogFilterChatlist):
        was = call.services.folders.get_or_none(call.me, number)
        if was is None or not isinstance(render.folder(was), t.DialogFilterChatlist):
            raise errors.FILTER_ID_INVALID()
        asked = t.DialogFilter(
            title_noanimate=asked.title_noanimate,
            id=asked.id,
            title=asked.title,
            emoticon=asked.emoticon,
            color=asked.color,
            pinned_peers=asked.pinned_peers,
            include_peers=asked.include_peers,
            exclude_peers=[],
        )
    if not isinstance(asked, t.DialogFilter):
        raise errors.FILTER_ID_INVALID()
    title = asked.title
    if not isinstance(title, t.TextWithEntities) or not title.text.strip():
        raise errors.FILTER_TITLE_EMPTY()
    if len(title.text) > TITLE_CHARS or len(title.entities) > TITLE_CHARS:
        raise errors.MESSAGE_TOO_LONG()
    taken: set[int] = set()
    pinned = _peers(call, asked.pinned_peers, taken)
    included = _peers(call, asked.include_peers, taken)
    excluded = _peers(call, asked.exclude_peers, taken)
    kinds = asked.contacts or asked.non_contacts or asked.groups or asked.broadcasts or asked.bots
    if not (kinds or pinned or included):
        raise errors.FILTER_INCLUDE_EMPTY()
    return t.DialogFilter(
        contacts=asked.contacts,
        non_contacts=asked.non_contacts,
        groups=asked.groups,
        broadcasts=asked.broadcasts,
        bots=asked.bots,
        exclude_muted=asked.exclude_muted,
        exclude_read=asked.exclude_read,
        exclude_archived=asked.exclude_archived,
        title_noanimate=asked.title_noanimate,
        id=number,
        title=title,
        emoticon=asked.emoticon[:16] if asked.emoticon else None,
        color=asked.color,
        pinned_peers=pinned,
        include_peers=included,
        exclude_peers=excluded,
    )


def _peers(call: Call, named: list[t.AnyInputPeer], taken: set[int]) -> list[t.AnyInputPeer]:
    """Each chat once over all lists; those that are gone are left out, so that a folder can always be changed."""
    if len(named) > PEERS:
        raise errors.FILTER_INCLUDE_TOO_MUCH()
    kept: list[t.AnyInputPeer] = []
    for one in named:
        try:
            peer = peers.resolve(call, one)
        except errors.RpcError:
            continue
        if peer in taken:
            continue
        taken.add(peer)
        if peer > 0:
            hash_ = call.services.views.user_hash(call.me, peer)
            kept.append(t.InputPeerUser(user_id=peer, access_hash=hash_))
        elif is_channel(peer):
            number = -CHANNEL_BASE - peer
            hash_ = call.services.views.channel_hash(call.me, number)
            kept.append(t.InputPeerChannel(channel_id=number, access_hash=hash_))
        else:
            kept.append(one)
    return kept


def _still_shared(
    call: Call, made: t.DialogFilter
) -> tuple[t.DialogFilter | t.DialogFilterChatlist, str, tuple[int, ...]]:
    """A changed folder that is shared, or was joined, stays so: with its link and what is known of that. A folder of
    one's own links cannot be given rules (FILTER_NOT_SUPPORTED); a joined one that is has left its link."""
    was = call.services.folders.get_or_none(call.me, made.id)
    before = render.folder(was) if was is not None else None
    if was is None or not isinstance(before, t.DialogFilterChatlist):
        return made, "", ()
    if (
        made.contacts
        or made.non_contacts
        or made.groups
        or made.broadcasts
        or made.bots
        or made.exclude_peers
    ):
        if before.has_my_invites:
            raise errors.FILTER_NOT_SUPPORTED()
        return made, "", ()
    kept = t.DialogFilterChatlist(
        has_my_invites=before.has_my_invites,
        title_noanimate=made.title_noanimate,
        id=made.id,
        title=made.title,
        emoticon=made.emoticon,
        color=made.color,
        pinned_peers=made.pinned_peers,
        include_peers=made.include_peers,
    )
    return kept, was.slug, was.known


def _named(call: Call, made: t.DialogFilter | t.DialogFilterChatlist) -> tuple[int, ...]:
    """The chats that are in a checked folder by name."""
    return tuple(peers.resolve(call, one) for one in (*made.pinned_peers, *made.include_peers))


@rpc(messages.UpdateDialogFiltersOrder, flood=per_minute(60))
async def update_dialog_filters_order(call: Call, request: messages.UpdateDialogFiltersOrder) -> bool:
    if len(request.order) > LAST:
        raise errors.FILTER_ID_INVALID()
    await call.services.folders.reorder(call.me, request.order, origin=call.session)
    return True


@rpc(messages.ToggleDialogFilterTags, flood=per_minute(60))
async def toggle_dialog_filter_tags(call: Call, request: messages.ToggleDialogFilterTags) -> bool:
    await call.services.folders.show_tags(call.me, request.enabled, origin=call.session)
    return True


@rpc(folders.EditPeerFolders, flood=per_minute(120))
async def edit_peer_folders(call: Call, request: folders.EditPeerFolders) -> t.AnyUpdates:
    """Into the archive and out of it."""
    if len(request.folder_peers) > limits.DIALOGS_PER_CALL:
        raise errors.LIMIT_INVALID()
    moves: list[tuple[int, int]] = []
    for one in request.folder_peers:
        if not isinstance(one, t.InputFolderPeer) or one.folder_id not in (0, 1):
            raise errors.FOLDER_ID_INVALID()
        moves.append((peers.resolve(call, one.peer), one.folder_id))
    done = await call.services.folders.archive(call.me, moves, origin=call.session)
    return told(call.services, call.me, done, call.now)
