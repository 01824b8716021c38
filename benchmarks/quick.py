"""Ours beside PyMongo and csv.writer as people write it, in less than three minutes.

    python -m benchmarks.quick --entries 200000 --rounds 5 --seconds 100

The last line is the result. Rounds end early when the next would take longer than `--seconds`
together with those before it. Exits with 1 when the outputs differ.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contest import (
    OURS,
    PYMONGO,
    TAPES,
    OutputsDiffer,
    Run,
    one_round,
    ratio,
    rehearse,
    replaying,
)


def measured(entries: int, folder: Path, *, rounds: int, seconds: float) -> list[dict[str, Run]]:
    """The rounds, each printed when it is over.

    Raises:
        OutputsDiffer: The two did not write the same.
    """
    rehearse([OURS, PYMONGO], folder, sizes=[entries])
    done: list[dict[str, Run]] = []
    with replaying(entries, folder / TAPES) as uri:
        began = time.monotonic()
        while len(done) < rounds:
            done.append(one_round([OURS, PYMONGO], uri, folder))
            for name, found in done[-1].items():
                print(
                    f"{name:<22} {found.rows_per_second:>9,.0f} rows/s"
                    f" {found.cpu_per_million:>7.1f} CPU s a million {found.peak_mb:>5.0f} MB"
                )
            spent = time.monotonic() - began
            if spent / len(done) * (len(done) + 1) > seconds:
                break
    return done


def main(arguments: Sequence[str]) -> int:
    """Measure, print, judge the outputs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=100.0)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        try:
            rounds = measured(
                given.entries, Path(folder), rounds=given.rounds, seconds=given.seconds
            )
        except OutputsDiffer as error:
            print(error)
            return 1
    times, peak = ratio(rounds, OURS, PYMONGO), max(each[OURS.name].peak_mb for each in rounds)
    print(f"rows/s ratio ours/pymongo-csv: {times:.2f}  rss_mb: {peak:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
