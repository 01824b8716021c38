"""The sweep: everyone who is here, on sizes that grow, into RESULTS.md and its pictures.

    python -m benchmarks.full --sizes 10000 100000 1000000 5000000 --rounds 5

It works in a folder of TMPDIR, where five million entries take 40 GB. Sizes above `--peers-up-to`
are exported by ours and read by the raw socket alone. Exits with 1 when two wrote different rows;
nothing is written then.
"""

import argparse
import os
import platform
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.contest import (
    DRAIN,
    MONGOEXPORT,
    NODE,
    OURS,
    OURS_GZIP,
    OURS_PYTHON,
    OURS_WHOLE,
    OURS_ZSTD,
    PYMONGO,
    TAPES,
    TUNED_NODE,
    TUNED_NODE_S3,
    OutputsDiffer,
    Run,
    living,
    one_round,
    ratio,
    rehearse,
    replaying,
)
from benchmarks.pictures import bars, lines

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "RESULTS.md"
BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"
EVERYBODY: Final = (
    *(OURS, OURS_GZIP, OURS_ZSTD, OURS_PYTHON),
    *(PYMONGO, NODE, TUNED_NODE, MONGOEXPORT),
    *(OURS_WHOLE, TUNED_NODE_S3, DRAIN),
)
MUST: Final = (OURS, OURS_WHOLE, DRAIN)

Rounds = Sequence[dict[str, Run]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Median:
    """The medians of somebody's runs, each for itself."""

    rows_per_second: float
    megabytes_per_second: float
    cpu_per_million: float
    peak_mb: float

    @classmethod
    def of(cls, runs: Sequence[Run]) -> "Median":
        """Of these runs."""
        return cls(
            rows_per_second=median(run.rows_per_second for run in runs),
            megabytes_per_second=median(run.bytes / run.seconds / 1e6 for run in runs),
            cpu_per_million=median(run.cpu_per_million for run in runs),
            peak_mb=median(run.peak_mb for run in runs),
        )


def medians(rounds: Rounds) -> dict[str, Median]:
    """Of everyone who took part."""
    return {name: Median.of([each[name] for each in rounds]) for name in rounds[0]}


def measured(
    sizes: Sequence[int], folder: Path, *, rounds: int, peers_up_to: int
) -> dict[int, Rounds]:
    """The rounds of each size.

    Raises:
        OutputsDiffer: Two wrote different rows.
    """
    here = [subject for subject in EVERYBODY if subject.available()]
    found: dict[int, Rounds] = {}
    with living(folder / "life") as env:
        for size in sizes:
            taking_part = here if size <= peers_up_to else MUST
            rehearse(taking_part, folder, sizes=[size], env=env)
            with replaying(size, folder / TAPES) as uri:
                found[size] = [one_round(taking_part, uri, folder, env) for _ in range(rounds)]
            shutil.rmtree(folder / TAPES)  # those of five million are 12 GB each
            for name, one in medians(found[size]).items():
                speed, peak = f"{one.rows_per_second:>11,.0f} rows/s", f"{one.peak_mb:>5,.0f} MB"
                print(f"{size:>9,} {name:<26} {speed} {peak}", flush=True)
    return found


def report(found: Mapping[int, Rounds], command: str) -> str:
    """What was measured, as Markdown."""
    absent = [subject.name for subject in EVERYBODY if not subject.available()]
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Linux {platform.release()}"
    load = f"load average at the end {os.getloadavg()[0]:.1f}"
    said = [f"`{command}`", "", f"{machine}, Python {platform.python_version()}; {load}."]
    if absent:
        said += ["", f"Not to be had here, so not measured: {', '.join(absent)}."]
    for size, rounds in found.items():
        said += [
            "",
            f"### {size:,} entries, {len(rounds)} rounds",
            "",
            *_table(rounds),
            "",
            _into_s3(rounds),
        ]
    peaks = [medians(rounds)[OURS.name].peak_mb for rounds in found.values()]
    if len(peaks) > 1:
        said += [
            "",
            f"Our peak memory is {max(peaks) - min(peaks):.0f} MB apart between the sizes.",
        ]
    return "\n".join(said)


def _into_s3(rounds: Rounds) -> str:
    """How the whole export into S3 compares with the file alone, and with a peer that uploads."""
    kept = f"{ratio(rounds, OURS_WHOLE, OURS):.0%}"
    said = f"From the queue to the commit, {kept} of the rows a second of the file alone"
    if TUNED_NODE_S3.name not in rounds[0]:
        return f"{said}."
    times = f"{ratio(rounds, OURS_WHOLE, TUNED_NODE_S3):.3g}"
    return f"{said}, and {times} times those of {TUNED_NODE_S3.name}."


def _table(rounds: Rounds) -> list[str]:
    rows = [
        "| who | rows/s | MB/s | CPU s per million rows | peak RSS MB | ours / theirs |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    subjects = {subject.name: subject for subject in EVERYBODY}
    for name, one in medians(rounds).items():
        times = ratio(rounds, OURS, subjects[name])
        rows.append(
            f"| {name} | {one.rows_per_second:,.0f} | {one.megabytes_per_second:,.1f} |"
            f" {one.cpu_per_million:,.2f} | {one.peak_mb:,.0f} | {times:,.3g} |"
        )
    return rows


def draw(found: Mapping[int, Rounds], folder: Path) -> None:
    """Write the pictures."""
    folder.mkdir(exist_ok=True)
    sizes = list(found)
    widest = max(sizes, key=lambda size: (len(found[size][0]), size))
    best = {name: one.rows_per_second for name, one in medians(found[widest]).items()}
    exporting = {name: value for name, value in best.items() if name != DRAIN.name}
    title = f"Rows a second, {widest:,} entries"
    (folder / "rows.svg").write_text(bars(title, exporting, "rows/s"), encoding="utf-8")
    peaks = {name: [_peak(found[size], name) for size in sizes] for name in exporting}
    shown = lines("Peak resident memory by number of entries", sizes, peaks, "MB")
    (folder / "memory.svg").write_text(shown, encoding="utf-8")
    spent = {name: one.cpu_per_million for name, one in medians(found[widest]).items()}
    title = f"CPU seconds per million rows, {widest:,} entries"
    (folder / "cpu.svg").write_text(bars(title, spent, "s"), encoding="utf-8")


def _peak(rounds: Rounds, name: str) -> float | None:
    return medians(rounds)[name].peak_mb if name in rounds[0] else None


def put(text: str, path: Path) -> None:
    """Replace what stands between the marks of a page; the prose around them is people's."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Measure, write, judge the outputs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 5_000_000]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers-up-to", type=int, default=1_000_000)
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = measured(
                given.sizes, Path(folder), rounds=given.rounds, peers_up_to=given.peers_up_to
            )
        except OutputsDiffer as error:
            print(error)
            return 1
    command = f"make bench ARGS={shlex.quote(' '.join(arguments))}" if arguments else "make bench"
    put(report(found, command), given.results)
    draw(found, given.results.parent / "pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
