"""A process to be killed: makes backups of a data directory and prunes them, again and again, until it dies.

python -m tests.backup.victim DATA TARGET: prints a line for each backup that is done."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from tests.backup.attic import KEY, RANDOM, opened, target
from tests.chunks.yard import SECRET
from tgserve.backup.creating import Steps, create
from tgserve.backup.offline import closed_source
from tgserve.backup.pruning import prune
from tgserve.backup.repository import prepare
from tgserve.chunks.coding import Coder
from tgserve.store.format import read_format


def main(data: Path, place: Path) -> None:
    coder = Coder(SECRET, False, RANDOM)
    found = read_format(data / "store")
    assert found is not None
    number = 0
    while True:
        number += 1
        (data / "tgserve.toml").write_text(f"# {number}\n" + RANDOM(20_000).hex())  # something is new
        repository = prepare(target(place), RANDOM, key=KEY, passphrase="", server=found.store, now=1)
        done = create(
            repository, lambda: closed_source(data, coder), time.time, RANDOM, Steps(), threading.Event()
        )
        sys.stdout.write(f"{done.name}\n")
        sys.stdout.flush()
        prune(opened(target(place)), 2, Steps(), threading.Event())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
