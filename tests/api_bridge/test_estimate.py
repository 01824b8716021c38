"""Estimates: what they are made of, and that nobody learns more from one than from an export."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from api_bridge.protocol.estimate import Past, athena, estimate
from assets.exports.catalog import CATALOG
from resources.errors import Unavailable
from tests.api_bridge.bench import GOOD_PARAMS, Bench, running_bench

OWN = Past(
    read=1_000, rows=500, bytes=50_000, seconds=10.0, scanned=None, same_rows=True, same_form=True
)
ESTIMATE = "/v1/exports/estimate"


def past(**changes: Any) -> Past:
    """An earlier export, changed."""
    return Past(**{name: getattr(OWN, name) for name in OWN.__slots__} | changes)


def guessed(*own: Past, others: tuple[Past, ...] = (), **given: Any) -> Any:
    """The numbers."""
    return estimate(own, others, **{"population": None, "folded": False, **given})


def test_without_anything_to_go_by_nothing_is_guessed() -> None:
    """A number out of the air is worse than none: somebody plans by it."""
    assert guessed() == {
        "rows": None, "rows_at_most": None, "rows_from": None, "bytes": None, "seconds": None,
        "earlier_exports": 0,
    }  # fmt: skip


def test_a_count_is_a_bound() -> None:
    """Rows are filtered after they are read, never added."""
    told = guessed(population=1_000)

    assert (told["rows"], told["rows_at_most"], told["rows_from"]) == (1_000, 1_000, "count")
    assert (told["bytes"], told["seconds"]) == (None, None)


def test_rows_grow_with_what_there_is_to_read() -> None:
    """The campaign has twice the entries since: twice the rows, the bytes and the time."""
    told = guessed(OWN, population=2_000)

    assert (told["rows"], told["rows_at_most"]) == (1_000, 2_000)
    assert (told["bytes"], told["seconds"]) == (100_000, 20.0)


def test_less_to_read_is_not_less_time() -> None:
    """A run needs seconds to start, whatever it reads."""
    assert guessed(OWN, population=10)["seconds"] == 10.0


def test_the_time_is_that_of_the_export_nearest_in_size() -> None:
    """The start of a small one says nothing about a row of a large one."""
    told = guessed(OWN, past(read=100_000, seconds=90.0), population=110_000)

    assert told["seconds"] == 99.0


def test_another_question_or_form_tells_nothing_about_this_one() -> None:
    """Other options keep other rows; a parquet file says nothing of a CSV file's size."""
    told = guessed(past(same_rows=False, same_form=False), population=1_000)

    assert (told["rows"], told["rows_from"], told["bytes"]) == (1_000, "count", None)
    assert told["seconds"] == 10.0


def test_rows_that_are_counts_do_not_grow_with_what_is_read() -> None:
    """A market is one row, whoever lives there."""
    told = guessed(OWN, population=5_000, folded=True)

    assert (told["rows"], told["rows_at_most"]) == (500, None)
    assert guessed(population=5_000, folded=True)["rows"] is None


def test_exports_of_others_lend_size_and_time_but_no_rows() -> None:
    """How long a row is and how fast one goes are no secret; how many there are is."""
    told = guessed(others=(OWN,), population=1_000)

    assert (told["rows"], told["rows_from"], told["earlier_exports"]) == (1_000, "count", 0)
    assert (told["bytes"], told["seconds"]) == (100_000, 10.0)
    assert guessed(others=(OWN,)) == guessed()


def test_athena_costs_at_most_what_it_did() -> None:
    """AWS bills by the byte scanned; the largest of the earlier ones is the safe side."""
    assert athena([]) == {"bytes_scanned": None, "usd": None}
    assert athena([past(scanned=2 * 10**12), past(scanned=10**12), OWN]) == {
        "bytes_scanned": 2 * 10**12,
        "usd": 10.0,
    }


# --- over HTTP -------------------------------------------------------------------------------


def ask(bench: Bench, type_name: str = "guests", **params: Any) -> Any:
    """Estimate an export."""
    body = {"type": type_name, "params": {**GOOD_PARAMS, **params}}
    answer = bench.call("POST", "/v1/exports/estimate", body)
    assert answer.status == 200, answer.raw
    return answer.body


def made(bench: Bench, **result: Any) -> str:
    """An export that took a minute; its id."""
    export_id = bench.finish(bench.create())
    stored = bench.document(export_id)
    bench.plant(
        export_id,
        finishedAt=stored["startedAt"] + timedelta(seconds=60),
        result=stored["result"] | {"bytesScanned": 5_000_000} | result,
    )
    return export_id


def test_an_estimate_is_what_the_last_one_came_to(bench: Bench) -> None:
    """And it records nothing: nobody waits for an estimate that became an export."""
    made(bench)
    before = bench.documents()

    told = ask(bench)

    assert (told["type"], told["rows"], told["bytes"], told["seconds"]) == ("guests.2", 3, 120, 60)
    assert told["athena"] == {"bytes_scanned": 5_000_000, "usd": 0.000025}
    assert bench.documents() == before


def test_an_estimate_names_the_columns_that_will_be_missing(bench: Bench) -> None:
    """Before somebody waits an hour for a file without them."""
    assert "answer" in ask(bench)["columns_withheld"]
    assert {"email", "city"} < set(ask(bench, pii="none")["columns_withheld"])


def test_exports_of_another_campaign_tell_no_rows(bench: Bench) -> None:
    """How large somebody else's campaign is, is theirs (S5)."""
    export_id = made(bench)
    bench.plant(export_id, partition="foreign-fest", campaign="foreign-fest")

    told = ask(bench)

    assert (told["rows"], told["earlier_exports"]) == (None, 0)
    assert told["athena"] == {"bytes_scanned": None, "usd": None}


def test_what_is_refused_as_an_export_is_refused_as_an_estimate(bench: Bench) -> None:
    """Else an estimate would say yes where the request says no."""

    def refused(type_name: str, **params: Any) -> tuple[int, str]:
        body = {"type": type_name, "params": {**GOOD_PARAMS, **params}}
        answers = [bench.call("POST", path, body) for path in ("/v1/exports", ESTIMATE)]
        assert answers[0].status == answers[1].status
        assert answers[0].unnamed == answers[1].unnamed
        return answers[0].status, answers[0].body["code"]

    assert refused("guests", top_n=0) == (400, "invalid-parameters")
    assert refused("guests", campaign_id="foreign-fest") == (404, "not-found")
    assert refused("guests", markets=["z"]) == (422, "not-exportable")
    assert refused("badges", campaign_id="northern-sky") == (422, "not-exportable")
    assert refused("horoscope") == (400, "invalid-parameters")


def test_a_document_that_is_no_result_is_passed_over(bench: Bench) -> None:
    """One broken document must not take the estimates of its kind with it."""
    bench.plant(made(bench), startedAt=None)
    bench.plant(made(bench), result=None)

    assert ask(bench)["rows"] is None


@pytest.mark.parametrize("works", [True, False])
def test_a_count_that_takes_too_long_is_left_out(works: bool, tmp_path: Path) -> None:
    """A million entries take seconds to count; the answer has two (RELIABILITY.md 4.3)."""
    with running_bench(tmp_path, CATALOG) as bench:
        if not works:
            failure = Unavailable("MONGO_TIMEOUT", "count entries")
            bench.stores.entries.asked.fail_next(failure, name="count")
        told = ask(bench, "entries")

    assert (told["rows_at_most"], told["rows_from"]) == ((0, "count") if works else (None, None))


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bridge whose exports may read four rows, and a campaign of five."""
    folder = tmp_path_factory.mktemp("bounded")
    with running_bench(folder, CATALOG, rows_per_export=4) as bench:
        campaign = (bench.stores.campaigns.by_key("aurora-lights") or {})["_id"]
        for _ in range(5):
            registered = bench.clock.now() - timedelta(days=1)
            entry = {"_id": ObjectId(), "campaignId": campaign, "createdAt": registered}
            bench.stores.entries.kept.keep(entry)
        yield bench


def test_an_export_above_the_bound_is_refused_with_its_estimate(bounded: Bench) -> None:
    """Before it takes the place of others for hours (API.md 4)."""
    body = {"type": "entries", "params": {"campaign_id": "aurora-lights", "pii": "none"}}

    answer = bounded.call("POST", "/v1/exports", body)

    assert (answer.status, answer.body["code"]) == (422, "quota-exceeded")
    assert (answer.body["max_rows"], answer.body["estimate"]["rows_at_most"]) == (4, 5)
    assert answer.body["estimate"] == bounded.call("POST", ESTIMATE, body).body
    assert bounded.documents() == []


def test_what_is_within_the_bound_or_cannot_be_counted_is_let_in(bounded: Bench) -> None:
    """A database that is busy is no reason to refuse, nor is a kind that no index counts."""
    for kind, campaign in (("entries", "northern-sky"), ("code-redemptions", "aurora-lights")):
        body = {"type": kind, "params": {"campaign_id": campaign, "pii": "none"}}
        assert bounded.call("POST", "/v1/exports", body).status == 202

    failure = Unavailable("MONGO_TIMEOUT", "count entries")
    bounded.stores.entries.asked.fail_next(failure, name="count")
    body = {"type": "entries", "params": {"campaign_id": "aurora-lights", "pii": "none"}}
    assert bounded.call("POST", "/v1/exports", body).status == 202


def test_the_bound_is_published(bounded: Bench, bench: Bench) -> None:
    """Nobody has to be refused to learn of it (API.md 1)."""
    for asked, most in ((bounded, 4), (bench, None)):
        kinds = asked.call("GET", "/v1/export-types").body["export_types"]

        assert {kind["max_rows"] for kind in kinds} == {most}
        assert asked.call("GET", "/v1/limits").body["export"] == {"max_rows": most}
