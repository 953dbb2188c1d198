"""Whatever people do with reactions and polls, in whatever order: every count is that of its rows, every box that holds
a message was told of its latest state, and who has deleted or left leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.community import Community, community, run
from tgserve.errors import RpcError
from tgserve.services.deleting import Clearing
from tgserve.services.groups.life import Action
from tgserve.services.history import Window
from tgserve.services.messaging import Draft
from tgserve.store import events as ev
from tgserve.store import reaction_records as rr
from tgserve.store.check import check_store
from tgserve.store.eventlog import Published

PEOPLE = (1_000_001, 1_000_002, 1_000_003)
ACTION = Action(b"\x95\xdb\xa0\x9f", 232, 0)
KINDS = ("👍", "❤", "🔥")
people = st.sampled_from(PEOPLE)
ids = st.integers(1, 8)
where = st.sampled_from(("group", "chat", "saved"))
deeds = st.one_of(
    st.tuples(st.just("send"), people, where),
    st.tuples(st.just("react"), people, where, ids, st.sampled_from((*KINDS, ""))),
    st.tuples(st.just("react"), people, where, ids, st.sampled_from((*KINDS, ""))),
    st.tuples(st.just("react"), people, where, ids, st.sampled_from((*KINDS, ""))),
    st.tuples(st.just("poll"), people, where, st.booleans(), st.booleans()),
    st.tuples(st.just("vote"), people, where, ids, st.lists(st.integers(0, 2), max_size=2)),
    st.tuples(st.just("vote"), people, where, ids, st.lists(st.integers(0, 2), max_size=2)),
    st.tuples(st.just("forward"), people, ids),
    st.tuples(st.just("stop"), people, where, ids),
    st.tuples(st.just("seen"), people, where),
    st.tuples(st.just("contents"), people, ids),
    st.tuples(st.just("delete"), people, st.lists(ids, max_size=3), st.booleans()),
    st.tuples(st.just("clear"), people, where),
    st.tuples(st.just("remove"), people),
    st.tuples(st.just("add"), people),
    st.tuples(
        st.just("later"),
    ),
)


def poll_of(me: int, multiple: bool, public: bool, now: int) -> rr.Poll:
    answers = tuple(rr.Answer(b"%d" % place, b"%d" % place) for place in range(3))
    return rr.Poll(
        me, now, 232, b"?", answers, multiple=multiple, public=public, quiz=False, close_period=5 * public
    )


def peer_of(me: int, chat: int, place: str) -> int:
    if place == "group":
        return chat
    return me if place == "saved" else PEOPLE[(PEOPLE.index(me) + 1) % len(PEOPLE)]


def pick(c: Community, me: int, peer: int, number: int, poll: bool = False) -> int:
    """One of the messages of a chat, 999 when there is none."""
    views = c.services.history.page(me, peer, Window()).views
    found = [view.msg_id for view in views if not view.body.action and (view.body.poll or not poll)]
    return found[number % len(found)] if found else 999


async def do(c: Community, chat: int, deed: tuple[Any, ...], number: int) -> None:
    s = c.services
    match deed:
        case ("send", me, place):
            await s.messaging.send(me, peer_of(me, chat, place), Draft(b"x"), number)
        case ("react", me, place, msg_id, kind):
            peer = peer_of(me, chat, place)
            await s.reactions.react(me, peer, pick(c, me, peer, msg_id), (kind,) if kind else ())
        case ("poll", me, place, multiple, public):
            now = int(c.clock.now())
            poll_id = await s.polls.make(me, number, poll_of(me, multiple, public, now))
            draft = Draft(media=b"poll", poll=poll_id)
            try:
                await s.messaging.send(me, peer_of(me, chat, place), draft, number)
            except RpcError:
                await s.polls.discard(poll_id)
                raise
        case ("vote", me, place, msg_id, chosen):
            options = [b"%d" % one for one in chosen]
            peer = peer_of(me, chat, place)
            await s.polls.vote(me, peer, pick(c, me, peer, msg_id, poll=True), options)
        case ("forward", me, msg_id):
            view = s.history.message_or_none(me, pick(c, me, chat, msg_id, poll=True))
            if view is not None:
                draft = Draft(media=view.body.media, fwd=b"fwd", poll=view.body.poll)
                await s.messaging.send(me, me, draft, number)
        case ("stop", me, place, msg_id):
            peer = peer_of(me, chat, place)
            view, _ = s.polls.of_message(me, peer, pick(c, me, peer, msg_id, poll=True))
            await s.polls.stop(me, view)
        case ("seen", me, place):
            await s.reactions.read(me, peer_of(me, chat, place))
        case ("contents", me, msg_id):
            await s.reading.read_contents(me, (msg_id,))
        case ("delete", me, msg_ids, revoke):
            found = [pick(c, me, chat, one) for one in msg_ids]
            await s.deleting.delete(me, found, revoke=revoke)
        case ("clear", me, place):
            await s.deleting.delete_history(me, peer_of(me, chat, place), Clearing())
        case ("remove", user):
            await s.groups.remove(user, chat, user, ACTION)
        case ("add", user):
            await s.groups.add(PEOPLE[0], chat, user, 2, ACTION)
        case ("later",):
            c.clock.advance(10)
            await s.alarms.turn()


@given(st.lists(deeds, max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_opinions_converge(story: list[tuple[Any, ...]]) -> None:
    async def play() -> None:
        async with community() as c:
            made = await c.services.groups.create(PEOPLE[0], "Us", PEOPLE[1:], ACTION)
            chat = made.roster.chat
            told: dict[tuple[int, int], Any] = {}
            away: set[tuple[int, int]] = set()  # may have changed while who holds them had left

            def hear(batch: Sequence[object]) -> None:
                """What a device is shown: what came with the event, else the message as it is when it is pushed."""
                for one in batch:
                    if isinstance(one, Published) and isinstance(one.event, ev.ReactionsChanged):
                        view = one.memo or c.services.history.message_or_none(one.user_id, one.event.msg_id)
                        if view is not None:
                            away.discard((one.user_id, one.event.msg_id))
                            told[one.user_id, one.event.msg_id] = view.body.reactions

            c.services.bus.subscribe(hear)
            for number, deed in enumerate(story, 1):
                c.clock.advance(1)
                if deed[0] == "remove":  # who left is told nothing more
                    views = c.services.history.page(deed[1], chat, Window()).views
                    away.update((deed[1], view.msg_id) for view in views)
                with suppress(RpcError):
                    await do(c, chat, deed, number)
                await c.settle()
            problems = check_store(c.store).problems
            assert problems == [], problems
            roster = c.services.groups.rosters.get_or_none(chat)
            assert roster is not None
            for user in PEOPLE:
                for peer in (chat, *PEOPLE):
                    if peer == chat and not roster.has(user):
                        continue
                    views = c.services.history.page(user, peer, Window()).views
                    for view in views:
                        last = told.get((user, view.msg_id))
                        now = view.body.reactions
                        if last != now and (user, view.msg_id) not in away:
                            assert last is not None and now is not None
                            assert (last.counts, last.recent) == (now.counts, now.recent)
                    unread = c.services.reactions.unread(user, peer, Window())
                    assert unread.count == c.services.dialogs.head(user, peer).unread_reactions

    run(play())
