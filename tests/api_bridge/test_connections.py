"""What is no HTTP, what comes too slowly, what is one too many: refused as everything else is."""

import http.client
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from api_bridge.middleware.connections import QUEUED, BoundedProtocol
from api_bridge.middleware.deadlines import spread
from tests.api_bridge.bench import Bench
from tests.waiting import eventually

HOST = b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"
REQUESTS = {
    "no HTTP": b"c4nary\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a path of other bytes": b"GET /c4nary\xff" + HOST + b"\r\n",
    "NUL in a header": b"GET /" + HOST + b"X-A: c4nary\0\r\n\r\n",
    "two lengths": b"POST /" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a header without end": b"GET / HTTP/1.1\r\nX-A: " + b"c4nary" * 10_000,
    "no chunk": b"POST /" + HOST + b"Transfer-Encoding: chunked\r\n\r\nc4nary\r\n",
    "a length and chunks": b"POST /" + HOST + b"Content-Length: 1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"GET /" + HOST + b"X-A : c4nary\r\n\r\n",
    "a header over two lines": b"GET /" + HOST + b"X-A: c4nary\r\n c4nary\r\n\r\n",
    "ends of lines without CR": b"GET / HTTP/1.1\nHost: c4nary\n\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/2 in text": b"GET /healthz HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n",
    "what a proxy is asked": b"GET http://127.0.0.1/healthz" + HOST + b"\r\n",
    "a tunnel": b"CONNECT c4nary.example:443" + HOST + b"\r\n",
    "no method": b"C4NARY /" + HOST + b"\r\n",
    "no end of blank lines": b"\r\n" * 10_000,
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_no_http_gets_a_problem_document(bench: Bench, name: str) -> None:
    """The server below us would say it in plain text, which a program cannot tell from a proxy."""
    with opened(bench) as connection:
        connection.sendall(REQUESTS[name])
        refused = answered(connection, 400)

    assert refused["code"] == "unreadable-request"
    assert "c4nary" not in json.dumps(refused)
    assert bench.call("GET", "/healthz").status == 200


@contextmanager
def opened(bench: Bench) -> Iterator[socket.socket]:
    """A connection to the bridge."""
    with socket.create_connection(("127.0.0.1", bench.port), timeout=10) as connection:
        yield connection


def answered(connection: socket.socket, status: int) -> Any:
    """The problem that a connection is closed with, which has all that a problem has."""
    with http.client.HTTPResponse(connection) as answer:
        answer.begin()
        body = json.loads(answer.read())
    assert (answer.status, body["status"]) == (status, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Connection"] == "close"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-Id"] == body["request_id"]
    assert body["instance"] == f"urn:uuid:{body['request_id']}"
    assert connection.recv(1) == b""
    return body


GOOD = b"GET /healthz" + HOST + b"\r\n"
HALF = b"GET /healthz" + HOST + b"X-Slow: "


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> float:
    """A head has a third of a second; in production fifteen."""
    monkeypatch.setattr(BoundedProtocol, "head_seconds", 0.3)
    return 0.3


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("sent", [b"", b"GET", HALF])
def test_a_head_that_never_ends_is_a_408(bench: Bench, sent: bytes) -> None:
    """The server below us waits for ever: a thousand such sockets would be the end of service."""
    with opened(bench) as connection:
        connection.sendall(sent)

        assert answered(connection, 408)["code"] == "request-timeout"


@pytest.mark.usefixtures("hasty")
def test_the_head_of_a_later_request_is_timed_too(bench: Bench) -> None:
    """One good request must not buy the right to drip."""
    with opened(bench) as connection:
        served(connection)
        connection.sendall(HALF)

        assert answered(connection, 408)["code"] == "request-timeout"


def test_a_connection_may_be_silent_between_requests(bench: Bench, hasty: float) -> None:
    """The control: only a head is timed, and the load balancer keeps connections for a minute."""
    with opened(bench) as connection:
        connection.sendall(GOOD[:-2])
        connection.sendall(GOOD[-2:])
        served(connection, b"")
        time.sleep(2 * hasty)

        served(connection)


def test_one_connection_too_many_is_a_503_until_one_is_closed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever opens connections without end must not fill the memory."""
    monkeypatch.setattr(BoundedProtocol, "most", 3)
    with ExitStack() as those:
        eventually(lambda: bench.call("GET", "/healthz").status == 200)
        for _ in range(3):
            served(those.enter_context(opened(bench)))
        with opened(bench) as another:
            another.sendall(GOOD)
            assert answered(another, 503)["code"] == "overloaded"
    eventually(lambda: bench.call("GET", "/healthz").status == 200)

    assert bench.call("GET", "/healthz").status == 200


def test_what_stands_behind_a_body_is_no_header(bench: Bench) -> None:
    """A token there would let in whoever gets a proxy to pass trailers on (RFC 9110 6.5.1)."""
    token = f"Authorization: Bearer {bench.token()}\r\n".encode()
    head, chunk = b"GET /v1/exports" + HOST, b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    statuses = []
    for sent in (head + chunk + token + b"\r\n", head + token + chunk + b"\r\n"):
        with opened(bench) as connection:
            connection.sendall(sent)
            with http.client.HTTPResponse(connection) as answer:
                answer.begin()
                statuses.append(answer.status)

    assert statuses == [401, 200]


def test_blanks_around_a_value_are_no_part_of_it(bench: Bench) -> None:
    """RFC 9112 5: or the same request is good or bad by what its library writes."""
    for length in (b"0", b" 0", b"\t0 \t"):
        with opened(bench) as connection:
            served(connection, GOOD[:-2] + b"Content-Length:" + length + b"\r\n\r\n")


def test_requests_in_a_row_are_answered_in_their_order(bench: Bench) -> None:
    """And the refusal of what follows them never takes the place of an answer."""
    with opened(bench) as connection:
        connection.sendall(3 * GOOD + b"c4nary\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert received.count(b"HTTP/1.1 200 OK") == received.count(b"HTTP/1.1 ") == 3


def test_a_long_row_of_requests_is_cut(bench: Bench) -> None:
    """6,000 fit into one read: each would wait in the memory of the bridge."""
    with opened(bench) as connection:
        connection.sendall(2_000 * GOOD)
        received = b"".join(iter(lambda: received_from(connection), b""))

    assert 1 <= received.count(b"HTTP/1.1 200 OK") <= 2 * QUEUED
    assert bench.call("GET", "/healthz").status == 200


def received_from(connection: socket.socket) -> bytes:
    """What comes next; a connection that is reset has ended too."""
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""


def served(connection: socket.socket, sent: bytes = GOOD) -> None:
    """Send a request and see that it is served."""
    connection.sendall(sent)
    with http.client.HTTPResponse(connection) as answer:
        answer.begin()
        assert (answer.status, answer.read() != b"") == (200, True)


def test_those_who_came_together_are_not_refused_together() -> None:
    """500 refusals in one lump were 0.3 s in which nobody was served; and nobody has less time."""
    ends = [spread(15.0) for _ in range(500)]

    assert all(15.0 <= end <= 20.0 for end in ends)
    # A tenth of them in each half of a second, more or less.
    assert max(Counter(int(2 * end) for end in ends).values()) < 100
