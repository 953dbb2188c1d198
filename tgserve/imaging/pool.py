"""`Imaging`: pictures are handed to one of a few child processes and come back in the sizes that clients expect.

Each child has a thread that speaks to it, so the loop only waits for a future. A child that takes too long is killed,
one that died is replaced for the next picture; its own is refused with IMAGE_PROCESS_FAILED, and nobody else notices.
"""

from __future__ import annotations

import asyncio
import queue
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import IO, Final, TypeVar

import msgspec
from msgspec.structs import replace

from tgserve import errors, limits, log, metrics
from tgserve.child import start_child
from tgserve.imaging.results import (
    Answer,
    Film,
    Ground,
    Job,
    Need,
    Photo,
    Portrait,
    Processed,
    Refused,
    Sticker,
    StickerFile,
    Thumb,
    Video,
)

_A = TypeVar("_A", Processed, StickerFile, Film)
Read = Callable[[int, int], bytes]
"""(offset, count) -> exactly those bytes of a file."""
VIDEOS: Final = find_spec("av") is not None
"""Whether PyAV is installed; it is imported by the children only."""

_REQUESTS: Final = msgspec.msgpack.Encoder()
_ANSWERS: Final[msgspec.msgpack.Decoder[Answer]] = msgspec.msgpack.Decoder(Answer)
ANSWER_BYTES: Final = 64 << 20
"""No honest answer is longer."""
PART_BYTES: Final = 4 << 20
"""Of a video, at one question."""
LIFE_JOBS: Final = 500
"""A child is replaced after so many: what decoders leave behind goes with it."""

_log = log.get("imaging")
_jobs = metrics.counter("tgserve_imaging_jobs_total", "pictures and videos looked at", ("kind",))
_died = metrics.counter(
    "tgserve_imaging_died_total", "imaging processes that died, or were killed for taking too long"
)


class Imaging:
    """Open from the first job on; `close` ends the children."""

    def __init__(
        self, children: int = limits.IMAGING_CHILDREN, seconds: float = limits.IMAGING_SECONDS
    ) -> None:
        self._threads = ThreadPoolExecutor(children, thread_name_prefix="imaging")
        self._idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self.children = [Child(seconds) for _ in range(children)]
        self._waiting = 0
        for child in self.children:
            self._idle.put(child)

    async def photo(self, data: bytes) -> Processed:
        """A photo to be sent: sizes s m x y w, each no larger than the picture. PHOTO_SAVE_FILE_INVALID,
        PHOTO_EXT_INVALID, PHOTO_INVALID_DIMENSIONS, IMAGE_PROCESS_FAILED."""
        return _a(Processed, await self._run(Photo(_fit(data))))

    async def portrait(self, data: bytes) -> Processed:
        """The photo of a person or chat, cut square: sizes a b c, and d for large ones. As `photo`, and
        PHOTO_CROP_SIZE_SMALL."""
        return _a(Processed, await self._run(Portrait(_fit(data))))

    async def thumb(self, data: bytes, box: int = 320) -> Processed:
        """A document's thumbnail: one size of at most `box` pixels each way. As `photo`."""
        return _a(Processed, await self._run(Thumb(_fit(data), box)))

    async def sticker(self, data: bytes, mime: str, *, emoji: bool = False) -> StickerFile:
        """A file as a sticker (or custom emoji) set takes it; STICKER_FILE_INVALID, STICKER_PNG_NOPNG,
        STICKER_PNG_DIMENSIONS, STICKER_TGS_NOTGS, STICKER_VIDEO_NOWEBM, STICKER_VIDEO_BIG."""
        if not data or len(data) > limits.STICKER_BYTES:
            raise errors.STICKER_FILE_INVALID()
        return _a(StickerFile, await self._run(Sticker(data, mime, emoji)))

    async def ground(self, colours: tuple[int, ...]) -> Processed:
        """What stands behind a moving emoji: a portrait of one to four colours."""
        return _a(Processed, await self._run(Ground(colours)))

    async def video(self, size: int, read: Read, *, still: float = -1.0) -> Film | None:
        """What a video of `size` bytes is; None when PyAV is not installed. `read` is called in a thread, for a few
        parts of the file; with `still` the picture at so many seconds becomes a portrait.
        VIDEO_CONTENT_TYPE_INVALID, VIDEO_FILE_INVALID."""
        if not VIDEOS:
            return None
        return _a(Film, await self._run(Video(size, b"", still), read))

    async def _run(self, job: Job, read: Read | None = None) -> Answer:
        if self._waiting >= limits.IMAGING_WAITING:
            raise errors.FLOOD_WAIT(limits.IMAGING_SECONDS)
        self._waiting += 1
        _jobs.of(type(job).__name__.lower()).inc()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._work, job, read)
        finally:
            self._waiting -= 1

    def _work(self, job: Job, read: Read | None) -> Answer:
        """In a thread of the pool: there are as many as children."""
        if isinstance(job, Video) and read is not None:
            job = replace(job, head=read(0, min(job.size, 64)))
        child = self._idle.get()
        try:
            answer = child.do(job, read)
        finally:
            self._idle.put(child)
        if isinstance(answer, Refused):
            raise errors.CATALOGUE[answer.error]()
        return answer

    def close(self) -> None:
        """End the children; what they work on is refused."""
        for child in self.children:
            child.close()
        self._threads.shutdown(wait=True, cancel_futures=True)


class Child:
    """One process, started when it is first needed. Used by one thread at a time; `close` may come from another."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._jobs = 0
        self._closed = False
        self.started = 0
        self.process: subprocess.Popen[bytes] | None = None

    def do(self, job: Job, read: Read | None = None) -> Answer:
        """Have it done; Refused when the process dies of it or takes too long. What `read` raises is raised."""
        process = self._alive()
        watch = threading.Timer(self.seconds, process.kill)
        watch.daemon = True
        watch.start()
        try:
            assert process.stdin is not None and process.stdout is not None
            answer = _exchange(process.stdin, process.stdout, _REQUESTS.encode(job))
            while isinstance(answer, Need):
                answer = _exchange(process.stdin, process.stdout, _part(answer, read))
        except (OSError, EOFError, ValueError, msgspec.DecodeError):
            self._end()
            _died.inc()
            _log.warning("imaging.died", job=type(job).__name__, status=process.returncode)
            return Refused("VIDEO_FILE_INVALID" if isinstance(job, Video) else "IMAGE_PROCESS_FAILED")
        except BaseException:
            self._end()  # it still waits for an answer
            raise
        finally:
            watch.cancel()
        self._jobs += 1
        if self._jobs >= LIFE_JOBS:
            self._end()
        return answer

    def _alive(self) -> subprocess.Popen[bytes]:
        if self.process is not None and self.process.poll() is not None:
            self._end()
        if self._closed:
            raise errors.IMAGE_PROCESS_FAILED()
        if self.process is None:
            self._jobs = 0
            self.started += 1
            self.process = start_child("tgserve.imaging.child")
        return self.process

    def close(self) -> None:
        self._closed = True
        process = self.process
        if process is not None:
            process.kill()

    def _end(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.communicate()


def _exchange(requests: IO[bytes], answers: IO[bytes], data: bytes) -> Answer:
    requests.write(len(data).to_bytes(4, "little"))
    requests.write(data)
    requests.flush()
    length = int.from_bytes(_exactly(answers, 4), "little")
    if length > ANSWER_BYTES:
        raise ValueError("the answer is too long")
    return _ANSWERS.decode(_exactly(answers, length))


def _part(need: Need, read: Read | None) -> bytes:
    """What the child asks for: it is not believed more than a lawful one would ask."""
    if read is None or need.offset < 0 or not 0 < need.count <= PART_BYTES:
        raise ValueError("not a lawful question")
    return read(need.offset, need.count)


def _exactly(answers: IO[bytes], count: int) -> bytes:
    data = answers.read(count)
    if len(data) != count:
        raise EOFError
    return data


def _fit(data: bytes) -> bytes:
    """PHOTO_SAVE_FILE_INVALID for more than any photo needs."""
    if not data:
        raise errors.IMAGE_PROCESS_FAILED()
    if len(data) > limits.PHOTO_BYTES:
        raise errors.PHOTO_SAVE_FILE_INVALID()
    return data


def _a(kind: type[_A], answer: Answer) -> _A:
    """IMAGE_PROCESS_FAILED when a child answers something else than it was asked."""
    if not isinstance(answer, kind):
        raise errors.IMAGE_PROCESS_FAILED()
    return answer
