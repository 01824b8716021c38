"""Asking for exports, watching them, and stopping, repeating or deleting them (API.md 1)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api_bridge.access.caller import (
    CANCEL,
    READ,
    Caller,
    create_scope,
)
from api_bridge.middleware.tracing import traceparent
from api_bridge.protocol.listing import Listing, parse_listing
from api_bridge.protocol.preference import Preference, preference
from api_bridge.protocol.problems import Code, ProblemError, not_found
from api_bridge.protocol.submission import idempotency, parse_submission
from api_bridge.protocol.wire import (
    ANY,
    Etag,
    export_resource,
    is_done,
    shown_status,
    status_headers,
    stored_as,
)
from api_bridge.routes.context import BodyParam, Bridge, BridgeParam, CallerParam
from api_bridge.routes.lookup import (
    Document,
    find_export,
    is_visible,
    look_at,
    present,
    timed,
    view,
)
from api_bridge.routes.patience import paced, until_changed, until_ended
from api_bridge.routes.vetting import Vetting
from api_bridge.waiting.changes import Full
from assets.admission import Asking, Clash, Contended, TooMany
from assets.grounds import NotRemembered
from assets.life import IllegalMove
from assets.model.lifecycle import Status
from assets.model.sharing import seen
from resources.crash_points import CrashPoint, passing
from resources.errors import AlreadyExists

ORIGIN = "api"

# A longer body may take milliseconds to check, in which nobody else would be served.
SHORT_BYTES = 4 * 1024

router = APIRouter()


@router.post("/v1/exports", status_code=202, summary="Ask for an export")
async def create_export(
    request: Request, bridge: BridgeParam, caller: CallerParam, raw: BodyParam
) -> Response:
    """Record a request; the same Idempotency-Key and body give the same export.

    With `Prefer: wait=N` the answer waits for the end, and is a 200 if that comes in time.
    """
    preferred = preference(request.headers.getlist("prefer"))
    asking = await _asking(request, bridge, caller, raw, preferred)
    passing(CrashPoint.K01)
    document = await _stored(bridge, asking)
    passing(CrashPoint.K02)
    waited = False
    if preferred.wait:
        with suppress(Full):
            document = await until_ended(request, bridge, caller, document, preferred.wait)
            waited = True
    ended = is_done(document) if waited else document["status"] == Status.SUCCEEDED
    headers = preferred.applied(ahead=not ended, waited=waited)
    return _accepted(bridge, document, ended=ended, headers=headers)


async def _asking(
    request: Request, bridge: Bridge, caller: Caller, raw: bytes, preferred: Preference
) -> Asking:
    """What is asked for, checked; in a thread if it is long, or if something has to be read."""
    checked = partial(_checked, request, raw, preferred)
    if len(raw) <= SHORT_BYTES:
        with suppress(NotRemembered):
            return checked(Vetting(bridge, caller, at_once=True))
    return await run_in_threadpool(checked, Vetting(bridge, caller))


def _checked(request: Request, raw: bytes, preferred: Preference, vetting: Vetting) -> Asking:
    bridge, caller, headers = vetting.bridge, vetting.caller, request.headers
    submission = parse_submission(
        raw, headers.getlist("content-type"), bridge.catalog, bridge.known
    )
    owner = f"{caller.subject} {caller.client or ''}"
    key = idempotency(
        headers.getlist("idempotency-key"), owner, "POST /v1/exports", submission.payload
    )
    caller.require(create_scope(submission.export_type.name))
    facts = vetting.facts(submission, lenient=preferred.lenient)
    vetting.bound(submission.export_type, facts)
    return Asking(
        request=facts.request,
        origin=ORIGIN,
        subject=caller.subject,
        client=caller.client,
        idempotency=key,
        fresh=submission.fresh,
        max_age=submission.max_age,
        traceparent=traceparent(request.scope),
    )


async def _stored(bridge: Bridge, asking: Asking) -> Document:
    """The export that is asked for: a new one, or the first with this Idempotency-Key."""
    try:
        with admitting():
            document = await _let_in(bridge, asking)
    except AlreadyExists:
        document = await run_in_threadpool(_first_with, bridge, asking.idempotency)
    if document["status"] == Status.QUEUED and not document.get("line"):
        return document  # nobody has looked at it yet
    return await run_in_threadpool(view, bridge, document)


async def _let_in(bridge: Bridge, asking: Asking) -> Document:
    """The new export; whoever meets others waits for them in a thread of his own."""
    if asking.max_age is not None:
        return await run_in_threadpool(bridge.admission.ask, asking)
    told = await bridge.crowd.of(asking)
    if isinstance(told, Clash):
        return await run_in_threadpool(bridge.admission.ask, asking)
    if isinstance(told, Exception):
        raise told
    return told


@router.get("/v1/exports", summary="List exports, newest first")
def list_exports(request: Request, bridge: BridgeParam, caller: CallerParam) -> Response:
    """List what the caller's campaigns hold, filtered, in pages."""
    caller.require(READ)
    listing = parse_listing(request.query_params.multi_items(), bridge.catalog)
    found = _page(bridge, caller, listing)
    page, more = found[: listing.page_size], len(found) > listing.page_size
    # One that cannot be decoded has no place to go on from; the last that has one is close enough.
    last = next((document for document in reversed(page) if "createdAt" in document), None)
    token = listing.token_after(last) if more and last else None
    around = bridge.around(bridge.clock.now())
    shown = _as_seen(bridge, [document for document in page if is_visible(document, caller)])
    body = {
        "exports": [
            export_resource(document, around)
            for document in shown
            if listing.status in (None, shown_status(document))
        ],
        "next_page_token": token,
    }
    headers = {"Cache-Control": "private, no-cache"}
    if token is not None:
        headers["Link"] = f'<{listing.url(token)}>; rel="next"'
    return JSONResponse(body, headers=headers)


@router.get("/v1/exports/{export_id}", summary="Watch an export")
async def get_export(
    export_id: str, request: Request, bridge: BridgeParam, caller: CallerParam
) -> Response:
    """Show an export; a failed one is still a 200, with the failure in `error`.

    With `If-None-Match` and `Prefer: wait=N` the 304 comes only after so many seconds without a
    change. An export that has ended is not waited for.
    """
    caller.require(READ)
    held = request.headers.get("if-none-match")
    look = partial(_seen, bridge, caller, export_id, held)
    document, response = await look()
    standing = paced(bridge, caller, document)
    preferred = preference(request.headers.getlist("prefer"))
    unchanged = response.status_code == HTTPStatus.NOT_MODIFIED and held != ANY
    if unchanged and preferred.wait and not is_done(document):
        with suppress(Full):
            if await until_changed(request, bridge, caller, document, preferred.wait):
                _, response = await look()
            response.headers.update(preferred.applied(waited=True))
    response.headers.update(standing.headers())
    return response


async def _seen(
    bridge: Bridge, caller: Caller, export_id: str, held: str | None
) -> tuple[Document, Response]:
    """An export as it is now, and the answer for a caller who holds this state or another."""
    document = await look_at(bridge, caller, export_id)
    now = bridge.clock.now()
    headers = status_headers(document, now)
    if Etag(value=str(document["revision"])).held_by(held):
        return document, Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return document, _shown(bridge, document, now, headers=headers)


@router.post("/v1/exports/{export_id}/cancel", status_code=202, summary="Stop an export")
def cancel_export(export_id: str, bridge: BridgeParam, caller: CallerParam) -> Response:
    """Ask an export to stop; repeatable, and never undoes a result."""
    caller.require(CANCEL)
    document = find_export(bridge, caller, export_id)
    return _moved(bridge, lambda: bridge.life.cancel(document["_id"], by=caller.subject))


@router.post("/v1/exports/{export_id}/retry", status_code=202, summary="Try an export again")
def retry_export(export_id: str, bridge: BridgeParam, caller: CallerParam) -> Response:
    """Queue an export that failed, was cancelled or expired once more, under the same id."""
    document = find_export(bridge, caller, export_id)
    caller.require(create_scope(document["type"]))
    return _moved(bridge, lambda: _retried(bridge, document, caller))


def _retried(bridge: Bridge, document: Document, caller: Caller) -> Document | None:
    with admitting():
        return bridge.admission.retry(document, by=caller.subject)


@router.delete("/v1/exports/{export_id}", status_code=204, summary="Delete an export")
def delete_export(export_id: str, bridge: BridgeParam, caller: CallerParam) -> Response:
    """Give up an ended export: its files go within minutes, its audit trail stays.

    Who may stop an export may also take it back (API.md 7 has no scope of its own for this).
    """
    caller.require(CANCEL)
    document = find_export(bridge, caller, export_id)
    try:
        bridge.life.delete(document["_id"], by=caller.subject)
    except IllegalMove as illegal:
        status = shown_status({"status": illegal.status})
        raise ProblemError(
            Code.NOT_TERMINAL,
            f"The export is {status}; cancel it, and delete it once it has ended.",
            members={"export_status": status},
        ) from None
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _first_with(bridge: Bridge, key: Mapping[str, str] | None) -> Document:
    """The export that was made with this Idempotency-Key."""
    first = bridge.stores.exports.first({"idempotency.digest": key["digest"]}) if key else None
    if key is None or first is None:
        raise ProblemError(Code.IDEMPOTENCY_IN_PROGRESS, "Send it again in a second.")
    if first.get("idempotency", {}).get("payload") != key["payload"]:
        raise ProblemError(
            Code.IDEMPOTENCY_KEY_REUSED,
            "Take a new Idempotency-Key for a new request, or send the first body again.",
        )
    return present(first)


def _page(bridge: Bridge, caller: Caller, listing: Listing) -> list[Any]:
    """One page and one export more, which tells whether there is another page."""
    equal: dict[str, object] = {"deletedAt": None}
    if not caller.sees_every_campaign:
        equal["campaign"] = tuple(sorted(caller.campaigns))
    if listing.campaign is not None:
        if not caller.sees(listing.campaign):
            return []
        equal["campaign"] = listing.campaign
    if listing.type_name is not None:
        equal["type"] = listing.type_name
    if listing.type_version is not None:
        equal["typeVersion"] = listing.type_version
    if listing.mine:
        equal["requestedBy.subject"] = caller.subject
    ways = [{}] if listing.status is None else stored_as(listing.status)
    pages = [
        bridge.stores.exports.page(
            {**equal, **way},
            created_after=listing.created_after,
            created_before=listing.created_before,
            before=listing.before,
            limit=listing.page_size + 1,
        )
        for way in ways
    ]
    return _merged(pages)[: listing.page_size + 1]


def _merged(pages: Sequence[Sequence[Any]]) -> list[Any]:
    """Several pages as one, newest first, each export once."""
    if len(pages) == 1:
        return list(pages[0])
    every = {one["_id"]: one for page in pages for one in page if not one.get("undecodable")}
    return sorted(every.values(), key=lambda one: (one["createdAt"], one["_id"]), reverse=True)


def _as_seen(bridge: Bridge, page: list[Document]) -> list[Document]:
    """A page as its requesters see it; 200 that share a generation ask for it once."""
    waits_for = {d["generation"] for d in page if d["status"] == Status.JOINED}
    made = {one: bridge.stores.exports.find(one) for one in sorted(waits_for)}
    return [
        timed(bridge, seen(document, made.get(document.get("generation")))) for document in page
    ]


@contextmanager
def admitting() -> Iterator[None]:
    """Let requests in inside the block; the 429 says whose places are taken."""
    try:
        yield
    except TooMany as too_many:
        raise ProblemError(
            Code.TOO_MANY_EXPORTS,
            f"This {too_many.limit} has {too_many.most} live exports, which is all it may have. "
            "Wait until one ends, or cancel one; GET /v1/limits tells how many there are.",
            members={"limit": too_many.limit, "most": too_many.most},
        ) from None
    except Contended:
        raise ProblemError(Code.OVERLOADED, "Others were faster; send it again.") from None


def _moved(bridge: Bridge, move: Callable[[], Document | None]) -> Response:
    try:
        moved = move()
    except IllegalMove as illegal:
        status = shown_status({"status": illegal.status})
        raise ProblemError(
            Code.ILLEGAL_TRANSITION,
            f"The export is {status}; its `links` name what is possible.",
            members={"export_status": status},
        ) from None
    if moved is None:
        raise not_found()
    return _accepted(bridge, view(bridge, moved))


def _accepted(
    bridge: Bridge,
    document: Document,
    *,
    ended: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """202 with where to look and when; 200 when there is nothing to wait for (API.md 1)."""
    now = bridge.clock.now()
    headers = {**status_headers(document, now), **(headers or {})}
    headers["Location"] = f"/v1/exports/{document['_id']}"
    return _shown(bridge, document, now, headers=headers, status_code=200 if ended else 202)


def _shown(
    bridge: Bridge,
    document: Document,
    now: datetime,
    *,
    headers: dict[str, str],
    status_code: int = 200,
) -> Response:
    body = export_resource(document, bridge.around(now))
    return JSONResponse(body, status_code=status_code, headers=headers)
