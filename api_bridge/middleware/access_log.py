"""One line a request, by allow-list: what is not named here is not logged (RELIABILITY.md S17).

No path (it holds ids), no query, no header, no body, no address: the route's template says enough.
"""

import json
import logging
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_bridge.middleware.request_id import instance, request_id
from resources.clock import Clock

LOGGER = logging.getLogger("api_bridge.access")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class AccessLogMiddleware:
    """Logs method, route template, status, request id and milliseconds as one JSON object.

    Of a request that ended in a problem it also logs the problem's `instance`.
    """

    def __init__(self, app: ASGIApp, *, clock: Clock) -> None:
        self._app = app
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
            line = {
                "method": scope["method"] if scope["method"] in METHODS else "other",
                "route": getattr(scope.get("route"), "path", None),
                "status": status,
                "request_id": request_id(scope),
                "ms": round((self._clock.monotonic() - started) * 1000, 1),
            }
            if status >= HTTPStatus.BAD_REQUEST:
                line["instance"] = instance(scope)
            LOGGER.info("%s", json.dumps(line))
