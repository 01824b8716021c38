"""`python -m tests.faults`: kill, freeze, cut and damage as often as is asked; what came of it.

The same seed gives the same rounds. The log of a run stays in `.local/faults`, one line a round.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from export_platform.commands.terminal import ended_by_sigterm
from tests.conftest import running_stack
from tests.faults.company import breaks, kills, slots, worked, zombies
from tests.faults.corruption import missed_at_rest, wrong_before_publishing
from tests.faults.full_stack import controlled, full_kills, full_stack
from tests.faults.rounds import POINTS
from tests.faults.slot import Tally
from tests.faults.storm import BATCH, batch

LOGS = Path(".local") / "faults"
# Of exports whose calls fail, this share may need a person: all their four attempts failed.
MOST_UNENDED = 0.01
# Three in a thousand do, so that one in a thousand rounds of 60 has more than these by chance.
BY_CHANCE = 2

Note = Callable[[str], None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run; 1 if something was lost, doubled, partial, stale or otherwise wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kills", type=int, default=1, help="at each of the 24 points")
    parser.add_argument("--points", nargs="*", choices=POINTS, default=POINTS)
    parser.add_argument("--full-stack-kills", type=int, default=0, help="as many on the platform")
    parser.add_argument("--full-stack-control", action="store_true", help="and without guards")
    parser.add_argument("--zombies", type=int, default=20)
    parser.add_argument("--breaks", type=int, default=0, help="connections to MongoDB and S3")
    parser.add_argument("--exports", type=int, default=0, help="of whose calls one in 100 fails")
    parser.add_argument("--corruptions", type=int, default=0, help="half of them in the making")
    parser.add_argument("--slots", type=int, default=6, help="exports at a time")
    said = parser.parse_args(argv)
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{said.seed}.log"
    with log.open("w", encoding="utf-8") as file, ended_by_sigterm():

        def note(line: str) -> None:
            file.write(f"{line}\n")
            file.flush()

        note(f"{said}")
        total = _storms(said, note) + _damage(said, note)
        if said.kills or said.zombies or said.breaks:
            total += _engine(said, note)
        if said.full_stack_kills:
            total += _platform(said, note)
        if said.full_stack_control:
            with tempfile.TemporaryDirectory() as name:
                total += controlled(said.seed, Path(name), note)
    for line in total.notes:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"seed {said.seed}, log {log}\n{summary(total)}\n")
    return 1 if total.faults or need_a_person(total) else 0


def need_a_person(total: Tally) -> bool:
    """Whether more exports failed for good than so many faults explain."""
    return total.counts["unended"] > max(BY_CHANCE, MOST_UNENDED * total.counts["exports"])


def _storms(said: argparse.Namespace, note: Note) -> Tally:
    """Exports whose doors fail at any call, a batch on each platform."""
    total = Tally()
    for number in range(-(-said.exports // BATCH)):
        tally, weather = batch(said.seed, number)
        note(f"storm {number}: {dict(+tally.counts)} {dict(weather.struck)} {tally.notes}")
        total += tally
    return total


def _damage(said: argparse.Namespace, note: Note) -> Tally:
    """Corruptions of exports in the making, and of finished ones."""
    making, total = said.corruptions // 2, Tally()
    for number in range(making):
        wrong = wrong_before_publishing(said.seed, number)
        total.add("unfound", wrong is not None, f"{wrong}")
        total.add("corruptions", 1)
        note(f"corruption {number}: {wrong or 'found'}")
    missed = missed_at_rest(said.seed, said.corruptions - making) if said.corruptions else []
    total.add("corruptions", said.corruptions - making)
    total.add("unfound", len(missed), f"{missed}")
    return total


def _engine(said: argparse.Namespace, note: Note) -> Tally:
    """Kills, zombies and broken connections of single processes over the stack."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            running_stack(folder / "stack") as stack,
            slots(said.slots, dict(stack), folder) as places,
        ):
            total = worked(places, kills(said.seed, said.kills, said.points), note)
            total += worked(places, breaks(said.seed, said.breaks), note)
            return total + worked(places, zombies(said.seed, said.zombies), note)


def _platform(said: argparse.Namespace, note: Note) -> Tally:
    """Kills of a whole platform's processes, of each of which exports are asked for over HTTP."""
    with (
        tempfile.TemporaryDirectory() as name,
        full_stack(said.slots, Path(name)) as places,
    ):
        note("the platform is up, and all kinds of export were made without a fault")
        rounds = full_kills(said.seed, said.full_stack_kills, said.points)
        total = worked(places, rounds, note)
        total += places[0].bench.judged()
        note(f"looked {places[0].bench.looked()}")
        return total


def summary(total: Tally) -> str:
    """The figures of a run, a line for each kind of round; the kills and zombies last."""
    lines = (
        ("exports", "attempts", "ended", "stuck", "unproved"),
        ("corruptions", "unfound"),
        ("breaks", "unlike", "pending", "missed"),
        ("unseen",),
        ("away",),
        ("kills", "lost", "doubled", "partial", "zombies", "stale"),
    )
    return "\n".join(" ".join(f"{name}={total.counts[name]}" for name in line) for line in lines)


if __name__ == "__main__":
    sys.exit(main())
