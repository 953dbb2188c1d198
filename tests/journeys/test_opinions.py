"""Reactions and polls through real clients: Telethon, Kurigram, TDLib of today and of layer 200."""

from __future__ import annotations

import pytest
import telethon
from pyrogram import enums
from pyrogram import types as kt
from telethon import errors
from telethon.tl import functions as f
from telethon.tl import types as t

from tests.journeys.people import kurigram_client, kurigram_sign_up, telethon_person
from tests.journeys.tdlib import VERSIONS, TdError, befriend
from tests.journeys.test_groups import known
from tests.journeys.test_telethon import meet
from tests.waiting import until, until_now

LIKE, FIRE = t.ReactionEmoji("👍"), t.ReactionEmoji("🔥")


def updates_of(client, kind):
    """Updates of one kind as they come."""
    seen = []

    async def on_raw(update):
        if isinstance(update, kind):
            seen.append(update)

    client.add_event_handler(on_raw, telethon.events.Raw())
    return seen


def words(text):
    return t.TextWithEntities(text, [])


def tea(**more):
    answers = [t.PollAnswer(words(text), option) for text, option in (("yes", b"y"), ("no", b"n"))]
    return t.Poll(id=0, question=words("Tea?"), answers=answers, hash=0, **more)


async def group_of(ann, *others):
    users = [await known(ann, one) for one in others]
    made = await ann(f.messages.CreateChatRequest(users, "Opinions"))
    return made.updates.chats[0].id


@pytest.mark.asyncio
async def test_reactions_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
        telethon_person(daemon, new_phone(), "Eve") as eve,
    ):
        await meet(ann, bob)
        ann_saw, eve_saw = (
            updates_of(ann, t.UpdateMessageReactions),
            updates_of(eve, t.UpdateMessageReactions),
        )
        chat = await group_of(ann, bob, eve)
        sent = await ann.send_message(-chat, "how is it?")
        his = (await until(lambda: [m for m in bob.heard if m.raw_text == "how is it?"]))[0]
        await until(lambda: [m for m in eve.heard if m.raw_text == "how is it?"])
        await bob(f.messages.SendReactionRequest(t.InputPeerChat(chat), his.id, reaction=[LIKE]))
        told = (await until(lambda: ann_saw))[0]
        assert told.msg_id == sent.id and told.reactions.results[0].count == 1
        assert told.reactions.recent_reactions[0].unread
        assert (await until(lambda: eve_saw))[0].reactions.results[0].reaction == LIKE
        dialog = (await ann.get_dialogs())[0]
        assert dialog.dialog.unread_reactions_count == 1
        await ann(f.messages.ReadReactionsRequest(t.InputPeerChat(chat)))
        dialog = (await ann.get_dialogs())[0]
        assert dialog.dialog.unread_reactions_count == 0
        # Eve was away when it changed
        await eve.disconnect()
        await bob(f.messages.SendReactionRequest(t.InputPeerChat(chat), his.id, reaction=[FIRE]))
        eve_saw.clear()
        await eve.connect()
        await eve.catch_up()
        assert (await until(lambda: eve_saw))[-1].reactions.results[0].reaction == FIRE
        message = await ann.get_messages(-chat, ids=sent.id)
        assert [(one.reaction, one.count) for one in message.reactions.results] == [(FIRE, 1)]
        listed = await ann(
            f.messages.GetMessageReactionsListRequest(t.InputPeerChat(chat), sent.id, limit=10)
        )
        assert [one.peer_id.user_id for one in listed.reactions] == [bob.me.id]
        with pytest.raises(errors.ReactionInvalidError):
            await bob(
                f.messages.SendReactionRequest(t.InputPeerChat(chat), his.id, reaction=[t.ReactionEmoji("x")])
            )
        some = t.ChatReactionsSome([LIKE])
        await ann(f.messages.SetChatAvailableReactionsRequest(t.InputPeerChat(chat), some))
        with pytest.raises(errors.ReactionInvalidError):
            await eve(f.messages.SendReactionRequest(t.InputPeerChat(chat), his.id, reaction=[FIRE]))
        full = await bob(f.messages.GetFullChatRequest(chat))
        assert full.full_chat.available_reactions == some
        await bob(f.messages.SendReactionRequest(t.InputPeerChat(chat), his.id, reaction=None))
        await until(lambda: not ann_saw[-1].reactions.results)


@pytest.mark.asyncio
async def test_polls_in_telethon(daemon, new_phone):
    async with (
        telethon_person(daemon, new_phone(), "Ann") as ann,
        telethon_person(daemon, new_phone(), "Bob") as bob,
        telethon_person(daemon, new_phone(), "Eve") as eve,
    ):
        await meet(ann, bob)
        ann_saw = updates_of(ann, t.UpdateMessagePoll)
        chat = await group_of(ann, bob, eve)
        poll = t.InputMediaPoll(tea(public_voters=True))
        sent = await ann.send_file(-chat, poll)
        assert sent.poll.poll.question.text == "Tea?"
        his = (await until(lambda: [m for m in bob.heard if m.poll]))[0]
        await bob(f.messages.SendVoteRequest(t.InputPeerChat(chat), his.id, [b"y"]))
        assert (await until(lambda: ann_saw))[-1].results.total_voters == 1
        voted = await bob.get_messages(-chat, ids=his.id)
        assert [(one.voters, bool(one.chosen)) for one in voted.poll.results.results] == [
            (1, True),
            (0, False),
        ]
        await bob.forward_messages(-chat, his)
        copy = (await until(lambda: [m for m in eve.heard if m.poll and m.fwd_from]))[0]
        await eve(f.messages.SendVoteRequest(t.InputPeerChat(chat), copy.id, [b"n"]))
        results = await ann(f.messages.GetPollResultsRequest(t.InputPeerChat(chat), sent.id, 0))
        assert results.updates[0].results.total_voters == 2
        await ann(f.messages.SendVoteRequest(t.InputPeerChat(chat), sent.id, [b"y"]))
        votes = await ann(f.messages.GetPollVotesRequest(t.InputPeerChat(chat), sent.id, 10, option=b"y"))
        assert {one.peer.user_id for one in votes.votes} == {ann.me.id, bob.me.id}
        closed = t.InputMediaPoll(
            t.Poll(id=sent.poll.poll.id, question=words(""), answers=[], hash=0, closed=True)
        )
        await ann.edit_message(-chat, sent.id, file=closed)
        with pytest.raises(errors.MessagePollClosedError):
            await bob(f.messages.SendVoteRequest(t.InputPeerChat(chat), his.id, [b"n"]))
        assert (await eve.get_messages(-chat, ids=copy.id)).poll.poll.closed


@pytest.mark.asyncio
async def test_opinions_in_kurigram(daemon, new_phone, folder):
    client = kurigram_client(daemon, folder, "kay")
    await kurigram_sign_up(client, daemon, new_phone(), "Kay")
    try:
        async with telethon_person(daemon, new_phone(), "Tom") as tom:
            contact = t.InputPhoneContact(1, "+" + client.me.phone_number, "Kay", "")
            kay = (await tom(f.contacts.ImportContactsRequest([contact]))).users[0]
            saw = updates_of(tom, t.UpdateMessageReactions)
            await tom.send_message(kay, "hi Kay")
            his = None
            while his is None:
                dialogs = [one.chat async for one in client.get_dialogs()]
                his = next((one for one in dialogs if one.id == tom.me.id), None)
            message = await anext(client.get_chat_history(his.id))
            assert await client.send_reaction(his.id, message.id, emoji="❤️")
            assert (await until(lambda: saw))[0].reactions.results[0].reaction.emoticon == "❤"
            message = await client.get_messages(his.id, message.id)
            assert message.reactions.reactions[0].emoji == "❤"
            assert await client.send_reaction(his.id, message.id)
            await until(lambda: not saw[-1].reactions.results)
            options = [kt.InputPollOption(text=text) for text in ("yes", "no")]
            asked = await client.send_poll(
                his.id,
                "Tea?",
                options,
                type=enums.PollType.QUIZ,
                correct_option_ids=[1],
            )
            got = (await until(lambda: [m for m in tom.heard if m.poll]))[0]
            assert not any(one.correct for one in got.poll.results.results)
            option = got.poll.poll.answers[1].option
            answer = await tom(f.messages.SendVoteRequest(kay, got.id, [option]))
            results = answer.updates[0].results
            assert results.results[1].correct
            with pytest.raises(errors.RevoteNotAllowedError):
                await tom(f.messages.SendVoteRequest(kay, got.id, []))
            poll = await client.vote_poll(his.id, asked.id, 0)
            assert poll.total_voter_count == 2 and poll.chosen_option_ids == [0]
            assert (await client.stop_poll(his.id, asked.id)).is_closed
            with pytest.raises(errors.MessageAuthorRequiredError):
                await tom.edit_message(
                    kay,
                    got.id,
                    file=t.InputMediaPoll(t.Poll(id=0, question=words(""), answers=[], hash=0, closed=True)),
                )
    finally:
        await client.stop()


def formatted(text):
    return {"@type": "formattedText", "text": text}


def ask(client, chat, version, *, quiz=None, **more):
    """Send a poll and wait until the server has it."""
    texts = [formatted(text) for text in ("yes", "no", "maybe")]
    kind = {"@type": "pollTypeRegular", "allow_multiple_answers": more.pop("multiple", False)}
    if version == "1.8.46":
        options = texts
        if quiz is not None:
            kind = {"@type": "pollTypeQuiz", "correct_option_id": quiz, "explanation": formatted("Just so")}
    else:
        options = [{"@type": "inputPollOption", "text": text} for text in texts]
        more["allows_multiple_answers"] = kind["allow_multiple_answers"]
        more["allows_revoting"] = quiz is None
        kind = {"@type": "inputPollTypeRegular"}
        if quiz is not None:
            kind = {
                "@type": "inputPollTypeQuiz",
                "correct_option_ids": [quiz],
                "explanation": formatted("Just so"),
            }
    content = {
        "@type": "inputMessagePoll",
        "question": formatted("Tea?"),
        "options": options,
        "is_anonymous": True,
        "type": kind,
        **more,
    }
    mark = len(client.updates)
    draft = client.call("sendMessage", chat_id=chat, input_message_content=content)
    done = client.wait(
        lambda u: (
            u["@type"] in ("updateMessageSendSucceeded", "updateMessageSendFailed")
            and u["old_message_id"] == draft["id"]
        ),
        since=mark,
    )
    assert done["@type"] == "updateMessageSendSucceeded", done
    return done["message"]


def wait_poll(client, since=0):
    """The first message with a poll that comes."""
    found = client.wait(
        lambda u: (
            u["@type"] == "updateNewMessage"
            and u["message"]["content"]["@type"] == "messagePoll"
            and not u["message"]["is_outgoing"]
        ),
        since=since,
    )
    return found["message"]


def poll_now(client, message):
    found = client.call("getMessage", chat_id=message["chat_id"], message_id=message["id"])
    return found["content"]["poll"]


def voters_of(poll):
    return [one["voter_count"] for one in poll["options"]]


@pytest.mark.parametrize("version", VERSIONS)
def test_reactions_in_tdlib(person, no_errors, version):
    ann, bob, eve = person(version, "Ann"), person(version, "Bob"), person("1.8.69", "Eve")
    befriend(ann, bob)
    befriend(ann, eve)
    made = ann.call(
        "createNewBasicGroupChat", user_ids=[bob.me["id"], eve.me["id"]], title="Reacting", timeout=30
    )
    chat = made["chat_id"] if "chat_id" in made else made["id"]
    sent = ann.send_text(chat, "how is it?")
    his = bob.wait_text("how is it?")
    eve.wait_text("how is it?")

    def offered():
        asked = {"chat_id": chat, "message_id": his["id"], "row_size": 8}
        return bob.call("getMessageAvailableReactions", **asked)["top_reactions"]

    assert len(until_now(offered)) > 10  # until his TDLib has heard what the group allows
    mark, eves = len(ann.updates), len(eve.updates)
    like = {"@type": "reactionTypeEmoji", "emoji": "👍"}
    bob.call(
        "addMessageReaction",
        chat_id=chat,
        message_id=his["id"],
        reaction_type=like,
        update_recent_reactions=True,
    )

    def reacted(update):
        info = update.get("interaction_info") or {}
        return update["@type"] == "updateMessageInteractionInfo" and bool(
            (info.get("reactions") or {}).get("reactions")
        )

    eve.wait(reacted, since=eves)
    unread = ann.wait(lambda u: u["@type"] == "updateMessageUnreadReactions", since=mark)
    assert unread["message_id"] == sent["id"] and unread["unread_reaction_count"] == 1
    assert ann.call("getChat", chat_id=chat)["unread_reaction_count"] == 1
    waiting = ann.call(
        "searchChatMessages",
        chat_id=chat,
        query="",
        from_message_id=0,
        offset=0,
        limit=10,
        filter={"@type": "searchMessagesFilterUnreadReaction"},
    )
    assert [one["id"] for one in waiting["messages"]] == [sent["id"]]
    added = ann.call(
        "getMessageAddedReactions",
        chat_id=chat,
        message_id=sent["id"],
        reaction_type=None,
        offset="",
        limit=10,
    )
    assert added["total_count"] == 1
    assert added["reactions"][0]["sender_id"]["user_id"] == bob.me["id"]
    ann.call("openChat", chat_id=chat)
    mark = len(ann.updates)
    ann.call("viewMessages", chat_id=chat, message_ids=[sent["id"]], force_read=True)
    ann.wait(
        lambda u: (
            (u["@type"] == "updateChatUnreadReactionCount" and u["unread_reaction_count"] == 0)
            or (u["@type"] == "updateMessageUnreadReactions" and u["unread_reaction_count"] == 0)
        ),
        since=mark,
    )
    ann.call("readAllChatReactions", chat_id=chat)
    mark = len(ann.updates)
    bob.call("removeMessageReaction", chat_id=chat, message_id=his["id"], reaction_type=like)
    ann.wait(lambda u: u["@type"] == "updateMessageInteractionInfo" and not reacted(u), since=mark)
    ann.call(
        "setChatAvailableReactions",
        chat_id=chat,
        available_reactions={
            "@type": "chatAvailableReactionsSome",
            "reactions": [{"@type": "reactionTypeEmoji", "emoji": "🔥"}],
            "max_reaction_count": 11,
        },
    )
    bob.wait(lambda u: u["@type"] == "updateChatAvailableReactions" and u["chat_id"] == chat)
    bob.call("setDefaultReactionType", reaction_type={"@type": "reactionTypeEmoji", "emoji": "🔥"})
    bob.call("clearRecentReactions")


@pytest.mark.parametrize("version", VERSIONS)
def test_polls_in_tdlib(person, no_errors, version):
    ann, bob, eve = person(version, "Ann"), person(version, "Bob"), person("1.8.69", "Eve")
    befriend(ann, bob)
    befriend(ann, eve)
    made = ann.call("createNewBasicGroupChat", user_ids=[bob.me["id"], eve.me["id"]], title="Voting")
    chat = made["chat_id"] if "chat_id" in made else made["id"]
    sent = ask(ann, chat, version, is_anonymous=False, multiple=True)
    his, hers = wait_poll(bob), wait_poll(eve)
    for client in (ann, bob, eve):
        client.call("openChat", chat_id=chat)
    mark = len(ann.updates)
    bob.call("setPollAnswer", chat_id=chat, message_id=his["id"], option_ids=[0, 2])
    eve.call("setPollAnswer", chat_id=chat, message_id=hers["id"], option_ids=[2])
    assert voters_of(poll_now(bob, his)) in ([1, 0, 1], [1, 0, 2])
    ann.call("setPollAnswer", chat_id=chat, message_id=sent["id"], option_ids=[1])
    poll = poll_now(ann, sent)
    assert voters_of(poll) == [1, 1, 2] and poll["total_voter_count"] == 3
    assert [one["is_chosen"] for one in poll["options"]] == [False, True, False]
    voters = ann.call("getPollVoters", chat_id=chat, message_id=sent["id"], option_id=2, offset=0, limit=10)
    found = voters.get("voters") or voters.get("senders")
    names = {(one.get("voter_id") or one)["user_id"] for one in found}
    assert voters["total_count"] == 2 and names == {bob.me["id"], eve.me["id"]}
    bob.call("setPollAnswer", chat_id=chat, message_id=his["id"], option_ids=[])
    poll = poll_now(bob, his)
    assert not any(one["is_chosen"] for one in poll["options"]) and poll["total_voter_count"] == 2
    mark = len(bob.updates)
    ann.call("stopPoll", chat_id=chat, message_id=sent["id"])
    assert poll_now(ann, sent)["is_closed"]
    bob.wait(
        lambda u: (
            u["@type"] == "updateMessageContent"
            and u["message_id"] == his["id"]
            and u["new_content"]["poll"]["is_closed"]
        ),
        since=mark,
    )
    with pytest.raises(TdError):
        bob.call("setPollAnswer", chat_id=chat, message_id=his["id"], option_ids=[1])
    mark = len(bob.updates)
    quiz = ask(ann, chat, version, quiz=1, open_period=60)
    asked = wait_poll(bob, mark)
    before = poll_now(bob, asked)["type"]
    assert before.get("correct_option_id", -1) == -1 and not before.get("correct_option_ids")
    bob.call("setPollAnswer", chat_id=chat, message_id=asked["id"], option_ids=[1])
    after = poll_now(bob, asked)
    assert after["type"].get("correct_option_ids", [after["type"].get("correct_option_id")]) == [1]
    assert after["type"]["explanation"]["text"] == "Just so"
    assert after["open_period"] == (60 if version == "1.8.69" else 0)  # the older one gives it to bots alone
    assert poll_now(ann, quiz)["total_voter_count"] in (0, 1)
