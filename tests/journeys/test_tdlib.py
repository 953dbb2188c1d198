"""Stock TDLib 1.8.69 (layer 232) and 1.8.46 (layer 200) talk to each other; TDLib's ERROR log must stay empty."""

from __future__ import annotations

import time

import pytest

from tests.journeys.tdlib import VERSIONS, befriend


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("pfs", [False, True], ids=["plain", "pfs"])
def test_two_people_chat(person, no_errors, version, pfs):
    ann, bob = person(version, "Ann", pfs=pfs), person(version, "Bob", pfs=pfs)
    chat = befriend(ann, bob)
    ann.send_text(chat, "hello Bob")
    heard = bob.wait_text("hello Bob")
    back = bob.call("createPrivateChat", user_id=ann.me["id"], force=True)["id"]
    mark = len(ann.updates)
    bob.call("openChat", chat_id=back)
    bob.call("viewMessages", chat_id=back, message_ids=[heard["id"]], force_read=True)
    ann.wait(lambda u: u["@type"] == "updateChatReadOutbox" and u["chat_id"] == chat, since=mark)
    sent = bob.send_text(back, "hello Ann")
    got = ann.wait_text("hello Ann")
    mark = len(ann.updates)
    content = {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": "hello, Ann!"}}
    bob.call("editMessageText", chat_id=back, message_id=sent["id"], input_message_content=content)
    ann.wait(lambda u: u["@type"] == "updateMessageContent" and u["message_id"] == got["id"], since=mark)
    mark = len(ann.updates)
    bob.call("sendChatAction", chat_id=back, action={"@type": "chatActionTyping"})
    ann.wait(lambda u: u["@type"] == "updateChatAction" and u["chat_id"] == chat, since=mark)
    mark = len(ann.updates)
    bob.call("deleteMessages", chat_id=back, message_ids=[sent["id"]], revoke=True)
    ann.wait(lambda u: u["@type"] == "updateDeleteMessages" and got["id"] in u["message_ids"], since=mark)
    history = ann.call("getChatHistory", chat_id=chat, from_message_id=0, offset=0, limit=10)
    assert history["total_count"] >= 1


def test_old_and_new_talk(person, no_errors):
    ann, bob = person("1.8.69", "Ann"), person("1.8.46", "Bob")
    chat = befriend(bob, ann)
    bob.send_text(chat, "layer 200 to 232")
    ann.wait_text("layer 200 to 232")
    back = ann.call("createPrivateChat", user_id=bob.me["id"], force=True)["id"]
    ann.send_text(back, "layer 232 to 200")
    bob.wait_text("layer 232 to 200")


@pytest.mark.parametrize("version", VERSIONS)
def test_network_cut_and_fifty_messages(person, no_errors, version):
    """Messages sent while TDLib has no network come once, in order, when it is back."""
    ann, bob = person(version, "Ann"), person("1.8.69", "Bob")
    chat = befriend(bob, ann)
    bob.send_text(chat, "first")
    ann.wait_text("first")
    ann.call("setNetworkType", type={"@type": "networkTypeNone"})
    for number in range(50):
        bob.send_text(chat, f"missed {number}")
    mark = len(ann.updates)
    ann.call("setNetworkType", type={"@type": "networkTypeOther"})
    ann.wait_text("missed 49")
    time.sleep(0.5)
    texts = [
        u["message"]["content"]["text"]["text"]
        for u in ann.updates[mark:]
        if u["@type"] == "updateNewMessage" and u["message"]["content"]["@type"] == "messageText"
    ]
    assert [t for t in texts if t.startswith("missed")] == [f"missed {number}" for number in range(50)]


def test_two_devices_and_log_out(person, no_errors, daemon):
    ann, bob = person("1.8.69", "Ann"), person("1.8.69", "Bob")
    tablet = person("1.8.46", "Bob", phone=bob.phone)
    chat = befriend(ann, bob)
    ann.send_text(chat, "to both")
    bob.wait_text("to both")
    tablet.wait_text("to both")
    sessions = bob.call("getActiveSessions")["sessions"]
    assert len(sessions) == 2
    mark = len(tablet.updates)
    tablet.send("logOut")
    tablet._state("Closed", mark)
    tablet.library.clients.pop(tablet.id, None)
    assert len(bob.call("getActiveSessions")["sessions"]) == 1
