"""The codes service: access codes and what became of them (DOMAIN.md 5.2).

A code lets its holder buy, so a value is a secret: it is asked for only where a search says
``reveal``, and it stands in no error, log or printed value of this module.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from resources.clock import Clock
from resources.errors import Unavailable
from resources.http_json import Answer, JsonHttp

SERVICE = "CODES"
MAX_PAGE = 5_000
MAX_IDS = 1_000
# 50 million codes of one slice: a service that still has a next page goes in circles.
MAX_PAGES = 10_000
# A cursor lives 10 minutes; a slice that outlives it this often is never read to its end.
MAX_RESTARTS = 3
GONE = 410

OBJECT_ID = re.compile(r"[0-9a-f]{24}")
MAX_TEXT = 200


class CodeState(StrEnum):
    """What became of a code."""

    AVAILABLE = "available"
    ASSIGNED = "assigned"
    SENT = "sent"
    REDEEMED = "redeemed"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSearch:
    """Which codes of one campaign.

    Attributes:
        campaign_id: 24 hex digits.
        states: Only these; empty: all.
        market_keys: Only these markets; empty: all. One market a search keeps the memory of a
            search small: the ids of its codes are held until it ends.
        wave: Only this wave; None: all.
        assigned_after: Only codes assigned later than this instant, which is aware.
        reveal: Ask for the values too; the token needs the scope ``codes:reveal``.
    """

    campaign_id: str
    states: tuple[str, ...] = ()
    market_keys: tuple[str, ...] = ()
    wave: int | None = None
    assigned_after: datetime | None = None
    reveal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePage:
    """Some codes of a search.

    Attributes:
        items: Codes as the service shows them: ``codeId, configKey, entryId?, marketKey,
            hostEventIds, wave, seq, state, assignedAt, validFrom, validUntil``, and ``value`` where
            it was asked for; ids are text, instants ISO 8601 text with a zone. One that is not so
            stands in its place as ``{"codeId": <text, maybe "">, "malformed": <reason>}``.
        duplicates: How many items the service gave again, which are left out here.
        restarts: How often the cursor had expired until now.
    """

    items: tuple[Mapping[str, Any], ...] = field(repr=False)
    duplicates: int = 0
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeConfig:
    """A pool of codes.

    Attributes:
        key: Its name in the campaign.
        code_type: What kind of code it holds.
        pool_size: All codes.
        assigned: Those that were given to entries.
        available: Those that were not.
    """

    key: str
    code_type: str
    pool_size: int
    assigned: int
    available: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOfCodes:
    """Codes that were asked for by id.

    Attributes:
        items: As in ``CodePage``, in the order of the ids, each once.
        missing: Ids that the service does not know or did not answer, in order.
    """

    items: tuple[Mapping[str, Any], ...] = field(repr=False)
    missing: tuple[str, ...]


class CodesService:
    """The codes service.

    Args:
        base_url: Its address.
        token: Bearer token with the scope ``codes:read``, and ``codes:reveal`` where values are
            asked for.
        clock: Waits between tries.
        http: The client to use in place of one of its own.
        page_size: Codes of one page, at most ``MAX_PAGE``.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: str,
        clock: Clock | None = None,
        http: JsonHttp | None = None,
        page_size: int = MAX_PAGE,
    ) -> None:
        """Remember where the service is; nothing is opened."""
        self._http = http or JsonHttp(service=SERVICE, base_url=base_url, token=token, clock=clock)
        self._page_size = page_size

    def search(self, search: CodeSearch) -> Iterator[CodePage]:
        """Give the codes of a search, each once, in no order.

        When the cursor has expired, the search is read from its start again and codes that were
        given before are left out. A code whose state changed meanwhile stays as it was first given;
        count before and after to learn that something moved (DOMAIN.md 7.2).

        Raises:
            Unavailable: The service did not answer well, went in circles, or let its cursor expire
                more than ``MAX_RESTARTS`` times.
            Refused: It does not accept the search; for ``reveal`` it may lack the scope.
        """
        reading = _Reading(search)
        restarts = pages = 0
        cursor: str | None = None
        while True:
            answer = self._page(search, cursor)
            pages += 1
            if answer.status == GONE:
                restarts += 1
                if cursor is None or restarts > MAX_RESTARTS:
                    raise Unavailable(f"{SERVICE}_CURSOR_EXPIRED", answer.attempted)
                cursor = None
                reading.restart()
                continue
            page = reading.page(answer, restarts)
            cursor = _next_cursor(answer)
            yield page
            if cursor is None:
                return
            if not reading.is_new(cursor) or pages > MAX_PAGES:
                raise Unavailable(f"{SERVICE}_PAGE_REPEATED", answer.attempted)

    def count(self, search: CodeSearch) -> int:
        """Return how many codes a search has right now.

        Raises:
            Unavailable: The service did not answer well.
            Refused: It does not accept the search.
        """
        answer = self._http.call(
            "GET",
            f"{_campaign(search.campaign_id)}/codes:count",
            query=_query(search),
            attempted="count the codes of a campaign",
        )
        return _not_negative(answer, answer.member("count", int))

    def configs(self, campaign_id: str) -> list[CodeConfig]:
        """Return the campaign's pools of codes.

        Raises:
            Unavailable: The service did not answer well.
            Refused: It does not accept the question.
        """
        answer = self._http.call(
            "GET", f"{_campaign(campaign_id)}/code-configs", attempted="read the pools of codes"
        )
        try:
            return [_config(one) for one in answer.member("items", list)]
        except _Malformed:
            raise Unavailable(f"{SERVICE}_MALFORMED", answer.attempted) from None

    def batch_get(self, code_ids: Iterable[str], *, reveal: bool = False) -> BatchOfCodes:
        """Return codes by their ids, a thousand a call; an id that occurs twice counts once.

        Raises:
            Unavailable: The service did not answer well.
            Refused: It does not accept the question.
        """
        wanted = list(dict.fromkeys(code_ids))
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(wanted), MAX_IDS):
            asked = wanted[start : start + MAX_IDS]
            answer = self._http.call(
                "POST",
                "/v1/codes:batchGet",
                body={"codeIds": asked, **_fields(reveal=reveal)},
                attempted="read codes by their ids",
            )
            for raw in answer.member("items", list):
                item = _item(raw, reveal=reveal)
                found.setdefault(item["codeId"], item)
        return BatchOfCodes(
            items=tuple(found[one] for one in wanted if one in found),
            missing=tuple(one for one in wanted if one not in found),
        )

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._http.close()

    def _page(self, search: CodeSearch, cursor: str | None) -> Answer:
        body = {
            **_filters(search),
            **_fields(reveal=search.reveal),
            "limit": self._page_size,
            **({} if cursor is None else {"cursor": cursor}),
        }
        return self._http.call(
            "POST",
            f"{_campaign(search.campaign_id)}/codes:search",
            body=body,
            expected={GONE},
            attempted="search the codes of a campaign",
        )


class _Malformed(Exception):
    """An item is not as agreed; the text is a reason without a value."""


class _Reading:
    """One search on its way: which codes were given, and in which pass they were last seen."""

    def __init__(self, search: CodeSearch) -> None:
        self._search = search
        self._pass = 0
        self._seen: dict[str, int] = {}
        self._cursors: set[str] = set()

    def restart(self) -> None:
        """Begin another pass over the same slice."""
        self._pass += 1
        self._cursors.clear()

    def is_new(self, cursor: str) -> bool:
        """Say whether this pass has not seen the cursor, and remember it."""
        seen = cursor in self._cursors
        self._cursors.add(cursor)
        return not seen

    def page(self, answer: Answer, restarts: int) -> CodePage:
        """Return what is new on a page."""
        items: list[Mapping[str, Any]] = []
        duplicates = 0
        for raw in answer.member("items", list):
            item = _item(raw, reveal=self._search.reveal, search=self._search)
            known_by = item["codeId"] or _digest(raw)
            last = self._seen.get(known_by)
            self._seen[known_by] = self._pass
            if last is None:
                items.append(item)
            elif last == self._pass:
                duplicates += 1
        return CodePage(items=tuple(items), duplicates=duplicates, restarts=restarts)


def _item(raw: object, *, reveal: bool, search: CodeSearch | None = None) -> Mapping[str, Any]:
    """Return an item as agreed, without members that nobody asked for; or why it is not so."""
    try:
        item = _shaped(raw)
        if search is not None:
            _check_asked_for(item, search)
        return {**item, "value": _value(raw)} if reveal else item
    except _Malformed as malformed:
        named = raw.get("codeId") if isinstance(raw, dict) else None
        return {"codeId": named if _is_text(named) else "", "malformed": str(malformed)}


def _shaped(raw: object) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise _Malformed("not_an_object")
    item = {name: raw.get(name) for name in MEMBERS}
    for name, (is_required, is_fit) in MEMBERS.items():
        if item[name] is None:
            if is_required:
                raise _Malformed(f"{name}_missing")
        elif not is_fit(item[name]):
            raise _Malformed(f"{name}_malformed")
    return item


def _check_asked_for(item: Mapping[str, Any], search: CodeSearch) -> None:
    """Refuse what another question would have answered: a code of another market opens its sale."""
    markets, states = search.market_keys, search.states
    if markets and item["marketKey"] not in markets:
        raise _Malformed("marketKey_not_asked_for")
    if states and item["state"] not in states:
        raise _Malformed("state_not_asked_for")
    if search.wave is not None and item["wave"] != search.wave:
        raise _Malformed("wave_not_asked_for")


def _value(raw: Any) -> str:
    value = raw.get("value")
    if not _is_text(value):
        raise _Malformed("value_missing" if value is None else "value_malformed")
    return str(value)


def _is_text(value: object) -> bool:
    # Line ends and lone surrogates are not printable; they would break the file of a host.
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(_is_text(one) for one in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_instant(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_state(value: object) -> bool:
    return isinstance(value, str) and value in set(CodeState)


# Name to whether it must be there, and what it is (DOMAIN.md 5.2).
MEMBERS: Mapping[str, tuple[bool, Callable[[object], bool]]] = MappingProxyType(
    {
        "codeId": (True, _is_text),
        "configKey": (True, _is_text),
        "entryId": (False, _is_text),
        "marketKey": (True, _is_text),
        "hostEventIds": (True, _are_texts),
        "wave": (False, _is_number),
        "seq": (False, _is_number),
        "state": (True, _is_state),
        "assignedAt": (False, _is_instant),
        "validFrom": (False, _is_instant),
        "validUntil": (False, _is_instant),
    }
)


def _digest(raw: object) -> str:
    """Return what an item without an id is known by, so that it is given once too."""
    return f"sha256:{hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()}"


def _config(raw: object) -> CodeConfig:
    if not isinstance(raw, dict) or not all(_is_text(raw.get(n)) for n in ("key", "codeType")):
        raise _Malformed("pool")
    if not all(_is_number(raw.get(name)) for name in ("poolSize", "assigned", "available")):
        raise _Malformed("pool")
    return CodeConfig(
        key=raw["key"],
        code_type=raw["codeType"],
        pool_size=raw["poolSize"],
        assigned=raw["assigned"],
        available=raw["available"],
    )


def _next_cursor(answer: Answer) -> str | None:
    if answer.body.get("nextCursor") is None:
        return None
    return answer.member("nextCursor", str)


def _not_negative(answer: Answer, number: int) -> int:
    if number < 0:
        raise Unavailable(f"{SERVICE}_MALFORMED", answer.attempted)
    return number


def _campaign(campaign_id: str) -> str:
    # It becomes part of an address: nothing else may.
    if not OBJECT_ID.fullmatch(campaign_id):
        raise ValueError("a campaign id is 24 hex digits")
    return f"/v1/campaigns/{campaign_id}"


def _fields(*, reveal: bool) -> dict[str, Any]:
    return {"fields": ["value"]} if reveal else {}


def _filters(search: CodeSearch) -> dict[str, Any]:
    filters = {
        "state": list(search.states),
        "marketKeys": list(search.market_keys),
        "wave": search.wave,
        "assignedAfter": search.assigned_after and search.assigned_after.isoformat(),
    }
    return {name: value for name, value in filters.items() if value not in (None, [])}


def _query(search: CodeSearch) -> dict[str, str | list[str]]:
    return {
        name: value if isinstance(value, list) else str(value)
        for name, value in _filters(search).items()
    }
