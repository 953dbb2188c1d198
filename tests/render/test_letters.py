"""What every member of a group is told of one message is joined from bytes shared by all: it must not differ from what
each would be told alone."""

from __future__ import annotations

import copy
from typing import Any

from tests.community import run
from tests.talk import talk
from tgserve.render import updates as render
from tgserve.services.boxes import View
from tgserve.store import events as ev
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages


def _told(heard: list[Any]) -> list[Any]:
    return [
        one
        for one in heard
        if type(one) is Published and type(one.event) is ev.NewMessage and type(one.memo) is View
    ]


def _alone(services: Any, published: Published) -> Any:
    """Drawn without what is shared."""
    single = copy.copy(published)
    single.memo = copy.copy(published.memo)
    single.memo.letter = None
    return render.draw(services, single, published.user_id)


def test_members_are_told_what_each_would_be_told_alone() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            users: list[Any] = []
            for other in (bob, eve, joe):
                await ann.send(other, "hello")
                peer: Any = ann.peer(other)
                users.append(t.InputUser(user_id=peer.user_id, access_hash=peer.access_hash))
            made = await ann(messages.CreateChat(users=users, title="Group"))
            await c.settle()
            group = -made.updates.chats[0].id
            # their boxes differ: the message has another number in each
            await bob.send(ann, "one more")
            await c.settle()
            bold: list[t.AnyMessageEntity] = [t.MessageEntityBold(offset=0, length=2)]
            named: list[t.AnyMessageEntity] = [
                t.InputMessageEntityMentionName(
                    offset=0,
                    length=2,
                    user_id=t.InputUser(user_id=users[1].user_id, access_hash=users[1].access_hash),
                )
            ]
            first = await ann.send(group, "plain")
            for more in (
                {"entities": bold},
                {"entities": named},
                {"silent": True, "noforwards": True},
                {"reply_to": t.InputReplyToMessage(reply_to_msg_id=first)},
            ):
                c.heard.clear()
                await ann.send(group, "text of it", **more)
                await c.settle()
                told = _told(c.heard)
                assert {one.user_id for one in told} == {ann.id, bob.id, eve.id, joe.id}
                shared = [one for one in told if one.memo.letter is not None]
                assert len(shared) == (2 if more.get("entities") is named else 3)
                for one in shared:
                    both: tuple[Any, Any] = render.draw(c.services, one, one.user_id), _alone(c.services, one)
                    assert layers.encode(both[0]) == layers.encode(both[1])
                    assert both[0].min_layer == both[1].min_layer
                    assert both[0].dcs == both[1].dcs
                    drawn: Any = layers.decode(both[0].data)
                    assert drawn.updates[0].message.id == one.event.msg_id
                    assert drawn.updates[0].pts == one.pts
            assert len({one.event.msg_id for one in told}) > 1

    run(story())
