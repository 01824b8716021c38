"""Each count of the attacks rises on a bridge that is wrong in that way, and only then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from api_bridge.access import keys
from assets.exports.catalog import CATALOG
from tests.api_bridge.bench import Bench, running_bench
from tests.api_bridge.toys import TOYS
from tests.fuzz import (
    cells,
    corpora,
    described,
    plants,
    relay,
    rotation,
    statements,
    tenants,
    tokens,
)
from tests.fuzz.attack import Attacker
from tests.fuzz.bridge import attacked
from tests.fuzz.judge import Tally


@contextmanager
def spoiled(folder: Path, wrap: Callable[[FastAPI], ASGIApp]) -> Iterator[tuple[Bench, Attacker]]:
    """A bridge that is wrong, and somebody who attacks it."""
    with running_bench(folder, TOYS, wrap=wrap) as bench:
        attacker = Attacker(attacked(bench), Tally())
        yield bench, attacker
        attacker.close()


@pytest.mark.parametrize(
    ("wrap", "count"),
    [(plants.failing, "5xx"), (plants.hanging, "hangs"), (plants.echoing, "echoes")],
)
def test_a_planted_fault_is_counted(
    tmp_path: Path, wrap: Callable[[FastAPI], ASGIApp], count: str
) -> None:
    """A count that cannot rise says nothing when it is zero."""
    with spoiled(tmp_path, wrap) as (_, attacker):
        corpora.attack(attacker, 120, seed=1)

    assert attacker.tally.faults[count] > 0
    assert attacker.tally.notes


def test_a_check_that_does_not_look_at_the_signature_is_counted(tmp_path: Path) -> None:
    """The tokens are only as good as the one that is let in by mistake."""
    with spoiled(tmp_path, plants.gullible) as (_, attacker):
        tokens.attack(attacker, mutants=20, seed=1)

    assert attacker.tally.faults["tokens_accepted"] > 100


def test_a_bridge_without_borders_is_counted(tmp_path: Path) -> None:
    """What is foreign must be told from what is one's own by more than luck."""
    with spoiled(tmp_path, plants.borderless) as (bench, attacker):
        tenants.attack(bench, attacker.tally, pairs=20, seed=1)

    assert attacker.tally.faults["leaks"] > 10


def test_an_endpoint_that_is_everybodys_is_counted(tmp_path: Path) -> None:
    """Each tenant gets at each thing that may be asked of it, but for what nobody has."""
    with spoiled(tmp_path, plants.impersonal) as (bench, attacker):
        tenants.attack(bench, attacker.tally, pairs=1, seed=1)

    assert attacker.tally.faults["leaks"] > 4
    assert "endpoint" in str(attacker.tally.notes)


def test_a_role_with_the_rights_of_another_is_counted(tmp_path: Path) -> None:
    """Only the cells of that role are wrong, and each of them that is forbidden."""
    with running_bench(tmp_path, CATALOG, wrap=plants.lavish) as bench:
        tally = Tally()
        some = [cell for cell in cells.cells() if cell.kind in ("entries", "codes")]
        cells.attack(bench, tally, some)

    wrong = [one for one in some if one.role == "operator" and not one.allowed]
    assert tally.faults["cells"] == len(wrong) > 0


def test_a_text_that_is_pasted_into_a_statement_is_counted() -> None:
    """The shapes are compared, not the texts."""
    tally = Tally()
    pasted = {"bound": "SELECT a FROM b WHERE c = '{}'".format}

    statements.attack(tally, 300, seed=1, filled=pasted)

    assert tally.faults["statements"] > 10


def test_a_key_set_that_is_fetched_for_every_stranger_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One fetch a minute is what the pause is for."""
    monkeypatch.setattr(keys, "UNKNOWN_KID_SECONDS", 0.0)
    tally = Tally()

    rotation.unknown_keys(tmp_path, tally, strangers=30)

    assert tally.faults["fetches"] > 20


def test_a_new_key_that_is_not_looked_for_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause without end refuses whoever comes with the new key."""
    monkeypatch.setattr(keys, "UNKNOWN_KID_SECONDS", 1e9)
    tally = Tally()

    rotation.rotations(tmp_path, tally, rounds=1)

    assert tally.faults["refused"] > 0


def test_an_answer_that_is_not_described_is_counted(tmp_path: Path) -> None:
    """A client made from the description would not know what to do with it."""
    with spoiled(tmp_path, lambda app: app) as (_, attacker):
        del attacker.described["paths"]["/healthz"]["get"]["responses"]["200"]
        described.attack(attacker, 40, seed=1)

    assert attacker.tally.faults["undescribed"] > 0


def test_a_member_of_another_type_is_found_by_schemathesis(tmp_path: Path) -> None:
    """Which reads the description as others do."""
    with spoiled(tmp_path, plants.mistyped) as (_, attacker):
        relay.attack(attacker.bridge, attacker.tally, 10, 1, relay.PROGRAM)

    assert "violates schema" in str(attacker.tally.notes)


def test_an_answer_with_more_than_is_described_is_counted(tmp_path: Path) -> None:
    """A member that nobody wrote down is how a row gets out."""
    with spoiled(tmp_path, plants.talkative) as (_, attacker):
        described.attack(attacker, 40, seed=1)

    assert attacker.tally.faults["undescribed"] > 0
