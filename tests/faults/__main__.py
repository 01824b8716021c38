"""`python -m tests.faults`: kill, freeze and cut for as long as is asked, and say what came of it.

The same seed gives the same rounds. The log of a run stays in `.local/faults`, one line a round.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.conftest import running_stack
from tests.faults.company import kills, slots, worked, zombies
from tests.faults.rounds import POINTS
from tests.faults.slot import Tally

LOGS = Path(".local") / "faults"


def main(argv: Sequence[str] | None = None) -> int:
    """Run; 1 if something was lost, doubled, partial, stale or otherwise wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kills", type=int, default=1, help="at each of the 24 points")
    parser.add_argument("--points", nargs="*", choices=POINTS, default=POINTS)
    parser.add_argument("--zombies", type=int, default=20)
    parser.add_argument("--slots", type=int, default=6, help="exports at a time")
    said = parser.parse_args(argv)
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{said.seed}.log"
    with log.open("w", encoding="utf-8") as file:

        def note(line: str) -> None:
            file.write(f"{line}\n")
            file.flush()

        note(f"{said}")
        total = _engine(said, note)
    for line in total.notes:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"seed {said.seed}, log {log}\n{summary(total)}\n")
    return 1 if total.faults else 0


def _engine(said: argparse.Namespace, note: Callable[[str], None]) -> Tally:
    """Kills and zombies of single processes over the stack."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            running_stack(folder / "stack") as stack,
            slots(said.slots, dict(stack), folder) as places,
        ):
            total = worked(places, kills(said.seed, said.kills, said.points), note)
            return total + worked(places, zombies(said.seed, said.zombies), note)


def summary(total: Tally) -> str:
    """The figures of a run in two lines."""
    first = ("unlike", "pending", "missed")
    last = ("kills", "lost", "doubled", "partial", "zombies", "stale")
    lines = (first, last)
    return "\n".join(" ".join(f"{name}={total.counts[name]}" for name in line) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
