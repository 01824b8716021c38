"""Who may come in at all: a known Host, and not more requests at once than the bridge can hold."""

import asyncio
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from api_bridge.middleware.headers import sent
from api_bridge.protocol.problems import Code, ProblemError
from assets.model.parameters import Problem

# A name or an IPv4 address, or an IPv6 address in brackets; an optional port (RFC 9112 3.2).
_HOST = re.compile(r"([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?")


class AllowedHostsMiddleware:
    """Refuses a Host that is not ours: a foreign one poisons links and caches (S20)."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and not self._ours(sent(scope, b"host")):
            remedy = "must be one of the bridge's own names"
            raise ProblemError(
                Code.INVALID_HOST,
                f"The Host header {remedy}.",
                errors=[Problem(pointer="/header/Host", detail=remedy)],
            )
        await self._app(scope, receive, send)

    def _ours(self, hosts: list[str]) -> bool:
        found = _HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
        return found is not None and found.group(1) in self._hosts


class _Room:
    """How many requests are at work. Counted on the event loop only, so a number is enough."""

    def __init__(self) -> None:
        self.inside = 0

    @contextmanager
    def left(self) -> Iterator[None]:
        """Count one less until the block ends."""
        self.inside -= 1
        try:
            yield
        finally:
            self.inside += 1


class ConcurrencyMiddleware:
    """Answers 503 at once instead of queueing without end."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most
        self._room = _Room()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; the lifespan, which lasts as long as the process, is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._room.inside >= self._most:
            raise ProblemError(Code.OVERLOADED, "Try again in a second.")
        scope.setdefault("state", {})["room"] = self._room
        self._room.inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._room.inside -= 1


@contextmanager
def set_aside(scope: Scope) -> Iterator[None]:
    """Give the place of a request back while it only waits; who waits is counted elsewhere.

    When the block ends it is inside again even if others have come meanwhile: it is to be answered.
    """
    room: _Room = scope["state"]["room"]
    clock = asyncio.get_running_loop().time
    began = clock()
    try:
        with room.left():
            yield
    finally:
        scope["state"]["waited"] = waited(scope) + clock() - began


def waited(scope: Scope) -> float:
    """Seconds that a request has been set aside so far."""
    return float(scope.get("state", {}).get("waited", 0.0))
