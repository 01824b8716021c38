"""A large result of Athena as CSV: unloaded and sorted by us, beside a cursor that turns pages.

    python -m benchmarks.athena --rows 1000000 --rounds 5

A result of eight columns is written by three ways in turn, each in a process of its own: `UNLOAD`
as Parquet, read in row groups and sorted on disk, as an export reads a large result; our door's
pages, as it reads a small one; and PyAthena's cursor with csv.writer, as people write it. The
stand-in has the same query for all, and its time is in all: what differs on AWS is that its workers
write in parallel, and that a page takes the time of a request to another machine. The files must be
the same, byte for byte. The last line is the result.
"""

import argparse
import csv
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import Any, Final

from assets.steps.arrange import arranged
from benchmarks.apart import told
from benchmarks.usage import peak_mb
from export_platform.local.stack import Stack
from resources.athena import ROWS_PER_PAGE
from resources.wiring import environment

_ROWS: Final = """
SELECT 1000 * a.n + b.n AS number,
       'fan-' || CAST(1000 * a.n + b.n AS varchar) AS fan,
       a.n % 7 = 0 AS is_first,
       CAST(a.n AS double) / 8 AS score,
       'campaign-' || CAST(b.n % 5 AS varchar) AS campaign,
       'market-' || CAST(a.n % 50 AS varchar) AS market,
       CASE WHEN b.n % 3 = 0 THEN NULL ELSE 'opened' END AS opened,
       CAST(b.n AS varchar) AS wave
FROM UNNEST(sequence(1, {thousands})) AS a(n)
CROSS JOIN UNNEST(sequence(0, 999)) AS b(n)
"""
_IN_ORDER: Final = " ORDER BY number"
UNLOADED, PAGES, CURSOR = "unload", "pages", "pyathena"
WAYS: Final = (UNLOADED, PAGES, CURSOR)

Found = Mapping[str, Any]


def rows(way: str, thousands: int, env: Mapping[str, str]) -> Iterator[Sequence[Any]]:
    """The rows in their order, by one of the ways."""
    sql, token = _ROWS.format(thousands=thousands), f"benchmark:{time.time_ns()}"
    if way == CURSOR:
        yield from _turned(sql + _IN_ORDER, env)
        return
    with closing(environment.athena(env)) as door:
        if way == PAGES:
            yield from chain.from_iterable(door.select(sql + _IN_ORDER, (), token=token).batches())
            return
        unloaded = chain.from_iterable(door.unload(sql, (), token=token).batches())
        for row in arranged(unloaded, lambda row: (row["number"],)):
            yield tuple(row.values())


def _turned(sql: str, env: Mapping[str, str]) -> Iterator[Sequence[Any]]:
    import pyathena  # noqa: PLC0415 - the others do not pay for it

    with pyathena.connect(
        s3_staging_dir=env[environment.ATHENA_STAGING],
        region_name=env[environment.AWS_REGION],
        endpoint_url=env[environment.AWS_ENDPOINT_URL_ATHENA],
    ) as connection:
        yield from connection.cursor(arraysize=ROWS_PER_PAGE).execute(sql)


def written(given: Iterable[Sequence[Any]], path: Path) -> int:
    """Write rows as CSV; how many."""
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        line = csv.writer(file).writerow
        for row in given:
            line(row)
            count += 1
    return count


def one(way: str, thousands: int, env: Mapping[str, str]) -> Found:
    """What one way took in this process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        began, cpu = time.perf_counter(), time.process_time()
        count = written(rows(way, thousands, env), path)
        return {
            "rows": count,
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu,
            "peak_mb": peak_mb(),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }


def in_its_own_process(way: str, thousands: int, env: Mapping[str, str]) -> Found:
    """The same, as a program that does nothing else.

    Raises:
        RuntimeError: It failed; the text is the end of what it said.
    """
    words = [sys.executable, "-m", "benchmarks.athena", "--way", way, "--rows", f"{thousands}000"]
    found: Found = told(way, words, env)
    return found


def rounds_of(count: int, thousands: int) -> dict[str, list[Found]]:
    """So many rounds in a stack of their own, everybody once in each.

    Raises:
        SystemExit: Two ways wrote different files.
    """
    found: dict[str, list[Found]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            env = stack.up()
            for _ in range(count):
                for way in WAYS:
                    found[way].append(in_its_own_process(way, thousands, env))
        finally:
            stack.down()
    if len({one["sha256"] for runs in found.values() for one in runs}) != 1:
        raise SystemExit("two ways wrote different files")
    return found


def shown(found: Mapping[str, Sequence[Found]]) -> Iterator[str]:
    """A line for each way, and the result."""
    rates = {way: [one["rows"] / one["seconds"] for one in runs] for way, runs in found.items()}
    for way, runs in found.items():
        cpu = median(one["cpu_seconds"] / one["rows"] * 1e6 for one in runs)
        peak = median(one["peak_mb"] for one in runs)
        yield (
            f"{way:<10} {median(rates[way]):>9,.0f} rows/s {cpu:>6.1f} CPU s a million"
            f" {peak:>5.0f} MB"
        )
    pairs = zip(rates[UNLOADED], rates[CURSOR], strict=True)
    ratio = median(ours / theirs for ours, theirs in pairs)
    peak = median(map(itemgetter("peak_mb"), found[UNLOADED]))
    yield f"athena: rows/s ratio unload/pyathena: {ratio:.2f}  rss_mb: {peak:.0f}"


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="a multiple of 1,000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--way", choices=WAYS, help="one way in this process, with a stack's names")
    given = parser.parse_args(arguments)
    thousands = max(1, given.rows // 1_000)
    if given.way:
        print(json.dumps(one(given.way, thousands, os.environ)))
        return 0
    for line in shown(rounds_of(given.rounds, thousands)):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
