"""A connection: HTTP/1.1, in time, one of so many; or else refused in a problem document.

The server below us would answer in plain text, which programs that read our errors cannot, and
waits without end for a head that never comes (RELIABILITY.md M8).
"""

import asyncio
import uuid
from collections.abc import Mapping
from http import HTTPStatus

import h11
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api_bridge.middleware.request_id import HEADER
from api_bridge.middleware.security_headers import HEADERS
from api_bridge.protocol.problems import Code, ProblemError, problem_response

# More than requests at work and callers who wait together: the rest are those who keep one open.
MOST = 1_000
# As for a body (body_limit.py): 16 kB in 15 s are a tenth of what the slowest telephone sends.
HEAD_SECONDS = 15.0

_UNREADABLE = ProblemError(Code.UNREADABLE_REQUEST, "Send one HTTP/1.1 request (RFC 9112).")
_LATE = ProblemError(
    Code.REQUEST_TIMEOUT, f"Send the whole head within {HEAD_SECONDS:.0f} seconds."
)
_CROWDED = ProblemError(Code.OVERLOADED, "Try again in a second.")


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 as the server reads it, with bounds, and with our words where it is refused.

    Attributes:
        most: How many connections there may be; one more is answered 503 and closed.
        head_seconds: How long the head of a request may take.
    """

    most = MOST
    head_seconds = HEAD_SECONDS
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and wait for its first head."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self.app = _crowded
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Read; the head of a later request is timed from its first byte."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._read_head()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the server's words
        """Refuse and close: where this request ends and another begins, nobody knows."""
        self._refuse(_UNREADABLE)

    def _watch_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._read_head()
        elif self._late is None:
            self._late = self.loop.call_later(self.head_seconds, self._refuse, _LATE)

    def _read_head(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, problem: ProblemError) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # an answer has begun and cannot be replaced
            return
        answer = _answer(problem)
        reason = HTTPStatus(answer.status_code).phrase.encode()
        for event in (
            h11.Response(status_code=answer.status_code, headers=answer.raw_headers, reason=reason),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


async def _crowded(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of a connection that is one too many."""
    await _answer(_CROWDED)(scope, receive, send)


def _answer(problem: ProblemError) -> Response:
    """A refusal with the headers that the middleware, which it never reaches, would add."""
    chosen = str(uuid.uuid4())
    answer = problem_response(problem, chosen)
    added: Mapping[str, str] = {**HEADERS, HEADER: chosen, "Connection": "close"}
    for name, value in added.items():
        answer.headers[name] = value
    return answer
