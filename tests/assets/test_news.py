"""What exports tell those who asked to be told, written with the move that makes it so."""

from typing import Any

import pytest

from assets.life import Document, ExportLife
from assets.model.lifecycle import NEWS, TERMINAL, TRANSITIONS, Move, Status
from tests.assets.test_life import LATER, RESULT, create, life_and_wait, started

__all__ = ["life_and_wait"]  # a fixture

DELIVERY = {"destination": "sfmc", "sent": 9, "accepted": 8, "rejected": 1}


def told(life: ExportLife, export_id: str) -> list[str]:
    """The events of an export that nobody was told yet."""
    document = life.find(export_id)
    assert document is not None
    return [one for event in (document["outbox"] or {}).get("events", []) for one in event["types"]]


def succeeded(life: ExportLife, running: Document, **result: Any) -> Document:
    """Let the worker publish."""
    return life.succeed(
        running["_id"],
        running["lease"]["token"],
        result={**RESULT, "manifestKey": "k", **result},
        expires_at=LATER,
    )


def failed(life: ExportLife, running: Document, code: str) -> Document:
    """Let the worker fail for good."""
    error = {"code": code, "message": "m", "retryable": False, "attempt": 1}
    return life.fail(running, running["lease"]["token"], error=error, jitter=0.0)


@pytest.mark.parametrize("move", [move for move in Move if TRANSITIONS[move].target in TERMINAL])
def test_every_move_into_an_end_is_news_but_one(move: Move) -> None:
    """An end without news is one that a receiver waits for for ever."""
    assert (move in NEWS) == (move is not Move.WITHDRAW)


def test_each_end_of_an_export_is_an_event_of_its_own(life_and_wait: Any) -> None:
    """A retry before anybody was told must not swallow the failure before it."""
    life, _, _ = life_and_wait
    export_id = failed(life, started(life), "SOURCE_REFUSED")["_id"]
    life.retry(export_id, by="me")
    life.cancel(export_id, by="me")

    document = life.find(export_id)
    assert told(life, export_id) == ["export.failed", "export.cancelled"]
    first, second = document["outbox"]["events"]
    assert first["id"] != second["id"]
    assert first["at"] <= second["at"] == document["finishedAt"]


def test_an_attempt_that_is_tried_again_is_no_news(life_and_wait: Any) -> None:
    """A receiver that hears of a failure gives up; this export goes on."""
    life, _, _ = life_and_wait
    running = started(life)
    error = {"code": "E", "message": "m", "retryable": True, "attempt": 1}
    life.fail(running, running["lease"]["token"], error=error, jitter=0.0)

    assert told(life, running["_id"]) == []
    assert life.untold(after=None, limit=9) == []


def test_rows_that_a_receiver_did_not_take_are_news_beside_the_end(life_and_wait: Any) -> None:
    """Somebody has to mend them, whether they were few or so many that the export failed."""
    life, _, _ = life_and_wait
    some = succeeded(life, started(life), deliveries=[DELIVERY])["_id"]
    none = succeeded(life, started(life), deliveries=[{**DELIVERY, "rejected": 0}])["_id"]
    many = failed(life, started(life), "DELIVERY_REJECTED")["_id"]

    assert told(life, some) == ["export.succeeded", "delivery.rejected"]
    assert told(life, none) == ["export.succeeded"]
    assert told(life, many) == ["export.failed", "delivery.rejected"]


def test_every_request_that_shares_is_told(life_and_wait: Any) -> None:
    """One generation, and each of its requests has somebody who waits for that id."""
    life, _, _ = life_and_wait
    running = started(life)
    life.join(running["_id"])
    joined = create(life, status=Status.JOINED, generation=running["_id"])
    succeeded(life, running, deliveries=[DELIVERY])
    life.settle(joined)

    both = ["export.succeeded", "delivery.rejected"]
    assert [told(life, one["_id"]) for one in (running, joined)] == [both, both]


def test_who_leaves_is_told_of_the_cancel_and_of_nothing_after_it(life_and_wait: Any) -> None:
    """The generation goes on for others; to who left it has ended, once."""
    life, _, _ = life_and_wait
    running = started(life)
    life.join(running["_id"])
    joined = create(life, status=Status.JOINED, generation=running["_id"])
    life.cancel(running["_id"], by="me")
    life.cancel(running["_id"], by="me")
    assert told(life, running["_id"]) == ["export.cancelled"]

    succeeded(life, running)
    life.settle(joined)
    life.withdraw(life.find(running["_id"]))

    assert told(life, running["_id"]) == ["export.cancelled"]
    assert told(life, joined["_id"]) == ["export.succeeded"]


def test_what_happens_while_somebody_is_told_is_kept(life_and_wait: Any) -> None:
    """The second event must not be forgotten with the first."""
    life, _, _ = life_and_wait
    export_id = failed(life, started(life), "E")["_id"]
    (seen,) = life.untold(after=None, limit=9)
    life.retry(export_id, by="me")
    life.cancel(export_id, by="me")

    assert life.told(seen) is None
    assert told(life, export_id) == ["export.failed", "export.cancelled"]
    (seen,) = life.untold(after=None, limit=9)
    assert life.told(seen) is not None
    assert told(life, export_id) == []
    assert life.untold(after=None, limit=9) == []
