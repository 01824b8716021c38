"""Salesforce Marketing Cloud: rows go in asynchronously, by the external key of a data extension.

The routes and their words are those of DOMAIN.md 8.1. Marked [?] is what that page does not source
and was not seen on the real service: the columns of a description, the rows and their count.
"""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from resources.clock import Clock, SystemClock
from resources.errors import Refused, Unavailable
from resources.http_json import Answer, JsonHttp, Method

MAX_ROWS: Final = 32_000  # the hard limit of one asynchronous request
MAX_DELETED: Final = 1_000_000  # contacts of one deletion
PAGE_SIZE: Final = 50  # of results; the documented default
MAX_PAGES: Final = MAX_ROWS // PAGE_SIZE + 1
# Servers run at UTC-6 all the year; a time without a zone is theirs.
SERVER_ZONE: Final = timezone(timedelta(hours=-6))
# A batch of 4 MB is parsed before the answer comes.
READ_SECONDS: Final = 60.0

UNAUTHORIZED: Final = 401
TOO_MANY_REQUESTS: Final = 429
# Two kinds of 429: "rate limit exceeded" (50100) says when to come back; "temporarily blocked"
# (50200) does not: a minute, then twice as long, five tries.
BLOCKED: Final = "50200"
BLOCKED_SECONDS: Final = 60.0
THROTTLED_SECONDS: Final = 5.0  # the documented Retry-After, where it is missing
MAX_RETRY_AFTER: Final = 120.0
TRIES: Final = 5
# A token is asked for anew this long before it ends, so that none ends on its way.
TOKEN_MARGIN_SECONDS: Final = 30.0

NOT_FOUND: Final = "SFMC_MISSING"
READ_ROWS: Final = 2_500  # of a data extension, a page; the most that it gives [?]

Row = Mapping[str, object]


class RequestState(StrEnum):
    """What the service says of an asynchronous request."""

    PENDING = "Pending"
    COMPLETE = "Complete"
    ERROR = "Error"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """How an asynchronous request stands.

    Attributes:
        has_errors: Whether some rows were not taken; meaningful once it is complete.
        completed_at: In UTC; None while it is pending.
    """

    state: RequestState
    has_errors: bool = False
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What became of one row; the answer carries no key of it.

    Attributes:
        code: The service's word for the error, empty when the row was taken. Its text is dropped:
            it quotes values.
    """

    ok: bool
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResults:
    """The results of a request, all pages; that their order is that of the rows is believed [?]."""

    rows: tuple[RowResult, ...]

    @property
    def errors(self) -> int:
        """How many rows were not taken."""
        return sum(not row.ok for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column of a data extension.

    Attributes:
        type: `Boolean`, `Date`, `Decimal`, `EmailAddress`, `Locale`, `Number`, `Phone` or `Text`.
        length: Longest text in UTF-16 units; None where the type has none.
    """

    name: str
    type: str
    length: int | None = None
    primary_key: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExtension:
    """A table of the service.

    Attributes:
        key: Its external key.
        sendable: Whether its rows are contacts that can be written to.
    """

    key: str
    fields: tuple[Field, ...]
    sendable: bool = False

    @property
    def keyed(self) -> bool:
        """Whether it has a primary key, so that the same row twice is one row."""
        return any(field.primary_key for field in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    """Rows of a data extension as they are stored.

    Attributes:
        count: How many rows all pages have.
        rows: Those of this page: field, in lower case as the service names it, to value as text.
    """

    count: int
    rows: tuple[Mapping[str, str], ...]


def shown(value: object) -> str:
    """A value as text, empty for none: the service answers in JSON's types or in text [?]."""
    return "" if value is None else str(value)


class MarketingCloud:
    """One business unit; used from any number of threads.

    Every call is bounded in time, tries and bytes. What is tried again within a call, by cause: 401
    with a new token, once; both kinds of 429; what `JsonHttp` repeats, and that only where twice is
    the same as once, which it is not for ``insert``.

    Args:
        auth_url: Base URL of the tenant's token endpoint.
        rest_url: Base URL of its REST API.
        client_id: Of the installed package.
        client_secret: Of the installed package.
        account_id: MID of the business unit.
        clock: Waits and measures.
        jitter: Gives numbers from 0 up to 1 that spread the waits.
    """

    def __init__(
        self,
        *,
        auth_url: str,
        rest_url: str,
        client_id: str,
        client_secret: str,
        account_id: str,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,  # noqa: S311 - it spreads waits
    ) -> None:
        """Remember where the service is; nothing is opened."""
        self._clock = clock or SystemClock()
        self._jitter = jitter
        self._auth = JsonHttp(service="SFMC", base_url=auth_url, clock=self._clock)
        self._rest = JsonHttp(
            service="SFMC", base_url=rest_url, clock=self._clock, read_seconds=READ_SECONDS
        )
        # In a closure, so that no attribute of the door holds the secret.
        self._tokens = _Tokens(lambda: self._granted(client_id, client_secret, account_id))

    def upsert(self, key: str, rows: Sequence[Row]) -> str:
        """Hand rows over to be updated by their primary key, or inserted; twice is as once.

        Args:
            key: External key of a data extension with a primary key.
            rows: At most ``MAX_ROWS``; field to value, times as ISO 8601 with ``Z``.

        Returns:
            The request's id; the rows are processed later.

        Raises:
            Unavailable: No good answer; the rows may have been taken all the same.
            Refused: There is no such data extension, or the body is malformed.
        """
        return self._queued("PUT", key, rows)

    def insert(self, key: str, rows: Sequence[Row]) -> str:
        """Hand rows over to be appended; never repeated where the first time may have worked.

        For the arguments see ``upsert``.

        Raises:
            Unavailable: No good answer; ``http_json.may_have_happened`` says whether the rows may
                have been taken.
            Refused: There is no such data extension, or the body is malformed.
        """
        return self._queued("POST", key, rows)

    def status(self, request_id: str) -> BatchStatus:
        """Return how a request stands.

        Raises:
            Unavailable: No good answer.
            Refused: There is no such request.
        """
        path = f"/data/v1/async/{_part(request_id)}/status"
        status = self._asked("GET", path, attempted="ask for the status of a request")
        told = status.member("status", dict)
        state = str(told.get("requestStatus", ""))
        if state not in set(RequestState):
            raise Unavailable("SFMC_MALFORMED", status.attempted)
        return BatchStatus(
            state=RequestState(state),
            has_errors=told.get("hasErrors") is True,
            completed_at=_instant(told.get("completionDateTime")),
        )

    def results(self, request_id: str) -> RowResults:
        """Return what became of the rows of a request, all pages.

        Raises:
            Unavailable: No good answer, or pages that do not add up to their count.
            Refused: There is no such request.
        """
        path = f"/data/v1/async/{_part(request_id)}/results"
        found: list[RowResult] = []
        for page in range(1, MAX_PAGES + 1):
            query = {"$page": str(page), "$pagesize": str(PAGE_SIZE)}
            answer = self._asked(
                "GET", path, attempted="read the results of a request", query=query
            )
            items = answer.member("items", list)
            found += [_result(item) for item in items]
            count = answer.member("count", int)
            if len(found) == count:
                return RowResults(rows=tuple(found))
            if not items or len(found) > count:
                break
        raise Unavailable("SFMC_RESULTS", "read the results of a request to their end")

    def describe(self, key: str) -> DataExtension:
        """Return the fields of a data extension.

        Two calls of the documented custom objects API: a search by key, then the fields by id; the
        names of the members are as public examples show them [?].

        Raises:
            Unavailable: No good answer.
            Refused: ``SFMC_MISSING``: there is no data extension with this key.
        """
        attempted = "find a data extension"
        listed = self._asked(
            "GET", "/data/v1/customobjects", attempted=attempted, query={"$search": key}
        )
        found = [one for one in listed.member("items", list) if _get(one, "key") == key]
        if not found:
            raise Refused(NOT_FOUND, attempted)
        path = f"/data/v1/customobjects/{_part(str(found[0].get('id')))}/fields"
        fields = self._asked("GET", path, attempted="read the fields of a data extension")
        return DataExtension(
            key=key,
            sendable=found[0].get("isSendable") is True,
            fields=tuple(_field(one, fields) for one in fields.member("fields", list)),
        )

    def page(
        self,
        key: str,
        number: int,
        *,
        where: tuple[str, str] | None = None,
        size: int = READ_ROWS,
    ) -> RowPage:
        """Return rows of a data extension, and how many there are.

        The rowset of the custom object data API, whose ``count`` is that of all pages; the syntax
        of ``$filter`` is as public examples show it [?].

        Args:
            key: Its external key.
            number: Which page, from 1; one behind the last has no rows.
            where: Only rows with this field at this value.
            size: Rows of a page, at most ``READ_ROWS``.

        Raises:
            Unavailable: No good answer.
            Refused: There is no such data extension or field.
        """
        query = {"$page": str(number), "$pagesize": str(size)}
        if where is not None:
            quoted = where[1].replace("'", "''")
            query["$filter"] = f"{where[0]} eq '{quoted}'"
        answer = self._asked(
            "GET",
            f"/data/v1/customobjectdata/key/{_part(key)}/rowset",
            attempted="read the rows of a data extension",
            query=query,
        )
        items = answer.member("items", list)
        return RowPage(count=answer.member("count", int), rows=tuple(map(_stored, items)))

    def delete_contacts(self, keys: Sequence[str]) -> str:
        """Ask for the deletion of contacts and all that is known of them; not reversible.

        Args:
            keys: At most ``MAX_DELETED`` contact keys; few large requests are better than many.

        Returns:
            The operation's id; it takes hours, and one runs at a time.

        Raises:
            Unavailable: Another deletion is under way, or there was no good answer.
            Refused: The service does not accept it.
        """
        if not 1 <= len(keys) <= MAX_DELETED:
            raise ValueError(f"1 to {MAX_DELETED} contacts are deleted at once")
        answer = self._asked(
            "POST",
            "/contacts/v1/contacts/actions/delete",
            attempted="ask for the deletion of contacts",
            query={"type": "keys"},
            body={"values": list(keys), "DeleteOperationType": "ContactAndAttributes"},
        )
        if answer.member("operationInitiated", bool) is False:
            raise Unavailable("SFMC_DELETION_BUSY", answer.attempted)
        return str(answer.member("operationID", int))

    def close(self) -> None:
        """Close the connections and forget the token; the next use opens new ones."""
        self._tokens.forget(None)
        self._auth.close()
        self._rest.close()

    def _queued(self, method: Method, key: str, rows: Sequence[Row]) -> str:
        if not 1 <= len(rows) <= MAX_ROWS:
            raise ValueError(f"1 to {MAX_ROWS} rows are sent at once")
        answer = self._asked(
            method,
            f"/data/v1/async/dataextensions/key:{_part(key)}/rows",
            attempted="hand rows over to a data extension",
            body={"items": list(rows)},
            repeatable=method == "PUT",
        )
        return answer.member("requestId", str)

    def _asked(
        self,
        method: Method,
        path: str,
        *,
        attempted: str,
        query: Mapping[str, str] | None = None,
        body: object = None,
        repeatable: bool = True,
    ) -> Answer:
        """One call with the tries that only this service needs."""
        renewed = False
        tries = 0
        while True:
            token = self._tokens.current(self._clock.monotonic())
            answer = self._rest.call(
                method,
                path,
                attempted=attempted,
                query=query,
                body=body,
                headers={"Authorization": f"Bearer {token}"},
                expected=(UNAUTHORIZED, TOO_MANY_REQUESTS),
                repeatable=repeatable,
            )
            if answer.status == UNAUTHORIZED:
                self._tokens.forget(token)
                if renewed:
                    raise Refused("SFMC_FORBIDDEN", attempted)
                renewed = True
            elif answer.status == TOO_MANY_REQUESTS:
                self._rest_a_while(answer, tries)
                tries += 1
            else:
                return answer

    def _rest_a_while(self, answer: Answer, tries: int) -> None:
        """Wait as long as a 429 wants it.

        Raises:
            Unavailable: ``SFMC_THROTTLED``: it was the last try; nothing was taken.
        """
        if tries + 1 >= TRIES:
            raise Unavailable("SFMC_THROTTLED", answer.attempted)
        if _error_code(answer.body) == BLOCKED:
            wait = BLOCKED_SECONDS * 2.0**tries
        else:
            wait = min(_retry_after(answer.headers), MAX_RETRY_AFTER)
        self._clock.sleep(wait * (1.0 + 0.1 * self._jitter()))

    def _granted(self, client_id: str, client_secret: str, account_id: str) -> tuple[str, float]:
        """Ask for a token; it, and when it ends on our clock."""
        asked = self._clock.monotonic()
        answer = self._auth.call(
            "POST",
            "/v2/token",
            attempted="ask for a token",
            body={
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": client_secret,
                "account_id": account_id,
            },
        )
        return answer.member("access_token", str), asked + answer.member("expires_in", int)


class _Tokens:
    """One token for all threads, for as long as it lives.

    One request for a token in 20 minutes is what the service wants to see, so the others wait.
    """

    def __init__(self, granted: Callable[[], tuple[str, float]]) -> None:
        self._granted = granted
        self._lock = threading.Lock()
        self._token: str | None = None
        self._until = 0.0

    def current(self, now: float) -> str:
        """A token that lives."""
        with self._lock:
            if self._token is None or now >= self._until - TOKEN_MARGIN_SECONDS:
                self._token, self._until = self._granted()
            return self._token

    def forget(self, token: str | None) -> None:
        """Drop this token (None: any), unless another thread has renewed it already."""
        with self._lock:
            if token is None or token == self._token:
                self._token = None


def _part(text: str) -> str:
    return quote(text, safe="")


def _result(item: Any) -> RowResult:
    told = item if isinstance(item, Mapping) else {}
    code = str(told.get("errorCode") or "")
    ok = str(told.get("status", "")).casefold() in {"", "success", "ok"} and not code
    # A word of the service, never its sentence.
    return RowResult(ok=ok, code=code[:60] if code.isidentifier() else ("" if ok else "unnamed"))


def _stored(item: Any) -> dict[str, str]:
    """The fields of a stored row: those of its key, and the others."""
    parts = (_get(item, name) for name in ("keys", "values"))
    given = [part for part in parts if isinstance(part, Mapping)]
    return {str(name).casefold(): shown(value) for one in given for name, value in one.items()}


def _get(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, Mapping) else None


def _field(item: Any, answer: Answer) -> Field:
    length = _get(item, "length")
    if not _get(item, "name") or not _get(item, "type"):
        raise Unavailable("SFMC_MALFORMED", answer.attempted)
    return Field(
        name=str(item["name"]),
        type=str(item["type"]),
        length=length if isinstance(length, int) and length > 0 else None,
        primary_key=item.get("isPrimaryKey") is True,
        required=item.get("isNullable") is False,
    )


def _error_code(body: Any) -> str:
    return str(_get(body, "errorcode"))


def _retry_after(headers: Mapping[str, str]) -> float:
    text = headers.get("Retry-After", "").strip()
    return float(text[:9]) if text.isascii() and text.isdigit() else THROTTLED_SECONDS


def _instant(text: object) -> datetime | None:
    """An instant of the service in UTC; without a zone it is the servers' time."""
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    aware = read if read.tzinfo else read.replace(tzinfo=SERVER_ZONE)
    return aware.astimezone(UTC)
