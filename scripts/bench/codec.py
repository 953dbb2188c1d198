#!/usr/bin/env python3
"""What does the TL codec cost? Microseconds a call, best of several rounds, and the same work by Telethon's classes in
the same run (`ratio` = Telethon / ours; null when it is not installed).

    python scripts/bench/codec.py [--quick]

Prints one JSON line: decode and encode of a messages.sendMessage call, of an updates push (one message, two users),
of a history page (50 messages, 20 users); the page
spliced from stored bytes; import seconds (CPU).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
STARTED = time.process_time()
from tgserve.tl import functions as f  # noqa: E402
from tgserve.tl import layers  # noqa: E402
from tgserve.tl import types as t  # noqa: E402
from tgserve.tl.base import Raw, Request  # noqa: E402

IMPORT_SECONDS = time.process_time() - STARTED
TELETHON_LAYER = 229
TEXT = "hello, how are you today? 👋"


def message(id: int) -> t.Message:
    return t.Message(
        id=id,
        out=id % 2 == 0,
        from_id=t.PeerUser(user_id=5_000_000_000 + id % 20),
        peer_id=t.PeerUser(user_id=5_000_000_001),
        date=1_700_000_000 + id,
        message=TEXT * (1 + id % 3),
        entities=[t.MessageEntityBold(offset=0, length=5)] if id % 5 == 0 else None,
        reply_to=t.MessageReplyHeader(reply_to_msg_id=id - 1) if id % 4 == 0 else None,
    )


def user(id: int) -> t.User:
    return t.User(
        id=5_000_000_000 + id,
        access_hash=-(1 << 60) + id,
        first_name="Alice",
        last_name="Liddell",
        username=f"alice{id}",
        phone="15550001",
        status=t.UserStatusOnline(expires=1_700_000_000),
    )


def microseconds(work: Callable[[], Any], seconds: float) -> float:
    """Of one call: the best of five rounds that take `seconds` together."""
    work()
    calls, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds / 10:
        work()
        calls += 1
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(calls):
            work()
        best = min(best, (time.perf_counter() - began) / calls)
    return round(best * 1e6, 2)


def telethon_reader() -> Callable[[bytes], Any] | None:
    try:
        extensions = import_module("telethon.extensions")
    except ImportError:
        return None
    return lambda data: extensions.BinaryReader(data).tgread_object()


def measure(obj: Any, read: Callable[[bytes], Any] | None, seconds: float) -> dict[str, Any]:
    """One object decoded and encoded by us, and by Telethon at its own layer."""
    data, theirs = layers.encode(obj), layers.encode(obj, TELETHON_LAYER)
    decode = layers.decode_request if isinstance(obj, Request) else layers.decode
    assert decode(data) == obj
    found: dict[str, Any] = {
        "bytes": len(data),
        "decode_us": microseconds(lambda: decode(data), seconds),
        "encode_us": microseconds(lambda: layers.encode(obj), seconds),
        "encode_229_us": microseconds(lambda: layers.encode(obj, TELETHON_LAYER), seconds),
        "encode_200_us": microseconds(lambda: layers.encode(obj, 200), seconds),
        "decode_ratio": None,
        "encode_ratio": None,
    }
    if read is not None:
        same = read(theirs)
        assert len(bytes(same)) == len(theirs)
        found["decode_ratio"] = round(microseconds(lambda: read(theirs), seconds) / found["decode_us"], 1)
        found["encode_ratio"] = round(microseconds(lambda: bytes(same), seconds) / found["encode_us"], 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the time, for the tests")
    seconds = 0.02 if parser.parse_args().quick else 0.5
    messages: list[t.AnyMessage] = [message(id) for id in range(50)]
    users: list[t.AnyUser] = [user(id) for id in range(20)]
    page = t.MessagesMessagesSlice(count=1000, messages=messages, topics=[], chats=[], users=users)
    peer = t.InputPeerUser(user_id=5_000_000_001, access_hash=-5)
    call = f.messages.SendMessage(peer=peer, message=TEXT, random_id=1 << 60, clear_draft=True)
    news = t.UpdateNewMessage(message=message(7), pts=12, pts_count=1)
    push = t.Updates(updates=[news], users=[user(7), user(1)], chats=[], date=1_700_000_000, seq=0)
    read = telethon_reader()
    result: dict[str, Any] = {"bench": "codec", "layer": layers.CURRENT, "import_s": round(IMPORT_SECONDS, 3)}
    for name, obj in (("send_message", call), ("updates", push), ("page", page)):
        result[name] = measure(obj, read, seconds)
    stored: Any = [Raw(*layers.encode_part(each)) for each in messages]
    known: Any = [Raw(*layers.encode_part(each)) for each in users]
    spliced = t.MessagesMessagesSlice(count=1000, messages=stored, topics=[], chats=[], users=known)
    assert layers.encode(spliced) == layers.encode(page)
    result["page"]["splice_us"] = microseconds(lambda: layers.encode(spliced), seconds)
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
