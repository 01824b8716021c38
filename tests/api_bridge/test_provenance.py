"""Where the rows of an export went, and where its files come from."""

from typing import Any

import pytest

from tests.api_bridge.bench import MANIFEST, Bench
from tests.api_bridge.manifests import whole_manifest
from tests.api_bridge.schemas import wrong


def shown(bench: Bench, export_id: str, part: str) -> Any:
    """One of the two, which must fit its schema."""
    answer = bench.call("GET", f"/v1/exports/{export_id}/{part}")
    assert answer.status == 200, answer.raw
    assert wrong(part, answer.body) == []
    assert answer.headers["Cache-Control"] == "private, no-cache"
    return answer.body


def test_rejected_rows_are_counted_by_reason(bench: Bench) -> None:
    """FHIR's outcome files say no more where a value would be somebody's (API.md 1)."""
    export_id = bench.finish(bench.create())
    result = bench.document(export_id)["result"]
    result["accounting"] = {
        "read": 10,
        "filtered": {"erased": 2},
        "rejected": {"email": 3},
        "beside": {},
        "unfit": {"tier": 1},
        "notes": {"phone_repaired": 5},
    }
    bench.plant(export_id, result=result)

    body = shown(bench, export_id, "errors")

    assert (body["rows_read"], body["rows_rejected"]) == (10, 4)
    assert body["rejected"] == [
        {"stage": "read", "reason": "email", "rows": 3},
        {"stage": "made", "reason": "tier", "rows": 1},
    ]
    assert (body["filtered"], body["notes"]) == ({"erased": 2}, {"phone_repaired": 5})


def test_rows_that_a_receiver_rejected_are_a_file_to_fetch(bench: Bench) -> None:
    """Which they are is somebody's data: it lies behind the scopes of a download."""
    export_id = bench.finish(bench.create())
    result = bench.document(export_id)["result"]
    result["files"].append({**result["files"][0], "number": 2, "section": "rejects"})
    delivery = {"destination": "sfmc", "target": "DE", "sent": 3, "accepted": 1, "rejected": 2}
    result["deliveries"] = [{**delivery, "state": "delivered", "confirmed": None}]
    bench.plant(export_id, result=result)

    (told,) = shown(bench, export_id, "errors")["deliveries"]

    assert (told["rejected"], told["files"]) == (2, [f"/v1/exports/{export_id}/files/2"])


def test_a_failed_export_says_what_it_failed_of(bench: Bench) -> None:
    """No file and no accounting, but a reason."""
    body = shown(bench, bench.fail(bench.create()), "errors")

    assert (body["status"], body["error"]["code"]) == ("failed", "SOURCE_REFUSED")
    assert (body["rows_read"], body["rejected"], body["deliveries"]) == (None, [], [])


@pytest.mark.parametrize("part", ["errors", "lineage"])
def test_an_export_under_way_has_neither(bench: Bench, part: str) -> None:
    """Half an account is a wrong one."""
    answer = bench.call("GET", f"/v1/exports/{bench.create()}/{part}")

    assert (answer.status, answer.body["code"]) == (409, "not-ready")
    assert answer.body["export_status"] == "queued"


def test_lineage_names_sources_snapshot_code_and_run(bench: Bench) -> None:
    """Whoever doubts a file can find the run, the data and the code that made it."""
    export_id = bench.create()
    bench.finish(export_id, manifest=whole_manifest(export_id))

    body = shown(bench, export_id, "lineage")

    assert body["asset"] == {"key": ["exports", "guests"], "partition": "aurora-lights"}
    assert (body["run_id"], body["code_version"], body["git_sha"]) == ("run-1", "1.2.3", "abc1234")
    assert body["snapshot_time"] == "2026-03-14T09:59:30.000Z"
    assert body["sources"] == [["athena", "guests"]]
    assert body["queries"] == [{"id": "q-1", "bytes_scanned": 10_485_760}]
    assert [one["source"] for one in body["columns"]] == ["t.id", "t.tier"]
    assert body["columns_withheld"] == ["email"]
    assert body["manifest_sha256"] == bench.document(export_id)["result"]["manifestSha256"]


def test_the_lineage_of_a_kind_that_is_gone_is_still_told(bench: Bench) -> None:
    """A release that drops a kind must not turn its history into 500s."""
    export_id = bench.create()
    bench.finish(export_id, manifest=whole_manifest(export_id))
    bench.plant(export_id, type="retired")

    assert shown(bench, export_id, "lineage")["sources"] == []
    assert shown(bench, export_id, "errors")["status"] == "succeeded"


def test_a_manifest_that_cannot_be_read_is_no_lineage(bench: Bench) -> None:
    """Better a 500 that somebody looks at than a half-made history."""
    export_id = bench.finish(bench.create(), manifest=MANIFEST)

    answer = bench.call("GET", f"/v1/exports/{export_id}/lineage")

    assert (answer.status, answer.body["code"]) == (500, "internal-error")
