"""A bucket on loopback that gives its objects to whoever holds a good link, and to nobody else.

It checks links as the S3 server of the embedded stack does, but its clock can be put forward.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from export_platform.local.s3.refusals import RefusalError
from export_platform.local.s3.signature import Credentials, verify
from resources.clock import SystemClock


@dataclass(slots=True, kw_only=True)
class StrictBucket:
    """What it holds, and how it is asked.

    Attributes:
        credentials: The key pair that may sign.
        objects: The bytes, by bucket and key.
        ahead: How far its clock is before the signer's.
        strict: Whether signatures are looked at; without it this is what moto is.
        port: Where it listens.
    """

    credentials: Credentials
    objects: dict[str, bytes] = field(default_factory=dict)
    ahead: timedelta = timedelta()
    strict: bool = True
    port: int = 0

    def verify(self, environ: dict[str, Any]) -> None:
        """Go on only with a good link.

        Raises:
            RefusalError: It is not.
        """
        if self.strict:
            verify(environ, self.credentials, SystemClock().now() + self.ahead)


@contextmanager
def serving_bucket(bucket: StrictBucket) -> Iterator[StrictBucket]:
    """Serve it until the block ends."""

    class Handler(_Handler):
        """The handler of this bucket."""

        holder = bucket

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    bucket.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    holder: StrictBucket

    def do_GET(self) -> None:
        """Answer any method; what is signed for one is good for no other."""
        parts = urlsplit(self.path)
        try:
            self.holder.verify(self._environ(parts.query))
            body = self.holder.objects.get(unquote(parts.path).lstrip("/"))
            self._answer(404 if body is None else 200, body or b"", _asked(parts.query))
        except RefusalError as refusal:
            status = int(refusal.status.partition(" ")[0])
            self._answer(status, refusal.document(parts.path), {})

    do_HEAD = do_PUT = do_DELETE = do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _environ(self, query: str) -> dict[str, Any]:
        headers = {f"HTTP_{n.upper().replace('-', '_')}": v for n, v in self.headers.items()}
        asked = {"REQUEST_METHOD": self.command, "REQUEST_URI": self.path, "QUERY_STRING": query}
        return headers | asked

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _asked(query: str) -> dict[str, str]:
    """Headers that a link asks for, such as the name under which a browser keeps the file."""
    prefix = "response-"
    return {
        name.removeprefix(prefix): values[0]
        for name, values in parse_qs(query).items()
        if name.startswith(prefix)
    }
