"""The process that decodes: reads one job after the other from its standard input, answers on its standard output.

Started by pool.py as `python -P -m tgserve.imaging.child`, with no file open but the three standard ones, no
variable of the environment that says anything, and little it may do: limits on memory and CPU time, no files written,
few opened. Whatever an image does to a decoder happens here, and a child that dies costs one refused picture.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
import zlib
from typing import IO, Final

import msgspec

from tgserve import limits
from tgserve.imaging import pictures
from tgserve.imaging.results import Answer, Job, Photo, Portrait, Refused, Thumb

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
_REQUESTS: Final = msgspec.msgpack.Decoder(Job)
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


def more_time() -> None:
    """A job may use so much CPU, counted from what is used already; SIGXCPU ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + 1 + limits.IMAGING_CPU_SECONDS
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (until if hard < 0 else min(until, hard), hard))


def answer(job: Job) -> Answer:
    """Do one job. Whatever a decoder raises on purpose is the picture's fault."""
    try:
        match job:
            case Photo(data):
                return pictures.photo(data)
            case Portrait(data):
                return pictures.portrait(data)
            case Thumb(data, box):
                return pictures.thumb(data, box)
    except pictures.Bad as bad:
        return Refused(str(bad))
    except _DAMAGED:
        return Refused(pictures.FAILED)


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Until the parent closes its end."""
    while len(head := requests.read(4)) == 4:
        job = _REQUESTS.decode(requests.read(int.from_bytes(head, "little")))
        more_time()
        data = _ANSWERS.encode(answer(job))
        answers.write(len(data).to_bytes(4, "little") + data)
        answers.flush()


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
