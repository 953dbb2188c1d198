from __future__ import annotations

from struct import Struct

from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages

_HEAD = Struct("<IIIi").pack


def test_an_input_peer_is_taken_for_a_user() -> None:
    """Kurigram names users of a new group by InputPeer."""
    people = b"".join(
        layers.encode(one)
        for one in (t.InputPeerUser(user_id=5, access_hash=6), t.InputPeerSelf(), t.InputPeerChat(chat_id=7))
    )
    data = _HEAD(messages.CreateChat.ID, 0, 0x1CB5C415, 3) + people + b"\x02Hi\0"
    assert layers.decode_request(data) == messages.CreateChat(
        users=[t.InputUser(user_id=5, access_hash=6), t.InputUserSelf(), t.InputUserEmpty()], title="Hi"
    )
