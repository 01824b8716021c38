"""What is no HTTP at all: refused as everything else is, and the next caller is served."""

import http.client
import json
import socket

import pytest

from tests.api_bridge.bench import Bench

HOST = b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"
REQUESTS = {
    "no HTTP": b"c4nary\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a path of other bytes": b"GET /c4nary\xff" + HOST + b"\r\n",
    "NUL in a header": b"GET /" + HOST + b"X-A: c4nary\0\r\n\r\n",
    "two lengths": b"POST /" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a header without end": b"GET / HTTP/1.1\r\nX-A: " + b"c4nary" * 10_000,
    "no chunk": b"POST /" + HOST + b"Transfer-Encoding: chunked\r\n\r\nc4nary\r\n",
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_no_http_gets_a_problem_document(bench: Bench, name: str) -> None:
    """The server below us would say it in plain text, which a program cannot tell from a proxy."""
    with socket.create_connection(("127.0.0.1", bench.port), timeout=10) as connection:
        connection.sendall(REQUESTS[name])
        with http.client.HTTPResponse(connection) as answer:
            answer.begin()
            raw = answer.read()

    body = json.loads(raw)
    assert (answer.status, body["status"], body["code"]) == (400, 400, "unreadable-request")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Connection"] == "close"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-Id"] == body["request_id"]
    assert b"c4nary" not in raw
    assert bench.call("GET", "/healthz").status == 200
