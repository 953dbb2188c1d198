from __future__ import annotations

import typing

import pytest
from msgspec.structs import replace

from tests.api.messages.test_chats import group
from tests.community import run
from tests.places import place
from tests.talk import talk
from tgserve.render import updates as render
from tgserve.render import user as render_user
from tgserve.services.bus import StatusChanged, Typing
from tgserve.store import events as ev
from tgserve.store import reaction_records as rr
from tgserve.store import records as r
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import Raw
from tgserve.tl.functions import messages

KINDS = typing.get_args(ev.AnyEvent)


def _sample(kind: type[ev.Event], other: int, poll: int = 0) -> ev.Event:
    samples: dict[str, object] = {
        "msg_id": 1,
        "msg_ids": (1, 2),
        "chats": (),
        "peer": other,
        "peers": (other,),
        "user_id": other,
        "max_id": 1,
        "still_unread": 0,
        "date": 5,
        "pinned": True,
        "unread": True,
        "blocked": True,
        "what": "name",
        "hash": 9,
        "device": "d",
        "location": "l",
        "unconfirmed": True,
        "number": 2,
        "folder": 1,
        "key": "phone_number",
        "kind": "users",
        "shelf": "stickers",
        "poll": poll,
        "topic": 7,
        "topics": (7, 8),
        "channel": 0,
        "post": 0,
        "as_messages": True,
    }
    return kind(**{name: samples[name] for name in kind.__struct_fields__})


def test_every_event_kind_has_a_drawing() -> None:
    """Add the new kind to render/updates.py _DRAWN."""
    assert set(render._DRAWN) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_kind_renders_in_every_layer(kind: type[ev.Event]) -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await ann.send(bob, "hi")
            text = layers.encode(t.TextWithEntities(text="?", entities=[]))
            answers = (rr.Answer(text, b"0"), rr.Answer(text, b"1"))
            poll = await c.services.polls.make(
                ann.id, 1, rr.Poll(ann.id, 5, layers.CURRENT, text, answers, public=True)
            )
            event: typing.Any = _sample(kind, ann.id, poll)
            published = Published(bob.id, 2, 1, event, int(c.clock.now()))
            drawn = render.draw(c.services, published, bob.id)
            found = layers.decode(layers.encode(drawn))
            assert isinstance(found, t.Updates) and found.seq == 0
            assert len(found.updates) == 1
            if hasattr(found.updates[0], "pts_count"):
                assert (found.updates[0].pts, found.updates[0].pts_count) == (2, 1)
            for layer in (152, 195, 200, 229):
                assert layers.encode(drawn, layer)

    run(story())


def test_a_pushed_message_is_the_codecs_updates() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await ann.send(bob, "hello @friend", reply_to=None)
            pushed = [one for one in c.heard if isinstance(one, Published) and one.user_id == bob.id][-1]
            assert pushed.memo is not None, "the receiver's push needs no read"
            drawn = render.draw(c.services, pushed, bob.id)
            found = layers.decode(drawn.data)
            assert layers.encode(found) == drawn.data
            assert isinstance(found, t.Updates)
            (update,), (user,) = found.updates, found.users
            assert isinstance(update, t.UpdateNewMessage) and update.message.message == "hello @friend"
            assert user.id == ann.id and update.message.from_id == t.PeerUser(user_id=ann.id)
            pushed.memo = None  # as after a restart
            assert render.draw(c.services, pushed, bob.id).data == drawn.data

    run(story())


PLAIN: tuple[dict[str, typing.Any], ...] = (
    {},
    {"text": b""},
    {"text": b"t" * 300},
    {"silent": True, "noforwards": True},
    {"min_layer": 228},
)
OTHER: tuple[dict[str, typing.Any], ...] = (
    {"users": (777000,)},
    {"reply": r.Reply(1, 1)},
    {"ttl_period": 5},
    {"edit_date": 5},
    {"effect": 5},
    {"grouped_id": 5},
    {"author": 777000},
)


@pytest.mark.parametrize("change", [*PLAIN, *OTHER], ids=repr)
def test_a_plain_message_is_drawn_as_any_other(
    change: dict[str, typing.Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same bytes, layer and places of data centres."""

    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await ann.send(bob, "hello")
            pushed = [one for one in c.heard if isinstance(one, Published) and one.user_id == bob.id][-1]
            view = pushed.memo
            view.body = replace(view.body, **change)
            of_user = render_user.user

            def with_photo(*given: typing.Any) -> typing.Any:
                drawn = of_user(*given)
                return Raw(drawn.data, drawn.min_layer, (4, 8))

            monkeypatch.setattr(render_user, "user", with_photo)
            short = render._plain(c.services, view, 7, 9)
            long = render.message_update(c.services, render._NEW_MESSAGE, view, 7, 1, 9)
            if change in OTHER:
                assert short is None
            else:
                parts = [(one.data, one.min_layer, one.dcs) for one in (short, long)]
                assert parts[0] == parts[1] and len(long.dcs) == 2
                again = Published(bob.id, 7, 1, ev.NewMessage(view.msg_id), 9, view)
                assert render.draw(c.services, again, bob.id).data == long.data  # type: ignore[union-attr]

    run(story())


def test_a_message_gone_meanwhile_still_moves_pts() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            published = Published(bob.id, 9, 1, ev.NewMessage(77), 5)
            drawn = render.draw(c.services, published, bob.id)
            assert drawn.updates == [t.UpdateDeleteMessages(messages=[77], pts=9, pts_count=1)]

    run(story())


def test_fleeting_news() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            action = layers.encode(t.SendMessageTypingAction())
            drawn = render.draw_ephemeral(c.services, Typing(ann.id, action), bob.id)
            found = layers.decode(layers.encode(drawn))
            assert found.update == t.UpdateUserTyping(user_id=ann.id, action=t.SendMessageTypingAction())
            c.services.presence.update_status(ann.id, offline=False)
            until = c.services.presence.status(ann.id).when
            drawn = render.draw_ephemeral(c.services, StatusChanged(ann.id, True, until), bob.id)
            assert drawn.update == t.UpdateUserStatus(
                user_id=ann.id, status=t.UserStatusOnline(expires=until)
            )

    run(story())


def test_a_message_that_names_channels_is_told_with_all_of_them() -> None:
    """A channel's post in a chat of two and in a group; a message that is drawn when its group has become another."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob, megagroup=False)
            post = await here.post(ann, "news")
            chat = await group(ann, bob)
            mark = len(c.heard)
            for number, to in enumerate((ann.peer(bob), ann.peer(chat))):
                passing = messages.ForwardMessages(
                    from_peer=here.peer(ann), to_peer=to, id=[post], random_id=[number + 5]
                )
                await ann(passing)

            def told() -> list[tuple[bool, list[int]]]:
                found = []
                for one in c.heard[mark:]:
                    if isinstance(one, Published) and one.user_id in (ann.id, bob.id):
                        drawn = render.draw(c.services, one, one.user_id)
                        assert drawn is not None and layers.encode(drawn, 152)
                        seen = layers.decode(layers.encode(drawn)).chats
                        found.append((one.user_id == bob.id, [chat.id for chat in seen]))
                return found

            news, both = [here.number], [-chat, here.number]
            assert sorted(told()) == [(False, news), (False, both), (True, news), (True, both)]
            mark = len(c.heard)
            await ann.send(chat, "the last words")
            waiting = list(c.heard)
            await ann(messages.MigrateChat(chat_id=-chat))
            c.heard[:] = waiting
            assert told() == [(False, [-chat]), (True, [-chat])]

    run(story())
