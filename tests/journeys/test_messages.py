"""Pins, folders, the archive, scheduled messages and timers, through Telethon, Kurigram and TDLib."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest
from pyrogram.enums import MessagesFilter
from pyrogram.errors import PremiumAccountRequired
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import kurigram_client, kurigram_knows, kurigram_sign_up, telethon_person
from tests.journeys.tdlib import VERSIONS, befriend
from tests.journeys.test_telethon import meet
from tests.waiting import until


@pytest.mark.asyncio
async def test_telethon(daemon, new_phone):
    phone = new_phone()
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, phone, "Bob") as bob,
    ):
        async with telethon_person(daemon, phone, "Bob") as tablet:
            seen = []

            async def on_raw(update):
                seen.append(update)

            def of(kind):
                return [one for one in seen if isinstance(one, kind)]

            tablet.add_event_handler(on_raw)
            to_bob, to_ann = await meet(ann, bob)
            one = await ann.send_message(to_bob, "pin me")
            heard = (await until(lambda: [m for m in bob.heard if m.raw_text == "pin me"]))[0]
            await ann.pin_message(to_bob, one)
            pinned = (await until(lambda: of(t.UpdatePinnedMessages)))[0]
            assert pinned.pinned and pinned.messages == [heard.id]
            found = await bob.get_messages(to_ann, 10, filter=t.InputMessagesFilterPinned)
            assert [m.id for m in found] == [heard.id]
            await bob.unpin_message(to_ann)
            await until(lambda: [u for u in of(t.UpdatePinnedMessages) if not u.pinned])

            made = t.DialogFilter(
                2, t.TextWithEntities("Work", []), [], [await bob.get_input_entity(to_ann)], [], contacts=True
            )
            await bob(f.messages.UpdateDialogFilterRequest(2, made))
            await until(lambda: of(t.UpdateDialogFilter))
            filters = (await tablet(f.messages.GetDialogFiltersRequest())).filters
            assert isinstance(filters[0], t.DialogFilterDefault) and filters[1].title.text == "Work"
            await bob.edit_folder(to_ann, 1)
            await until(lambda: of(t.UpdateFolderPeers))
            assert ann.me.id in [d.id for d in await tablet.get_dialogs(folder=1)]
            assert ann.me.id not in [d.id for d in await tablet.get_dialogs(folder=0)]
            await bob.edit_folder(to_ann, 0)

            kept = await bob.send_message(to_ann, "soon", schedule=time.time() + 3600)
            await until(lambda: of(t.UpdateNewScheduledMessage))
            later = await tablet.get_messages(ann.me.id, scheduled=True)
            assert [m.raw_text for m in later] == ["soon"]
            assert not [m for m in ann.heard if m.raw_text == "soon"]
            await bob.edit_message(to_ann, kept, schedule=time.time() + 12)
            await until(lambda: [m for m in ann.heard if m.raw_text == "soon"])
            await until(lambda: [u for u in of(t.UpdateDeleteScheduledMessages) if u.sent_messages])

            await bob(f.messages.SetHistoryTTLRequest(to_ann, 2))
            await until(lambda: of(t.UpdatePeerHistoryTTL))
            await ann.send_message(to_bob, "burns")
            await until(lambda: [m for m in bob.heard if m.raw_text == "burns"])

            async def burnt() -> bool:
                texts = [m.raw_text async for m in bob.iter_messages(to_ann)]
                texts += [m.raw_text async for m in ann.iter_messages(to_bob)]
                return "burns" not in texts

            await until(burnt)


@pytest.mark.asyncio
async def test_kurigram(daemon, new_phone, folder):
    client = kurigram_client(daemon, folder, "kurt")
    await kurigram_sign_up(client, daemon, new_phone(), "Kurt")
    try:
        async with telethon_person(daemon, new_phone(), "Ann") as ann:
            await client.set_username(f"kurt{client.me.id}")
            kurt = await ann.get_entity(f"kurt{client.me.id}")
            await ann.send_message(kurt, "hello Kurt")
            await kurigram_knows(client, ann.me.id)
            sent = await client.send_message(ann.me.id, "keep this")
            await sent.pin(both_sides=True)
            pinned = [m.id async for m in client.search_messages(ann.me.id, filter=MessagesFilter.PINNED)]
            assert pinned == [sent.id]
            await client.archive_chats(ann.me.id)
            await client.unarchive_chats(ann.me.id)
            date = datetime.now() + timedelta(days=1)
            later = await client.send_message(ann.me.id, "tomorrow", schedule_date=date)
            with pytest.raises(PremiumAccountRequired):
                await client.send_message(ann.me.id, "every day", schedule_date=date, repeat_period=86_400)
            assert later.text == "tomorrow"
    finally:
        await client.stop()


@pytest.mark.parametrize("version", VERSIONS)
def test_tdlib(person, no_errors, version):
    ann, bob = person(version, "Ann"), person("1.8.69", "Bob")
    tablet = person("1.8.69", "Bob", phone=bob.phone)
    chat = befriend(ann, bob)
    sent = ann.send_text(chat, "pin me")
    heard = bob.wait_text("pin me")
    tablet.wait_text("pin me")
    mark, theirs = len(bob.updates), len(tablet.updates)
    ann.call(
        "pinChatMessage", chat_id=chat, message_id=sent["id"], disable_notification=False, only_for_self=False
    )
    for client, since in ((bob, mark), (tablet, theirs)):
        client.wait(lambda u: u["@type"] == "updateMessageIsPinned" and u["is_pinned"], since=since)
    back = heard["chat_id"]
    assert bob.call("getChatPinnedMessage", chat_id=back)["id"] == heard["id"]
    bob.call("unpinAllChatMessages", chat_id=back)
    tablet.wait(lambda u: u["@type"] == "updateMessageIsPinned" and not u["is_pinned"], since=theirs)

    theirs = len(tablet.updates)
    bob.call("addChatToList", chat_id=back, chat_list={"@type": "chatListArchive"})
    tablet.wait(
        lambda u: u["@type"] == "updateChatAddedToList" and u["chat_list"]["@type"] == "chatListArchive",
        since=theirs,
    )
    bob.call("addChatToList", chat_id=back, chat_list={"@type": "chatListMain"})

    theirs = len(tablet.updates)
    name = {"@type": "chatFolderName", "text": {"@type": "formattedText", "text": "Work"}}
    bob.call("createChatFolder", folder={"@type": "chatFolder", "name": name, "included_chat_ids": [back]})
    tablet.wait(lambda u: u["@type"] == "updateChatFolders" and len(u["chat_folders"]) == 1, since=theirs)

    mark = len(ann.updates)
    content = {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": "soon"}}
    state = {"@type": "messageSchedulingStateSendAtDate", "send_date": int(time.time()) + 3600}
    ann.call(
        "sendMessage",
        chat_id=chat,
        input_message_content=content,
        options={"@type": "messageSendOptions", "scheduling_state": state},
    )
    ann.wait(lambda u: u["@type"] == "updateMessageSendSucceeded", since=mark)
    waiting = ann.call("getChatScheduledMessages", chat_id=chat)["messages"]
    assert [m["content"]["text"]["text"] for m in waiting] == ["soon"]
    state["send_date"] = int(time.time()) + 15
    ann.call("editMessageSchedulingState", chat_id=chat, message_id=waiting[0]["id"], scheduling_state=state)
    bob.wait_text("soon")

    theirs = len(tablet.updates)
    ann.call("setChatMessageAutoDeleteTime", chat_id=chat, message_auto_delete_time=86_400)
    tablet.wait(
        lambda u: u["@type"] == "updateChatMessageAutoDeleteTime" and u["message_auto_delete_time"] == 86_400,
        since=theirs,
    )
