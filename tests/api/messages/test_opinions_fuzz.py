"""Mutated calls of reactions and polls among people who have both: no answer of 500, every layer can say the answers,
and the rows still agree (SECURITY 6.14, 7.4)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.api.messages.test_chats import group
from tests.api.messages.test_fuzz import Mutant
from tests.api.messages.test_polls import media, poll, quiz, send
from tests.api.messages.test_reactions import FIRE, HEART, LIKE
from tests.community import run
from tests.talk import talk
from tests.tl.samples import SCHEMA
from tgserve.errors import RpcError
from tgserve.rpc.registry import METHODS
from tgserve.services.history import Window
from tgserve.store.check import check_store
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import TLObject
from tgserve.tl.functions import messages

KINDS: tuple[type[TLObject], ...] = (
    messages.SendReaction,
    messages.GetMessagesReactions,
    messages.GetMessageReactionsList,
    messages.GetUnreadReactions,
    messages.ReadReactions,
    messages.GetRecentReactions,
    messages.GetTopReactions,
    messages.ClearRecentReactions,
    messages.SetDefaultReaction,
    messages.GetSavedReactionTags,
    messages.UpdateSavedReactionTag,
    messages.GetDefaultTagReactions,
    messages.ReportReaction,
    messages.SendPaidReaction,
    messages.SetChatAvailableReactions,
    messages.DeleteParticipantReaction,
    messages.DeleteParticipantReactions,
    messages.SendVote,
    messages.GetPollResults,
    messages.GetPollVotes,
    messages.AddPollAnswer,
    messages.DeletePollAnswer,
    messages.SendMedia,
    messages.EditMessage,
)


class Opinionated(Mutant):
    """More of what is nearly right: ids of these chats, reactions that exist, options that polls have."""

    def changed(self, value: Any) -> Any:
        rng = self.rng
        if isinstance(value, t.AnyReaction) and rng.random() < 0.7:
            return rng.choice([LIKE, HEART, FIRE])
        if isinstance(value, bytes) and rng.random() < 0.8:
            return rng.choice([b"0", b"1", b"2", b"", b"x" * 101])
        if isinstance(value, t.AnyInputMedia) and rng.random() < 0.8:
            made = media(rng.choice([poll(), poll(closed=True), poll(multiple_choice=True), quiz(1)]))
            made.poll.answers = made.poll.answers[: rng.randint(0, 3)] * rng.randint(1, 2)
            if rng.random() < 0.3:
                made.poll.close_period = self.changed(5)
            if rng.random() < 0.2:
                made.correct_answers = self.changed([0])
            return made
        changed = super().changed(value)
        if isinstance(changed, t.AnyInputPeer) and rng.random() < 0.3:
            return t.InputPeerChat(chat_id=-self.chat)
        if isinstance(changed, str) and rng.random() < 0.5:
            return rng.choice(["", "1", "2", "99999999999", "-1", "x"])
        return changed

    chat = 0

    def request(self, kind: type[TLObject]) -> Any:
        made = super().request(kind)
        if hasattr(made, "peer") and hasattr(made, "msg_id") and self.rng.random() < 0.5:
            made.peer = self.me.peer(self.chat)
            views = self.me.c.services.history.page(self.me.id, self.chat, Window()).views
            made.msg_id = self.rng.choice(views).msg_id
        return made


@pytest.mark.parametrize("seed", range(3))
def test_7_4_mutated_opinions(seed: int) -> None:
    """SECURITY 7.4"""

    async def story() -> None:
        async with talk(3) as (c, people):
            ann, bob, eve = people
            chat = await group(ann, bob, eve)
            for one in people:
                await one.send(chat, "hi")
                await send(one, chat, poll(multiple_choice=True, public_voters=True))
                await send(one, one, quiz(1))
            await ann.send(bob, "hi")
            await send(bob, ann, poll())
            served: Counter[str] = Counter()
            mutants = []
            for number, one in enumerate(people):
                mutant = Opinionated(seed * 3 + number, one, [two for two in people if two is not one])
                mutant.chat = chat
                mutants.append(mutant)
            for _ in range(25):
                for kind in KINDS:
                    for mutant in mutants:
                        request = mutant.request(kind)
                        try:
                            call = c.call(mutant.me.id, session=mutant.me.session)
                            answer = await METHODS[kind.ID].run(call, request)
                        except RpcError as error:
                            assert error.code < 500, request
                            continue
                        served[request.NAME] += 1
                        for layer in (152, 200, 229, layers.CURRENT):
                            if SCHEMA[kind.ID].key in SCHEMA.names(SCHEMA.known_layer(layer)):
                                layers.encode_result(kind, answer, layer)
                    await c.settle()
            assert served.total() > 300
            assert served["messages.sendReaction"] and served["messages.sendVote"]
            report = check_store(c.store)
            assert not report.problems and not report.parked

    run(story())
