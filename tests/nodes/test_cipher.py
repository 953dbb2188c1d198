"""The sealed line between nodes, against another implementation of Noise and against what may be done to it."""

from __future__ import annotations

import pytest
from noise.connection import Keypair, NoiseConnection

from tgserve.errors import ProtocolError
from tgserve.ids import Ids
from tgserve.server.peering_cipher import PROTOCOL, Direction, Handshake, public_key

PROLOGUE = b"said in the clear"
SECRET, OTHER, THIRD = bytes(range(32)), bytes(range(1, 33)), bytes(range(2, 34))


def theirs(*, initiator: bool, secret: bytes, remote: bytes = b"") -> NoiseConnection:
    made = NoiseConnection.from_name(PROTOCOL)
    if initiator:
        made.set_as_initiator()
    else:
        made.set_as_responder()
    made.set_prologue(PROLOGUE)
    made.set_keypair_from_private_bytes(Keypair.STATIC, secret)
    if remote:
        made.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, remote)
    made.start_handshake()
    return made


def lines() -> tuple[tuple[Direction, Direction], tuple[Direction, Direction], Handshake]:
    """(sending, receiving) of who connects and of who is connected to."""
    first = Handshake(Ids(), SECRET, PROLOGUE, public_key(OTHER))
    second = Handshake(Ids(), OTHER, PROLOGUE)
    answer, sending, receiving = second.accept(first.opening())
    return first.finish(answer), (sending, receiving), second


def test_another_implementation_answers_us():
    """SECURITY 8.1."""
    ours = Handshake(Ids(), SECRET, PROLOGUE, public_key(OTHER))
    them = theirs(initiator=False, secret=OTHER)
    assert them.read_message(ours.opening()) == b""
    sending, receiving = ours.finish(bytes(them.write_message()))
    for text in (b"one", b"", b"three" * 1000):
        assert them.decrypt(sending.seal(text)) == text
        assert receiving.open(bytes(them.encrypt(text))) == text


def test_another_implementation_calls_us():
    them = theirs(initiator=True, secret=SECRET, remote=public_key(OTHER))
    ours = Handshake(Ids(), OTHER, PROLOGUE)
    answer, sending, receiving = ours.accept(bytes(them.write_message()))
    assert ours.remote == public_key(SECRET)
    them.read_message(answer)
    for text in (b"one", b"two"):
        assert them.decrypt(sending.seal(text)) == text
        assert receiving.open(bytes(them.encrypt(text))) == text


def test_both_know_the_others_key_and_each_connection_has_keys_of_its_own():
    (sending, _), (_, receiving), second = lines()
    assert second.remote == public_key(SECRET)
    sealed = sending.seal(b"hello")
    assert receiving.open(sealed) == b"hello"
    again = lines()
    with pytest.raises(ProtocolError):
        again[1][1].open(sealed)  # of another connection


def test_a_message_opens_once_in_its_place_and_unchanged():
    """SECURITY 8.1."""
    for spoil in (
        lambda one, two: one[:-1] + bytes((one[-1] ^ 1,)),  # changed
        lambda one, two: two,  # the one before it left out
        lambda one, two: one[:8],  # cut
        lambda one, two: b"",
    ):
        (sending, _), (_, receiving), _ = lines()
        one, two = sending.seal(b"one"), sending.seal(b"two")
        with pytest.raises(ProtocolError):
            receiving.open(spoil(one, two))
    (sending, own), (_, receiving), _ = lines()
    one = sending.seal(b"one")
    assert receiving.open(one) == b"one"
    with pytest.raises(ProtocolError):
        receiving.open(one)  # repeated
    with pytest.raises(ProtocolError):
        own.open(one)  # sent back to who wrote it


def test_who_has_not_the_key_cannot_answer_or_be_understood():
    """SECURITY 8.1."""
    first = Handshake(Ids(), SECRET, PROLOGUE, public_key(OTHER))
    with pytest.raises(ProtocolError):
        Handshake(Ids(), THIRD, PROLOGUE).accept(first.opening())
    pretender = Handshake(Ids(), THIRD, PROLOGUE)
    meant = Handshake(Ids(), SECRET, PROLOGUE, public_key(THIRD))
    answer, _, _ = pretender.accept(meant.opening())
    with pytest.raises(ProtocolError):
        first.finish(answer)


def test_an_old_opening_repeated_leads_nowhere():
    """SECURITY 8.1."""
    first = Handshake(Ids(), SECRET, PROLOGUE, public_key(OTHER))
    opening = first.opening()
    answer, _, _ = Handshake(Ids(), OTHER, PROLOGUE).accept(opening)
    sending, _ = first.finish(answer)
    said = sending.seal(b"do it")
    _, _, receiving = Handshake(Ids(), OTHER, PROLOGUE).accept(opening)  # the same bytes, later
    with pytest.raises(ProtocolError):
        receiving.open(said)


def test_what_was_said_in_the_clear_is_part_of_it():
    first = Handshake(Ids(), SECRET, b"link 1", public_key(OTHER))
    with pytest.raises(ProtocolError):
        Handshake(Ids(), OTHER, b"link 2").accept(first.opening())


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)])
def test_keys_of_low_order_are_refused(point: bytes):
    with pytest.raises(ProtocolError):
        Handshake(Ids(), SECRET, PROLOGUE, point).opening()
    first = Handshake(Ids(), SECRET, PROLOGUE, public_key(OTHER))
    opening = first.opening()
    with pytest.raises(ProtocolError):
        Handshake(Ids(), OTHER, PROLOGUE).accept(point + opening[32:])
    with pytest.raises(ProtocolError):
        first.finish(point + bytes(16))


def test_lengths_are_held():
    second = Handshake(Ids(), OTHER, PROLOGUE)
    for size in (0, 95, 97):
        with pytest.raises(ProtocolError):
            second.accept(bytes(size))
    first = Handshake(Ids(), SECRET, PROLOGUE, public_key(OTHER))
    first.opening()
    with pytest.raises(ProtocolError):
        first.finish(bytes(47))
