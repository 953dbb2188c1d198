"""tgserve/mtproto/containers.py: splitting, joining, inflating, deflating."""

from __future__ import annotations

import tracemalloc
import zlib
from contextlib import suppress
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mtproto.client_packets import container, gzipped, tl_bytes, zlibbed
from tgserve.mtproto import containers
from tgserve.mtproto.containers import Malformed, deflate, inflate, join, split

BODIES = st.binary(min_size=1, max_size=40).map(lambda body: pack("<I", 0x01020304) + body * 4)
MESSAGES = st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), BODIES), max_size=20)


@given(MESSAGES)
def test_join_is_what_a_client_writes_and_split_its_inverse(messages: list[tuple[int, int, bytes]]) -> None:
    body = join(messages)
    assert body == container(*messages)
    parts = split(body, 4, len(body))
    assert [(msg_id, seq_no, body[at:end]) for msg_id, seq_no, at, end in parts] == messages


@given(MESSAGES, st.data())
def test_3_9_split_never_reads_outside(messages: list[tuple[int, int, bytes]], data: st.DataObject) -> None:
    body = bytearray(container(*messages))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(4, len(body)))
    try:
        parts = split(bytes(body), 4, end)
    except Malformed:
        return
    at = 8
    for _, _, start, stop in parts:
        assert start == at + 16 and start < stop <= end and (stop - start) % 4 == 0
        at = stop
    assert at == end


@given(st.binary(min_size=4, max_size=2000))
def test_inflate_takes_gzip_and_zlib(body: bytes) -> None:
    if body[:4] == pack("<I", 0x3072CFA1):
        return
    assert inflate(gzipped(body)) == body
    assert inflate(zlibbed(body)) == body


@given(st.binary(max_size=300))
def test_3_11_inflate_of_anything_is_malformed_or_bounded(data: bytes) -> None:
    with suppress(Malformed):
        assert len(inflate(data, 0)) <= 4 << 20


def test_3_11_limit_is_exact() -> None:
    body = bytes(10_000)
    assert inflate(gzipped(body), limit=10_000) == body
    with pytest.raises(Malformed):
        inflate(gzipped(body), limit=9_999)


def test_3_11_a_bomb_is_not_unpacked_to_its_end() -> None:
    """128 MiB of zeros in 128 KiB: memory stays at the cap."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(128)) + bomb.flush()
    body = pack("<I", 0x3072CFA1) + tl_bytes(packed)
    tracemalloc.start()
    with pytest.raises(Malformed):
        inflate(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


@given(st.binary(max_size=50), st.integers(0, 300))
def test_deflate_is_undone_by_inflate(piece: bytes, times: int) -> None:
    body = pack("<I", 7) + piece * times
    packed = deflate(body)
    if packed is not body:
        assert len(packed) < len(body) and inflate(packed) == body
    else:
        assert len(body) < 1024 or len(zlib.compress(body, 1)) > len(body) * 0.8


def test_zlib_packs_where_the_quicker_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"what people write to each other " * 100
    quick = deflate(body)
    monkeypatch.setattr(containers, "isal_zlib", None)
    plain = deflate(body)
    assert plain != quick and inflate(plain) == inflate(quick) == body
