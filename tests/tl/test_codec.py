"""The compiled codec against the plain one of samples.py, and against bytes meant to break it."""

import random
import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tl import samples
from tgserve.tl import codec, layers
from tgserve.tl import functions as f
from tgserve.tl import types as t
from tgserve.tl.base import Raw
from tgserve.tl.codec import TlError, Unsayable

VECTOR = struct.pack("<I", 0x1CB5C415)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.0])
def test_every_current_constructor_and_method_reads_and_writes_the_same_bytes(share):
    for definition in samples.definitions():
        data = samples.sample(definition, 1, share)
        found = layers.decode(data)
        assert definition.name == found.NAME
        assert layers.encode(found) == data, definition.text
        assert layers.decode(layers.encode(found)) == found


def test_every_superseded_id_is_read_as_a_current_object_or_refused_with_an_rpc_error():
    refused = set()
    for definition in samples.definitions(legacy=True):
        for share in (1.0, 0.5):
            try:
                found = layers.decode(samples.sample(definition, 1, share))
            except TlError as error:
                assert error.code == 400
                refused.add(definition.name)
                continue
            # What it has become can be written, but for constructors gone from the current layer within it.
            with suppress(Unsayable):
                layers.encode(found)
    assert refused == {"updateGroupCallMessage"}, "a superseded shape lost its rule"


def test_3_12_cut_and_changed_bytes_raise_tl_errors_only():
    rng = random.Random(12)
    chosen = rng.sample(samples.definitions(), 250) + rng.sample(samples.definitions(legacy=True), 100)
    outcomes = {True: 0, False: 0}
    for definition in chosen:
        data = samples.sample(definition, 3, 0.6)
        cuts = {rng.randrange(len(data)) for _ in range(6)}
        broken = [data[:cut] for cut in cuts]
        for _ in range(10):
            changed = bytearray(data)
            changed[rng.randrange(4, max(5, len(data))) % len(data)] = rng.choice(
                [0, 1, 0x7F, 0x80, 254, 255]
            )
            broken.append(bytes(changed))
        for each in broken:
            try:
                (layers.decode_request if definition.function else layers.decode)(each)
                outcomes[True] += 1
            except TlError as error:
                assert error.code == 400 and error.name.startswith("INPUT_")
                outcomes[False] += 1
    assert min(outcomes.values()) > 500


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64), st.sampled_from(sorted(samples.SCHEMA.all_ids())))
def test_3_12_random_bytes_behind_a_known_id(tail, id):
    data = struct.pack("<I", id) + tail
    for read in (layers.decode, layers.decode_request):
        try:
            read(data)
        except TlError as error:
            assert error.code == 400


def test_3_12_every_cut_of_a_call_is_refused():
    data = layers.encode(
        f.messages.SendMessage(
            peer=t.InputPeerUser(user_id=7, access_hash=9),
            message="x" * 300,
            random_id=5,
            entities=[t.MessageEntityBold(offset=0, length=3)],
            reply_to=t.InputReplyToMessage(reply_to_msg_id=3),
        )
    )
    for cut in range(len(data)):
        with pytest.raises(TlError):
            layers.decode_request(data[:cut])


def error_of(data: bytes) -> str:
    with pytest.raises(TlError) as caught:
        layers.decode_request(data)
    assert caught.value.code == 400
    return caught.value.name


def nested(levels: int) -> bytes:
    """A call holding JSON arrays within arrays; the JSON value proper is at depth `levels` + 1."""
    inner = layers.encode(t.JsonNull())
    array = struct.pack("<I", t.JsonArray.ID)
    value = (array + VECTOR + struct.pack("<i", 1)) * (levels - 1) + inner
    event = layers.encode(t.InputAppEvent(time=1.0, type="a", peer=0, data=Raw(value, 0)))
    return struct.pack("<I", f.help.SaveAppLog.ID) + VECTOR + struct.pack("<i", 1) + event


def test_3_12_depth_is_limited():
    layers.decode_request(nested(30))
    assert error_of(nested(33)) == "INPUT_FETCH_FAIL"
    assert error_of(nested(100_000)) == "INPUT_FETCH_FAIL"


@pytest.mark.parametrize("count", [3, 1 << 20, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000])
def test_3_12_vector_count_is_held_against_the_bytes_left(count):
    users = struct.pack("<I", f.users.GetUsers.ID) + VECTOR + struct.pack("<II", count, 0)
    assert error_of(users) == "INPUT_FETCH_ERROR"
    ids = struct.pack("<I", f.messages.DeleteMessages.ID) + bytes(4) + VECTOR + struct.pack("<II", count, 0)
    assert error_of(ids) == "INPUT_FETCH_ERROR"


def test_3_12_vector_of_another_constructor():
    data = struct.pack("<III", f.users.GetUsers.ID, t.InputUserSelf.ID, 0)
    assert error_of(data) == "INPUT_CONSTRUCTOR_INVALID"


@pytest.mark.parametrize(
    "head", [b"\xfd", b"\xfe\xff\xff\xff", b"\xff\x01\0\0\0\0\0\0", b"\xfe\0", b"\x05abcd"]
)
def test_3_12_strings_stay_within_the_body(head):
    assert error_of(struct.pack("<I", f.account.CheckUsername.ID) + head) == "INPUT_FETCH_ERROR"


def test_3_12_text_must_be_utf8():
    for bad in (b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80"):
        assert (
            error_of(struct.pack("<I", f.account.CheckUsername.ID) + codec.string(bad)) == "INPUT_FETCH_ERROR"
        )


def test_3_12_boxed_values_must_fit_their_slot():
    head = struct.pack("<I", f.messages.GetPeerSettings.ID)
    assert layers.decode_request(head + layers.encode(t.InputPeerSelf()))
    for wrong in (t.InputUserSelf(), t.InputPeerSelf.ID + 1, f.help.GetConfig()):
        inner = struct.pack("<I", wrong) if isinstance(wrong, int) else layers.encode(wrong)
        assert error_of(head + inner) == "INPUT_CONSTRUCTOR_INVALID"


def test_3_12_bytes_left_over_are_seen():
    assert error_of(layers.encode(f.help.GetConfig()) + bytes(4)) == "INPUT_FETCH_FAIL"
    assert error_of(layers.encode(f.account.CheckUsername(username="abc")) + b"\0") == "INPUT_FETCH_FAIL"


def test_3_12_unknown_and_non_methods():
    assert error_of(b"\1\2\3\4") == "INPUT_METHOD_INVALID"
    assert error_of(layers.encode(t.InputPeerSelf())) == "INPUT_METHOD_INVALID"
    assert error_of(b"") == error_of(b"abc") == "INPUT_FETCH_ERROR"


def test_3_12_bool_must_be_one_of_two():
    head = struct.pack("<I", f.account.UpdateStatus.ID)
    assert layers.decode_request(head + struct.pack("<I", 0x997275B5)).offline is True
    assert layers.decode_request(head + struct.pack("<I", 0xBC799737)).offline is False
    assert error_of(head + struct.pack("<I", 1)) == "INPUT_CONSTRUCTOR_INVALID"


@given(st.binary(max_size=600))
@settings(max_examples=60, deadline=None)
def test_strings_of_any_length_round_trip(data):
    written = codec.string(data)
    assert written == samples.tl_string(data)
    assert (
        layers.decode(layers.encode(f.upload.SaveFilePart(file_id=1, file_part=2, bytes=data))).bytes == data
    )


def test_a_string_longer_than_tl_can_say_is_refused():
    with pytest.raises(ValueError, match="cannot hold"):
        codec.string(bytes(1 << 24))


def test_fields_sharing_a_flag_bit_must_be_set_together():
    whole = {"id": 1, "peer_id": t.PeerUser(user_id=1), "date": 1, "message": ""}
    layers.encode(t.Message(**whole, views=1, forwards=0))
    for half in ({"views": 1}, {"forwards": 1}):
        with pytest.raises(ValueError, match="views, forwards share a flag bit"):
            layers.encode(t.Message(**whole, **half))


def test_decode_begins_at_the_offset_and_leaves_the_rest():
    data = b"before!!" + layers.encode(t.PeerUser(user_id=5)) + b"after"
    assert layers.decode(data, 8) == layers.decode(memoryview(data), 8) == t.PeerUser(user_id=5)
    for offset in (len(data), len(data) - 2):
        with pytest.raises(TlError):
            layers.decode(data, offset)


def test_wrappers_keep_the_wrapped_call_as_bytes():
    inner = layers.encode(f.help.GetConfig())
    outer = layers.encode(f.core.InvokeWithLayer(layer=229, query=f.help.GetConfig()))
    assert outer == layers.encode(f.core.InvokeWithLayer(layer=229, query=inner))
    assert layers.decode_request(outer) == f.core.InvokeWithLayer(layer=229, query=inner)


def test_a_foreign_value_is_named_in_the_error():
    with pytest.raises(TypeError, match="NoneType where a TL object belongs"):
        layers.encode(t.UpdateShort(update=None, date=1))
