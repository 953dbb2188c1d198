"""Mutated calls about files that are there: an answer in every layer or an error below 500, and everything that names a
file still names it (SECURITY 6.5, 6.7, 6.8, 7.4)."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.api.messages.test_fuzz import Mutant
from tests.community import run
from tests.files import as_document, fetch, location, named, newest, picture, put, send
from tests.services.test_convergence import check_box
from tests.talk import Person, talk
from tests.tl.samples import SCHEMA
from tgserve.api.messages.attachments import clean, file_name, mime_type
from tgserve.api.upload import check_range
from tgserve.errors import RpcError
from tgserve.rpc.registry import METHODS
from tgserve.store.check import check_store
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages, upload

KINDS = (
    upload.SaveFilePart,
    upload.SaveBigFilePart,
    upload.GetFile,
    upload.GetFileHashes,
    messages.SendMedia,
    messages.SendMultiMedia,
    messages.UploadMedia,
    messages.EditMessage,
    messages.ForwardMessages,
    messages.GetRecentLocations,
    messages.GetSearchCounters,
    messages.DeleteMessages,
    messages.ReadMessageContents,
    messages.SendScheduledMessages,
    messages.GetScheduledHistory,
)


class FileMutant(Mutant):
    """Knows files: uploads of its own, and media it was shown, its own and others'."""

    def __init__(
        self, seed: int, me: Person, others: list[Person], shown: list[Any], files: list[Any]
    ) -> None:
        super().__init__(seed, me, others)
        self.shown = shown
        self.files = files

    def changed(self, value: Any) -> Any:
        rng = self.rng
        if isinstance(value, t.AnyInputFile) and rng.random() < 0.8:
            return rng.choice(self.files)
        if isinstance(value, t.AnyInputFileLocation) and rng.random() < 0.8:
            return self.bent(location(rng.choice(self.shown), rng.choice(["", "", "m", "x", "q"])))
        if isinstance(value, t.AnyInputPhoto | t.AnyInputDocument) and rng.random() < 0.8:
            return self.bent(named(rng.choice(self.shown)).id)
        if isinstance(value, t.AnyInputMedia) and rng.random() < 0.5:
            one = named(rng.choice(self.shown), ttl_seconds=rng.choice([None, None, None, 5, 2**31 - 1, -1]))
            self.bent(one.id)
            return one
        if type(value) is int and rng.random() < 0.4:
            return rng.choice([0, 1, 1024, 4096, 1 << 17, 1 << 20])
        if isinstance(value, bytes):
            return rng.randbytes(rng.choice([0, 1, 1024, 4096]))
        return super().changed(value)

    def bent(self, named: Any) -> Any:
        if self.rng.random() < 0.2:
            named.file_reference = self.rng.randbytes(self.rng.choice([0, 8, 27]))
        if self.rng.random() < 0.1:
            named.access_hash += 1
        return named


@pytest.mark.parametrize("seed", range(3))
def test_7_4_mutated_calls_about_files(seed: int) -> None:
    """SECURITY 7.4"""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            shown, files = [], []
            for number in range(3):
                files.append(await put(ann, picture(50 + number, 50)))
                files.append(await put(ann, bytes(5000 + number), part=1024, big=True))
                await send(bob, ann, t.InputMediaUploadedPhoto(file=await put(bob, picture(60, 60))))
                shown.append((await newest(ann, bob)).media)
                await send(bob, ann, as_document(await put(bob, bytes(2000))))
                shown.append((await newest(ann, bob)).media)
            mutant = FileMutant(seed, ann, [bob, eve], shown, files)
            served: set[str] = set()
            for _ in range(45):
                for kind in KINDS:
                    request = mutant.request(kind)
                    try:
                        answer = await METHODS[kind.ID].run(c.call(ann.id, session=ann.session), request)
                    except RpcError as error:
                        assert error.code < 500, (request.NAME, error)
                        continue
                    served.add(request.NAME)
                    for layer in (152, 200, 229, layers.CURRENT):
                        names = SCHEMA.names(SCHEMA.known_layer(layer))
                        if SCHEMA[kind.ID].key in names and kind is not messages.GetSearchCounters:
                            for dc in (0, 1):
                                layers.encode_result(kind, answer, layer, dc)
                await c.settle()
            assert len(served) >= 10, served
            for person in (ann, bob, eve):
                check_box(c, person.id)
            assert not check_store(c.store).problems
            for person in (ann, bob, eve):
                for other in (ann, bob, eve):
                    for message in await person.history(other):
                        media = getattr(message, "media", None)
                        for one in (getattr(media, "photo", None), getattr(media, "document", None)):
                            if one is not None:
                                assert await fetch(person, location(one), limit=4096 * 16)

    run(story())


@given(st.integers(-(2**40), 2**42), st.integers(-(2**20), 2**22), st.booleans())
@settings(max_examples=400)
def test_6_8_every_range_is_lawful_or_refused(offset: int, limit: int, precise: bool) -> None:
    unit = 1024 if precise else 4096
    lawful = (
        offset >= 0
        and offset % unit == 0
        and 0 < limit <= 1 << 20
        and limit % unit == 0
        and (precise or (1 << 20) % limit == 0)
        and offset >> 20 == (offset + limit - 1) >> 20
    )
    _holds(offset, limit, precise, lawful)


@given(st.integers(0, 4000), st.integers(1, 1024), st.booleans())
@settings(max_examples=400)
def test_6_8_ranges_of_whole_kibibytes(at: int, size: int, precise: bool) -> None:
    offset, limit = at * 1024, size * 1024
    unit = 1024 if precise else 4096
    lawful = offset % unit == 0 and limit % unit == 0 and (precise or (1 << 20) % limit == 0)
    _holds(offset, limit, precise, lawful and offset >> 20 == (offset + limit - 1) >> 20)


def _holds(offset: int, limit: int, precise: bool, lawful: bool) -> None:
    try:
        check_range(offset, limit, precise=precise)
    except RpcError as error:
        assert not lawful and error.name in ("OFFSET_INVALID", "LIMIT_INVALID")
    else:
        assert lawful


def test_6_8_downloads_at_every_lawful_range() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            data = random.Random(1).randbytes(1_500_001)
            await send(ann, bob, as_document(await put(ann, data)))
            where = location((await newest(bob, ann)).media)
            chance = random.Random(2)
            for _ in range(60):
                precise = chance.random() < 0.5
                limit = 1024 * chance.randrange(1, 1025) if precise else 4096 << chance.randrange(9)
                unit = 1024 if precise else limit
                offset = chance.randrange(0, 2 << 20, unit)
                if offset >> 20 != (offset + limit - 1) >> 20:
                    continue
                ask = upload.GetFile(location=where, offset=offset, limit=limit, precise=precise)
                assert (await bob(ask)).bytes == data[offset : offset + limit]
            hashes = await bob(upload.GetFileHashes(location=where, offset=1 << 20))
            assert [(one.offset, one.limit) for one in hashes] == [
                (1 << 20, 131072),
                ((1 << 20) + 131072, 131072),
                ((1 << 20) + 262144, 131072),
                ((1 << 20) + 393216, 1_500_001 - (1 << 20) - 393216),
            ]

    run(story())


@given(st.text(max_size=300))
@example(".\xa00")
@example("a. \u3000." + "." * 300 + " b")
@settings(max_examples=300)
def test_6_11_names_of_files_are_no_paths(name: str) -> None:
    kept = file_name(name)
    assert len(kept) <= 255 and not set(kept) & set("/\\\0\n\r\u202e\u200f")
    assert kept not in (".", "..") and kept == kept.strip()
    assert file_name(kept) == kept


def test_6_11_what_clients_say_of_their_files() -> None:
    assert file_name("..\\..\\windows\\sys.ini") == "sys.ini"
    assert file_name("../.bashrc") == "bashrc"
    assert file_name("a\x00b\nc\u202egpj.exe") == "abcgpj.exe"
    assert file_name("/etc/") == ""
    assert mime_type("IMAGE/PNG; charset=x") == "image/png"
    for bad in ("", "x", "a/b/c", "a/ b", "text/html\r\nX: y", "é/é", "a/" + "b" * 80):
        assert mime_type(bad) == "application/octet-stream"
    kept = clean(
        [
            t.DocumentAttributeVideo(duration=float("nan"), w=-1, h=10**9),
            t.DocumentAttributeVideo(duration=1.0, w=1, h=1),
            t.DocumentAttributeCustomEmoji(alt="x", stickerset=t.InputStickerSetEmpty()),
            t.DocumentAttributeSticker(alt="x" * 99, stickerset=t.InputStickerSetID(id=1, access_hash=2)),
            t.DocumentAttributeAudio(duration=-5, title="t" * 999),
            t.DocumentAttributeFilename(file_name="/"),
        ]
    )
    video, sticker, audio = kept
    assert video == t.DocumentAttributeVideo(duration=0.0, w=0, h=100_000)
    assert sticker == t.DocumentAttributeSticker(alt="x" * 32, stickerset=t.InputStickerSetEmpty())
    assert audio == t.DocumentAttributeAudio(duration=0, title="t" * 256)


def test_6_11_a_picture_that_is_none() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            bad = [b"not a picture", picture()[:200], b"<svg xmlns='http://www.w3.org/2000/svg'/>"]
            for data in bad:
                with pytest.raises(RpcError) as fault:
                    await send(ann, bob, t.InputMediaUploadedPhoto(file=await put(ann, data)))
                assert fault.value.code == 400
            assert await ann.history(bob) == []
            thumb = await put(ann, b"no picture either")
            mine = await send(ann, bob, as_document(await put(ann, b"x"), thumb=thumb))
            assert mine.media.document.thumbs is None
            thumb = await put(ann, picture(640, 480))
            mine = await send(ann, bob, as_document(await put(ann, b"x"), thumb=thumb))
            assert [one.type for one in mine.media.document.thumbs] == ["i", "m"]
            theirs = await newest(bob, ann)
            assert (await fetch(bob, location(theirs.media, "m")))[:2] == b"\xff\xd8"
            mine = await send(ann, bob, as_document(await put(ann, picture(640, 480)), mime="image/jpeg"))
            sizes = [
                one for one in mine.media.document.attributes if isinstance(one, t.DocumentAttributeImageSize)
            ]
            assert len(mine.media.document.thumbs) == 2 and sizes

    run(story())
