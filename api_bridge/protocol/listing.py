"""The query of a listing: filters, page size and page token, refused where they are not ours.

A page token is the place of the last export shown, bound to the filters it was made with. It is
opaque but no secret and no permission: the campaigns of the caller limit every page anew.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from api_bridge.protocol.problems import invalid
from api_bridge.protocol.strict_json import MalformedJson, parse_json
from api_bridge.protocol.wire import SHOWN
from assets.model.export_type import Catalog
from assets.model.lifecycle import Status
from assets.model.option import SLUG_PATTERN
from assets.model.parameters import Problem
from assets.model.request import canonical_json

DEFAULT_PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
MAX_TOKEN_CHARACTERS = 300

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,2}")
_EXPORT_ID = re.compile(r"exp_[0-9a-f]{24}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A listing that was asked for.

    Attributes:
        given: The query as it was sent, without the page token; each parameter once.
        type_name: Only this kind.
        type_version: Only this version of it.
        campaign: Only this campaign.
        status: Only this state, as callers see it.
        created_after: Created at or after.
        created_before: Created before.
        mine: Only the caller's own.
        page_size: At most so many.
        before: Instant and id of the last export of the previous page.
    """

    given: Mapping[str, str]
    type_name: str | None = None
    type_version: int | None = None
    campaign: str | None = None
    status: Status | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    mine: bool = False
    page_size: int = DEFAULT_PAGE_SIZE
    before: tuple[datetime, str] | None = None

    def token_after(self, last: Mapping[str, Any]) -> str:
        """The token of the page that follows an export."""
        return token_after(last["createdAt"], last["_id"], self.given)

    def url(self, token: str) -> str:
        """The address of another page of this listing."""
        return f"/v1/exports?{urlencode({**self.given, 'page_token': token})}"


class _Wrong(Exception):
    """The value of a parameter; the text is the remedy."""


Reader = Callable[[str, Catalog], dict[str, Any]]


def token_after(created: datetime, identity: str, given: Mapping[str, str]) -> str:
    """The token of the page that follows what was created then, for the same query."""
    return _encode([(created - _EPOCH) // _MILLISECOND, identity, _digest(given)])


def parse_listing(query: Sequence[tuple[str, str]], catalog: Catalog) -> Listing:
    """Read the query of `GET /v1/exports`.

    Args:
        query: Name and value, in the order sent.
        catalog: The kinds of export there are.

    Raises:
        ProblemError: 400 that names each parameter and its remedy.
    """
    return Listing(**read_query(query, PARAMETERS, catalog))


def read_query(
    query: Sequence[tuple[str, str]], parameters: Mapping[str, Reader], catalog: Catalog
) -> dict[str, Any]:
    """The query of something that is listed in pages: `given`, `before` and what was read.

    Args:
        query: Name and value, in the order sent.
        parameters: What there is, and how each is read.
        catalog: The kinds of export there are.

    Raises:
        ProblemError: 400 that names each parameter and its remedy.
    """
    given = {name: value for name, value in query if name in parameters}
    problems, values = _problems(query, parameters), dict[str, Any]()
    for name, value in given.items():
        try:
            values |= parameters[name](value, catalog)
        except _Wrong as wrong:
            problems.append(Problem(pointer=f"/query/{name}", detail=str(wrong)))
    given.pop("page_token", None)
    place = values.pop("place", None)
    if place is not None and place[2] != _digest(given):
        detail = "belongs to other filters; use it with the filters it came with"
        problems.append(Problem(pointer="/query/page_token", detail=detail))
    if problems:
        raise invalid(problems)
    return {"given": given, "before": None if place is None else place[:2], **values}


def _problems(query: Sequence[tuple[str, str]], parameters: Mapping[str, Reader]) -> list[Problem]:
    names = [name for name, _ in query]
    problems = [
        Problem(pointer=f"/query/{name}", detail="must be given once")
        for name in parameters
        if names.count(name) > 1
    ]
    if set(names) - parameters.keys():
        allowed = ", ".join(parameters)
        detail = f"has a parameter that is not known; allowed are: {allowed}"
        problems.append(Problem(pointer="/query", detail=detail))
    return problems


def _type(value: str, catalog: Catalog) -> dict[str, Any]:
    name, dot, version = value.partition(".")
    if name not in catalog or (dot and not _NUMBER.fullmatch(version)):
        raise _Wrong(f"must be one of: {', '.join(catalog)}")
    return {"type_name": name, "type_version": int(version) if dot else None}


def _campaign(value: str, _: Catalog) -> dict[str, Any]:
    if not re.fullmatch(SLUG_PATTERN, value):
        raise _Wrong("must be a campaign's key: 3 to 80 lower-case letters, digits and hyphens")
    return {"campaign": value}


def _status(value: str, _: Catalog) -> dict[str, Any]:
    if value not in SHOWN:
        raise _Wrong(f"must be one of: {', '.join(SHOWN)}")
    return {"status": Status(value)}


def _created_after(value: str, _: Catalog) -> dict[str, Any]:
    return {"created_after": _instant(value)}


def _created_before(value: str, _: Catalog) -> dict[str, Any]:
    return {"created_before": _instant(value)}


def _instant(value: str) -> datetime:
    try:
        if _INSTANT.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass  # the thirtieth of February: the same remedy
    raise _Wrong("must be an instant in UTC such as 2026-01-31T10:00:00Z")


def _mine(value: str, _: Catalog) -> dict[str, Any]:
    if value not in {"true", "false"}:
        raise _Wrong("must be true or false")
    return {"mine": value == "true"}


def page_size(value: str, _: Catalog) -> dict[str, Any]:
    """Read how many are wanted."""
    if not _NUMBER.fullmatch(value) or int(value) > MAX_PAGE_SIZE:
        raise _Wrong(f"must be a whole number from 1 to {MAX_PAGE_SIZE}")
    return {"page_size": int(value)}


def page_token(identity: re.Pattern[str]) -> Reader:
    """A reader of where the next page begins, among things with such ids."""

    def read(value: str, _: Catalog) -> dict[str, Any]:
        place = _decode(value) if len(value) <= MAX_TOKEN_CHARACTERS else None
        match place:
            case [int(millis), str(last), str(digest)] if identity.fullmatch(last):
                with suppress(OverflowError):
                    return {"place": (_EPOCH + millis * _MILLISECOND, last, digest)}
        raise _Wrong("must be the next_page_token of a listing, unchanged")

    return read


def _encode(value: object) -> str:
    return base64.urlsafe_b64encode(canonical_json(value)).rstrip(b"=").decode()


def _decode(token: str) -> object:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return parse_json(raw)
    except (binascii.Error, ValueError, MalformedJson):
        return None


def _digest(given: Mapping[str, str]) -> str:
    return hashlib.sha256(canonical_json(given)).hexdigest()[:16]


PARAMETERS: Mapping[str, Reader] = {
    "type": _type,
    "campaign": _campaign,
    "status": _status,
    "created_after": _created_after,
    "created_before": _created_before,
    "mine": _mine,
    "page_size": page_size,
    "page_token": page_token(_EXPORT_ID),
}
