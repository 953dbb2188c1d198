"""Coming in: what a request, a ban, a limit or a deleted account makes of it (SECURITY 6.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.channels.test_channel_people import refused_after
from tests.api.messages.test_chats import group
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import Place, place, publish, sound, user_of
from tests.talk import Person, talk
from tgserve import limits
from tgserve.tl import types as t
from tgserve.tl.functions import channels, contacts, messages


async def link(here: Place, who: Person, **terms: Any) -> str:
    made = await who(messages.ExportChatInvite(peer=here.peer(who), **terms))
    return str(made.link)


async def ask(here: Place, by: Person, who: Person) -> None:
    """`who` leaves a request."""
    hash_ = await link(here, by, request_needed=True)
    await refused_after(who, "INVITE_REQUEST_SENT", messages.ImportChatInvite(hash=hash_))


async def waiting(here: Place, who: Person) -> int:
    return (await here.full(who)).requests_pending or 0


def invite(here: Place, by: Person, *whom: Person) -> channels.InviteToChannel:
    users: list[Any] = [user_of(by, one) for one in whom]
    return channels.InviteToChannel(channel=here.input(by), users=users)


def hide(here: Place, by: Person, whom: Person, approved: bool = True) -> messages.HideChatJoinRequest:
    return messages.HideChatJoinRequest(peer=here.peer(by), user_id=user_of(by, whom), approved=approved)


async def seat(here: Place, by: Person, whom: Person) -> Any:
    asked = channels.GetParticipant(channel=here.input(by), participant=by.peer(whom))
    return (await by(asked)).participant


@pytest.mark.parametrize("way", ["other link", "invited", "promoted", "public"])
def test_6_3_a_request_is_over_when_its_user_has_come_in_some_other_way(way: str) -> None:
    """Else it waits for ever, and whoever approves it makes a plain member of him who may be an admin by then."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann)
            await ask(here, ann, bob)
            assert await waiting(here, ann) == 1
            if way == "other link":
                await bob(messages.ImportChatInvite(hash=await link(here, ann)))
            elif way == "invited":
                await ann(invite(here, ann, bob))
            elif way == "promoted":
                await here.promote(ann, bob, ban_users=True)
            else:
                await publish(here, ann, "town_square")
                await bob(channels.JoinChannel(channel=here.input(bob)))
            assert await waiting(here, ann) == 0
            links = await ann(
                messages.GetExportedChatInvites(
                    peer=here.peer(ann), admin_id=t.InputUserSelf(), limit=10, revoked=False
                )
            )
            assert not any(one.requested for one in links.invites)
            await here.promote(ann, bob, ban_users=True)
            await refused("HIDE_REQUESTER_MISSING", ann, hide(here, ann, bob))
            assert isinstance(await seat(here, ann, bob), t.ChannelParticipantAdmin)
            sound(c)

    run(story())


def test_6_3_who_is_banned_does_not_come_in_by_the_request_he_had_left() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, eve)
            await here.promote(ann, eve, invite_users=True)
            await ask(here, ann, bob)
            await here.ban(ann, bob, view_messages=True)
            assert await waiting(here, ann) == 0
            await refused("HIDE_REQUESTER_MISSING", eve, hide(here, eve, bob))
            everybody = messages.HideAllChatJoinRequests(peer=here.peer(eve), approved=True)
            await eve(everybody)
            with pytest.raises(Exception, match="CHANNEL_PRIVATE"):
                await here.history(bob)
            sound(c)

    run(story())


def test_a_removed_member_who_is_brought_back_is_a_plain_member() -> None:
    """Nothing is left of the ban: he is in no list of the restricted, and may write."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            await here.ban(ann, bob, view_messages=True)
            await ann(invite(here, ann, bob))
            assert type(await seat(here, ann, bob)) is t.ChannelParticipant
            full = await here.full(ann)
            assert (full.kicked_count, full.banned_count, full.participants_count) == (0, 0, 2)
            chat = (await bob(channels.GetChannels(id=[here.input(bob)]))).chats[0]
            assert chat.banned_rights is None
            await here.post(bob, "back again")
            sound(c)

    run(story())


def test_6_3_who_may_invite_but_not_lift_bans_brings_no_removed_member_back() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            here = await place(c, ann, bob, eve)
            await here.promote(ann, eve, invite_users=True, add_admins=True)
            await here.ban(ann, bob, view_messages=True)
            await refused("USER_KICKED", eve, invite(here, eve, bob))
            made = await eve(invite(here, eve, bob, joe))
            assert [one.user_id for one in made.missing_invitees] == [bob.id]
            right: Any = t.ChatAdminRights(invite_users=True)
            promote = channels.EditAdmin(
                channel=here.input(eve), user_id=user_of(eve, bob), admin_rights=right, rank=""
            )
            await refused("USER_KICKED", eve, promote)
            assert isinstance(await seat(here, ann, bob), t.ChannelParticipantBanned)
            assert (await here.full(ann)).participants_count == 3

    run(story())


def test_the_service_message_names_those_who_have_come() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            await ann(invite(here, ann, bob, eve))
            said = (await here.history(ann))[0]
            assert said.action == t.MessageActionChatAddUser(users=[eve.id])
            before = len(await here.history(ann))
            await ann(invite(here, ann, bob, eve))
            assert len(await here.history(ann)) == before

    run(story())


def test_6_3_who_may_make_admins_but_not_invite_makes_none_of_strangers() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            here = await place(c, ann, bob, eve)
            await here.promote(ann, eve, ban_users=True, add_admins=True)

            def promote(by: Person, whom: Person) -> channels.EditAdmin:
                right: Any = t.ChatAdminRights(ban_users=True)
                return channels.EditAdmin(
                    channel=here.input(by), user_id=user_of(by, whom), admin_rights=right, rank=""
                )

            await refused("CHAT_ADMIN_INVITE_REQUIRED", eve, promote(eve, joe))
            assert (await here.full(ann)).participants_count == 3
            await eve(promote(eve, bob))
            await joe(contacts.Block(id=joe.peer(ann)))
            await refused("USER_BLOCKED", ann, promote(ann, joe))
            assert (await here.full(ann)).participants_count == 3
            sound(c)

    run(story())


def test_who_is_in_too_many_channels_comes_into_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            here = await place(c, ann)
            await ask(here, ann, bob)
            await place(c, eve, bob)
            monkeypatch.setattr(limits, "CHANNELS_PER_USER", 1)
            await refused("USER_CHANNELS_TOO_MUCH", ann, invite(here, ann, bob))
            await refused("USER_CHANNELS_TOO_MUCH", ann, hide(here, ann, bob))
            right: Any = t.ChatAdminRights(ban_users=True)
            promote = channels.EditAdmin(
                channel=here.input(ann), user_id=user_of(ann, bob), admin_rights=right, rank=""
            )
            await refused("USER_CHANNELS_TOO_MUCH", ann, promote)
            made = await ann(invite(here, ann, bob, joe))
            assert [one.user_id for one in made.missing_invitees] == [bob.id]
            everybody = messages.HideAllChatJoinRequests(peer=here.peer(ann), approved=True)
            await ann(everybody)
            assert await waiting(here, ann) == 1, "his request waits until there is room"
            assert (await here.full(ann)).participants_count == 2
            sound(c)

    run(story())


def test_a_deleted_account_is_brought_in_by_nobody() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann)
            await ask(here, ann, bob)
            await ask(here, ann, eve)
            named = user_of(ann, bob)
            await c.services.accounts.delete(bob.id)
            await c.settle()
            asked: list[Any] = [named]
            bring = channels.InviteToChannel(channel=here.input(ann), users=asked)
            await refused("INPUT_USER_DEACTIVATED", ann, bring)
            right: Any = t.ChatAdminRights(ban_users=True)
            promote = channels.EditAdmin(channel=here.input(ann), user_id=named, admin_rights=right, rank="")
            await refused("INPUT_USER_DEACTIVATED", ann, promote)
            await refused("INPUT_USER_DEACTIVATED", ann, hide(here, ann, bob))
            everybody = messages.HideAllChatJoinRequests(peer=here.peer(ann), approved=True)
            await ann(everybody)
            assert (await here.full(ann)).participants_count == 2
            assert await waiting(here, ann) == 0, "a request of nobody is dismissed"
            sound(c)

    run(story())


def test_links_that_are_not_there_and_admins_who_are_none() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here, other = await place(c, ann, bob), await place(c, ann)
            foreign = await link(other, ann, title="elsewhere")
            mine = await link(here, ann, title="here")

            def importers(who: Person, of: str, q: str = "") -> messages.GetChatInviteImporters:
                return messages.GetChatInviteImporters(
                    peer=here.peer(who),
                    link=of,
                    q=q or None,
                    offset_date=0,
                    offset_user=t.InputUserEmpty(),
                    limit=10,
                )

            peer = here.peer(ann)
            for unknown in (foreign, "https://t.me/+AAAAAAAAAAAAAAAA"):
                for request in (
                    messages.GetExportedChatInvite(peer=peer, link=unknown),
                    messages.EditExportedChatInvite(peer=peer, link=unknown, revoked=True),
                    messages.DeleteExportedChatInvite(peer=peer, link=unknown),
                    messages.HideAllChatJoinRequests(peer=peer, link=unknown, approved=True),
                    importers(ann, unknown),
                ):
                    await refused("INVITE_HASH_EXPIRED", ann, request)
            await refused("SEARCH_WITH_LINK_NOT_SUPPORTED", ann, importers(ann, mine, "bob"))
            await refused("CHAT_ADMIN_REQUIRED", bob, importers(bob, mine, "bob"))
            wrong = t.InputUser(user_id=bob.id, access_hash=1)
            for request in (
                messages.GetExportedChatInvites(peer=peer, admin_id=wrong, limit=10),
                messages.DeleteRevokedExportedChatInvites(peer=peer, admin_id=wrong),
            ):
                await refused("ADMIN_ID_INVALID", ann, request)

    run(story())


def test_links_of_a_group_that_has_become_a_supergroup_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is let into the group that is over."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob)
            old = (await ann(messages.ExportChatInvite(peer=ann.peer(chat)))).link
            asking = messages.ExportChatInvite(peer=ann.peer(chat), request_needed=True)
            asked = (await ann(asking)).link
            migrate = messages.MigrateChat(chat_id=-chat)
            await refused("CHAT_ADMIN_REQUIRED", bob, messages.MigrateChat(chat_id=-chat))
            with monkeypatch.context() as patch:
                patch.setattr(limits, "CHANNELS_PER_USER", 0)
                await refused("CHANNELS_TOO_MUCH", ann, migrate)
            await ann(migrate)
            for hash_ in (old, asked):
                await refused("INVITE_HASH_EXPIRED", eve, messages.CheckChatInvite(hash=hash_))
                await refused("INVITE_HASH_EXPIRED", eve, messages.ImportChatInvite(hash=hash_))
            sound(c)

    run(story())


def test_6_2_the_group_before_is_named_to_those_who_were_in_it() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob)
            made = await ann(messages.MigrateChat(chat_id=-chat))
            new = next(one for one in made.chats if isinstance(one, t.Channel))
            here = Place(c, new.id)
            await ann(invite(here, ann, eve))
            fulls = [await here.full(who) for who in (ann, bob, eve)]
            assert [one.migrated_from_chat_id for one in fulls] == [-chat, -chat, None]
            assert fulls[0].migrated_from_max_id and fulls[2].migrated_from_max_id is None
            for who in (ann, bob):
                old = await who(messages.GetFullChat(chat_id=-chat))
                assert old.full_chat.exported_invite is None and old.chats[0].deactivated

    run(story())


def test_6_4_what_was_written_before_one_came_is_neither_answered_nor_pinned() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            old = await here.post(ann, "secret")
            toggle = channels.TogglePreHistoryHidden(channel=here.input(ann), enabled=True)
            await ann(toggle)
            await ann(invite(here, ann, eve))
            new = await here.post(ann, "for all")

            def answer(who: Person, to: int) -> Any:
                return here.say(who, "re", reply_to=t.InputReplyToMessage(reply_to_msg_id=to))

            await refused("REPLY_MESSAGE_ID_INVALID", eve, answer(eve, old))
            pin = messages.UpdatePinnedMessage(peer=here.peer(eve), id=old)
            await refused("MESSAGE_ID_INVALID", eve, pin)
            await eve(answer(eve, new))
            await eve(messages.UpdatePinnedMessage(peer=here.peer(eve), id=new))
            await bob(answer(bob, old))
            await here.promote(ann, eve, ban_users=True)
            await eve(answer(eve, old))
            assert (await here.texts(eve))[-1] == "secret", "admins see it all"

    run(story())
