"""Small videos and stickers made for the tests; PyAV encodes them."""

from __future__ import annotations

import gzip
import io
import json
from fractions import Fraction

import av
from PIL import Image


def film(
    width: int = 320,
    height: int = 240,
    frames: int = 25,
    rate: int = 25,
    kind: str = "mp4",
    codec: str = "mpeg4",
    sound: bool = False,
    dark: int = 0,
) -> bytes:
    """A video whose picture goes from left to right; its first `dark` frames are black."""
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        voice = container.add_stream("aac", rate=44100) if sound else None
        for number in range(frames):
            shade = (0, 0, 0) if number < dark else (200, 8 * number % 256, 60)
            frame = av.VideoFrame.from_image(Image.new("RGB", (width, height), shade))
            frame.pts, frame.time_base = number, Fraction(1, rate)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
        if voice is not None:
            silence = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
            for plane in silence.planes:
                plane.update(bytes(plane.buffer_size))
            silence.sample_rate, silence.pts = 44100, 0
            for packet in [*voice.encode(silence), *voice.encode(None)]:
                container.mux(packet)
    return out.getvalue()


def tone() -> bytes:
    """A file of a video's kind with sound alone."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        voice = container.add_stream("aac", rate=44100)
        silence = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        silence.sample_rate, silence.pts = 44100, 0
        for packet in [*voice.encode(silence), *voice.encode(None)]:
            container.mux(packet)
    return out.getvalue()


def lottie(**changes: object) -> bytes:
    """A .tgs: an animation of nothing."""
    drawn = {"tgs": 1, "v": "5.5.2", "fr": 60, "ip": 0, "op": 180, "w": 512, "h": 512, "layers": []} | changes
    return gzip.compress(json.dumps(drawn).encode(), mtime=0)
