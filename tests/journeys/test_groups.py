"""Basic groups through real clients: Telethon, Kurigram, TDLib of today and of layer 200."""

from __future__ import annotations

import pyrogram
import pytest
import telethon
from telethon import errors
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import kurigram_client, kurigram_sign_up, telethon_person
from tests.journeys.tdlib import VERSIONS, TdError, befriend
from tests.journeys.test_telethon import meet
from tests.waiting import until


async def known(one, other):
    """`other` as `one` may name him."""
    contact = t.InputPhoneContact(1, "+" + other.me.phone, other.me.first_name, "")
    return (await one(f.contacts.ImportContactsRequest([contact]))).users[0]


def deeds_of(client):
    """Service messages as they come."""
    seen = []

    async def on_action(event):
        if event.action_message is not None:
            seen.append(event.action_message.action)

    client.add_event_handler(on_action, telethon.events.ChatAction())
    return seen


@pytest.mark.asyncio
async def test_a_group_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
        telethon_person(daemon, new_phone(), "Eve") as eve,
    ):
        await meet(ann, bob)
        bob_saw, eve_saw = deeds_of(bob), deeds_of(eve)
        made = await ann(f.messages.CreateChatRequest([await known(ann, bob)], "Friends"))
        chat = made.updates.chats[0].id
        assert (await until(lambda: bob_saw))[0].title == "Friends"
        await ann.send_message(-chat, "hello Bob")
        heard = (await until(lambda: [m for m in bob.heard if m.raw_text]))[0]
        assert heard.chat_id == -chat and heard.sender_id == ann.me.id
        reply = await heard.reply("hello Ann")
        answer = (await until(lambda: [m for m in ann.heard if m.raw_text]))[0]
        assert answer.mentioned and (await answer.get_reply_message()).raw_text == "hello Bob"
        typing, gone = [], []

        async def on_raw(update):
            if isinstance(update, t.UpdateChatUserTyping):
                typing.append(update.from_id.user_id)

        async def on_delete(event):
            gone.extend(event.deleted_ids)

        ann.add_event_handler(on_raw, telethon.events.Raw())
        ann.add_event_handler(on_delete, telethon.events.MessageDeleted())
        await bob(f.messages.SetTypingRequest(t.InputPeerChat(chat), t.SendMessageTypingAction()))
        assert await until(lambda: typing) == [bob.me.id]
        link = (await ann(f.messages.ExportChatInviteRequest(t.InputPeerChat(chat)))).link
        found = await eve(f.messages.CheckChatInviteRequest(link.rpartition("+")[2]))
        assert found.title == "Friends" and found.participants_count == 2
        await eve(f.messages.ImportChatInviteRequest(link.rpartition("+")[2]))
        await eve.send_message(-chat, "here I am")
        await until(lambda: any(m.raw_text == "here I am" for m in bob.heard))
        assert {user.id async for user in ann.iter_participants(-chat)} == {ann.me.id, bob.me.id, eve.me.id}
        await ann(f.messages.EditChatTitleRequest(chat, "Good friends"))
        await until(lambda: any(getattr(one, "title", "") == "Good friends" for one in eve_saw))
        await bob.delete_messages(-chat, [reply.id], revoke=True)
        await until(lambda: answer.id in gone)
        read = await eve(f.messages.ReadHistoryRequest(t.InputPeerChat(chat), 0))
        assert read.pts
        eve.heard.clear()
        await ann(f.messages.DeleteChatUserRequest(chat, await ann.get_input_entity(eve.me.id)))
        await until(lambda: [one for one in eve_saw if isinstance(one, t.MessageActionChatDeleteUser)])
        await ann.send_message(-chat, "without Eve")
        await until(lambda: any(m.raw_text == "without Eve" for m in bob.heard))
        assert [m.raw_text for m in eve.heard if m.raw_text] == []
        with pytest.raises(errors.ChatForbiddenError):
            await eve(f.messages.SendMessageRequest(t.InputPeerChat(chat), "still here"))
        dialogs = {d.id: d async for d in bob.iter_dialogs()}
        assert dialogs[-chat].title == "Good friends" and dialogs[-chat].is_group
        full = await bob(f.messages.GetFullChatRequest(chat))
        assert {one.user_id for one in full.full_chat.participants.participants} == {ann.me.id, bob.me.id}
        await bob.delete_dialog(-chat)
        assert -chat not in {d.id async for d in bob.iter_dialogs()}


@pytest.mark.asyncio
async def test_missed_in_a_group(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
    ):
        await meet(ann, bob)
        bob_saw = deeds_of(bob)
        made = await ann(f.messages.CreateChatRequest([await known(ann, bob)], "Catch up"))
        chat = made.updates.chats[0].id
        await until(lambda: bob_saw)
        await bob.disconnect()
        for number in range(20):
            await ann.send_message(-chat, f"missed {number}")
        bob.heard.clear()
        await bob.connect()
        await bob.catch_up()
        await until(lambda: len(bob.heard) >= 20)
        assert [m.raw_text for m in bob.heard] == [f"missed {number}" for number in range(20)]


@pytest.mark.asyncio
async def test_a_group_in_kurigram(daemon, new_phone, folder):
    client = kurigram_client(daemon, folder, "kim")
    heard = []

    async def on_message(_, message):
        heard.append(message)

    client.add_handler(pyrogram.handlers.MessageHandler(on_message))
    await kurigram_sign_up(client, daemon, new_phone(), "Kim")
    try:
        async with telethon_person(daemon, new_phone(), "Ann") as ann:
            ann_saw = deeds_of(ann)
            contact = pyrogram.types.InputPhoneContact("+" + ann.me.phone, "Ann")
            await client.import_contacts([contact])
            group = await client.create_group("From Kim", [ann.me.id])
            await until(lambda: ann_saw)
            sent = await client.send_message(group.id, "hello group")
            got = (await until(lambda: [m for m in ann.heard if m.raw_text]))[0]
            assert got.raw_text == "hello group" and got.chat_id == group.id
            await got.reply("hello Kim")
            back = (await until(lambda: [m for m in heard if m.text == "hello Kim"]))[0]
            assert back.reply_to_message_id == sent.id and back.chat.title == "From Kim"
            await client.set_chat_title(group.id, "Kim and Ann")
            await until(lambda: any(getattr(one, "title", "") == "Kim and Ann" for one in ann_saw))
            link = await client.export_chat_invite_link(group.id)
            assert "https://t.me/+" in str(link)
            assert await client.get_chat_members_count(group.id) == 2
            members = [m.user.id async for m in client.get_chat_members(group.id)]
            assert set(members) == {client.me.id, ann.me.id}
            texts = [m.text async for m in client.get_chat_history(group.id) if m.text]
            assert texts == ["hello Kim", "hello group"]
            await ann(f.messages.DeleteChatUserRequest(-group.id, t.InputUserSelf()))
            await until(lambda: [m for m in heard if m.left_chat_member])
            await client.leave_chat(group.id, delete=True)
    finally:
        await client.stop()


def text_of(chat):
    return {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": chat}}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_group_in_tdlib(person, no_errors, version):
    ann, bob, eve = person(version, "Ann"), person("1.8.69", "Bob"), person("1.8.46", "Eve")
    befriend(ann, bob)
    befriend(ann, eve)
    made = ann.call("createNewBasicGroupChat", user_ids=[bob.me["id"]], title="TDLib's")
    chat = made["chat_id"]

    def joined(update):
        return update["@type"] == "updateNewChat" and update["chat"]["id"] == chat

    bob.wait(joined)
    sent = ann.send_text(chat, "hello Bob")
    got = bob.wait_text("hello Bob")
    assert got["chat_id"] == chat
    bob.call("openChat", chat_id=chat)
    mark = len(ann.updates)
    bob.call("viewMessages", chat_id=chat, message_ids=[got["id"]], force_read=True)
    ann.wait(
        lambda u: u["@type"] == "updateChatReadOutbox" and u["last_read_outbox_message_id"] == sent["id"],
        since=mark,
    )
    ann.call("addChatMember", chat_id=chat, user_id=eve.me["id"], forward_limit=10)
    eve.wait(joined)
    eve.wait_text("hello Bob")
    mark = len(eve.updates)
    ann.call("setChatTitle", chat_id=chat, title="Renamed")
    eve.wait(lambda u: u["@type"] == "updateChatTitle" and u["title"] == "Renamed", since=mark)
    eve.send_text(chat, "hello from Eve")
    ann.wait_text("hello from Eve")
    bob.wait_text("hello from Eve")
    mark = len(bob.updates)
    eve.call("sendChatAction", chat_id=chat, action={"@type": "chatActionTyping"})
    bob.wait(lambda u: u["@type"] == "updateChatAction" and u["chat_id"] == chat, since=mark)
    group_id = ann.call("getChat", chat_id=chat)["type"]["basic_group_id"]
    full = ann.call("getBasicGroupFullInfo", basic_group_id=group_id)
    assert {m["member_id"]["user_id"] for m in full["members"]} == {c.me["id"] for c in (ann, bob, eve)}
    status = {"@type": "chatMemberStatusAdministrator"}
    rights = [
        "can_manage_chat",
        "can_change_info",
        "can_delete_messages",
        "can_invite_users",
        "can_restrict_members",
    ]
    status = {**status, "rights": {"@type": "chatAdministratorRights", **dict.fromkeys(rights, True)}}
    member = {"@type": "messageSenderUser", "user_id": bob.me["id"]}
    mark = len(bob.updates)
    ann.call("setChatMemberStatus", chat_id=chat, member_id=member, status=status)
    bob.wait(
        lambda u: (
            u["@type"] == "updateBasicGroup"
            and u["basic_group"]["status"]["@type"] == "chatMemberStatusAdministrator"
        ),
        since=mark,
    )
    permissions = {"@type": "chatPermissions", "can_send_basic_messages": False}
    mark = len(eve.updates)
    ann.call("setChatPermissions", chat_id=chat, permissions=permissions)
    eve.wait(
        lambda u: u["@type"] == "updateChatPermissions" and not u["permissions"]["can_send_basic_messages"],
        since=mark,
    )
    with pytest.raises(TdError):
        eve.call("sendMessage", chat_id=chat, input_message_content=text_of("may I?"))
    mark = len(eve.updates)
    bob.call(
        "setChatMemberStatus",
        chat_id=chat,
        member_id={"@type": "messageSenderUser", "user_id": eve.me["id"]},
        status={"@type": "chatMemberStatusLeft"},
    )
    eve.wait(
        lambda u: (
            u["@type"] == "updateBasicGroup"
            and u["basic_group"]["status"]["@type"] != "chatMemberStatusMember"
        ),
        since=mark,
    )
    bob.call("leaveChat", chat_id=chat)
    history = ann.call("getChatHistory", chat_id=chat, from_message_id=0, offset=0, limit=50)
    assert history["total_count"] >= 3


@pytest.mark.parametrize("version", VERSIONS)
def test_invite_links_in_tdlib(person, no_errors, version):
    ann, bob, eve = person(version, "Ann"), person(version, "Bob"), person("1.8.69", "Eve")
    befriend(ann, bob)
    chat = ann.call("createNewBasicGroupChat", user_ids=[bob.me["id"]], title="By link")["chat_id"]
    link = ann.call("createChatInviteLink", chat_id=chat, name="for Eve", creates_join_request=True)
    assert link["creates_join_request"]
    seen = eve.call("checkChatInviteLink", invite_link=link["invite_link"])
    assert seen["title"] == "By link" and seen["creates_join_request"]
    mark = len(ann.updates)
    asked = eve.call("joinChatByInviteLink", invite_link=link["invite_link"])
    assert asked["@type"] == "chatJoinResultRequestSent"
    ann.wait(lambda u: u["@type"] == "updateChatPendingJoinRequests" and u["chat_id"] == chat, since=mark)
    found = ann.call("getChatJoinRequests", chat_id=chat, invite_link="", query="", limit=10)
    assert [one["user_id"] for one in found["requests"]] == [eve.me["id"]]
    ann.call("processChatJoinRequest", chat_id=chat, user_id=eve.me["id"], approve=True)
    eve.wait(lambda u: u["@type"] == "updateNewChat" and u["chat"]["id"] == chat)
    eve.send_text(chat, "let in")
    ann.wait_text("let in")
    primary = ann.call("replacePrimaryChatInviteLink", chat_id=chat)
    assert primary["is_primary"]
    links = ann.call(
        "getChatInviteLinks",
        chat_id=chat,
        creator_user_id=ann.me["id"],
        is_revoked=False,
        offset_date=0,
        limit=10,
    )
    assert links["total_count"] >= 2
    revoked = ann.call("revokeChatInviteLink", chat_id=chat, invite_link=link["invite_link"])
    assert revoked["invite_links"][0]["is_revoked"]
    ann.call("deleteRevokedChatInviteLink", chat_id=chat, invite_link=link["invite_link"])
