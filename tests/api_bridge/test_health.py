"""Whether requests would be served, and what happens when there are too many or too slow ones."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from starlette.types import Receive, Scope, Send

from api_bridge.__main__ import server_config
from api_bridge.middleware.body_limit import BodyLimitMiddleware
from api_bridge.middleware.failures import FailuresMiddleware
from api_bridge.middleware.request_id import RequestIdMiddleware
from resources.errors import Unavailable
from tests.api_bridge.bench import Bench, running_bench, serving
from tests.api_bridge.toys import TOYS
from tests.waiting import eventually


def test_ready_says_so_when_the_database_answers(bench: Bench) -> None:
    """And nobody needs a token to ask."""
    bench.create()
    bench.stores.ticks.tick("requests")

    answer = bench.call("GET", "/readyz", token=None)

    assert (answer.status, answer.body["status"]) == (200, "ready")


def test_not_ready_while_the_database_does_not_answer(bench: Bench) -> None:
    """Traffic goes to a bridge that can store (RELIABILITY.md 4.3); alive it is all the same."""
    bench.stores.asked.fail_next(Unavailable("MONGO_UNREACHABLE", "ping"), name="ping")

    assert bench.call("GET", "/readyz", token=None).body["code"] == "queue-unavailable"
    assert bench.call("GET", "/healthz", token=None).status == 200


def test_not_ready_while_the_oldest_due_export_waits_too_long(bench: Bench) -> None:
    """Accepting more work that nobody does is a promise that is not kept (API.md 1)."""
    export_id = bench.create()
    bench.clock.advance(601)
    bench.stores.ticks.tick("requests")
    answer = bench.call("GET", "/readyz", token=None)

    assert (answer.status, answer.body["code"]) == (503, "queue-stalled")
    bench.start(export_id)
    assert bench.call("GET", "/readyz", token=None).status == 200


def test_not_ready_while_no_sensor_looks_at_the_queue(bench: Bench) -> None:
    """Dagster is down: what is accepted waits, and whoever routes traffic may know (API.md 1)."""
    bench.stores.ticks.tick("requests")
    bench.clock.advance(120)
    in_time = bench.call("GET", "/readyz", token=None)
    bench.clock.advance(1)
    late = bench.call("GET", "/readyz", token=None)
    bench.stores.ticks.tick("requests")
    again = bench.call("GET", "/readyz", token=None)

    assert (in_time.status, in_time.body["sensor_age_seconds"]) == (200, 120)
    assert (late.status, late.body["code"]) == (503, "queue-stalled")
    assert again.body == {
        "status": "ready", "queue_age_seconds": None, "sensor_age_seconds": 0
    }  # fmt: skip
    # Requests are taken all the same: they queue (DESIGN.md 3).
    bench.clock.advance(500)
    assert bench.create()


def test_not_ready_where_no_sensor_has_ever_looked(tmp_path: Path) -> None:
    """A deployment whose Dagster never started must not look healthy for ever."""
    with running_bench(tmp_path, TOYS) as bench:
        bench.clock.advance(120)
        in_time = bench.call("GET", "/readyz", token=None)
        bench.clock.advance(1)
        late = bench.call("GET", "/readyz", token=None)

    assert (in_time.status, in_time.body["sensor_age_seconds"]) == (200, None)
    assert (late.status, late.body["code"]) == (503, "queue-stalled")


def test_an_export_that_waits_for_its_next_attempt_is_not_overdue(bench: Bench) -> None:
    """It was queued long ago, but its time has not come; counted from then it is."""
    export_id = bench.create()
    bench.clock.advance(3_600)
    token = bench.start(export_id)
    document = bench.life.find(export_id)
    assert document is not None
    error = {"code": "SLOW", "message": "m", "retryable": True, "attempt": 1}
    bench.life.fail(document, token, error=error, jitter=0.9)
    bench.stores.ticks.tick("requests")

    assert bench.call("GET", "/readyz", token=None).status == 200
    bench.clock.advance(700)
    bench.stores.ticks.tick("requests")
    assert bench.call("GET", "/readyz", token=None).status == 503


def test_too_many_requests_at_once_are_refused_at_once(tmp_path: Path) -> None:
    """A queue without end only turns overload into time-outs."""
    place = tmp_path / "keys"
    os.mkfifo(place)  # whoever needs the keys waits inside until they are written
    with (
        running_bench(tmp_path, TOYS, concurrency=1, jwks=str(place)) as bench,
        ThreadPoolExecutor(1) as pool,
    ):
        inside = pool.submit(bench.call, "GET", "/v1/exports")
        writer = _opened(place)
        answer = bench.call("GET", "/healthz")
        os.write(writer, bench.issuer.jwks())
        os.close(writer)
        held = inside.result(10)
        after = bench.call("GET", "/healthz")

    assert (answer.status, answer.body["code"]) == (503, "overloaded")
    assert (held.status, after.status) == (200, 200)


def _opened(place: Path) -> int:
    """A pipe, once somebody reads it."""
    found: list[int] = []

    def opens() -> bool:
        with suppress(OSError):
            found.append(os.open(place, os.O_WRONLY | os.O_NONBLOCK))
        return bool(found)

    eventually(opens)
    return found[0]


def test_who_sends_slowly_takes_nobodys_place(tmp_path: Path) -> None:
    """With 200 places two hundred sockets that drip would keep everybody else out."""
    with running_bench(tmp_path, TOYS, concurrency=1) as bench:
        head = b"POST /v1/exports HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx"
        with socket.create_connection(("127.0.0.1", bench.port)) as slow:
            slow.sendall(head)
            statuses = [bench.call("GET", "/healthz").status for _ in range(20)]

    assert statuses == [200] * 20


def test_a_body_that_never_ends_is_a_408() -> None:
    """The server under us waits for ever (M8): fifteen seconds in production, less here."""
    arrived = []

    async def app(scope: Scope, receive: Receive, _: Send) -> None:
        arrived.append(scope["type"])
        await receive()

    limited = RequestIdMiddleware(FailuresMiddleware(BodyLimitMiddleware(app, seconds=0.2)))
    with serving(server_config(limited, host="127.0.0.1", port=0)) as port:
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx"
        with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
            slow.sendall(head)
            answer = slow.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert "http" not in arrived
