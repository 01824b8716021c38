"""A receiver of webhooks on loopback: a real server that keeps what it got and answers as told."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """One request that came in; the names of its headers are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """What to answer.

    Attributes:
        status: HTTP status.
        headers: Headers.
        hold: The answer waits until this is set; the request is kept before.
        drip: Seconds between the bytes of an endless header instead of an answer.
    """

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None
    drip: float | None = None


@dataclass(slots=True, kw_only=True)
class WebhookReceiver:
    """A running receiver.

    Attributes:
        port: Where it listens.
        answers: What it says next, by turns; 204 when there is nothing left.
        got: What came in.
    """

    port: int = 0
    answers: list[Say] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it is called; the query is part of what a caller registers."""
        return f"http://127.0.0.1:{self.port}/hooks?room=1"

    def next(self) -> Say:
        """Take the next answer."""
        return self.answers.pop(0) if self.answers else Say()


class _Server(ThreadingHTTPServer):
    """Answers for one receiver."""

    daemon_threads = True

    def __init__(self, receiver: WebhookReceiver) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = receiver
        receiver.port = self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._whole_body(headers)
        if body is None:
            self.close_connection = True
            return
        said = receiver.next()
        receiver.got.append(Got(path=self.path, headers=headers, body=body))
        if said.hold is not None:
            said.hold.wait(30)
        if said.drip is not None:
            self._drip(said.drip, receiver.ended)
            return
        self.send_response(said.status)
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _whole_body(self, headers: Mapping[str, str]) -> bytes | None:
        """The body; None of a request that was cut: it is not taken (RFC 9112 8)."""
        length = headers.get("content-length")
        body = self.rfile.read(int(length or 0))
        return body if length is not None and len(body) == int(length) else None

    def _drip(self, seconds: float, ended: threading.Event) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        with suppress(OSError):
            while not ended.wait(seconds):
                self.wfile.write(b"x")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@contextmanager
def webhook_receiver(tls: ssl.SSLContext | None = None) -> Iterator[WebhookReceiver]:
    """Run a receiver until the block ends; with a server's TLS context it speaks TLS."""
    receiver = WebhookReceiver()
    server = _Server(receiver)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
