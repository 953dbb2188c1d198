from __future__ import annotations

import pytest

from tests.community import Community, community, run
from tgserve.errors import RpcError
from tgserve.services.history import Window
from tgserve.services.messaging import Draft, ReplyTo, Sent
from tgserve.services.notices import write_notice
from tgserve.store import events as ev
from tgserve.store import records as r
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import BODIES, BOXES, DIALOGS, SENT
from tgserve.store.slots import slot_of

ANN, BOB, EVE = 1_000_001, 1_000_002, 1_000_003


async def send(c: Community, author: int, other: int, text: bytes, random_id: int, reply: int = 0) -> Sent:
    draft = Draft(text, reply=ReplyTo(reply) if reply else None)
    sent = await c.services.messaging.send(author, other, draft, random_id)
    await c.settle()
    return sent


def test_ids_and_pts_grow_together() -> None:
    """CLIENTS A.20: message ids of a box grow as pts grows."""

    async def story() -> None:
        async with community() as c:
            for number in range(5):
                await send(c, ANN, BOB, b"a", 1 + number)
                await send(c, BOB, ANN, b"b", 1 + number)
            for user in (ANN, BOB):
                seen = [p for p in c.heard if isinstance(p, Published) and p.user_id == user]
                assert [p.pts for p in seen] == list(range(2, 12))
                assert [p.event.msg_id for p in seen] == list(range(1, 11))
                with c.store.read(slot_of(user)) as reader:
                    assert reader.get(BOXES, user) == r.BoxHead(11, 10, 1, seen[-1].date, 1, 0)

    run(story())


def test_6_12_a_repeated_random_id_answers_as_the_first() -> None:
    """SECURITY 6.12"""

    async def story() -> None:
        async with community() as c:
            first = await send(c, ANN, BOB, b"once", 77)
            await send(c, ANN, BOB, b"other", 78)
            c.clock.advance(100)
            again = await send(c, ANN, BOB, b"once", 77)
            assert again.repeated
            assert (again.msg_id, again.pts, again.date) == (first.msg_id, first.pts, first.date)
            assert again.view == first.view
            assert len(c.services.history.page(BOB, ANN, Window()).views) == 2
            # another sender's random ids are another sender's
            assert not (await send(c, BOB, ANN, b"mine", 77)).repeated
            # twice in one call, and within one group of commits
            pair = c.services.messaging.send_many(ANN, BOB, [(5, Draft(b"x")), (5, Draft(b"x"))])
            third = c.services.messaging.send(ANN, BOB, Draft(b"x"), 5)
            assert [s.repeated for s in await pair] == [False, True] and (await third).repeated
            await c.services.deleting.delete(ANN, [first.msg_id])
            gone = await send(c, ANN, BOB, b"once", 77)
            assert gone.repeated and gone.view is None and gone.msg_id == first.msg_id

    run(story())


def test_replies_are_numbered_for_each_reader() -> None:
    async def story() -> None:
        async with community() as c:
            await send(c, BOB, EVE, b"noise", 1)  # Bob's numbering is ahead of Ann's
            await send(c, BOB, EVE, b"noise", 2)
            question = await send(c, ANN, BOB, b"?", 3)
            assert question.msg_id == 1
            answer = await send(c, BOB, ANN, b"!", 4, reply=3)
            assert answer.view is not None and answer.view.reply_id == 3
            pushed = [p for p in c.heard if isinstance(p, Published) and p.user_id == ANN][-1]
            assert pushed.memo.reply_id == 1
            (newest, *_) = c.services.history.page(ANN, BOB, Window()).views
            assert newest.reply_id == 1
            again = await send(c, ANN, BOB, b"to my own", 5, reply=1)
            assert again.view is not None and again.view.reply_id == 1
            (newest, *_) = c.services.history.page(BOB, ANN, Window()).views
            assert newest.reply_id == 3
            await c.services.deleting.delete(BOB, [3])
            assert all(v.reply_id == 0 for v in c.services.history.page(BOB, ANN, Window()).views)

    run(story())


@pytest.mark.parametrize("reply", [99, 2])
def test_replies_to_nothing_and_to_other_chats_are_refused(reply: int) -> None:
    async def story() -> None:
        async with community() as c:
            await send(c, ANN, BOB, b"here", 1)
            await send(c, ANN, EVE, b"there", 2)
            before = list(c.heard)
            with pytest.raises(RpcError, match="REPLY_MESSAGE_ID_INVALID"):
                await send(c, ANN, BOB, b"x", 3, reply=reply)
            assert c.heard == before
            with c.store.read(slot_of(ANN)) as reader:
                assert reader.get(SENT, ANN, 3) is None

    run(story())


def test_saved_messages_are_one_row_and_read() -> None:
    async def story() -> None:
        async with community() as c:
            await send(c, ANN, ANN, b"note", 1)
            await send(c, ANN, ANN, b"note 2", 2)
            (view, first) = c.services.history.page(ANN, ANN, Window()).views
            assert view.row.flags == r.ROW_FROM_SELF and first.row == r.Row(ANN, ANN, 1, r.ROW_FROM_SELF)
            head = c.services.dialogs.head(ANN, ANN)
            assert (head.count, head.unread_count, head.read_inbox_max, head.read_outbox_max) == (2, 0, 2, 2)
            assert len([p for p in c.heard if isinstance(p, Published)]) == 2
            with c.store.read(slot_of(ANN)) as reader:
                body = reader.get(BODIES, ANN, 1)
                assert body is not None and body.holders == 1

    run(story())


def test_6_13_blocks_stop_messages_both_ways() -> None:
    """SECURITY 6.13"""

    async def story() -> None:
        async with community() as c:
            await send(c, ANN, BOB, b"before", 1)
            await c.services.contacts.block(ANN, BOB, True)
            with pytest.raises(RpcError, match="YOU_BLOCKED_USER"):
                await send(c, ANN, BOB, b"x", 2)
            with pytest.raises(RpcError, match="USER_IS_BLOCKED"):
                await send(c, BOB, ANN, b"x", 3)
            await c.services.contacts.block(ANN, BOB, False)
            await send(c, BOB, ANN, b"after", 4)
            assert [v.body.text for v in c.services.history.page(ANN, BOB, Window()).views] == [
                b"after",
                b"before",
            ]

    run(story())


def test_a_notice_is_from_the_service_and_cannot_be_answered() -> None:
    async def story() -> None:
        async with community() as c:
            await c.store.transact(
                slot_of(ANN), lambda txn: write_notice(txn, ANN, b"login", now=1_800_000_000)
            )
            (view,) = c.services.history.page(ANN, 777000, Window()).views
            assert view.body.author == 777000 and not view.row.flags & r.ROW_OUT
            assert c.services.dialogs.head(ANN, 777000).unread_count == 1
            with pytest.raises(RpcError, match="CHAT_WRITE_FORBIDDEN"):
                await send(c, ANN, 777000, b"thanks", 1)
            with pytest.raises(RpcError, match="RANDOM_ID_EMPTY"):
                await send(c, ANN, BOB, b"x", 0)

    run(story())


def test_sending_clears_the_draft_when_asked() -> None:
    async def story() -> None:
        async with community() as c:
            await c.services.dialogs.save_draft(ANN, BOB, b"draft", 232)
            await send(c, ANN, BOB, b"x", 1)
            assert c.services.dialogs.head(ANN, BOB).draft == b"draft"
            await c.services.messaging.send(ANN, BOB, Draft(b"y"), 2, clear_draft=True, origin=(1, 2))
            assert c.services.dialogs.head(ANN, BOB).draft == b""
            changed = c.heard[-2:] if c.heard[-1].user_id != ANN else c.heard[-1:]
            assert any(isinstance(p.event, ev.DraftChanged) and p.origin == (1, 2) for p in changed)

    run(story())


def test_the_body_is_stored_once() -> None:
    async def story() -> None:
        async with community() as c:
            await send(c, ANN, BOB, b"x" * 1000, 1)
            with c.store.read(slot_of(BOB)) as reader:
                assert reader.get(BODIES, BOB, 1) is None
                assert reader.get(DIALOGS, BOB, ANN) == r.Dialog(1, 1_800_000_000, unread_count=1, count=1)
            with c.store.read(slot_of(ANN)) as reader:
                body = reader.get(BODIES, ANN, 1)
                assert body is not None and body.holders == 2

    run(story())
