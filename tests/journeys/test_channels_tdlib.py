"""Supergroups and channels in stock TDLib 1.8.69 and 1.8.46; its ERROR log about our answers must stay empty."""

from __future__ import annotations

import time

import pytest

from tests.journeys.tdlib import VERSIONS, TdError, befriend
from tests.journeys.test_groups import text_of
from tests.waiting import until_now

RIGHTS = ("can_manage_chat", "can_delete_messages", "can_restrict_members", "can_pin_messages")


def sender(client):
    return {"@type": "messageSenderUser", "user_id": client.me["id"]}


def supergroup(client, chat):
    return client.call("getChat", chat_id=chat)["type"]["supergroup_id"]


def make(client, title, *, channel=False):
    made = client.call(
        "createNewSupergroupChat", title=title, description="about", is_channel=channel, is_forum=False
    )
    return made["id"]


def arrive(client, chat):
    client.wait(lambda u: u["@type"] == "updateNewChat" and u["chat"]["id"] == chat)


def know(client, chat):
    """TDLib has the whole of a supergroup and asks for it no more. It answers getSupergroupFullInfo with what it has, and
    when that is old asks anew behind that; the answer takes back whatever its user chose meanwhile. So something is asked
    behind it, which is answered after it."""
    client.call("getSupergroupFullInfo", supergroup_id=supergroup(client, chat))
    client.call("getSupergroupMembers", supergroup_id=supergroup(client, chat), offset=0, limit=1)


def ask(client, link):
    """Leave a request: TDLib hands on the server's word for that, or has an object of its own for it."""
    try:
        asked = client.call("joinChatByInviteLink", invite_link=link)
    except TdError as error:
        assert "INVITE_REQUEST_SENT" in str(error)
    else:
        assert asked["@type"] == "chatJoinResultRequestSent"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_supergroup_by_link_with_approval(person, no_errors, version):
    ann, bob, eve = person(version, "Ann"), person("1.8.69", "Bob"), person("1.8.46", "Eve")
    befriend(ann, bob)
    chat = make(ann, "Town")
    link = ann.call("createChatInviteLink", chat_id=chat, name="door", creates_join_request=True)
    for guest in (bob, eve):
        seen = guest.call("checkChatInviteLink", invite_link=link["invite_link"])
        assert seen["title"] == "Town" and seen["creates_join_request"]
        mark = len(ann.updates)
        ask(guest, link["invite_link"])
        ann.wait(lambda u: u["@type"] == "updateChatPendingJoinRequests" and u["chat_id"] == chat, since=mark)
        found = ann.call("getChatJoinRequests", chat_id=chat, invite_link="", query="", limit=10)
        assert [one["user_id"] for one in found["requests"]] == [guest.me["id"]]
        ann.call("processChatJoinRequest", chat_id=chat, user_id=guest.me["id"], approve=True)
        arrive(guest, chat)
    sent = ann.send_text(chat, "hello all")
    got = bob.wait_text("hello all")
    eve.wait_text("hello all")
    assert got["chat_id"] == chat
    bob.call("openChat", chat_id=chat)
    mark = len(ann.updates)
    bob.call("viewMessages", chat_id=chat, message_ids=[got["id"]], force_read=True)
    ann.wait(
        lambda u: u["@type"] == "updateChatReadOutbox" and u["last_read_outbox_message_id"] == sent["id"],
        since=mark,
    )
    eve.send_text(chat, "hello from Eve")
    ann.wait_text("hello from Eve")
    rights = {"@type": "chatAdministratorRights", **dict.fromkeys(RIGHTS, True)}
    status = {"@type": "chatMemberStatusAdministrator", "custom_title": "boss", "rights": rights}
    number = supergroup(ann, chat)

    def now_admin(update):
        return (
            update["@type"] == "updateSupergroup"
            and update["supergroup"]["id"] == number
            and update["supergroup"]["status"]["@type"] == "chatMemberStatusAdministrator"
        )

    mark = len(bob.updates)
    ann.call("setChatMemberStatus", chat_id=chat, member_id=sender(bob), status=status)
    bob.wait(now_admin, since=mark)
    links = bob.call("getMessageLink", chat_id=chat, message_id=got["id"], media_timestamp=0)
    assert links["link"].startswith("https://t.me/c/")
    mark = len(eve.updates)
    bob.call("pinChatMessage", chat_id=chat, message_id=got["id"], disable_notification=True)
    eve.wait(lambda u: u["@type"] == "updateMessageIsPinned" and u["is_pinned"], since=mark)
    mark = len(eve.updates)
    permissions = {"@type": "chatPermissions", "can_send_basic_messages": False}
    ann.call("setChatPermissions", chat_id=chat, permissions=permissions)
    eve.wait(
        lambda u: u["@type"] == "updateChatPermissions" and not u["permissions"]["can_send_basic_messages"],
        since=mark,
    )
    with pytest.raises(TdError):
        eve.call("sendMessage", chat_id=chat, input_message_content=text_of("may I?"))
    mark = len(eve.updates)
    banned = {"@type": "chatMemberStatusBanned", "banned_until_date": 0}
    bob.call("setChatMemberStatus", chat_id=chat, member_id=sender(eve), status=banned)
    eve.wait(
        lambda u: (
            u["@type"] == "updateSupergroup"
            and u["supergroup"]["status"]["@type"] == "chatMemberStatusBanned"
        ),
        since=mark,
    )
    mark = len(eve.updates)
    ann.send_text(chat, "not for Eve")
    bob.wait_text("not for Eve")
    with pytest.raises(TdError):
        eve.call("joinChatByInviteLink", invite_link=link["invite_link"])
    told = [u for u in eve.updates[mark:] if u["@type"] == "updateNewMessage"]
    assert told == []
    log = ann.call(
        "getChatEventLog", chat_id=chat, query="", from_event_id=0, limit=50, filters=None, user_ids=[]
    )
    kinds = [one["action"]["@type"] for one in log["events"]]
    assert "chatEventMemberRestricted" in kinds and "chatEventMemberPromoted" in kinds
    assert "chatEventMessagePinned" in kinds and "chatEventMemberJoinedByRequest" in kinds
    wanted = {"@type": "supergroupMembersFilterAdministrators"}
    found = ann.call("getSupergroupMembers", supergroup_id=number, filter=wanted, offset=0, limit=10)
    assert {one["member_id"]["user_id"] for one in found["members"]} == {ann.me["id"], bob.me["id"]}
    full = ann.call("getSupergroupFullInfo", supergroup_id=number)
    assert full["member_count"] == 2 and full["description"] == "about"
    wanted = {"@type": "supergroupMembersFilterBanned", "query": ""}
    found = ann.call("getSupergroupMembers", supergroup_id=number, filter=wanted, offset=0, limit=10)
    assert [one["member_id"]["user_id"] for one in found["members"]] == [eve.me["id"]]
    bob.call("leaveChat", chat_id=chat)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_channel_posts_and_what_was_missed(person, no_errors, version):
    ann, bob = person("1.8.69", "Ann"), person(version, "Bob")
    befriend(ann, bob)
    chat = make(ann, "News", channel=True)
    ann.call("addChatMembers", chat_id=chat, user_ids=[bob.me["id"]])
    arrive(bob, chat)
    post = ann.send_text(chat, "first news")
    heard = bob.wait_text("first news")
    assert heard["is_channel_post"]
    with pytest.raises(TdError):
        bob.call("sendMessage", chat_id=chat, input_message_content=text_of("me too"))
    mark = len(bob.updates)
    edited = {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": "first, news!"}}
    ann.call("editMessageText", chat_id=chat, message_id=post["id"], input_message_content=edited)
    bob.wait(lambda u: u["@type"] == "updateMessageContent" and u["message_id"] == heard["id"], since=mark)
    bob.call("setNetworkType", type={"@type": "networkTypeNone"})
    for number in range(300):
        ann.send_text(chat, f"missed {number}")
    mark = len(bob.updates)
    bob.call("setNetworkType", type={"@type": "networkTypeOther"})
    bob.wait_text("missed 299")
    history, at = [], 0
    while len(history) < 301:
        page = bob.call(
            "getChatHistory", chat_id=chat, from_message_id=at, offset=0, limit=100, only_local=False
        )["messages"]
        if not page:
            break
        history += [one for one in page if one["content"]["@type"] == "messageText"]
        at = page[-1]["id"]
    texts = [one["content"]["text"]["text"] for one in history]
    assert texts[:300] == [f"missed {number}" for number in reversed(range(300))]
    later = int(time.time()) + 3600
    content = {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": "tomorrow"}}
    state = {"@type": "messageSchedulingStateSendAtDate", "send_date": later}
    options = {"@type": "messageSendOptions", "scheduling_state": state}
    ann.call("sendMessage", chat_id=chat, input_message_content=content, options=options)

    def scheduled():
        found = ann.call("getChatScheduledMessages", chat_id=chat)["messages"]
        return found if found and found[0]["id"] and not found[0].get("sending_state") else None

    waiting = until_now(scheduled)
    assert [one["content"]["text"]["text"] for one in waiting] == ["tomorrow"]
    ann.call("deleteMessages", chat_id=chat, message_ids=[waiting[0]["id"]], revoke=True)
    mark = len(bob.updates)
    ann.call("deleteChat", chat_id=chat)
    bob.wait(
        lambda u: (
            u["@type"] == "updateSupergroup"
            and u["supergroup"]["status"]["@type"] in ("chatMemberStatusLeft", "chatMemberStatusBanned")
        ),
        since=mark,
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_posts_of_public_channels_in_tdlib(person, no_errors, version):
    ann, bob = person(version, "Ann"), person("1.8.69", "Bob")
    chat = make(ann, "Public", channel=True)
    ann.call(
        "setSupergroupUsername", supergroup_id=supergroup(ann, chat), username=f"tdlib_{ann.me['id'] % 10**9}"
    )
    word = f"gingerbread{ann.me['id'] % 10**9}"
    ann.send_text(chat, f"fresh {word} #tag{word}")
    limits = bob.call("getPublicPostSearchLimits", query=word)
    assert limits["is_current_query_free"]

    def posts():
        found = bob.call("searchPublicPosts", query=word, offset="", limit=10, star_count=0)
        return found if found["messages"] else None

    found = until_now(posts, pause=1.5)  # sixty in a minute are answered
    assert [one["chat_id"] for one in found["messages"]] == [chat]
    rest = bob.call("searchPublicPosts", query=word, offset=found["next_offset"], limit=10, star_count=0)
    assert rest["messages"] == [] and rest["next_offset"] == ""
    tagged = bob.call("searchPublicMessagesByTag", tag=f"#tag{word}", offset="", limit=10)
    assert [one["chat_id"] for one in tagged["messages"]] == [chat]
    assert bob.call("getSupergroup", supergroup_id=supergroup(bob, chat))["status"]["@type"] == (
        "chatMemberStatusLeft"
    )
    full = ann.call("getSupergroupFullInfo", supergroup_id=supergroup(ann, chat))
    assert not full["can_get_statistics"]


@pytest.mark.parametrize("version", VERSIONS)
def test_two_admins_and_what_they_schedule_in_tdlib(person, no_errors, daemon, version):
    """Both see what waits; who has the channel in his archive finds it among his chats when it is posted."""
    ann, bob = person(version, "Ann"), person("1.8.69", "Bob")
    befriend(ann, bob)
    chat = make(ann, "News", channel=True)
    ann.call("addChatMembers", chat_id=chat, user_ids=[bob.me["id"]])
    arrive(bob, chat)
    may = {"@type": "chatAdministratorRights", "can_manage_chat": True, "can_post_messages": True}
    ann.call(
        "setChatMemberStatus",
        chat_id=chat,
        member_id=sender(bob),
        status={"@type": "chatMemberStatusAdministrator", "rights": may, "can_be_edited": True},
    )
    bob.wait(
        lambda u: (
            u["@type"] == "updateSupergroup"
            and u["supergroup"]["status"]["@type"] == "chatMemberStatusAdministrator"
        )
    )
    mark = len(bob.updates)
    state = {"@type": "messageSchedulingStateSendAtDate", "send_date": int(time.time()) + 3000}
    content = {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": "later"}}
    options = {"@type": "messageSendOptions", "scheduling_state": state}
    ann.call("sendMessage", chat_id=chat, input_message_content=content, options=options)
    bob.wait(
        lambda u: u["@type"] == "updateChatHasScheduledMessages" and u["has_scheduled_messages"], since=mark
    )
    (waiting,) = bob.call("getChatScheduledMessages", chat_id=chat)["messages"]
    assert waiting["content"]["text"]["text"] == "later"
    told = daemon.calls().get("folders.editPeerFolders", 0) + 2
    ann.call("addChatToList", chat_id=chat, chat_list={"@type": "chatListArchive"})
    bob.call("addChatToList", chat_id=chat, chat_list={"@type": "chatListArchive"})
    daemon.wait_called("folders.editPeerFolders", told)
    mark = len(bob.updates)
    bob.call("editMessageSchedulingState", chat_id=chat, message_id=waiting["id"])
    assert ann.wait_text("later")["chat_id"] == chat
    bob.wait(
        lambda u: (
            u["@type"] == "updateChatAddedToList"
            and u["chat_id"] == chat
            and u["chat_list"]["@type"] == "chatListMain"
        ),
        since=mark,
    )
    if version == "1.8.69":
        tab = {"@type": "profileTabFiles"}
        ann.call("setSupergroupMainProfileTab", supergroup_id=supergroup(ann, chat), main_profile_tab=tab)
        full = ann.call("getSupergroupFullInfo", supergroup_id=supergroup(ann, chat))
        assert full["main_profile_tab"] == tab


def test_a_channel_is_banned_from_a_group_in_tdlib(person, no_errors):
    ann, bob = person("1.8.69", "Ann"), person("1.8.69", "Bob")
    befriend(ann, bob)
    name = ann.me["id"] % 10**9
    chat, news = make(ann, "Place"), make(bob, "Voice", channel=True)
    ann.call("setSupergroupUsername", supergroup_id=supergroup(ann, chat), username=f"place_{name}")
    bob.call("setSupergroupUsername", supergroup_id=supergroup(bob, news), username=f"voice_{name}")
    ann.call("addChatMembers", chat_id=chat, user_ids=[bob.me["id"]])
    arrive(bob, chat)
    voice = {"@type": "messageSenderChat", "chat_id": news}
    know(bob, chat)
    bob.call("setChatMessageSender", chat_id=chat, message_sender_id=voice)
    bob.send_text(chat, "buy")
    assert ann.wait_text("buy")["sender_id"] == voice
    ann.call("searchPublicChat", username=f"voice_{name}")
    ann.call("banChatMember", chat_id=chat, member_id=voice)
    banned = ann.call(
        "getSupergroupMembers",
        supergroup_id=supergroup(ann, chat),
        filter={"@type": "supergroupMembersFilterBanned", "query": ""},
        offset=0,
        limit=10,
    )
    assert [one["member_id"] for one in banned["members"]] == [voice]
    mark = len(bob.updates)
    content = {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": "buy more"}}
    bob.call("sendMessage", chat_id=chat, input_message_content=content)
    failed = bob.wait(lambda u: u["@type"].startswith("updateMessageSend"), since=mark)
    assert failed["@type"] == "updateMessageSendFailed", failed
    events = ann.call("getChatEventLog", chat_id=chat, query="", from_event_id=0, limit=5)["events"]
    assert events[0]["action"]["@type"] == "chatEventMemberRestricted"
    assert events[0]["action"]["member_id"] == voice
    status = {"@type": "chatMemberStatusLeft"}
    ann.call("setChatMemberStatus", chat_id=chat, member_id=voice, status=status)


@pytest.mark.parametrize("version", VERSIONS)
def test_reactions_lead_tdlib_nowhere(person, no_errors, version):
    """They have no pts: who asks what he missed, and has missed nothing else, hears all that comes afterwards; and they
    come with what else was missed."""
    ann, bob = person("1.8.69", "Ann"), person(version, "Bob")
    befriend(ann, bob)
    chat = make(ann, "Town")
    ann.call("addChatMembers", chat_id=chat, user_ids=[bob.me["id"]])
    arrive(bob, chat)
    first = ann.send_text(chat, "first")
    heard = bob.wait_text("first")

    def react(emoji):
        kind = {"@type": "reactionTypeEmoji", "emoji": emoji}
        ann.call(
            "addMessageReaction",
            chat_id=chat,
            message_id=first["id"],
            reaction_type=kind,
            is_big=False,
            update_recent_reactions=False,
        )

    react("👍")
    for _ in range(3):  # each time it asks what it has missed
        bob.call("openChat", chat_id=chat)
        time.sleep(0.1)
        bob.call("closeChat", chat_id=chat)
    for number in range(4):
        ann.send_text(chat, f"after {number}")
    for number in range(4):
        bob.wait_text(f"after {number}")
    folder = bob.folder
    bob.close()
    react("❤")
    ann.send_text(chat, "away")
    again = bob.library.client(folder, bob.proxy)
    try:
        again.start()
        again.wait_text("away")
        seen = again.call("getMessage", chat_id=chat, message_id=heard["id"])
        (reaction,) = seen["interaction_info"]["reactions"]["reactions"]
        assert reaction["type"]["emoji"] == "❤"
    finally:
        again.close()


def told_of(daemon, client, say):
    """The message `say` sends, which `client` hears of by itself; not because it has asked, as it does twice a minute
    (that may fall between, but not three times)."""
    for number in range(3):
        asked = daemon.calls()["updates.getChannelDifference"]
        text = say(number)
        heard = client.wait_text(text)
        if daemon.calls()["updates.getChannelDifference"] == asked:
            return heard
    raise AssertionError("it hears only when it asks")


def test_who_only_looks_hears_at_once(daemon, person, no_errors):
    """Bob has a public channel open, then the comments on a post of it, and is in neither; TDLib asks twice a minute."""
    ann, bob = person("1.8.69", "Ann"), person("1.8.46", "Bob")
    name = f"looks_{ann.me['id'] % 10**9}"
    news, talk = make(ann, "News", channel=True), make(ann, "Talk")
    ann.call("setSupergroupUsername", supergroup_id=supergroup(ann, news), username=name)
    know(ann, news)
    ann.call("setChatDiscussionGroup", chat_id=news, discussion_chat_id=talk)
    know(ann, news)
    ann.send_text(news, "first")
    assert bob.call("searchPublicChat", username=name)["id"] == news
    asked = daemon.calls().get("updates.getChannelDifference", 0)
    bob.call("openChat", chat_id=news)
    bob.call("getChatHistory", chat_id=news, from_message_id=0, offset=0, limit=10, only_local=False)
    daemon.wait_called("updates.getChannelDifference", asked + 1)
    heard = told_of(
        daemon, bob, lambda number: ann.send_text(news, f"second {number}") and f"second {number}"
    )

    def opened():
        try:
            return bob.call("getMessageThread", chat_id=news, message_id=heard["id"])
        except TdError as error:  # the copy in the group is a moment behind
            assert "MSG_ID_INVALID" in str(error)
            return None

    thread = until_now(opened)
    assert thread["chat_id"] == talk
    before = daemon.calls()["updates.getChannelDifference"]
    bob.call("openChat", chat_id=talk)
    asked = {"chat_id": talk, "message_id": thread["message_thread_id"]}
    assert (
        bob.call("getMessageThreadHistory", from_message_id=0, offset=0, limit=10, **asked)["messages"] == []
    )
    daemon.wait_called("updates.getChannelDifference", before + 1)
    said = []

    def comment(number):
        where = {"@type": "inputMessageReplyToMessage", "message_id": thread["message_thread_id"]}
        said.append(f"a comment {number}")
        ann.call("sendMessage", chat_id=talk, reply_to=where, input_message_content=text_of(said[-1]))
        return said[-1]

    assert told_of(daemon, bob, comment)["chat_id"] == talk
    history = bob.call("getMessageThreadHistory", from_message_id=0, offset=0, limit=10, **asked)["messages"]
    assert len(history) == len(said)
