"""Mutated calls of forums, threads and discussion groups: no answer of 500, every layer can say the answers, and the
rows still agree (SECURITY 6.14, 7.4)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.api.channels.test_comments import pair
from tests.api.channels.test_forums import Town, forum, within
from tests.api.messages.test_fuzz import NUMBERS, Mutant
from tests.community import run
from tests.talk import talk
from tests.tl.samples import SCHEMA
from tgserve.errors import RpcError
from tgserve.rpc.registry import METHODS
from tgserve.store.check import check_store
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import TLObject
from tgserve.tl.functions import channels, messages

KINDS: tuple[type[TLObject], ...] = (
    messages.CreateForumTopic,
    messages.EditForumTopic,
    messages.UpdatePinnedForumTopic,
    messages.ReorderPinnedForumTopics,
    messages.DeleteTopicHistory,
    messages.GetForumTopics,
    messages.GetForumTopicsByID,
    messages.GetReplies,
    messages.GetDiscussionMessage,
    messages.ReadDiscussion,
    messages.GetMessageReadParticipants,
    messages.SaveDraft,
    messages.SendMessage,
    messages.Search,
    messages.ReadMentions,
    messages.GetUnreadMentions,
    channels.SetDiscussionGroup,
    channels.ToggleViewForumAsMessages,
    channels.ToggleForum,
    channels.DeleteMessages,
)


class Wild(Mutant):
    """More of what is nearly right: these channels, topics that exist."""

    towns: tuple[Town, ...] = ()

    def changed(self, value: Any) -> Any:
        rng = self.rng
        if isinstance(value, t.AnyInputPeer) and rng.random() < 0.9:
            return rng.choice(self.towns).peer(self.me)
        if isinstance(value, t.AnyInputChannel) and rng.random() < 0.9:
            return rng.choice(self.towns).where(self.me)
        if isinstance(value, t.AnyInputReplyTo):
            return within(rng.choice([1, 3, 4, 5, 6]), rng.choice([0, 3, 5, 7, 9]))
        if type(value) is int and rng.random() < 0.7:
            return rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        return super().changed(value)


@pytest.mark.parametrize("seed", range(2))
def test_7_4_mutated_forums(seed: int) -> None:
    """SECURITY 7.4"""

    async def story() -> None:
        async with talk(3) as (c, people):
            ann, bob, eve = people
            town = await forum(c, ann, bob)
            news, group = await pair(c, ann, bob, eve)
            for one in (ann, bob):
                topic = await town.topic(one, "Cats")
                await town.post(one, "meow", within(topic))
            await news.post(ann, "it rains")
            served: Counter[str] = Counter()
            mutants = []
            for number, one in enumerate(people):
                mutant = Wild(seed * 3 + number, one, [two for two in people if two is not one])
                mutant.towns = (town, town, news, group)
                mutants.append(mutant)
            assert NUMBERS
            for _ in range(20):
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
            assert served["messages.createForumTopic"] and served["messages.getReplies"]
            assert served["channels.setDiscussionGroup"] and served["messages.readDiscussion"]
            report = check_store(c.store)
            assert not report.problems and not report.parked, report.problems

    run(story())
