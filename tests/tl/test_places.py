"""Where files are said to be: the data centre that the session believes it talks to (CLIENTS A.5.7)."""

from __future__ import annotations

import pytest

from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import raw
from tgserve.tl.functions import messages


def _document(dc: int) -> t.Document:
    return t.Document(
        id=7,
        access_hash=8,
        file_reference=b"r" * 27,
        date=9,
        mime_type="a/b",
        size=10,
        dc_id=dc,
        attributes=[t.DocumentAttributeFilename(file_name="x")],
    )


def _photo(dc: int) -> t.Photo:
    size = t.PhotoSize(type="x", w=1, h=2, size=3)
    return t.Photo(id=7, access_hash=8, file_reference=b"", date=9, sizes=[size], dc_id=dc)


def _all(dc: int) -> t.MessagesStickers:
    return t.MessagesStickers(hash=0, stickers=[_document(dc), _document(dc)])


@pytest.mark.parametrize("layer", [152, 199, 200, 227, layers.CURRENT])
@pytest.mark.parametrize("dc", [1, 4])
def test_objects_are_told_at_the_sessions_dc(layer: int, dc: int) -> None:
    for made in (_document, _photo, _all):
        assert layers.encode(made(2), layer, dc) == layers.encode(made(dc), layer)
        assert layers.encode(made(2), layer) == layers.encode(made(2), layer, 2)


@pytest.mark.parametrize("layer", [152, 199, layers.CURRENT])
def test_drawn_bytes_too(layer: int) -> None:
    drawn = layers.drawn(_all(2))
    assert len(drawn.dcs) == 2
    assert layers.encode(drawn, layer, 4) == layers.encode(_all(4), layer)
    assert layers.encode(drawn, layer) == layers.encode(_all(2), layer)
    inside = t.MessageMediaDocument(document=layers.drawn(_document(2)))
    plain = t.MessageMediaDocument(document=_document(3))
    assert layers.encode(inside, layer, 3) == layers.encode(plain, layer)


def test_answers_too() -> None:
    drawn = layers.drawn(t.MessageMediaPhoto(photo=_photo(2)))
    answer = layers.encode_result(messages.UploadMedia, drawn, layers.CURRENT, 1)
    assert answer == layers.encode(t.MessageMediaPhoto(photo=_photo(1)))


def test_what_names_no_file_has_no_places() -> None:
    assert layers.drawn(t.PeerUser(user_id=3)).dcs == ()
    assert raw(b"abcd", 0).dcs == ()
