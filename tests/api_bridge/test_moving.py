"""Stopping and repeating exports."""

import pytest

from tests.api_bridge.bench import Answer, Bench


def post(bench: Bench, export_id: str, verb: str) -> Answer:
    """Ask for a move."""
    return bench.call("POST", f"/v1/exports/{export_id}/{verb}")


def test_a_queued_export_is_cancelled_at_once_and_again(bench: Bench) -> None:
    """Nobody works on it; and a client that lost the answer may ask twice (API.md 1)."""
    export_id = bench.create()

    first, second = post(bench, export_id, "cancel"), post(bench, export_id, "cancel")

    assert (first.status, first.body["status"]) == (202, "cancelled")
    assert (second.status, second.body["status"]) == (202, "cancelled")
    assert "cancel" not in first.body["links"]
    assert bench.document(export_id)["cancel"]["by"] == "svc:promoter-tools"


def test_a_running_export_is_asked_to_stop(bench: Bench) -> None:
    """The worker sees the wish at its next heartbeat; until then it is cancelling."""
    export_id = bench.create()
    bench.start(export_id)

    answer = post(bench, export_id, "cancel")

    assert (answer.status, answer.body["status"]) == (202, "cancelling")
    assert post(bench, export_id, "cancel").status == 202
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("end", ["finish", "fail"])
def test_an_export_that_ended_otherwise_cannot_be_cancelled(bench: Bench, end: str) -> None:
    """A cancel never takes a result back; the answer holds the state as it is (API.md 4)."""
    export_id = getattr(bench, end)(bench.create())

    answer = post(bench, export_id, "cancel")

    assert (answer.status, answer.body["code"]) == (409, "illegal-transition")
    assert answer.body["export_status"] == bench.document(export_id)["status"]


def test_a_failed_export_is_queued_again_under_its_id(bench: Bench) -> None:
    """A new id would lose its history and its links."""
    export_id = bench.fail(bench.create())

    answer = post(bench, export_id, "retry")

    assert (answer.status, answer.body["status"]) == (202, "queued")
    assert answer.body["id"] == export_id
    assert answer.body["error"] is None


def test_a_cancelled_export_can_be_retried(bench: Bench) -> None:
    """People change their minds."""
    export_id = bench.create()
    post(bench, export_id, "cancel")

    assert post(bench, export_id, "retry").body["status"] == "queued"


@pytest.mark.parametrize("state", ["create", "start", "dispatch", "finish"])
def test_an_export_that_has_not_failed_cannot_be_retried(bench: Bench, state: str) -> None:
    """Two attempts at once are what the whole life-cycle prevents."""
    export_id = bench.create()
    if state == "dispatch":
        bench.life.dispatch(export_id)
    elif state != "create":
        getattr(bench, state)(export_id)

    answer = post(bench, export_id, "retry")

    assert (answer.status, answer.body["code"]) == (409, "illegal-transition")
    assert answer.body["export_status"] != "dispatched"


def test_who_moved_it_is_in_the_audit_trail(bench: Bench) -> None:
    """Who, what and when outlive the files (S26)."""
    export_id = bench.create()
    post(bench, export_id, "cancel")
    post(bench, export_id, "retry")

    audit = bench.document(export_id)["audit"]

    assert [entry["action"] for entry in audit] == ["created", "cancel", "retry"]
    assert {entry["actor"] for entry in audit} == {"svc:promoter-tools"}
    assert all(entry["at"] for entry in audit)
