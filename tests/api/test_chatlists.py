"""Shared folders: made, offered, joined, kept up to date, left."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.channels.test_channel_admins import log
from tests.api.messages.test_chats import group, kick, sound
from tests.api.messages.test_folders import folder
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import place, publish
from tests.talk import Person, talk
from tgserve import limits
from tgserve.api import chatlists as _chatlists
from tgserve.api.messages import folders as _folders
from tgserve.errors import RpcError
from tgserve.services.chatlists import SLUG_CHARS
from tgserve.tl import types as t
from tgserve.tl.functions import channels, chatlists, messages, updates

SERVED = (_chatlists, _folders)
WORK = t.InputChatlistDialogFilter(filter_id=2)


def chat_peer(chat: int) -> t.InputPeerChat:
    return t.InputPeerChat(chat_id=-chat)


async def shared(ann: Person, *chats: int, offered: tuple[int, ...] = ()) -> str:
    """A folder of ann's with these chats, shared; the slug."""
    peers = [chat_peer(one) for one in chats]
    await ann(messages.UpdateDialogFilter(id=2, filter=folder(2, include_peers=peers)))
    named = [chat_peer(one) for one in offered or chats]
    made = await ann(chatlists.ExportChatlistInvite(chatlist=WORK, title="Ours", peers=named))
    assert isinstance(made.filter, t.DialogFilterChatlist) and made.filter.has_my_invites
    slug = made.invite.url.rpartition("/")[2]
    assert made.invite.url == f"https://t.me/addlist/{slug}" and len(slug) == SLUG_CHARS
    return str(slug)


async def folders_of(person: Person) -> list[Any]:
    found = (await person(messages.GetDialogFilters())).filters
    return [one for one in found if not isinstance(one, t.DialogFilterDefault)]


def ids(peers: list[Any]) -> set[int]:
    return {-one.chat_id for one in peers}


def test_a_folder_is_shared_joined_and_left() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            one, two, three = [await group(ann, eve, title=f"G{number}") for number in range(3)]
            slug = await shared(ann, one, two, three, offered=(one, two))
            offer = await bob(chatlists.CheckChatlistInvite(slug=slug))
            assert isinstance(offer, t.ChatlistsChatlistInvite) and offer.title.text == "Ours"
            assert ids(offer.peers) == {one, two}
            assert all(chat.left and chat.participants_count == 2 for chat in offer.chats)
            since = await bob(updates.GetState())
            wrong = chatlists.JoinChatlistInvite(slug=slug, peers=[chat_peer(three)])
            await refused("PEER_ID_INVALID", bob, wrong)
            await refused("PEERS_LIST_EMPTY", bob, chatlists.JoinChatlistInvite(slug=slug, peers=[]))
            done = await bob(
                chatlists.JoinChatlistInvite(slug=f"https://t.me/addlist/{slug}", peers=[chat_peer(one)])
            )
            (mine,) = await folders_of(bob)
            assert isinstance(mine, t.DialogFilterChatlist) and not mine.has_my_invites
            assert done.updates[0] == t.UpdateDialogFilter(id=mine.id, filter=mine)
            said = [u.message.action for u in done.updates if isinstance(u, t.UpdateNewMessage)]
            assert said == [t.MessageActionChatJoinedByLink(inviter_id=ann.id)]
            await bob.send(one, "here I am")
            assert await eve.texts(one) == ["here I am"]
            missed = await bob.device(2)(updates.GetDifference(pts=since.pts, date=since.date, qts=0))
            assert any(isinstance(u, t.UpdateDialogFilter) for u in missed.other_updates)
            again = await bob(chatlists.CheckChatlistInvite(slug=slug))
            assert isinstance(again, t.ChatlistsChatlistInviteAlready) and again.filter_id == mine.id
            assert (ids(again.missing_peers), ids(again.already_peers)) == ({two}, {one})
            joined = t.InputChatlistDialogFilter(filter_id=mine.id)
            assert ids(await bob(chatlists.GetLeaveChatlistSuggestions(chatlist=joined))) == {one}
            await refused("FILTER_NOT_SUPPORTED", ann, chatlists.LeaveChatlist(chatlist=WORK, peers=[]))
            await bob(chatlists.LeaveChatlist(chatlist=joined, peers=[chat_peer(one)]))
            assert await folders_of(bob) == []
            with pytest.raises(RpcError, match="CHAT_FORBIDDEN"):
                await bob.send(one, "gone")
            sound(c)

    run(story())


def test_what_is_new_in_a_link_is_offered_until_it_is_waved_away() -> None:
    async def story() -> None:
        async with talk(2) as (_, (ann, bob)):
            one, two, three = [await group(ann, title=f"G{number}") for number in range(3)]
            slug = await shared(ann, one, two, three, offered=(one,))
            await bob(chatlists.JoinChatlistInvite(slug=slug, peers=[chat_peer(one)]))
            (mine,) = await folders_of(bob)
            joined = t.InputChatlistDialogFilter(filter_id=mine.id)

            async def news() -> set[int]:
                return ids((await bob(chatlists.GetChatlistUpdates(chatlist=joined))).missing_peers)

            assert await news() == set()
            grown = chatlists.EditExportedInvite(
                chatlist=WORK, slug=slug, title="More", peers=[chat_peer(one), chat_peer(two)]
            )
            assert (await ann(grown)).title == "More"
            assert await news() == {two}
            await bob(chatlists.JoinChatlistUpdates(chatlist=joined, peers=[chat_peer(two)]))
            assert await news() == set()
            (mine,) = await folders_of(bob)
            assert {one.chat_id for one in mine.include_peers} == {-one, -two}
            every = [chat_peer(one) for one in (one, two, three)]
            await ann(chatlists.EditExportedInvite(chatlist=WORK, slug=slug, peers=every))
            assert await news() == {three}
            assert await bob(chatlists.HideChatlistUpdates(chatlist=joined))
            assert await news() == set()
            renamed = t.DialogFilterChatlist(
                id=mine.id,
                title=t.TextWithEntities(text="Mine", entities=[]),
                pinned_peers=[],
                include_peers=mine.include_peers,
            )
            await bob(messages.UpdateDialogFilter(id=mine.id, filter=renamed))
            assert (await bob(chatlists.CheckChatlistInvite(slug=slug))).filter_id == mine.id
            assert await news() == set()

    run(story())


def test_links_are_listed_changed_and_ended() -> None:
    async def story() -> None:
        async with talk(2) as (_, (ann, bob)):
            chat = await group(ann)
            slug = await shared(ann, chat)
            listed = await ann(chatlists.GetExportedInvites(chatlist=WORK))
            assert [one.url.rpartition("/")[2] for one in listed.invites] == [slug]
            ask = chatlists.ExportChatlistInvite(chatlist=WORK, title="x", peers=[chat_peer(chat)])
            for _ in range(limits.CHATLIST_INVITES - 1):
                await ann(ask)
            await refused("INVITES_TOO_MUCH", ann, ask)
            for one in (await ann(chatlists.GetExportedInvites(chatlist=WORK))).invites:
                await ann(chatlists.DeleteExportedInvite(chatlist=WORK, slug=one.url.rpartition("/")[2]))
            (plain,) = await folders_of(ann)
            assert isinstance(plain, t.DialogFilter)
            gone = chatlists.DeleteExportedInvite(chatlist=WORK, slug=slug)
            await refused("INVITE_SLUG_EXPIRED", ann, gone)
            await refused("INVITE_SLUG_EXPIRED", bob, chatlists.CheckChatlistInvite(slug=slug))

    run(story())


def test_6_2_a_link_opens_what_its_maker_may_open_and_nothing_else() -> None:
    """Not a chat he has no right to invite to, or is no longer in; nor one for who was removed from it."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat, second = await group(ann, bob), await group(ann, bob, title="Second")
            slug = await shared(bob, chat, second)
            banned = t.ChatBannedRights(until_date=0, invite_users=True)
            await ann(messages.EditChatDefaultBannedRights(peer=ann.peer(second), banned_rights=banned))
            offer = await eve(chatlists.CheckChatlistInvite(slug=slug))
            assert ids(offer.peers) == {chat}
            again = chatlists.ExportChatlistInvite(chatlist=WORK, title="x", peers=[chat_peer(second)])
            await refused("CHAT_ADMIN_REQUIRED", bob, again)
            await eve(chatlists.JoinChatlistInvite(slug=slug, peers=[chat_peer(chat)]))
            await kick(ann, chat, eve)
            (mine,) = await folders_of(eve)
            await refused(
                "CHAT_FORBIDDEN", eve, chatlists.JoinChatlistInvite(slug=slug, peers=[chat_peer(chat)])
            )
            await kick(ann, chat, bob)
            offer = await eve(chatlists.CheckChatlistInvite(slug=slug))
            assert offer.missing_peers == [] and offer.already_peers == []
            for wrong in ("", "x", "A" * SLUG_CHARS, "\u00e4" * SLUG_CHARS, slug[:-1] + "!"):
                said = "INVITE_SLUG_EXPIRED" if wrong else "INVITE_SLUG_EMPTY"
                await refused(said, eve, chatlists.CheckChatlistInvite(slug=wrong))
            sound(c)

    run(story())


def test_what_cannot_be_shared() -> None:
    async def story() -> None:
        async with talk(3) as (_, (ann, bob, eve)):
            chat, other = await group(ann), await group(eve, title="Not ann's")
            await refused(
                "FILTER_ID_INVALID", ann, chatlists.ExportChatlistInvite(chatlist=WORK, title="x", peers=[])
            )
            rules = folder(2, groups=True, include_peers=[chat_peer(chat), ann.peer(bob)])
            await ann(messages.UpdateDialogFilter(id=2, filter=rules))

            def ask(*named: Any) -> chatlists.ExportChatlistInvite:
                return chatlists.ExportChatlistInvite(chatlist=WORK, title="x", peers=list(named))

            await refused("FILTER_NOT_SUPPORTED", ann, ask(chat_peer(chat)))
            plain = folder(2, include_peers=[chat_peer(chat), ann.peer(bob)])
            await ann(messages.UpdateDialogFilter(id=2, filter=plain))
            await refused("PEERS_LIST_EMPTY", ann, ask())
            await refused("PEER_ID_INVALID", ann, ask(ann.peer(bob)))
            await refused("CHAT_ID_INVALID", ann, ask(chat_peer(other)))
            await ann(ask(chat_peer(chat)))
            await refused("FILTER_NOT_SUPPORTED", ann, messages.UpdateDialogFilter(id=2, filter=rules))

    run(story())


def test_channels_are_offered_by_those_who_may_invite_and_joined_by_the_link() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            club = await place(c, ann, eve, title="Club")
            news = await place(c, ann, megagroup=False, title="News")
            await publish(news, ann, "newsroom")
            both = [club.peer(ann), news.peer(ann)]
            await ann(messages.UpdateDialogFilter(id=2, filter=folder(2, include_peers=both)))
            made = await ann(chatlists.ExportChatlistInvite(chatlist=WORK, title="Ours", peers=both))
            slug = made.invite.url.rpartition("/")[2]
            # A member who may not invite shares nothing but what is public.
            theirs = [club.peer(eve), news.peer(eve)]
            await eve(messages.UpdateDialogFilter(id=2, filter=folder(2, include_peers=theirs)))
            wrong = chatlists.ExportChatlistInvite(chatlist=WORK, title="x", peers=theirs)
            await refused("CHAT_ADMIN_REQUIRED", eve, wrong)
            await eve(chatlists.ExportChatlistInvite(chatlist=WORK, title="x", peers=theirs[1:]))

            offer = await bob(chatlists.CheckChatlistInvite(slug=slug))
            assert {one.channel_id for one in offer.peers} == {club.number, news.number}
            assert all(isinstance(one, t.Channel) and one.left for one in offer.chats)
            assert {one.title: one.username for one in offer.chats} == {"Club": None, "News": "newsroom"}
            await refused(
                "CHANNEL_PRIVATE",
                bob,
                messages.GetPeerDialogs(peers=[t.InputDialogPeer(peer=club.peer(bob))]),
            )  # 6.1: what is offered is not opened by it
            done = await bob(chatlists.JoinChatlistInvite(slug=slug, peers=[club.peer(bob), news.peer(bob)]))
            said = [one.message.action for one in done.updates if isinstance(one, t.UpdateNewChannelMessage)]
            assert said == [t.MessageActionChatJoinedByLink(inviter_id=ann.id)]
            (mine,) = await folders_of(bob)
            assert mine.include_peers == [club.peer(bob), news.peer(bob)]
            # whose link let him into the private one
            (noted,) = await log(club, ann, events_filter=t.ChannelAdminLogEventsFilter(join=True))
            full = await club.full(ann)
            assert (noted.user_id, noted.action.via_chatlist) == (bob.id, True)
            assert noted.action.invite.link == full.exported_invite.link
            (noted,) = await log(news, ann, events_filter=t.ChannelAdminLogEventsFilter(join=True))
            assert noted.action == t.ChannelAdminLogEventActionParticipantJoin()
            await club.post(bob, "here I am")
            assert await club.texts(eve) == ["here I am"]
            joined = t.InputChatlistDialogFilter(filter_id=mine.id)
            await bob(chatlists.LeaveChatlist(chatlist=joined, peers=[club.peer(bob)]))
            await refused("CHANNEL_PRIVATE", bob, club.say(bob, "gone"))

            # 6.3: who has been put out does not come back by it, nor does anybody once the sharer may not invite.
            await club.ban(ann, bob, view_messages=True)
            again = chatlists.JoinChatlistInvite(slug=slug, peers=[club.peer(bob)])
            await refused("CHANNEL_PRIVATE", bob, again)
            assert await bob(channels.LeaveChannel(channel=news.input(bob)))
            await bob(chatlists.JoinChatlistInvite(slug=slug, peers=[news.peer(bob)]))
            await club.ban(ann, bob)
            await ann(channels.LeaveChannel(channel=club.input(ann)))
            offer = await bob(chatlists.CheckChatlistInvite(slug=slug))
            named = [*offer.missing_peers, *offer.already_peers]
            assert {one.channel_id for one in named} == {news.number}
            sound(c)

    run(story())
