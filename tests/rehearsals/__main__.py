"""`python -m tests.rehearsals`: lose storage, credentials, a primary; say what came of it."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from export_platform.commands.terminal import ended_by_sigterm
from resources.clock import SystemClock
from tests.rehearsals import expired, lost_storage, stepped_down
from tests.rehearsals.ground import Note

Outcome = lost_storage.Outcome | expired.Outcome | stepped_down.Outcome

REHEARSALS: Mapping[str, Callable[[Note], Outcome]] = {
    "lost-storage": lost_storage.rehearse,
    "expired": expired.rehearse,
    "stepped-down": stepped_down.rehearse,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Rehearse; 1 if something was lost or done twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsals")
    parser.add_argument("--only", choices=REHEARSALS, nargs="*", default=[*REHEARSALS])
    said = parser.parse_args(argv)
    clock = SystemClock()
    began = clock.monotonic()

    def note(line: str) -> None:
        sys.stdout.write(f"{clock.monotonic() - began:6.1f} s  {line}\n")
        sys.stdout.flush()

    good = True
    for name in said.only:
        note(name)
        with ended_by_sigterm():
            outcome = REHEARSALS[name](note)
        note(str(outcome))
        good = good and outcome.good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
