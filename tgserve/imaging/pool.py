"""`Imaging`: pictures are handed to one of a few child processes and come back in the sizes that clients expect.

Each child has a thread that speaks to it, so the loop only waits for a future. A child that takes too long is killed,
one that died is replaced for the next picture; its own is refused with IMAGE_PROCESS_FAILED, and nobody else notices.
"""

from __future__ import annotations

import asyncio
import os
import queue
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final

import msgspec

from tgserve import errors, limits, log
from tgserve.imaging.results import Answer, Job, Photo, Portrait, Processed, Refused, Thumb

_REQUESTS: Final = msgspec.msgpack.Encoder()
_ANSWERS: Final[msgspec.msgpack.Decoder[Answer]] = msgspec.msgpack.Decoder(Answer)
ANSWER_BYTES: Final = 64 << 20
"""No honest answer is longer."""
LIFE_JOBS: Final = 500
"""A child is replaced after so many: what decoders leave behind goes with it."""

_log = log.get("imaging")


class Imaging:
    """Open from the first job on; `close` ends the children."""

    def __init__(
        self, children: int = limits.IMAGING_CHILDREN, seconds: float = limits.IMAGING_SECONDS
    ) -> None:
        self._threads = ThreadPoolExecutor(children, thread_name_prefix="imaging")
        self._idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self._children = [Child(seconds) for _ in range(children)]
        self._waiting = 0
        for child in self._children:
            self._idle.put(child)

    async def photo(self, data: bytes) -> Processed:
        """A photo to be sent: sizes s m x y w, each no larger than the picture. PHOTO_SAVE_FILE_INVALID,
        PHOTO_EXT_INVALID, PHOTO_INVALID_DIMENSIONS, IMAGE_PROCESS_FAILED."""
        return await self._run(Photo(_fit(data)))

    async def portrait(self, data: bytes) -> Processed:
        """The photo of a person or chat, cut square: sizes a b c, and d for large ones. As `photo`, and
        PHOTO_CROP_SIZE_SMALL."""
        return await self._run(Portrait(_fit(data)))

    async def thumb(self, data: bytes, box: int = 320) -> Processed:
        """A document's thumbnail: one size of at most `box` pixels each way. As `photo`."""
        return await self._run(Thumb(_fit(data), box))

    async def _run(self, job: Job) -> Processed:
        if self._waiting >= limits.IMAGING_WAITING:
            raise errors.FLOOD_WAIT(limits.IMAGING_SECONDS)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._work, job)
        finally:
            self._waiting -= 1

    def _work(self, job: Job) -> Processed:
        """In a thread of the pool: there are as many as children."""
        child = self._idle.get()
        try:
            answer = child.do(job)
        finally:
            self._idle.put(child)
        if isinstance(answer, Refused):
            raise errors.CATALOGUE[answer.error]()
        return answer

    def close(self) -> None:
        """End the children; what they work on is refused."""
        for child in self._children:
            child.close()
        self._threads.shutdown(wait=True, cancel_futures=True)


class Child:
    """One process, started when it is first needed. Used by one thread at a time; `close` may come from another."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._jobs = 0
        self._closed = False
        self.process: subprocess.Popen[bytes] | None = None

    def do(self, job: Job) -> Answer:
        """Have it done; Refused when the process dies of it or takes too long."""
        process = self._alive()
        watch = threading.Timer(self._seconds, process.kill)
        watch.daemon = True
        watch.start()
        try:
            assert process.stdin is not None and process.stdout is not None
            answer = _exchange(process.stdin, process.stdout, job)
        except (OSError, EOFError, ValueError, msgspec.DecodeError):
            self._end()
            _log.warning("imaging.died", job=type(job).__name__, status=process.returncode)
            return Refused("IMAGE_PROCESS_FAILED")
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
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tgserve.imaging.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PYTHONPATH": os.pathsep.join(str(Path(one).resolve()) for one in sys.path)},
                cwd="/",
                close_fds=True,
                start_new_session=True,  # Ctrl-C is the server's business
            )
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


def _exchange(requests: IO[bytes], answers: IO[bytes], job: Job) -> Answer:
    data = _REQUESTS.encode(job)
    requests.write(len(data).to_bytes(4, "little"))
    requests.write(data)
    requests.flush()
    length = int.from_bytes(_exactly(answers, 4), "little")
    if length > ANSWER_BYTES:
        raise ValueError("the answer is too long")
    return _ANSWERS.decode(_exactly(answers, length))


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
