from __future__ import annotations

from typing import Any

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.talk import Person, talk
from tgserve.api.messages import folders as _served  # noqa: F401 - fills METHODS
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import folders, messages, updates


def folder(number: int, title: str = "Work", **rules: Any) -> t.DialogFilter:
    lists: dict[str, Any] = {"pinned_peers": [], "include_peers": [], "exclude_peers": []}
    return t.DialogFilter(id=number, title=t.TextWithEntities(text=title, entities=[]), **{**lists, **rules})


async def missed(person: Person, since: Any) -> list[Any]:
    found = await person(updates.GetDifference(pts=since.pts, date=since.date, qts=0))
    return found.other_updates if isinstance(found, t.UpdatesDifference) else []


async def ids(person: Person) -> list[Any]:
    found = await person(messages.GetDialogFilters())
    return [0 if isinstance(one, t.DialogFilterDefault) else one.id for one in found.filters]


def test_every_rule_of_a_folder_is_kept() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, dan)):
            assert await ids(ann) == [0]
            made = folder(
                2,
                contacts=True,
                non_contacts=True,
                groups=True,
                broadcasts=True,
                bots=True,
                exclude_muted=True,
                exclude_read=True,
                exclude_archived=True,
                title_noanimate=True,
                emoticon="👑",
                color=3,
                pinned_peers=[ann.peer(bob)],
                include_peers=[ann.peer(eve)],
                exclude_peers=[ann.peer(dan)],
            )
            c.clock.advance(120)
            since = await ann(updates.GetState())
            assert await ann(messages.UpdateDialogFilter(id=2, filter=made))
            found = (await ann(messages.GetDialogFilters())).filters
            assert found == [t.DialogFilterDefault(), made]
            update, order = await missed(ann.device(2), since)
            assert update == t.UpdateDialogFilter(id=2, filter=made)
            assert order == t.UpdateDialogFilterOrder(order=[0, 2])
            heard = [one for one in c.heard if getattr(one, "origin", None) == ann.session]
            assert heard, "the device that did it is not told again"
            for layer in (152, 185, 200, layers.CURRENT):
                answer = t.MessagesDialogFilters(filters=found)
                assert layers.encode_result(messages.GetDialogFilters, answer, layer)

    run(story())


def test_order_tags_and_deletion_reach_other_devices() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            for number in (2, 3, 4):
                await ann(messages.UpdateDialogFilter(id=number, filter=folder(number, groups=True)))
            c.clock.advance(120)
            since = await ann(updates.GetState())
            await ann(messages.UpdateDialogFiltersOrder(order=[4, 0, 2]))
            assert await ids(ann) == [4, 0, 2, 3]
            await ann(messages.UpdateDialogFilter(id=2))
            assert await ids(ann) == [4, 0, 3]
            await ann(messages.ToggleDialogFilterTags(enabled=True))
            assert (await ann(messages.GetDialogFilters())).tags_enabled
            told = await missed(ann.device(2), since)
            assert told == [
                t.UpdateDialogFilterOrder(order=[4, 0, 3]),
                t.UpdateDialogFilter(id=2),
                t.UpdateDialogFilters(),
                t.UpdateDialogFilterOrder(order=[4, 0, 3]),
            ]
            await ann(messages.UpdateDialogFilter(id=9, filter=folder(9, "Unread", groups=True)))
            suggested = await ann(messages.GetSuggestedDialogFilters())
            assert [one.filter.title.text for one in suggested] == ["Personal"]

    run(story())


def test_folders_that_cannot_be() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            update = messages.UpdateDialogFilter
            wrong = t.InputPeerUser(user_id=bob.id, access_hash=1)
            await refused("FILTER_ID_INVALID", ann, update(id=1, filter=folder(1, groups=True)))
            await refused("FILTER_ID_INVALID", ann, update(id=2, filter=t.DialogFilterDefault()))
            await refused("FILTER_TITLE_EMPTY", ann, update(id=2, filter=folder(2, " ", groups=True)))
            await refused("FILTER_INCLUDE_EMPTY", ann, update(id=2, filter=folder(2, include_peers=[wrong])))
            many = folder(2, include_peers=[ann.peer(bob)] * 101)
            await refused("FILTER_INCLUDE_TOO_MUCH", ann, update(id=2, filter=many))
            for number in range(2, 12):
                await ann(update(id=number, filter=folder(number, groups=True)))
            await refused("DIALOG_FILTERS_TOO_MUCH", ann, update(id=12, filter=folder(12, groups=True)))

    run(story())


def test_archive() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            await bob.send(ann, "hi")
            await eve.send(ann, "hi")
            await ann(messages.ToggleDialogPin(peer=t.InputDialogPeer(peer=ann.peer(bob)), pinned=True))
            since = await ann(updates.GetState())
            move = [t.InputFolderPeer(peer=ann.peer(bob), folder_id=1)]
            answer = await ann(folders.EditPeerFolders(folder_peers=move))
            (update,) = answer.updates
            assert update == t.UpdateFolderPeers(
                folder_peers=[t.FolderPeer(peer=t.PeerUser(user_id=bob.id), folder_id=1)],
                pts=since.pts + 1,
                pts_count=1,
            )
            assert update in await missed(ann.device(2), since)
            assert (await ann(folders.EditPeerFolders(folder_peers=move))).updates == []
            zeros = {
                "offset_date": 0,
                "offset_id": 0,
                "offset_peer": t.InputPeerEmpty(),
                "limit": 9,
                "hash": 0,
            }
            main = await ann(messages.GetDialogs(**zeros, folder_id=0))
            (line,) = main.dialogs
            assert line.peer.user_id == eve.id
            await ann(messages.ToggleDialogPin(peer=t.InputDialogPeer(peer=ann.peer(eve)), pinned=True))
            main = await ann(messages.GetPinnedDialogs(folder_id=0))
            archive, line = main.dialogs
            assert isinstance(archive, t.DialogFolder) and line.peer.user_id == eve.id
            assert (archive.unread_unmuted_peers_count, archive.unread_unmuted_messages_count) == (1, 1)
            assert {one.id for one in main.messages} == {archive.top_message, line.top_message}
            assert {bob.id, eve.id} <= {one.id for one in main.users}
            (line,) = (await ann(messages.GetDialogs(**zeros, folder_id=1))).dialogs
            assert line.folder_id == 1 and not line.pinned and line.peer.user_id == bob.id
            every = (await ann(messages.GetDialogs(**zeros))).dialogs
            assert {one.peer.user_id for one in every} == {bob.id, eve.id}
            back = [t.InputFolderPeer(peer=ann.peer(bob), folder_id=0)]
            await ann(folders.EditPeerFolders(folder_peers=back))
            assert len((await ann(messages.GetDialogs(**zeros, folder_id=0))).dialogs) == 2
            wrong = [t.InputFolderPeer(peer=ann.peer(bob), folder_id=5)]
            await refused("FOLDER_ID_INVALID", ann, folders.EditPeerFolders(folder_peers=wrong))

    run(story())
