"""Whatever goes wrong becomes a problem document; only its kind and place are logged.

The text of an exception can hold what was sent or stored, and a traceback the source; neither
leaves the process or reaches the log.
"""

import json
import logging
import traceback
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_bridge.middleware.request_id import instance, request_id
from api_bridge.protocol.problems import Code, ProblemError, problem_response
from resources.errors import DoorError, Unavailable

LOGGER = logging.getLogger("api_bridge.failures")


class FailuresMiddleware:
    """The net below the routes and the inner middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:  # noqa: BLE001 - the last net: nothing may leak or kill the server
            problem = as_problem(error)
            if problem.code in (Code.INTERNAL_ERROR, Code.STORAGE_UNAVAILABLE):
                _log(error, scope)
            # A response that has begun cannot be replaced; the server closes the connection.
            if not begun:
                answer = problem_response(problem, request_id(scope), instance(scope))
                await answer(scope, receive, send)


def as_problem(error: Exception) -> ProblemError:
    """Classify: ours as they are, a door that is shut as 503, everything else as 500."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, Unavailable):
        if error.code.startswith("MONGO"):
            detail = "Try again shortly, with the same Idempotency-Key."
            return ProblemError(Code.QUEUE_UNAVAILABLE, detail)
        return ProblemError(Code.STORAGE_UNAVAILABLE, "Try again shortly.")
    detail = "The failure is on our side; report the instance if it stays."
    return ProblemError(Code.INTERNAL_ERROR, detail)


def _log(error: Exception, scope: Scope) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    line = {
        "failure": type(error).__name__,
        "code": error.code if isinstance(error, DoorError) else None,
        "at": [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames[-3:]],
        "request_id": request_id(scope),
        "instance": instance(scope),
    }
    LOGGER.error("%s", json.dumps(line))
