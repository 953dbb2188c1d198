"""The process that decodes: reads one job after the other from its standard input, answers on its standard output.

Started by pool.py as `python -P -m tgserve.imaging.child`, with no file open but the three standard ones, no
variable of the environment that says anything, and little it may do: limits on memory and CPU time, no files written,
few opened. Whatever an image does to a decoder happens here, and a child that dies costs one refused picture.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
import zlib
from contextlib import suppress
from typing import IO, Final

import msgspec

from tgserve import limits
from tgserve.imaging import films, pictures, stickers
from tgserve.imaging.results import Answer, Ground, Job, Need, Photo, Portrait, Refused, Sticker, Thumb, Video

_PR_SET_NO_NEW_PRIVS: Final = 38
FILES: Final = 16
"""Open at once: plugins of Pillow are read when they are first needed."""
_DAMAGED: Final = (
    OSError,
    SyntaxError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    MemoryError,
    EOFError,
    AssertionError,
    struct.error,
    zlib.error,
)
"""What decoders raise on files that are not what they say. Anything else ends the process."""
_REQUESTS: Final[msgspec.msgpack.Decoder[Job]] = msgspec.msgpack.Decoder(Job)
_ANSWERS: Final = msgspec.msgpack.Encoder()


def confine() -> None:
    """Take from this process what it does not need, for good."""
    for what, most in (
        (resource.RLIMIT_AS, limits.IMAGING_BYTES),
        (resource.RLIMIT_CPU, limits.IMAGING_LIFE_CPU_SECONDS),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    os.nice(5)
    with suppress(OSError, AttributeError):  # Linux
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def more_time() -> None:
    """A job may use so much CPU, counted from what is used already; SIGXCPU ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + 1 + limits.IMAGING_CPU_SECONDS
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (until if hard < 0 else min(until, hard), hard))


class Elsewhere:
    """A file that the parent holds, as the video library reads it. ValueError when more is read than a look at a
    video needs."""

    def __init__(self, size: int, requests: IO[bytes], answers: IO[bytes]) -> None:
        self._size = size
        self._requests = requests
        self._answers = answers
        self._place = 0
        self._left = limits.FILM_READ_BYTES

    def read(self, count: int = -1) -> bytes:
        left = max(0, self._size - self._place)
        count = left if count < 0 else min(count, left)
        if not count:
            return b""
        self._left -= count
        if self._left < 0:
            raise OSError("the video is read too long")
        tell(self._answers, Need(self._place, count))
        data = hear(self._requests)
        if len(data) != count:
            raise OSError("the video ends early")
        self._place += count
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = max(0, (0, self._place, self._size)[whence] + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def seekable(self) -> bool:
        return True


def tell(answers: IO[bytes], answer: Answer) -> None:
    data = _ANSWERS.encode(answer)
    answers.write(len(data).to_bytes(4, "little") + data)
    answers.flush()


def hear(requests: IO[bytes]) -> bytes:
    """The next thing the parent says; EOFError when it says no more."""
    head = requests.read(4)
    if len(head) != 4:
        raise EOFError
    return requests.read(int.from_bytes(head, "little"))


def answer(job: Job, requests: IO[bytes], answers: IO[bytes]) -> Answer:
    """Do one job. Whatever a decoder raises on purpose is the picture's fault."""
    try:
        match job:
            case Photo(data):
                return pictures.photo(data)
            case Portrait(data):
                return pictures.portrait(data)
            case Thumb(data, box):
                return pictures.thumb(data, box)
            case Sticker(data, mime, emoji):
                return stickers.sticker(data, mime, emoji)
            case Video(size, head, still):
                return films.film(Elsewhere(size, requests, answers), head, still)
            case Ground(colours):
                return pictures.ground(colours)
    except pictures.Bad as bad:
        return Refused(str(bad))
    except _DAMAGED:
        return Refused(pictures.FAILED)


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Until the parent closes its end."""
    with suppress(EOFError):
        while True:
            job = _REQUESTS.decode(hear(requests))
            more_time()
            tell(answers, answer(job, requests, answers))


def main() -> None:
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    confine()
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
