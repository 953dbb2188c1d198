"""SECURITY 6.1-6.4 for channels, over every method that names a chat: strangers, the kicked, plain members, the demoted
and the restricted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api import requests
from tests.api.messages.test_sending import refused
from tests.api.requests import PLAIN, smallest
from tests.community import Community, run
from tests.places import Place, place, sound, user_of
from tests.talk import Person, talk
from tgserve import api
from tgserve.errors import RpcError
from tgserve.rpc.registry import METHODS, Status
from tgserve.services.channels.register import Known, Seat
from tgserve.store import channel_records as c
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.definitions import schema
from tgserve.tl.functions import channels, contacts, messages, updates

api.load()
NAMING = ("InputChannel", "InputPeer", "InputDialogPeer", "InputFolderPeer", "InputNotifyPeer")
VALUES = PLAIN | {"int": 2, "long": 2, "string": "wxyz", "bytes": b"wxyz", "Bool": True}
TITLE = "Zanzibar"
SECRET = "pomegranate"
TOLD_WHO_HAS_THE_HASH = {"channels.getChannels", "messages.getDialogs"}
"""They name a channel that is closed to the caller: its title is what a forwarded post has told him anyway."""
OWN_DEEDS = {
    "channels.leaveChannel",
    "channels.joinChannel",
    "messages.sendReaction",
    "messages.sendVote",
    "messages.getMessagesViews",
    "messages.deleteChatUser",
}
"""What any member may do that others see."""


def naming() -> list[Any]:
    """Every method that is really served and names a chat."""
    found = []
    for id_, method in METHODS.items():
        if method.status is not Status.REAL:
            continue
        fields = schema()[id_].fields
        if any(field.type.split("<")[-1].startswith(kind) for field in fields for kind in NAMING):
            found.append(method)
    return sorted(found, key=lambda one: one.request.NAME)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have every request name this channel."""

    def use(peer: t.InputPeerChannel) -> None:
        channel = t.InputChannel(channel_id=peer.channel_id, access_hash=peer.access_hash)
        monkeypatch.setitem(requests.PICKED, "InputPeer", lambda: peer)
        monkeypatch.setitem(requests.PICKED, "InputChannel", lambda: channel)
        monkeypatch.setitem(requests.PICKED, "InputDialogPeer", lambda: t.InputDialogPeer(peer=peer))
        monkeypatch.setitem(requests.PICKED, "InputNotifyPeer", lambda: t.InputNotifyPeer(peer=peer))

    return use


async def outcome(person: Person, method: Any, optional: bool) -> str:
    """The name of the error, or the answer's bytes as text."""
    request = smallest(method.request, 0, VALUES, optional)
    try:
        answer = await method.run(person.c.call(person.id, session=person.session), request)
    except RpcError as error:
        assert error.code < 500, f"{method.request.NAME}: {error!r}"
        return error.name
    await person.c.settle()
    return "answer " + layers.encode_result(method.request, answer).decode("latin-1")


def deeds(com: Community, mark: int, here: Place) -> list[Any]:
    """What has happened to the channel since a mark."""
    found: list[Any] = []
    for one in com.heard[mark:]:
        mine = isinstance(one, Published) and one.user_id == here.id
        if mine or (isinstance(one, Known | Seat) and one.channel == here.id):
            found.append(one)
    return found


def everything(person: Person) -> Iterator[tuple[Any, bool]]:
    for method in naming():
        for optional in (False, True):
            yield method, optional


def test_the_table_is_long() -> None:
    names = {method.request.NAME for method in naming()}
    assert len(names) > 120
    assert {"channels.getFullChannel", "messages.getHistory", "updates.getChannelDifference"} <= names


@pytest.mark.parametrize("megagroup", [True, False])
@pytest.mark.parametrize("who", ["stranger", "kicked", "left"])
def test_6_2_a_channel_is_closed_to_who_is_not_in_it(named: Any, who: str, megagroup: bool) -> None:
    """Every method, with the right hash: nothing is told, nothing changes."""

    async def story() -> None:
        async with talk(2) as (com, (ann, bob)):
            here = await place(com, ann, megagroup=megagroup, title=TITLE)
            for number in range(3):
                await here.post(ann, f"{SECRET} {number}")
            if who != "stranger":
                users: list[Any] = [user_of(ann, bob)]
                await ann(channels.InviteToChannel(channel=here.input(ann), users=users))
                assert SECRET in " ".join(await here.texts(bob))
            if who == "kicked":
                await here.ban(ann, bob, view_messages=True)
            elif who == "left":
                await bob(channels.LeaveChannel(channel=here.input(bob)))
            named(here.peer(bob))
            faults = []
            for method, optional in everything(bob):
                name = method.request.NAME
                mark = len(com.heard)
                said = await outcome(bob, method, optional)
                if SECRET in said or (TITLE in said and name not in TOLD_WHO_HAS_THE_HASH):
                    faults.append(f"{name} tells of it")
                if deeds(com, mark, here):
                    faults.append(f"{name} does something: {deeds(com, mark, here)}")
            assert not faults, "\n".join(faults)
            sound(com)

    run(story())


def test_6_1_a_wrong_hash_says_the_same_of_what_is_and_of_what_is_not(named: Any) -> None:
    async def story() -> None:
        async with talk(2) as (com, (ann, bob)):
            here = await place(com, ann, title=TITLE)
            await here.post(ann, SECRET)
            theirs = here.peer(ann)
            said = []
            for number in (here.number, here.number + 1):
                named(t.InputPeerChannel(channel_id=number, access_hash=theirs.access_hash))
                mark = len(com.heard)
                said.append([await outcome(bob, *one) for one in everything(bob)])
                assert deeds(com, mark, here) == []
            for (method, _), one, other in zip(everything(bob), *said, strict=True):
                if one.startswith("answer") and other.startswith("answer"):
                    assert TITLE not in one and SECRET not in one, method.request.NAME
                else:
                    assert one == other, method.request.NAME

    run(story())


def settings_of(record: c.Channel | None) -> dict[str, Any]:
    assert record is not None
    counted = ("version", "read_max", "members", "pending")
    return {name: getattr(record, name) for name in record.__struct_fields__ if name not in counted}


@pytest.mark.parametrize("megagroup", [True, False])
@pytest.mark.parametrize("who", ["member", "demoted", "admin without the right"])
def test_6_3_what_admins_do_others_do_not(named: Any, who: str, megagroup: bool) -> None:
    """Every method by a plain member, by one who was an admin a moment ago, and by one who is an admin for something else: in a channel he does nothing that
    others see but reacting, voting and going; nowhere does he change what the place is."""

    async def story() -> None:
        async with talk(3) as (com, (ann, bob, eve)):
            here = await place(com, ann, bob, eve, megagroup=megagroup, title=TITLE)
            banned: Any = t.ChatBannedRights(
                until_date=0, **dict.fromkeys(("change_info", "invite_users", "pin_messages"), True)
            )
            if megagroup:
                request = messages.EditChatDefaultBannedRights(peer=here.peer(ann), banned_rights=banned)
                await ann(request)
            for number in range(3):
                await here.post(ann, f"post {number}")
            if who == "demoted":
                wide = ("change_info", "post_messages", "edit_messages", "delete_messages", "ban_users")
                granted: Any = dict.fromkeys((*wide, "invite_users", "add_admins"), True)
                await here.promote(ann, bob, **granted)
                await bob(channels.EditTitle(channel=here.input(bob), title="Mine"))
                await here.promote(ann, bob, other=False)
            elif who != "member":
                await here.promote(ann, bob, manage_call=True)
            register = com.services.channels.register
            before = settings_of(register.get_or_none(here.id))
            texts = await here.texts(ann)
            named(here.peer(bob))
            faults = []
            for method, optional in everything(bob):
                name = method.request.NAME
                if name in OWN_DEEDS or "opic" in name or "iscussion" in name or "Replies" in name:
                    continue
                mark = len(com.heard)
                said = await outcome(bob, method, optional)
                if settings_of(register.get_or_none(here.id)) != before:
                    faults.append(f"{name} has changed it")
                    break
                did = [one for one in deeds(com, mark, here) if isinstance(one, Published | Seat)]
                if not megagroup and did:
                    faults.append(f"{name}: {said[:40]} {did}")
            assert not faults, "\n".join(faults)
            kept = await here.texts(ann)
            assert [text for text in kept if text in texts] == texts
            sound(com)

    run(story())


def test_6_3_who_may_not_write_sends_nothing_in_any_way() -> None:
    async def story() -> None:
        async with talk(3) as (com, (ann, bob, eve)):
            here = await place(com, ann, bob, eve)
            own = await here.post(bob, "mine")
            await here.ban(ann, bob, send_messages=True)
            contact: Any = t.InputMediaContact(phone_number="1", first_name="Z", last_name="", vcard="")
            peer = here.peer(bob)
            soon = int(com.clock.now()) + 100
            ways: list[Any] = [
                here.say(bob, "x"),
                here.say(bob, "x", schedule_date=soon),
                here.say(bob, "x", send_as=t.InputPeerSelf()),
                messages.SendMedia(peer=peer, media=contact, message="", random_id=1),
                messages.SendMedia(peer=peer, media=t.InputMediaDice(emoticon="🎲"), message="", random_id=2),
                messages.ForwardMessages(from_peer=peer, to_peer=peer, id=[own], random_id=[3]),
            ]
            for way in ways:
                await refused("USER_BANNED_IN_CHANNEL", bob, way)
            await here.ban(ann, bob)
            everybody = t.ChatBannedRights(until_date=0, send_messages=True)
            request = messages.EditChatDefaultBannedRights(peer=here.peer(ann), banned_rights=everybody)
            await ann(request)
            for way in ways:
                await refused("CHAT_WRITE_FORBIDDEN", bob, way)
            assert await here.texts(ann) == ["mine"]

    run(story())


@pytest.mark.parametrize("megagroup", [True, False])
def test_6_2_who_was_removed_gets_nothing_from_the_next_update_on(megagroup: bool) -> None:
    async def story() -> None:
        async with talk(3) as (com, (ann, bob, eve)):
            here = await place(com, ann, bob, eve, megagroup=megagroup, title=TITLE)
            audience = com.services.channels.audience
            for one in (ann, bob, eve):
                audience.arrived(one.id)
            await here.post(ann, "before")
            state = await bob(updates.GetState())
            pts = (await here.full(bob)).pts
            assert bob.id in audience.of(here.id)
            hearers: list[bool] = []

            def listen(batch: list[Any]) -> None:
                """As the fan-out: after the caches, with each commit."""
                for one in batch:
                    if isinstance(one, Published) and one.user_id == here.id:
                        hearers.append(bob.id in audience.of(here.id))

            com.services.bus.subscribe(listen)
            await here.ban(ann, bob, view_messages=True)
            await here.post(ann, SECRET)
            assert hearers and not any(hearers)
            ask = updates.GetChannelDifference(
                channel=here.input(bob), filter=t.ChannelMessagesFilterEmpty(), pts=pts, limit=100
            )
            await refused("CHANNEL_PRIVATE", bob, ask)
            missed = await bob(updates.GetDifference(pts=state.pts, date=state.date, qts=0))
            assert SECRET.encode() not in layers.encode(missed)
            assert com.services.channels.register.of_user(bob.id) == []
            link = (await ann(messages.ExportChatInvite(peer=here.peer(ann)))).link
            await refused("INVITE_HASH_EXPIRED", bob, messages.ImportChatInvite(hash=link))
            await refused("INVITE_HASH_EXPIRED", bob, messages.CheckChatInvite(hash=link))

    run(story())


def test_6_2_the_kicked_do_not_see_it_public_either() -> None:
    async def story() -> None:
        async with talk(3) as (com, (ann, bob, eve)):
            here = await place(com, ann, bob, title=TITLE)
            await ann(channels.UpdateUsername(channel=here.input(ann), username="a_public_place"))
            await here.post(ann, SECRET)
            await here.ban(ann, bob, view_messages=True)
            with pytest.raises(RpcError, match="CHANNEL_PRIVATE"):
                await here.history(bob)
            await refused("CHANNEL_PRIVATE", bob, channels.JoinChannel(channel=here.input(bob)))
            assert SECRET in " ".join(await here.texts(eve))
            found = await bob(contacts.ResolveUsername(username="a_public_place"))
            assert isinstance(found.chats[0], t.ChannelForbidden)

    run(story())


def test_6_3_ten_thousand_invites_in_one_call_are_refused() -> None:
    async def story() -> None:
        async with talk(2) as (com, (ann, bob)):
            here = await place(com, ann)
            many: list[Any] = [user_of(ann, bob)] * 10_000
            await refused(
                "USERS_TOO_MUCH", ann, channels.InviteToChannel(channel=here.input(ann), users=many)
            )
            assert (await here.full(ann)).participants_count == 1

    run(story())


def test_6_4_ids_of_a_channel_are_nothing_elsewhere() -> None:
    """A message of one channel is not found, answered or passed on by way of another."""

    async def story() -> None:
        async with talk(2) as (com, (ann, bob)):
            secret = await place(com, ann)
            here = await place(com, ann, bob)
            ids = [await secret.post(ann, f"{SECRET} {number}") for number in range(5)]
            found = await bob(
                channels.GetMessages(channel=here.input(bob), id=[t.InputMessageID(id=one) for one in ids])
            )
            assert SECRET.encode() not in layers.encode(found)
            passing = messages.ForwardMessages(
                from_peer=here.peer(bob), to_peer=t.InputPeerSelf(), id=[ids[-1]], random_id=[1]
            )
            await refused("MESSAGE_ID_INVALID", bob, passing)
            reply = t.InputReplyToMessage(reply_to_msg_id=ids[-1])
            await refused("REPLY_MESSAGE_ID_INVALID", bob, here.say(bob, "x", reply_to=reply))

    run(story())


WRITTEN_BY_GUESTS = {
    "messages.sendMessage",
    "messages.sendMedia",
    "messages.sendMultiMedia",
    "messages.forwardMessages",
    "messages.sendReaction",
    "messages.getMessagesViews",
    "channels.joinChannel",
}
"""What a guest of a discussion group may do that others see."""


@pytest.mark.parametrize("guest", [False, True], ids=["looker", "guest"])
def test_6_3_who_only_looks_changes_nothing(named: Any, guest: bool) -> None:
    """Every method: whoever sees a public supergroup without being in it does nothing there but come in; a guest of a
    discussion group writes as well."""

    async def story() -> None:
        async with talk(3) as (com, (ann, bob, eve)):
            here = await place(com, ann, eve, title=TITLE)
            if guest:
                news = await place(com, ann, bob, megagroup=False)
                link = channels.SetDiscussionGroup(broadcast=news.input(ann), group=here.input(ann))
                await ann(link)
            else:
                await ann(channels.UpdateUsername(channel=here.input(ann), username="a_public_place"))
            for number in range(3):
                await here.post(ann, f"{SECRET} {number}")
            assert SECRET in " ".join(await here.texts(bob))
            register = com.services.channels.register
            before = settings_of(register.get_or_none(here.id))
            named(here.peer(bob))
            faults = []
            for method, optional in everything(bob):
                name = method.request.NAME
                if name == "channels.joinChannel":
                    continue
                mark = len(com.heard)
                said = await outcome(bob, method, optional)
                if settings_of(register.get_or_none(here.id)) != before:
                    faults.append(f"{name} has changed it")
                    break
                did = deeds(com, mark, here)
                if did and not (guest and name in WRITTEN_BY_GUESTS):
                    faults.append(f"{name}: {said[:40]} {did}")
            assert not faults, "\n".join(faults)
            sound(com)

    run(story())


OWN_LISTS = {
    "account.saveAutoSaveSettings",
    "channels.getChannels",
    "channels.searchPosts",
    "chatlists.editExportedInvite",
    "chatlists.exportChatlistInvite",
    "chatlists.joinChatlistInvite",
    "chatlists.joinChatlistUpdates",
    "chatlists.leaveChatlist",
    "folders.editPeerFolders",
    "messages.getDialogUnreadMarks",
    "messages.getDialogs",
    "messages.deleteSavedHistory",
    "messages.getSavedDialogs",
    "messages.getSavedDialogsByID",
    "messages.getSavedHistory",
    "messages.getSavedReactionTags",
    "messages.reorderPinnedSavedDialogs",
    "messages.toggleSavedDialogPin",
    "messages.searchGlobal",
    "messages.startBot",
}
"""They look at something of the caller's first, name the chat as a place in a list of his own, or as where his own saved
messages came from."""


@pytest.mark.parametrize("megagroup", [True, False])
@pytest.mark.parametrize("who", ["stranger", "kicked"])
def test_6_2_membership_is_asked_for_before_anything_else(named: Any, who: str, megagroup: bool) -> None:
    """Every method says the same one thing, whatever else is wrong with what it was asked: so nothing can be learnt from
    the order of its questions."""

    async def story() -> None:
        async with talk(2) as (com, (ann, bob)):
            here = await place(com, ann, megagroup=megagroup, title=TITLE)
            await here.post(ann, SECRET)
            if who == "kicked":
                users: list[Any] = [user_of(ann, bob)]
                await ann(channels.InviteToChannel(channel=here.input(ann), users=users))
                await here.ban(ann, bob, view_messages=True)
            named(here.peer(bob))
            said = {
                f"{method.request.NAME} {optional}": await outcome(bob, method, optional)
                for method, optional in everything(bob)
                if method.request.NAME not in OWN_LISTS
            }
            assert {name: text for name, text in said.items() if text != "CHANNEL_PRIVATE"} == {}

    run(story())


def test_6_3_a_member_who_is_denied_everything_does_nothing_that_others_see(named: Any) -> None:
    """Every method, by one who may only read; with what he may not do told by the documented names."""

    async def story() -> None:
        async with talk(3) as (com, (ann, bob, eve)):
            here = await place(com, ann, bob, eve, title=TITLE)
            last = [await here.post(ann, f"post {number}") for number in range(3)][-1]
            everything_denied: Any = {
                name: True
                for name in t.ChatBannedRights.__slots__
                if name not in ("view_messages", "until_date")
            }
            await here.ban(ann, bob, **everything_denied)
            register = com.services.channels.register
            before = settings_of(register.get_or_none(here.id))
            texts = await here.texts(ann)
            named(here.peer(bob))
            faults = []
            for method, optional in everything(bob):
                name = method.request.NAME
                if name in ("channels.leaveChannel", "messages.deleteChatUser", "messages.getMessagesViews"):
                    continue
                mark = len(com.heard)
                said = await outcome(bob, method, optional)
                if settings_of(register.get_or_none(here.id)) != before:
                    faults.append(f"{name} has changed it")
                    break
                did = [one for one in deeds(com, mark, here) if isinstance(one, Published | Seat)]
                if did:  # where he has read to is his own
                    faults.append(f"{name}: {said[:40]} {did}")
            assert not faults, "\n".join(faults)
            assert await here.texts(ann) == texts
            thumb: list[Any] = [t.ReactionEmoji(emoticon="👍")]
            react = messages.SendReaction(peer=here.peer(bob), msg_id=last, reaction=thumb)
            with pytest.raises(RpcError) as error:
                await bob(react)
            assert error.value.name in ("CHAT_WRITE_FORBIDDEN", "USER_BANNED_IN_CHANNEL")
            sound(com)

    run(story())
