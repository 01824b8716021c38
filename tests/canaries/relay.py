"""Between the platform and S3 or Athena: passes everything on, or answers in their place."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from tests.canaries.places import canary, row

_SECONDS: Final = 60
_HOP: Final = ("connection", "transfer-encoding", "content-length")
# So much of what was sent comes back; the whole of a part would be megabytes.
_ECHOED: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was sent.

    Attributes:
        method: The method.
        headers: By name in lower case.
        body: The body.
    """

    method: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def echo(self) -> str:
        """All of it as text, as careless services quote it."""
        return f"{dict(self.headers)} {self.body[:_ECHOED].decode(errors='replace')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is answered instead."""

    status: int
    body: str = ""
    kind: str = "application/xml"


Answers = Callable[[Asked], Told | None]


def s3_error(status: int, code: str) -> Answers:
    """Everything fails with an error of S3 that quotes what it was sent."""

    def answer(asked: Asked) -> Told:
        said = f"{row('S3 answer')} {asked.echo}".replace("&", "&amp;").replace("<", "&lt;")
        error = f"<Error><Code>{code}</Code><Message>{said}</Message></Error>"
        return Told(status=status, body=f"<?xml version='1.0'?>{error}")

    return answer


def athena_error(status: int, code: str) -> Answers:
    """Everything fails with an error of Athena that quotes what it was sent."""

    def answer(asked: Asked) -> Told:
        said = {"__type": code, "Message": f"{row('Athena answer')} {asked.echo}"}
        return Told(status=status, body=json.dumps(said), kind="application/x-amz-json-1.1")

    return answer


def failed_query(asked: Asked) -> Told | None:
    """Queries begin, and fail with a reason that quotes a row, as a cast that does not fit does."""
    if not asked.headers.get("x-amz-target", "").endswith("GetQueryExecution"):
        return None
    reason = f"INVALID_CAST_ARGUMENT: Cannot cast '{row('Athena reason')}' to bigint"
    error = {"ErrorCategory": 2, "ErrorType": 1_001, "Retryable": False, "ErrorMessage": reason}
    status = {"State": "FAILED", "StateChangeReason": reason, "AthenaError": error}
    found = {"QueryExecutionId": "q", "Status": status, "Statistics": {}}
    body = json.dumps({"QueryExecution": found})
    return Told(status=200, body=body, kind="application/x-amz-json-1.1")


class Relay(ThreadingHTTPServer):
    """One address before another.

    Attributes:
        behind: Host and port of the other.
        answers: What it says instead of passing a request on; None: it passes all of them on.
    """

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = behind.removeprefix("http://")
        self.answers: Answers | None = None

    @property
    def url(self) -> str:
        """Its own address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Relay

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(method=self.command, headers=headers, body=body)
        told = self.server.answers(asked) if self.server.answers else None
        if told is None:
            self._pass_on(body)
            return
        raw = told.body.encode()
        said = [("Content-Type", told.kind), ("x-amz-request-id", canary("S3 header"))]
        self._tell(told.status, said, raw, str(len(raw)))

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - http.server's names

    def _pass_on(self, body: bytes) -> None:
        connection = http.client.HTTPConnection(self.server.behind, timeout=_SECONDS)
        with closing(connection):
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                connection.putheader(name, value)  # Host among them: it is signed
            connection.endheaders(body)
            answer = connection.getresponse()
            raw = answer.read()
        said = [one for one in answer.getheaders() if one[0].lower() not in _HOP]
        # What HEAD answers has a length and no body.
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self._tell(answer.status, said, raw, length or str(len(raw)))

    def _tell(
        self, status: int, headers: Sequence[tuple[str, str]], body: bytes, length: str
    ) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def relayed(behind: str) -> Iterator[Relay]:
    """Pass on to an address until the block ends."""
    with Relay(behind) as relay:
        thread = threading.Thread(target=relay.serve_forever, daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            relay.shutdown()
