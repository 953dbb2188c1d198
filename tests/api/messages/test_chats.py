"""Basic groups over the real handlers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.talk import Person, talk
from tgserve.store.check import check_store
from tgserve.tl import types as t
from tgserve.tl.functions import messages, updates


def user(person: Person, other: Person) -> t.InputUser:
    return t.InputUser(user_id=other.id, access_hash=person.c.services.views.user_hash(person.id, other.id))


async def group(creator: Person, *others: Person, title: str = "Friends") -> int:
    """A new group; its peer number."""
    made = await creator(messages.CreateChat(users=[user(creator, one) for one in others], title=title))
    assert made.missing_invitees == []
    return -made.updates.chats[0].id


def sound(c: Any) -> None:
    assert check_store(c.store).problems == []


async def kick(admin: Person, chat: int, other: Person, **more: Any) -> Any:
    request = messages.DeleteChatUser(chat_id=-chat, user_id=user(admin, other), **more)
    return await admin(request)


async def add(admin: Person, chat: int, other: Person, fwd_limit: int = 0) -> Any:
    return await admin(messages.AddChatUser(chat_id=-chat, user_id=user(admin, other), fwd_limit=fwd_limit))


def test_a_new_group() -> None:
    """CLIENTS A.12: updateMessageID beside the one service message; A.13: no pts in the dialog."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            made = await ann(
                messages.CreateChat(users=[user(ann, bob), user(ann, eve)], title=" Our  group ")
            )
            kinds = [type(one) for one in made.updates.updates]
            assert kinds == [t.UpdateMessageID, t.UpdateChatParticipants, t.UpdateNewMessage]
            message = made.updates.updates[2].message
            assert made.updates.updates[0].id == message.id
            assert message.action == t.MessageActionChatCreate(
                title="Our  group", users=[ann.id, bob.id, eve.id]
            )
            (chat,) = made.updates.chats
            assert (chat.title, chat.creator, chat.participants_count, chat.version) == (
                "Our group",
                True,
                3,
                1,
            )
            assert {one.id for one in made.updates.users} == {ann.id, bob.id, eve.id}
            peer = -chat.id
            for one in (bob, eve):
                (seen,) = await one.history(peer)
                assert seen.from_id == t.PeerUser(user_id=ann.id) and not seen.out
                line = await one.line(peer)
                assert (line.unread_count, line.pts, line.peer) == (1, None, t.PeerChat(chat_id=-peer))
            full = await bob(messages.GetFullChat(chat_id=-peer))
            assert [type(one) for one in full.full_chat.participants.participants] == [
                t.ChatParticipantCreator,
                t.ChatParticipant,
                t.ChatParticipant,
            ]
            assert full.full_chat.exported_invite is None
            mine = await ann(messages.GetFullChat(chat_id=-peer))
            assert mine.full_chat.exported_invite.link.startswith("https://t.me/+")
            sound(c)

    run(story())


def test_talking_in_a_group() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            await bob.send(bob, "note")
            chat = await group(ann, bob, eve)
            await ann.send(chat, "hello all")
            mine = await bob.send(chat, "hello Ann", reply_to=t.InputReplyToMessage(reply_to_msg_id=3))
            for one in (ann, bob, eve):
                assert (await one.texts(chat))[:2] == ["hello Ann", "hello all"]
                answer, asked, _ = await one.history(chat)
                assert answer.reply_to.reply_to_msg_id == asked.id
                assert answer.out == (one is bob)
            assert [m.mentioned for m in await ann.history(chat)] == [True, False, False]
            assert (await ann.line(chat)).unread_mentions_count == 1
            assert not any(m.mentioned for m in await eve.history(chat))
            edit = messages.EditMessage(peer=bob.peer(chat), id=mine, message="hello, Ann!")
            await bob(edit)
            assert (await eve.texts(chat))[0] == "hello, Ann!"
            await refused(
                "MESSAGE_AUTHOR_REQUIRED",
                eve,
                messages.EditMessage(peer=eve.peer(chat), id=3, message="mine"),
            )
            missed = await eve.device(1)(updates.GetDifference(pts=1, date=1, qts=1))
            assert [one.message for one in missed.new_messages[1:]] == ["hello all", "hello, Ann!"]
            assert [one.id for one in missed.chats] == [-chat]
            await bob(messages.DeleteMessages(id=[mine], revoke=True))
            for one in (ann, bob, eve):
                assert await one.texts(chat) == ["hello all"]
            assert (await ann.line(chat)).unread_mentions_count == 0
            sound(c)

    run(story())


def test_read_marks_are_the_most_that_anybody_read() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob, eve)
            first, second = await ann.send(chat, "1"), await ann.send(chat, "2")
            heights = messages.ReadHistory
            await bob(heights(peer=bob.peer(chat), max_id=2))
            assert (await ann.line(chat)).read_outbox_max_id == first
            c.clock.advance(5)
            await eve(heights(peer=eve.peer(chat), max_id=0))
            assert (await ann.line(chat)).read_outbox_max_id == second
            ask = messages.GetMessageReadParticipants
            readers = await ann(ask(peer=ann.peer(chat), msg_id=first))
            assert {one.user_id for one in readers} == {bob.id, eve.id}
            (only,) = await ann(ask(peer=ann.peer(chat), msg_id=second))
            assert (only.user_id, only.date) == (eve.id, int(c.clock.now()))
            await refused("MESSAGE_ID_INVALID", bob, ask(peer=bob.peer(chat), msg_id=2))
            sound(c)

    run(story())


def test_6_2_a_stranger_learns_nothing() -> None:
    """SECURITY 6.2: ids of groups carry no hash; strangers get the same for those that exist and those that do not."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob)
            await ann.send(chat, "secret")
            for number in (-chat, 4711):
                peer = t.InputPeerChat(chat_id=number)
                me = t.InputUserSelf()
                history = messages.GetHistory(
                    peer=peer, offset_id=0, offset_date=0, add_offset=0, limit=9, max_id=0, min_id=0, hash=0
                )
                for request in (
                    history,
                    messages.SendMessage(peer=peer, message="x", random_id=1),
                    messages.GetFullChat(chat_id=number),
                    messages.AddChatUser(chat_id=number, user_id=me, fwd_limit=9),
                    messages.DeleteChatUser(chat_id=number, user_id=user(eve, ann)),
                    messages.EditChatTitle(chat_id=number, title="mine"),
                    messages.EditChatAbout(peer=peer, about="mine"),
                    messages.ExportChatInvite(peer=peer),
                    messages.ReadHistory(peer=peer, max_id=0),
                    messages.SetTyping(peer=peer, action=t.SendMessageTypingAction()),
                    messages.GetPeerDialogs(peers=[t.InputDialogPeer(peer=peer)]),
                    messages.DeleteChat(chat_id=number),
                    messages.MigrateChat(chat_id=number),
                    messages.GetChatInviteImporters(
                        peer=peer, offset_date=0, offset_user=t.InputUserEmpty(), limit=9
                    ),
                ):
                    await refused("CHAT_ID_INVALID", eve, request)
                found = await eve(messages.GetChats(id=[number]))
                assert found.chats == [t.ChatEmpty(id=number)]

    run(story())


def test_6_2_who_was_removed_hears_nothing_more() -> None:
    """SECURITY 6.2, 6.3: from the very next update."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob, eve)
            mine = await ann.send(chat, "before")
            await kick(ann, chat, bob)
            told = len([one for one in c.heard if getattr(one, "user_id", 0) == bob.id])
            await ann.send(chat, "after")
            await ann(messages.EditMessage(peer=ann.peer(chat), id=mine, message="changed since"))
            await ann(messages.EditChatTitle(chat_id=-chat, title="New name"))
            await eve(messages.ReadHistory(peer=eve.peer(chat), max_id=0))
            assert len([one for one in c.heard if getattr(one, "user_id", 0) == bob.id]) == told
            left = await bob.history(chat)
            assert isinstance(left[0].action, t.MessageActionChatDeleteUser)
            assert [one.message for one in left if isinstance(one, t.Message)] == []
            found = await bob(messages.GetChats(id=[-chat]))
            assert found.chats == [t.ChatForbidden(id=-chat, title="Friends")]
            full = await bob(messages.GetFullChat(chat_id=-chat))
            assert isinstance(full.full_chat.participants, t.ChatParticipantsForbidden) and not full.users
            for request in (
                messages.SendMessage(peer=bob.peer(chat), message="x", random_id=1),
                messages.AddChatUser(chat_id=-chat, user_id=t.InputUserSelf(), fwd_limit=9),
                messages.EditChatTitle(chat_id=-chat, title="mine"),
                messages.SetTyping(peer=bob.peer(chat), action=t.SendMessageTypingAction()),
                messages.ExportChatInvite(peer=bob.peer(chat)),
            ):
                await refused("CHAT_FORBIDDEN", bob, request)
            sound(c)
            await add(ann, chat, bob)
            await eve.send(chat, "welcome back")
            assert (await bob.texts(chat))[0] == "welcome back"
            assert (await bob(messages.GetChats(id=[-chat]))).chats[0].title == "New name"
            sound(c)

    run(story())


def test_leaving_and_coming_back() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob, eve)
            await bob(messages.DeleteChatUser(chat_id=-chat, user_id=t.InputUserSelf()))
            (left,) = (await bob(messages.GetChats(id=[-chat]))).chats
            assert left.left and left.participants_count == 0
            await ann.send(chat, "gone?")
            back = await bob(messages.AddChatUser(chat_id=-chat, user_id=t.InputUserSelf(), fwd_limit=9))
            assert back.updates.updates[-1].message.action == t.MessageActionChatAddUser(users=[bob.id])
            await bob.send(chat, "here again")
            assert await bob.texts(chat) == ["here again"]
            assert (await ann.texts(chat))[0] == "here again"
            assert await bob(messages.DeleteHistory(peer=bob.peer(chat), max_id=0)) is not None
            sound(c)

    run(story())


def test_newcomers_get_the_latest_messages() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob)
            for text in ("1", "2", "3"):
                await (ann if text == "2" else bob).send(chat, text)
            await add(ann, chat, eve, fwd_limit=2)
            seen = await eve.history(chat)
            assert [getattr(one, "message", None) for one in seen] == [None, "3", "2"]
            assert seen[0].action == t.MessageActionChatAddUser(users=[eve.id])
            sound(c)
            ids = [one.id for one in await ann.history(chat)]
            await ann(messages.DeleteMessages(id=ids))
            await bob(messages.DeleteHistory(peer=bob.peer(chat), max_id=0))
            assert await eve.texts(chat) == ["3", "2"]
            sound(c)
            await refused(
                "USER_ALREADY_PARTICIPANT",
                ann,
                messages.AddChatUser(chat_id=-chat, user_id=user(ann, eve), fwd_limit=0),
            )

    run(story())


def test_6_3_rights() -> None:
    """SECURITY 6.3: what plain members, admins and the creator may do."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, dan)):
            chat = await group(ann, bob, eve)
            mine = await ann.send(chat, "keep")
            peer = t.InputPeerChat(chat_id=-chat)
            rights = messages.EditChatDefaultBannedRights
            banned = t.ChatBannedRights(send_messages=True, change_info=True, invite_users=True, until_date=0)
            for request in (
                rights(peer=peer, banned_rights=banned),
                messages.EditChatAdmin(chat_id=-chat, user_id=user(bob, bob), is_admin=True),
                messages.DeleteChatUser(chat_id=-chat, user_id=user(bob, eve)),
                messages.DeleteChatUser(chat_id=-chat, user_id=user(bob, ann)),
                messages.ExportChatInvite(peer=peer),
                messages.ToggleNoForwards(peer=peer, enabled=True),
                messages.DeleteChat(chat_id=-chat),
            ):
                await refused("CHAT_ADMIN_REQUIRED", bob, request)
            await refused("MESSAGE_DELETE_FORBIDDEN", bob, messages.DeleteMessages(id=[2], revoke=True))
            await bob(messages.EditChatTitle(chat_id=-chat, title="as all may"))
            await ann(rights(peer=peer, banned_rights=banned))
            (event,) = [one for one in c.heard if getattr(one, "user_id", 0) == eve.id][-1:]
            assert event.event.what == "rights"
            await refused(
                "CHAT_WRITE_FORBIDDEN", bob, messages.SendMessage(peer=peer, message="x", random_id=1)
            )
            await refused("CHAT_ADMIN_REQUIRED", bob, messages.EditChatTitle(chat_id=-chat, title="mine"))
            invite = messages.AddChatUser(chat_id=-chat, user_id=user(bob, dan), fwd_limit=0)
            await refused("CHAT_ADMIN_REQUIRED", bob, invite)
            await ann(messages.EditChatAdmin(chat_id=-chat, user_id=user(ann, bob), is_admin=True))
            assert (await bob(messages.GetChats(id=[-chat]))).chats[0].admin_rights is not None
            await bob.send(chat, "as admin")
            await bob(invite)
            await bob(messages.DeleteMessages(id=[2], revoke=True))
            assert isinstance(
                (await ann(messages.GetMessages(id=[t.InputMessageID(id=mine)]))).messages[0], t.MessageEmpty
            )
            await kick(bob, chat, eve)
            await refused(
                "CHAT_ADMIN_REQUIRED", bob, messages.DeleteChatUser(chat_id=-chat, user_id=user(bob, ann))
            )
            sound(c)

    run(story())


def test_6_3_forwards_may_be_forbidden() -> None:
    """SECURITY 6.3: noforwards."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            chat = await group(ann, bob)
            await ann.send(chat, "ours")
            forward = messages.ForwardMessages(
                from_peer=bob.peer(chat), id=[2], to_peer=bob.peer(bob), random_id=[5]
            )
            await bob(forward)
            (saved,) = await bob.history(bob)
            assert saved.fwd_from.saved_from_peer == t.PeerChat(chat_id=-chat)
            await ann(messages.ToggleNoForwards(peer=ann.peer(chat), enabled=True))
            forward.random_id = [6]
            await refused("CHAT_FORWARDS_RESTRICTED", bob, forward)
            sound(c)

    run(story())


def test_removed_with_all_he_said() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob, eve)
            await bob.send(chat, "spam")
            await eve.send(chat, "fine")
            await kick(ann, chat, bob, revoke_history=True)
            for one in (ann, eve):
                texts = [getattr(m, "message", None) for m in await one.history(chat)]
                assert texts == [None, "fine", None]
            sound(c)

    run(story())


def test_a_group_that_is_deleted() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob, eve)
            for number in range(5):
                await bob.send(chat, str(number))
            await ann(messages.DeleteChat(chat_id=-chat))
            for one in (ann, bob, eve):
                assert await one.history(chat) == []
                assert (await one(messages.GetChats(id=[-chat]))).chats == [
                    t.ChatForbidden(id=-chat, title="Friends")
                ]
            await refused(
                "CHAT_FORBIDDEN", bob, messages.SendMessage(peer=bob.peer(chat), message="x", random_id=9)
            )
            sound(c)
            report = check_store(c.store)
            assert report.by_keyspace.get("invites", 0) == 0

    run(story())


def test_titles_and_abouts() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            await refused("CHAT_TITLE_EMPTY", ann, messages.CreateChat(users=[user(ann, bob)], title=" \n"))
            chat = await group(ann, bob)
            answer = await ann(messages.EditChatTitle(chat_id=-chat, title="Other"))
            assert answer.updates[-1].message.action == t.MessageActionChatEditTitle(title="Other")
            await refused("CHAT_NOT_MODIFIED", ann, messages.EditChatTitle(chat_id=-chat, title="Other"))
            await ann(messages.EditChatAbout(peer=ann.peer(chat), about="what for"))
            assert (await bob(messages.GetFullChat(chat_id=-chat))).full_chat.about == "what for"
            again = messages.EditChatAbout(peer=ann.peer(chat), about="what for")
            await refused("CHAT_ABOUT_NOT_MODIFIED", ann, again)
            long = messages.EditChatAbout(peer=ann.peer(chat), about="x" * 300)
            await refused("CHAT_ABOUT_TOO_LONG", ann, long)
            common = await ann(messages.GetCommonChats(user_id=user(ann, bob), max_id=0, limit=10))
            assert [one.title for one in common.chats] == ["Other"]
            await refused("CHAT_ADMIN_REQUIRED", bob, messages.MigrateChat(chat_id=-chat))

    run(story())


def test_who_does_not_want_to_be_added() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            await c.services.privacy.set_rules(bob.id, "chat_invite", (("disallow_all", ()),))
            made = await ann(messages.CreateChat(users=[user(ann, bob), user(ann, eve)], title="We"))
            assert [one.user_id for one in made.missing_invitees] == [bob.id]
            chat = -made.updates.chats[0].id
            assert made.updates.chats[0].participants_count == 2
            answer = await add(ann, chat, bob)
            assert [one.user_id for one in answer.missing_invitees] == [bob.id]
            assert answer.updates.updates == []

    run(story())


def test_mentions_wait_to_be_seen() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            await c.services.names.set_username(bob.id, "bobby")
            chat = await group(ann, bob, eve)
            await ann.send(chat, "you there, @bobby?")
            named = t.InputMessageEntityMentionName(offset=0, length=3, user_id=user(ann, bob))
            await ann.send(chat, "Bob!", entities=[named])
            await eve.send(chat, "not him")
            assert (await bob.line(chat)).unread_mentions_count == 2
            ask = messages.GetUnreadMentions(
                peer=bob.peer(chat), offset_id=0, add_offset=0, limit=10, max_id=0, min_id=0
            )
            found = (await bob(ask)).messages
            assert [one.message for one in found] == ["Bob!", "you there, @bobby?"]
            await bob(messages.ReadHistory(peer=bob.peer(chat), max_id=0))
            assert (await bob.line(chat)).unread_mentions_count == 2
            await bob(messages.ReadMessageContents(id=[found[0].id]))
            assert (await bob.line(chat)).unread_mentions_count == 1
            await bob(messages.ReadMentions(peer=bob.peer(chat)))
            assert (await bob.line(chat)).unread_mentions_count == 0
            assert (await bob(ask)).messages == []
            assert (await eve.line(chat)).unread_mentions_count == 0
            sound(c)

    run(story())


def test_pins_are_seen_by_all_who_are_in() -> None:
    """6.3: who may not pin changes nothing; who may tells every member."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, carl)):
            chat = await group(ann, bob, carl)
            await bob.send(ann, "shifts the numbers")
            one = await ann.send(chat, "worth keeping")
            answer = await ann(messages.UpdatePinnedMessage(peer=ann.peer(chat), id=one))
            assert [chat.id for chat in answer.chats] == [-chat]
            for person in (ann, bob, carl):
                kept = [m for m in await person.history(chat) if getattr(m, "pinned", False)]
                assert [m.message for m in kept] == ["worth keeping"]
                full = await person(messages.GetFullChat(chat_id=-chat))
                assert full.full_chat.pinned_msg_id == kept[0].id
                last = (await person.history(chat))[0]
                assert isinstance(last.action, t.MessageActionPinMessage)
            rights = t.ChatBannedRights(until_date=0, pin_messages=True)
            await ann(messages.EditChatDefaultBannedRights(peer=ann.peer(chat), banned_rights=rights))
            two = await bob.send(chat, "mine too")
            await refused(
                "CHAT_ADMIN_REQUIRED", bob, messages.UpdatePinnedMessage(peer=bob.peer(chat), id=two)
            )
            await ann(messages.UnpinAllMessages(peer=ann.peer(chat)))
            for person in (ann, bob, carl):
                assert not [m for m in await person.history(chat) if getattr(m, "pinned", False)]
            sound(c)

    run(story())


def test_a_group_whose_messages_are_gone_is_told_all_the_same() -> None:
    """A device that was away hears of the group it was brought into, and of the one it was removed from, although the
    messages that said so were deleted meanwhile."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            for deed in ("create", "kick"):
                before = (await eve(updates.GetState())).pts
                if deed == "create":
                    peer = await group(ann, bob, eve)
                else:
                    await kick(ann, peer, eve)
                (said, *_) = await ann.history(peer)
                await ann(messages.DeleteMessages(id=[said.id], revoke=True))
                assert not [one for one in await eve.history(peer) if deed == "create"]
                missed = await eve(updates.GetDifference(pts=before, date=int(c.clock.now()), qts=0))
                (chat,) = missed.chats
                assert chat.id == -peer and missed.new_messages == []
                assert isinstance(chat, t.Chat if deed == "create" else t.ChatForbidden)
            sound(c)

    run(story())


def test_the_answer_to_a_pin_shows_the_group_as_it_is_when_it_goes_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The commit takes its time, and he who pins has left meanwhile: what tells him so goes out first."""

    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            peer = await group(ann, bob)
            said = await bob.send(peer, "to be pinned")
            pin = c.services.pinning.pin

            async def later(*given: Any, **named: Any) -> Any:
                done = await pin(*given, **named)
                await kick(bob, peer, bob)
                return done

            monkeypatch.setattr(c.services.pinning, "pin", later)
            answer = await bob(messages.UpdatePinnedMessage(peer=bob.peer(peer), id=said))
            (chat,) = answer.chats
            assert chat.id == -peer and chat.left

    run(story())
