"""What every response says to browsers and caches (RELIABILITY.md S19)."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_bridge.middleware.headers import fields, put_missing

# No CORS header on purpose: pages of other origins have no business here.
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FIELDS = fields({**HEADERS, "Cache-Control": "no-store"})


class SecurityHeadersMiddleware:
    """Adds the headers; what a response says itself stays: the page loads its own scripts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                put_missing(message, _FIELDS)
            await send(message)

        await self._app(scope, receive, send_with_headers)
