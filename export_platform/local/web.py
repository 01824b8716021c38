"""How the stack's own servers listen: a WSGI application on 127.0.0.1, ended by SIGTERM."""

import contextlib
import signal
from collections.abc import Callable, Iterable
from typing import Any

import waitress  # type: ignore[import-untyped]

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

HEALTH_PATH = "/-/health"  # "-" is too short to be a bucket, so no object can ever stand here
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
    with contextlib.suppress(SystemExit):
        waitress.serve(
            _with_health(application),
            host="127.0.0.1",
            port=port,
            threads=threads,
            ident="",
            connection_limit=500,  # the default of 100 is one busy download test away
            max_request_body_size=_BODY_LIMIT,
            asyncore_use_poll=True,  # select() ends at descriptor 1024
            _quiet=True,
        )


def _with_health(application: Application) -> Application:
    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == HEALTH_PATH:
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
            return [b"ok"]
        return application(environ, start_response)

    return answer


def _stop(_number: int, _frame: object) -> None:
    raise SystemExit(0)
