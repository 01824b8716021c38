"""The routes of the entries service (DOMAIN.md 5.3)."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from bson import ObjectId

from export_platform.local.services.api import Api, Call, RefusedCallError, route
from export_platform.local.services.entries.register import Register

READ, WRITE = "entries:read", "entries:write"
MAX_IDS = 1_000
PAGE = 1_000
CURSOR_LIFE = timedelta(minutes=10)
_GROUPS = ("status", "marketKey")


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Where one question for erased entries stands."""

    campaign: ObjectId
    since: datetime
    users: Sequence[ObjectId]
    after: ObjectId | None
    made: datetime


class Entries:
    """The service.

    Args:
        register: What it knows.
        now: Its clock, aware.
        page: Ids of one page of erased entries.
    """

    def __init__(self, register: Register, now: Callable[[], datetime], page: int = PAGE) -> None:
        self._register = register
        self._now = now
        self._page = page
        self._walks: dict[str, Walk] = {}
        self._lock = threading.Lock()

    def api(self, tokens: Mapping[str, frozenset[str]]) -> Api:
        """The application, for these tokens."""
        return Api(
            [
                route("GET /v1/campaigns/{campaign}/counts", self._counts, scope=READ),
                route("POST /v1/entries:batchGet", self._batch_get, scope=READ),
                route("POST /v1/entries:erasedSince", self._erased_since, scope=READ),
                route("POST /v1/entries:markMessaged", self._mark_messaged, scope=WRITE),
            ],
            tokens,
        )

    def _counts(self, call: Call) -> Any:
        as_of = _instant(call.query.get("asOf", [""])[0])
        asked = call.query.get("groupBy", [""])[0]
        groups = [name for name in asked.split(",") if name]
        if not set(groups) <= set(_GROUPS):
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, "groupBy is status and marketKey")
        counted: Counter[tuple[str | None, ...]] = Counter()
        found = self._register.counts(_id(call.path["campaign"]), as_of)
        for (status, market), number in found.items():
            known = {"status": status, "marketKey": market}
            counted[tuple(known[name] for name in groups)] += number
        return {
            "items": [
                {**dict(zip(groups, values, strict=True)), "count": number}
                for values, number in sorted(counted.items(), key=repr)
            ]
        }

    def _batch_get(self, call: Call) -> Any:
        body = call.body()
        ids, fields = _ids(body.get("ids")), list(body.get("fields") or ())
        found = self._register.by_ids(ids)
        items = [_shown(str(one), found[str(one)], fields) for one in ids if str(one) in found]
        return {"items": items, "missing": [str(one) for one in ids if str(one) not in found]}

    def _erased_since(self, call: Call) -> Any:
        body = call.body()
        walk = self._walk(body)
        ids = self._register.erased_entries(
            walk.campaign, walk.since, walk.users, walk.after, self._page + 1
        )
        page = ids[: self._page]
        answer: dict[str, Any] = {"entryIds": [str(one) for one in page]}
        if len(ids) > self._page:
            answer["cursor"] = self._remember(walk, page[-1])
        return answer

    def _walk(self, body: Mapping[str, Any]) -> Walk:
        cursor = body.get("cursor")
        if cursor is None:
            since = _instant(str(body.get("since")))
            return Walk(
                campaign=_id(body.get("campaignId")),
                since=since,
                users=self._register.erased_users(since),
                after=None,
                made=self._now(),
            )
        with self._lock:
            walk = self._walks.get(cursor)
        if walk is None or walk.made < self._now() - CURSOR_LIFE:
            raise RefusedCallError(HTTPStatus.GONE, "the cursor has expired")
        return walk

    def _remember(self, walk: Walk, last: ObjectId) -> str:
        cursor = uuid.uuid4().hex
        oldest = self._now() - CURSOR_LIFE
        with self._lock:
            self._walks = {name: one for name, one in self._walks.items() if one.made >= oldest}
            self._walks[cursor] = Walk(
                campaign=walk.campaign,
                since=walk.since,
                users=walk.users,
                after=last,
                made=self._now(),
            )
        return cursor

    def _mark_messaged(self, call: Call) -> Any:
        body = call.body()
        kind, export = body.get("kind"), body.get("exportId")
        if not (isinstance(kind, str) and kind and isinstance(export, str) and export):
            raise RefusedCallError(HTTPStatus.BAD_REQUEST, "kind and exportId are texts")
        campaign, ids = _id(body.get("campaignId")), _ids(body.get("entryIds"))
        return {"updated": self._register.mark(campaign, kind, export, ids, self._now())}


def _shown(entry_id: str, entry: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    known = {
        "status": entry.get("status"),
        "erased": entry.get("erasure") is not None or entry.get("status") == "erased",
        "withdrawnAt": _shown_instant(entry.get("withdrawnAt")),
        "updatedAt": _shown_instant(entry.get("updatedAt")),
    }
    return {"entryId": entry_id, **{name: known[name] for name in fields if name in known}}


def _shown_instant(value: object) -> str | None:
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _id(value: object) -> ObjectId:
    if not isinstance(value, str) or not ObjectId.is_valid(value):
        raise RefusedCallError(HTTPStatus.BAD_REQUEST, "an id is 24 hex digits")
    return ObjectId(value)


def _ids(value: object) -> list[ObjectId]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_IDS:
        raise RefusedCallError(HTTPStatus.BAD_REQUEST, "ids are a list of 1 to 1000")
    return [_id(one) for one in value]


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedCallError(HTTPStatus.BAD_REQUEST, "an instant is ISO 8601") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
