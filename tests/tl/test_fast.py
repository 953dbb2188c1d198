"""Hand-made pieces are what the codec writes."""

from tgserve.tl import fast, layers
from tgserve.tl import functions as f
from tgserve.tl import types as t


def test_pieces_put_together_are_the_object():
    users = [t.UserEmpty(id=1), t.UserEmpty(id=2)]
    by_hand = fast.vector_header(2) + b"".join(map(layers.encode, users))
    assert by_hand == layers.encode_result(f.users.GetUsers, users)
    assert layers.encode(True) == fast.TRUE and layers.encode(False) == fast.FALSE
    name = t.Username(username="x" * 300)
    assert layers.encode(name).endswith(fast.string(b"x" * 300))
