"""Requests that wait, which keep neither a thread nor a place at work, and those that do not."""

import asyncio
import math
from collections.abc import Coroutine
from typing import Any

from fastapi import Request

from api_bridge.access.caller import Caller
from api_bridge.access.pace import Standing
from api_bridge.middleware.admission import set_aside
from api_bridge.protocol.problems import Code, ProblemError
from api_bridge.protocol.wire import is_done
from api_bridge.routes.context import Bridge
from api_bridge.routes.lookup import Document, look_at
from assets.model.sharing import revisions


async def until_changed(
    request: Request, bridge: Bridge, caller: Caller, document: Document, seconds: float
) -> bool:
    """Wait at most so long for an export to change; False also when the caller has gone.

    Raises:
        Full: Too many wait already.
    """
    with bridge.changes.seat(caller.subject), set_aside(request.scope):
        following = bridge.changes.following(revisions(document), seconds)
        return await _unless_gone(request, following)


async def until_ended(
    request: Request, bridge: Bridge, caller: Caller, document: Document, seconds: float
) -> Document:
    """Wait at most so long for an export to end; the document as it is then.

    Raises:
        Full: Too many wait already.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while not is_done(document) and (left := until - clock()) > 0:
        if not await until_changed(request, bridge, caller, document, left):
            break
        document = await look_at(bridge, caller, document["_id"])
    return document


async def _unless_gone(request: Request, waiting: Coroutine[Any, Any, bool]) -> bool:
    """The result, or False as soon as nobody is there to be told."""
    told, gone = asyncio.ensure_future(waiting), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({told, gone}, return_when=asyncio.FIRST_COMPLETED)
        return told.done() and told.result()
    finally:
        told.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def paced(bridge: Bridge, caller: Caller, document: Document) -> Standing:
    """Count a poll of an export that the caller may see.

    Raises:
        ProblemError: 429, it comes too early.
    """
    standing = bridge.pace.poll(caller.subject, document["_id"])
    if standing.wait:
        seconds = math.ceil(standing.wait)
        raise ProblemError(
            Code.POLLING_TOO_FAST,
            f"Ask again in {seconds} s.",
            headers={**standing.headers(), "Retry-After": str(seconds)},
        )
    return standing
