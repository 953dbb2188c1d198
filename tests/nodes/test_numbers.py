"""Whose a number is, and where files are said to lie."""

from __future__ import annotations

import pytest

from tgserve.ids import AccessHashes, Ids
from tgserve.services.nodes.charter import Charter, key_between, take_range
from tgserve.tl import layers
from tgserve.tl import types as t

CHARTER = Charter.make(2, bytes(range(32)), bytes(32))
KEEPERS, JOINED = 8_000_000_000, (4 << 35) + 8_000_000_000


def test_ranges_never_meet_and_fit_what_clients_take():
    assert [CHARTER.home(user) for user in (1_000_001, KEEPERS, JOINED, (5 << 35) + 2**33 + 10**6)] == [
        2,
        2,
        4,
        5,
    ]
    assert (5 << 35) + 2**33 + 10**6 < 2**40  # TDLib's largest user
    ids = Ids()
    take_range(ids, CHARTER, 2)
    assert ids.base == ids.media_mark == 0
    take_range(ids, CHARTER, 4)
    assert CHARTER.home(ids.base + 1) == 4
    assert CHARTER.home_of_media(ids.media_mark | 2**59 - 1) == 4 and 0 < ids.media_mark < 2**63
    assert CHARTER.home_of_media(1 << 60 | 12345) == CHARTER.home_of_media(2**62 - 1) == 2


def test_the_charter_is_made_of_the_secret_one_way_and_read_strictly():
    assert Charter.decode(CHARTER.encode()) == CHARTER == Charter.make(2, bytes(range(32)), bytes(32))
    assert bytes(range(32)) not in CHARTER.encode()
    for data in (b"", b"\x90", CHARTER.encode()[:-1], Charter(9, *[bytes(32)] * 3).encode(), b"x" * 40):
        with pytest.raises(ValueError):
            Charter.decode(data)


def test_two_nodes_work_out_the_same_access_hash_only_for_people_of_both():
    two, four = AccessHashes(b"a" * 32), AccessHashes(b"b" * 32)
    alone = two.of(KEEPERS, b"u", KEEPERS + 1)
    two.shared_key, four.shared_key = key_between(CHARTER, 2), key_between(CHARTER, 4)
    assert two.of(KEEPERS, b"u", JOINED) == four.of(KEEPERS, b"u", JOINED)
    assert two.of(KEEPERS, b"u", JOINED) != two.of(KEEPERS + 1, b"u", JOINED)
    assert two.of(KEEPERS, b"u", KEEPERS + 1) == alone != four.of(KEEPERS, b"u", KEEPERS + 1)
    assert two.of(KEEPERS, b"f", 5) != four.of(KEEPERS, b"f", 5)
    assert two.of(KEEPERS, b"u", 777000) != four.of(JOINED, b"u", 777000)


def test_a_file_of_another_node_is_never_said_to_lie_here():
    """Who believes to be at DC 1 is told so of our files, and of theirs the truth."""

    def shot(dc: int) -> t.UserProfilePhoto:
        return t.UserProfilePhoto(photo_id=1, dc_id=dc)

    def at(data: bytes) -> int:
        found = layers.decode(data)
        assert isinstance(found, t.UserProfilePhoto)
        return found.dc_id

    try:
        layers.keep_dcs((4,))
        for dc, told in ((2, 1), (4, 4)):
            assert at(layers.encode(shot(dc), dc=1)) == told
            assert at(layers.encode(layers.drawn(shot(dc)), dc=1)) == told
            assert at(layers.encode(shot(dc))) == dc
    finally:
        layers.keep_dcs(())
    assert at(layers.encode(shot(4), dc=1)) == 1
