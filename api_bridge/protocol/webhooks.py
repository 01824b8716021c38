"""Webhook endpoints and their deliveries over HTTP: bodies and queries in, resources out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api_bridge.protocol.listing import (
    DEFAULT_PAGE_SIZE,
    Reader,
    page_size,
    page_token,
    read_query,
    token_after,
)
from api_bridge.protocol.problems import invalid
from api_bridge.protocol.submission import json_object
from api_bridge.protocol.wire import timestamp
from api_bridge.webhooks.endpoints import Wanted
from assets.model.export_type import Catalog
from assets.model.lifecycle import Event
from assets.model.parameters import Problem
from assets.model.webhook import DeliveryStatus, EndpointStatus
from resources.webhook_receivers import MOST_CHARACTERS, NotAllowed, parse_receiver

Document = Mapping[str, Any]

BASE = "/v1/webhook-endpoints"
MEMBERS: Mapping[str, Mapping[str, Any]] = {
    "url": {"type": "string", "format": "uri", "maxLength": MOST_CHARACTERS},
    "events": {
        "type": "array",
        "items": {"type": "string", "enum": list(map(str, Event))},
        "minItems": 1,
        "uniqueItems": True,
        "description": "All of them if it is left out.",
    },
    "mine": {
        "type": "boolean",
        "default": False,
        "description": "Only of exports that the caller has asked for.",
    },
}
REGISTRATION: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["url"],
    "properties": MEMBERS,
}
MESSAGE_ID = re.compile(r"evt_[0-9a-f]{24}-[0-9]")
PARAMETERS: Mapping[str, Reader] = {"page_size": page_size, "page_token": page_token(MESSAGE_ID)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryListing:
    """A page of deliveries that was asked for.

    Attributes:
        given: The query as it was sent, without the page token.
        page_size: At most so many.
        before: Instant and message of the last delivery of the previous page.
    """

    given: Mapping[str, str]
    page_size: int = DEFAULT_PAGE_SIZE
    before: tuple[datetime, str] | None = None


def parse_deliveries(query: Sequence[tuple[str, str]], catalog: Catalog) -> DeliveryListing:
    """Read the query of a log of deliveries.

    Raises:
        ProblemError: 400 that names each parameter and its remedy.
    """
    return DeliveryListing(**read_query(query, PARAMETERS, catalog))


def parse_registration(raw: bytes, content_type: Sequence[str], *, loopback: bool) -> Wanted:
    """Read what a caller wants to be told, and where.

    Args:
        raw: The body.
        content_type: Every Content-Type header.
        loopback: Whether an address of loopback is fine.

    Raises:
        ProblemError: 400 or 415, naming the place and the remedy.
    """
    body = json_object(raw, content_type, frozenset(MEMBERS))
    problems = []
    if body.keys() - MEMBERS:
        allowed = ", ".join(sorted(MEMBERS))
        detail = f"has a member that is not known; allowed are: {allowed}"
        problems.append(Problem(pointer="", detail=detail))
    url, events, mine = body.get("url"), body.get("events", list(Event)), body.get("mine", False)
    problems += _problem("/url", _url_remedy(url, loopback=loopback))
    problems += _problem("/events", _events_remedy(events))
    problems += _problem("/mine", None if isinstance(mine, bool) else "must be true or false")
    if problems:
        raise invalid(problems)
    return Wanted(url=str(url), events=tuple(map(Event, events)), mine=bool(mine))


def endpoint_resource(endpoint: Document, *, secret: str | None = None) -> dict[str, Any]:
    """An endpoint, to its owner.

    Args:
        endpoint: Its document.
        secret: Shown in the one answer in which it is new.
    """
    base = f"{BASE}/{endpoint['_id']}"
    links = {"self": base, "delete": base, "deliveries": f"{base}/deliveries"}
    links["secret"] = f"{base}/secret"
    if endpoint["status"] == EndpointStatus.DISABLED:
        links["enable"] = f"{base}/enable"
    return {
        "id": endpoint["_id"],
        "url": endpoint["url"],
        "events": endpoint["events"],
        "mine": endpoint["mine"],
        "campaigns": endpoint["campaigns"],
        "status": endpoint["status"],
        "disabled_reason": endpoint["reason"],
        "disabled_at": timestamp(endpoint["disabledAt"]),
        "created_at": timestamp(endpoint["createdAt"]),
        "secret": secret,
        "previous_secret_until": timestamp(_previous_until(endpoint)),
        "links": links,
    }


def delivery_resource(delivery: Document) -> dict[str, Any]:
    """One line of the log: what was told, and how each try ended."""
    base = f"{BASE}/{delivery['endpoint']}/deliveries/{delivery['message']}"
    waiting = delivery["status"] == DeliveryStatus.WAITING
    return {
        "id": delivery["message"],
        "type": delivery["type"],
        "export_id": delivery["export"],
        "status": delivery["status"],
        "created_at": timestamp(delivery["createdAt"]),
        "next_try_at": timestamp(delivery["dueAt"]) if waiting else None,
        "tries": [
            {"at": timestamp(one["at"]), "status": one["status"], "code": one["code"]}
            for one in delivery["tries"]
        ],
        "links": {"replay": f"{base}/replay"},
    }


def next_page(listing: DeliveryListing, last: Document) -> str:
    """The token of the page after a delivery."""
    return token_after(last["createdAt"], last["message"], listing.given)


def _previous_until(endpoint: Document) -> datetime | None:
    return endpoint["secrets"][1]["until"] if len(endpoint["secrets"]) > 1 else None


def _problem(pointer: str, remedy: str | None) -> list[Problem]:
    return [] if remedy is None else [Problem(pointer=pointer, detail=remedy)]


def _url_remedy(url: object, *, loopback: bool) -> str | None:
    if not isinstance(url, str):
        return "must be https://host/path"
    try:
        parse_receiver(url, loopback=loopback)
    except NotAllowed as wrong:
        return str(wrong)
    return None


def _events_remedy(events: object) -> str | None:
    known = sorted(map(str, Event))
    given = events if isinstance(events, list) else []
    each_once = all(given.count(one) == 1 for one in given)
    if given and each_once and all(one in known for one in given):
        return None
    return f"must be a list of some of these, each once: {', '.join(known)}"
