"""Ids, compression, sealing; records that were touched; walks over packs."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tgserve.chunks.coding import Coder, Rotten
from tgserve.chunks.framing import HEADER_BYTES, SEALED, ZSTD, header_of, pack_record, shadow_of, walk

SECRET = bytes(range(32))
PLAIN = Coder(SECRET, False, os.urandom)
SEALING = Coder(SECRET, True, os.urandom)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(min_size=1, max_size=5000), repeat=st.integers(1, 50), seal=st.booleans())
def test_content_comes_back(content: bytes, repeat: int, seal: bool) -> None:
    content = (content * repeat)[: 512 * 1024]
    coder = SEALING if seal else PLAIN
    chunk_id, record = coder.encode(content)
    assert PLAIN.decode(chunk_id, record) == content
    assert PLAIN.id_of(content) == chunk_id


def test_the_id_needs_the_secret() -> None:
    assert Coder(bytes(32), False, os.urandom).id_of(b"known file") != PLAIN.id_of(b"known file")


def test_what_shrinks_is_compressed_and_media_are_not() -> None:
    text = b"".join(b"line %d of a log\n" % number for number in range(20_000))[: 512 * 1024]
    record = PLAIN.encode(text)[1]
    assert header_of(record).flags == ZSTD and len(record) < len(text) / 3
    noise = os.urandom(512 * 1024)
    for media in (
        noise,
        b"\xff\xd8\xff\xe0" + text,
        b"\x89PNG" + text,
        b"\0\0\0\x20ftypisom" + text,
        b"RIFF\0\0\0\0WEBP" + text,
    ):
        media = media[: 512 * 1024]
        record = PLAIN.encode(media)[1]
        assert header_of(record).flags == 0 and record[HEADER_BYTES:] == media


def test_sealed_records_show_nothing_and_differ() -> None:
    content = b"a secret that repeats " * 100
    chunk_id, record = SEALING.encode(content)
    assert header_of(record).flags & SEALED
    assert b"secret" not in record
    assert SEALING.encode(content)[1] != record
    with pytest.raises(Rotten):
        Coder(bytes(32), True, os.urandom).decode(chunk_id, record)


@pytest.mark.parametrize("coder", [PLAIN, SEALING], ids=["plain", "sealed"])
@pytest.mark.parametrize("content", [b"x", b"short text", os.urandom(3000), b"text " * 2000], ids=len)
def test_every_flipped_bit_is_seen(coder: Coder, content: bytes) -> None:
    chunk_id, record = coder.encode(content)
    step = max(1, len(record) // 300)
    for at in [*range(HEADER_BYTES), *range(HEADER_BYTES, len(record), step)]:
        bad = bytearray(record)
        bad[at] ^= 1 << at % 8
        with pytest.raises(Rotten):
            coder.decode(chunk_id, bytes(bad))
    for cut in (0, 10, HEADER_BYTES, len(record) - 1):
        with pytest.raises(Rotten):
            coder.decode(chunk_id, record[:cut])


def test_a_zstd_bomb_does_not_open() -> None:
    import zstandard

    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(100 << 20))
    chunk_id = PLAIN.id_of(bytes(1000))
    with pytest.raises(Rotten):
        PLAIN.decode(chunk_id, pack_record(chunk_id, ZSTD, 1000, bomb[:500_000]))


@given(sizes=st.lists(st.integers(0, 700), max_size=20), cut=st.integers(0, 60), window=st.integers(52, 1000))
def test_a_walk_finds_all_whole_records(sizes: list[int], cut: int, window: int) -> None:
    records = [pack_record(bytes(32), 0, 1 + size, bytes(size)) for size in sizes]
    data = b"".join(records)
    data = data[: max(0, len(data) - cut)]
    expected, at = [], 0
    for record in records:
        if at + len(record) <= len(data):
            expected.append(at)
        at += len(record)
    found = [at for at, _ in walk(lambda at, count: data[at : at + count], 0, len(data), window)]
    assert found == expected


def test_a_walk_ends_at_a_shadow() -> None:
    record = pack_record(bytes(32), 0, 5, b"12345")
    data = record + b"".join(shadow_of(record)) + record
    assert [at for at, _ in walk(lambda at, count: data[at : at + count], 0, len(data))] == [0]
