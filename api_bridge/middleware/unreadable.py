"""What cannot be read as HTTP never becomes a request; its refusal is a problem document too.

The server below us would answer in plain text, which programs that read our errors cannot.
"""

import uuid

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api_bridge.middleware.request_id import HEADER
from api_bridge.middleware.security_headers import HEADERS
from api_bridge.protocol.problems import Code, ProblemError, problem_response


class ReadableProtocol(H11Protocol):
    """HTTP/1.1 as the server reads it, refused in our words where it cannot be read."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the server's words
        """Refuse and close: where this request ends and another begins, nobody knows."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # an answer has begun and cannot be replaced
            return
        chosen = str(uuid.uuid4())
        problem = ProblemError(Code.UNREADABLE_REQUEST, "Send one HTTP/1.1 request (RFC 9112).")
        answer = problem_response(problem, chosen)
        headers = {**HEADERS, HEADER: chosen, "Connection": "close"}
        raw = [*answer.raw_headers, *((n.encode(), v.encode()) for n, v in headers.items())]
        for event in (
            h11.Response(status_code=answer.status_code, headers=raw, reason=b"Bad Request"),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
