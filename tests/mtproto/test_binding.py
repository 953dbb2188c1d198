"""SECURITY 1.17, by a client that lies in one field at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgserve.errors import RpcError
from tgserve.ids import Ids
from tgserve.mtproto.binding import open_binding
from tgserve.mtproto.cipher import AuthKey
from tgserve.testing.miniclient import binding_message

IDS = Ids(2)
PERM = AuthKey(IDS.random_bytes(256))
TEMP = AuthKey(IDS.random_bytes(256))
SESSION_ID = 2**64 - 5
ASKED = {"msg_id": 4 << 32, "nonce": -7, "expires_at": 1_700_000_000}


def check(message, **changes):
    asked = {
        **ASKED,
        "temp_auth_key_id": TEMP.id,
        "temp_session_id": SESSION_ID,
        "perm_auth_key_id": PERM.id,
        **changes,
    }
    open_binding(PERM, message, **asked)


def message(key=PERM, temp_key_id=TEMP.id, session_id=SESSION_ID, **changes):
    return binding_message(key, temp_key_id, session_id, IDS, **{**ASKED, **changes})


def refused(sent, **changes):
    with pytest.raises(RpcError) as caught:
        check(sent, **changes)
    assert (caught.value.code, caught.value.name) == (400, "ENCRYPTED_MESSAGE_INVALID")


def test_1_17_an_honest_binding_is_taken():
    check(message())
    check(message(), perm_auth_key_id=PERM.id - 2**64, temp_session_id=SESSION_ID - 2**64)


@pytest.mark.parametrize(
    "lie",
    [
        {"msg_id": 8 << 32},
        {"nonce": 8},
        {"expires_at": 1_700_000_001},
        {"temp_key_id": TEMP.id ^ 1},
        {"session_id": SESSION_ID ^ 1},
        {"perm_key_id": PERM.id ^ 1},
        {"constructor": 0x75A3F766},
        {"seq_no": 1},
        {"length": 44},
        {"msg_key": b"k" * 16},
        {"key": TEMP},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_1_17_every_field_must_be_equal(lie):
    refused(message(**lie))


@pytest.mark.parametrize(
    "claim",
    [
        {"msg_id": 8 << 32},
        {"nonce": 8},
        {"expires_at": 1},
        {"temp_auth_key_id": 1},
        {"temp_session_id": 1},
        {"perm_auth_key_id": TEMP.id},
    ],
    ids=lambda claim: next(iter(claim)),
)
def test_1_17_the_request_must_claim_the_same(claim):
    refused(message(), **claim)


def test_1_17_both_lying_alike_about_the_permanent_key():
    """The inner message and the request agree on a key that is not the one it is sealed with."""
    refused(message(perm_key_id=TEMP.id), perm_auth_key_id=TEMP.id)


@pytest.mark.parametrize("size", [0, 8, 24, 40, 88, 103, 105, 120])
def test_1_17_length(size):
    refused((message() + bytes(64))[:size])


@given(st.integers(0, 103), st.integers(1, 255))
def test_1_17_any_changed_byte(at, change):
    """Also in the last block: its padding is not covered by msg_key, but the 8 bytes of data before it are."""
    sent = bytearray(message())
    sent[at] ^= change
    refused(bytes(sent))


@given(st.binary(max_size=200))
def test_1_17_garbage(sent):
    refused(sent)
