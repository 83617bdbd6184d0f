"""Thousands of orders in which the processes of a search may come, be killed and fall asleep.

    python -m tests.benchmarks.interleavings --worlds 1000 --seed 1

The test `test_interleavings.py` with more seeds (see `tests.support.interleavings`): for each kind of search, how
many of its worlds complain. Of the first that does, its seed, its trials and what was done last are shown; `--only KIND
--worlds 1 --seed SEED` makes it again. A thousand worlds take half a minute, of one kind.

It ends with 1 if any world complains.
"""

import argparse
import sys

from tests.support.interleavings import KINDS, Result, disturbed


def shown(kind: str, world: Result, steps: int) -> str:
    """A world that complains."""
    lines = [f"{kind}, seed {world.seed}:", *world.complaints, *world.trials, *world.steps[-steps:]]
    return "\n  ".join(lines)


def main() -> int:
    """Make the worlds, one kind after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=1, help="of the first world; the next is one more")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--steps", type=int, default=40, help="shown of a world that complains, the last ones")
    asked = parser.parse_args()
    first: dict[str, Result] = {}
    print(f"{'kind':26} {'worlds':>7} {'complaints':>11}")
    for kind in asked.only:
        complain = 0
        for world in disturbed(KINDS[kind], range(asked.seed, asked.seed + asked.worlds)):
            if world.complaints:
                complain += 1
                first.setdefault(kind, world)
        print(f"{kind:26} {asked.worlds:7,} {complain:11,}", flush=True)
    for kind, world in first.items():
        print(f"\n{shown(kind, world, asked.steps)}")
    return int(bool(first))


if __name__ == "__main__":
    sys.exit(main())
