"""Videos and stickers: what they are found to be, and what is refused."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable

import pytest

pytest.importorskip("av")

from tests.imaging.films import film, lottie, tone
from tests.imaging.test_pictures import image_of, picture
from tgserve.errors import RpcError
from tgserve.imaging import pool, stickers
from tgserve.imaging.pool import Imaging


@pytest.fixture(scope="module")
def imaging():
    made = Imaging(children=1)
    yield made
    made.close()


async def look(imaging: Imaging, data: bytes):
    return await imaging.video(len(data), lambda offset, count: data[offset : offset + count])


@pytest.mark.asyncio
async def test_length_size_sound_and_thumbnail(imaging):
    found = await look(imaging, film(640, 360, frames=50, rate=25, sound=True, dark=4))
    assert (found.width, found.height, found.sound, found.codec) == (640, 360, True, "mpeg4")
    assert found.seconds == pytest.approx(2.0, abs=0.1)
    (thumb,) = found.thumb.sizes
    assert (thumb.type, thumb.width, thumb.height) == ("m", 320, 180)
    assert found.thumb.stripped
    assert image_of(thumb.data).getpixel((100, 100))[0] > 100, "the first frames are black"


@pytest.mark.asyncio
async def test_only_parts_of_a_long_video_are_read(imaging):
    data = film(1920, 1080, frames=60)
    parts: list[int] = []

    def read(offset: int, count: int) -> bytes:
        parts.append(count)
        return data[offset : offset + count]

    padded = data + bytes(4)  # what stands behind does not matter
    assert (await imaging.video(len(padded), lambda o, c: padded[o : o + c])).width == 1920
    assert (await imaging.video(len(data), read)).width == 1920
    assert sum(parts) < len(data)


@pytest.mark.asyncio
async def test_a_still_becomes_a_portrait(imaging):
    data = film(320, 320, frames=50)  # greener with each frame
    greens = []
    for still in (0.0, 1.0, 99.0):
        found = await imaging.video(len(data), lambda at, count: data[at : at + count], still=still)
        assert [one.type for one in found.portrait.sizes] == ["a", "b", "c"]
        greens.append(image_of(found.portrait.sizes[-1].data).getpixel((100, 100))[1])
    assert greens[0] < 30 and abs(greens[1] - 200) < 30 and abs(greens[2] - 8 * 49 % 256) < 30
    small = film(120, 120)
    found = await imaging.video(len(small), lambda at, count: small[at : at + count], still=0.0)
    assert found.portrait is None and (await look(imaging, data)).portrait is None


BAD_VIDEOS: dict[str, tuple[Callable[[], bytes], str]] = {
    "sound alone": (tone, "VIDEO_FILE_INVALID"),
    "cut off": (lambda: film()[:2000], "VIDEO_FILE_INVALID"),
    "the head of an mp4": (lambda: b"\0\0\0\x18ftypmp42" + bytes(3000), "VIDEO_FILE_INVALID"),
    "the head of a webm": (lambda: b"\x1a\x45\xdf\xa3" + bytes(3000), "VIDEO_FILE_INVALID"),
    "text": (lambda: b"no video", "VIDEO_CONTENT_TYPE_INVALID"),
    "a picture": (lambda: picture(99, 99), "VIDEO_CONTENT_TYPE_INVALID"),
    "a playlist": (lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "VIDEO_CONTENT_TYPE_INVALID"),
    "a list of files": (lambda: b"ffconcat version 1.0\nfile /etc/passwd\n", "VIDEO_CONTENT_TYPE_INVALID"),
}


@pytest.mark.parametrize("case", BAD_VIDEOS)
@pytest.mark.asyncio
async def test_bad_videos(imaging, case):
    """SECURITY 6.9, 6.10: also playlists, which would have the library read other files or addresses."""
    make, error = BAD_VIDEOS[case]
    with pytest.raises(RpcError) as caught:
        await look(imaging, make())
    assert caught.value.name == error


@pytest.mark.asyncio
async def test_what_reading_raises_is_raised_and_the_next_video_is_served(imaging):
    def broken(offset: int, count: int) -> bytes:
        raise OSError("the disk is gone")

    with pytest.raises(OSError):
        await imaging.video(100, broken)

    def late(offset: int, count: int) -> bytes:
        if offset or count > 64:
            raise RuntimeError("gone in the middle")
        return b"\0\0\0\x18ftypmp42" + bytes(52)

    with pytest.raises(RuntimeError):
        await imaging.video(100_000, late)
    assert await look(imaging, film())


@pytest.mark.asyncio
async def test_without_the_library_nothing_is_said(imaging, monkeypatch):
    monkeypatch.setattr(pool, "VIDEOS", False)
    assert await look(imaging, b"anything") is None


# -- stickers ---------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_still_stickers(imaging):
    data = picture(512, 300, "WEBP", "RGBA")
    made = await imaging.sticker(data, "image/webp")
    assert (made.mime, made.width, made.height, made.data) == ("image/webp", 512, 300, data)
    assert (made.thumb.type, made.thumb.width, made.thumb.data[8:12]) == ("m", 128, b"WEBP")
    from_png = await imaging.sticker(picture(400, 512, "PNG", "RGBA"), "image/png")
    assert (from_png.mime, from_png.data[8:12], from_png.height) == ("image/webp", b"WEBP", 512)
    emoji = await imaging.sticker(picture(100, 100, "WEBP"), "image/webp", emoji=True)
    assert emoji.width == 100


@pytest.mark.asyncio
async def test_moving_stickers(imaging):
    made = await imaging.sticker(lottie(), stickers.TGS)
    assert (made.mime, made.width, made.seconds) == (stickers.TGS, 512, 3.0)
    clip = film(512, 300, frames=60, rate=30, kind="webm", codec="libvpx-vp9")
    made = await imaging.sticker(clip, stickers.WEBM)
    assert (made.width, made.height, made.seconds) == (512, 300, pytest.approx(2.0, abs=0.1))
    small = film(100, 100, kind="webm", codec="libvpx-vp9")
    assert (await imaging.sticker(small, stickers.WEBM, emoji=True)).width == 100


def animated() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    frames = [Image.new("RGBA", (512, 512), (shade, 0, 0, 255)) for shade in (0, 200)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=100)
    return out.getvalue()


VP9 = {"kind": "webm", "codec": "libvpx-vp9"}
WEBP = "image/webp"
BAD_STICKERS: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "nothing": (lambda: b"", WEBP, "STICKER_FILE_INVALID"),
    "another kind": (lambda: picture(512, 512), "image/jpeg", "STICKER_FILE_INVALID"),
    "a jpeg called webp": (lambda: picture(512, 512), WEBP, "STICKER_PNG_NOPNG"),
    "text called webp": (lambda: b"nothing", WEBP, "STICKER_PNG_NOPNG"),
    "too small": (lambda: picture(500, 400, "WEBP"), WEBP, "STICKER_PNG_DIMENSIONS"),
    "too large": (lambda: picture(513, 512, "WEBP"), WEBP, "STICKER_PNG_DIMENSIONS"),
    "cut off": (lambda: picture(512, 400, "WEBP")[:300], WEBP, "IMAGE_PROCESS_FAILED"),
    "an animated webp": (animated, WEBP, "STICKER_FILE_INVALID"),
    "too many bytes": (lambda: bytes(600_000), WEBP, "STICKER_FILE_INVALID"),
    "not packed": (lambda: b"{}", stickers.TGS, "STICKER_TGS_NOTGS"),
    "a list": (lambda: gzip.compress(b"[1]"), stickers.TGS, "STICKER_TGS_NOTGS"),
    "deep": (lambda: gzip.compress(b"[" * 100_000), stickers.TGS, "STICKER_TGS_NOTGS"),
    "a bomb": (lambda: gzip.compress(bytes(30_000_000)), stickers.TGS, "STICKER_TGS_NOTGS"),
    "a cut animation": (lambda: lottie()[:-9], stickers.TGS, "STICKER_TGS_NOTGS"),
    "a small animation": (lambda: lottie(w=100), stickers.TGS, "STICKER_TGS_NOTGS"),
    "a long animation": (lambda: lottie(op=181), stickers.TGS, "STICKER_TGS_NOTGS"),
    "no frames a second": (lambda: lottie(fr=0), stickers.TGS, "STICKER_TGS_NOTGS"),
    "frames a second in letters": (lambda: lottie(fr="x"), stickers.TGS, "STICKER_TGS_NOTGS"),
    "an mp4": (lambda: film(512, 512), stickers.WEBM, "STICKER_VIDEO_NOWEBM"),
    "another codec": (
        lambda: film(512, 512, kind="webm", codec="libvpx"),
        stickers.WEBM,
        "STICKER_VIDEO_NOWEBM",
    ),
    "a long video": (lambda: film(512, 512, frames=100, rate=25, **VP9), stickers.WEBM, "STICKER_VIDEO_BIG"),
    "a small video": (lambda: film(500, 500, **VP9), stickers.WEBM, "STICKER_VIDEO_BIG"),
}


@pytest.mark.parametrize("case", BAD_STICKERS)
@pytest.mark.asyncio
async def test_bad_stickers(imaging, case):
    """Issue 4: a sticker of the wrong size or codec."""
    make, mime, error = BAD_STICKERS[case]
    with pytest.raises(RpcError) as caught:
        await imaging.sticker(make(), mime)
    assert caught.value.name == error
