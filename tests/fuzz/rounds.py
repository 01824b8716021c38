"""Every attack of a round, each by itself: several run at once, in processes of their own."""

import argparse
import logging
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from hypothesis.errors import HypothesisWarning

from assets.exports.catalog import CATALOG
from tests.api_bridge.bench import running_bench
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

ROTATIONS = 20


def quietened() -> None:
    """Say nothing of what is meant."""
    # The server says of each request that it cannot read that it cannot read it.
    logging.disable(logging.WARNING)
    # Hypothesis takes what a bridge in this process draws by chance for a draw of the strategy, and
    # finds the schemas of all kinds of export large.
    warnings.simplefilter("ignore", HypothesisWarning)


def attacked(title: str, said: argparse.Namespace, folder: Path) -> tuple[str, float, Tally]:
    """Run one attack in a folder of its own; what it cost and found."""
    begun, tally, own = time.monotonic(), Tally(), folder / title.replace(" ", "-")
    own.mkdir()
    ATTACKS[title](said, own, tally)
    return title, time.monotonic() - begun, tally


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


def _as_roles(_: argparse.Namespace, folder: Path, tally: Tally) -> None:
    with running_bench(folder, CATALOG) as bench:
        cells.attack(bench, tally, cells.cells())


def _as_strangers(said: argparse.Namespace, folder: Path, tally: Tally) -> None:
    rotation.unknown_keys(folder, tally, said.strangers)


def _over_rotations(_: argparse.Namespace, folder: Path, tally: Tally) -> None:
    rotation.rotations(folder, tally, ROTATIONS)


def _into_statements(said: argparse.Namespace, _: Path, tally: Tally) -> None:
    statements.attack(tally, said.strings, said.seed, filled=statements.parameters())


ATTACKS: Mapping[str, Callable[[argparse.Namespace, Path, Tally], None]] = {
    "described, corpora, tokens": _over_http,
    "schemathesis": _over_relay,
    "operators, over MongoDB": _over_driver,
    "tenants": _as_tenants,
    "unknown keys": _as_strangers,
    "statements": _into_statements,
    "cells": _as_roles,
    "rotations": _over_rotations,
}
