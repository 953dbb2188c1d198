"""People of one node at another: what they may do there, and what becomes of it when their session ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.nodes.conftest import MakeNode, join, lined
from tests.server.people import message, next_text, sign_up
from tests.waiting import until
from tgserve import limits
from tgserve.errors import RpcError
from tgserve.services.nodes.nodes import SLOT
from tgserve.store.keyspaces import BODIES, NODE_QUEUE, STREAMS
from tgserve.store.node_records import Stream
from tgserve.store.slots import slot_of
from tgserve.testing.clock import FakeClock
from tgserve.testing.miniclient import MiniClient
from tgserve.testing.server import TestServer
from tgserve.tl import types as t
from tgserve.tl.functions import account, auth, channels, contacts, help, messages, upload, users

pytestmark = pytest.mark.asyncio
ANN, BOB = "+999661101", "+999661102"
SELF = users.GetUsers(id=[t.InputUserSelf()])


async def named(client: MiniClient, name: str) -> Any:
    found = (await client.call(contacts.ResolveUsername(username=name))).users[0]
    return t.InputPeerUser(user_id=found.id, access_hash=found.access_hash)


async def couple(two: TestServer, four: TestServer) -> tuple[MiniClient, MiniClient, Any, Any]:
    """Ann of DC 2 and Bob of DC 4, and each as the other may name him."""
    await join(two, four)
    ann, bob = await two.client(), await four.client()
    await sign_up(ann, ANN, "Ann")
    await sign_up(bob, BOB, "Bob")
    await ann.call(account.UpdateUsername(username="ann_here"))
    await bob.call(account.UpdateUsername(username="bob_there"))
    return ann, bob, await named(bob, "ann_here"), await named(ann, "bob_there")


async def test_a_ticket_opens_the_other_node_once_for_files_only(make_node: MakeNode):
    """SECURITY 8.5."""
    async with make_node(2) as two, make_node(4) as four:
        ann, _, _, _ = await couple(two, four)
        me = (await ann.call(SELF))[0].id
        ticket = await ann.call(auth.ExportAuthorization(dc_id=4))
        there = await four.client()
        got = await there.call(auth.ImportAuthorization(id=ticket.id, bytes=ticket.bytes))
        assert got.user.id == me
        for request in (
            SELF,
            messages.GetHistory(
                peer=t.InputPeerSelf(),
                offset_id=0,
                offset_date=0,
                add_offset=0,
                limit=1,
                max_id=0,
                min_id=0,
                hash=0,
            ),
            upload.SaveFilePart(file_id=1, file_part=0, bytes=b"x"),
            account.UpdateStatus(offline=False),
            auth.ExportAuthorization(dc_id=2),
        ):
            with pytest.raises(RpcError, match="USER_MIGRATE_2"):
                await there.call(request)
        assert (await there.call(help.GetConfig())).this_dc == 4
        nothing = t.InputDocumentFileLocation(
            id=1 << 62 | 4 << 59 | 5, access_hash=0, file_reference=b"x", thumb_size=""
        )
        with pytest.raises(RpcError, match="FILE_REFERENCE_INVALID"):
            await there.call(upload.GetFile(location=nothing, offset=0, limit=4096))
        # Not twice, not by another id, not changed, not at another node.
        other = await four.client()
        spoilt = bytes((ticket.bytes[0] ^ 1,)) + ticket.bytes[1:]
        for user, data in (
            (me, ticket.bytes),
            (me + 1, ticket.bytes),
            (me, spoilt),
            (me, ticket.bytes[:-1]),
            (me, b""),
        ):
            with pytest.raises(RpcError, match="AUTH_BYTES_INVALID"):
                await other.call(auth.ImportAuthorization(id=user, bytes=data))
        again = await ann.call(auth.ExportAuthorization(dc_id=4))
        with pytest.raises(RpcError, match="AUTH_BYTES_INVALID"):
            await (await two.client()).call(auth.ImportAuthorization(id=me, bytes=again.bytes))
        # Numbers that are no node's lead to the keeper, which is where she is.
        home = await ann.call(auth.ExportAuthorization(dc_id=1))
        await (await two.client()).call(auth.ImportAuthorization(id=me, bytes=home.bytes))


async def test_a_ticket_ends(make_node: MakeNode):
    """SECURITY 8.5."""
    clock = FakeClock()
    async with make_node(2, clock=clock) as two, make_node(4, clock=clock) as four:
        tickets = two.app.services.auth.tickets, four.app.services.auth.tickets
        await join(two, four)
        made = tickets[0].make(4, 5_000_000, 77)
        hash_, ends = tickets[1].open(5_000_000, made)
        assert hash_ == 77 and ends <= clock.now() + limits.EXPORTED_AUTH_SECONDS
        clock.advance(limits.EXPORTED_AUTH_SECONDS + 1)
        assert tickets[1].open(5_000_000, made) == (0, 0)


async def test_what_joined_a_session_ends_with_it(make_node: MakeNode):
    """SECURITY 8.5."""
    async with make_node(2) as two, make_node(4) as four:
        ann, _, _, _ = await couple(two, four)
        first = await ann.call(auth.ExportAuthorization(dc_id=4))
        late = await ann.call(auth.ExportAuthorization(dc_id=4))
        there = await four.client()
        await there.call(auth.ImportAuthorization(id=first.id, bytes=first.bytes))
        assert there.key is not None
        key_id = there.key.id
        await ann.call(auth.LogOut())

        async def over() -> bool:
            try:
                await there.call(SELF)
            except RpcError as fault:
                return fault.name == "AUTH_KEY_UNREGISTERED"
            except (ConnectionError, EOFError):
                return True
            return False

        await until(over)
        key = four.app.services.auth.key_or_none(key_id)
        assert key is not None and key.user_id == 0
        # A ticket of that session which had not been shown yet opens nothing that lasts.
        fresh = await four.client()
        await fresh.call(auth.ImportAuthorization(id=late.id, bytes=late.bytes))
        await four.app.store.settled()
        with pytest.raises((RpcError, ConnectionError, EOFError)) as told:
            await fresh.call(SELF)
        assert "USER_MIGRATE" not in str(told.value)


async def test_what_goes_no_further_than_one_node_is_refused(make_node: MakeNode):
    async with make_node(2) as two, make_node(4) as four:
        ann, bob, ann_there, bob_there = await couple(two, four)
        sent = await ann.call(message(bob_there, "hello", 1))
        assert await next_text(bob) == "hello"
        user = t.InputUser(user_id=bob_there.user_id, access_hash=bob_there.access_hash)
        for request, name in (
            (
                messages.SendReaction(
                    peer=bob_there, msg_id=sent.id, reaction=[t.ReactionEmoji(emoticon="👍")]
                ),
                "PEER_ID_NOT_SUPPORTED",
            ),
            (messages.SetHistoryTTL(peer=bob_there, period=86400), "PEER_ID_NOT_SUPPORTED"),
            (messages.UpdatePinnedMessage(peer=bob_there, id=sent.id), "PEER_ID_NOT_SUPPORTED"),
            (
                messages.SendMedia(
                    peer=bob_there,
                    media=t.InputMediaPoll(
                        poll=t.Poll(
                            id=1,
                            question=t.TextWithEntities(text="?", entities=[]),
                            hash=0,
                            answers=[
                                t.PollAnswer(text=t.TextWithEntities(text=x, entities=[]), option=x.encode())
                                for x in "ab"
                            ],
                        )
                    ),
                    message="",
                    random_id=9,
                ),
                "MEDIA_INVALID",
            ),
        ):
            with pytest.raises(RpcError, match=name):
                await ann.call(request)
        made = await ann.call(messages.CreateChat(users=[user], title="Both"))
        assert [one.user_id for one in made.missing_invitees] == [bob_there.user_id]
        group = await ann.call(channels.CreateChannel(title="All", about="", megagroup=True))
        channel = t.InputChannel(channel_id=group.chats[0].id, access_hash=group.chats[0].access_hash)
        invited = await ann.call(channels.InviteToChannel(channel=channel, users=[user]))
        assert [one.user_id for one in invited.missing_invitees] == [bob_there.user_id]


async def test_who_is_blocked_is_not_heard_and_nothing_is_left(make_node: MakeNode):
    """SECURITY 8.7."""
    async with make_node(2) as two, make_node(4) as four:
        ann, bob, ann_there, bob_there = await couple(two, four)
        await bob.call(contacts.Block(id=ann_there))
        sent = await ann.call(message(bob_there, "are you there", 1))
        await drained(two, four)
        me = (await ann.call(SELF))[0].id
        with four.app.store.read(slot_of(me)) as reader:
            assert list(reader.range(BODIES, me)) == []
        with two.app.store.read(slot_of(me)) as reader:
            assert reader.get(BODIES, me, sent.id).holders == 1
        await bob.call(contacts.Unblock(id=ann_there))
        await ann.call(message(bob_there, "now", 2))
        assert await next_text(bob) == "now"


async def test_who_deletes_for_himself_lets_the_authors_copy_go(make_node: MakeNode):
    async with make_node(2) as two, make_node(4) as four:
        ann, bob, ann_there, bob_there = await couple(two, four)
        sent = await ann.call(message(bob_there, "hello", 1))
        assert await next_text(bob) == "hello"
        me = (await ann.call(SELF))[0].id
        history = await bob.call(
            messages.GetHistory(
                peer=ann_there, offset_id=0, offset_date=0, add_offset=0, limit=1, max_id=0, min_id=0, hash=0
            )
        )
        await bob.call(messages.DeleteMessages(id=[history.messages[0].id]))
        await drained(two, four)
        with two.app.store.read(slot_of(me)) as reader:
            assert reader.get(BODIES, me, sent.id).holders == 1
        await ann.call(messages.DeleteMessages(id=[sent.id]))
        await drained(two, four)
        with two.app.store.read(slot_of(me)) as reader:
            assert reader.get(BODIES, me, sent.id) is None


async def test_typing_is_seen_across(make_node: MakeNode):
    async with make_node(2) as two, make_node(4) as four:
        ann, bob, ann_there, bob_there = await couple(two, four)
        heard: list[Any] = []
        four.app.services.bus.subscribe_ephemeral(lambda told, news: heard.append((tuple(told), news)))
        await ann.call(messages.SetTyping(peer=bob_there, action=t.SendMessageTypingAction()))
        await until(lambda: [told for told, news in heard if told == (bob_there.user_id,)])


async def drained(*servers: TestServer) -> None:
    """Nothing is on its way any more."""

    def quiet() -> bool:
        for server in servers:
            nodes = server.app.services.nodes
            for other in nodes.others():
                stream = nodes.stream(other.dc)
                if stream.queued != stream.acked:
                    return False
        return True

    for _ in range(3):
        for server in servers:
            await server.app.store.settled()
        await until(quiet)
    for server in servers:
        with server.app.store.read(slot_of("nodes")) as reader:
            assert list(reader.range(NODE_QUEUE)) == []


async def test_a_node_restored_from_an_older_backup_goes_on(make_node: MakeNode):
    """Both ways: it has forgotten what it acknowledged, and that it has given numbers out."""
    async with make_node(2) as two, make_node(4) as four:
        _, bob, _, bob_there = await couple(two, four)
        ann = await two.client()
        await sign_up(ann, ANN, "Ann")
        await bob.call(message(await named(bob, "ann_here"), "to be forgotten", 5))
        for number in range(3):
            await ann.call(message(bob_there, f"before {number}", 10 + number))
        await drained(two, four)
        here, there = two.app.services, four.app.services
        was = there.nodes.stream(2)
        assert was.applied > 1 and was.queued > 1

        def older(txn: Any) -> None:
            txn.put(STREAMS, 2, value=Stream(queued=1, acked=1, applied=1))

        await four.app.store.transact(SLOT, older)
        there.nodes.queued_before[2] = 1
        here.nodes.lines[4].part()
        await until(lambda: 4 not in here.nodes.lines)
        await ann.call(message(bob_there, "after", 2))
        await lined(two, four)
        await bob.call(message(await named(bob, "ann_here"), "also after", 6))
        await drained(two, four)
        texts = [
            (await bob.call(history_of(await named(bob, "ann_here")))).messages[0].message,
            (await ann.call(history_of(bob_there))).messages[0].message,
        ]
        assert "also after" in texts and "to be forgotten" not in texts
        assert "after" in [
            one.message for one in (await bob.call(history_of(await named(bob, "ann_here")))).messages
        ]


def history_of(peer: Any) -> messages.GetHistory:
    return messages.GetHistory(
        peer=peer, offset_id=0, offset_date=0, add_offset=0, limit=10, max_id=0, min_id=0, hash=0
    )
