"""The metrics: what is counted, that Prometheus can read it, and what is not in it."""

import asyncio
from contextlib import nullcontext
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message, Receive, Scope, Send

from api_bridge.middleware.admission import ConcurrencyMiddleware, set_aside
from api_bridge.middleware.answers import AnswersMiddleware
from api_bridge.middleware.metrics import counting
from api_bridge.telemetry.metrics import Metrics
from api_bridge.webhooks.news import News
from resources.clock import SystemClock
from resources.errors import Unavailable
from resources.mongo.exports import Change, Match
from tests.api_bridge.bench import Bench
from tests.waiting import eventually

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture(autouse=True)
def _stale(bench: Bench) -> None:
    """What an earlier test read of the exports is not given again."""
    bench.clock.advance(3_601)


def read(bench: Bench) -> Samples:
    """Every sample by name and labels, as Prometheus parses them."""
    answer = bench.call("GET", "/metrics", token=None)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parsed(answer.raw)


def parsed(raw: bytes) -> Samples:
    """Samples by name and labels."""
    families = text_string_to_metric_families(raw.decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    """One sample."""
    return samples.get((name, tuple(sorted(labels.items()))))


def requests(bench: Bench, **labels: str) -> float:
    """How many requests were answered so."""
    return value(read(bench), "bridge_requests_total", **labels) or 0.0


def test_every_answer_is_counted_by_the_template_of_its_route(bench: Bench) -> None:
    """Ids as labels would be a series an export: Prometheus dies of it, and S25 forbids it."""
    route = "/v1/exports/{export_id}"
    found = {"method": "GET", "route": route, "status": "200"}
    missing = {"method": "GET", "route": route, "status": "404"}
    before = requests(bench, **found), requests(bench, **missing)
    export_id = bench.create()
    bench.call("GET", f"/v1/exports/{export_id}")
    bench.call("GET", "/v1/exports/exp_000000000000000000000000")

    # An answer is counted once it is sent, and by then its caller may have looked.
    eventually(lambda: requests(bench, **missing) > before[1])
    eventually(lambda: requests(bench, **found) > before[0])

    assert (requests(bench, **found), requests(bench, **missing)) == (before[0] + 1, before[1] + 1)


def test_what_no_route_fits_is_counted_without_what_was_sent(bench: Bench) -> None:
    """Paths, methods, hosts: whatever a caller invents must not become a label."""
    for method, path, host in (
        ("GET", "/c4nary", None), ("C4NARY", "/v1/exports", None), ("GET", "/healthz", "c4nary"),
        ("PROPFIND", "/v1/exports", None),
    ):  # fmt: skip
        bench.call(method, path, host=host)

    for method, route, status in (
        ("GET", "", "404"), ("GET", "", "400"), ("other", "/v1/exports", "405"),
    ):  # fmt: skip
        eventually(lambda: requests(bench, method=method, route=route, status=status) >= 1)  # noqa: B023 - called at once
    raw = bench.call("GET", "/metrics", token=None).raw

    assert b"c4nary" not in raw.lower()


def test_the_queue_and_the_sensors_have_an_age(bench: Bench) -> None:
    """What an alert asks first: does anybody work (API.md 1)."""
    bench.stores.ticks.tick("requests")
    bench.create()
    bench.clock.advance(30)

    samples = read(bench)

    assert value(samples, "exports_queue_age_seconds") == 30
    assert value(samples, "exports_sensor_age_seconds", sensor="requests") == 30
    assert value(samples, "exports_count", status="queued") == 1
    assert value(samples, "exports_count", status="failed") == 0
    assert value(samples, "exports_database_up") == 1


def test_what_ended_in_the_last_hour_is_summed_by_kind(bench: Bench) -> None:
    """Runs, rows, bytes and failures by code; all bridges say the same, also after a restart."""
    done = bench.finish(bench.create())
    stored = bench.document(done)
    bench.plant(done, startedAt=stored["finishedAt"] - timedelta(seconds=40))
    bench.fail(bench.create())

    samples = read(bench)

    assert value(samples, "exports_ended_last_hour", type="guests", status="succeeded") == 1
    assert value(samples, "exports_failed_last_hour", code="SOURCE_REFUSED") == 1
    assert value(samples, "exports_rows_last_hour", type="guests") == 3
    assert value(samples, "exports_bytes_last_hour", type="guests") == 120
    assert value(samples, "exports_run_seconds_last_hour", type="guests") == 40
    bench.clock.advance(3_601)
    assert value(read(bench), "exports_failed_last_hour", code="SOURCE_REFUSED") is None


def test_files_that_several_share_are_counted_where_they_were_made(bench: Bench) -> None:
    """Ten requests for one file are ten ends and one file (DESIGN.md 3, rule 8)."""
    made, shared = bench.finish(bench.create()), bench.finish(bench.create(top_n=9))
    bench.plant(shared, generation=made)

    samples = read(bench)

    assert value(samples, "exports_ended_last_hour", type="guests", status="succeeded") == 2
    assert value(samples, "exports_rows_last_hour", type="guests") == 3


def test_what_others_are_not_told_has_an_age(bench: Bench) -> None:
    """A sender that has died tells nothing; and before there is an endpoint nobody need send."""
    bench.fail(bench.create())
    bench.clock.advance(30)
    assert value(read(bench), "exports_webhook_overdue_seconds") == 0
    made = bench.call("POST", "/v1/webhook-endpoints", {"url": "https://hooks.example.com/"})
    assert made.status == 201
    bench.clock.advance(30)
    dead = read(bench)
    stores = bench.stores
    bench.fail(bench.create())
    News(life=bench.life, endpoints=stores.endpoints, deliveries=stores.deliveries).hand_on()
    later = Change(delay={"dueAt": 300.0})
    (delivery,) = stores.deliveries.page({}, limit=9)
    stores.deliveries.change(delivery["_id"], Match(statuses=("waiting",)), later)
    bench.clock.advance(60)
    trying = read(bench)

    assert value(dead, "exports_webhook_overdue_seconds") == 60
    assert value(dead, "exports_webhook_endpoints", state="enabled") == 1
    assert value(dead, "exports_webhooks_last_hour", state="waiting") == 0
    assert value(trying, "exports_webhook_overdue_seconds") == 0
    assert value(trying, "exports_webhook_oldest_seconds") == 60
    assert value(trying, "exports_webhooks_last_hour", state="waiting") == 1
    assert value(trying, "exports_webhook_endpoints", state="disabled") == 0


def test_a_reader_in_a_hurry_does_not_load_the_database(bench: Bench) -> None:
    """It needs no token, so it must cost nothing."""
    for _ in range(20):
        read(bench)

    assert len(bench.stores.operations.asked.named("counts")) == 1
    bench.clock.advance(10)
    read(bench)
    assert len(bench.stores.operations.asked.named("counts")) == 2


def test_a_database_that_is_away_is_a_number_too(bench: Bench) -> None:
    """The bridge's own numbers are needed most when something is broken."""
    failure = Unavailable("MONGO_UNREACHABLE", "count")
    bench.stores.operations.asked.fail_next(failure, name="counts")

    samples = read(bench)

    assert value(samples, "exports_database_up") == 0
    assert value(samples, "exports_queue_age_seconds") is None
    assert any(name == "bridge_requests_total" for name, _ in samples)


@pytest.mark.parametrize(("aside", "least", "most"), [(True, 0.0, 0.3), (False, 0.3, 9.0)])
def test_the_time_that_a_request_only_waits_is_no_work(
    aside: bool, least: float, most: float
) -> None:
    """A long poll of a minute would bury every slow answer under it; work is counted whole."""

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        with set_aside(scope) if aside else nullcontext():
            await asyncio.sleep(0.3)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_: Message) -> None:
        return None

    metrics = Metrics()
    inside = ConcurrencyMiddleware(app, most=1)
    counted = AnswersMiddleware(inside, tell=[counting(metrics)], clock=SystemClock())
    asyncio.run(counted({"type": "http", "method": "GET"}, receive, send))

    samples = parsed(metrics.text())
    seconds = value(samples, "bridge_request_seconds_sum", method="GET", route="")
    assert seconds is not None
    assert least <= seconds < most
