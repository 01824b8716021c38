"""One trace from the caller's request to the last byte of the run (API.md 3, W3C Trace Context)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assets.factory import TRACE_TAG
from resources import tracing
from resources.tracing import TRACEPARENT
from sensors.decisions import run_plan
from tests.api_bridge.bench import Answer
from tests.assets.workbench import CAMPAIGN
from tests.collector import GIVEN, PARENT, TRACE, Collector, Span, told_by_environment
from tests.fakes.athena import Answer as Found
from tests.privacy.bench import House, opened
from tests.privacy.canaries import planted
from tests.privacy.rules import EVERY_SCOPE
from tests.privacy.search import search

CANARY = "c4nary@fan.example"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that the environment names."""
    with told_by_environment(monkeypatch) as found:
        yield found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:  # of its own: what is live is shared otherwise
    """Bridge and flow over documents with a canary in each personal field."""
    with opened(lambda *_: Found(columns=(), rows=()), tmp_path) as found:
        yield found


def asked(house: House, *headers: tuple[str, str], **params: Any) -> str:
    """An export that was asked for over HTTP; its id."""
    scopes = " ".join(("exports:create:*", "exports:read", *EVERY_SCOPE))
    token = house.client.token(scope=scopes, campaigns=[CAMPAIGN])
    body = {
        "type": "waitlist",
        "params": {"campaign_id": CAMPAIGN, "pii": "full", "reason": CANARY, **params},
    }
    answer = house.client.call("POST", "/v1/exports", body, token=token, headers=headers)
    assert answer.status == 202, answer.raw
    return str(answer.body["id"])


def run(house: House, export_id: str) -> None:
    """What sensor and worker do."""
    claimed = house.bench.life.dispatch(export_id)
    assert claimed is not None
    worker = house.bench.attempt(catalog=house.catalog)
    worker.run(export_id, claimed["attempt"], run_id="run-1")


def named(collector: Collector) -> dict[str, Span]:
    """The spans by name, once they are sent."""
    tracing.close()
    return {span.name: span for span in collector.spans}


def test_one_trace_leads_from_the_request_to_the_files(house: House, collector: Collector) -> None:
    """With the caller's id, so that a product team finds the run among its own spans."""
    export_id = asked(house, (TRACEPARENT, GIVEN), ("Baggage", f"user={CANARY}"))
    run(house, export_id)
    spans = named(collector)

    assert {TRACE} == {span.trace for span in spans.values()}
    request, attempt = spans["POST /v1/exports"], spans["attempt"]
    assert PARENT == request.parent
    assert {request.id} == {spans[name].parent for name in ("queued", "attempt")}
    parts = ("read", "convert", "upload", "commit")
    assert {attempt.id} == {spans[name].parent for name in parts}
    assert [export_id, "waitlist", 1, "run-1"] == [
        attempt.said[name]
        for name in ("export.id", "export.type", "export.attempt", "dagster.run_id")
    ]
    assert int(attempt.said["export.rows"]) > 0


def test_a_run_of_dagster_has_the_trace_among_its_tags(house: House) -> None:
    """With or without a collector: from a run in Dagster one finds whoever asked for it."""
    document = house.bench.found(asked(house, (TRACEPARENT, GIVEN)))

    assert GIVEN == document["traceparent"]
    assert GIVEN == run_plan({**document, "attempt": 1}).traceparent
    assert "traceparent" == TRACE_TAG


def test_a_failed_attempt_says_its_code_alone(house: House, collector: Collector) -> None:
    """The error that was raised quotes a row."""
    export_id = asked(house, (TRACEPARENT, GIVEN))
    house.bench.mongo.entries.asked.fail_next(RuntimeError(CANARY), name="page")
    with pytest.raises(Exception, match="INTERNAL"):
        run(house, export_id)

    attempt = named(collector)["attempt"]
    assert (True, "INTERNAL") == (attempt.failed, attempt.said["error.type"])
    assert not [body for body in collector.bodies if b"c4nary" in body]


def test_no_span_holds_anything_of_a_person(house: House, collector: Collector) -> None:
    """Everything that is read has a canary, and so have the request and its headers."""
    headers = [(name, f"{CANARY} {CANARY}") for name in ("Tracestate", "Baggage", "User-Agent")]
    run(house, asked(house, (TRACEPARENT, GIVEN), *headers))
    house.client.call("GET", f"/v1/exports/{CANARY}?a={CANARY}", headers=headers)
    house.client.call("CANARY", f"/{CANARY}", headers=headers)
    assert len(named(collector)) >= 8

    people = tuple(one for one in planted().canaries if one.kind != "as it is")
    for body in collector.bodies:
        assert set() == search(body, people)
        assert b"c4nary" not in body.lower()


def answered(house: House, *sent: str) -> Answer:
    """An export that was asked for with these headers."""
    token = house.client.token(campaigns=[CAMPAIGN])
    body = {"type": "waitlist", "params": {"campaign_id": CAMPAIGN, "pii": "none"}}
    headers = [(TRACEPARENT, one) for one in sent]
    answer = house.client.call("POST", "/v1/exports", body, token=token, headers=headers)
    assert answer.status == 202, answer.raw
    return answer


@pytest.mark.parametrize(
    "sent",
    [(), (CANARY,), (GIVEN.upper(),), (f"00-{'0' * 32}-{PARENT}-01",), (f"{GIVEN}-{CANARY}",),
     (GIVEN, GIVEN)],
)  # fmt: skip
def test_no_traceparent_or_a_malformed_one_begins_a_trace(
    house: House, sent: tuple[str, ...]
) -> None:
    """What is no `traceparent` is not repeated, kept or passed on."""
    answer = answered(house, *sent)

    made = answer.headers[TRACEPARENT]
    assert tracing.parsed(made) == made
    assert made not in sent
    assert made == house.bench.found(answer.body["id"])["traceparent"]


def test_the_callers_traceparent_is_echoed_in_errors_too(house: House) -> None:
    """It finds its own request in the answer, whatever that says (API.md 3)."""
    refused = house.client.call("GET", "/nowhere", headers=[(TRACEPARENT, GIVEN)])

    assert (404, GIVEN) == (refused.status, refused.headers[TRACEPARENT])
    assert GIVEN == answered(house, GIVEN).headers[TRACEPARENT]
