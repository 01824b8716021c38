"""Following an export: a stream of events until it ends (API.md 1)."""

from collections.abc import AsyncIterator
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api_bridge.access.caller import READ, Caller
from api_bridge.middleware.admission import set_aside
from api_bridge.protocol.events import BEGINNING, MEDIA_TYPE, STILL_THERE, changes
from api_bridge.protocol.problems import Code, ProblemError
from api_bridge.protocol.wire import is_done
from api_bridge.routes.context import Bridge, BridgeParam, CallerParam
from api_bridge.routes.lookup import Document, look_at
from api_bridge.waiting.changes import Full
from assets.model.sharing import revisions

# A stream that is silent for long is cut by what stands between (API.md 1).
COMMENT_SECONDS = 15.0

router = APIRouter()


@router.get("/v1/exports/{export_id}/events", summary="Follow an export")
async def follow_export(
    export_id: str, request: Request, bridge: BridgeParam, caller: CallerParam
) -> Response:
    """Tell each change as it comes, until the export or the token ends.

    Whoever comes back with the `Last-Event-ID` of the end is told to come no more: 204.
    """
    caller.require(READ)
    document = await look_at(bridge, caller, export_id)
    is_known = request.headers.get("last-event-id") == str(document["revision"])
    if is_known and is_done(document):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    known = document if is_known else None
    return _Stream(bridge, caller, _events(bridge, caller, known, document))


class _Stream(StreamingResponse):
    """Has a seat among those who wait as long as it runs, and no place among those at work."""

    def __init__(self, bridge: Bridge, caller: Caller, events: AsyncIterator[bytes]) -> None:
        # Proxies such as nginx keep small pieces back unless they are told not to.
        super().__init__(events, media_type=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})
        self._seat = bridge.changes.seat(caller.subject)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            with self._seat, set_aside(scope):
                await super().__call__(scope, receive, send)
        except Full:
            detail = "Too many follow exports already; poll, or try again in a second."
            raise ProblemError(Code.OVERLOADED, detail) from None


async def _events(
    bridge: Bridge, caller: Caller, known: Document | None, document: Document
) -> AsyncIterator[bytes]:
    yield BEGINNING
    while True:
        for event in changes(known, document, bridge.around(bridge.clock.now())):
            yield event
        known = document
        if is_done(document) or bridge.changes.closed:
            return
        seconds = min(COMMENT_SECONDS, caller.expires - bridge.clock.now().timestamp())
        if seconds <= 0:
            return  # a token that could be used longer than it lives would be another one
        if not await bridge.changes.following(revisions(document), seconds):
            yield STILL_THERE
            continue
        try:
            document = await look_at(bridge, caller, document["_id"])
        except ProblemError:
            return  # it was deleted; who asks again is told so
