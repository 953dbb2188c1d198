"""A channel is given away: by whom, to whom, and what both and their devices see of it, with Telethon and TDLib."""

from __future__ import annotations

import sys

import pytest
from telethon import errors, events
from telethon.password import compute_check
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.daemon import Daemon
from tests.journeys.people import telethon_person
from tests.journeys.socks import Socks
from tests.journeys.tdlib import VERSIONS, Library, TdError, befriend
from tests.journeys.test_channels_tdlib import arrive, make, supergroup
from tests.journeys.test_groups import known
from tests.journeys.test_telethon import meet
from tests.waiting import until

DAY = 86_400
AT_ONCE = """
from tgserve import limits
limits.FRESH_PASSWORD_SECONDS = limits.FRESH_SESSION_SECONDS = 0
from tgserve.__main__ import main
main()
"""


class Town(Daemon):
    """A server that no longer waits for the day to pass once it was `hastened`. (With another clock it would be a day
    ahead of its clients, and Telethon does not listen to such a one.)"""

    hasty = False

    def command(self, *arguments: str) -> list[str]:
        plain = super().command(*arguments)
        if self.hasty and arguments[0] == "start":
            return [sys.executable, "-c", AT_ONCE, *plain[3:]]
        return plain

    def hasten(self) -> None:
        self.stop()
        self.hasty = True
        self.start()


@pytest.fixture
def town(tmp_path):
    server = Town(tmp_path / "data").start()
    yield server
    faults = server.faults()
    server.end()
    assert not faults, "\n".join(faults[:20])


PROMOTED = t.ChannelAdminLogEventActionParticipantToggleAdmin
EMPTY = t.InputCheckPasswordEmpty()


async def proof(client, word="sesame"):
    return compute_check(await client(f.account.GetPasswordRequest()), word)


def hand(client, channel, user, password=EMPTY):
    return client(f.messages.EditChatCreatorRequest(channel, user, password))


async def seat(client, channel, user):
    return (await client(f.channels.GetParticipantRequest(channel, user))).participant


@pytest.mark.asyncio
async def test_telethon_gives_a_group_and_a_channel_away(town, new_phone):
    async with (
        telethon_person(town, new_phone(), "Ann") as ann,
        telethon_person(town, new_phone(), "Bob") as bob,
        telethon_person(town, new_phone(), "Eve") as eve,
    ):
        await meet(ann, bob)
        await meet(ann, eve)
        group = (await ann(f.channels.CreateChannelRequest("Town", "", megagroup=True))).chats[0]
        news = (await ann(f.channels.CreateChannelRequest("News", "", broadcast=True))).chats[0]
        heir = await known(ann, bob)
        with pytest.raises(errors.UserNotParticipantError):
            await hand(ann, group, heir)
        for place in (group, news):
            await ann(f.channels.InviteToChannelRequest(place, [heir]))
        await ann(f.channels.InviteToChannelRequest(group, [await known(ann, eve)]))

        async def both():  # they come to him a moment after
            found = {d.entity.title: d.entity for d in await bob.get_dialogs() if d.is_channel}
            return found if len(found) == 2 else None

        his = await until(both)
        with pytest.raises(errors.PasswordMissingError):
            await hand(ann, group, heir)
        with pytest.raises(errors.ChatAdminRequiredError):
            await hand(bob, his["Town"], t.InputUserSelf())
        await ann.edit_2fa(new_password="sesame")
        with pytest.raises(errors.PasswordTooFreshError) as fresh:
            await hand(ann, group, heir, await proof(ann))
        assert DAY - 120 < fresh.value.seconds <= DAY
        town.hasten()
        await until(ann.is_connected)
        with pytest.raises(errors.PasswordHashInvalidError):
            await hand(ann, group, heir)
        with pytest.raises(errors.PasswordHashInvalidError):
            await hand(ann, group, heir, await proof(ann, "simsim"))
        assert type(await seat(ann, group, heir)) is t.ChannelParticipant
        heard: list[object] = []

        async def note(update):
            heard.append(update)

        bob.add_event_handler(note, events.Raw(t.UpdateChannel))
        await bob(f.updates.GetStateRequest())
        for place in (group, news):
            done = await hand(ann, place, heir, await proof(ann))
            assert [one.creator for one in done.chats if one.id == place.id] == [False]
        await until(lambda: {u.channel_id for u in heard} == {group.id, news.id})
        said = (await ann.get_messages(group, 1))[0]
        assert said.action == t.MessageActionChangeCreator(new_creator_id=bob.me.id)
        for place in (group, news):
            own = his[place.title]
            mine = await seat(ann, place, t.InputPeerSelf())
            assert isinstance(mine, t.ChannelParticipantAdmin) and mine.admin_rights.add_admins
            assert mine.promoted_by == bob.me.id
            assert isinstance(await seat(bob, own, t.InputPeerSelf()), t.ChannelParticipantCreator)
            mine, other = await ann.get_entity(place), await bob.get_entity(own)
            assert (mine.creator, other.creator) == (False, True) and mine.admin_rights.change_info
            log = (await bob(f.channels.GetAdminLogRequest(own, "", 0, 0, 10))).events
            [change] = [one.action for one in log if isinstance(one.action, PROMOTED)]
            assert isinstance(change.prev_participant, t.ChannelParticipant)
            assert isinstance(change.new_participant, t.ChannelParticipantCreator)
            with pytest.raises(errors.ChatAdminRequiredError):
                await hand(ann, place, heir, await proof(ann))
            with pytest.raises(errors.ChatAdminRequiredError):
                await ann(f.channels.DeleteChannelRequest(place))
        out = t.ChatAdminRights()
        await bob(f.channels.EditAdminRequest(his["Town"], await known(bob, ann), out, ""))
        assert isinstance(await seat(ann, group, t.InputPeerSelf()), t.ChannelParticipantSelf)
        await bob(f.channels.DeleteChannelRequest(his["News"]))


@pytest.mark.parametrize("version", VERSIONS)
def test_tdlib_gives_a_group_away(town, new_phone, tmp_path, version):
    library = Library(version, town.pem, tmp_path)
    proxy = Socks(town.host, town.port)
    people = []
    try:
        for name in ("Ann", "Bob"):
            client = library.client(tmp_path / name, proxy)
            people.append(client)
            client.begin(new_phone(), town.code, name)
        ann, bob = people
        befriend(ann, bob)
        chat = make(ann, "Town")
        ann.call("addChatMember", chat_id=chat, user_id=bob.me["id"], forward_limit=0)
        arrive(bob, chat)

        def hand(password):
            ann.call("transferChatOwnership", chat_id=chat, user_id=bob.me["id"], password=password)

        def status(client):
            return client.call("getSupergroup", supergroup_id=supergroup(client, chat))["status"]

        assert ann.call("canTransferOwnership")["@type"] == "canTransferOwnershipResultPasswordNeeded"
        ann.call(
            "setPassword",
            old_password="",
            new_password="sesame",
            new_hint="",
            set_recovery_email_address=False,
            new_recovery_email_address="",
        )
        with pytest.raises(TdError, match="PASSWORD_TOO_FRESH_"):
            hand("sesame")
        town.hasten()
        assert ann.call("canTransferOwnership", timeout=60)["@type"] == "canTransferOwnershipResultOk"
        with pytest.raises(TdError, match="PASSWORD_HASH_INVALID"):
            hand("simsim")
        assert status(ann)["@type"] == "chatMemberStatusCreator"
        marks = len(ann.updates), len(bob.updates)
        hand("sesame")
        for client, mark, kind in zip(people, marks, ("Administrator", "Creator"), strict=True):
            client.wait(
                lambda u, kind=kind: (
                    u["@type"] == "updateSupergroup"
                    and u["supergroup"]["status"]["@type"] == f"chatMemberStatus{kind}"
                ),
                since=mark,
            )
        assert status(ann)["rights"]["can_promote_members"]
        events = bob.call(
            "getChatEventLog", chat_id=chat, query="", from_event_id=0, limit=10, filters=None, user_ids=[]
        )["events"]
        changes = [one["action"] for one in events if one["action"]["@type"] == "chatEventMemberPromoted"]
        assert [(one["old_status"]["@type"], one["new_status"]["@type"]) for one in changes] == [
            ("chatMemberStatusMember", "chatMemberStatusCreator")
        ]
        with pytest.raises(TdError):
            hand("sesame")
        assert library.errors() == []
    finally:
        for client in people:
            client.close()
        proxy.close()
