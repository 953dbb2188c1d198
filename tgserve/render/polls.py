"""A poll as one viewer sees it: what he chose, what he may know of the others' votes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tgserve.render.peers import peer
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.services.polls.polling import Ballot
from tgserve.tl import layers
from tgserve.tl import types as t


def media_bytes(services: Services, view: View) -> bytes:
    """The media of a message that shows a poll; as it was sent when the poll itself is gone."""
    viewer = view.viewer or max(view.owner, 0)
    ballot = services.polls.ballot_or_none(viewer, view.body.poll)
    return layers.encode(media(ballot)) if ballot is not None else view.body.media


def media(ballot: Ballot) -> t.MessageMediaPoll:
    """messageMediaPoll of a message; it names the latest voters, whom render.message.people brings along."""
    return t.MessageMediaPoll(poll=poll(ballot), results=results(ballot))


def faces(services: Services, poll_id: int) -> tuple[int, ...]:
    """The latest voters, who are named beside a public poll."""
    return services.polls.faces(poll_id)


@lru_cache(4096)
def _text(data: bytes) -> Any:
    """TextWithEntities as stored. An object, not bytes: old layers take the text out of it."""
    return layers.decode(data)


def poll(ballot: Ballot) -> t.Poll:
    of = ballot.poll
    answers: list[Any] = [
        t.PollAnswer(text=_text(answer.text), option=answer.option) for answer in of.answers
    ]
    return t.Poll(
        id=ballot.id,
        closed=of.closed,
        public_voters=of.public,
        multiple_choice=of.multiple,
        quiz=of.quiz,
        revoting_disabled=of.no_revote or of.quiz,
        shuffle_answers=of.shuffle,
        hide_results_until_close=of.hidden,
        creator=of.creator == ballot.viewer,
        question=_text(of.question),
        answers=answers,
        close_period=of.close_period or None,
        close_date=of.close_date or None,
        hash=ballot.id + of.closed,
    )


def results(ballot: Ballot) -> t.PollResults:
    """What the answers got, and for those who have voted, or all when it is closed, the right answer of a quiz; the
    latest voters of a public poll."""
    of = ballot.poll
    options: list[Any] | None = None
    if (
        ballot.mine or ballot.counted
    ):  # TDLib forgets what one chose by a list in which it is not chosen any more
        options = [
            t.PollAnswerVoters(
                chosen=place in ballot.mine,
                correct=ballot.solved and place in of.correct,
                option=answer.option,
                voters=of.counts[place] if ballot.counted else None,
                recent_voters=[] if ballot.counted else None,
            )
            for place, answer in enumerate(of.answers)
        ]
    solution: Any = _text(of.solution) if of.solution and ballot.solved else None
    return t.PollResults(
        min=not ballot.viewer,
        results=options,
        total_voters=of.voters,
        recent_voters=[peer(user) for _, user in of.recent] if of.recent else None,
        solution=solution.text if solution is not None else None,
        solution_entities=solution.entities if solution is not None else None,
    )


def update(ballot: Ballot, where: tuple[int, int] | None = None) -> t.UpdateMessagePoll:
    """The poll as it is now; `where` is the (chat, message) it was asked about."""
    return t.UpdateMessagePoll(
        peer=peer(where[0]) if where is not None else None,
        msg_id=where[1] if where is not None else None,
        poll_id=ballot.id,
        poll=poll(ballot),
        results=results(ballot),
    )
