"""Peak memory of a worker over campaigns of two sizes: it must not know how many rows there are.

    python -m benchmarks.memory --sizes 20000 200000

For each size it seeds a stack of its own, runs one `entries` export in a fresh process and prints
that process's peak resident memory (`VmHWM`). It exits with 1 if they are further apart than
`--within` MB.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.apart import told
from export_platform.local.seed import loader
from export_platform.local.seed.catalog import pack_named
from export_platform.local.stack import Stack

CAMPAIGN = "small-2026"


@contextmanager
def seeded(size: int, folder: Path) -> Iterator[dict[str, str]]:
    """A stack with so many entries, as the variables that name it."""
    stack = Stack(folder)
    try:
        env = stack.up()
        os.environ.update(env)  # boto3 reads the stand-in's credentials there
        loader.load(
            pack_named("small", entries=size),
            mongo_uri=env["MONGODB_URI"],
            database=env["MONGODB_DATABASE"],
            s3=loader.lake_client(env["AWS_ENDPOINT_URL_S3"]),
        )
        yield env
    finally:
        stack.down()


def measured(size: int) -> dict[str, float]:
    """Seed a stack with so many entries and export them in a process of its own."""
    with tempfile.TemporaryDirectory() as folder, seeded(size, Path(folder)) as env:
        return _exported(env)


def _exported(env: Mapping[str, str]) -> dict[str, float]:
    words = [sys.executable, "-m", "benchmarks.worker", "entries", CAMPAIGN]
    found: dict[str, float] = told("entries", words, env)
    return found


def main(arguments: Sequence[str]) -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--within", type=float, default=50.0, help="MB between the sizes")
    given = parser.parse_args(arguments)
    peaks = []
    for size in given.sizes:
        found = measured(size)
        peaks.append(found["peak_mb"])
        rows, seconds = found["rows"], found["seconds"]
        print(f"{size:>9,} entries: {rows:>9,.0f} rows, {seconds:6.1f} s, peak {peaks[-1]:.0f} MB")
    apart = max(peaks) - min(peaks)
    print(f"peak memory {apart:.0f} MB apart, at most {given.within:.0f} allowed")
    return 0 if apart <= given.within else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
