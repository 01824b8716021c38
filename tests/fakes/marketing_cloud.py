"""Marketing Cloud in memory: data extensions, requests that take time, and scripted faults."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any

from resources.clock import Clock
from resources.errors import Refused, Unavailable
from resources.http_json import Answer
from resources.marketing_cloud import (
    MAX_DELETED,
    MAX_ROWS,
    NOT_FOUND,
    READ_ROWS,
    BatchStatus,
    DataExtension,
    Field,
    MarketingCloud,
    RequestState,
    Row,
    RowPage,
    RowResult,
    RowResults,
    shown,
)
from tests.fakes.asked import Asked
from tests.fakes.clock import ManualClock


class Limit(StrEnum):
    """The two kinds of 429, by the word of their scripts."""

    THROTTLED = "throttled"
    BLOCKED = "blocked"


class Fault(StrEnum):
    """What goes wrong with one batch."""

    LOSE = "lose"  # accepted and complete without errors, and one row is not there
    DUPLICATE = "duplicate"  # the service works it off twice
    THROTTLE = "throttle"  # 429 until the door gave up: nothing was taken
    TIME_OUT = "time_out"  # taken, and the answer was lost
    REORDER = "reorder"  # the results come in another order
    SHORT = "short"  # the results are fewer than the rows
    STUCK = "stuck"  # pending for ever, though the rows arrive
    SLOW = "slow"  # pending for some polls
    FAIL = "fail"  # the request as a whole ends in an error, nothing is stored


TOKEN_SECONDS = 1079.0  # of the published samples

_POLLS: Mapping[Fault | None, float] = {Fault.STUCK: float("inf"), Fault.SLOW: 3.0}


@dataclass(slots=True)
class Table:
    """One data extension."""

    extension: DataExtension
    received: Counter[str] = field(default_factory=Counter)
    _kept: dict[str, list[Mapping[str, object]]] = field(default_factory=dict)

    @property
    def rows(self) -> list[Mapping[str, object]]:
        """Every row that is stored."""
        return [row for kept in self._kept.values() for row in kept]

    def put(self, row: Mapping[str, object], *, replace: bool) -> bool:
        """Store a row; False where its key is taken and must not be replaced."""
        key = self.key_of(row)
        if self.extension.keyed:
            if key in self._kept and not replace:
                return False
            self._kept[key] = [dict(row)]
        else:
            self._kept.setdefault(key, []).append(dict(row))
        return True

    def kept(self, row: Mapping[str, object]) -> list[Mapping[str, object]]:
        """What is stored under the key of a row."""
        return list(self._kept.get(self.key_of(row), ()))

    def put_back(self, row: Mapping[str, object], kept: list[Mapping[str, object]]) -> None:
        """Forget a row that was stored: what was there before is there again."""
        self._kept[self.key_of(row)] = kept

    def key_of(self, row: Mapping[str, object]) -> str:
        """The values of the primary key, else of the first field."""
        named = [one.name for one in self.extension.fields if one.primary_key]
        names = named or [self.extension.fields[0].name]
        return "|".join(str(row.get(name)) for name in names)


@dataclass(slots=True)
class _Request:
    results: list[RowResult]
    polls_left: float = 0
    failed: bool = False


def _nothing_bad(_: Mapping[str, object]) -> str | None:
    return None


class FakeMarketingCloud(MarketingCloud):
    """One business unit.

    Attributes:
        asked: What it was asked.
        tables: What is stored, by external key.
        script: The faults of the next batches, one an element, None for none; each is used once.
        bad: Why the service refuses a row of its own accord, or None.
        deletions: The contacts of each deletion.
        limits: The 429 that each of the next tries to hand rows over is answered with.
        tokens: How many were granted.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        """Start empty."""
        super().__init__(
            auth_url="http://127.0.0.1:1",
            rest_url="http://127.0.0.1:1",
            client_id="",
            client_secret="",
            account_id="",
            clock=clock or ManualClock(),
            jitter=lambda: 0.0,
        )
        self.asked = Asked()
        self.tables: dict[str, Table] = {}
        self.script: list[Fault | None] = []
        self.bad: Callable[[Mapping[str, object]], str | None] = _nothing_bad
        self.deletions: dict[str, tuple[str, ...]] = {}
        self.limits: list[Limit] = []
        self.tokens = 0
        self._requests: dict[str, _Request] = {}
        self._numbers = count(1)

    def create(self, key: str, fields: Iterable[Field], *, sendable: bool = False) -> Table:
        """Make a data extension."""
        extension = DataExtension(key=key, fields=tuple(fields), sendable=sendable)
        self.tables[key] = Table(extension)
        return self.tables[key]

    def upsert(self, key: str, rows: Sequence[Row]) -> str:
        """Take rows that replace those with their key."""
        self._asked_for("upsert", key, len(rows))
        return self._queue(key, rows, replace=True)

    def insert(self, key: str, rows: Sequence[Row]) -> str:
        """Take rows that are appended."""
        self._asked_for("insert", key, len(rows))
        return self._queue(key, rows, replace=False)

    def status(self, request_id: str) -> BatchStatus:
        """Say how a request stands; each look brings a slow one nearer."""
        self._asked_for("status", request_id)
        request = self._request(request_id, "ask for the status of a request")
        if request.polls_left > 0:
            request.polls_left -= 1
            return BatchStatus(state=RequestState.PENDING)
        if request.failed:
            return BatchStatus(state=RequestState.ERROR, has_errors=True)
        errors = any(not result.ok for result in request.results)
        now = self._clock.now()
        return BatchStatus(state=RequestState.COMPLETE, has_errors=errors, completed_at=now)

    def results(self, request_id: str) -> RowResults:
        """Give the results of a request."""
        self._asked_for("results", request_id)
        request = self._request(request_id, "read the results of a request")
        return RowResults(rows=tuple(request.results))

    def describe(self, key: str) -> DataExtension:
        """Describe a data extension."""
        self._asked_for("describe", key)
        return self._table(key, "find a data extension").extension

    def page(
        self,
        key: str,
        number: int,
        *,
        where: tuple[str, str] | None = None,
        size: int = READ_ROWS,
    ) -> RowPage:
        """Give rows as they are stored."""
        self._asked_for("page", key, number, where)
        rows = self._table(key, "read the rows of a data extension").rows
        if where is not None:
            rows = [row for row in rows if row.get(where[0]) == where[1]]
        part = rows[(number - 1) * size : number * size]
        texts = [{name.casefold(): shown(one) for name, one in row.items()} for row in part]
        return RowPage(count=len(rows), rows=tuple(texts))

    def delete_contacts(self, keys: Sequence[str]) -> str:
        """Note a deletion."""
        self._asked_for("delete_contacts", len(keys))
        if not 1 <= len(keys) <= MAX_DELETED:
            raise ValueError(f"1 to {MAX_DELETED} contacts are deleted at once")
        operation = str(next(self._numbers))
        self.deletions[operation] = tuple(keys)
        return operation

    def close(self) -> None:
        """Be closed."""
        self.asked.note("close")

    def settle(self) -> None:
        """End the wait of every request that is pending."""
        for request in self._requests.values():
            request.polls_left = 0

    def _asked_for(self, name: str, *arguments: object) -> None:
        """Note a call, with a token that lives."""
        self._tokens.current(self._clock.monotonic())
        self.asked.note(name, *arguments)

    def _granted(self, *_: str) -> tuple[str, float]:
        self.tokens += 1
        return f"token-{self.tokens}", self._clock.monotonic() + TOKEN_SECONDS

    def _queue(self, key: str, rows: Sequence[Row], *, replace: bool) -> str:
        if not 1 <= len(rows) <= MAX_ROWS:
            raise ValueError(f"1 to {MAX_ROWS} rows are sent at once")
        tries = 0
        while self.limits:
            self._rest_a_while(_too_many(self.limits.pop(0)), tries)
            tries += 1
        table = self._table(key, "hand rows over to a data extension")
        fault = self.script.pop(0) if self.script else None
        if fault is Fault.THROTTLE:
            raise Unavailable("SFMC_THROTTLED", "hand rows over to a data extension")
        request = _Request(results=[], failed=fault is Fault.FAIL)
        if not request.failed:
            self._work_off(table, rows, request, fault, replace=replace)
        request.polls_left = _POLLS.get(fault, 0.0)
        request_id = f"request-{next(self._numbers)}"
        self._requests[request_id] = request
        if fault is Fault.TIME_OUT:
            raise Unavailable("SFMC_TIMEOUT", "hand rows over to a data extension")
        return request_id

    def _work_off(
        self,
        table: Table,
        rows: Sequence[Row],
        request: _Request,
        fault: Fault | None,
        *,
        replace: bool,
    ) -> None:
        before = [table.kept(row) for row in rows] if fault is Fault.LOSE else []
        request.results = [self._stored(table, row, replace=replace) for row in rows]
        taken = [row for row, result in zip(rows, request.results, strict=True) if result.ok]
        table.received.update(table.key_of(row) for row in taken)
        if fault is Fault.LOSE and taken:
            table.put_back(taken[0], before[rows.index(taken[0])])
        if fault is Fault.DUPLICATE:
            for row in taken:
                self._stored(table, row, replace=replace)
        if fault is Fault.REORDER:
            request.results.reverse()
        if fault is Fault.SHORT:
            request.results = request.results[1:]

    def _stored(self, table: Table, row: Row, *, replace: bool) -> RowResult:
        error = _refusal(table.extension, row) or self.bad(row)
        if error:
            return RowResult(ok=False, code=error)
        if not table.put(row, replace=replace):
            return RowResult(ok=False, code="UnexpectedError")
        return RowResult(ok=True)

    def _table(self, key: str, attempted: str) -> Table:
        if key not in self.tables:
            raise Refused(NOT_FOUND, attempted)
        return self.tables[key]

    def _request(self, request_id: str, attempted: str) -> _Request:
        if request_id not in self._requests:
            raise Refused(NOT_FOUND, attempted)
        return self._requests[request_id]


def _too_many(limit: Limit) -> Answer:
    """A 429 as the service answers it (DOMAIN.md 8.1)."""
    told = limit is Limit.THROTTLED
    return Answer(
        status=429,
        body={"errorcode": 50100 if told else 50200},
        headers={"Retry-After": "5"} if told else {},
        request_id="",
        service="SFMC",
        attempted="hand rows over to a data extension",
    )


def _refusal(extension: DataExtension, row: Mapping[str, Any]) -> str | None:
    for one in extension.fields:
        value = row.get(one.name)
        if value is None and (one.required or one.primary_key):
            return "MissingRequired"
        if isinstance(value, str) and one.length and len(value) > one.length:
            return "TooLong"
    return None
