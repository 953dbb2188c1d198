"""The simulation by hand: `python -m tests.sim --seeds 10000 --from 200`, `python -m tests.sim --towns --seed 4711`.

Prints every failing seed with its last events and, at the end, what all stories together were made of."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.sim import story, towns


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first of them")
    parser.add_argument(
        "--each", type=int, default=0, help="one crash alone, at each of so many commits of each seed's story"
    )
    parser.add_argument("--towns", action="store_true", help="stories of channels")
    parser.add_argument("--trace", action="store_true", help="print everything that happened")
    chosen = parser.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.seeds) if chosen.seed is None else [chosen.seed]
    sums: Counter[str] = Counter()
    failed: list[int] = []
    began = time.monotonic()
    # A commit has two moments to die at: before it is kept, and behind that.
    for seed, commit in [(seed, at) for seed in seeds for at in range(1, 2 * chosen.each + 1) or (0,)]:
        told = towns.TownStory(seed) if chosen.towns else story.Story(seed)
        if commit:
            told.only_die(commit)
        try:
            if isinstance(told, towns.TownStory):
                told.play()
                sums.update(told.counted())
            else:
                outcome = told.run()
                sums.update({name: getattr(outcome, name) for name in story.COUNTED})
        except AssertionError as fault:
            failed.append(seed)
            print(f"commit {commit}: {fault}" if commit else fault, flush=True)
        if chosen.trace:
            print("\n".join(told.world.trace))
    took = time.monotonic() - began
    cpu = time.process_time()
    print(
        f"{len(seeds)} seeds in {took:.1f} s ({cpu:.1f} s of CPU), {len(failed)} failed {failed[:20]}; {dict(sums)}"
    )
    return 1 if failed else 0


sys.exit(main())
