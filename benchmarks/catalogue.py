"""What each kind of export costs on one campaign, slowest first, and where the slowest spends it.

    python -m benchmarks.catalogue --entries 20000

A stack of its own is seeded once; each kind is made in a fresh process by all that a run worker
does, from the claim to the commit. CPU is counted and not the clock, because the stand-ins share
the machine; the stand-ins' own is not in it. "Read" are documents or rows of a query.
"""

import argparse
import pstats
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from assets.exports.catalog import CATALOG
from benchmarks.apart import told
from benchmarks.memory import CAMPAIGN, seeded

Found = Mapping[str, float]
TITLES: Final = ("export", "read", "rows", "CPU s", "CPU us a row read", "peak MB")
# Below so many there is nothing to divide by: what an export costs before its first row.
FEW: Final = 1_000


def exported(name: str, env: Mapping[str, str], profile: str = "") -> Found:
    """Make one export in a process of its own.

    Raises:
        RuntimeError: It failed; the text is the end of what it said.
    """
    words = [
        sys.executable,
        "-m",
        "benchmarks.worker",
        name,
        CAMPAIGN,
        *([profile] * bool(profile)),
    ]
    found: Found = told(name, words, env)
    return found


def each(found: Found) -> float:
    """Microseconds of CPU for each row that was read; 0 where there are too few to tell."""
    return found["cpu_seconds"] / found["read"] * 1e6 if found["read"] >= FEW else 0.0


def line(name: str, found: Found) -> str:
    """A row of the table."""
    cells = (
        name,
        f"{found['read']:,.0f}",
        f"{found['rows']:,.0f}",
        f"{found['cpu_seconds']:.2f}",
        f"{each(found):.0f}" if each(found) else "-",
        f"{found['peak_mb']:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--functions", type=int, default=15, help="of the profile")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, seeded(given.entries, Path(folder)) as env:
        taken = {name: exported(name, env) for name in CATALOG}
        order = sorted(taken, key=lambda name: -each(taken[name]))
        print(f"| {' | '.join(TITLES)} |\n|---|{'---:|' * (len(TITLES) - 1)}")
        print("\n".join(line(name, taken[name]) for name in order))
        profile = str(Path(folder) / "profile")
        exported(order[0], env, profile)
        print(f"\nthe slowest is {order[0]}; its profile, which makes it slower:")
        pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(given.functions)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
