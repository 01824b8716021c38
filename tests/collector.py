"""A collector of traces on loopback, which takes what the standard says: OTLP over HTTP."""

import gzip
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from resources import tracing

PATH = "/v1/traces"
# The example of W3C Trace Context 3.2: what a caller sends.
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{PARENT}-01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span as it was sent.

    Attributes:
        name: What was measured.
        trace: The id of its trace, in hex.
        id: Its own.
        parent: Of the span that it belongs to; empty for none.
        said: Its attributes.
        failed: Whether it is marked as an error.
        nanoseconds: How long it took.
    """

    name: str
    trace: str
    id: str
    parent: str
    said: Mapping[str, str | int]
    failed: bool
    nanoseconds: int


class Collector(ThreadingHTTPServer):
    """Takes spans.

    Attributes:
        bodies: What was sent, decompressed: for a search.
        status: What it answers.
        answer: With what body.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []
        self.status, self.answer = 200, b""

    @property
    def url(self) -> str:
        """What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Span]:
        """All that it has taken."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            _span(one)
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for one in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        """Take spans, or refuse them."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        right = self.headers["Content-Type"] == "application/x-protobuf" and self.path == PATH
        if right and self.server.status == 200:
            self.server.bodies.append(body)
        self.send_response(self.server.status if right else 415)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _span(sent: Sent) -> Span:
    return Span(
        name=sent.name,
        trace=sent.trace_id.hex(),
        id=sent.span_id.hex(),
        parent=sent.parent_span_id.hex(),
        said={
            one.key: getattr(one.value, str(one.value.WhichOneof("value")))
            for one in sent.attributes
        },
        failed=sent.status.code == Status.StatusCode.STATUS_CODE_ERROR,
        nanoseconds=sent.end_time_unix_nano - sent.start_time_unix_nano,
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector until the block ends."""
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()


@contextmanager
def told_by_environment(patch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that the environment names until the block ends."""
    with collecting() as collector:
        patch.setenv(tracing.ENDPOINT, collector.url)
        try:
            yield collector
        finally:
            tracing.forget()
