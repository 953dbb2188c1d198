"""Links into groups, over the real handlers."""

from __future__ import annotations

from typing import Any

from tests.api.messages.test_chats import group, kick, sound, user
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.talk import Person, talk
from tgserve.tl import types as t
from tgserve.tl.functions import messages


def export(person: Person, chat: int, **terms: Any) -> messages.ExportChatInvite:
    return messages.ExportChatInvite(peer=person.peer(chat), **terms)


def use(link: Any) -> messages.ImportChatInvite:
    return messages.ImportChatInvite(hash=link.link.rpartition("+")[2])


def look(link: Any) -> messages.CheckChatInvite:
    return messages.CheckChatInvite(hash=link.link.rpartition("+")[2])


def waiting(person: Person, chat: int, requested: bool = True) -> messages.GetChatInviteImporters:
    return messages.GetChatInviteImporters(
        requested=requested, peer=person.peer(chat), offset_date=0, offset_user=t.InputUserEmpty(), limit=10
    )


def test_joining_by_a_link() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, dan)):
            chat = await group(ann, bob)
            link = await ann(export(ann, chat, usage_limit=1, title="one"))
            seen = await eve(look(link))
            assert (seen.title, seen.participants_count, seen.participants) == ("Friends", 2, None)
            joined = await eve(use(link))
            updates = joined.updates
            assert updates.updates[-1].message.action == t.MessageActionChatJoinedByLink(inviter_id=ann.id)
            assert updates.chats[0].participants_count == 3
            await eve.send(chat, "hi")
            assert await bob.texts(chat) == ["hi"]
            assert isinstance((await eve(look(link))), t.ChatInviteAlready)
            await refused("INVITE_HASH_EXPIRED", dan, use(link))
            came = await ann(waiting(ann, chat, requested=False))
            assert [one.user_id for one in came.importers] == [eve.id]
            sound(c)

    run(story())


def test_links_that_open_nothing() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob)
            now = int(c.clock.now())
            link = await ann(export(ann, chat, expire_date=now + 60))
            for wrong in ("", "x", "x" * 16, "é" * 16, "A" * 16, link.link.rpartition("+")[2][:-1] + "_"):
                name = "INVITE_HASH_INVALID" if wrong else "INVITE_HASH_EMPTY"
                await refused(name, eve, messages.CheckChatInvite(hash=wrong))
                await refused(name, eve, messages.ImportChatInvite(hash=wrong))
            await refused("USER_ALREADY_PARTICIPANT", bob, use(link))
            c.clock.advance(61)
            await refused("INVITE_HASH_EXPIRED", eve, use(link))
            await refused("EXPIRE_DATE_INVALID", ann, export(ann, chat, expire_date=now))
            await refused("USAGE_LIMIT_INVALID", ann, export(ann, chat, usage_limit=100_000))
            await refused("USAGE_LIMIT_INVALID", ann, export(ann, chat, usage_limit=5, request_needed=True))
            fresh = await ann(export(ann, chat))
            await kick(ann, chat, bob)
            await refused("INVITE_HASH_EXPIRED", bob, use(fresh))

    run(story())


def test_changed_ended_and_deleted() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob)
            peer = ann.peer(chat)
            link = await ann(export(ann, chat, title="old"))
            edit = messages.EditExportedChatInvite(peer=peer, link=link.link, title="new", usage_limit=7)
            changed = (await ann(edit)).invite
            assert (changed.title, changed.usage_limit) == ("new", 7) and changed.start_date
            delete = messages.DeleteExportedChatInvite(peer=peer, link=link.link)
            await refused("INVITE_REVOKED_MISSING", ann, delete)
            revoke = messages.EditExportedChatInvite(peer=peer, link=link.link, revoked=True)
            assert (await ann(revoke)).invite.revoked
            await refused("INVITE_HASH_EXPIRED", ann, revoke)
            await refused("INVITE_HASH_EXPIRED", eve, use(link))
            assert await ann(delete)
            await refused("INVITE_HASH_INVALID", eve, use(link))
            listing = messages.GetExportedChatInvites(peer=peer, admin_id=t.InputUserSelf(), limit=10)
            (primary,) = (await ann(listing)).invites
            assert primary.permanent
            one = messages.EditExportedChatInvite(peer=peer, link=primary.link, title="x")
            await refused("CHAT_INVITE_PERMANENT", ann, one)
            one = messages.EditExportedChatInvite(peer=peer, link=primary.link, revoked=True)
            replaced = await ann(one)
            assert (
                isinstance(replaced, t.MessagesExportedChatInviteReplaced) and replaced.new_invite.permanent
            )
            assert (await ann(export(ann, chat, legacy_revoke_permanent=True))).permanent
            counts = (await ann(messages.GetAdminsWithInvites(peer=peer))).admins
            assert [(a.invites_count, a.revoked_invites_count) for a in counts] == [(1, 2)]
            again = messages.DeleteRevokedExportedChatInvites(peer=peer, admin_id=t.InputUserSelf())
            assert await ann(again)
            await refused("CHAT_ADMIN_REQUIRED", bob, messages.GetAdminsWithInvites(peer=bob.peer(chat)))
            await refused("CHAT_ADMIN_REQUIRED", bob, waiting(bob, chat))
            sound(c)

    run(story())


def test_asking_to_join() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, dan)):
            chat = await group(ann, bob)
            link = await ann(export(ann, chat, request_needed=True))
            assert (await eve(look(link))).request_needed
            for one in (eve, dan, eve):
                mark = len(c.heard)
                try:
                    await one(use(link))
                    raise AssertionError("must be asked for")
                except Exception as error:
                    assert str(error) == "INVITE_REQUEST_SENT", error
                await c.settle()
                told = {getattr(item, "user_id", 0) for item in c.heard[mark:] if hasattr(item, "pts")}
                assert told <= {ann.id}
            await refused("CHAT_ID_INVALID", eve, messages.GetFullChat(chat_id=-chat))
            full = (await ann(messages.GetFullChat(chat_id=-chat))).full_chat
            assert full.requests_pending == 2 and set(full.recent_requesters) == {eve.id, dan.id}
            assert len((await ann(waiting(ann, chat))).importers) == 2
            sound(c)
            hide = messages.HideChatJoinRequest
            answer = await ann(hide(peer=ann.peer(chat), user_id=user(ann, eve), approved=True))
            assert answer.updates[0].requests_pending == 1
            await ann(hide(peer=ann.peer(chat), user_id=user(ann, dan)))
            await refused(
                "HIDE_REQUESTER_MISSING",
                ann,
                hide(peer=ann.peer(chat), user_id=user(ann, dan), approved=True),
            )
            (first,) = await eve.history(chat)
            assert first.action == t.MessageActionChatJoinedByRequest()
            await eve.send(chat, "thanks")
            assert await bob.texts(chat) == ["thanks"]
            await refused("CHAT_ID_INVALID", dan, messages.GetFullChat(chat_id=-chat))
            sound(c)
            assert (
                await ann(messages.HideAllChatJoinRequests(peer=ann.peer(chat), approved=True))
            ) is not None

    run(story())
