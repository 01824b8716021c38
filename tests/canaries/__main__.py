"""`python -m tests.canaries`: force failures of the whole platform, and search what it keeps.

Before, a part of it is forced without the guards: there every sink must hold something.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from export_platform.commands.terminal import ended_by_sigterm
from resources.clock import SystemClock
from tests.canaries import control, indoors, outdoors
from tests.canaries.places import PLACES, every
from tests.canaries.sinks import NOTES, Sinks, line
from tests.privacy.canaries import planted

LEAST = 100


def main(argv: Sequence[str] | None = None) -> int:
    """Force and search; 1 if anything was found, too little was forced, or a sink is not heard."""
    parser = argparse.ArgumentParser(prog="python -m tests.canaries")
    parser.add_argument("--control", action="store_true", help="the control alone")
    said = parser.parse_args(argv)
    clock = SystemClock()
    began = clock.monotonic()

    def note(text: str) -> None:
        sys.stdout.write(f"{clock.monotonic() - began:6.1f} s  {text}\n")
        sys.stdout.flush()

    unheard = control.unheard(note)
    note(f"blind in: {unheard}" if unheard else "the control: every sink was heard")
    return int(bool(unheard)) if said.control else _round(note) or int(bool(unheard))


def _round(note: Callable[[str], None]) -> int:
    sinks = Sinks()
    with ended_by_sigterm(), tempfile.TemporaryDirectory(prefix="canaries") as name:
        inside, outside = Path(name) / "in", Path(name) / "out"
        inside.mkdir()
        outside.mkdir()
        with indoors.house(inside) as house:
            failures = indoors.forced(house, inside, sinks)
        note(f"without processes: {failures} failures")
        with outdoors.ground(outside, sinks, note) as ground:
            note("the platform is up")
            outdoors.forced(ground)
            outdoors.gathered(ground)
            more = tuple(outdoors.kept_secrets(outside))
        failures += ground.failures
        for survivor in ground.survived:
            note(f"did not fail: {survivor}")
    hits = sinks.hits(every(*more))
    for hit in hits[:NOTES]:
        note(hit)
    places = {*PLACES, *(one.path for one in planted().canaries), *(one.path for one in more)}
    note(f"searched {sum(map(len, sinks.kept.values())):,} texts of {len(sinks.kept)} sinks")
    unread = [name for name in outdoors.KEPT if not any(sinks.kept[name])]
    note(f"not read: {unread}" if unread else "every sink was read")
    sys.stdout.write(f"{line(sorted(places), failures, hits)}\n")
    return 1 if hits or unread or failures < LEAST else 0


if __name__ == "__main__":
    sys.exit(main())
