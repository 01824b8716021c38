"""HEAD wherever GET is (RFC 9110 9.3.2): the same answer, checks and audit, without the body."""

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """Lets the routes see a GET, and keeps the body of their answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        # A stream would go on for nobody: it is ended once it has said what its headers are.
        answering = anyio.CancelScope()

        async def send_without_body(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
            elif not answering.cancel_called:
                await send({**message, "body": b"", "more_body": False})
                if message.get("more_body", False):
                    answering.cancel()

        # A copy: what stands above, such as the log, still sees which method was asked for.
        inside = {**scope, "method": "GET"}
        try:
            with answering:
                await self._app(inside, receive, send_without_body)
        finally:
            scope["route"] = inside.get("route")
