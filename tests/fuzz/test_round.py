"""A short round of every attack; `make fuzz-quick` and `make fuzz-bridge` are the long ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.exports.catalog import CATALOG
from tests.api_bridge.bench import Bench, running_bench
from tests.api_bridge.toys import TOYS
from tests.fuzz import (
    cells,
    corpora,
    described,
    relay,
    rotation,
    statements,
    tenants,
    tokens,
)
from tests.fuzz.attack import Attacker
from tests.fuzz.bridge import attacked
from tests.fuzz.exchange import Case, Wire
from tests.fuzz.judge import Tally

SEED = 20
# Each kind and each pair of role and action is still among the cells.
CELLS_APART = 7


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One bridge for all of them: what one leaves behind must not break another."""
    with running_bench(tmp_path_factory.mktemp("bridge"), TOYS) as bench:
        yield bench


@pytest.fixture
def attacker(bench: Bench) -> Iterator[Attacker]:
    """Somebody who attacks it."""
    attacker = Attacker(attacked(bench), Tally())
    yield attacker
    attacker.close()


def assert_nothing(tally: Tally, cases: int) -> None:
    """Nothing was found, and something was tried."""
    assert tally.faults.total() == 0, tally.notes
    assert tally.cases >= cases


def test_no_described_operation_breaks_the_bridge(attacker: Attacker) -> None:
    """As the description says and not as it says: a client made from it does both."""
    described.attack(attacker, 100, SEED)

    assert_nothing(attacker.tally, 100)
    assert len(described.operations(attacker.described)) >= 12


def test_no_naughty_case_breaks_the_bridge(attacker: Attacker) -> None:
    """A sample by chance of twenty thousand."""
    corpora.attack(attacker, 200, SEED)

    assert_nothing(attacker.tally, 200)


def test_no_bad_token_is_accepted_over_http(attacker: Attacker) -> None:
    """What a unit refuses can still be a 500 further out."""
    for token in tokens.mutated(attacker.bridge.issuer.token(), 100, SEED):
        attacker.send(tokens.presented(token))

    assert_nothing(attacker.tally, 100)
    # The control: the token that they are made of opens.
    assert attacker.send(Case(origin="control", target=tokens.READ)).status == 200


def test_no_tenant_sees_what_is_anothers(bench: Bench) -> None:
    """By chance, where the table of test_access.py is by design."""
    tally = Tally()

    tenants.attack(bench, tally, 150, SEED)

    assert_nothing(tally, 150)


def test_every_role_may_do_what_the_table_says(tmp_path: Path) -> None:
    """Roles, actions and kinds of export from one table (S4); every cell is fuzz-quick's."""
    tally, every = Tally(), list(cells.cells())
    some = every[::CELLS_APART]
    with running_bench(tmp_path, CATALOG) as bench:
        cells.attack(bench, tally, some)

    assert_nothing(tally, len(some))
    assert len(every) == 7 * 7 * len(CATALOG)
    assert {one.kind for one in some} == set(CATALOG)
    assert len({(one.role, one.action) for one in some}) == 7 * 7


def test_no_string_changes_the_shape_of_a_statement() -> None:
    """A tenth of what `make fuzz-quick` tries for each parameter (S9)."""
    tally = Tally()

    tried = statements.attack(tally, 1_000, SEED, filled=statements.parameters())

    assert tally.faults.total() == 0, tally.notes
    assert tried >= 1_000 * 9


def test_keys_rotate_under_load_and_strangers_cause_no_fetches(tmp_path: Path) -> None:
    """No good token is refused meanwhile, and nobody else is let in."""
    tally = Tally()

    rotation.rotations(tmp_path, tally, rounds=2)
    rotation.unknown_keys(tmp_path, tally, strangers=100)

    assert_nothing(tally, 150)


def test_what_passes_the_relay_is_judged_and_answered(bench: Bench) -> None:
    """Schemathesis is only as well judged as what it sends is seen."""
    attacker = Attacker(attacked(bench), Tally())
    token = attacker.bridge.issuer.token()
    cases = [
        Case(origin="relay", target=b"/v1/exports/exp_live0"),
        Case(origin="relay", method="POST", body=b'{"type":"c4nary-unheard-of"}'),
        Case(origin="relay", target=b"/v1/export-types", credential=""),
    ]
    with relay.relayed(attacker, attacker.tally) as port:
        wire = Wire(port=port)
        replies = [wire.exchange(case.sent(b"127.0.0.1", {"all": token})) for case in cases]
        wire.close()
    attacker.close()

    assert [reply.status for reply in replies] == [200, 400, 401]
    assert_nothing(attacker.tally, 3)
