"""What a subscriber's TDLib hears of a channel at once, and what it finds when its database is opened again."""

from __future__ import annotations

import pytest

from tests.journeys.tdlib import VERSIONS, Client, TdError, befriend
from tests.journeys.test_channels_tdlib import arrive, make

DAY = 86_400
MISSED = 120


@pytest.mark.parametrize("version", VERSIONS)
def test_a_channel_while_a_database_is_closed(person, no_errors, version):
    """A post passed on to a chat of two is heard at once; timer and protection, too. Then the database is opened again."""
    ann, bob = person(version, "Ann"), person(version, "Bob")
    both = befriend(ann, bob)
    chat = make(ann, "News", channel=True)
    link = ann.call("createChatInviteLink", chat_id=chat, name="")
    bob.call("joinChatByInviteLink", invite_link=link["invite_link"])
    arrive(bob, chat)
    post = ann.send_text(chat, "a post")
    seen = bob.wait_text("a post")
    mark = len(bob.updates)
    ann.call("forwardMessages", chat_id=both, from_chat_id=chat, message_ids=[post["id"]])
    passed = bob.wait(
        lambda u: u["@type"] == "updateNewMessage" and u["message"].get("forward_info"), since=mark
    )
    assert passed["message"]["forward_info"]["origin"]["chat_id"] == chat
    ann.call("setChatMessageAutoDeleteTime", chat_id=chat, message_auto_delete_time=DAY)

    def timer(update):
        return (
            update["@type"] == "updateChatMessageAutoDeleteTime"
            and update["chat_id"] == chat
            and update["message_auto_delete_time"] == DAY
        )

    for client in (ann, bob):
        client.wait(timer)
    ann.call("toggleChatHasProtectedContent", chat_id=chat, has_protected_content=True)
    bob.wait(lambda u: u["@type"] == "updateChatHasProtectedContent" and u["has_protected_content"])
    with pytest.raises(TdError, match="protected content"):
        bob.call("forwardMessages", chat_id=bob.me["id"], from_chat_id=chat, message_ids=[seen["id"]])
    bob.close()
    for number in range(MISSED):
        ann.send_text(chat, f"missed {number}")
    again = Client(bob.library, bob.folder, bob.proxy)
    try:
        again.start()
        again._state("Ready")
        again.go_online()
        again.call("openChat", chat_id=chat)
        again.wait(
            lambda u: (
                u["@type"] == "updateChatLastMessage"
                and u["chat_id"] == chat
                and u["last_message"]["content"].get("text", {}).get("text") == f"missed {MISSED - 1}"
            )
        )
        found: dict[int, str] = {}
        while True:
            since = min(found, default=0)
            page = again.call(
                "getChatHistory", chat_id=chat, from_message_id=since, offset=0, limit=100, only_local=False
            )["messages"]
            if not page:
                break
            found |= {one["id"]: one["content"].get("text", {}).get("text", "") for one in page}
        texts = [found[number] for number in sorted(found) if found[number].startswith("missed")]
        assert texts == [f"missed {number}" for number in range(MISSED)]
        assert again.call("getChat", chat_id=chat)["message_auto_delete_time"] == DAY
    finally:
        again.close()
