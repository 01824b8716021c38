"""How the stack's own servers listen: a WSGI application on 127.0.0.1, ended by SIGTERM."""

import re
import signal
from collections.abc import Callable, Iterable
from typing import Any

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.server import create_server  # type: ignore[import-untyped]
from waitress.task import WSGITask  # type: ignore[import-untyped]

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

HEALTH_PATH = "/-/health"  # "-" is too short to be a bucket, so no object can ever stand here
_METADATA = re.compile(rb"\r\nX-Amz-Meta-[^:]*:")  # waitress capitalises every header
# The largest body of one request: S3's own limit for a single PUT or part.
_BODY_LIMIT = 5 * 1024**3


def serve(application: Application, *, port: int, threads: int) -> None:
    """Serves until SIGTERM or SIGINT.

    Waitress rather than a development server: it keeps connections alive, hands a request over only
    when its body has arrived completely, and spills large bodies to disk.

    Args:
        application: What answers.
        port: Port on 127.0.0.1.
        threads: Requests answered at the same time.
    """
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    server = create_server(
        _with_health(application),
        host="127.0.0.1",
        port=port,
        threads=threads,
        ident="",
        connection_limit=500,  # the default of 100 is one busy download test away
        max_request_body_size=_BODY_LIMIT,
        asyncore_use_poll=True,  # select() ends at descriptor 1024
    )
    server.channel_class = _Channel
    server.run()  # returns when the handler of the signal raises SystemExit


class _Task(WSGITask):
    """Sends names of metadata in lower case, as S3 does: clients take the key from the header."""

    def build_response_header(self) -> bytes:
        header: bytes = super().build_response_header()
        return _METADATA.sub(lambda found: found[0].lower(), header)


class _Channel(HTTPChannel):
    task_class = _Task

    def send_continue(self) -> None:
        """Sends "100 Continue" where a body follows.

        After it, waitress waits for the body, and for ever when that is empty: botocore announces
        every PUT so, and a JSONL file without rows has no bytes.
        """
        if self.request.content_length or self.request.chunked:
            super().send_continue()


def _with_health(application: Application) -> Application:
    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == HEALTH_PATH:
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
            return [b"ok"]
        return application(environ, start_response)

    return answer


def _stop(_number: int, _frame: object) -> None:
    raise SystemExit(0)
