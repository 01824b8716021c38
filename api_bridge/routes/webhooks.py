"""Being told what becomes of exports: endpoints, their secrets, and the log of what was told.

An endpoint belongs to the subject of the token that made it, and hears of the campaigns of that
token. Whoever may read exports may be told of them, so one scope opens all of it.
"""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api_bridge.access.caller import READ, Caller
from api_bridge.protocol.problems import Code, ProblemError, not_found
from api_bridge.protocol.webhooks import (
    BASE,
    MESSAGE_ID,
    DeliveryListing,
    delivery_resource,
    endpoint_resource,
    next_page,
    parse_deliveries,
    parse_registration,
)
from api_bridge.routes.context import BodyParam, Bridge, BridgeParam, CallerParam
from api_bridge.webhooks.endpoints import Contended, TooManyEndpoints
from api_bridge.webhooks.news import stored_id
from assets.model.webhook import DeliveryStatus, EndpointStatus
from resources.mongo.exports import Change, Match

Document = Mapping[str, Any]

# A secret is in some of these answers, and addresses of somebody's in all.
PRIVATE = {"Cache-Control": "private, no-store"}
_ENDPOINT_ID = re.compile(r"we_[0-9a-f]{24}")

router = APIRouter()


@router.post(BASE, status_code=201, summary="Be told of exports")
def create_endpoint(
    request: Request, bridge: BridgeParam, caller: CallerParam, raw: BodyParam
) -> Response:
    """Register an address; the answer shows the secret that its webhooks are signed with, once."""
    caller.require(READ)
    content_type = request.headers.getlist("content-type")
    wanted = parse_registration(raw, content_type, loopback=bridge.webhooks_loopback)
    try:
        made = bridge.endpoints.register(wanted, owner=caller.subject, campaigns=caller.campaigns)
    except TooManyEndpoints:
        most = bridge.endpoints.most
        raise ProblemError(
            Code.TOO_MANY_ENDPOINTS,
            f"You have {most} webhook endpoints, which is all you may have; delete one first.",
            members={"limit": "caller", "most": most},
        ) from None
    return _with_secret(made, status=HTTPStatus.CREATED)


@router.get(BASE, summary="List webhook endpoints")
def list_endpoints(bridge: BridgeParam, caller: CallerParam) -> Response:
    """List the caller's endpoints, oldest first."""
    caller.require(READ)
    found = bridge.endpoints.of(caller.subject)
    return JSONResponse({"endpoints": list(map(endpoint_resource, found))}, headers=PRIVATE)


@router.get(f"{BASE}/{{endpoint_id}}", summary="Show a webhook endpoint")
def get_endpoint(endpoint_id: str, bridge: BridgeParam, caller: CallerParam) -> Response:
    """Show an endpoint: whether it is told, and if not, why."""
    caller.require(READ)
    endpoint = _find(bridge, caller, endpoint_id)
    return JSONResponse(endpoint_resource(endpoint), headers=PRIVATE)


@router.delete(f"{BASE}/{{endpoint_id}}", status_code=204, summary="Be told no more")
def delete_endpoint(endpoint_id: str, bridge: BridgeParam, caller: CallerParam) -> Response:
    """Forget an endpoint; what was not told yet is not told."""
    caller.require(READ)
    endpoint = _find(bridge, caller, endpoint_id)
    bridge.endpoints.store.delete(endpoint["_id"])
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(f"{BASE}/{{endpoint_id}}/secret", summary="Change the secret of an endpoint")
def rotate_secret(endpoint_id: str, bridge: BridgeParam, caller: CallerParam) -> Response:
    """Show a new secret, once; for a day webhooks are signed with it and with the one before.

    From now on the endpoint hears of the campaigns of this token.
    """
    caller.require(READ)
    endpoint = _find(bridge, caller, endpoint_id)
    rotate = bridge.endpoints.rotate
    return _with_secret(_kept(lambda: rotate(endpoint, campaigns=caller.campaigns)))


@router.post(f"{BASE}/{{endpoint_id}}/enable", summary="Be told again")
def enable_endpoint(endpoint_id: str, bridge: BridgeParam, caller: CallerParam) -> Response:
    """Tell a disabled endpoint again, of what happens from now on; repeatable."""
    caller.require(READ)
    endpoint = _find(bridge, caller, endpoint_id)
    enabled = _kept(lambda: bridge.endpoints.enable(endpoint))
    return JSONResponse(endpoint_resource(enabled), headers=PRIVATE)


@router.get(f"{BASE}/{{endpoint_id}}/deliveries", summary="List what an endpoint was told")
def list_deliveries(
    endpoint_id: str, request: Request, bridge: BridgeParam, caller: CallerParam
) -> Response:
    """List deliveries, newest first, in pages, with how each try ended; kept for 30 days."""
    caller.require(READ)
    listing = parse_deliveries(request.query_params.multi_items(), bridge.catalog)
    endpoint = _find(bridge, caller, endpoint_id)
    found = _page(bridge, caller, endpoint, listing)
    page = found[: listing.page_size]
    token = next_page(listing, page[-1]) if len(found) > listing.page_size else None
    body = {"deliveries": list(map(delivery_resource, page)), "next_page_token": token}
    return JSONResponse(body, headers=PRIVATE)


@router.post(
    f"{BASE}/{{endpoint_id}}/deliveries/{{delivery_id}}/replay",
    status_code=202,
    summary="Tell an endpoint once more",
)
def replay_delivery(
    endpoint_id: str, delivery_id: str, bridge: BridgeParam, caller: CallerParam
) -> Response:
    """Send a delivery again, now and with all its tries, under the same `webhook-id`."""
    caller.require(READ)
    endpoint = _find(bridge, caller, endpoint_id)
    delivery = _find_delivery(bridge, caller, endpoint, delivery_id)
    if endpoint["status"] != EndpointStatus.ENABLED:
        raise ProblemError(Code.ENDPOINT_DISABLED, "Enable the endpoint first.")
    again = Change(
        set={"status": str(DeliveryStatus.WAITING), "attempts": 0, "lease": None},
        stamp=("dueAt",),
    )
    anyhow = Match(statuses=None)
    replayed = bridge.stores.deliveries.change(delivery["_id"], anyhow, again)
    if replayed is None:
        raise not_found()
    return JSONResponse(delivery_resource(replayed), status_code=202, headers=PRIVATE)


def _find(bridge: Bridge, caller: Caller, endpoint_id: str) -> Document:
    """The endpoint, if it is the caller's.

    Raises:
        ProblemError: The same 404 for a malformed, an unknown and a foreign id (S5).
    """
    known = endpoint_id if _ENDPOINT_ID.fullmatch(endpoint_id) else "we_"
    endpoint = bridge.endpoints.store.find(known)
    if endpoint is None or endpoint["owner"] != caller.subject:
        raise not_found()
    return endpoint


def _find_delivery(bridge: Bridge, caller: Caller, endpoint: Document, message_id: str) -> Document:
    """The delivery of an event to an endpoint, if the token sees the campaign of it.

    Raises:
        ProblemError: 404.
    """
    known = message_id if MESSAGE_ID.fullmatch(message_id) else "evt_"
    delivery = bridge.stores.deliveries.find(stored_id(known, endpoint["_id"]))
    if delivery is None or not caller.sees(delivery["campaign"]):
        raise not_found()
    return delivery


def _page(
    bridge: Bridge, caller: Caller, endpoint: Document, listing: DeliveryListing
) -> list[Any]:
    """One page and one delivery more; of campaigns that the token still sees."""
    equal: dict[str, object] = {"endpoint": endpoint["_id"]}
    if not caller.sees_every_campaign:
        equal["campaign"] = tuple(sorted(caller.campaigns))
    before = listing.before
    place = None if before is None else (before[0], stored_id(before[1], endpoint["_id"]))
    return bridge.stores.deliveries.page(equal, before=place, limit=listing.page_size + 1)


def _kept(change: Callable[[], Document]) -> Document:
    try:
        return change()
    except Contended:
        raise ProblemError(Code.OVERLOADED, "Others were faster; send it again.") from None


def _with_secret(endpoint: Document, *, status: int = 200) -> Response:
    secret = endpoint["secrets"][0]["value"]
    headers = {**PRIVATE, "Location": f"{BASE}/{endpoint['_id']}"}
    body = endpoint_resource(endpoint, secret=secret)
    return JSONResponse(body, status_code=status, headers=headers)
