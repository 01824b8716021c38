"""`python -m tests.soak --minutes 60`: load a platform, kill a process a minute, and judge.

What was measured stays in `.local/soak` as a table and as a picture; `--picture` writes the picture
to another place, too, such as docs/images/soak.svg.
"""

import argparse
import csv
import random
import sys
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from export_platform.commands.terminal import ended_by_sigterm
from tests.soak.judge import Sample
from tests.soak.picture import drawn
from tests.soak.soak import CLOCK, soaked

KEPT = Path(".local") / "soak"


def main(argv: Sequence[str] | None = None) -> int:
    """Soak; 1 if something was lost, doubled, left behind, or grows."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--picture", type=Path, help="where the picture is written to, too")
    said = parser.parse_args(argv)
    began = CLOCK.monotonic()

    def note(line: str) -> None:
        sys.stdout.write(f"{CLOCK.monotonic() - began:7.1f} s  {line}\n")
        sys.stdout.flush()

    note(f"seed {said.seed}")
    with ended_by_sigterm():
        outcome, samples = soaked(60 * said.minutes, seed=said.seed, note=note)
    _keep(samples, str(outcome), KEPT / f"{said.seed}", said.picture)
    for line in (*outcome.faults, *outcome.growing):
        note(line)
    for found, unit in ((outcome.mb, "MB"), (outcome.files, "files")):
        for name, one in found.items():
            note(f"{name}: {one.hourly:+.1f} ± {2 * one.error:.1f} {unit} an hour")
    sys.stdout.write(f"{outcome}\n")
    return 0 if outcome.good else 1


def _keep(samples: Sequence[Sample], title: str, path: Path, picture: Path | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([one.name for one in fields(Sample)])
        rows.writerows(map(astuple, samples))
    for place in filter(None, (path.with_suffix(".svg"), picture)):
        place.write_text(drawn(samples, title=title), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
