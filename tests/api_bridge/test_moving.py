"""Stopping and repeating exports."""

import pytest

from tests.api_bridge.bench import GOOD_BODY, Answer, Bench


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


@pytest.mark.parametrize("end", ["finish", "fail"])
def test_an_export_that_ended_is_deleted_and_then_gone(bench: Bench, end: str) -> None:
    """FHIR's "done with the files": whoever comes later learns that there was one (API.md 1)."""
    export_id = getattr(bench, end)(bench.create())
    path = f"/v1/exports/{export_id}"

    deleted = bench.call("DELETE", path)
    later = [
        bench.call(method, f"{path}{tail}")
        for method, tail in (
            ("GET", ""), ("GET", "/events"), ("GET", "/manifest"), ("GET", "/files/1"),
            ("POST", "/retry"), ("POST", "/cancel"), ("DELETE", ""),
        )
    ]  # fmt: skip

    assert (deleted.status, deleted.raw) == (204, b"")
    assert {(one.status, one.body["code"]) for one in later} == {(410, "gone")}
    assert bench.call("GET", "/v1/exports").body["exports"] == []
    assert bench.document(export_id)["audit"][-1]["actor"] == "svc:promoter-tools"


@pytest.mark.parametrize("state", ["create", "start"])
def test_an_export_that_has_not_ended_cannot_be_deleted(bench: Bench, state: str) -> None:
    """Delete is no cancel: a client that mixes them up must hear of it (FHIR#2742)."""
    export_id = bench.create()
    if state == "start":
        bench.start(export_id)

    answer = bench.call("DELETE", f"/v1/exports/{export_id}")

    assert (answer.status, answer.body["code"]) == (409, "not-terminal")
    assert answer.body["export_status"] == bench.document(export_id)["status"]
    assert bench.call("GET", f"/v1/exports/{export_id}").status == 200


def test_the_key_of_a_deleted_export_makes_no_second_one(bench: Bench) -> None:
    """The key stands for one request, and that one is over."""
    key = [("Idempotency-Key", "k-1")]
    export_id = bench.call("POST", "/v1/exports", GOOD_BODY, headers=key).body["id"]
    post(bench, export_id, "cancel")
    bench.call("DELETE", f"/v1/exports/{export_id}")

    assert bench.call("POST", "/v1/exports", GOOD_BODY, headers=key).status == 410
    assert len(bench.documents()) == 1


def test_who_moved_it_is_in_the_audit_trail(bench: Bench) -> None:
    """Who, what and when outlive the files (S26)."""
    export_id = bench.create()
    post(bench, export_id, "cancel")
    post(bench, export_id, "retry")

    audit = bench.document(export_id)["audit"]

    assert [entry["action"] for entry in audit] == ["created", "cancel", "retry"]
    assert {entry["actor"] for entry in audit} == {"svc:promoter-tools"}
    assert all(entry["at"] for entry in audit)
