"""Counts every answer, those that the other middleware gives included."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_bridge.middleware.access_log import METHODS
from api_bridge.middleware.admission import waited
from api_bridge.telemetry.metrics import Metrics
from resources.clock import Clock


class MetricsMiddleware:
    """Hands method, route template, status and seconds of work to the metrics."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, clock: Clock) -> None:
        self._app = app
        self._metrics = metrics
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
            took = self._clock.monotonic() - started - waited(scope)
            self._metrics.answered(
                method=scope["method"] if scope["method"] in METHODS else "other",
                route=getattr(scope.get("route"), "path", ""),
                status=status,
                seconds=max(0.0, took),
            )
