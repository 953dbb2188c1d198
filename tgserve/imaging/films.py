"""Length, size and first picture of videos, by PyAV where it is installed. Runs in an imaging child only.

The container is told to the library, never guessed by it: formats that name other files or addresses (playlists) are no
video here.
"""

from __future__ import annotations

from typing import IO, Any, Final

from tgserve import limits
from tgserve.imaging.pictures import BOXES, Bad, of_image, portrait_of
from tgserve.imaging.results import Film, Processed

try:
    import av
except ImportError:
    THERE = False
else:
    THERE = True
    av.logging.set_level(None)
"""Whether videos can be looked at: `pip install tgserve[video]`."""

BUFFER_BYTES: Final = 256 << 10
FRAMES_LOOKED_AT: Final = 30
STILL_FRAMES: Final = 700
"""Decoded at most on the way to a still: ten seconds at 60 a second, and some."""
INVALID: Final = "VIDEO_FILE_INVALID"
_TURNS: Final = {90: 90, 180: 180, 270: 270, -90: 270, -180: 180, -270: 90}


def container_of(head: bytes) -> str:
    """The library's name of the format by the file's first bytes. VIDEO_CONTENT_TYPE_INVALID."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    raise Bad("VIDEO_CONTENT_TYPE_INVALID")


def film(source: IO[bytes] | Any, head: bytes, still: float = -1.0) -> Film:
    """What the video in `source` (it can seek) is. VIDEO_CONTENT_TYPE_INVALID, VIDEO_FILE_INVALID for one that is
    damaged or has no pictures."""
    kind = container_of(head)
    try:
        with av.open(
            source,
            format=kind,
            buffer_size=BUFFER_BYTES,
            container_options={"protocol_whitelist": "pipe", "probesize": str(limits.FILM_PROBE_BYTES)},
        ) as container:
            return _seen(container, still)
    except (av.error.FFmpegError, OverflowError, IndexError):
        raise Bad(INVALID) from None


def _seen(container: Any, still: float) -> Film:
    videos = container.streams.video
    if not videos:
        raise Bad(INVALID)
    stream = videos[0]
    width, height = stream.codec_context.width, stream.codec_context.height
    if not (0 < width <= limits.FILM_SIDE and 0 < height <= limits.FILM_SIDE):
        raise Bad(INVALID)
    seconds = 0.0
    if container.duration:
        seconds = container.duration / 1_000_000
    elif stream.duration and stream.time_base:
        seconds = float(stream.duration * stream.time_base)
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    image, chosen, turned = None, None, 0
    for number, frame in enumerate(container.decode(stream)):
        turned = _TURNS.get(round(getattr(frame, "rotation", 0) or 0), 0)
        if image is None or (number < FRAMES_LOOKED_AT and image.convert("L").getextrema()[1] <= 16):
            image = frame.to_image()  # the first that is not black
        elif still < 0 or number > STILL_FRAMES:
            break
        if still >= 0 and (chosen is None or (frame.time or 0.0) <= still + 0.001):
            chosen = frame
        elif still >= 0:
            break
    if image is None:
        raise Bad(INVALID)
    still_image = chosen.to_image() if chosen is not None else None
    if turned:
        still_image = still_image.rotate(turned, expand=True) if still_image is not None else None
        image = image.rotate(turned, expand=True)
    if turned in (90, 270):
        width, height = height, width
    return Film(
        width,
        height,
        max(0.0, seconds),
        bool(container.streams.audio),
        stream.codec_context.name.removeprefix("lib").partition("-")[0],
        of_image(image, BOXES[1][1]),
        _portrait(still_image),
    )


def _portrait(still: Any) -> Processed | None:
    if still is None or min(still.size) < limits.PORTRAIT_SIDE:
        return None
    return portrait_of(still)
