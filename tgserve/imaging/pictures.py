"""Pillow's part: photos in the sizes that clients expect, square portraits, thumbnails. Runs in an imaging child only.

Every picture is decoded and written anew, so nothing of the file as it came reaches another client: no metadata, no
place where it was taken, no crafted bytes. Sizes are looked at before a pixel is decoded.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from PIL import Image, ImageCms

from tgserve import limits
from tgserve.imaging import stripped
from tgserve.imaging.results import Processed, Size

try:
    import pillow_heif  # type: ignore[import-untyped, unused-ignore]
except ImportError:
    HEIF = False
else:
    pillow_heif.register_heif_opener(thumbnails=False)
    HEIF = True
"""Whether pictures of newer phones can be read; they come so only when a photo is sent as a file."""

BOXES: Final = (("s", 100), ("m", 320), ("x", 800), ("y", 1280), ("w", 2560))
"""Types of photos and how wide or high they are at most."""
SQUARES: Final = (("a", 160), ("b", 320), ("c", 640), ("d", 1280))
PROGRESSIVE_FROM: Final = 320
"""Smaller pictures come as a whole sooner than in coarse steps."""
QUALITY: Final = 87
SMALL_QUALITY: Final = 80
STEPS: Final = 5
"""Prefixes told of a progressive picture, as official photos have them."""
_SRGB: Final = ImageCms.createProfile("sRGB")
_START_OF_SCAN: Final = 0xDA
_ORIENTATION: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Bad(Exception):
    """The image cannot be used; the text names a line of the error catalogue."""


EXT: Final = "PHOTO_EXT_INVALID"
FAILED: Final = "IMAGE_PROCESS_FAILED"
DIMENSIONS: Final = "PHOTO_INVALID_DIMENSIONS"
CROP: Final = "PHOTO_CROP_SIZE_SMALL"

_OTHERS: Final = (
    b"%PDF",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"<svg",
    b"<?xml",
    b"\0\0\1\0",
    b"\x1a\x45\xdf\xa3",
    b"8BPS",
    b"PK\3\4",
    b"\x1f\x8b",
)
"""First bytes of well-known kinds of files that are no photos."""


def kind_of(data: bytes) -> str:
    """Pillow's name of the format, by the first bytes and nothing else. PHOTO_EXT_INVALID for another kind of file,
    IMAGE_PROCESS_FAILED for no kind at all."""
    head = data[:64]
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head[4:8] == b"ftyp":
        if HEIF and head[8:12] in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"):
            return "HEIF"
        raise Bad(EXT)
    raise Bad(EXT if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_OTHERS) else FAILED)


def opened(data: bytes) -> Image.Image:
    """The image with its head read and its dimensions found fit, not decoded yet. PHOTO_INVALID_DIMENSIONS,
    PHOTO_EXT_INVALID, IMAGE_PROCESS_FAILED."""
    kind = kind_of(data)
    try:
        image = Image.open(io.BytesIO(data), formats=(kind,))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Bad(DIMENSIONS) from None
    width, height = image.size
    if not (width and height) or width + height > limits.PHOTO_SIDES:
        raise Bad(DIMENSIONS)
    if max(width, height) > limits.PHOTO_RATIO * min(width, height):
        raise Bad(DIMENSIONS)
    return image


def decoded(image: Image.Image, box: int) -> Image.Image:
    """The first frame, upright, in RGB, no larger than `box` each way, in colours that need no profile."""
    profile = image.info.get("icc_profile")
    turn = _turn(image)
    if image.format == "JPEG":
        image.draft(None, (box, box))  # a picture that shrinks anyway is decoded at 1/2, 1/4 or 1/8
    image.load()
    if max(image.size) > box and image.mode in ("RGB", "L", "CMYK"):
        image = _fitted(image, box)
    if image.mode in ("RGB", "CMYK") and profile:
        image = _in_srgb(image, profile)
    if image.mode != "RGB":
        image = _flat(image)
    if max(image.size) > box:
        image = _fitted(image, box)
    return image if turn is None else image.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What EXIF says must be done to see the picture upright."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, struct.error):
        return None


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Phones photograph in wider colours than those that clients show a picture without a profile in."""
    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
        if converted is not None:
            return converted
    return image


def _flat(image: Image.Image) -> Image.Image:
    """RGB; what is transparent becomes white."""
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        above = image.convert("RGBA")
        below = Image.new("RGB", above.size, (255, 255, 255))
        below.paste(above, mask=above.getchannel("A"))
        return below
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    return image.convert("RGB")


def _fitted(image: Image.Image, box: int) -> Image.Image:
    """Scaled down to `box` on its longer side."""
    width, height = image.size
    longer = max(width, height)
    size = max(1, round(width * box / longer)), max(1, round(height * box / longer))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def photo(data: bytes) -> Processed:
    """A photo in every size below its own, and its own (2560 at most)."""
    image = decoded(opened(data), BOXES[-1][1])
    longer = max(image.size)
    wanted = [(kind, box) for kind, box in BOXES if box < longer]
    wanted.append((BOXES[len(wanted)][0], longer))
    return _processed(image, wanted)


def portrait(data: bytes) -> Processed:
    """The square in the middle, as the photo of a person or chat. PHOTO_CROP_SIZE_SMALL."""
    image = opened(data)
    longer, shorter = max(image.size), min(image.size)
    if shorter < limits.PORTRAIT_SIDE:
        raise Bad(CROP)
    most = SQUARES[-1][1]
    image = decoded(image, longer if shorter <= most else -(-longer * most // shorter))
    return portrait_of(image)


def portrait_of(image: Image.Image) -> Processed:
    """Of a decoded picture (RGB)."""
    most = SQUARES[-1][1]
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    # Clients ask for the small (a) and the big (c) one by name, so those are always there.
    wanted = [(kind, min(box, side)) for kind, box in SQUARES[:3]]
    if side > SQUARES[2][1]:
        wanted.append((SQUARES[3][0], min(side, most)))
    return _processed(square, wanted)


def ground(colours: tuple[int, ...]) -> Processed:
    """A square of these colours, running into each other."""
    corners = {1: (0, 0, 0, 0), 2: (0, 0, 1, 1), 3: (0, 1, 2, 2), 4: (0, 1, 3, 2)}[len(colours)]
    image = Image.new("RGB", (2, 2))
    for place, corner in enumerate(corners):
        colour = colours[corner]
        image.putpixel((place % 2, place // 2), (colour >> 16 & 255, colour >> 8 & 255, colour & 255))
    return portrait_of(image.resize((SQUARES[2][1],) * 2, Image.Resampling.BILINEAR))


def thumb(data: bytes, box: int) -> Processed:
    """One small picture and its stripped form, for documents."""
    return of_image(decoded(opened(data), box), box)


def of_image(image: Image.Image, box: int) -> Processed:
    """A thumbnail of a decoded picture (RGB)."""
    if max(image.size) > box:
        image = _fitted(image, box)
    return _processed(image, [("s" if max(image.size) <= BOXES[0][1] else "m", max(image.size))])


def _processed(image: Image.Image, wanted: list[tuple[str, int]]) -> Processed:
    """Encode `image` (RGB) in these sizes, each made from the next bigger one."""
    made: list[Size] = []
    current = image
    for kind, longer in reversed(wanted):
        if longer < max(current.size):
            current = _fitted(current, longer)
        made.append(_encoded(current, kind))
    mini = _fitted(current, stripped.BOX) if max(current.size) > stripped.BOX else current
    short = stripped.strip(_jpeg(mini, quality=stripped.QUALITY))
    return Processed(image.width, image.height, tuple(reversed(made)), short)


def _encoded(image: Image.Image, kind: str) -> Size:
    width, height = image.size
    if max(width, height) <= PROGRESSIVE_FROM:
        return Size(kind, width, height, _jpeg(image, quality=SMALL_QUALITY, optimize=True))
    data = _jpeg(image, quality=QUALITY, optimize=True, progressive=True)
    return Size(kind, width, height, data, steps(data))


def _jpeg(image: Image.Image, **options: Any) -> bytes:
    """Without any of the metadata that Pillow would carry over."""
    image.info = {}
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def steps(jpeg: bytes) -> tuple[int, ...]:
    """Lengths of up to STEPS prefixes of a progressive JPEG that end with a scan; the last is the whole."""
    ends = list(scans(jpeg))[1:]
    kept = ends if len(ends) < STEPS else [ends[i * len(ends) // (STEPS - 1)] for i in range(STEPS - 1)]
    return (*kept, len(jpeg))


def scans(jpeg: bytes) -> Iterator[int]:
    """Where each scan begins (its tables come before it and belong to it): also where the one before ends."""
    place = 2
    tables = 0
    while place + 4 <= len(jpeg):
        if jpeg[place] != 0xFF:
            return
        marker, length = jpeg[place + 1], int.from_bytes(jpeg[place + 2 : place + 4], "big")
        if marker == 0xD9:
            return
        if marker == 0xC4 and not tables:
            tables = place
        place += 2 + length
        if marker == _START_OF_SCAN:
            yield tables or place - 2 - length
            tables = 0
            # Entropy-coded bytes: the next marker is a 0xFF followed by neither 0 nor a restart.
            place = jpeg.find(b"\xff", place)
            while 0 <= place < len(jpeg) - 1 and (jpeg[place + 1] == 0 or 0xD0 <= jpeg[place + 1] <= 0xD7):
                place = jpeg.find(b"\xff", place + 2)
            if place < 0:
                return
