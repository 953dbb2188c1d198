"""Kurigram 2.2.26 (layer 229): signs up, resolves, talks live, both with another Kurigram and with Telethon."""

from __future__ import annotations

import asyncio

import pyrogram
import pytest
from pyrogram.handlers import DeletedMessagesHandler, EditedMessageHandler, MessageHandler

from tests.journeys.people import kurigram_client, kurigram_sign_up, telethon_person
from tests.waiting import until

pytestmark = pytest.mark.asyncio


async def test_chat_with_telethon(daemon, new_phone, folder):
    client = kurigram_client(daemon, folder, "kim")
    heard, edited, deleted = [], [], []

    async def on_message(_, message):
        heard.append(message)

    async def on_edit(_, message):
        edited.append(message.text)

    async def on_delete(_, messages):
        deleted.extend(m.id for m in messages)

    client.add_handler(MessageHandler(on_message, pyrogram.filters.incoming))
    client.add_handler(EditedMessageHandler(on_edit))
    client.add_handler(DeletedMessagesHandler(on_delete))
    phone = new_phone()
    await kurigram_sign_up(client, daemon, phone, "Kim")
    try:
        me = await client.get_me()
        assert me.first_name == "Kim"
        async with telethon_person(daemon, new_phone(), "Ann") as ann:
            await client.set_username(f"kim{me.id}")
            kim = await ann.get_entity(f"kim{me.id}")
            first = await ann.send_message(kim, "hello Kim")
            message = (await until(lambda: heard))[0]
            assert message.text == "hello Kim" and message.from_user.id == ann.me.id
            await client.send_message(ann.me.id, "hello **Ann**", reply_to_message_id=message.id)
            answer = (await until(lambda: ann.heard))[0]
            assert answer.raw_text == "hello Ann" and answer.reply_to.reply_to_msg_id == first.id
            await ann.edit_message(kim, first, "hello, Kim!")
            assert await until(lambda: edited) == ["hello, Kim!"]
            await ann.delete_messages(kim, [first.id])
            assert await until(lambda: deleted) == [message.id]
            history = [m.text async for m in client.get_chat_history(ann.me.id)]
            assert history == ["hello Ann"]
            dialogs = [d.chat.id async for d in client.get_dialogs()]
            assert ann.me.id in dialogs
            contact = await client.import_contacts(
                [pyrogram.types.InputPhoneContact("+" + ann.me.phone, "Anna")]
            )
            assert contact.users[0].id == ann.me.id
            await client.send_message("me", "note to self")
            saved = [m.text async for m in client.get_chat_history("me")]
            assert saved == ["note to self"]
            await asyncio.sleep(0.1)
    finally:
        await client.stop()
