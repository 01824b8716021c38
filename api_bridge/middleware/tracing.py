"""The trace that a request belongs to (W3C Trace Context): the caller's, or a new one.

It is kept with the export and given to its run, whether or not a collector is named; a span of the
request is made only where one is (`resources/tracing.py`). Only ids and the route's template are
said in it.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_bridge.middleware.answers import answered
from api_bridge.middleware.headers import put, sent
from resources import tracing
from resources.tracing import TRACEPARENT, Attribute, Name

_FIRST_SERVER_ERROR = 500
_FIELD = TRACEPARENT.encode()


class TracingMiddleware:
    """Echoes the caller's `traceparent` (API.md 3) and measures the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Two of them are as good as none: nobody could say which is meant.
        said = sent(scope, _FIELD)
        given = tracing.parsed(said[0]) if len(said) == 1 else None
        parent = given or tracing.fresh()
        with tracing.span(Name.REQUEST, parent=parent) as span:
            scope.setdefault("state", {})[TRACEPARENT] = span.traceparent or parent

            async def send_with_trace(message: Message) -> None:
                if message["type"] == "http.response.start":
                    put(message, (_FIELD, parent.encode()))
                    _say(span, scope, message["status"])
                await send(message)

            await self._app(scope, receive, send_with_trace)


def traceparent(scope: Scope) -> str | None:
    """What an export belongs to that this request asks for."""
    found: str | None = scope.get("state", {}).get(TRACEPARENT)
    return found


def _say(span: tracing.Span, scope: Scope, status: int) -> None:
    told = answered(scope, status)
    span.named(f"{told.method} {told.route}" if told.route else told.method)
    span.say({Attribute.METHOD: told.method, Attribute.ROUTE: told.route, Attribute.STATUS: status})
    if status >= _FIRST_SERVER_ERROR:
        span.failed(str(status))
