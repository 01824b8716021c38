"""What was answered to a request, in words of ours: methods, templates of routes and statuses.

Metrics, log and spans are told no more than this (RELIABILITY.md S17): a path holds ids.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resources.clock import Clock

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of a request.

    Attributes:
        method: One of HTTP's own, or `other`.
        route: The template, None if there is no such route.
        status: What was answered; 0 if nothing was.
        seconds: From the request to the end of its answer.
    """

    method: str
    route: str | None
    status: int
    seconds: float = 0.0


Tell = Callable[[Scope, Answered], None]


class AnswersMiddleware:
    """Tells others of every answer, those that the middleware within gives included."""

    def __init__(self, app: ASGIApp, *, tell: Sequence[Tell], clock: Clock) -> None:
        self._app = app
        self._tell = tell
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = self._clock.monotonic(), 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            found = answered(scope, status, self._clock.monotonic() - started)
            for tell in self._tell:
                tell(scope, found)


def answered(scope: Scope, status: int, seconds: float = 0.0) -> Answered:
    """What may be said of a request; its route is known once it was looked for."""
    return Answered(
        method=scope["method"] if scope["method"] in _METHODS else "other",
        route=getattr(scope.get("route"), "path", None),
        status=status,
        seconds=seconds,
    )
