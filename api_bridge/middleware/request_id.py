"""A request id for every request: the caller's if it is harmless, else a new one.

A caller may send the same id twice, so each request has a name of our own beside it, which problems
and the log give as well.
"""

import re
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_bridge.middleware.headers import put, sent

HEADER = "X-Request-Id"
_FIELD = HEADER.lower().encode()
_HARMLESS = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestIdMiddleware:
    """Puts the id into the scope, the response header and, through the scope, problems and logs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        first = next(iter(sent(scope, _FIELD)), "")
        own = str(uuid.uuid4())
        chosen = first if _HARMLESS.fullmatch(first) else own
        scope.setdefault("state", {}).update(request_id=chosen, occurrence=own)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                put(message, (_FIELD, chosen.encode()))
            await send(message)

        await self._app(scope, receive, send_with_id)


def request_id(scope: Scope) -> str | None:
    """The id of the request that a scope belongs to."""
    found: str | None = scope.get("state", {}).get("request_id")
    return found


def instance(scope: Scope) -> str:
    """The name of this occurrence of a problem (RFC 9457 3.1.5), with nothing of the caller's."""
    return named(scope["state"]["occurrence"])


def named(occurrence: str) -> str:
    """The URI of an occurrence whose id is a UUID of ours."""
    return f"urn:uuid:{occurrence}"
