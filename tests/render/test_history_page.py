"""A page of history in one piece of bytes is what the codec makes of the objects, whatever the messages in it are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.messages.test_chats import group, kick
from tests.community import run
from tests.places import place
from tests.talk import Person, talk
from tgserve.api.messages import expiry as _expiry
from tgserve.render import messages as render
from tgserve.services.boxes import View
from tgserve.services.history import Sheet, Window
from tgserve.services.messaging import Draft, ReplyTo
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages

SERVED = (_expiry,)
"""Importing it fills METHODS."""
WINDOWS = (
    Window(limit=100),
    Window(limit=5),
    Window(limit=1),
    Window(limit=4, add_offset=-2, offset_id=9),
    Window(limit=3, add_offset=2),
    Window(limit=7, max_id=8, min_id=2),
    Window(limit=0),
)
LAYERS = (layers.CURRENT, layers.CURRENT - 1, 229, render.PAGE_LAYER, 200, 152)


async def chatter(me: Person, other: Person, peer: int, of_peer: int) -> None:
    """Texts and all kinds of other messages, of both; `of_peer`: as the other names the chat."""
    send = me.c.services.messaging.send
    for number, draft in enumerate(
        (
            Draft(b"plain"),
            Draft(b"x" * 253),
            Draft(b"x" * 254),
            Draft(b"x" * 3000, silent=True),
            Draft(b"kept", noforwards=True),
            Draft(b""),
            Draft(b"answer", reply=ReplyTo(1)),
            Draft(
                b"bold",
                entities=layers.encode(
                    t.TextWithEntities(text="", entities=[t.MessageEntityBold(offset=0, length=2)])
                )[8:],
                layer=layers.CURRENT,
                min_layer=133,
            ),
            Draft(b"together", grouped_id=77),
            Draft(b"effect", effect=5, invert_media=True),
        ),
        1,
    ):
        await send(me.id, peer, draft, number)
        await send(other.id, of_peer, draft if draft.reply is None else Draft(b"so"), number)
        await me.c.settle()
    if peer > 0:
        await me(messages.SetHistoryTTL(peer=me.peer(other), period=86400))
    await send(me.id, peer, Draft(b"soon gone"), 99)
    await me.c.settle()


def same(me: Person, peer: int) -> int:
    """Compares all windows in all layers; how many messages the whole page has."""
    services = me.c.services
    seen = 0
    for window in WINDOWS:
        old = render.page(services, me.id, services.history.page(me.id, peer, window))
        new = render.history(services, me.id, peer, services.history.sheet(me.id, peer, window))
        for layer in LAYERS:
            for dc in (0, 4):
                was = layers.encode_result(messages.GetHistory, old, layer, dc)
                assert layers.encode_result(messages.GetHistory, new, layer, dc) == was
        seen = max(seen, len(everything(me, peer).lines))
    return seen


def test_with_a_user() -> None:
    async def story() -> None:
        async with talk(2) as (_, (ann, bob)):
            await chatter(ann, bob, bob.id, ann.id)
            assert same(ann, bob.id) >= 21
            assert same(bob, ann.id) >= 21
            assert same(ann, ann.id) == 0
            await ann.c.services.messaging.send(ann.id, ann.id, Draft(b"note"), 200)
            assert same(ann, ann.id) == 1

    run(story())


def test_in_a_group() -> None:
    """With what is seen differently by who has left since, and members who are mentioned."""

    async def story() -> None:
        async with talk(3) as (_, (ann, bob, cid)):
            chat = await group(ann, bob, cid)
            await chatter(ann, bob, chat, chat)
            await ann.c.services.messaging.send(ann.id, chat, Draft(b"you", mentions=(cid.id,)), 300)
            await ann.c.settle()
            for person in (ann, bob, cid):
                assert same(person, chat) >= 21
            last = ann.c.services.history.page(ann.id, chat, Window(limit=1)).views[0]
            ann.c.clock.advance(5)
            await kick(ann, chat, bob)
            ann.c.clock.advance(5)
            await ann(
                messages.EditMessage(peer=t.InputPeerChat(chat_id=-chat), id=last.msg_id, message="new")
            )
            for person in (ann, bob, cid):
                same(person, chat)
            hidden = ann.c.services.history.sheet(bob.id, chat, Window()).lines
            shown = ann.c.services.history.page(bob.id, chat, Window()).views
            assert len(hidden) == len(shown) + 1, "he is not shown what it says now"

    run(story())


def test_with_posts_of_channels_and_in_a_group_that_is_over() -> None:
    """The channel that a post came from is drawn for each viewer, in the layer of each."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, megagroup=False)
            post = await here.post(ann, "news")
            chat = await group(ann, bob)
            for number, to in enumerate((ann.peer(bob), ann.peer(chat), t.InputPeerSelf())):
                passing = messages.ForwardMessages(
                    from_peer=here.peer(ann), to_peer=to, id=[post], random_id=[900 + number]
                )
                await ann(passing)
            assert same(ann, bob.id) and same(bob, ann.id) and same(ann, ann.id)
            assert same(ann, chat) and same(bob, chat)
            await ann(messages.MigrateChat(chat_id=-chat))
            assert same(ann, chat) and same(bob, chat)

    run(story())


def test_data_centres_are_found_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that believe they talk to another data centre are told its number wherever a file is."""
    photo = t.Photo(id=1, access_hash=2, file_reference=b"r", date=3, sizes=[], dc_id=2)
    face = t.UserProfilePhoto(photo_id=5, dc_id=2)

    def drawn(services: Any, view: View) -> Any:
        made = t.Message(
            id=view.msg_id,
            peer_id=t.PeerUser(user_id=view.row.peer),
            date=1,
            message="x" * view.msg_id,
            media=t.MessageMediaPhoto(photo=photo),
        )
        return layers.drawn(made)

    def people(services: Any, viewer: int, ids: Any) -> list[Any]:
        return [layers.drawn(t.User(id=one, photo=face)) for one in ids if one > 0]

    async def story() -> None:
        async with talk(2) as (_, (ann, bob)):
            await chatter(ann, bob, bob.id, ann.id)
            monkeypatch.setattr(render, "message", drawn)
            monkeypatch.setattr(render, "users", people)
            monkeypatch.setattr(render, "plain_bytes", lambda *_: None)
            assert same(ann, bob.id) >= 21
            raw: Any = render.history(ann.c.services, ann.id, bob.id, everything(ann, bob.id))
            assert len(raw.dcs) == len(everything(ann, bob.id).lines) + 2

    run(story())


def everything(me: Person, peer: int) -> Sheet:
    return me.c.services.history.sheet(me.id, peer, Window())
