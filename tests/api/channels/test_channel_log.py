"""The admin log: a line for every kind of deed, every filter, words, admins, pages, age."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.channels.test_channel_admins import log
from tests.api.channels.test_channel_coming import ask, hide, invite, link
from tests.api.messages.test_polls import media, poll
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import Place, place, publish, sound
from tests.stickers.makers import id_of, makers
from tests.talk import Person, talk
from tgserve import limits
from tgserve.render.journal import _ACTIONS
from tgserve.services.channels import journal
from tgserve.store import channel_records as cr
from tgserve.store.keyspaces import ADMIN_LOG
from tgserve.store.slots import slot_of
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages

PREFIX = "ChannelAdminLogEventAction"
FLAGS = t.ChannelAdminLogEventsFilter.__slots__
UNUSED = {"group_call", "send", "sub_extend"}
"""No calls, no Stars; a group has no posts, and here nobody is anonymous."""
NEVER = {
    "StartGroupCall": "calls",
    "DiscardGroupCall": "calls",
    "ToggleGroupCallSetting": "calls",
    "ParticipantMute": "calls",
    "ParticipantUnmute": "calls",
    "ParticipantVolume": "calls",
    "ParticipantSubExtend": "Stars",
    "ChangeEmojiStatus": "boosts",
    "ChangeWallpaper": "boosts",
    "ToggleAutotranslation": "boosts",
    "ChangeLocation": "groups of a place cannot be made",
}
"""What has no words in the log, and what it would take for it to happen: refused by name wherever it can be asked."""


def kinds(events: list[Any]) -> list[str]:
    return [type(one.action).__name__.removeprefix(PREFIX) for one in events]


async def everything(ann: Any, bob: Any, eve: Any, joe: Any) -> tuple[Place, dict[str, set[str]]]:
    """A supergroup in which all has happened that can be noted there; the kinds that each filter must find."""
    c = ann.c
    here = await place(c, ann)
    at: Any = here.input(ann)
    await publish(here, ann, "busy_place")
    await bob(channels.JoinChannel(channel=here.input(bob)))
    await bob(channels.LeaveChannel(channel=here.input(bob)))
    hash_ = await link(here, ann, title="door")
    await bob(messages.ImportChatInvite(hash=hash_))
    await ask(here, ann, eve)
    await ann(hide(here, ann, eve))
    await ann(invite(here, ann, joe))
    await ann(messages.EditExportedChatInvite(peer=here.peer(ann), link=hash_, title="window"))
    await ann(messages.EditExportedChatInvite(peer=here.peer(ann), link=hash_, revoked=True))
    await ann(messages.DeleteExportedChatInvite(peer=here.peer(ann), link=hash_))
    await here.ban(ann, bob, send_media=True)
    await here.ban(ann, bob)
    await here.ban(ann, bob, view_messages=True)
    await here.ban(ann, bob)
    await ann(invite(here, ann, bob))
    await here.promote(ann, eve, ban_users=True)
    await here.promote(ann, eve, other=False)
    await ann(channels.EditTitle(channel=at, title="Busy"))
    await ann(messages.EditChatAbout(peer=here.peer(ann), about="much to do"))
    await ann(channels.ToggleSlowMode(channel=at, seconds=10))
    await ann(messages.SetHistoryTTL(peer=here.peer(ann), period=86_400))
    await ann(messages.SetHistoryTTL(peer=here.peer(ann), period=0))
    await ann(channels.ToggleSlowMode(channel=at, seconds=0))
    await ann(channels.SetStickers(channel=at, stickerset=id_of(await ann.make())))
    denied = t.ChatBannedRights(until_date=0, send_polls=True)
    await ann(messages.EditChatDefaultBannedRights(peer=here.peer(ann), banned_rights=denied))
    await ann(messages.ToggleNoForwards(peer=here.peer(ann), enabled=True))
    await ann(channels.ToggleAntiSpam(channel=at, enabled=True))
    nothing = t.ChatReactionsNone()
    await ann(messages.SetChatAvailableReactions(peer=here.peer(ann), available_reactions=nothing))
    await ann(channels.UpdateColor(channel=at, color=5))
    await ann(channels.UpdateColor(channel=at, color=5, for_profile=True))
    rank = messages.EditChatParticipantRank(peer=here.peer(ann), participant=ann.peer(eve), rank="cook")
    await ann(rank)
    post = await here.post(eve, "aardvark")
    await eve(messages.EditMessage(peer=here.peer(eve), id=post, message="aardwolf"))
    await ann(messages.UpdatePinnedMessage(peer=here.peer(ann), id=post))
    await ann(channels.DeleteMessages(channel=at, id=[post]))
    other = await here.post(joe, "buy")
    erase = channels.DeleteParticipantHistory(channel=at, participant=ann.peer(joe))
    await ann(erase)
    assert other
    asked = messages.SendMedia(
        peer=here.peer(ann), media=media(poll("yes", "no")), message="", random_id=c.ids.i64() or 1
    )
    made = await ann(asked)
    number = next(one.id for one in made.updates if isinstance(one, t.UpdateMessageID))
    await stop(here, ann, number)
    news = await place(c, ann, megagroup=False)
    await ann(channels.SetDiscussionGroup(broadcast=news.input(ann), group=at))
    await ann(channels.SetDiscussionGroup(broadcast=t.InputChannelEmpty(), group=at))
    await ann(channels.UpdateUsername(channel=at, username=""))
    await ann(channels.TogglePreHistoryHidden(channel=at, enabled=True))
    await ann(channels.TogglePreHistoryHidden(channel=at, enabled=False))
    await ann(channels.ToggleForum(channel=at, enabled=True, tabs=False))
    topic = messages.CreateForumTopic(peer=here.peer(ann), title="Soup", random_id=c.ids.i64() or 1)
    made = await ann(topic)
    number = next(one.id for one in made.updates if isinstance(one, t.UpdateMessageID))
    await ann(messages.EditForumTopic(peer=here.peer(ann), topic_id=number, title="Stew"))
    await ann(messages.UpdatePinnedForumTopic(peer=here.peer(ann), topic_id=number, pinned=True))
    await ann(messages.DeleteTopicHistory(peer=here.peer(ann), top_msg_id=number))
    return here, {
        "join": {"ParticipantJoin", "ParticipantJoinByInvite", "ParticipantJoinByRequest"},
        "leave": {"ParticipantLeave"},
        "invite": {"ParticipantInvite"},
        "ban": {"ParticipantToggleBan"},
        "unban": {"ParticipantToggleBan"},
        "kick": {"ParticipantToggleBan"},
        "unkick": {"ParticipantToggleBan"},
        "promote": {"ParticipantToggleAdmin"},
        "demote": {"ParticipantToggleAdmin"},
        "info": {
            "ChangeTitle",
            "ChangeAbout",
            "ChangeUsername",
            "ChangeStickerSet",
            "ChangeLinkedChat",
            "ToggleSlowMode",
            "ChangeHistoryTTL",
        },
        "settings": {
            "DefaultBannedRights",
            "ToggleNoForwards",
            "ToggleAntiSpam",
            "TogglePreHistoryHidden",
            "ToggleForum",
            "ChangeAvailableReactions",
            "ChangePeerColor",
            "ChangeProfilePeerColor",
        },
        "pinned": {"UpdatePinned"},
        "edit": {"EditMessage", "StopPoll"},
        "delete": {"DeleteMessage"},
        "invites": {
            "ParticipantJoinByInvite",
            "ParticipantJoinByRequest",
            "ExportedInviteEdit",
            "ExportedInviteRevoke",
            "ExportedInviteDelete",
        },
        "forums": {"CreateTopic", "EditTopic", "PinTopic", "DeleteTopic"},
        "edit_rank": {"ParticipantEditRank"},
    }


async def stop(here: Place, who: Person, number: int) -> None:
    view = (await here.history(who, 1))[0]
    closed = poll("yes", "no", closed=True)
    closed.id = view.media.poll.id
    asked = messages.EditMessage(peer=here.peer(who), id=number, media=t.InputMediaPoll(poll=closed))
    await who(asked)


def test_every_deed_is_noted_and_every_filter_finds_its_own() -> None:
    async def story() -> None:
        async with makers(4) as (c, (ann, bob, eve, joe)):
            here, expected = await everything(ann, bob, eve, joe)
            assert set(expected) == set(FLAGS) - UNUSED
            whole = await log(here, ann)
            assert set(kinds(whole)) == set().union(*expected.values())
            found: dict[str, list[int]] = {}
            for flag in FLAGS:
                asked = t.ChannelAdminLogEventsFilter(**{flag: True})
                events = await log(here, ann, events_filter=asked)
                assert set(kinds(events)) == expected.get(flag, set()), flag
                found[flag] = [one.id for one in events]
            for one, other in (("ban", "unban"), ("kick", "unkick"), ("promote", "demote"), ("ban", "kick")):
                assert len(found[one]) == 1 and not set(found[one]) & set(found[other]), one
            both = t.ChannelAdminLogEventsFilter(ban=True, leave=True)
            ids = [one.id for one in await log(here, ann, events_filter=both)]
            assert sorted(ids) == sorted(found["ban"] + found["leave"])
            deleted = await log(here, ann, events_filter=t.ChannelAdminLogEventsFilter(delete=True))
            assert {one.action.message.message for one in deleted} == {"aardwolf", "buy"}
            sound(c)

    run(story())


def test_every_kind_of_line_in_the_schema_is_drawn_or_cannot_happen() -> None:
    known = {name.removeprefix(PREFIX) for name in dir(t) if name.startswith(PREFIX)}
    drawn = set()
    for kind in _ACTIONS.values():
        cells = [cell.cell_contents for cell in kind.__closure__ or ()]
        names = [one.__name__ for one in cells if isinstance(one, type)] or list(kind.__code__.co_names)
        drawn |= {name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)}
    assert drawn & set(NEVER) == set()
    assert known - set(NEVER) == drawn


def test_posts_and_anonymous_messages_are_noted_as_sent() -> None:
    """Nothing else says who wrote them. What people write under their own names is not noted."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            sent = t.ChannelAdminLogEventsFilter(send=True)
            news = await place(c, ann, bob, eve, megagroup=False)
            await news.promote(ann, bob, post_messages=True)
            await news.post(bob, "first")
            post = await news.post(ann, "second")
            await ann(messages.EditMessage(peer=news.peer(ann), id=post, message="better"))
            events = await log(news, bob, events_filter=sent)
            assert kinds(events) == ["SendMessage"] * 2
            assert [(one.user_id, one.action.message.message) for one in events] == [
                (ann.id, "second"),
                (bob.id, "first"),
            ]
            again = news.say(ann, "third", schedule_date=int(c.clock.now()) + 600)
            await ann(again)
            assert len(await log(news, ann, events_filter=sent)) == 2  # it is not there yet
            c.clock.advance(700)
            await c.services.alarms.turn()
            await c.settle()
            events = await log(news, ann, events_filter=sent)
            assert (events[0].user_id, events[0].action.message.message) == (ann.id, "third")
            say = news.say(bob, "once")
            for _ in range(2):
                await bob(say)
            assert len(await log(news, ann, q="once")) == 1
            whole = t.ChannelsAdminLogResults(events=events, chats=[], users=[])
            for layer in layers.FLOOR, 200, layers.CURRENT:
                assert layers.encode(whole, layer).count(b"third") == 1
            assert b"third" not in layers.encode(whole, 133)  # has no word for it

            group = await place(c, ann, bob, eve)
            await group.promote(ann, bob, anonymous=True)
            await group.post(bob, "who am I")
            await group.post(eve, "Eve")
            await group.post(ann, "Ann")
            events = await log(group, ann, events_filter=sent)
            assert [(one.user_id, one.action.message.message) for one in events] == [(bob.id, "who am I")]
            sound(c)

    run(story())


def test_lines_of_posts_stand_in_order_among_others_and_go_when_they_are_old() -> None:
    async def story() -> None:
        async with talk(1) as (c, (ann,)):
            news = await place(c, ann, megagroup=False)
            said = []
            for number in range(20):
                await news.post(ann, f"post {number}")
                await ann(channels.EditTitle(channel=news.input(ann), title=f"News {number}"))
                said += ["ChangeTitle", "SendMessage"]
            whole = await log(news, ann)
            assert kinds(whole) == said
            ids = [one.id for one in whole]
            assert ids == sorted(set(ids), reverse=True) and ids[0] < 2**53
            pages: list[int] = []
            while page := await log(news, ann, limit=7, max_id=pages[-1] if pages else 0):
                pages += [one.id for one in page]
            assert pages == ids

            def kept() -> int:
                with c.store.read(slot_of(news.id)) as reader:
                    return reader.count(ADMIN_LOG, news.id)

            assert kept() == 40
            c.clock.advance(limits.ADMIN_LOG_SECONDS + 1)
            for number in range(40):
                await news.post(ann, f"later {number}")
            assert kept() == 40 == len(await log(news, ann))

    run(story())


def test_own_messages_that_go_and_pins_that_go_together_are_noted() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            said = [await here.post(bob, text) for text in ("mine", "ours")]
            await bob(channels.DeleteMessages(channel=here.input(bob), id=said[:1]))
            (event,) = await log(here, ann, events_filter=t.ChannelAdminLogEventsFilter(delete=True))
            assert (event.user_id, event.action.message.message) == (bob.id, "mine")
            other = await here.post(ann, "yours")
            for one in said[1], other:
                await ann(messages.UpdatePinnedMessage(peer=here.peer(ann), id=one))
            await ann(messages.UnpinAllMessages(peer=here.peer(ann)))
            pins = await log(here, ann, events_filter=t.ChannelAdminLogEventsFilter(pinned=True))
            found = [(one.action.message.message, bool(one.action.message.pinned)) for one in pins]
            assert sorted(found[:2]) == [("ours", False), ("yours", False)]
            assert found[2:] == [("yours", True), ("ours", True)]

    run(story())


def test_words_admins_and_pages_of_the_log() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, eve)
            await here.promote(ann, bob, change_info=True)
            for number in range(5):
                await ann(channels.EditTitle(channel=here.input(ann), title=f"Aard {number}"))
                await bob(channels.EditTitle(channel=here.input(bob), title=f"Zebra {number}"))
            whole = await log(here, ann)
            titles = [one for one in whole if kinds([one]) == ["ChangeTitle"]]
            assert len(titles) == 10
            fits = [one.id for one in titles if "Aard 3" in (one.action.prev_value, one.action.new_value)]
            assert (
                set(fits) <= {one.id for one in await log(here, bob, q="aARD 3")} < {one.id for one in titles}
            )
            assert await log(here, ann, q="giraffe") == []
            bobs: list[Any] = [t.InputUser(user_id=bob.id, access_hash=ann.peer(bob).access_hash)]  # type: ignore[union-attr]
            only = await log(here, ann, admins=bobs)
            assert {one.user_id for one in only} == {bob.id} and len(only) == 5
            pages: list[int] = []
            last = 0
            while page := await log(here, ann, limit=4, max_id=last):
                pages += [one.id for one in page]
                last = page[-1].id
            assert pages == [one.id for one in whole] == sorted(pages, reverse=True)
            above = await log(here, ann, min_id=whole[3].id)
            assert [one.id for one in above] == [one.id for one in whole[:3]]
            asked = channels.GetAdminLog(channel=here.input(eve), q="", max_id=0, min_id=0, limit=9)
            await refused("CHAT_ADMIN_REQUIRED", eve, asked)
            wrong: list[Any] = [t.InputUser(user_id=bob.id, access_hash=1)]
            asked = channels.GetAdminLog(
                channel=here.input(ann), q="", max_id=0, min_id=0, limit=9, admins=wrong
            )
            await refused("USER_ID_INVALID", ann, asked)

    run(story())


def test_what_is_older_than_two_days_is_not_shown_in_a_quiet_channel_either() -> None:
    async def story() -> None:
        async with talk(1) as (c, (ann,)):
            here = await place(c, ann)
            await ann(channels.EditTitle(channel=here.input(ann), title="Once"))
            c.clock.advance(86_400)
            await ann(channels.EditTitle(channel=here.input(ann), title="Twice"))
            assert len(await log(here, ann)) == 2
            c.clock.advance(86_500)
            assert [one.action.new_value for one in await log(here, ann)] == ["Twice"]
            c.clock.advance(86_500)
            assert await log(here, ann) == []

    run(story())


def test_a_rare_line_is_found_under_thousands_of_others() -> None:
    """Clients take a short page for the end of the log."""

    async def story() -> None:
        async with talk(1) as (c, (ann,)):
            here = await place(c, ann)
            await ann(channels.EditTitle(channel=here.input(ann), title="Needle"))
            now = int(c.clock.now())

            def hay(txn: Any) -> None:
                for _ in range(3_000):
                    journal.note(txn, here.id, cr.LogEntry(now, ann.id, journal.LEAVE))

            await c.store.transact(slot_of(here.id), hay)
            info = t.ChannelAdminLogEventsFilter(info=True)
            assert kinds(await log(here, ann, events_filter=info)) == ["ChangeTitle"]
            assert kinds(await log(here, ann, q="needle")) == ["ChangeTitle"]

    run(story())


@pytest.mark.parametrize("who", ["another", "demoted"])
def test_6_3_whose_polls_of_a_channel_are_stopped_by_whom(who: str) -> None:
    """An admin who may edit posts stops any; who may not post any more stops not even his own."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            news = await place(c, ann, bob, eve, megagroup=False)
            await news.promote(ann, bob, post_messages=True)
            asked = messages.SendMedia(
                peer=news.peer(bob), media=media(poll("yes", "no")), message="", random_id=7
            )
            made = await bob(asked)
            number = next(one.id for one in made.updates if isinstance(one, t.UpdateMessageID))
            view = (await news.history(ann, 1))[0]
            closed = poll("yes", "no", closed=True)
            closed.id = view.media.poll.id

            def ending(by: Person) -> messages.EditMessage:
                return messages.EditMessage(
                    peer=news.peer(by), id=number, media=t.InputMediaPoll(poll=closed)
                )

            await refused("MESSAGE_AUTHOR_REQUIRED", eve, ending(eve))
            if who == "demoted":
                await news.promote(ann, bob, other=False)
                await refused("CHAT_ADMIN_REQUIRED", bob, ending(bob))
            else:
                await news.promote(ann, eve, edit_messages=True)
                await eve(ending(eve))
                assert (await news.history(bob, 1))[0].media.poll.closed
                assert kinds(await log(news, ann))[0] == "StopPoll"

    run(story())


def test_links_that_are_forgotten_together_are_noted_each() -> None:
    async def story() -> None:
        async with talk(1) as (c, (ann,)):
            here = await place(c, ann)
            for title in ("door", "window"):
                made = await link(here, ann, title=title)
                await ann(messages.EditExportedChatInvite(peer=here.peer(ann), link=made, revoked=True))
            forget = messages.DeleteRevokedExportedChatInvites(
                peer=here.peer(ann), admin_id=t.InputUserSelf()
            )
            await ann(forget)
            events = (await log(here, ann))[:2]
            assert kinds(events) == ["ExportedInviteDelete"] * 2
            assert {one.action.invite.title for one in events} == {"door", "window"}

    run(story())


@pytest.mark.parametrize("how", ["channels", "messages"])
def test_a_history_that_is_emptied_for_everybody_is_noted(how: str) -> None:
    """As when its messages are deleted one by one; what is cleared for oneself concerns nobody."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            for text in ("one", "two"):
                await here.post(bob, text)
            await bob(channels.DeleteHistory(channel=here.input(bob), max_id=0))
            assert "DeleteMessage" not in kinds(await log(here, ann))
            if how == "channels":
                await ann(channels.DeleteHistory(channel=here.input(ann), max_id=0, for_everyone=True))
            else:
                await ann(messages.DeleteHistory(peer=here.peer(ann), max_id=0, revoke=True))
            assert await here.texts(bob) == []
            lines = [
                one
                for one in await log(here, ann)
                if isinstance(one.action, t.ChannelAdminLogEventActionDeleteMessage)
            ]
            texts = [one.action.message.message for one in lines if isinstance(one.action.message, t.Message)]
            assert texts == ["two", "one"] and {one.user_id for one in lines} == {ann.id}
            sound(c)

    run(story())
