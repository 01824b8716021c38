"""`python -m tests.fuzz`: attack the bridge for as long as is asked, and say what came of it.

The same seed gives the same cases. What was wrong stays in `.local/fuzz`, one line a fault.
"""

import argparse
import logging
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis.errors import HypothesisDeprecationWarning

from assets.exports.catalog import CATALOG
from tests.api_bridge.bench import running_bench
from tests.api_bridge.hostile import WYCHEPROOF
from tests.api_bridge.toys import TOYS
from tests.conftest import running_stack
from tests.fuzz import (
    cells,
    corpora,
    described,
    operators,
    relay,
    rotation,
    statements,
    tenants,
    tokens,
)
from tests.fuzz.attack import Attacker
from tests.fuzz.bridge import attacked_process
from tests.fuzz.judge import Tally

LOGS = Path(".local") / "fuzz"


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
    # The server says of each request that it cannot read that it cannot read it.
    logging.disable(logging.WARNING)
    # Hypothesis takes what a bridge in this process draws by chance for a draw of the strategy.
    warnings.simplefilter("ignore", HypothesisDeprecationWarning)
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        for title, attack in _attacks(said, Path(name), tally):
            _timed(title, attack, tally)
    log.write_text("".join(f"{note}\n" for note in tally.notes), encoding="utf-8")
    first, last = tally.lines()
    sys.stdout.write(f"seed {said.seed}, log {log}\n{first}\n{last}\n")
    return 1 if tally.faults.total() else 0


def _attacks(
    said: argparse.Namespace, folder: Path, tally: Tally
) -> list[tuple[str, Callable[[], object]]]:
    return [
        ("described, corpora, tokens", lambda: _over_http(said, folder, tally)),
        ("schemathesis", lambda: _over_relay(said, folder, tally)),
        ("operators, over MongoDB", lambda: _over_driver(said, folder, tally)),
        ("tenants", lambda: _as_tenants(said, folder, tally)),
        ("cells", lambda: _as_roles(folder, tally)),
        ("unknown keys", lambda: rotation.unknown_keys(folder, tally, said.strangers)),
        ("rotations", lambda: rotation.rotations(folder, tally, 20)),
        (
            "statements",
            lambda: statements.attack(
                tally, said.strings, said.seed, filled=statements.parameters()
            ),
        ),
    ]


def _timed(title: str, attack: Callable[[], object], tally: Tally) -> None:
    """Run one attack and say what it cost, for a person who waits."""
    begun, before = time.monotonic(), tally.cases
    attack()
    took = time.monotonic() - begun
    sys.stdout.write(f"{title}: {tally.cases - before:,} cases in {took:.0f} s\n")
    sys.stdout.flush()


def _over_http(said: argparse.Namespace, folder: Path, tally: Tally) -> None:
    share = said.cases // 6
    with attacked_process(folder, "entries") as bridge:
        attacker = Attacker(bridge, tally)
        described.attack(attacker, share, said.seed)
        attacker.close()
    with attacked_process(folder) as bridge:
        attacker = Attacker(bridge, tally)
        described.attack(attacker, share, said.seed)
        corpora.attack(attacker, said.cases - 2 * share, said.seed)
        tokens.attack(attacker, said.mutants, said.seed)
        attacker.close()


def _over_relay(said: argparse.Namespace, folder: Path, tally: Tally) -> None:
    for seed in range(said.seed, said.seed + 3) if said.schemathesis else ():
        with attacked_process(folder) as bridge:
            relay.attack(bridge, tally, said.schemathesis, seed, said.program)


def _over_driver(said: argparse.Namespace, folder: Path, tally: Tally) -> None:
    with (
        running_stack(folder / "stack") as stack,
        operators.real_bridge(stack, folder) as (bridge, recorder),
    ):
        operators.attack(bridge, recorder, tally)
        attacker = Attacker(bridge, tally)
        described.attack(attacker, said.cases // 20, said.seed)
        corpora.attack(attacker, said.cases // 10, said.seed)
        attacker.close()


def _as_tenants(said: argparse.Namespace, folder: Path, tally: Tally) -> None:
    with running_bench(folder, TOYS) as bench:
        tenants.attack(bench, tally, said.pairs, said.seed)


def _as_roles(folder: Path, tally: Tally) -> None:
    with running_bench(folder, CATALOG) as bench:
        cells.attack(bench, tally, cells.cells())


if __name__ == "__main__":
    sys.exit(main())
