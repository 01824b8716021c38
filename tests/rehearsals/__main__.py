"""`python -m tests.rehearsals`: lose Dagster's storage, and say what came of it."""

import sys

from export_platform.commands.terminal import ended_by_sigterm
from resources.clock import SystemClock
from tests.rehearsals.lost_storage import rehearse


def main() -> int:
    """Rehearse; 1 if something was lost or done twice."""
    clock = SystemClock()
    began = clock.monotonic()

    def note(line: str) -> None:
        sys.stdout.write(f"{clock.monotonic() - began:6.1f} s  {line}\n")
        sys.stdout.flush()

    with ended_by_sigterm():
        outcome = rehearse(note)
    note(str(outcome))
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
