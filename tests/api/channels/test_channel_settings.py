"""What a channel says of itself, and what it cannot have here."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import Place, place, publish, sound, user_of
from tests.talk import Person, talk
from tgserve import limits
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages

BANNED = t.ChatBannedRights(view_messages=True, until_date=0)
FREE = t.ChatBannedRights(until_date=0)


def test_the_tab_that_a_profile_opens_with() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, megagroup=False)
            tab = t.ProfileTabFiles()
            assert (await here.full(bob)).main_tab is None
            assert await ann(channels.SetMainProfileTab(channel=here.input(ann), tab=tab))
            assert (await here.full(bob)).main_tab == tab
            again = channels.SetMainProfileTab(channel=here.input(ann), tab=tab)
            await refused("CHAT_NOT_MODIFIED", ann, again)
            theirs = channels.SetMainProfileTab(channel=here.input(bob), tab=t.ProfileTabGifs())
            await refused("CHAT_ADMIN_REQUIRED", bob, theirs)
            strange = channels.SetMainProfileTab(channel=here.input(eve), tab=t.ProfileTabGifs())
            await refused("CHANNEL_PRIVATE", eve, strange)
            group = await place(c, ann)
            wrong = channels.SetMainProfileTab(channel=group.input(ann), tab=tab)
            await refused("BROADCAST_REQUIRED", ann, wrong)
            sound(c)

    run(story())


def test_what_needs_boosts_or_a_place() -> None:
    """Refused with the documented errors, to admins; others hear that they are none."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            news, group = await place(c, ann, bob, megagroup=False), await place(c, ann, bob)
            status = t.EmojiStatus(document_id=5)

            def asked(who: Person, here: Any) -> list[Any]:
                where = here.input(who)
                return [
                    channels.EditLocation(channel=where, geo_point=t.InputGeoPointEmpty(), address=""),
                    channels.UpdateEmojiStatus(channel=where, emoji_status=status),
                    channels.ToggleAutotranslation(channel=where, enabled=True),
                    channels.UpdateEmojiStatus(channel=where, emoji_status=t.EmojiStatusEmpty()),
                    channels.ToggleAutotranslation(channel=where, enabled=False),
                ]

            for here in (news, group):
                for request in asked(bob, here):
                    await refused("CHAT_ADMIN_REQUIRED", bob, request)
            said = ("MEGAGROUP_REQUIRED", "BOOSTS_REQUIRED", "BOOSTS_REQUIRED", *["CHAT_NOT_MODIFIED"] * 2)
            for name, request in zip(said, asked(ann, news), strict=True):
                await refused(name, ann, request)
            await refused("MEGAGROUP_GEO_REQUIRED", ann, asked(ann, group)[0])
            await refused("BROADCAST_REQUIRED", ann, asked(ann, group)[2])
            sound(c)

    run(story())


async def log_of(here: Place, who: Person) -> list[str]:
    asked = channels.GetAdminLog(channel=here.input(who), q="", max_id=0, min_id=0, limit=20)
    kinds = [type(one.action).__name__ for one in (await who(asked)).events]
    return [kind.removeprefix("ChannelAdminLogEventAction") for kind in kinds]


def test_a_supergroup_of_admins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of a forum, nor of a small group; what plain members may is denied to them for good, and said so."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            switch = channels.ToggleForum(channel=here.input(ann), enabled=True, tabs=False)
            await ann(switch)
            convert = channels.ConvertToGigagroup(channel=here.input(ann))
            await refused("FORUM_ENABLED", ann, convert)
            await ann(channels.ToggleForum(channel=here.input(ann), enabled=False, tabs=False))
            monkeypatch.setattr(limits, "GIGAGROUP_MEMBERS", 3)
            await refused("PARTICIPANTS_TOO_FEW", ann, convert)
            await refused("CHAT_ADMIN_REQUIRED", bob, channels.ConvertToGigagroup(channel=here.input(bob)))
            await here.post(bob, "x")
            monkeypatch.setattr(limits, "GIGAGROUP_MEMBERS", 2)
            chat = (await ann(convert)).chats[0]
            assert chat.gigagroup and chat.default_banned_rights.send_messages
            assert chat.default_banned_rights.send_plain  # TDLib and Desktop look at this
            await refused("CHAT_ADMIN_REQUIRED", ann, switch)
            await refused("CHAT_NOT_MODIFIED", ann, convert)
            await refused("CHAT_WRITE_FORBIDDEN", bob, here.say(bob, "x"))
            await here.post(ann, "x")
            assert (await log_of(here, ann))[0] == "DefaultBannedRights"
            sound(c)

    run(story())


def test_a_ban_on_messages_is_one_on_each_kind() -> None:
    """Newer clients look at the kinds alone, older ones know only send_messages and send_media."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)

            async def told(banned: t.ChatBannedRights) -> t.ChatBannedRights:
                asked = messages.EditChatDefaultBannedRights(peer=here.peer(ann), banned_rights=banned)
                rights: t.ChatBannedRights = (await ann(asked)).chats[0].default_banned_rights
                return rights

            media = await told(t.ChatBannedRights(send_media=True, until_date=0))
            assert media.send_photos and media.send_docs and media.send_voices
            assert not media.send_plain and not media.send_messages and not media.send_stickers
            every = await told(t.ChatBannedRights(send_messages=True, until_date=0))
            assert every.send_plain and every.send_media and every.send_polls and every.send_roundvideos
            assert not every.invite_users and not every.send_reactions
            quiet = t.ChatBannedRights(send_messages=True, until_date=0)
            await ann(
                channels.EditBanned(channel=here.input(ann), participant=ann.peer(bob), banned_rights=quiet)
            )
            asked = channels.GetParticipant(channel=here.input(ann), participant=ann.peer(bob))
            seat = (await ann(asked)).participant
            assert seat.banned_rights.send_plain and seat.banned_rights.send_stickers
            sound(c)

    run(story())


def test_who_is_restricted_keeps_the_word_beside_his_name() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            await bob(
                messages.EditChatParticipantRank(
                    peer=here.peer(bob), participant=t.InputPeerSelf(), rank="cook"
                )
            )
            asked = channels.GetParticipant(channel=here.input(ann), participant=ann.peer(bob))
            for banned in (
                t.ChatBannedRights(send_polls=True, until_date=0),
                t.ChatBannedRights(until_date=0),
            ):
                await ann(
                    channels.EditBanned(
                        channel=here.input(ann), participant=ann.peer(bob), banned_rights=banned
                    )
                )
                assert (await ann(asked)).participant.rank == "cook"
            sound(c)

    run(story())


def test_the_log_says_what_was_changed() -> None:
    """Settings that the log has no words for are not told as others."""

    async def story() -> None:
        async with talk(1) as (c, (ann,)):
            news, group = await place(c, ann, megagroup=False), await place(c, ann)
            await publish(group, ann, "open_group")
            signed = channels.ToggleSignatures(channel=news.input(ann), signatures_enabled=True)
            await ann(signed)
            shown = channels.ToggleSignatures(
                channel=news.input(ann), signatures_enabled=True, profiles_enabled=True
            )
            await ann(shown)
            assert await log_of(news, ann) == ["ToggleSignatureProfiles", "ToggleSignatures"]
            await ann(channels.UpdateColor(channel=news.input(ann), color=5, background_emoji_id=77))
            await ann(channels.UpdateColor(channel=news.input(ann), color=3, for_profile=True))
            asked = channels.GetAdminLog(channel=news.input(ann), q="", max_id=0, min_id=0, limit=2)
            profile, name = (one.action for one in (await ann(asked)).events)
            assert (profile.prev_value, profile.new_value) == (t.PeerColor(), t.PeerColor(color=3))
            assert name.new_value == t.PeerColor(color=5, background_emoji_id=77)
            assert isinstance(name, t.ChannelAdminLogEventActionChangePeerColor)
            for toggle in (
                channels.ToggleJoinToSend,
                channels.ToggleJoinRequest,
                channels.ToggleParticipantsHidden,
            ):
                await ann(toggle(channel=group.input(ann), enabled=True))
            assert await log_of(group, ann) == ["ChangeUsername"]
            sound(c)

    run(story())


def test_6_3_a_channel_that_was_banned_is_nobodys_name() -> None:
    """Who wrote as it writes under his own name; it can be let in again."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, eve)
            await publish(here, ann, "groupplace")
            news = await place(c, bob, ann, megagroup=False, title="News")
            await publish(news, bob, "bobsnews")
            await here.post(bob, "buy", send_as=news.peer(bob))
            (seen, *_) = await here.history(ann)
            assert seen.from_id == t.PeerChannel(channel_id=news.number)

            def ban(who: Person, banned: t.ChatBannedRights = BANNED) -> channels.EditBanned:
                return channels.EditBanned(
                    channel=here.input(who), participant=news.peer(who), banned_rights=banned
                )

            await refused("CHAT_ADMIN_REQUIRED", eve, ban(eve))
            mild = t.ChatBannedRights(send_media=True, until_date=0)
            await refused("BANNED_RIGHTS_INVALID", ann, ban(ann, mild))
            itself = channels.EditBanned(
                channel=here.input(ann), participant=here.peer(ann), banned_rights=BANNED
            )
            await refused("PARTICIPANT_ID_INVALID", ann, itself)
            made = await ann(ban(ann))
            assert news.number in {one.id for one in made.chats}
            for _ in range(2):
                await refused("SEND_AS_PEER_INVALID", bob, here.say(bob, "x", send_as=news.peer(bob)))
            assert len((await bob(channels.GetSendAs(peer=here.peer(bob)))).peers) == 1
            kicked = channels.GetParticipants(
                channel=here.input(ann), filter=t.ChannelParticipantsKicked(q=""), offset=0, limit=9, hash=0
            )
            found = await ann(kicked)
            assert found.participants[0].peer == t.PeerChannel(channel_id=news.number)
            assert news.number in {one.id for one in found.chats} and (await here.full(ann)).kicked_count == 1
            one = channels.GetParticipant(channel=here.input(ann), participant=news.peer(ann))
            assert (await ann(one)).participant.kicked_by == ann.id
            log = await ann(channels.GetAdminLog(channel=here.input(ann), q="", max_id=0, min_id=0, limit=1))
            assert log.events[0].action.new_participant.peer == t.PeerChannel(channel_id=news.number)
            await here.post(bob, "as myself")
            await ann(ban(ann, FREE))
            await here.post(bob, "again", send_as=news.peer(bob))
            assert (await here.history(ann))[0].from_id == t.PeerChannel(channel_id=news.number)
            assert (await ann(kicked)).participants == []
            sound(c)

    run(story())


def test_who_may_choose_a_name_hears_which_is_the_usual_one() -> None:
    """channelFull.default_send_as: TDLib lets its user choose only where it is there."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            assert (await here.full(bob)).default_send_as is None
            await publish(here, ann, "groupplace")
            assert (await here.full(bob)).default_send_as == t.PeerUser(user_id=bob.id)
            assert (await here.full(eve)).default_send_as is None
            await here.promote(ann, bob, anonymous=True)
            group = t.PeerChannel(channel_id=here.number)
            assert (await here.full(bob)).default_send_as == group
            news = await place(c, ann, bob, megagroup=False)
            assert (await news.full(ann)).default_send_as is None
            signed = channels.ToggleSignatures(
                channel=news.input(ann), signatures_enabled=True, profiles_enabled=True
            )
            await ann(signed)
            assert (await news.full(ann)).default_send_as == t.PeerUser(user_id=ann.id)
            assert (await news.full(bob)).default_send_as is None
            sound(c)

    run(story())


def test_public_channels_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with talk(1) as (c, (ann,)):
            here, news = await place(c, ann), await place(c, ann, megagroup=False)
            await publish(here, ann, "groupplace")
            await publish(news, ann, "newsplace")

            async def found(**more: bool) -> set[int]:
                answer = await ann(channels.GetAdminedPublicChannels(**more))
                return {one.id for one in answer.chats}

            assert await found() == {here.number, news.number}
            assert await found(for_personal=True) == {news.number}
            assert await found(by_location=True) == set()
            assert await found(check_limit=True) == set()
            monkeypatch.setattr(limits, "PUBLIC_CHANNELS", 2)
            full = channels.GetAdminedPublicChannels(check_limit=True)
            await refused("CHANNELS_ADMIN_PUBLIC_TOO_MUCH", ann, full)
            assert await found(check_limit=True, by_location=True) == set()

    run(story())


def test_6_3_the_right_is_asked_for_before_what_is_asked() -> None:
    """Whoever may not change a channel is told so, whatever he asks for: not what he has written wrong, nor what is so
    already."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            denied = t.ChatBannedRights(until_date=0, change_info=True)
            await ann(messages.EditChatDefaultBannedRights(peer=here.peer(ann), banned_rights=denied))
            peer, at = here.peer(bob), here.input(bob)
            nothing: Any = t.InputStickerSetShortName(short_name="none_such")
            wrong: list[Any] = [t.ReactionEmoji(emoticon="no reaction")]
            for request in (
                channels.ToggleSlowMode(channel=at, seconds=7),
                channels.UpdateColor(channel=at, color=77),
                messages.EditChatAbout(peer=peer, about=""),
                messages.EditChatAbout(peer=peer, about="x" * 300),
                messages.EditChatDefaultBannedRights(
                    peer=peer, banned_rights=t.ChatBannedRights(until_date=0, view_messages=True)
                ),
                messages.SetHistoryTTL(peer=peer, period=-1),
                messages.SetChatAvailableReactions(
                    peer=peer, available_reactions=t.ChatReactionsSome(reactions=wrong)
                ),
                channels.SetStickers(channel=at, stickerset=nothing),
                channels.SetEmojiStickers(channel=at, stickerset=nothing),
                channels.ToggleJoinRequest(channel=at, enabled=True, guard_bot=t.InputUserSelf()),
            ):
                await refused("CHAT_ADMIN_REQUIRED", bob, request)

    run(story())


def test_who_asks_to_come_in_and_where() -> None:
    """At the door of what is public; with `apply_to_invites` at every link there is."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here, news = await place(c, ann), await place(c, ann, megagroup=False)
            at = here.input(ann)
            await refused("CHAT_PUBLIC_REQUIRED", ann, channels.ToggleJoinRequest(channel=at, enabled=True))
            await refused(
                "MEGAGROUP_REQUIRED",
                ann,
                channels.ToggleJoinRequest(channel=news.input(ann), enabled=True, apply_to_invites=True),
            )
            bot = channels.ToggleJoinRequest(channel=at, enabled=True, guard_bot=user_of(ann, bob))
            await refused("BOT_INVALID", ann, bot)
            link = (await ann(messages.ExportChatInvite(peer=here.peer(ann), usage_limit=5))).link
            done = await ann(channels.ToggleJoinRequest(channel=at, enabled=True, apply_to_invites=True))
            assert done.chats[0].join_request
            use = messages.ImportChatInvite(hash=link)
            with pytest.raises(Exception, match="INVITE_REQUEST_SENT"):
                await bob(use)
            made = await ann(messages.GetExportedChatInvite(peer=here.peer(ann), link=link))
            assert (made.invite.request_needed, made.invite.usage_limit) == (True, None)
            assert (await here.full(ann)).exported_invite.request_needed
            await ann(channels.ToggleJoinRequest(channel=at, enabled=False, apply_to_invites=True))
            await bob(use)
            assert (await here.full(ann)).requests_pending in (None, 0)
            await refused("CHAT_NOT_MODIFIED", ann, channels.ToggleJoinRequest(channel=at, enabled=False))
            sound(c)

    run(story())


def test_a_forum_hides_no_history() -> None:
    async def story() -> None:
        async with talk(1) as (c, (ann,)):
            here = await place(c, ann)
            await ann(channels.ToggleForum(channel=here.input(ann), enabled=True, tabs=False))
            hide = channels.TogglePreHistoryHidden(channel=here.input(ann), enabled=True)
            await refused("FORUM_ENABLED", ann, hide)

    run(story())


def test_how_many_of_a_supergroup_are_there() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here, news = await place(c, ann, bob), await place(c, ann, bob, megagroup=False)
            for one in (ann, bob, eve):
                c.services.channels.audience.arrived(one.id)
            asked = [messages.GetOnlines(peer=at.peer(bob)) for at in (here, news)]
            assert [(await bob(one)).onlines for one in asked] == [2, 0]
            await refused("CHANNEL_PRIVATE", eve, messages.GetOnlines(peer=here.peer(eve)))
            await publish(here, ann, "open_group")
            assert (await eve(messages.GetOnlines(peer=here.peer(eve)))).onlines == 0

    run(story())
