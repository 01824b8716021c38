"""Bodies are small and arrive in time, or are refused before anything reads them.

uvicorn sets no limit of size or time (RELIABILITY.md M8). The whole body is read here, so that
nothing behind waits for the network; with the limit on connections this bounds the memory: 64 MB.
"""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_bridge.middleware.deadlines import spread
from api_bridge.protocol.problems import Code, ProblemError
from assets.model.parameters import Problem

MAX_BODY_BYTES = 64 * 1024
BODY_SECONDS = 15.0
# What is read and dropped of a body that is too large: a client that is still sending when the
# connection closes sees a reset instead of the 413.
DRAIN_BYTES = 4 * 1024 * 1024
DRAIN_SECONDS = 2.0

_CLOSE = {"Connection": "close"}
_TELLS_OF_A_BODY = (b"content-length", b"transfer-encoding")


class BodyLimitMiddleware:
    """Hands a complete, bounded body on as one message."""

    def __init__(
        self, app: ASGIApp, *, most: int = MAX_BODY_BYTES, seconds: float = BODY_SECONDS
    ) -> None:
        self._app = app
        self._most = most
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await self._read(scope, receive) if _has_body(scope) else b""
        if body is None:
            return  # the client has gone
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_body() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, receive_body, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        if _declared(scope) > self._most:
            await self._refuse(receive)
        try:
            async with asyncio.timeout(spread(self._seconds)):
                return await self._collect(receive)
        except TimeoutError:
            raise ProblemError(
                Code.REQUEST_TIMEOUT,
                f"Send the whole body within {self._seconds:.0f} seconds.",
                headers=_CLOSE,
            ) from None

    async def _collect(self, receive: Receive) -> bytes | None:
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._most:
                await self._refuse(receive, more=more)
        return bytes(body)

    async def _refuse(self, receive: Receive, *, more: bool = True) -> None:
        dropped = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while more and dropped < DRAIN_BYTES:
                    message = await receive()
                    dropped += len(message.get("body", b""))
                    more = message.get("more_body", False)
        except TimeoutError:
            pass  # long enough
        remedy = f"must be at most {self._most} bytes; send less"
        raise ProblemError(
            Code.BODY_TOO_LARGE,
            f"Send at most {self._most} bytes.",
            errors=[Problem(pointer="", detail=remedy)],
            headers=_CLOSE,
        )


def _has_body(scope: Scope) -> bool:
    """Whether a body comes (RFC 9112 6.3); to wait for none, in time, was a tenth of a look."""
    return any(name in _TELLS_OF_A_BODY for name, _ in scope["headers"])


def _declared(scope: Scope) -> int:
    # The server has checked that it is one number; digits without end are as good as too many.
    text = Headers(scope=scope).get("content-length", "0")
    return int(text) if len(text) <= len(str(2**63)) and text.isdecimal() else 2**63
