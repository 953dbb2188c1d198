"""Photos as clients get them, and every bad picture of SECURITY 6.9 and issue 4."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image
from telethon.utils import stripped_photo_to_jpg

from tgserve.errors import RpcError
from tgserve.imaging import pictures, stripped
from tgserve.imaging.pool import Imaging


def picture(
    width: int, height: int, kind: str = "JPEG", mode: str = "RGB", colour: object = None, **options
) -> bytes:
    """A gradient, or one colour."""
    image = (
        Image.new(mode, (width, height), colour)
        if colour is not None
        else Image.linear_gradient("L").resize((width, height)).convert(mode)
    )
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is this large, in a few kB: rows of zeros pack well."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(4_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def image_of(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.fixture(scope="module")
def imaging():
    made = Imaging()
    yield made
    made.close()


@pytest.mark.parametrize(
    "size, expected",
    [
        ((50, 40), [("s", 50, 40)]),
        ((100, 100), [("s", 100, 100)]),
        ((101, 50), [("s", 100, 50), ("m", 101, 50)]),
        ((300, 800), [("s", 38, 100), ("m", 120, 320), ("x", 300, 800)]),
        ((1000, 700), [("s", 100, 70), ("m", 320, 224), ("x", 800, 560), ("y", 1000, 700)]),
        (
            (4000, 3000),
            [("s", 100, 75), ("m", 320, 240), ("x", 800, 600), ("y", 1280, 960), ("w", 2560, 1920)],
        ),
    ],
)
@pytest.mark.asyncio
async def test_sizes_below_the_pictures_own_and_its_own(imaging, size, expected):
    made = await imaging.photo(picture(*size))
    assert [(one.type, one.width, one.height) for one in made.sizes] == expected
    for one in made.sizes:
        drawn = image_of(one.data)
        assert (drawn.format, drawn.mode, drawn.size) == ("JPEG", "RGB", (one.width, one.height))
    assert (made.width, made.height) == expected[-1][1:]


@pytest.mark.asyncio
async def test_large_sizes_are_progressive_and_every_prefix_is_a_picture(imaging):
    noise = Image.effect_noise((1280, 900), 60).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "PNG")
    made = await imaging.photo(out.getvalue())
    biggest = made.sizes[-1]
    assert image_of(biggest.data).info.get("progressive")
    assert len(biggest.progressive) == 5
    assert list(biggest.progressive) == sorted(set(biggest.progressive))
    assert biggest.progressive[-1] == len(biggest.data)
    assert not made.sizes[0].progressive
    for prefix in biggest.progressive[:-1]:
        coarse = Image.open(io.BytesIO(biggest.data[:prefix] + b"\xff\xd9"))
        coarse.load()  # whole without allowing truncated ones: the prefix ends with a scan
        assert coarse.size == (1280, 900)


@pytest.mark.parametrize("size", [(40, 40), (640, 480), (300, 2000), (30, 20)])
@pytest.mark.asyncio
async def test_the_stripped_thumbnail_is_what_clients_put_together(imaging, size):
    made = await imaging.photo(picture(*size, colour=(200, 30, 30)))
    assert made.stripped[0] == 1
    drawn = image_of(bytes(stripped_photo_to_jpg(made.stripped)))
    assert drawn.size == (made.stripped[2], made.stripped[1])
    assert max(drawn.size) <= 40
    red, green, blue = drawn.getpixel((0, 0))
    assert red > 150 and green < 80 and blue < 80


def test_a_jpeg_with_another_header_is_not_stripped():
    assert stripped.strip(picture(40, 40, quality=50)) == b""
    assert stripped.strip(b"") == b""
    assert stripped.strip(picture(300, 40, quality=20)) == b""
    assert stripped.strip(picture(40, 30, quality=20))[:3] == b"\x01\x1e\x28"


@pytest.mark.asyncio
async def test_the_picture_is_turned_as_exif_says_and_nothing_of_exif_stays(imaging):
    image = Image.new("RGB", (400, 200), (255, 255, 255))
    image.paste((255, 0, 0), (0, 0, 60, 60))  # red in the upper left corner
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right to see it
    exif[0x010E] = "a secret place"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, comment=b"a secret comment")
    assert b"secret" in out.getvalue()
    made = await imaging.photo(out.getvalue())
    assert (made.width, made.height) == (200, 400)
    drawn = image_of(made.sizes[-1].data)
    red = drawn.getpixel((190, 10))
    assert red[0] > 200 and red[1] < 60, "the corner went to the upper right"
    assert not any(b"secret" in one.data or b"Exif" in one.data for one in made.sizes)


@pytest.mark.asyncio
async def test_metadata_of_png_goes_too_and_transparency_becomes_white(imaging):
    image = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    out = io.BytesIO()
    image.save(out, "PNG", icc_profile=b"not a profile", exif=b"Exif\0\0broken")
    made = await imaging.photo(out.getvalue())
    assert image_of(made.sizes[-1].data).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    "kind, mode",
    [
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "1"),
        ("PNG", "P"),
        ("PNG", "LA"),
        ("PNG", "RGBA"),
        ("PNG", "I;16"),
        ("WEBP", "RGB"),
        ("WEBP", "RGBA"),
        ("GIF", "P"),
    ],
)
@pytest.mark.asyncio
async def test_every_kind_of_picture_is_read(imaging, kind, mode):
    image = Image.linear_gradient("L").resize((200, 200))
    image = (
        image.convert("I").point(lambda v: v * 256).convert("I;16")
        if mode == "I;16"
        else image.convert("P" if mode == "P" else mode)
    )
    out = io.BytesIO()
    image.save(out, kind)
    drawn = image_of((await imaging.photo(out.getvalue())).sizes[-1].data)
    assert drawn.getpixel((100, 2))[0] < 40 and drawn.getpixel((100, 197))[0] > 215


@pytest.mark.skipif(not pictures.HEIF, reason="pillow-heif is not installed")
@pytest.mark.asyncio
async def test_heic_is_read_where_it_can_be(imaging):
    made = await imaging.photo(picture(200, 160, "HEIF"))
    assert (made.width, made.height) == (200, 160)


@pytest.mark.asyncio
async def test_the_first_frame_of_an_animation(imaging):
    first, second = Image.new("RGB", (200, 200), (0, 200, 0)), Image.new("RGB", (200, 200), (200, 0, 0))
    out = io.BytesIO()
    first.save(out, "GIF", save_all=True, append_images=[second])
    drawn = image_of((await imaging.photo(out.getvalue())).sizes[-1].data)
    assert drawn.getpixel((9, 9))[1] > 150


@pytest.mark.asyncio
async def test_portraits_are_the_square_in_the_middle(imaging):
    image = Image.new("RGB", (900, 300), (255, 0, 0))
    image.paste((0, 0, 255), (300, 0, 600, 300))
    out = io.BytesIO()
    image.save(out, "PNG")
    made = await imaging.portrait(out.getvalue())
    assert [(one.type, one.width, one.height) for one in made.sizes] == [
        ("a", 160, 160),
        ("b", 300, 300),
        ("c", 300, 300),
    ]
    drawn = image_of(made.sizes[-1].data)
    assert drawn.getpixel((8, 150))[2] > 200 and drawn.getpixel((291, 150))[2] > 200
    big = await imaging.portrait(picture(3000, 2000))
    assert [(one.type, one.width) for one in big.sizes] == [("a", 160), ("b", 320), ("c", 640), ("d", 1280)]
    assert all(one.width == one.height for one in big.sizes)


@pytest.mark.asyncio
async def test_colours_run_into_each_other(imaging):
    corners = (0xFF0000, 0x00FF00, 0x0000FF, 0xFFFFFF)
    made = await imaging.ground(corners)
    drawn = image_of(made.sizes[-1].data)
    found = [drawn.getpixel(place) for place in ((5, 5), (634, 5), (634, 634), (5, 634))]
    wanted = [((one >> 16), (one >> 8) & 255, one & 255) for one in corners]
    assert all(
        abs(a - b) < 40
        for one, other in zip(found, wanted, strict=True)
        for a, b in zip(one, other, strict=True)
    )
    for colours in ((1,), (1, 2), (1, 2, 3)):
        assert [one.type for one in (await imaging.ground(colours)).sizes] == ["a", "b", "c"]


@pytest.mark.asyncio
async def test_thumbnails(imaging):
    made = await imaging.thumb(picture(1200, 600))
    assert [(one.type, one.width, one.height) for one in made.sizes] == [("m", 320, 160)]
    assert made.stripped
    small = await imaging.thumb(picture(1200, 600), 90)
    assert [(one.type, one.width, one.height) for one in small.sizes] == [("s", 90, 45)]


# -- bad ones ---------------------------------------------------------------------------------------------------------

LONG = picture(2100, 100, "PNG")
BAD = {
    "nothing": (b"", "IMAGE_PROCESS_FAILED"),
    "text": (b"no image at all", "IMAGE_PROCESS_FAILED"),
    "random": (bytes(range(256)) * 40, "IMAGE_PROCESS_FAILED"),
    "zeros": (bytes(10_000), "IMAGE_PROCESS_FAILED"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "PHOTO_EXT_INVALID"),
    "svg with a head": (b"\xef\xbb\xbf<?xml version='1.0'?><svg/>", "PHOTO_EXT_INVALID"),
    "pdf": (b"%PDF-1.7\n", "PHOTO_EXT_INVALID"),
    "bmp": (picture(200, 200, "BMP"), "PHOTO_EXT_INVALID"),
    "tiff": (picture(200, 200, "TIFF"), "PHOTO_EXT_INVALID"),
    "video": (b"\0\0\0\x18ftypmp42" + bytes(100), "PHOTO_EXT_INVALID"),
    "truncated jpeg": (picture(800, 600)[:4000], "IMAGE_PROCESS_FAILED"),
    "head of a jpeg": (picture(800, 600)[:20], "IMAGE_PROCESS_FAILED"),
    "truncated png": (picture(800, 600, "PNG")[:900], "IMAGE_PROCESS_FAILED"),
    "truncated webp": (picture(800, 600, "WEBP")[:900], "IMAGE_PROCESS_FAILED"),
    "pixel bomb": (bomb(30_000, 30_000), "PHOTO_INVALID_DIMENSIONS"),
    "pixel bomb below the library's own limit": (bomb(9_000, 9_000), "PHOTO_INVALID_DIMENSIONS"),
    "too long and narrow": (LONG, "PHOTO_INVALID_DIMENSIONS"),
    "no width": (bomb(0, 100), "IMAGE_PROCESS_FAILED"),
    "lawful size, but no pixels": (bomb(4_900, 4_900)[:60], "IMAGE_PROCESS_FAILED"),
    "a jpeg that says it is a png": (b"\x89PNG\r\n\x1a\n" + picture(9, 9), "IMAGE_PROCESS_FAILED"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.asyncio
async def test_bad_pictures_are_refused_6_9(imaging, name):
    """SECURITY 6.9: the documented error, and the next picture is served."""
    data, error = BAD[name]
    assert len(data) < 150_000
    for job in (imaging.photo, imaging.portrait, imaging.thumb):
        with pytest.raises(RpcError) as caught:
            await job(data)
        assert caught.value.name == error
    assert (await imaging.photo(picture(50, 50))).sizes


@pytest.mark.asyncio
async def test_a_bomb_is_small_and_costs_no_time(imaging):
    """SECURITY 6.9: looked at before a pixel is decoded."""
    assert len(bomb(30_000, 30_000)) < 5_000


@pytest.mark.asyncio
async def test_portraits_have_a_smallest_size(imaging):
    with pytest.raises(RpcError, match="PHOTO_CROP_SIZE_SMALL"):
        await imaging.portrait(picture(400, 159))
    assert (await imaging.portrait(picture(160, 160))).sizes[0].width == 160


@pytest.mark.asyncio
async def test_files_too_large_for_a_photo(imaging):
    with pytest.raises(RpcError, match="PHOTO_SAVE_FILE_INVALID"):
        await imaging.photo(bytes(20 * 1024 * 1024 + 1))


@pytest.mark.asyncio
async def test_damaged_files_never_end_a_child(imaging):
    """SECURITY 6.9: bytes changed here and there; whatever comes out is a picture or a refusal."""
    import random

    dice = random.Random(4)
    whole = [picture(120, 90, kind) for kind in ("JPEG", "PNG", "WEBP", "GIF")]
    outcomes = set()
    for _ in range(400):
        data = bytearray(dice.choice(whole))
        for _ in range(dice.randint(1, 6)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            await imaging.photo(bytes(data))
            outcomes.add("made")
        except RpcError as refused:
            outcomes.add(refused.name)
    assert outcomes <= {"made", "IMAGE_PROCESS_FAILED", "PHOTO_EXT_INVALID", "PHOTO_INVALID_DIMENSIONS"}
    assert {"made", "IMAGE_PROCESS_FAILED"} <= outcomes
    assert sum(child.started for child in imaging.children) <= 2
