"""What does a gigabyte of files cost, up and down? Against the ciphers alone, which no server can spare.

    python -m scripts.bench.media [--quick] [--streams 8] [--mib 64] [--window 4] [--rounds 3]

Every stream is an account of its own that uploads a file of random bytes in parts of 512 KiB, sends it to itself, and
downloads it in pieces of 512 KiB, `window` calls in flight. `cpu_s_per_gb`: of the server; `ratio`: over the raw work
(opening a frame for each part up, sealing one for each down). `block`: what one part costs the loop's thread at a
stretch, measured inside a server in this process (CPU time of that thread, so that other load does not count).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from scripts.bench.load import Connection, connect
from scripts.bench.measure import Meter, cpu_seconds, percentile, show
from scripts.bench.servers import make_accounts, scratch, start_tgserve
from tgserve.ids import Ids
from tgserve.mtproto.cipher import AuthKey, open_frame, seal_frame
from tgserve.server.gateway import Gateway
from tgserve.testing.server import TestServer
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import auth, messages, upload

PART = 512 * 1024
GB = 1e9
_NOISE = os.urandom(PART)


def part_of(stream: int, number: int) -> bytes:
    """Bytes that no other part has."""
    return stream.to_bytes(8, "big") + number.to_bytes(8, "big") + _NOISE[16:]


async def in_window(count: int, window: int, one: Callable[[int], Any]) -> None:
    """`one(0)` .. `one(count - 1)`, `window` of them at a time."""
    numbers: Iterator[int] = iter(range(count))

    async def lane() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(lane() for _ in range(window)))


async def put(connection: Connection, file_id: int, parts: int, window: int) -> None:
    async def one(number: int) -> None:
        request = upload.SaveBigFilePart(
            file_id=file_id, file_part=number, file_total_parts=parts, bytes=part_of(file_id, number)
        )
        await connection.call(layers.encode(request))

    await in_window(parts, window, one)


async def keep(connection: Connection, file_id: int, parts: int) -> t.InputDocumentFileLocation:
    """Send the file to oneself; where it lies."""
    media = t.InputMediaUploadedDocument(
        file=t.InputFileBig(id=file_id, parts=parts, name="b"), mime_type="a/b", attributes=[]
    )
    request = messages.SendMedia(peer=t.InputPeerSelf(), media=media, message="", random_id=file_id)
    answer: Any = layers.decode(await connection.call(layers.encode(request)))
    document = document_of(answer)
    return t.InputDocumentFileLocation(
        id=document.id,
        access_hash=document.access_hash,
        file_reference=document.file_reference,
        thumb_size="",
    )


def document_of(answer: Any) -> Any:
    """Of the message that an answer tells of."""
    told: Any = next(one for one in answer.updates if isinstance(one, t.UpdateNewMessage))
    return told.message.media.document


async def fetch(
    connection: Connection, where: t.InputDocumentFileLocation, file_id: int, parts: int, window: int
) -> None:
    async def one(number: int) -> None:
        answer = await connection.call(
            layers.encode(upload.GetFile(location=where, offset=number * PART, limit=PART))
        )
        if len(answer) < PART or answer[16:32] != part_of(file_id, number)[:16]:
            raise RuntimeError(f"part {number} is another")

    await in_window(parts, window, one)


def figures_of(meter: Meter, size: int) -> dict[str, float]:
    return {
        "cpu_s_per_gb": round(meter.cpu / size * GB, 2),
        "mb_per_s": round(size / 1e6 / meter.seconds, 1),
        "server_cores": round(meter.cpu / meter.seconds, 2),
        "generator_s_per_gb": round(meter.own / size * GB, 2),
    }


async def transfer(pid: int, connections: list[Connection], options: argparse.Namespace, first: int) -> Any:
    parts = options.mib * 2
    size = parts * PART * len(connections)
    ids = range(first, first + len(connections))
    with Meter(pid) as up:
        await asyncio.gather(
            *(put(one, id, parts, options.window) for one, id in zip(connections, ids, strict=True))
        )
    places = [await keep(one, id, parts) for one, id in zip(connections, ids, strict=True)]
    with Meter(pid) as down:
        await asyncio.gather(
            *(
                fetch(one, where, id, parts, options.window)
                for one, where, id in zip(connections, places, ids, strict=True)
            )
        )
    return figures_of(up, size), figures_of(down, size)


def raw_s_per_gb() -> tuple[float, float]:
    """CPU seconds that the ciphers alone take for a gigabyte: opening, sealing."""
    key, ids = AuthKey(os.urandom(256)), Ids()
    frame = seal_frame(key.mirrored(), 1, 2, 4, 1, _NOISE, ids.padding)
    found = []
    works: tuple[Callable[[], object], ...] = (
        partial(open_frame, key, frame),
        partial(seal_frame, key, 1, 2, 4, 1, _NOISE, ids.padding),
    )
    for work in works:
        began = time.process_time()
        for _ in range(64):
            work()
        found.append((time.process_time() - began) / 64 / PART * GB)
    return found[0], found[1]


async def block_ms(parts: int) -> dict[str, float]:
    """Longest stretches of the loop's thread, by what it did: a part that comes in, an answer that goes out."""
    taken: dict[str, list[float]] = {"packet": [], "flush": []}

    def timed(name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        began = time.thread_time()
        try:
            return work(*arguments)
        finally:
            taken[name].append((time.thread_time() - began) * 1e3)

    with tempfile.TemporaryDirectory(prefix="tgserve-bench-") as folder:
        async with TestServer(Path(folder) / "data") as server:
            client = await server.client()
            client.patience = 60
            phone = "+999660001"
            sent: Any = await client.call(
                auth.SendCode(phone_number=phone, api_id=1, api_hash="x", settings=t.CodeSettings())
            )
            await client.call(
                auth.SignIn(phone_number=phone, phone_code_hash=sent.phone_code_hash, phone_code="12345")
            )
            await client.call(
                auth.SignUp(
                    phone_number=phone, phone_code_hash=sent.phone_code_hash, first_name="B", last_name=""
                )
            )
            await at_rest(os.getpid())
            gateway = server.app.gateway
            gateway.packet = partial(timed, "packet", partial(Gateway.packet, gateway))  # type: ignore[method-assign]
            gateway.flush = partial(timed, "flush", partial(Gateway.flush, gateway))  # type: ignore[method-assign]
            for number in range(parts):
                request = upload.SaveBigFilePart(
                    file_id=7, file_part=number, file_total_parts=parts, bytes=part_of(7, number)
                )
                await client.call(request)
            media = t.InputMediaUploadedDocument(
                file=t.InputFileBig(id=7, parts=parts, name="b"), mime_type="a/b", attributes=[]
            )
            answer: Any = await client.call(
                messages.SendMedia(peer=t.InputPeerSelf(), media=media, message="", random_id=7)
            )
            document = document_of(answer)
            where = t.InputDocumentFileLocation(
                id=document.id,
                access_hash=document.access_hash,
                file_reference=document.file_reference,
                thumb_size="",
            )
            for number in range(parts):
                await client.call(upload.GetFile(location=where, offset=number * PART, limit=PART))
    large = {name: sorted(values)[-parts:] for name, values in taken.items()}
    return {
        "in_p50_ms": round(percentile(large["packet"], 0.5), 2),
        "in_p99_ms": round(percentile(large["packet"], 0.99), 2),
        "out_p50_ms": round(percentile(large["flush"], 0.5), 2),
        "out_p99_ms": round(percentile(large["flush"], 0.99), 2),
    }


async def at_rest(pid: int) -> None:
    """Wait until the server has nothing of its own to do: a first start draws its stock of stickers."""
    for _ in range(120):
        before = cpu_seconds(pid)
        await asyncio.sleep(0.5)
        if cpu_seconds(pid) - before < 0.02:
            return


async def main(options: argparse.Namespace) -> None:
    with scratch() as folder:
        accounts = await make_accounts(folder, options.streams)
        tgserve = start_tgserve(folder)
        try:
            connections = await connect(tgserve.port, accounts)
            await at_rest(tgserve.pid)
            runs = [
                await transfer(tgserve.pid, connections, options, 1000 * (number + 1))
                for number in range(options.rounds)
            ]
        finally:
            tgserve.stop()
    up, down = ({field: median(run[way][field] for run in runs) for field in runs[0][way]} for way in (0, 1))
    opening, sealing = raw_s_per_gb()
    show(
        f"media, {options.streams} streams of {options.mib} MiB",
        {
            "up": {**up, "ratio": round(up["cpu_s_per_gb"] / opening, 2)},
            "down": {**down, "ratio": round(down["cpu_s_per_gb"] / sealing, 2)},
            "ciphers_s_per_gb": [round(opening, 2), round(sealing, 2)],
        },
    )
    show("media, one part", await block_ms(8 if options.quick else 100))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="2 streams of 4 MiB: does it still run?")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--mib", type=int, default=64)
    parser.add_argument("--window", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.streams, chosen.mib, chosen.rounds = 2, 4, 1
    uvloop.run(main(chosen))
