"""Invite links, words beside names, restrictions and links to comments in TDLib; what it shows of a supergroup of admins."""

from __future__ import annotations

import asyncio

import pytest

from tests.journeys.inside import serving
from tests.journeys.socks import Socks
from tests.journeys.tdlib import VERSIONS, TdError, befriend
from tests.journeys.test_channels_tdlib import arrive, know, make, sender, supergroup
from tgserve import limits

ADMIN = {
    "@type": "chatMemberStatusAdministrator",
    "custom_title": "",
    "rights": {"@type": "chatAdministratorRights", "can_manage_chat": True, "can_invite_users": True},
}
FEW = {
    "@type": "chatMemberStatusRestricted",
    "is_member": True,
    "restricted_until_date": 0,
    "permissions": {"@type": "chatPermissions", "can_send_basic_messages": True},
}


def test_links_tags_and_a_small_supergroup(person, no_errors):
    ann, bob, eve = person("1.8.69", "Ann"), person("1.8.46", "Bob"), person("1.8.69", "Eve")
    befriend(ann, bob)
    town = make(ann, "Town")
    ann.call("addChatMembers", chat_id=town, user_ids=[bob.me["id"]])
    arrive(bob, town)
    ann.call("setChatMemberStatus", chat_id=town, member_id=sender(bob), status=ADMIN)
    bob.wait(
        lambda u: (
            u["@type"] == "updateSupergroup"
            and u["supergroup"]["status"]["@type"] == "chatMemberStatusAdministrator"
        )
    )
    mine = ann.call("createChatInviteLink", chat_id=town, name="one", member_limit=5)["invite_link"]
    theirs = bob.call("createChatInviteLink", chat_id=town, name="two", member_limit=0)["invite_link"]
    changed = {"chat_id": town, "invite_link": mine, "name": "three", "member_limit": 9}
    edited = ann.call("editChatInviteLink", **changed)
    assert (edited["name"], edited["member_limit"]) == ("three", 9)
    with pytest.raises(TdError, match="CHAT_ADMIN_REQUIRED"):
        bob.call("editChatInviteLink", **changed)
    eve.call("joinChatByInviteLink", invite_link=mine)
    arrive(eve, town)
    joined = ann.call("getChatInviteLinkMembers", chat_id=town, invite_link=mine, limit=10)
    assert [one["user_id"] for one in joined["members"]] == [eve.me["id"]]
    counts = ann.call("getChatInviteLinkCounts", chat_id=town)["invite_link_counts"]
    assert {one["user_id"]: one["invite_link_count"] for one in counts} == {ann.me["id"]: 2, bob.me["id"]: 1}
    ann.call("revokeChatInviteLink", chat_id=town, invite_link=theirs)
    ann.call("deleteAllRevokedChatInviteLinks", chat_id=town, creator_user_id=bob.me["id"])
    counts = ann.call("getChatInviteLinkCounts", chat_id=town)["invite_link_counts"]
    assert [one["user_id"] for one in counts] == [ann.me["id"]]

    eve.call("setChatMemberTag", chat_id=town, user_id=eve.me["id"], tag="cook")
    with pytest.raises(TdError, match="CHAT_ADMIN_REQUIRED"):
        eve.call("setChatMemberTag", chat_id=town, user_id=ann.me["id"], tag="boss")
    ann.call("setChatMemberStatus", chat_id=town, member_id=sender(eve), status=FEW)
    found = ann.call("getChatMember", chat_id=town, member_id=sender(eve))
    assert found["status"]["@type"] == "chatMemberStatusRestricted" and found["tag"] == "cook"
    assert not found["status"]["permissions"]["can_send_photos"]

    with pytest.raises(TdError, match="PARTICIPANTS_TOO_FEW"):
        ann.call("toggleSupergroupIsBroadcastGroup", supergroup_id=supergroup(ann, town))


@pytest.mark.asyncio
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_large_supergroup(daemon, libraries, no_errors, new_phone, tmp_path, monkeypatch, version):
    """It is not emptied for everybody; when it becomes one of its admins its members see that they may write no more. One
    of two people counts as large here."""
    monkeypatch.setattr(limits, "GIGAGROUP_MEMBERS", 2)
    monkeypatch.setattr(limits, "EMPTIED_MEMBERS", 1)
    no_errors.append("DeleteChannelHistoryQuery: [Error : 400 : CHANNEL_TOO_BIG]")
    async with serving(daemon, tmp_path) as server:
        proxy = Socks(server.host, server.port)
        ann, bob = (libraries[version].client(tmp_path / name, proxy) for name in ("ann", "bob"))

        def story():
            ann.begin(new_phone(), server.code, "Ann")
            bob.begin(new_phone(), server.code, "Bob")
            befriend(ann, bob)
            town = make(ann, "Town")
            ann.call("addChatMembers", chat_id=town, user_ids=[bob.me["id"]])
            arrive(bob, town)
            with pytest.raises(TdError, match="CHANNEL_TOO_BIG"):
                ann.call("deleteChatHistory", chat_id=town, remove_from_chat_list=False, revoke=True)
            mark = len(bob.updates)
            ann.call("toggleSupergroupIsBroadcastGroup", supergroup_id=supergroup(ann, town))
            bob.wait(
                lambda u: (
                    u["@type"] == "updateChatPermissions"
                    and u["chat_id"] == town
                    and not u["permissions"]["can_send_basic_messages"]
                    and not u["permissions"]["can_send_photos"]
                ),
                since=mark,
            )
            for client in (ann, bob):
                group = client.call("getSupergroup", supergroup_id=supergroup(client, town))
                assert group["is_broadcast_group"]

        try:
            await asyncio.to_thread(story)
        finally:
            for client in (ann, bob):
                await asyncio.to_thread(client.close)
            proxy.close()


def test_links_to_comments(person, no_errors):
    ann, eve = person("1.8.69", "Ann"), person("1.8.46", "Eve")
    befriend(ann, eve)
    news, talk = make(ann, "News", channel=True), make(ann, "Talk")
    name = f"links_{ann.me['id'] % 10**9}"
    ann.call("setSupergroupUsername", supergroup_id=supergroup(ann, news), username=name)
    for chat in (news, talk):
        ann.call("addChatMembers", chat_id=chat, user_ids=[eve.me["id"]])
        arrive(eve, chat)
    know(ann, news)
    ann.call("setChatDiscussionGroup", chat_id=news, discussion_chat_id=talk)
    know(ann, news)
    post = ann.send_text(news, "a post")
    seen = eve.wait_text("a post")
    thread = eve.call("getMessageThread", chat_id=news, message_id=seen["id"])
    text = {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": "a comment"}}
    where = {"@type": "inputMessageReplyToMessage", "message_id": thread["message_thread_id"]}
    mark = len(eve.updates)
    eve.call("sendMessage", chat_id=talk, reply_to=where, input_message_content=text)
    heard = ann.wait_text("a comment")
    eve.wait(lambda u: u["@type"] == "updateMessageSendSucceeded", since=mark)
    wanted = {"media_timestamp": 0, "for_album": False, "for_comment": False, "in_message_thread": True}
    link = eve.call("getMessageLink", chat_id=talk, message_id=heard["id"], **wanted)
    number = heard["id"] >> 20
    assert link["is_public"] and link["link"].endswith(f"{name}/{post['id'] >> 20}?comment={number}")
    for client in (ann, eve):
        info = client.call("getMessageLinkInfo", url=link["link"])
        assert info["chat_id"] == talk and info["message"]["id"] == heard["id"]
