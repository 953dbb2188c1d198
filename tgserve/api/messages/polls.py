"""Polls and quizzes: sent, voted in, looked at, stopped."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.api.messages import drafting
from tgserve.api.messages.entities import Text, compose
from tgserve.api.messages.scheduling import schedule
from tgserve.render import chat as render_chat
from tgserve.render import polls as render
from tgserve.render import sent as render_sent
from tgserve.render.message import entities_of
from tgserve.render.peers import peer as peer_object
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, per_minute, rpc
from tgserve.services.channels.register import is_channel
from tgserve.services.messaging import Draft
from tgserve.services.polls.polling import Ballot
from tgserve.store import reaction_records as rr
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages

CLOSE_SECONDS = 5
"""The shortest a poll is open that closes by itself."""
SOLUTION_LINES = 3
FIRST_OPTION = 0x30
"""Answers of clients that leave the options to the server are called "0", "1" ..."""


async def send_poll(
    call: Call, peer: int, request: messages.SendMedia, media: t.InputMediaPoll
) -> t.AnyUpdates:
    """messages.sendMedia of a poll."""
    made = _made(call, media)
    text = compose(call, request.message, request.entities, limit=limits.CAPTION_CHARS)
    later = drafting.later(call, peer, request.schedule_date, request.schedule_repeat_period)
    reply = drafting.reply_to(call, peer, request.reply_to)
    send_as = drafting.send_as(call, peer, request.send_as)
    poll_id = await call.services.polls.make(call.me, request.random_id, made)
    ballot = Ballot(poll_id, replace(made, counts=(0,) * len(made.answers)))
    stored, min_layer = layers.encode_part(render.media(ballot))
    draft = Draft(
        text=text.text,
        entities=text.entities,
        media=stored,
        layer=layers.CURRENT,
        min_layer=max(text.min_layer, min_layer),
        users=tuple(dict.fromkeys((*text.users, *made.users))),
        reply=reply,
        silent=request.silent,
        noforwards=request.noforwards,
        poll=poll_id,
        kind="poll",
    )
    try:
        if later:
            return await schedule(call, peer, ((request.random_id, draft),), later, send_as)
        sent = await call.services.messaging.send(
            call.me,
            peer,
            draft,
            request.random_id,
            origin=call.session,
            clear_draft=request.clear_draft,
            send_as=send_as,
        )
    except errors.RpcError:
        await call.services.polls.discard(poll_id)
        raise
    return render_sent.full(call.services, call.me, [sent], [request.random_id], call.now)


def _made(call: Call, media: t.InputMediaPoll) -> rr.Poll:
    """A poll as its author wants it, checked. POLL_*, QUIZ_*."""
    poll = media.poll
    if not isinstance(poll, t.Poll):
        raise errors.MEDIA_INVALID()
    if media.attached_media is not None or media.solution_media is not None:
        raise errors.POLL_UNSUPPORTED()
    if poll.open_answers or poll.subscribers_only or poll.countries_iso2:
        raise errors.POLL_UNSUPPORTED()
    question = _text(call, poll.question, limits.POLL_QUESTION_CHARS, errors.POLL_QUESTION_INVALID)
    if not 2 <= len(poll.answers) <= limits.POLL_ANSWERS:
        raise errors.POLL_ANSWERS_INVALID()
    answers: list[rr.Answer] = []
    texts = [question]
    asked: list[Any] = poll.answers
    for place, answer in enumerate(asked):
        if answer.media is not None:
            raise errors.POLL_UNSUPPORTED()
        text = _text(call, answer.text, limits.POLL_ANSWER_CHARS, errors.POLL_ANSWER_INVALID)
        option = answer.option if isinstance(answer, t.PollAnswer) else bytes((FIRST_OPTION + place,))
        if not 1 <= len(option) <= limits.POLL_OPTION_BYTES:
            raise errors.POLL_OPTION_INVALID()
        answers.append(rr.Answer(_bytes(text), option))
        texts.append(text)
    if len({answer.option for answer in answers}) != len(answers):
        raise errors.POLL_OPTION_DUPLICATE()
    correct = _correct(poll, media.correct_answers or [])
    solution = _solution(call, poll, media)
    return rr.Poll(
        call.me,
        call.now,
        layers.CURRENT,
        _bytes(question),
        tuple(answers),
        public=poll.public_voters,
        multiple=poll.multiple_choice,
        quiz=poll.quiz,
        correct=correct,
        solution=_bytes(solution) if solution.text else b"",
        close_period=_period(call, poll),
        close_date=poll.close_date or 0,
        closed=poll.closed,
        no_revote=poll.revoting_disabled,
        shuffle=poll.shuffle_answers,
        hidden=poll.hide_results_until_close,
        users=tuple(dict.fromkeys(user for text in (*texts, solution) for user in text.users)),
    )


def _text(call: Call, asked: Any, limit: int, refusal: errors.ErrorKind) -> Text:
    """A question or answer: a short line, in which nothing but custom emoji is formatted."""
    emoji: list[t.AnyMessageEntity] = [
        one for one in asked.entities if isinstance(one, t.MessageEntityCustomEmoji)
    ]
    try:
        text = compose(call, asked.text.replace("\n", " "), emoji or None, limit=limit, links=False)
    except errors.RpcError as error:
        if error.name == errors.MESSAGE_TOO_LONG.name:
            raise refusal() from None
        raise
    if not text.text:
        raise refusal()
    return text


def _bytes(text: Text) -> bytes:
    return layers.encode(t.TextWithEntities(text=text.text.decode(), entities=entities_of(text.entities)))


def _correct(poll: t.Poll, right: list[int]) -> tuple[int, ...]:
    if not poll.quiz:
        if right:
            raise errors.QUIZ_CORRECT_ANSWER_INVALID()
        return ()
    if poll.multiple_choice:
        raise errors.QUIZ_MULTIPLE_INVALID()
    if not right:
        raise errors.QUIZ_CORRECT_ANSWERS_EMPTY()
    if len(right) > 1:
        raise errors.QUIZ_CORRECT_ANSWERS_TOO_MUCH()
    if not 0 <= right[0] < len(poll.answers):
        raise errors.QUIZ_CORRECT_ANSWER_INVALID()
    return (right[0],)


def _solution(call: Call, poll: t.Poll, media: t.InputMediaPoll) -> Text:
    if not media.solution:
        return Text(b"")
    if not poll.quiz:
        raise errors.QUIZ_SOLUTION_INVALID()
    try:
        text = compose(call, media.solution, media.solution_entities, limit=limits.POLL_SOLUTION_CHARS)
    except errors.RpcError as error:
        if error.name == errors.MESSAGE_TOO_LONG.name:
            raise errors.QUIZ_SOLUTION_INVALID() from None
        raise
    if text.text.count(b"\n") >= SOLUTION_LINES:
        raise errors.QUIZ_SOLUTION_INVALID()
    return text


def _period(call: Call, poll: t.Poll) -> int:
    """How long it is to be open once it is sent. POLL_PERIOD_INVALID."""
    period, date = poll.close_period or 0, poll.close_date or 0
    if period and not CLOSE_SECONDS <= period <= limits.POLL_CLOSE_SECONDS:
        raise errors.POLL_PERIOD_INVALID()
    if date and (period or not CLOSE_SECONDS <= date - call.now <= limits.POLL_CLOSE_SECONDS):
        raise errors.POLL_PERIOD_INVALID()
    return period


@rpc(messages.SendVote, flood=per_minute(240))
async def send_vote(call: Call, request: messages.SendVote) -> t.AnyUpdates:
    peer = peers.resolve(call, request.peer)
    if len(request.options) > limits.POLL_ANSWERS:
        raise errors.OPTIONS_TOO_MUCH()
    ballot = await call.services.polls.vote(
        call.me, peer, request.msg_id, request.options, origin=call.session
    )
    return updates(call, ballot, peer, request.msg_id)


@rpc(messages.GetPollResults)
async def get_poll_results(call: Call, request: messages.GetPollResults) -> t.AnyUpdates:
    peer = peers.resolve(call, request.peer)
    _, ballot = call.services.polls.of_message(call.me, peer, request.msg_id)
    return updates(call, ballot, peer, request.msg_id)


def updates(call: Call, ballot: Ballot, peer: int, msg_id: int) -> t.AnyUpdates:
    """The poll as it is now, with its latest voters."""
    who = (*(user for _, user in ballot.poll.recent), *ballot.poll.users)
    return t.Updates(
        updates=[render.update(ballot, (peer, msg_id))],
        users=users(call.services, call.me, who),
        chats=render_chat.chats(call.services, call.me, {peer: None}),
        date=call.now,
        seq=0,
    )


@rpc(messages.GetPollVotes)
async def get_poll_votes(call: Call, request: messages.GetPollVotes) -> t.AnyMessagesVotesList:
    peer = peers.resolve(call, request.peer)
    _, ballot = call.services.polls.of_message(call.me, peer, request.id)
    page = call.services.polls.voters(ballot, request.option, request.offset or "", request.limit)
    options = [answer.option for answer in ballot.poll.answers]
    votes: list[Any] = []
    hidden = call.services.polls.hidden(ballot.id)
    here = call.services.channels.register.anonymous(peer)
    for user, places, date in page.items:
        if user in hidden and user not in here:
            continue
        who = peer_object(peer if user in here else user)
        if request.option is not None:
            votes.append(t.MessagePeerVoteInputOption(peer=who, date=date))
        elif ballot.poll.multiple:
            chosen = [options[place] for place in places]
            votes.append(t.MessagePeerVoteMultiple(peer=who, options=chosen, date=date))
        else:
            votes.append(t.MessagePeerVote(peer=who, option=options[places[0]], date=date))
    named = dict.fromkeys(user for user, *_ in page.items if user not in hidden)
    return t.MessagesVotesList(
        count=page.count,
        votes=votes,
        chats=render_chat.chats(call.services, call.me, {peer: None}),
        users=users(call.services, call.me, named),
        next_offset=page.next or None,
    )


async def stop_poll(call: Call, peer: int, msg_id: int, media: t.InputMediaPoll) -> t.AnyUpdates:
    """messages.editMessage with a closed poll: the only change there is. MEDIA_INVALID, MESSAGE_ID_INVALID,
    MESSAGE_AUTHOR_REQUIRED, and as Changing.stopping_poll."""
    if not getattr(media.poll, "closed", False):
        raise errors.MEDIA_INVALID()
    view, _ = call.services.polls.of_message(call.me, peer, msg_id)
    may = False
    if is_channel(peer):
        poll = call.services.polls.get_or_none(view.body.poll)
        if poll is not None and not poll.closed and not view.body.fwd:
            await call.services.channels.changing.stopping_poll(call.me, peer, msg_id)
            may = True
    ballot = await call.services.polls.stop(call.me, view, may=may, origin=call.session)
    return updates(call, ballot, peer, msg_id)


@rpc(messages.AddPollAnswer, status=Status.REFUSED)
async def add_poll_answer(call: Call, request: messages.AddPollAnswer) -> t.AnyUpdates:
    """Polls to which voters add answers are not made here."""
    peer = peers.resolve(call, request.peer)
    call.services.polls.of_message(call.me, peer, request.msg_id)
    raise errors.POLL_UNSUPPORTED()


@rpc(messages.DeletePollAnswer, status=Status.REFUSED)
async def delete_poll_answer(call: Call, request: messages.DeletePollAnswer) -> t.AnyUpdates:
    """As addPollAnswer."""
    peer = peers.resolve(call, request.peer)
    call.services.polls.of_message(call.me, peer, request.msg_id)
    raise errors.POLL_UNSUPPORTED()


@rpc(messages.ReadPollVotes, status=Status.EMPTY)
async def read_poll_votes(call: Call, request: messages.ReadPollVotes) -> t.AnyMessagesAffectedHistory:
    """Votes do not wait to be seen here (pollResults.has_unread_votes is never set)."""
    peer = peers.resolve(call, request.peer)
    pts = (
        call.services.channels.register.top(peer).pts
        if is_channel(peer)
        else call.services.updates.pts(call.me)
    )
    return t.MessagesAffectedHistory(pts=pts, pts_count=0, offset=0)
