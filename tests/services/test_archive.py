"""Archived chats come back with a new message, unless they are silent or kept where they are."""

from __future__ import annotations

from typing import Any

from tests.api.messages.test_chats import group, sound
from tests.api.messages.test_folders import folder
from tests.community import run
from tests.places import Place
from tests.places import place as make
from tests.talk import Person, talk
from tgserve.api.account import notify, privacy
from tgserve.api.messages import folders as _folders
from tgserve.store import events as ev
from tgserve.store.keyspaces import ARCHIVED_BY
from tgserve.store.slots import slot_of
from tgserve.tl import types as t
from tgserve.tl.functions import account, channels, folders, messages, updates

SERVED = (notify, privacy, _folders)


async def archive(person: Person, other: Any, number: int = 1) -> None:
    move = [t.InputFolderPeer(peer=person.peer(other), folder_id=number)]
    await person(folders.EditPeerFolders(folder_peers=move))


async def place(person: Person, other: Any) -> int:
    return (await person.line(other)).folder_id or 0


def test_a_message_brings_the_chat_back() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            await bob.send(ann, "1")
            chat = await group(eve, ann)
            for other in (bob, chat):
                await archive(ann, other)
            since = await ann(updates.GetState())
            await ann.send(bob, "my own do not")
            assert await place(ann, bob) == 1
            await bob.send(ann, "2")
            await eve.send(chat, "3")
            assert [await place(ann, bob), await place(ann, chat)] == [0, 0]
            missed = await ann(updates.GetDifference(pts=since.pts, date=since.date, qts=0))
            moved = [one for one in missed.other_updates if isinstance(one, t.UpdateFolderPeers)]
            assert [one.folder_peers[0].folder_id for one in moved] == [0, 0]
            sound(c)

    run(story())


def test_silent_chats_stay() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):

            async def mute(peer: t.AnyInputNotifyPeer, until: int | None) -> None:
                settings = t.InputPeerNotifySettings(mute_until=until)
                await ann(account.UpdateNotifySettings(peer=peer, settings=settings))

            own, everybody = t.InputNotifyPeer(peer=ann.peer(bob)), t.InputNotifyUsers()
            late = int(c.clock.now()) + 3600
            for first, second, stays in (
                ((own, late), (everybody, 0), 1),
                ((own, None), (everybody, late), 1),
                ((own, 0), (everybody, late), 0),
                ((own, None), (everybody, 0), 0),
            ):
                await bob.send(ann, "before")
                await archive(ann, bob)
                await mute(*first)
                await mute(*second)
                await bob.send(ann, "after")
                assert await place(ann, bob) == stays
            await archive(ann, bob)
            await mute(own, late)
            c.clock.advance(3601)
            await bob.send(ann, "the silence is over")
            assert await place(ann, bob) == 0

    run(story())


def test_chats_that_are_kept_in_the_archive() -> None:
    async def story() -> None:
        async with talk(3) as (_, (ann, bob, eve)):
            kept = folder(2, pinned_peers=[ann.peer(bob)])
            await ann(messages.UpdateDialogFilter(id=2, filter=kept))
            for settings, places in (
                (t.GlobalPrivacySettings(keep_archived_unmuted=True), [1, 1]),
                (t.GlobalPrivacySettings(keep_archived_folders=True), [1, 0]),
                (t.GlobalPrivacySettings(), [0, 0]),
            ):
                await ann(account.SetGlobalPrivacySettings(settings=settings))
                found = []
                for other in (bob, eve):
                    await other.send(ann, "before")
                    await archive(ann, other)
                    await other.send(ann, "after")
                    found.append(await place(ann, other))
                assert found == places

    run(story())


async def mute(person: Person, peer: t.AnyInputNotifyPeer, until: int | None) -> None:
    settings = t.InputPeerNotifySettings(mute_until=until)
    await person(account.UpdateNotifySettings(peer=peer, settings=settings))


def test_a_post_brings_a_channel_back() -> None:
    """Whoever has it in his archive and has not silenced it; what keeps it there may end."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            for megagroup in (True, False):
                here = await make(c, ann, bob, eve, joe, megagroup=megagroup)

                async def put(who: Person, here: Place = here) -> None:
                    move = [t.InputFolderPeer(peer=here.peer(who), folder_id=1)]
                    await who(folders.EditPeerFolders(folder_peers=move))

                async def where(who: Person, here: Place = here) -> int:
                    return (await here.line(who)).folder_id or 0

                for who in (ann, bob, eve):
                    await put(who)
                since = await bob(updates.GetState())
                own = t.InputNotifyPeer(peer=here.peer(eve))
                await mute(eve, own, 2**31 - 1)
                assert [await where(one) for one in (ann, bob, eve, joe)] == [1, 1, 1, 0]
                mark = len(c.heard)
                await here.post(ann, "1")
                await c.settle()
                assert [await where(one) for one in (ann, bob, eve, joe)] == [1, 0, 1, 0]
                told = [one for one in c.heard[mark:] if isinstance(getattr(one, "event", None), ev.Archived)]
                assert [one.user_id for one in told] == [bob.id]
                missed = await bob(updates.GetDifference(pts=since.pts, date=since.date, qts=0))
                assert any(isinstance(one, t.UpdateFolderPeers) for one in missed.other_updates)
                await mute(eve, own, int(c.clock.now()) + 3600)
                await here.post(ann, "2")
                assert await where(eve) == 1
                c.clock.advance(3601)
                await here.post(ann, "3")
                await c.settle()
                assert [await where(one) for one in (ann, eve)] == [1, 0]
                await put(eve)
                await eve(
                    account.SetGlobalPrivacySettings(
                        settings=t.GlobalPrivacySettings(keep_archived_unmuted=True)
                    )
                )
                await here.post(ann, "4")
                assert await where(eve) == 1
                await eve(account.SetGlobalPrivacySettings(settings=t.GlobalPrivacySettings()))
                await here.post(ann, "5")
                await c.settle()
                assert await where(eve) == 0
            sound(c)

    run(story())


def test_a_post_costs_what_was_archived_since_the_last() -> None:
    """Those who silence it are asked once; who has gone is not asked."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await make(c, ann, bob, eve, megagroup=False)
            for who in (bob, eve):
                move = [t.InputFolderPeer(peer=here.peer(who), folder_id=1)]
                await who(folders.EditPeerFolders(folder_peers=move))
                await mute(who, t.InputNotifyPeer(peer=here.peer(who)), 2**31 - 1)

            def listed() -> list[int]:
                with c.store.read(slot_of(here.id)) as reader:
                    return [key[1] for key, _ in reader.range(ARCHIVED_BY, here.id)]

            assert listed() == [bob.id, eve.id]
            await eve(channels.LeaveChannel(channel=here.input(eve)))
            assert listed() == [bob.id]
            await here.post(ann, "1")
            await c.settle()
            assert listed() == []
            await mute(bob, t.InputNotifyPeer(peer=here.peer(bob)), 0)
            await c.settle()
            assert listed() == [bob.id]
            sound(c)

    run(story())
