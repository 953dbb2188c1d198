"""The children: what they may not do, and that nobody is harmed when one dies (SECURITY 6.9)."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.imaging.test_pictures import picture
from tgserve import limits
from tgserve.errors import RpcError
from tgserve.imaging.pool import Child, Imaging
from tgserve.imaging.results import Photo, Processed, Refused


@pytest.fixture
def imaging():
    made = Imaging(children=1)
    yield made
    made.close()


@pytest.mark.asyncio
async def test_a_killed_child_is_replaced(imaging):
    """SECURITY 6.9"""
    assert (await imaging.photo(picture(50, 50))).sizes
    (child,) = imaging.children
    os.kill(child.process.pid, signal.SIGKILL)
    child.process.wait()
    assert (await imaging.photo(picture(50, 50))).sizes, (
        "one that died between two jobs costs nobody a picture"
    )
    assert child.started == 2


def test_a_child_that_dies_of_a_job_refuses_it():
    """SECURITY 6.9: killed while it works."""
    child = Child(seconds=30)
    assert isinstance(child.do(Photo(picture(50, 50))), Processed)
    os.kill(child.process.pid, signal.SIGSTOP)
    pid = child.process.pid
    import threading

    threading.Timer(0.2, os.kill, (pid, signal.SIGKILL)).start()
    assert child.do(Photo(picture(50, 50))) == Refused("IMAGE_PROCESS_FAILED")
    assert isinstance(child.do(Photo(picture(50, 50))), Processed)
    child.close()


def test_a_child_that_takes_too_long_is_killed():
    """SECURITY 6.9: a limit by the clock on the wall."""
    child = Child(seconds=30)
    assert isinstance(child.do(Photo(picture(50, 50))), Processed)
    child.seconds = 0.3
    os.kill(child.process.pid, signal.SIGSTOP)
    assert child.do(Photo(picture(50, 50))) == Refused("IMAGE_PROCESS_FAILED")
    child.close()


@pytest.mark.asyncio
async def test_close_ends_the_children_and_their_work():
    imaging = Imaging(children=2)
    await asyncio.gather(*(imaging.photo(picture(50, 50)) for _ in range(6)))
    processes = [child.process for child in imaging.children if child.process is not None]
    assert processes
    imaging.close()
    assert all(process.wait(60) is not None for process in processes)
    for child in imaging.children:
        with pytest.raises(RpcError, match="IMAGE_PROCESS_FAILED"):
            child.do(Photo(b""))


@pytest.mark.asyncio
async def test_the_child_may_do_little(imaging, monkeypatch):
    """SECURITY 6.9: limits, no environment, no socket, no file of the server's."""
    monkeypatch.setenv("TGSERVE_SECRET", "0123456789")
    await imaging.photo(picture(50, 50))
    pid = imaging.children[0].process.pid
    soft = {what: resource.prlimit(pid, what)[1] for what in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE)}
    assert soft == {resource.RLIMIT_AS: limits.IMAGING_BYTES, resource.RLIMIT_FSIZE: 0}
    used, hard = resource.prlimit(pid, resource.RLIMIT_CPU)
    assert used <= limits.IMAGING_CPU_SECONDS + 3 and hard == limits.IMAGING_LIFE_CPU_SECONDS
    assert "NoNewPrivs:\t1" in Path(f"/proc/{pid}/status").read_text()
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"SECRET" not in environment and b"PYTHONPATH=" in environment
    files = {fd.name: str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    assert len(files) <= 4, files
    assert all(to.startswith("pipe:") or to == "/dev/null" for to in files.values()), files


def confined(code: str) -> subprocess.CompletedProcess[bytes]:
    """Run `code` in a process that has confined itself as a child does."""
    text = f"from tgserve.imaging import child\nchild.confine()\nchild.more_time()\n{code}"
    return subprocess.run([sys.executable, "-c", text], capture_output=True, timeout=120)


def test_memory_is_limited():
    """SECURITY 6.9"""
    done = confined("try: bytearray(1 << 31)\nexcept MemoryError: raise SystemExit(7)")
    assert done.returncode == 7, done.stderr


def test_files_cannot_be_written(tmp_path):
    """SECURITY 6.9"""
    target = tmp_path / "x"
    done = confined(
        f"import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"f = open({str(target)!r}, 'wb', buffering=0)\n"
        f"try: f.write(b'1')\nexcept OSError: raise SystemExit(7)"
    )
    assert done.returncode == 7, done.stderr
    assert target.stat().st_size == 0


@pytest.mark.slow
def test_cpu_time_is_limited():
    """SECURITY 6.9"""
    done = confined(
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, resource.getrlimit(resource.RLIMIT_CPU)[1]))\n"
        "while True: pass"
    )
    assert done.returncode == -signal.SIGXCPU


@pytest.mark.asyncio
async def test_no_more_wait_than_can_be_served(imaging, monkeypatch):
    monkeypatch.setattr(limits, "IMAGING_WAITING", 3)
    outcomes = await asyncio.gather(
        *(imaging.photo(picture(50, 50)) for _ in range(6)), return_exceptions=True
    )
    refused = [one for one in outcomes if isinstance(one, RpcError)]
    assert [one.code for one in refused] == [420] * 3
    assert sum(isinstance(one, Processed) for one in outcomes) == 3
    assert (await imaging.photo(picture(50, 50))).sizes


@pytest.mark.asyncio
async def test_the_loop_goes_on_meanwhile(imaging):
    """A photo of the largest lawful size never holds up the loop."""
    await imaging.photo(picture(50, 50))
    data = picture(5000, 5000)

    async def longest() -> float:
        """CPU seconds of the loop's thread from one beat to the next, at most."""
        found, making = 0.0, asyncio.ensure_future(imaging.photo(data))
        while not making.done():
            begun = time.thread_time()  # other processes do not count
            await asyncio.sleep(0.001)
            found = max(found, time.thread_time() - begun)
        await making
        return found

    # The picture takes five times as long. Where a machine that stands still counts as one that computes, not each time.
    assert min([await longest() for _ in range(3)]) < 0.1


@pytest.mark.asyncio
async def test_a_child_that_asks_for_too_much_is_not_answered(imaging):
    """SECURITY 6.9: a child that was taken over gets no bytes but those of the file it looks at."""
    from tgserve.imaging.pool import _part
    from tgserve.imaging.results import Need

    for need in (Need(-1, 5), Need(0, 0), Need(0, 1 << 30)):
        with pytest.raises(ValueError):
            _part(need, lambda offset, count: b"")
    with pytest.raises(ValueError):
        _part(Need(0, 5), None)
