"""Watching exports: the resource, its validator, the pace of polling, and the listing."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api_bridge.protocol.wire import timestamp
from assets.model.lanes import Lane
from export_platform.commands.client import Export
from export_platform.commands.watching import described
from tests.api_bridge.bench import Bench, running_bench
from tests.api_bridge.toys import TOYS


def get(bench: Bench, path: str, **headers: str) -> Any:
    """Read something as a caller who may."""
    sent = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return bench.call("GET", path, headers=sent)


def test_a_dispatched_export_is_shown_as_queued(bench: Bench) -> None:
    """`dispatched` is between the sensor and Dagster; clients know API.md's states only."""
    export_id = bench.create()
    bench.life.dispatch(export_id)

    body = get(bench, f"/v1/exports/{export_id}").body

    assert (body["status"], body["phase"], body["done"]) == ("queued", "dispatched", False)


@pytest.mark.parametrize(("partial", "completeness"), [(False, "complete"), (True, "partial")])
def test_a_partial_result_says_so_and_the_terminal_with_it(
    bench: Bench, partial: bool, completeness: str
) -> None:
    """Who sends the file on must know that it is not all (API.md 2)."""
    export_id = bench.finish(bench.create(), partial=partial)

    body = get(bench, f"/v1/exports/{export_id}").body

    assert body["result"]["completeness"] == completeness
    shown = described(Export.from_wire(body))
    assert shown.endswith("3 rows, partial" if partial else "3 rows")


def test_a_running_export_shows_its_progress_and_when_to_ask_again(bench: Bench) -> None:
    """The pace comes from the ETA, so that a long export is not polled 1,000 times (API.md 3)."""
    export_id = bench.create()
    token = bench.start(export_id)
    bench.clock.advance(10)
    bench.life.beat(export_id, token, {"rowsRead": 500, "rowsWritten": 400, "rowsTotal": 1000})

    answer = get(bench, f"/v1/exports/{export_id}")

    assert answer.body["status"] == "running"
    assert answer.body["progress"]["ratio"] == 0.5
    assert answer.body["progress"]["rows_done"] == 400
    assert answer.body["progress"]["rows_total"] == 1000
    assert answer.body["progress"]["eta_p50"].endswith("Z")
    assert answer.headers["Retry-After"] == "10"
    assert answer.headers["X-Progress"] == "running 50%"


def _alike(bench: Bench, *seconds: float) -> None:
    """Earlier exports of the kind, of a thousand rows each."""
    template = bench.stores.exports.find(bench.finish(bench.create())) or {}
    for number, taken in enumerate(seconds):
        started = bench.clock.now()
        ended = {"startedAt": started, "finishedAt": started + timedelta(seconds=taken)}
        result = {**(template["result"] or {}), "accounting": {"read": 1_000}}
        bench.stores.exports.kept.keep(
            {**template, "_id": f"exp_{number:024d}", **ended, "result": result}
        )
    bench.stores.exports.kept.drop(template["_id"])


def test_when_an_export_ends_is_told_from_others_like_it(bench: Bench) -> None:
    """Half of nineteen took ten seconds at most, and nine of ten at most eighteen."""
    _alike(bench, *range(1, 20))
    bench.clock.advance(61)  # what was known before is asked for again after a minute
    export_id = bench.create()
    token, began = bench.start(export_id), bench.clock.now()
    bench.life.beat(export_id, token, {"rowsRead": 0, "rowsTotal": 1_000})

    progress = get(bench, f"/v1/exports/{export_id}").body["progress"]

    assert progress["eta_p50"] == timestamp(began + timedelta(seconds=10))
    assert progress["eta_p90"] == timestamp(began + timedelta(seconds=18))


def test_an_export_is_stalled_when_its_work_does_not_move_and_never_because_it_is_old(
    bench: Bench,
) -> None:
    """A worker that lives says so every ten seconds, and whether its work has moved."""
    export_id = bench.create()
    token, seen = bench.start(export_id), []
    for advanced in (*(True,) * 10, *(False,) * 10):
        bench.clock.advance(10)
        bench.life.beat(export_id, token, {"rowsRead": 5}, advanced=advanced)
        seen.append(get(bench, f"/v1/exports/{export_id}").body["progress"]["stalled"])

    assert [False] * 16 + [True] * 4 == seen


def test_a_finished_export_names_its_files_and_is_done(bench: Bench) -> None:
    """Stable addresses of ours, never a link into the bucket, which would be a secret (S12)."""
    export_id = bench.finish(bench.create())

    answer = get(bench, f"/v1/exports/{export_id}")

    base = f"/v1/exports/{export_id}"
    assert answer.body["done"] is True
    assert answer.body["result"]["files"] == [
        {
            "url": f"{base}/files/1",
            "section": "",
            "group": "",
            "rows": 3,
            "bytes": 120,
            "sha256": "ab" * 32,
            "media_type": "application/gzip",
        }
    ]
    assert answer.body["result"]["manifest_url"] == f"{base}/manifest"
    named = {name: f"{base}/{name}" for name in ("errors", "lineage", "manifest")}
    assert answer.body["links"] == {"self": base, "delete": base, **named}
    assert "Retry-After" not in answer.headers
    assert answer.headers["Sunset"].endswith("GMT")
    assert b"a1-0badcafe" not in answer.raw


def test_an_export_leads_to_its_run_and_its_lineage_in_dagster(tmp_path: Path) -> None:
    """Once there is a run, and only where somebody said where Dagster's pages are (API.md 2)."""
    with running_bench(tmp_path, TOYS, dagster_url="https://dagster.test/ops") as bench:
        export_id = bench.create()
        queued = get(bench, f"/v1/exports/{export_id}").body["links"]
        bench.start(export_id)
        running = get(bench, f"/v1/exports/{export_id}").body["links"]

    assert not {"dagster_run", "dagster_asset"} & set(queued)
    assert running["dagster_run"] == "https://dagster.test/ops/runs/run-1"
    asset = "https://dagster.test/ops/assets/exports/guests?view=lineage"
    assert running["dagster_asset"] == asset


def test_a_failed_export_is_a_200_that_says_why(bench: Bench) -> None:
    """A failed job is no failed request (API.md 1); the reason is a code, never a trace."""
    export_id = bench.fail(bench.create())

    answer = get(bench, f"/v1/exports/{export_id}")

    assert answer.status == 200
    assert answer.body["status"] == "failed"
    assert answer.body["error"]["code"] == "SOURCE_REFUSED"
    assert answer.body["links"]["retry"].endswith("/retry")


def test_an_unchanged_export_is_a_304(bench: Bench) -> None:
    """Polling costs a header, and a change is never missed."""
    export_id = bench.create()
    path = f"/v1/exports/{export_id}"
    etag = get(bench, path).headers["ETag"]

    for sent in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        unchanged = get(bench, path, If_None_Match=sent)
        assert (unchanged.status, unchanged.raw) == (304, b"")
        assert unchanged.headers["ETag"] == etag

    bench.life.dispatch(export_id)

    changed = get(bench, path, If_None_Match=etag)
    assert changed.status == 200
    assert changed.headers["ETag"] != etag


def test_the_resource_holds_its_members_and_no_field_of_the_document(bench: Bench) -> None:
    """What is stored beside it (leases, idempotency, audit) is nobody's business (S6)."""
    export_id = bench.finish(bench.create())

    body = get(bench, f"/v1/exports/{export_id}").body

    assert set(body) == {
        "id", "type", "params", "status", "phase", "done", "origin", "attempt", "created_at",
        "started_at", "finished_at", "expires_at", "fingerprint", "shared_with", "queue_position",
        "progress", "snapshot_time", "consistency", "result", "error", "columns_withheld",
        "requested_by", "links",
        "coalesced",
    }  # fmt: skip


def test_a_waiting_export_is_told_its_place_in_its_lane(bench: Bench) -> None:
    """Null before it has one, out of the queue and in lists; who shares an export has its place."""
    large, first, second = (bench.create(top_n=number) for number in (1, 2, 3))
    before = place(bench, first)
    for number, export_id in enumerate((large, first, second)):
        lane = Lane.SMALL if number else Lane.LARGE
        turn = bench.clock.now() + timedelta(minutes=number)
        waiting = bench.stores.exports.find(export_id) or {}
        bench.life.place(waiting, lane=lane, turn=turn, rows=None)
    sharing = bench.create(top_n=3)

    assert (before, [place(bench, one) for one in (large, first, second, sharing)]) == (
        None,
        [1, 1, 2, 2],
    )
    bench.start(first)
    assert [place(bench, one) for one in (large, first, second)] == [1, None, 1]
    assert {one["queue_position"] for one in get(bench, "/v1/exports").body["exports"]} == {None}


def place(bench: Bench, export_id: str) -> int | None:
    """The place in the queue, as the bridge tells it."""
    found: int | None = get(bench, f"/v1/exports/{export_id}").body["queue_position"]
    return found


def test_an_export_of_a_kind_that_is_gone_can_still_be_read(bench: Bench) -> None:
    """A release that drops a kind must not turn its history into 500s."""
    export_id = bench.finish(bench.create())
    bench.plant(export_id, type="retired")

    assert get(bench, f"/v1/exports/{export_id}").body["type"] == "retired.2"
    assert len(get(bench, "/v1/exports").body["exports"]) == 1
    assert get(bench, f"/v1/exports/{export_id}/files/1").status == 303


def test_a_listing_is_newest_first_and_pages_without_gap_or_repeat(bench: Bench) -> None:
    """Keyset pages stay right while new exports arrive, which offsets do not."""
    ids = []
    for number in range(7):
        ids.append(bench.create())
        bench.clock.advance(number % 2)  # some share an instant

    seen, path, pages = [], "/v1/exports?page_size=3&campaign=aurora-lights", 0
    while path:
        answer = get(bench, path)
        seen += [export["id"] for export in answer.body["exports"]]
        pages += 1
        token, link = answer.body["next_page_token"], answer.headers.get("Link")
        assert (token is None) == (link is None)
        path = link.removeprefix("<").removesuffix('>; rel="next"') if link else ""
        bench.create(campaign_id="northern-sky")

    assert seen == ids[::-1]
    assert pages == 3


def test_a_page_token_of_other_filters_is_refused(bench: Bench) -> None:
    """It would skip exports without a word."""
    for _ in range(2):
        bench.create()
    token = get(bench, "/v1/exports?page_size=1").body["next_page_token"]

    answer = get(bench, f"/v1/exports?page_size=1&status=queued&page_token={token}")

    assert (answer.status, answer.pointers) == (400, ["/query/page_token"])


def test_the_filters_filter(bench: Bench) -> None:
    """Each filter alone keeps what it names and nothing else."""
    old = bench.finish(bench.create())
    bench.clock.advance(3600)
    middle = bench.create(campaign_id="northern-sky")
    bench.life.dispatch(middle)
    bench.clock.advance(3600)
    body = {"type": "guests", "params": {"campaign_id": "aurora-lights"}}
    new = bench.call("POST", "/v1/exports", body, token=bench.token(sub="svc:b")).body["id"]
    start = bench.clock.now().replace(microsecond=0)
    hour = f"{start:%Y-%m-%dT%H}:00:00Z"

    expected = {
        "": {old, middle, new},
        "status=succeeded": {old},
        "status=queued": {middle, new},
        "status=failed": set(),
        "campaign=northern-sky": {middle},
        "mine=true": {old, middle},
        "mine=false": {old, middle, new},
        "type=guests": {old, middle, new},
        "type=guests.2": {old, middle, new},
        "type=guests.1": set(),
        "type=door-count": set(),
        f"created_after={hour}": {new},
        f"created_before={hour}": {old, middle},
        f"status=queued&created_before={hour}&campaign=northern-sky": {middle},
    }

    for query, ids in expected.items():
        found = get(bench, f"/v1/exports?{query}").body["exports"]
        assert {export["id"] for export in found} == ids, query


def test_an_export_that_a_person_started_in_dagster_is_listed_with_its_origin(
    bench: Bench,
) -> None:
    """A backfill from the UI is an export like any other (DESIGN.md 2)."""
    bench.plant(bench.create(), origin="dagster")

    assert get(bench, "/v1/exports").body["exports"][0]["origin"] == "dagster"


@pytest.mark.parametrize("name", ["guests", "guests.2"])
def test_a_kind_of_export_is_described_by_its_declaration(bench: Bench, name: str) -> None:
    """Schema, columns and classes come from the one declaration; a form can be built from them."""
    body = get(bench, f"/v1/export-types/{name}").body

    assert (body["id"], body["name"], body["version"]) == ("guests.2", "guests", 2)
    assert body["params_schema"]["properties"]["top_n"]["maximum"] == 1000
    assert body["params_schema"]["additionalProperties"] is False
    classes = {column["name"]: column["pii"] for column in body["columns"]}
    assert classes["email"] == "D"
    assert "excel-eu" in body["dialects"]


@pytest.mark.parametrize("name", ["guests.1", "guests.", "guests.2.2", "GUESTS", "unknown", "%00"])
def test_an_unknown_kind_is_a_404(bench: Bench, name: str) -> None:
    """Another version is another kind; the ids are public, so the answer names them."""
    answer = get(bench, f"/v1/export-types/{name}")

    assert (answer.status, answer.body["code"]) == (404, "unknown-type")
    assert "guests.2, door-count.1" in answer.body["detail"]
    assert answer.pointers == ["/path/type_id"]


def test_every_kind_is_listed(bench: Bench) -> None:
    """What is not listed cannot be found."""
    listed = get(bench, "/v1/export-types").body["export_types"]

    assert [one["id"] for one in listed] == ["guests.2", "door-count.1", "badges.1"]
