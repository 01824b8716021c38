"""What the sensors decide, as pure functions of what they saw.

Nothing here touches Dagster, a clock or a database; the evaluators beside this file are thin.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from assets.model.lanes import Lane, lane_of
from assets.model.lifecycle import run_key
from assets.model.option import SLUG_PATTERN

Document = Mapping[str, Any]

# Campaigns in these states may be exported; drafts have no entries and archived ones are closed.
UNLISTED = frozenset({"draft", "archived"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """A run to ask Dagster for.

    Attributes:
        run_key: `<export id>:<attempt>`; Dagster starts it once, however often it is asked.
        export_type: Catalogue id.
        partition: Partition key.
        export_id: Id of the export document.
        attempt: Which attempt.
        lane: Where it waited; Dagster's own limits go by it.
        traceparent: The trace that it belongs to, if it was asked for with one.
    """

    run_key: str
    export_type: str
    partition: str
    export_id: str
    attempt: int
    lane: Lane
    traceparent: str | None


def run_plan(document: Document) -> RunPlan:
    """The run of a dispatched export."""
    return RunPlan(
        run_key=run_key(document["_id"], document["attempt"]),
        export_type=document["type"],
        partition=document["partition"],
        export_id=document["_id"],
        attempt=document["attempt"],
        lane=_placed(document),
        traceparent=document.get("traceparent"),
    )


def lane_in_flight(document: Document) -> Lane:
    """The lane that an export out of the queue counts for: by its rows, once they are known."""
    total = (document.get("progress") or {}).get("rowsTotal")
    return _placed(document) if total is None else lane_of(total)


def _placed(document: Document) -> Lane:
    """Where it waited; one that a person or a backfill began never did, and none is known of it."""
    return Lane((document.get("line") or {}).get("lane") or lane_of(None))


def in_order(plans: Iterable[RunPlan]) -> list[RunPlan]:
    """Runs in a stable order, each once."""
    by_key = {plan.run_key: plan for plan in plans}
    return [by_key[key] for key in sorted(by_key)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionChanges:
    """Campaign partitions to add and to remove, each sorted."""

    add: tuple[str, ...]
    remove: tuple[str, ...]


def partition_changes(
    campaigns: Mapping[str, str], registered: Collection[str]
) -> PartitionChanges:
    """Make the registered partitions equal to the campaigns that may be exported.

    Args:
        campaigns: Key to status of every campaign.
        registered: The partition keys that Dagster has.
    """
    if not campaigns:
        # A database without any campaign is the wrong database, not the end of all of them.
        return PartitionChanges(add=(), remove=())
    wanted = {
        key
        for key, status in campaigns.items()
        if status not in UNLISTED and re.fullmatch(SLUG_PATTERN, key)
    }
    present = set(registered)
    return PartitionChanges(
        add=tuple(sorted(wanted - present)), remove=tuple(sorted(present - wanted))
    )


# Runs that wait for a slot or for their process: their export has not been forgotten.
WAITING_RUNS = ("QUEUED", "NOT_STARTED", "STARTING")


class Outcome(StrEnum):
    """What an ended Dagster run means for the export that it should have worked for."""

    WAIT = "wait"
    EXTEND = "extend"
    CANCEL = "cancel"
    RESCUE = "rescue"


def outcome(status: str, run_status: str | None) -> Outcome:
    """Judge an export whose Dagster run may have ended without a word.

    A dispatched export whose run is over can be taken back at once: its worker can no longer
    start, because a start needs the attempt's number. One that is running is another matter:
    Dagster has called live workers dead, so only its lease may end it (DESIGN.md 3).

    Args:
        status: The export's.
        run_status: Dagster's, or None when there is no such run.
    """
    if run_status == "CANCELED":
        return Outcome.CANCEL
    if status == "dispatched" and run_status in ("FAILURE", "SUCCESS"):
        return Outcome.RESCUE
    if status == "dispatched" and run_status in WAITING_RUNS:
        return Outcome.EXTEND
    return Outcome.WAIT
