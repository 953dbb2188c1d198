"""The splicer against the codec: every combination of parts gives the bytes that the generated encoder gives."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tgserve.render import message as m
from tgserve.render.peers import peer
from tgserve.render.sent import short
from tgserve.services.boxes import View
from tgserve.services.messaging import Sent
from tgserve.store import records as r
from tgserve.tl import layers
from tgserve.tl import types as t

ME = 7_000_000_001
OTHER = 5_000_000_002
ENTITIES = [
    t.MessageEntityBold(offset=0, length=1),
    t.MessageEntityTextUrl(offset=1, length=1, url="http://a.b/"),
]
MEDIA = t.MessageMediaContact(phone_number="1", first_name="a", last_name="", vcard="", user_id=0)
MARKUP = t.ReplyKeyboardHide()
NOBODY: Any = None
"""Services: what these messages are made of is the same for every viewer."""
texts = st.one_of(st.text(max_size=40), st.integers(250, 260).map("x".__mul__), st.just("é" * 130))


@st.composite
def views(draw: Any) -> tuple[View, Any]:
    """A view and the object it must look like."""
    maybe = st.booleans()
    flags = draw(st.integers(0, 15))
    saved = bool(flags & r.ROW_FROM_SELF)
    chat = ME if saved else draw(st.sampled_from([OTHER, -55]))
    author = ME if saved or flags & r.ROW_OUT else OTHER
    text = draw(texts)
    entities = ENTITIES[: draw(st.integers(0, 2))]
    media = draw(st.sampled_from([None, MEDIA]))
    markup = draw(st.sampled_from([None, MARKUP]))
    fwd = draw(st.sampled_from([None, t.MessageFwdHeader(date=5, from_id=t.PeerUser(user_id=OTHER))]))
    action = draw(st.sampled_from([None, None, None, t.MessageActionHistoryClear()]))
    quote = draw(st.sampled_from(["", "quoted"]))
    reply = draw(
        st.sampled_from([None, r.Reply(OTHER, 3, quote, m.entities_bytes(ENTITIES[:1]) if quote else b"", 7)])
    )
    reply_id = draw(st.sampled_from([0, 9]))
    numbers = {
        name: draw(st.sampled_from([0, 11])) for name in ("edit_date", "ttl_period", "via_bot", "effect")
    }
    grouped = draw(st.sampled_from([0, -(2**60)]))
    bits = {name: draw(maybe) for name in ("silent", "noforwards", "invert_media", "edit_hide")}
    row = r.Row(chat, author, 4, flags)
    body = r.Body(
        author,
        1_700_000_000,
        text.encode(),
        layers.CURRENT,
        0,
        m.entities_bytes(entities),
        layers.encode(media) if media else b"",
        layers.encode(action) if action else b"",
        layers.encode(fwd) if fwd else b"",
        layers.encode(markup) if markup else b"",
        reply,
        grouped_id=grouped,
        **numbers,
        **bits,
    )
    view = View(ME, 42, row, body, reply_id)
    header = None
    if reply is not None and reply_id:
        header = t.MessageReplyHeader(reply_to_msg_id=reply_id)
        if quote:
            header = t.MessageReplyHeader(
                quote=True,
                reply_to_msg_id=reply_id,
                quote_text=quote,
                quote_entities=ENTITIES[:1],
                quote_offset=7,
            )
    common: dict[str, Any] = {
        "id": 42,
        "out": bool(flags & r.ROW_OUT),
        "mentioned": bool(flags & r.ROW_MENTIONED),
        "media_unread": bool(flags & r.ROW_MEDIA_UNREAD),
        "silent": bits["silent"],
        "from_id": t.PeerUser(user_id=author),
        "peer_id": peer(chat),
        "reply_to": header,
        "date": 1_700_000_000,
        "ttl_period": numbers["ttl_period"] or None,
    }
    if action is not None:
        saved_peer = t.PeerUser(user_id=ME) if saved else None
        return view, t.MessageService(**common, saved_peer_id=saved_peer, action=action)
    origin = None
    if saved:
        origin = t.PeerUser(user_id=OTHER if fwd else ME)
    return view, t.Message(
        **common,
        message=text,
        saved_peer_id=origin,
        fwd_from=fwd,
        via_bot_id=numbers["via_bot"] or None,
        media=media,
        reply_markup=markup,
        entities=entities or None,
        edit_date=numbers["edit_date"] or None,
        edit_hide=bits["edit_hide"] and bool(numbers["edit_date"]),
        grouped_id=grouped or None,
        effect=numbers["effect"] or None,
        noforwards=bits["noforwards"],
        invert_media=bits["invert_media"],
    )


@given(views())
@settings(max_examples=400, deadline=None)
def test_spliced_bytes_are_the_codecs(case: tuple[View, Any]) -> None:
    view, expected = case
    assert m.message_bytes(NOBODY, view) == layers.encode(expected)
    assert m.needs(view) >= layers.since(expected.ID)


@given(views(), st.sampled_from([152, 199, 200, 227, 229, 232]))
@settings(max_examples=100, deadline=None)
def test_every_layer_can_read_it(case: tuple[View, Any], layer: int) -> None:
    view, expected = case
    assert layers.encode(m.message(NOBODY, view), layer) == layers.encode(expected, layer)


@given(views())
@settings(max_examples=100, deadline=None)
def test_short_answer_is_the_codecs(case: tuple[View, Any]) -> None:
    view, message = case
    if isinstance(message, t.MessageService):
        return
    answer = short(NOBODY, Sent(42, 17, 1_700_000_000, view))
    expected = t.UpdateShortSentMessage(
        out=not view.row.flags & r.ROW_FROM_SELF,
        id=42,
        pts=17,
        pts_count=1,
        date=1_700_000_000,
        media=message.media,
        entities=message.entities,
        ttl_period=message.ttl_period,
    )
    assert answer.data == layers.encode(expected)


def test_a_body_of_an_older_schema_is_brought_up_to_date() -> None:
    body = r.Body(OTHER, 5, b"ab", 200, 0, m.entities_bytes(ENTITIES), layers.encode(MEDIA), peer=ME)
    view = View(ME, 1, r.Row(OTHER, OTHER, 1), body)
    found = layers.decode(m.message_bytes(NOBODY, view))
    assert isinstance(found, t.Message)
    assert found.entities == ENTITIES and found.media == MEDIA


def test_strings_of_every_length_class() -> None:
    for size in (0, 1, 2, 3, 4, 252, 253, 254, 255, 256, 257, 70_000):
        data = b"z" * size
        text = t.TextWithEntities(text="z" * size, entities=[])
        assert m.tl_string(data) == layers.encode(text)[4:-8]


def test_people_are_named_once() -> None:
    body = r.Body(OTHER, 5, b"x", users=(9, OTHER), via_bot=8)
    view = View(ME, 1, r.Row(OTHER, OTHER, 1), body)
    assert list(m.people([view, view], NOBODY)) == [OTHER, 9, 8]
