from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from tests.api.messages.test_chats import group
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import place
from tests.talk import Person, talk
from tgserve.errors import RpcError
from tgserve.render import updates as render_updates
from tgserve.services.bus import PollNews
from tgserve.services.polls import polling
from tgserve.store import events as ev
from tgserve.store import keyspaces as k
from tgserve.store.check import check_store
from tgserve.store.eventlog import Published
from tgserve.store.slots import SLOTS, slot_of
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages

_RANDOM = count(1_000_000)


def words(text: str) -> t.TextWithEntities:
    return t.TextWithEntities(text=text, entities=[])


def poll(*answers: str, question: str = "Tea?", **more: Any) -> t.Poll:
    options: list[Any] = [
        t.PollAnswer(text=words(text), option=b"%d" % place)
        for place, text in enumerate(answers or ("yes", "no", "later"))
    ]
    return t.Poll(id=0, question=words(question), answers=options, hash=0, **more)


def quiz(*right: int, **more: Any) -> t.InputMediaPoll:
    return t.InputMediaPoll(poll=poll(quiz=True), correct_answers=list(right), **more)


def media(what: Any) -> t.InputMediaPoll:
    return what if isinstance(what, t.InputMediaPoll) else t.InputMediaPoll(poll=what)


def sending(who: Person, peer: Any, what: Any, **more: Any) -> messages.SendMedia:
    values = {"message": "", "random_id": next(_RANDOM), **more}
    return messages.SendMedia(peer=who.peer(peer), media=media(what), **values)


async def send(who: Person, peer: Any, what: Any, **more: Any) -> int:
    answer = await who(sending(who, peer, what, **more))
    return next(one.id for one in answer.updates if isinstance(one, t.UpdateMessageID))


async def shown(who: Person, peer: Any) -> Any:
    """The newest message with a poll."""
    return next(
        m for m in await who.history(peer) if isinstance(getattr(m, "media", None), t.MessageMediaPoll)
    )


def vote(who: Person, peer: Any, msg_id: int, *options: bytes) -> messages.SendVote:
    return messages.SendVote(peer=who.peer(peer), msg_id=msg_id, options=list(options))


def counts(results: Any) -> list[tuple[int, bool]] | None:
    """(votes, chosen) of each answer."""
    return None if results.results is None else [(one.voters, one.chosen) for one in results.results]


def voters(who: Person, peer: Any, msg_id: int, **more: Any) -> messages.GetPollVotes:
    return messages.GetPollVotes(peer=who.peer(peer), id=msg_id, **{"limit": 10, **more})


def stop(who: Person, peer: Any, msg_id: int) -> messages.EditMessage:
    return messages.EditMessage(peer=who.peer(peer), id=msg_id, media=media(poll(closed=True)))


def test_votes_are_seen_by_those_who_voted() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            told: list[Any] = []
            c.services.bus.subscribe_ephemeral(lambda users, news: told.append((set(users), news)))
            chat = await group(ann, bob, eve)
            mine = await send(ann, chat, poll())
            his = await shown(bob, chat)
            assert (his.media.poll.creator, his.media.poll.question) == (False, words("Tea?"))
            assert (await shown(ann, chat)).media.poll.creator
            assert counts(his.media.results) == [(0, False)] * 3
            mark = len(c.heard)
            answer = await bob(vote(bob, chat, his.id, b"1"))
            update = answer.updates[0]
            assert (update.peer, update.msg_id) == (t.PeerChat(chat_id=-chat), his.id)
            assert counts(update.results) == [(0, False), (1, True), (0, False)]
            logged = [one for one in c.heard[mark:] if isinstance(one, Published)]
            assert [(one.user_id, one.event, one.origin) for one in logged] == [
                (bob.id, ev.PollChanged(update.poll_id), bob.session)
            ]
            assert told == [({ann.id, eve.id}, PollNews(update.poll_id))]
            live = render_updates.draw_ephemeral(c.services, told[0][1], eve.id)
            live = layers.decode(layers.encode(live)).updates[0]
            assert counts(live.results) == [(0, False), (1, False), (0, False)]
            await eve(vote(eve, chat, (await shown(eve, chat)).id, b"0"))
            assert counts((await shown(bob, chat)).media.results) == [(1, False), (1, True), (0, False)]
            again = await ann(messages.GetPollResults(peer=ann.peer(chat), msg_id=mine, poll_hash=0))
            assert again.updates[0].results.total_voters == 2
            # the vote moves, and is taken back
            await bob(vote(bob, chat, his.id, b"2"))
            assert counts((await shown(eve, chat)).media.results) == [(1, True), (0, False), (1, False)]
            await bob(vote(bob, chat, his.id))
            assert (await shown(ann, chat)).media.results.total_voters == 1
            mark = len(c.heard)
            await bob(vote(bob, chat, his.id))
            assert len(c.heard) == mark
            assert check_store(c.store).problems == []

    run(story())


def test_what_may_not_be_voted() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            mine = await send(ann, bob, poll())
            his = (await shown(bob, ann)).id
            await refused("OPTION_INVALID", bob, vote(bob, ann, his, b"7"))
            await refused("OPTION_INVALID", bob, vote(bob, ann, his, b""))
            await refused("OPTIONS_TOO_MUCH", bob, vote(bob, ann, his, b"0", b"1"))
            await refused("OPTIONS_TOO_MUCH", bob, vote(bob, ann, his, *[b"0"] * 13))
            for msg_id in (0, -1, 999, 2**31 - 1):
                await refused("MESSAGE_ID_INVALID", bob, vote(bob, ann, msg_id, b"0"))
            await refused("MESSAGE_ID_INVALID", eve, vote(eve, ann, his, b"0"))
            await refused("MESSAGE_ID_INVALID", eve, voters(eve, ann, his))
            text = await ann.send(bob, "no poll")
            await refused("MESSAGE_ID_INVALID", ann, vote(ann, bob, text, b"0"))
            await refused("MESSAGE_ID_INVALID", ann, stop(ann, bob, text))
            await refused("MESSAGE_AUTHOR_REQUIRED", bob, stop(bob, ann, his))
            open_ = messages.EditMessage(peer=ann.peer(bob), id=mine, media=media(poll()))
            await refused("MEDIA_INVALID", ann, open_)
            answer = t.InputPollAnswer(text=words("more"))
            adding = messages.AddPollAnswer(peer=ann.peer(bob), msg_id=mine, answer=answer)
            await refused("POLL_UNSUPPORTED", ann, adding)
            done = await ann(messages.ReadPollVotes(peer=ann.peer(bob)))
            assert (done.pts, done.pts_count) == (c.services.updates.pts(ann.id), 0)
            taking = messages.DeletePollAnswer(peer=ann.peer(bob), msg_id=mine, option=b"0")
            await refused("POLL_UNSUPPORTED", ann, taking)

    run(story())


@pytest.mark.parametrize(
    "wrong, name",
    [
        (poll(question=" \n"), "POLL_QUESTION_INVALID"),
        (poll(question="q" * 256), "POLL_QUESTION_INVALID"),
        (poll("one"), "POLL_ANSWERS_INVALID"),
        (poll(*map(str, range(13))), "POLL_ANSWERS_INVALID"),
        (poll("a", " "), "POLL_ANSWER_INVALID"),
        (poll("a", "b" * 101), "POLL_ANSWER_INVALID"),
        (poll(close_period=4), "POLL_PERIOD_INVALID"),
        (poll(close_period=3_000_000), "POLL_PERIOD_INVALID"),
        (poll(close_date=5), "POLL_PERIOD_INVALID"),
        (poll(close_date=1_800_000_100, close_period=60), "POLL_PERIOD_INVALID"),
        (poll(open_answers=True), "POLL_UNSUPPORTED"),
        (poll(subscribers_only=True), "POLL_UNSUPPORTED"),
        (quiz(), "QUIZ_CORRECT_ANSWERS_EMPTY"),
        (quiz(0, 1), "QUIZ_CORRECT_ANSWERS_TOO_MUCH"),
        (quiz(3), "QUIZ_CORRECT_ANSWER_INVALID"),
        (quiz(-1), "QUIZ_CORRECT_ANSWER_INVALID"),
        (quiz(0, solution="s" * 201, solution_entities=[]), "QUIZ_SOLUTION_INVALID"),
        (quiz(0, solution="a\nb\nc\nd", solution_entities=[]), "QUIZ_SOLUTION_INVALID"),
        (t.InputMediaPoll(poll=poll(), correct_answers=[0]), "QUIZ_CORRECT_ANSWER_INVALID"),
        (t.InputMediaPoll(poll=poll(), solution="s", solution_entities=[]), "QUIZ_SOLUTION_INVALID"),
        (
            t.InputMediaPoll(poll=poll(quiz=True, multiple_choice=True), correct_answers=[0]),
            "QUIZ_MULTIPLE_INVALID",
        ),
        (t.InputMediaPoll(poll=poll(), attached_media=t.InputMediaEmpty()), "POLL_UNSUPPORTED"),
    ],
)
def test_polls_that_are_not_made(wrong: Any, name: str) -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await refused(name, ann, sending(ann, bob, wrong))

    run(story())


def test_options_are_the_clients_or_the_servers() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            twice = poll()
            twice.answers[1].option = b"0"
            await refused("POLL_OPTION_DUPLICATE", ann, sending(ann, bob, twice))
            empty = poll()
            empty.answers[1].option = b""
            await refused("POLL_OPTION_INVALID", ann, sending(ann, bob, empty))
            new = poll()
            new.answers = [t.InputPollAnswer(text=words(text)) for text in ("a", "b")]
            await send(ann, bob, new)
            made = (await shown(bob, ann)).media.poll
            assert [answer.option for answer in made.answers] == [b"0", b"1"]

    run(story())


def test_a_poll_that_was_not_sent_leaves_nothing() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await c.services.contacts.block(bob.id, ann.id, True)
            with pytest.raises(RpcError):
                await ann(sending(ann, bob, poll()))
            await c.settle()
            assert "polls" not in check_store(c.store).by_keyspace

    run(story())


def test_a_repeated_send_is_one_poll() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            first = await send(ann, bob, poll(), random_id=5)
            assert await send(ann, bob, poll(), random_id=5) == first
            assert check_store(c.store).by_keyspace["polls"] == 1

    run(story())


def test_multiple_choice_and_public_voters() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            chat = await group(ann, bob, eve, joe)
            mine = await send(ann, chat, poll(multiple_choice=True, public_voters=True))
            await refused("POLL_VOTE_REQUIRED", ann, voters(ann, chat, mine))
            for one, chosen in (
                (bob, (b"0", b"2")),
                (eve, (b"2",)),
                (joe, (b"1", b"2", b"1")),
                (ann, (b"0",)),
            ):
                c.clock.advance(1)
                await one(vote(one, chat, (await shown(one, chat)).id, *chosen))
            results = (
                await ann(messages.GetPollResults(peer=ann.peer(chat), msg_id=mine, poll_hash=0))
            ).updates
            assert counts(results[0].results) == [(2, True), (1, False), (3, False)]
            latest = [one.user_id for one in results[0].results.recent_voters]
            assert latest == [ann.id, joe.id, eve.id]
            everybody = await ann(voters(ann, chat, mine))
            assert everybody.count == 4 and everybody.next_offset is None
            assert [(one.peer.user_id, one.options) for one in everybody.votes] == [
                (ann.id, [b"0"]),
                (joe.id, [b"1", b"2"]),
                (eve.id, [b"2"]),
                (bob.id, [b"0", b"2"]),
            ]
            assert {one.id for one in everybody.users} == {ann.id, bob.id, eve.id, joe.id}
            found, offset = [], None
            while True:
                page = await ann(voters(ann, chat, mine, option=b"2", offset=offset, limit=2))
                assert page.count == 3
                assert all(isinstance(one, t.MessagePeerVoteInputOption) for one in page.votes)
                found += [one.peer.user_id for one in page.votes]
                offset = page.next_offset
                if offset is None:
                    break
            assert found == [joe.id, eve.id, bob.id]
            await refused("OPTION_INVALID", ann, voters(ann, chat, mine, option=b"x"))
            await refused("OFFSET_INVALID", ann, voters(ann, chat, mine, offset="x"))

    run(story())


def test_anonymous_voters_are_never_told() -> None:
    """SECURITY 6.2: who voted in an anonymous poll is in no answer."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob, eve)
            mine = await send(ann, chat, poll())
            await ann(vote(ann, chat, mine, b"0"))
            answer = await bob(vote(bob, chat, (await shown(bob, chat)).id, b"1"))
            assert answer.updates[0].results.recent_voters is None
            await refused("BROADCAST_FORBIDDEN", ann, voters(ann, chat, mine))
            results = await ann(messages.GetPollResults(peer=ann.peer(chat), msg_id=mine, poll_hash=0))
            assert results.updates[0].results.recent_voters is None and results.users == []
            live = render_updates.draw_ephemeral(c.services, PollNews(answer.updates[0].poll_id), eve.id)
            assert live.users == [] and live.updates[0].results.recent_voters is None

    run(story())


def test_a_quiz_keeps_its_answer_until_one_has_voted() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob, eve)
            bold = [t.MessageEntityBold(offset=0, length=4)]
            await send(ann, chat, quiz(1, solution="Just so", solution_entities=bold))
            his = await shown(bob, chat)
            for viewer in (ann, bob, eve):
                results = (await shown(viewer, chat)).media.results
                assert results.solution is None and not any(one.correct for one in results.results)
            right = (await bob(vote(bob, chat, his.id, b"1"))).updates[0].results
            assert [one.correct for one in right.results] == [False, True, False]
            assert (right.solution, right.solution_entities) == ("Just so", bold)
            results = (await shown(eve, chat)).media.results
            assert results.solution is None and not any(one.correct for one in results.results)
            await refused("REVOTE_NOT_ALLOWED", bob, vote(bob, chat, his.id, b"0"))
            await refused("REVOTE_NOT_ALLOWED", bob, vote(bob, chat, his.id))
            await bob(vote(bob, chat, his.id, b"1"))  # the answer was lost, the client asks again

    run(story())


def test_a_poll_may_forbid_another_vote_and_hide_its_results() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await send(ann, bob, poll(revoting_disabled=True, hide_results_until_close=True))
            his = (await shown(bob, ann)).id
            assert (await shown(bob, ann)).media.results.results is None
            answer = await bob(vote(bob, ann, his, b"0"))
            assert counts((await shown(ann, bob)).media.results) == [(1, False), (0, False), (0, False)]
            assert counts(answer.updates[0].results) == [(None, True), (None, False), (None, False)]
            await refused("REVOTE_NOT_ALLOWED", bob, vote(bob, ann, his, b"1"))
            for layer in (152, 174, 200, 214, 229):
                assert layers.encode(answer, layer)
            await ann(stop(ann, bob, (await shown(ann, bob)).id))
            assert counts((await shown(bob, ann)).media.results) == [(1, True), (0, False), (0, False)]

    run(story())


def test_its_author_stops_a_poll_for_good() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob, eve)
            mine = await send(ann, chat, poll())
            his = (await shown(bob, chat)).id
            await bob(vote(bob, chat, his, b"1"))
            c.clock.advance(10 * 86_400)  # long after the time for edits is over
            mark = len(c.heard)
            answer = await ann(stop(ann, chat, mine))
            assert isinstance(answer.updates[0], t.UpdateMessagePoll) and answer.updates[0].poll.closed
            logged = {one.user_id for one in c.heard[mark:] if isinstance(one, Published)}
            assert logged == {ann.id, bob.id, eve.id}
            results = (await shown(eve, chat)).media
            assert results.poll.closed and counts(results.results) == [(0, False), (1, False), (0, False)]
            await refused("MESSAGE_POLL_CLOSED", bob, vote(bob, chat, his, b"0"))
            await refused("MESSAGE_POLL_CLOSED", bob, vote(bob, chat, his))
            mark = len(c.heard)
            assert (await ann(stop(ann, chat, mine))).updates[0].poll.closed
            assert len(c.heard) == mark

    run(story())


def test_a_poll_is_drawn_as_it_is_stored_also_before_anybody_has_heard_of_the_commit() -> None:
    # An event can be read as soon as it is durable; an open poll drawn with the event of its end would stay open there.
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await send(ann, bob, poll())
            assert not (await shown(bob, ann)).media.poll.closed
            heard, c.store.subscribers[:] = list(c.store.subscribers), []
            mine = (await shown(ann, bob)).id
            await ann(stop(ann, bob, mine))
            assert (await shown(bob, ann)).media.poll.closed
            c.store.subscribers[:] = heard

    run(story())


def test_a_poll_closes_by_itself_also_after_a_restart() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await send(ann, bob, poll(close_period=60))
            made = (await shown(bob, ann)).media.poll
            assert (made.close_period, made.close_date) == (60, int(c.clock.now()) + 60)
            await send(bob, bob, poll(close_date=int(c.clock.now()) + 30))
            alarms = c.services.alarms
            await alarms.turn()
            # a new daemon knows nothing but the rows
            alarms._heap.clear()
            alarms._read = False
            c.clock.advance(45)
            await alarms.turn()
            await c.settle()
            own = (await shown(bob, bob)).media.poll
            assert own.closed and (own.close_period, own.close_date) == (30, own.close_date)
            assert not (await shown(bob, ann)).media.poll.closed
            c.clock.advance(15)
            await refused("MESSAGE_POLL_CLOSED", bob, vote(bob, ann, (await shown(bob, ann)).id, b"0"))
            await alarms.turn()
            await c.settle()
            assert (await shown(ann, bob)).media.poll.closed
            assert check_store(c.store).problems == []
            assert "due" not in check_store(c.store).by_keyspace

    run(story())


def test_forwarded_polls_share_their_votes() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            mine = await send(ann, bob, poll())
            his = (await shown(bob, ann)).id
            await bob(
                messages.ForwardMessages(
                    from_peer=bob.peer(ann), to_peer=bob.peer(eve), id=[his], random_id=[next(_RANDOM)]
                )
            )
            hers = await shown(eve, bob)
            assert hers.media.poll.id == (await shown(ann, bob)).media.poll.id
            await eve(vote(eve, bob, hers.id, b"2"))
            await ann(vote(ann, bob, mine, b"2"))
            assert counts((await shown(ann, bob)).media.results) == [(0, False), (0, False), (2, True)]
            forwarded = next(m for m in await bob.history(eve) if m.media).id
            await refused("MESSAGE_AUTHOR_REQUIRED", bob, stop(bob, eve, forwarded))
            # the first message goes, the poll lives on in the other one, and goes with that
            await ann(messages.DeleteMessages(id=[mine], revoke=True))
            assert (await shown(eve, bob)).media.results.total_voters == 2
            await bob(messages.DeleteMessages(id=[forwarded], revoke=True))
            left = check_store(c.store)
            assert left.problems == []
            assert not {"polls", "votes", "voted", "poll_places", "given"} & set(left.by_keyspace)

    run(story())


def test_a_scheduled_poll_is_open_from_when_it_is_sent() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            when = int(c.clock.now()) + 3600
            await ann(sending(ann, bob, poll(close_period=60), schedule_date=when))
            waiting = c.services.scheduling.of_chat(ann.id, bob.id)
            assert len(waiting) == 1
            await ann(sending(ann, bob, poll(), schedule_date=when))
            await c.services.scheduling.delete(ann.id, bob.id, [2])
            await c.settle()
            assert check_store(c.store).by_keyspace["polls"] == 1
            await c.services.alarms.turn()
            c.clock.advance(3600)
            await c.services.alarms.turn()
            await c.settle()
            his = await shown(bob, ann)
            assert his.media.poll.close_date == when + 60
            await bob(vote(bob, ann, his.id, b"0"))

    run(story())


def test_the_vote_of_a_deleted_account_goes() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob, eve)
            mine = await send(ann, chat, poll(public_voters=True))
            for one in (bob, eve, ann):
                await one(vote(one, chat, (await shown(one, chat)).id, b"0"))
            await c.services.accounts.delete(eve.id)
            await c.settle()
            await c.services.accounts.wipe(eve.id)
            await c.settle()
            page = await ann(voters(ann, chat, mine))
            assert [one.peer.user_id for one in page.votes] == [ann.id, bob.id]
            assert check_store(c.store).problems == []

    run(story())


def test_groups_may_forbid_polls() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            chat = await group(ann, bob)
            rights = t.ChatBannedRights(send_polls=True, until_date=0)
            await ann(messages.EditChatDefaultBannedRights(peer=ann.peer(chat), banned_rights=rights))
            with pytest.raises(RpcError, match="CHAT_SEND_POLL_FORBIDDEN"):
                await bob(sending(bob, chat, poll()))
            await send(ann, chat, poll())
            assert sum(_rows(c, slot) for slot in range(SLOTS)) == 1

    run(story())


def _rows(c: Any, slot: int) -> int:
    with c.store.read(slot) as reader:
        return reader.count(k.POLLS)  # type: ignore[no-any-return]


def test_old_layers_read_polls_and_send_them() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            request = sending(ann, bob, quiz(1, solution="so", solution_entities=[]))
            for layer in (152, 174, 200, 214, 222, 229):
                old = layers.decode_request(layers.encode(request, layer))
                assert isinstance(old, messages.SendMedia) and old.media.correct_answers == [1]
            await ann(request)
            his = await shown(bob, ann)
            answer = await bob(vote(bob, ann, his.id, b"1"))
            for layer in (152, 158, 174, 200, 214, 222, 229):
                assert layers.encode(answer, layer)
                assert layers.encode(his, layer)

    run(story())


def test_slots_of_polls_are_their_own() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await send(ann, bob, poll())
            poll_id = (await shown(ann, bob)).media.poll.id
            assert poll_id >= 2**62
            with c.store.read(slot_of(poll_id)) as reader:
                assert reader.get(k.POLLS, poll_id) is not None

    run(story())


def test_messages_name_the_latest_voters_and_bring_them_along() -> None:
    async def story() -> None:
        async with talk(3) as (_, (ann, bob, eve)):
            chat = await group(ann, bob, eve)
            await send(ann, chat, poll(public_voters=True))
            his = await shown(bob, chat)
            await bob(vote(bob, chat, his.id, b"1"))
            zeros = dict.fromkeys(("offset_id", "offset_date", "add_offset", "max_id", "min_id", "hash"), 0)
            found = await eve(messages.GetHistory(peer=eve.peer(chat), **{**zeros, "limit": 1}))
            results = found.messages[0].media.results
            assert results.recent_voters == [t.PeerUser(user_id=bob.id)]
            assert bob.id in {one.id for one in found.users}

    run(story())


def test_votes_in_channels_are_told_to_those_online_once_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timers: list[Callable[[], object]] = []

    class Loop:
        """Keeps what is to be done in a second until the test says so."""

        def call_later(self, seconds: float, fn: Callable[..., object], *arguments: Any) -> None:
            assert seconds == polling.CHANNEL_SECONDS == 1.0
            timers.append(partial(fn, *arguments))

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            monkeypatch.setattr(polling, "asyncio", SimpleNamespace(get_running_loop=Loop))
            here = await place(c, ann, bob, eve)
            told: list[Any] = []
            c.services.bus.subscribe_ephemeral(lambda users, news: told.append((set(users), news)))
            what = media(poll(public_voters=True))
            request = messages.SendMedia(peer=here.peer(ann), media=what, message="", random_id=7)
            msg_id = next(
                one.id for one in (await ann(request)).updates if isinstance(one, t.UpdateMessageID)
            )

            def choose(who: Person, option: bytes) -> messages.SendVote:
                return messages.SendVote(peer=here.peer(who), msg_id=msg_id, options=[option])

            await ann(choose(ann, b"0"))
            assert told == []  # nobody is there
            c.services.channels.audience.arrived(bob.id)
            await eve(choose(eve, b"1"))
            await bob(choose(bob, b"1"))
            assert [users for users, _ in told] == [{bob.id}]
            live = render_updates.draw_ephemeral(c.services, told[0][1], 0)
            drawn = layers.decode(layers.encode(live))
            assert drawn.updates[0].results.min and counts(drawn.updates[0].results) == [
                (1, False),
                (2, False),
                (0, False),
            ]
            assert all(one.min for one in drawn.users)
            assert {one.id for one in drawn.users} == {ann.id, bob.id, eve.id}
            assert len(told) == 1
            timers.pop()()
            assert len(told) == 2
            timers.pop()()
            assert len(told) == 2 and not timers

    run(story())
