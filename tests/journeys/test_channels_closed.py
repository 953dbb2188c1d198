"""What real clients hear of a group after they were removed, and what keeps an owner from giving it away at once."""

from __future__ import annotations

import asyncio

import pytest
from telethon import errors, events
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import telethon_person
from tests.journeys.tdlib import VERSIONS
from tests.journeys.test_channels import channel_of
from tests.journeys.test_channels_tdlib import make
from tests.journeys.test_groups import known
from tests.journeys.test_telethon import meet
from tests.waiting import until

OUT = t.ChatBannedRights(until_date=None, view_messages=True)


@pytest.mark.asyncio
async def test_a_removed_member_hears_nothing_more_in_telethon(daemon, new_phone):
    """SECURITY 6.2: of a post, an edit, a reaction, a pin, a vote, typing, deletion and a new title another member hears
    each; who was removed hears of none, and asks in vain."""
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
        telethon_person(daemon, new_phone(), "Eve") as eve,
    ):
        await meet(ann, bob)
        await meet(ann, eve)
        channel = (await ann(f.channels.CreateChannelRequest("Town", "", megagroup=True))).chats[0]
        users = [await known(ann, bob), await known(ann, eve)]
        await ann(f.channels.InviteToChannelRequest(channel, users))
        seen, hers = (await channel_of(bob)).entity, (await channel_of(eve)).entity
        own = await bob.send_message(seen, "bob's own")
        await until(lambda: [m for m in eve.heard if m.raw_text == "bob's own"])
        await bob(f.updates.GetStateRequest())
        heard: dict[str, list[str]] = {"bob": [], "eve": []}
        for client, name in ((bob, "bob"), (eve, "eve")):

            async def note(update, name=name):
                if str(channel.id) in update.to_json():
                    heard[name].append(type(update).__name__)

            client.add_event_handler(note, events.Raw())
        await ann(f.channels.EditBannedRequest(channel, await known(ann, bob), OUT))
        await until(lambda: "UpdateNewChannelMessage" in heard["eve"])  # that he was removed
        await until(lambda: "UpdateChannel" in heard["bob"])
        heard["bob"].clear()
        await eve(f.channels.ReadHistoryRequest(hers, 0))
        post = await ann.send_message(channel, "without bob", reply_to=own.id)
        await post.edit("quite without bob")
        thumb = [t.ReactionEmoji("👍")]
        await eve(f.messages.SendReactionRequest(hers, own.id, reaction=thumb))
        await ann.pin_message(channel, own.id)
        await eve(f.messages.SetTypingRequest(hers, t.SendMessageTypingAction()))
        await ann.delete_messages(channel, [post.id])
        await ann(f.channels.EditTitleRequest(channel, "Elsewhere"))
        kinds = {
            "UpdateNewChannelMessage",
            "UpdateEditChannelMessage",
            "UpdatePinnedChannelMessages",
            "UpdateDeleteChannelMessages",
        }
        await until(lambda: kinds <= set(heard["eve"]))
        await bob.get_me()  # whatever was on its way to him is there
        await asyncio.sleep(0.3)
        assert heard["bob"] == []
        for request in (
            f.channels.GetMessagesRequest(seen, [t.InputMessageID(own.id)]),
            f.updates.GetChannelDifferenceRequest(seen, t.ChannelMessagesFilterEmpty(), 1, 100),
            f.messages.SendMessageRequest(seen, "let me in"),
            f.channels.GetParticipantRequest(seen, t.InputPeerSelf()),
            f.channels.JoinChannelRequest(seen),
        ):
            with pytest.raises(errors.ChannelPrivateError):
                await bob(request)
        assert not [one for one in await bob.get_dialogs() if one.is_channel]


@pytest.mark.parametrize("version", VERSIONS)
def test_tdlib_is_told_when_a_group_may_be_given_away(person, no_errors, version):
    ann = person(version, "Ann")
    make(ann, "Town")
    assert ann.call("canTransferOwnership")["@type"] == "canTransferOwnershipResultPasswordNeeded"
    ann.call(
        "setPassword",
        old_password="",
        new_password="sesame",
        new_hint="",
        set_recovery_email_address=False,
        new_recovery_email_address="",
    )
    fresh = ann.call("canTransferOwnership")
    assert fresh["@type"] == "canTransferOwnershipResultPasswordTooFresh"
    assert 86_000 < fresh["retry_after"] <= 86_400
