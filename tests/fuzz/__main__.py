"""`python -m tests.fuzz`: attack the bridge for as long as is asked, and say what came of it.

The same seed gives the same cases. What was wrong stays in `.local/fuzz`, one line a fault.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tests.api_bridge.hostile import WYCHEPROOF
from tests.fuzz import relay
from tests.fuzz.judge import Tally
from tests.fuzz.rounds import ATTACKS, attacked, quietened

LOGS = Path(".local") / "fuzz"
# Most attacks have their bridge in their own process, so each is a core's work.
AT_ONCE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Attack; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--cases", type=int, default=12_000, help="described and of our own")
    parser.add_argument("--mutants", type=int, default=2_000, help="of a good token")
    parser.add_argument("--strangers", type=int, default=10_000, help="unknown keys")
    parser.add_argument("--pairs", type=int, default=10_000, help="caller and foreign export")
    parser.add_argument("--strings", type=int, default=10_000, help="for each Athena parameter")
    parser.add_argument("--schemathesis", type=int, default=0, help="cases of each of three seeds")
    parser.add_argument("--program", type=Path, default=relay.PROGRAM, help="schemathesis's own")
    said = parser.parse_args(argv)
    if said.schemathesis and not said.program.is_file():
        parser.error(f"there is no {said.program}: `make setup`, or say --program")
    if not WYCHEPROOF.is_file():
        sys.stdout.write("without Wycheproof: its vectors do not lie beside this checkout\n")
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{said.seed}.log"
    tally = Tally()
    spawn = get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as name,
        ProcessPoolExecutor(AT_ONCE, mp_context=spawn, initializer=quietened) as pool,
    ):
        # The longest first; each has a folder, a bridge and a tally of its own.
        running = [pool.submit(attacked, title, said, Path(name)) for title in ATTACKS]
        for one in as_completed(running):
            title, seconds, found = one.result()
            tally.add(found)
            wrong = found.faults.total()
            sys.stdout.write(f"{title}: {found.cases:,} cases in {seconds:.0f} s, {wrong} faults\n")
            sys.stdout.flush()
    log.write_text("".join(f"{note}\n" for note in tally.notes), encoding="utf-8")
    first, last = tally.lines()
    sys.stdout.write(f"seed {said.seed}, log {log}\n{first}\n{last}\n")
    return 1 if tally.faults.total() else 0


if __name__ == "__main__":
    sys.exit(main())
