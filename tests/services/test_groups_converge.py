"""Whatever members do to a group and in it, in whatever order: boxes agree with each other and with the group's rows,
counters with what they count, and who is out has heard nothing since."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.community import Community, community, run
from tgserve.errors import RpcError
from tgserve.services.deleting import Clearing
from tgserve.services.groups.life import Action
from tgserve.services.history import Window
from tgserve.services.messaging import Draft, ReplyTo
from tgserve.services.updates import Span
from tgserve.store import events as ev
from tgserve.store.check import check_store

PEOPLE = (1_000_001, 1_000_002, 1_000_003, 1_000_004)
ACTION = Action(b"\x95\xdb\xa0\x9f", 232, 0)
people = st.sampled_from(PEOPLE)
ids = st.integers(0, 20)
deeds = st.one_of(
    st.tuples(st.just("send"), people, ids),
    st.tuples(st.just("send"), people, ids),
    st.tuples(st.just("delete"), people, st.lists(ids, max_size=4), st.booleans()),
    st.tuples(st.just("read"), people, ids),
    st.tuples(st.just("clear"), people, ids),
    st.tuples(st.just("add"), people, people, st.integers(0, 4)),
    st.tuples(st.just("remove"), people, people),
    st.tuples(st.just("remove"), people, people),
    st.tuples(st.just("admin"), people, st.booleans()),
    st.tuples(st.just("purge"), people, people),
    st.tuples(st.just("mentions"), people),
)


async def do(c: Community, chat: int, deed: tuple[Any, ...], number: int) -> None:
    s = c.services
    match deed:
        case ("send", me, reply):
            draft = Draft(
                b"%d" % number, reply=ReplyTo(reply) if reply > 10 else None, mentions=PEOPLE[: number % 3]
            )
            await s.messaging.send(me, chat, draft, number)
        case ("delete", me, msg_ids, revoke):
            await s.deleting.delete(me, msg_ids, revoke=revoke)
        case ("read", me, max_id):
            await s.reading.read_history(me, chat, max_id)
        case ("clear", me, max_id):
            await s.deleting.delete_history(me, chat, Clearing(max_id))
        case ("add", me, user, forward):
            await s.groups.add(me, chat, user, forward, ACTION)
        case ("remove", me, user):
            await s.groups.remove(me, chat, user, ACTION)
        case ("admin", user, admin):
            await s.groups.set_admin(PEOPLE[0], chat, user, admin)
        case ("purge", me, author):
            await s.deleting.delete_of_author(me, chat, author)
        case ("mentions", me):
            await s.reading.read_mentions(me, chat)


def seen_by_difference(c: Community, user: int) -> set[int]:
    """Message ids that a device has which was told everything."""
    pts, have = 1, set()
    while True:
        missed = c.services.updates.difference(user, pts, 1, pts_limit=5)
        for at, logged in missed.events:
            if logged.pts_count:
                assert at == pts + logged.pts_count, "a hole in pts"
                pts = at
            match logged.event:
                case ev.NewMessage(msg_id):
                    have.add(msg_id)
                case ev.DeleteMessages(msg_ids):
                    have -= set(msg_ids)
        if missed.span is not Span.SLICE:
            return have


@given(st.lists(deeds, max_size=30))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_groups_converge(story: list[tuple[Any, ...]]) -> None:
    async def play() -> None:
        async with community() as c:
            made = await c.services.groups.create(PEOPLE[0], "Us", PEOPLE[1:3], ACTION)
            chat = made.roster.chat
            for number, deed in enumerate(story, 1):
                roster = c.services.groups.rosters.get_or_none(chat)
                assert roster is not None
                out = [user for user in PEOPLE if not roster.has(user)]
                mark = len(c.heard)
                c.clock.advance(1)
                with suppress(RpcError):
                    await do(c, chat, deed, number)
                await c.settle()
                now = c.services.groups.rosters.get_or_none(chat)
                assert now is not None
                told = {getattr(one, "user_id", 0) for one in c.heard[mark:] if hasattr(one, "pts")}
                if deed[0] in ("send", "add", "remove", "admin"):
                    assert not told & {user for user in out if not now.has(user)}, "told though not in it"
            problems = check_store(c.store).problems
            assert problems == [], problems
            for user in PEOPLE:
                page = c.services.history.page(user, chat, Window())
                assert {view.msg_id for view in page.views} == seen_by_difference(c, user)
                assert page.count == len(page.views)
                waiting = c.services.history.unread_mentions(user, chat, Window())
                assert len(waiting.views) == waiting.count or waiting.whole

    run(play())
