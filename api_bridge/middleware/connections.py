"""A connection: HTTP/1.1, in time, one of so many; or else refused in a problem document.

The server below us would answer in plain text, which programs that read our errors cannot, and
waits without end for a head that never comes (RELIABILITY.md M8). Heads are read by llhttp: in
Python they were a quarter of what a look at an export cost.
"""

import asyncio
import uuid
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api_bridge.middleware.deadlines import spread
from api_bridge.middleware.request_id import HEADER, named
from api_bridge.middleware.security_headers import HEADERS
from api_bridge.protocol.problems import Code, ProblemError, problem_response

# More than requests at work and callers who wait together: the rest are those who keep one open.
MOST = 1_000
# As for a body (body_limit.py): 16 kB in 15 s are a tenth of what the slowest telephone sends.
HEAD_SECONDS = 15.0
# Twice the largest token.
HEAD_BYTES = 16 * 1024
# Requests that may wait on one connection for the answer to the first: nobody pipelines, and a read
# of 256 kB would hold 6,000.
QUEUED = 16
# HTTP/0.9 has no headers and HTTP/2 no text; our reader takes both for a head.
VERSIONS = ("1.0", "1.1")

_UNREADABLE = ProblemError(Code.UNREADABLE_REQUEST, "Send one HTTP/1.1 request (RFC 9112).")
_LATE = ProblemError(
    Code.REQUEST_TIMEOUT, f"Send the whole head within {HEAD_SECONDS:.0f} seconds."
)
_CROWDED = ProblemError(Code.OVERLOADED, "Try again in a second.")
_BLANK: Final = b" \t"


class Unwanted(Exception):
    """A head that is well formed and still none of ours; the reader stops there."""


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 as the server reads it, with bounds, and with our words where it is refused.

    Attributes:
        most: How many connections there may be; one more is answered 503 and closed.
        head_seconds: How long the head of a request may take, at least.
    """

    most = MOST
    head_seconds = HEAD_SECONDS
    _late: asyncio.TimerHandle | None = None
    # Whether the next byte belongs to a head, and how many bytes of one have come.
    _awaits_head = True
    _head_bytes = 0
    # Of the bytes that are being read: how many, and whether a request ended in them.
    _reading = 0
    _ended = False
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and wait for its first head."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self.app = _crowded
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Read; the head of a later request is timed from its first byte."""
        if self._refused:
            return
        self._reading, self._ended = len(data), False
        super().data_received(data)
        if self._refused or not self._awaits_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._refuse(_UNREADABLE)
        elif self._head_bytes or not self._ended:
            self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._read_head()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the server's words
        """Refuse and close: where this request ends and another begins, nobody knows."""
        self._refuse(_UNREADABLE)

    def on_message_begin(self) -> None:
        """A request begins, unless too many wait already."""
        if len(self.pipeline) >= QUEUED:
            raise Unwanted
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; one behind the body is none (RFC 9110 6.5.1), whatever it claims to be."""
        if self._awaits_head:
            super().on_header(name, value.rstrip(_BLANK))

    def on_headers_complete(self) -> None:
        """Begin to answer, if it asks for something of ours: a path, not what a proxy is asked."""
        if not self.url.startswith(b"/") or self.parser.get_http_version() not in VERSIONS:
            raise Unwanted
        self._awaits_head, self._head_bytes = False, 0
        self._read_head()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is the head of another request."""
        super().on_message_complete()
        # What was read up to here is no part of that head.
        self._awaits_head, self._ended, self._head_bytes = True, True, -self._reading

    def on_response_complete(self) -> None:
        """Go on with the next request; behind the last one that was good comes nothing."""
        was_last = not self.pipeline
        super().on_response_complete()
        if self._refused and was_last:
            self.transport.close()

    def _watch_head(self) -> None:
        if self._late is None:
            seconds = spread(self.head_seconds)
            self._late = self.loop.call_later(seconds, self._refuse, _LATE)

    def _read_head(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, problem: ProblemError) -> None:
        """Answer that a request is none, unless another is being answered, and close."""
        self._refused = True
        self._read_head()
        if self._is_answering():
            return
        answer = _answer(problem)
        fields = b"".join(b"%s: %s\r\n" % field for field in answer.raw_headers)
        self.transport.write(STATUS_LINE[answer.status_code] + fields + b"\r\n" + answer.body)
        self.transport.close()

    def _is_answering(self) -> bool:
        """Let the answers that are due come first; one to a request without its end is not."""
        last = self.cycle
        if last is None or last.response_complete:
            return False
        if last.more_body and self.pipeline:
            self.pipeline.popleft()
        elif last.more_body:  # it is in this body that nobody reads on
            last.disconnected = True
            last.message_event.set()
            if last.response_started:
                self.transport.close()
            return last.response_started
        return True


async def _crowded(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of a connection that is one too many."""
    await _answer(_CROWDED)(scope, receive, send)


def _answer(problem: ProblemError) -> Response:
    """A refusal with the headers that the middleware, which it never reaches, would add."""
    chosen = str(uuid.uuid4())
    answer = problem_response(problem, chosen, named(chosen))
    added: Mapping[str, str] = {**HEADERS, HEADER: chosen, "Connection": "close"}
    for name, value in added.items():
        answer.headers[name] = value
    return answer
