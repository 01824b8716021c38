"""The routes of the codes service, and those that fill it.

Beside the service's own: `PUT /-/codes?campaign=<id>` stores the codes of a JSONL body,
`DELETE /-/codes?campaign=<id>` forgets them, `POST /-/cursors:expire` ends all cursors.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from export_platform.local.services.api import Api, Call, RefusedCallError, route
from export_platform.local.services.codes.shelf import Filters, Shelf, instant, position_of

READ, REVEAL = "codes:read", "codes:reveal"
STATES = frozenset({"available", "assigned", "sent", "redeemed", "revoked", "expired"})
MAX_PAGE, MAX_IDS = 5_000, 1_000
CURSOR_LIFE = timedelta(minutes=10)
_BATCH = 10_000


class Codes:
    """The service.

    Args:
        shelf: The codes.
        now: Its clock, aware.
        cursor_life: How long a cursor lives.
    """

    def __init__(
        self, shelf: Shelf, now: Callable[[], datetime], cursor_life: timedelta = CURSOR_LIFE
    ) -> None:
        self._shelf = shelf
        self._now = now
        self._cursor_life = cursor_life
        self._cursors_since = now()

    def api(self, tokens: Mapping[str, frozenset[str]]) -> Api:
        """The application, for these tokens."""
        campaign = "/v1/campaigns/{campaign}"
        return Api(
            [
                route(f"GET {campaign}/code-configs", self._configs, scope=READ),
                route(f"POST {campaign}/codes:search", self._search, scope=READ),
                route(f"GET {campaign}/codes:count", self._count, scope=READ),
                route("POST /v1/codes:batchGet", self._batch_get, scope=READ),
                route("PUT /-/codes", self._put, scope=None),
                route("DELETE /-/codes", self._clear, scope=None),
                route("POST /-/cursors:expire", self._expire, scope=None),
            ],
            tokens,
        )

    def _configs(self, call: Call) -> Any:
        return {"items": self._shelf.pools(call.path["campaign"])}

    def _search(self, call: Call) -> Any:
        body = call.body()
        filters = _filters(call.path["campaign"], body)
        reveals = _reveals(call, body)
        limit = body.get("limit", MAX_PAGE)
        if not isinstance(limit, int) or not 1 <= limit <= MAX_PAGE:
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, "limit is 1 to 5000")
        after = self._position(body.get("cursor"))
        found = self._shelf.page(filters, after, limit + 1)
        page = found[:limit]
        answer: dict[str, Any] = {"items": [_shown(item, reveals=reveals) for item in page]}
        if len(found) > limit:
            answer["nextCursor"] = self._cursor(page[-1])
        return answer

    def _count(self, call: Call) -> Any:
        query = call.query
        one = {name: values[0] for name, values in query.items()}
        filters = _filters(
            call.path["campaign"],
            {
                **one,
                "state": query.get("state", []),
                "marketKeys": query.get("marketKeys", []),
                "wave": int(one["wave"]) if "wave" in one else None,
            },
        )
        return {"count": self._shelf.count(filters)}

    def _batch_get(self, call: Call) -> Any:
        body = call.body()
        ids = body.get("codeIds")
        if not isinstance(ids, list) or not 1 <= len(ids) <= MAX_IDS:
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, "codeIds is a list of 1 to 1000")
        reveals = _reveals(call, body)
        found = {item["codeId"]: item for item in self._shelf.by_ids(ids)}
        return {
            "items": [_shown(found[one], reveals=reveals) for one in ids if one in found],
            "missing": [one for one in ids if one not in found],
        }

    def _put(self, call: Call) -> Any:
        stored = 0
        for batch in _batches(call.environ["wsgi.input"]):
            stored += self._shelf.put(call.query["campaign"][0], batch)
        return {"stored": stored}

    def _clear(self, call: Call) -> Any:
        return {"removed": self._shelf.clear(call.query["campaign"][0])}

    def _expire(self, _: Call) -> Any:
        self._cursors_since = self._now()
        return {}

    def _cursor(self, last: Mapping[str, Any]) -> str:
        made = [self._now().timestamp(), *position_of(last)]
        return base64.urlsafe_b64encode(json.dumps(made).encode()).decode()

    def _position(self, cursor: str | None) -> tuple[str, int, str] | None:
        if cursor is None:
            return None
        try:
            made, market, wave, code_id = json.loads(base64.urlsafe_b64decode(cursor))
        except (ValueError, TypeError, binascii.Error):
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, "the cursor is not ours") from None
        oldest = max(self._cursors_since, self._now() - self._cursor_life)
        if made <= oldest.timestamp():
            raise RefusedCallError(HTTPStatus.GONE, "the cursor has expired")
        return market, wave, code_id


def _filters(campaign: str, body: Mapping[str, Any]) -> Filters:
    states = tuple(body.get("state") or ())
    if not set(states) <= STATES:
        raise RefusedCallError(HTTPStatus.BAD_REQUEST, "there is no such state")
    after = body.get("assignedAfter")
    try:
        return Filters(
            campaign=campaign,
            states=states,
            markets=tuple(body.get("marketKeys") or ()),
            wave=body.get("wave"),
            assigned_after=None if after is None else instant(str(after)),
        )
    except ValueError:
        raise RefusedCallError(HTTPStatus.BAD_REQUEST, "assignedAfter is no instant") from None


def _reveals(call: Call, body: Mapping[str, Any]) -> bool:
    if "value" not in (body.get("fields") or []):
        return False
    call.need(REVEAL)
    return True


def _shown(item: Mapping[str, Any], *, reveals: bool) -> dict[str, Any]:
    return {name: value for name, value in item.items() if reveals or name != "value"}


def _batches(lines: Iterable[bytes]) -> Iterable[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for line in lines:
        if line.strip():
            batch.append(json.loads(line))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch
