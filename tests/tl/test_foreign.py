"""Client libraries' own classes against ours: what they read from our bytes they write back alike, for every
constructor and method of their layer, and we read what they wrote."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tl import samples
from tests.wheels import wheel
from tgserve.tl import layers
from tgserve.tl.codec import TlError

HERE = Path(__file__).parent
SCHEMA = samples.SCHEMA


def through(library: str, path: str | None, lines: list[bytes]) -> tuple[str, int, list[str]]:
    """(version, layer, answers) of foreign.py."""
    env = {**os.environ, **({"PYTHONPATH": path} if path else {})}
    done = subprocess.run(
        [sys.executable, str(HERE / "foreign.py"), library],
        input="".join(line.hex() + "\n" for line in lines),
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert not done.returncode, done.stderr[-2000:]
    head, *answers = done.stdout.splitlines()
    version, layer = head.split()
    return version, int(layer), answers


def written(data: bytes, number: int) -> bytes:
    """`data` read and written for its own layer by our codec; as it is where a rule cannot go back."""
    try:
        return layers.encode(layers.decode(data), number)
    except TlError:
        return data


@pytest.mark.parametrize(
    "library, number, old", [("telethon", 229, ""), ("pyrogram", 229, ""), ("telethon", 199, "1.39.0")]
)
def test_client_libraries_read_our_bytes_and_we_read_theirs(library, number, old):
    table = samples.layer(number)
    definitions = [SCHEMA[id] for id in sorted(table.ids)]
    definitions = [
        d for d in definitions if samples.generated(d) and not any(p.type == "!X" for p in d.params)
    ]
    plain = [table.body(definition, random.Random(definition.id), share=0.7) for definition in definitions]
    ours = [written(data, number) for data in plain]
    alike = sum(mine == data for mine, data in zip(ours, plain, strict=True))
    assert alike > 0.9 * len(definitions)  # the rest was read from constructors or fields that are no more
    version, layer, answers = through(library, str(wheel("Telethon", old)) if old else None, ours)
    assert layer == number, f"{library} {version}"
    known = 0
    # Telethon's own Message classes change senders and flags as they read; Kurigram's do not.
    ids = [SCHEMA.names(number)[False, name].to_bytes(4, "little") for name in ("message", "messageService")]
    for definition, data, answer in zip(definitions, ours, answers, strict=True):
        if answer == "-" or (library == "telethon" and any(id in data for id in ids)):
            continue
        known += 1
        assert answer == data.hex(), f"{library} {version}: {definition.text}"
    assert known > 0.9 * len(definitions)
