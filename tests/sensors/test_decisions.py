"""The decisions of the sensors: pure, ordered, bounded, each run once."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from assets.model.lifecycle import Status
from sensors.decisions import Outcome, in_order, outcome, partition_changes, run_plan

KEYS = st.sampled_from([f"campaign-{letter}" for letter in "abcdefgh"])
STATUSES = st.sampled_from(["draft", "open", "on_sale", "completed", "archived", "cancelled"])
ENDED = ("FAILURE", "SUCCESS", "CANCELED")
GOING = ("QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING", None)


def document(number: int, attempt: int = 1) -> dict[str, Any]:
    """A dispatched export."""
    return {
        "_id": f"exp_{number}",
        "type": "waitlist",
        "partition": "aurora",
        "attempt": attempt,
        "status": "dispatched",
    }


def test_a_run_plan_says_all_that_a_run_needs() -> None:
    """The worker finds its export by id and attempt, and nothing else."""
    plan = run_plan(document(7, 2))

    assert ("exp_7:2", "waitlist", "aurora", "exp_7", 2) == (
        plan.run_key,
        plan.export_type,
        plan.partition,
        plan.export_id,
        plan.attempt,
    )


@given(st.lists(st.builds(document, st.integers(1, 6), st.integers(1, 3)), max_size=12))
def test_run_plans_are_ordered_and_each_is_there_once(documents: list[dict[str, Any]]) -> None:
    """One export may be found as late and as new in the same tick; it must start once."""
    keys = [plan.run_key for plan in in_order(map(run_plan, documents))]

    assert sorted(set(keys)) == keys
    assert {f"{d['_id']}:{d['attempt']}" for d in documents} == set(keys)
    assert in_order(map(run_plan, documents)) == in_order(map(run_plan, reversed(documents)))


@given(campaigns=st.dictionaries(KEYS, STATUSES), registered=st.sets(KEYS))
def test_partitions_become_the_campaigns_that_may_be_exported(
    campaigns: dict[str, str], registered: set[str]
) -> None:
    """After the changes a second look finds nothing to do."""
    wanted = {key for key, status in campaigns.items() if status not in {"draft", "archived"}}
    assume(campaigns)

    changes = partition_changes(campaigns, registered)

    assert wanted == (registered | set(changes.add)) - set(changes.remove)
    assert not set(changes.add) & registered
    assert set(changes.remove) <= registered
    assert (sorted(changes.add), sorted(changes.remove)) == ([*changes.add], [*changes.remove])
    assert ((), ()) == (
        partition_changes(campaigns, wanted).add,
        partition_changes(campaigns, wanted).remove,
    )


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("run", [*ENDED, *GOING])
def test_what_an_ended_run_means_is_as_the_table_says(status: Status, run: str | None) -> None:
    """Dagster has called live workers dead: only before the start is its word enough."""
    expected = Outcome.WAIT
    if run == "CANCELED":
        expected = Outcome.CANCEL
    elif status is Status.DISPATCHED and run in {"FAILURE", "SUCCESS"}:
        expected = Outcome.RESCUE
    elif status is Status.DISPATCHED and run in {"QUEUED", "NOT_STARTED", "STARTING"}:
        expected = Outcome.EXTEND

    assert expected is outcome(str(status), run)


def test_a_database_without_campaigns_removes_no_partition() -> None:
    """The wrong database must not cost the history of every campaign."""
    changes = partition_changes({}, ["aurora-lights-2026"])

    assert (changes.add, changes.remove) == ((), ())
