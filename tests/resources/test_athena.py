"""Athena's faults: waits that end, answers that do not add up, by a scripted service."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore import exceptions

from resources.athena import AthenaDoor, Query, literal
from resources.errors import DoorError, Refused, Unavailable
from tests.fakes.clock import ManualClock
from tests.resources.test_aws import answered


@dataclass
class ScriptedService:
    """Athena that goes through the given states, one at each question."""

    states: list[str]
    error: dict[str, Any] = field(default_factory=dict)
    started: list[dict[str, Any]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)
    rows: int | None = None

    def start_query_execution(self, **asked: Any) -> Any:
        """Start."""
        self.started.append(asked)
        self._fail("start")
        return {"QueryExecutionId": "e1"}

    def get_query_execution(self, **_: Any) -> Any:
        """Tell the next state; the last one stays."""
        self._fail("state")
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        status = {"State": state, "StateChangeReason": "canary", "AthenaError": self.error}
        return {"QueryExecution": {"Status": status, "Statistics": {"DataScannedInBytes": 42}}}

    def stop_query_execution(self, **asked: Any) -> Any:
        """Stop."""
        self.stopped.append(asked["QueryExecutionId"])
        self._fail("stop")
        return {}

    def get_query_results(self, **_: Any) -> Any:
        """Give one row."""
        return page(["1"], header=True)

    def get_query_runtime_statistics(self, **_: Any) -> Any:
        """Tell the rows, if they are known."""
        if self.rows is None:
            raise answered(400, "InvalidRequestException")
        return {"QueryRuntimeStatistics": {"Rows": {"OutputRows": self.rows}}}

    def _fail(self, name: str) -> None:
        if name in self.fails:
            raise self.fails[name]


class ScriptedAthena(AthenaDoor):
    """A door whose service is scripted."""

    def __init__(self, service: ScriptedService, clock: ManualClock) -> None:
        super().__init__(database="d", staging="s3://b/s/", deadline_seconds=60.0, clock=clock)
        self._clients = {"athena": service}


def page(
    *rows: list[str | None], header: bool = False, after: str | None = None, kind: str = "integer"
) -> Any:
    """Return a page of results of one column, ``n``."""
    data: list[list[str | None]] = [["n"], *rows] if header else list(rows)
    answer: dict[str, Any] = {
        "ResultSet": {
            "Rows": [
                {"Data": [{} if one is None else {"VarCharValue": one} for one in row]}
                for row in data
            ],
            "ResultSetMetadata": {"ColumnInfo": [{"Name": "n", "Type": kind}]},
        }
    }
    return {**answer, "NextToken": after} if after else answer


def query(*pages: Any, rows: int | None = None, kind: str = "integer") -> Query:
    """Return a query with these pages."""
    given: Iterator[Any] = iter(pages)
    return Query(
        execution_id="e1",
        bytes_scanned=0,
        columns=(("n", kind),),
        rows=rows,
        page=lambda _after: next(given),
    )


def test_a_query_is_waited_for_with_growing_patience(clock: ManualClock) -> None:
    """Short queries answer at once, long ones do not use up the quota of questions."""
    service = ScriptedService(["QUEUED"] + ["RUNNING"] * 9 + ["SUCCEEDED"])

    found = ScriptedAthena(service, clock).select("SELECT ?", ["a"], token="t")

    assert found.bytes_scanned == 42
    assert clock.slept[0] == 0.2
    assert sorted(clock.slept) == clock.slept
    assert clock.slept[-1] <= 5
    assert service.stopped == []


def test_what_is_sent_is_bound_and_named(clock: ManualClock) -> None:
    """The token has a length that Athena takes, whatever it was made from."""
    service = ScriptedService(["SUCCEEDED"])

    ScriptedAthena(service, clock).select("SELECT ?", ["O'Brien"], token="t")

    sent = service.started[0]
    assert sent["ExecutionParameters"] == ["'O''Brien'"]
    assert 32 <= len(sent["ClientRequestToken"]) <= 128
    assert sent["QueryString"] == "SELECT ?"
    assert sent["QueryExecutionContext"] == {"Database": "d"}


def test_a_statement_without_marks_sends_no_values(clock: ManualClock) -> None:
    """Athena refuses an empty list."""
    service = ScriptedService(["SUCCEEDED"])

    ScriptedAthena(service, clock).select("SELECT 1", [], token="t")

    assert "ExecutionParameters" not in service.started[0]


def test_a_query_past_its_deadline_is_stopped(clock: ManualClock) -> None:
    """A query that waits in Athena's queue for hours must not hold a run for hours."""
    service = ScriptedService(["QUEUED"])

    with pytest.raises(Unavailable) as unavailable:
        ScriptedAthena(service, clock).select("SELECT 1", [], token="t")

    assert unavailable.value.code == "ATHENA_DEADLINE"
    assert service.stopped == ["e1"]
    assert 50 <= clock.monotonic() <= 60


class Stopped(BaseException):
    """Stands for a lost lease: not an ``Exception``."""


def test_what_the_watcher_raises_stops_the_query(clock: ManualClock) -> None:
    """A worker that lost its lease must not leave a query running."""
    service = ScriptedService(["RUNNING"])
    seen: list[str] = []

    def watch(execution_id: str) -> None:
        seen.append(execution_id)
        if len(seen) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        ScriptedAthena(service, clock).select("SELECT 1", [], token="t", watch=watch)

    assert seen == ["e1"] * 3
    assert service.stopped == ["e1"]


def test_a_lost_service_stops_the_query_and_says_why(clock: ManualClock) -> None:
    """That the stop fails too must not hide what happened."""
    lost = exceptions.ReadTimeoutError(endpoint_url="x")
    service = ScriptedService(["RUNNING"], fails={"state": lost, "stop": answered(500)})

    with pytest.raises(Unavailable) as unavailable:
        ScriptedAthena(service, clock).select("SELECT 1", [], token="t")

    assert unavailable.value.code == "ATHENA_TIMEOUT"
    assert service.stopped == ["e1"]


@pytest.mark.parametrize(
    ("state", "error", "family", "code"),
    [
        ("FAILED", {"ErrorCategory": 1}, Unavailable, "ATHENA_FAILED"),
        ("FAILED", {"ErrorCategory": 2}, Refused, "ATHENA_FAILED"),
        ("FAILED", {"ErrorCategory": 2, "Retryable": True}, Unavailable, "ATHENA_FAILED"),
        ("FAILED", {"ErrorCategory": 3}, Refused, "ATHENA_FAILED"),
        ("FAILED", {}, Refused, "ATHENA_FAILED"),
        ("CANCELLED", {}, Unavailable, "ATHENA_CANCELLED"),
    ],
)
def test_a_query_that_failed_says_whether_to_try_again(
    clock: ManualClock, *, state: str, error: Any, family: type[DoorError], code: str
) -> None:
    """A wrong statement stays wrong; a service that ran out of resources recovers."""
    service = ScriptedService(["RUNNING", state], error=error)

    with pytest.raises(family) as failed:
        ScriptedAthena(service, clock).select("SELECT 1", [], token="t")

    assert type(failed.value) is family
    assert failed.value.code == code
    assert "canary" not in str(failed.value)
    assert service.stopped == []


def test_rows_that_do_not_add_up_are_not_a_result() -> None:
    """A page that was cut short is no different from rows that never were, but for the count."""
    short = query(page(["1"], ["2"], header=True), rows=3)
    read: list[Any] = []

    def read_all() -> None:
        read.extend(short.batches())

    with pytest.raises(Unavailable) as unavailable:
        read_all()

    assert unavailable.value.code == "ATHENA_ROWS"
    assert list(query(page(["1"], ["2"], header=True), rows=2).batches()) == [[(1,), (2,)]]


def test_a_page_that_comes_again_is_not_a_result() -> None:
    """A repeated token would give the same rows for ever."""
    again = [page(["1"], header=True, after="a"), page(["2"], after="a"), page(["3"])]

    with pytest.raises(Unavailable) as unavailable:
        list(query(*again).batches())

    assert unavailable.value.code == "ATHENA_PAGE_REPEATED"


@pytest.mark.parametrize(
    ("pages", "kind", "code"),
    [
        ([page(["1"])], "integer", "ATHENA_HEADER"),
        ([page()], "integer", "ATHENA_HEADER"),
        ([page(["1", "2"], header=True)], "integer", "ATHENA_ROW_WIDTH"),
        ([page([], header=True)], "integer", "ATHENA_ROW_WIDTH"),
        ([page(["x"], header=True)], "integer", "ATHENA_UNREADABLE"),
        ([page(["x"], header=True)], "decimal", "ATHENA_UNREADABLE"),
        ([page(["x"], header=True)], "date", "ATHENA_UNREADABLE"),
        ([page(["x"], header=True)], "timestamp", "ATHENA_UNREADABLE"),
        ([page(["x"], header=True)], "boolean", "ATHENA_UNREADABLE"),
        ([page(["x"], header=True)], "array", "ATHENA_UNREADABLE"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_never_a_silent_null(
    pages: list[Any], kind: str, code: str
) -> None:
    """What cannot be read stops the read; it does not become empty, nor move to another row."""
    with pytest.raises(Refused) as refused:
        list(query(*pages, kind=kind).batches())

    assert refused.value.code == code


def test_a_first_row_like_the_header_is_a_row() -> None:
    """Only the first row of the first page is the header, even if a value equals its name."""
    found = query(page(["n"], header=True, kind="varchar"), kind="varchar")

    assert list(found.batches()) == [[("n",)]]


@pytest.mark.parametrize("rows", [None, 1])
def test_statistics_are_a_second_opinion_only(clock: ManualClock, rows: int | None) -> None:
    """They may come late; then the rows are read without them."""
    service = ScriptedService(["SUCCEEDED"], rows=rows)

    found = ScriptedAthena(service, clock).select("SELECT 1", [], token="t")

    assert found.rows == rows
    assert list(found.batches()) == [[(1,)]]


@pytest.mark.parametrize(
    "location", ["s3://b/x", "s3://b/x'y/", "x/", "s3://b/", "s3://b/x/ TO", "s3://b/ä/"]
)
def test_a_location_that_could_be_sql_is_an_error(clock: ManualClock, location: str) -> None:
    """It stands in the statement as text, because Athena does not bind it."""
    door = ScriptedAthena(ScriptedService(["SUCCEEDED"]), clock)

    with pytest.raises(ValueError, match="location"):
        door.unload("SELECT 1", [], token="t", location=location)


@pytest.mark.parametrize(
    ("value", "expected"), [("a", "'a'"), ("", "''"), ("O'Brien", "'O''Brien'"), ("'", "''''")]
)
def test_a_value_is_quoted_as_text(value: str, expected: str) -> None:
    """A campaign called 2026 is not a number, and a quote does not end the text."""
    assert literal(value) == expected
