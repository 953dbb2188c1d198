"""Admins, owners, and what members may know of each other (SECURITY 6.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.channels.test_channel_coming import seat
from tests.api.channels.test_channel_people import password
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import Place, place, sound, user_of
from tests.srp_client import proof_of
from tests.talk import Person, talk
from tgserve.errors import RpcError
from tgserve.rpc.context import SessionRef
from tgserve.rpc.registry import METHODS
from tgserve.store.eventlog import Published
from tgserve.tl import types as t
from tgserve.tl.functions import account, auth, channels, messages

DAY = 86_400


def admins(here: Place, who: Person) -> channels.GetParticipants:
    return channels.GetParticipants(
        channel=here.input(who), filter=t.ChannelParticipantsAdmins(), offset=0, limit=10, hash=0
    )


async def log(here: Place, who: Person, **more: Any) -> list[Any]:
    asked = channels.GetAdminLog(
        channel=here.input(who), **{"q": "", "max_id": 0, "min_id": 0, "limit": 100, **more}
    )
    return list((await who(asked)).events)


def test_an_owner_chooses_a_title_and_to_be_anonymous_and_stays_what_he_is() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            await here.promote(ann, ann, "boss", other=False, anonymous=True)
            found = (await ann(admins(here, ann))).participants
            assert [type(one) for one in found] == [t.ChannelParticipantCreator]
            assert found[0].rank == "boss"
            assert found[0].admin_rights.anonymous and found[0].admin_rights.ban_users
            assert (await here.full(ann)).admins_count == 1
            action = (await log(here, ann))[0].action
            assert isinstance(action, t.ChannelAdminLogEventActionParticipantToggleAdmin)
            assert (action.prev_participant.rank, action.new_participant.rank) == (None, "boss")
            await here.promote(ann, ann, "", other=False)
            found = (await bob(admins(here, bob))).participants
            assert [one.user_id for one in found] == [ann.id]
            assert not found[0].admin_rights.anonymous
            sound(c)

    run(story())


def test_6_3_the_owner_is_removed_or_restricted_by_nobody() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, eve)
            await here.promote(ann, bob, ban_users=True, add_admins=True)
            for banned in (
                t.ChatBannedRights(until_date=0, view_messages=True),
                t.ChatBannedRights(until_date=0),
            ):
                request = channels.EditBanned(
                    channel=here.input(bob), participant=bob.peer(ann), banned_rights=banned
                )
                await refused("USER_ADMIN_INVALID", bob, request)
            nothing: Any = t.ChatAdminRights()
            demote = channels.EditAdmin(
                channel=here.input(bob), user_id=user_of(bob, ann), admin_rights=nothing, rank=""
            )
            await refused("USER_CREATOR", bob, demote)

    run(story())


def test_6_3_admins_are_changed_by_who_made_them_and_give_what_they_have() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            here = await place(c, ann, bob, eve, joe)
            await here.promote(ann, bob, ban_users=True, add_admins=True)
            await here.promote(ann, eve, ban_users=True, add_admins=True)
            await here.promote(bob, joe, ban_users=True)

            def edit(who: Person, whom: Person, **granted: bool) -> channels.EditAdmin:
                right: Any = t.ChatAdminRights(**granted)
                return channels.EditAdmin(
                    channel=here.input(who), user_id=user_of(who, whom), admin_rights=right, rank=""
                )

            for request in (edit(eve, joe), edit(eve, joe, other=True), edit(eve, bob), edit(joe, bob)):
                expected = (
                    "CHAT_ADMIN_REQUIRED" if request.user_id == user_of(joe, bob) else "USER_ADMIN_INVALID"
                )
                await refused(expected, joe if expected.startswith("CHAT") else eve, request)
            out = t.ChatBannedRights(until_date=0, view_messages=True)
            ban = channels.EditBanned(channel=here.input(eve), participant=eve.peer(joe), banned_rights=out)
            await refused("USER_ADMIN_INVALID", eve, ban)
            for right in ("pin_messages", "change_info", "anonymous", "delete_messages"):
                await refused("RIGHT_FORBIDDEN", bob, edit(bob, joe, ban_users=True, **{right: True}))
            await bob(edit(bob, joe))
            assert type(await seat(here, ann, joe)) is t.ChannelParticipant
            await bob(edit(bob, joe, ban_users=True))
            await ann(edit(ann, bob))
            await refused("CHAT_ADMIN_REQUIRED", bob, edit(bob, joe))
            assert isinstance(await seat(here, ann, joe), t.ChannelParticipantAdmin)
            sound(c)

    run(story())


def test_5_7_6_3_a_channel_is_not_given_away_with_a_fresh_password_or_from_a_fresh_session() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)

            def hand(who: Person, whom: Person, shown: Any = None) -> messages.EditChatCreator:
                return messages.EditChatCreator(
                    peer=here.peer(who),
                    user_id=t.InputUserSelf() if whom is who else user_of(who, whom),
                    password=shown or t.InputCheckPasswordEmpty(),
                )

            await refused("PASSWORD_MISSING", ann, hand(ann, ann))
            nowhere = messages.EditChatCreator(
                peer=t.InputPeerEmpty(), user_id=t.InputUserSelf(), password=t.InputCheckPasswordEmpty()
            )
            await refused("PASSWORD_MISSING", ann, nowhere)
            await password(ann)
            c.clock.advance(100)
            await refused(f"PASSWORD_TOO_FRESH_{DAY - 100}", ann, hand(ann, bob))
            asked = await ann(account.GetPassword())
            await refused(f"PASSWORD_TOO_FRESH_{DAY - 100}", ann, hand(ann, bob, proof_of("sesame", asked)))
            c.clock.advance(DAY)
            key = await c.key()
            sent = await c.services.auth.send_code("+9996621001", key, "127.0.0.1")
            with pytest.raises(RpcError, match="SESSION_PASSWORD_NEEDED"):
                await c.services.auth.sign_in("+9996621001", sent.phone_code_hash, c.desk.code, key)
            new = Person(c, ann.id, SessionRef(key, 5))
            asked = await METHODS[account.GetPassword.ID].run(
                c.call(0, session=new.session), account.GetPassword()
            )
            await METHODS[auth.CheckPassword.ID].run(
                c.call(0, session=new.session), auth.CheckPassword(password=proof_of("sesame", asked))
            )
            await c.settle()
            await refused(f"SESSION_TOO_FRESH_{DAY}", new, hand(new, bob))
            await refused("PASSWORD_HASH_INVALID", ann, hand(ann, ann))
            await refused("PASSWORD_HASH_INVALID", ann, nowhere)
            c.clock.advance(DAY)
            asked = await new(account.GetPassword())
            await new(hand(new, bob, proof_of("sesame", asked)))
            found = (await bob(admins(here, bob))).participants
            assert {one.user_id: type(one) for one in found} == {
                bob.id: t.ChannelParticipantCreator,
                ann.id: t.ChannelParticipantAdmin,
            }
            sound(c)

    run(story())


def test_6_3_who_is_in_a_group_with_hidden_members_is_not_told_one_by_one_either() -> None:
    """The admins of it are known; of others not even whether they are in it."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            here = await place(c, ann, bob, eve)
            await here.promote(ann, eve, ban_users=True)
            assert type(await seat(here, bob, ann)) is t.ChannelParticipantCreator
            await ann(channels.ToggleParticipantsHidden(channel=here.input(ann), enabled=True))

            def ask(who: Person, whom: Person) -> channels.GetParticipant:
                return channels.GetParticipant(channel=here.input(who), participant=who.peer(whom))

            assert type(await seat(here, bob, bob)) is t.ChannelParticipantSelf
            assert type(await seat(here, bob, eve)) is t.ChannelParticipantAdmin
            assert type(await seat(here, bob, ann)) is t.ChannelParticipantCreator
            await refused("CHAT_ADMIN_REQUIRED", bob, ask(bob, joe))
            await here.promote(ann, eve, other=False)
            await refused("CHAT_ADMIN_REQUIRED", bob, ask(bob, eve))
            assert type(await seat(here, ann, bob)) is t.ChannelParticipant
            await refused("USER_NOT_PARTICIPANT", ann, ask(ann, joe))
            for what in (
                t.ChannelParticipantsRecent(),
                t.ChannelParticipantsSearch(q=""),
                t.ChannelParticipantsContacts(q=""),
                t.ChannelParticipantsMentions(),
            ):
                page = channels.GetParticipants(
                    channel=here.input(bob), filter=what, offset=0, limit=10, hash=0
                )
                await refused("CHAT_ADMIN_REQUIRED", bob, page)

    run(story())


def test_a_page_of_members_that_the_client_has_is_not_sent_again() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            here = await place(c, ann, bob, eve)

            async def page(known: int) -> Any:
                asked = channels.GetParticipants(
                    channel=here.input(bob),
                    filter=t.ChannelParticipantsRecent(),
                    offset=0,
                    limit=10,
                    hash=known,
                )
                return await bob(asked)

            known = 0
            mask = 2**64 - 1
            for one in (await page(0)).participants:  # api/offsets, as a client computes it
                known ^= known >> 21
                known ^= known << 35 & mask
                known ^= known >> 4
                known = (known + one.user_id) & mask
            known -= (known >> 63) << 64
            assert isinstance(await page(known), t.ChannelsChannelParticipantsNotModified)
            assert isinstance(await page(known + 1), t.ChannelsChannelParticipants)
            users: list[Any] = [user_of(ann, joe)]
            await ann(channels.InviteToChannel(channel=here.input(ann), users=users))
            assert (await page(known)).count == 4

    run(story())


def test_what_has_run_out_is_counted_and_listed_no_more() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            here = await place(c, ann, bob, eve)
            soon = int(c.clock.now()) + 3_600
            await here.ban(ann, bob, until=soon, send_messages=True)
            await here.ban(ann, eve, until=soon, view_messages=True)
            full = await here.full(ann)
            assert (full.banned_count, full.kicked_count) == (1, 1)
            c.clock.advance(1_000)
            await here.ban(ann, bob, until=soon + 3_600, send_messages=True)
            c.clock.advance(2_700)
            await c.services.alarms.turn()
            await c.settle()
            full = await here.full(ann)
            assert (full.banned_count, full.kicked_count) == (1, 0)
            await refused("USER_BANNED_IN_CHANNEL", bob, here.say(bob, "x"))
            mark = len(c.heard)
            c.clock.advance(3_600)
            await c.services.alarms.turn()
            await c.settle()
            assert (await here.full(ann)).banned_count == 0
            told = [one for one in c.heard[mark:] if isinstance(one, Published) and one.user_id == bob.id]
            assert told, "he is told that he may write again"
            await here.post(bob, "x")
            before = len(await log(here, ann))
            await here.ban(ann, joe)
            assert len(await log(here, ann)) == before, "nothing was denied to him, so nothing is lifted"
            sound(c)

    run(story())


@pytest.mark.parametrize("megagroup", [True, False])
def test_an_owner_who_has_gone_can_come_back(megagroup: bool) -> None:
    """Into a private channel too, which would be nobody's else; he has lost nothing and is among its admins."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, megagroup=megagroup)
            await here.post(ann, "mine")
            gone = await ann(channels.LeaveChannel(channel=here.input(ann)))
            assert (gone.chats[0].creator, gone.chats[0].left) == (True, True)
            title = channels.EditTitle(channel=here.input(ann), title="x")
            await refused("CHANNEL_PRIVATE", ann, title)
            await ann(channels.JoinChannel(channel=here.input(ann)))
            found = (await ann(admins(here, ann))).participants
            assert [(type(one), one.user_id) for one in found] == [(t.ChannelParticipantCreator, ann.id)]
            full = await here.full(ann)
            assert (full.admins_count, full.participants_count) == (1, 2)
            await ann(title)
            assert await here.texts(ann) == ["mine"]
            await bob(channels.LeaveChannel(channel=here.input(bob)))
            await refused("CHANNEL_PRIVATE", bob, channels.JoinChannel(channel=here.input(bob)))
            await ann(channels.LeaveChannel(channel=here.input(ann)))
            await ann(channels.DeleteChannel(channel=here.input(ann)))
            with pytest.raises(RpcError, match="CHANNEL_PRIVATE"):
                await here.history(ann)
            sound(c)

    run(story())


def test_6_3_an_admin_without_a_right_may_what_everybody_may_and_no_more() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            here = await place(c, ann, bob, eve)
            await here.promote(ann, bob, ban_users=True)
            post = await here.post(eve, "a post")
            deeds: list[Any] = [
                channels.EditTitle(channel=here.input(bob), title="Bob's"),
                messages.EditChatAbout(peer=here.peer(bob), about="Bob's"),
                channels.EditPhoto(channel=here.input(bob), photo=t.InputChatPhotoEmpty()),
                channels.InviteToChannel(channel=here.input(bob), users=[user_of(bob, joe)]),
                messages.UpdatePinnedMessage(peer=here.peer(bob), id=post),
                messages.UnpinAllMessages(peer=here.peer(bob)),
            ]
            everybody = dict.fromkeys(("change_info", "invite_users", "pin_messages"), True)
            for denied in (everybody, {}):
                banned: Any = t.ChatBannedRights(until_date=0, **denied)
                await ann(messages.EditChatDefaultBannedRights(peer=here.peer(ann), banned_rights=banned))
                for deed in deeds:
                    if denied:
                        await refused("CHAT_ADMIN_REQUIRED", bob, deed)
                    elif not isinstance(deed, channels.EditPhoto):
                        await bob(deed)
            assert (await here.full(ann)).participants_count == 4
            sound(c)

    run(story())
