"""Slots are for ever: these numbers may never change, or every row of every store would be looked for elsewhere."""

from collections import Counter

from tgserve.store.slots import SLOTS, slot_of

GOLDEN = {
    0: 0,
    1: 632,
    777000: 419,
    1_000_001: 621,
    2**40: 297,
    -5: 931,
    -(10**12) - 7: 797,
    2**64 - 1: 391,
    "999661234": 776,
    "durov": 108,
    "": 711,
    b"\x00\xff": 22,
}


def test_golden_slots() -> None:
    assert {owner: slot_of(owner) for owner in GOLDEN} == GOLDEN


def test_text_and_its_bytes_are_one_owner() -> None:
    assert slot_of("durov") == slot_of(b"durov")


def test_neighbouring_ids_spread() -> None:
    counts = Counter(slot_of(n) for n in range(10**6, 10**6 + 50 * SLOTS))
    assert len(counts) == SLOTS
    assert max(counts.values()) < 75
