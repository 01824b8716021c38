"""Athena: one statement at a time, with bound values, a deadline, and no query left running.

The calls go through boto3 and the values through PyAthena's converter. PyAthena's own cursor is not
used: as of 4.2.1 it cannot send a ``ClientRequestToken``, without which a query whose answer was
lost would run twice, has no deadline, and accepts a result row that is shorter than its columns.
"""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import DecimalException
from functools import partial
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any

from resources.aws import aws_errors, client
from resources.clock import Clock, SystemClock
from resources.errors import DoorError, Refused, Unavailable

POLL_SECONDS = 0.2
# A query that takes minutes is asked for its state every few seconds: GetQueryExecution is
# throttled too.
MAX_POLL_SECONDS = 5.0
POLL_GROWTH = 1.5
DEADLINE_SECONDS = 1_800.0

# Athena's largest page of results; the first one holds the header as well.
ROWS_PER_PAGE = 1_000

# AthenaError.ErrorCategory: 1 system, 2 user, 3 other (Athena API reference, AthenaError).
SYSTEM_ERROR = 1

LOCATION = re.compile(r"s3://[a-z0-9.-]{3,63}/[A-Za-z0-9/_=.-]+/")

Watch = Callable[[str], None]


class AthenaDoor:
    """One database of one workgroup.

    Args:
        database: Glue database that unqualified tables belong to.
        staging: ``s3://bucket/prefix/`` where Athena leaves its results.
        workgroup: Athena workgroup.
        region: AWS region.
        endpoint_url: Another server than AWS for Athena.
        s3_endpoint_url: Another server than AWS for the manifest that UNLOAD leaves in S3.
        poll_seconds: First wait between two questions for the state; it grows to
            ``MAX_POLL_SECONDS``.
        deadline_seconds: How long a query may take, queueing included, before it is stopped.
        clock: Waits and measures.
    """

    def __init__(
        self,
        *,
        database: str,
        staging: str,
        workgroup: str = "primary",
        region: str = "us-east-1",
        endpoint_url: str | None = None,
        s3_endpoint_url: str | None = None,
        poll_seconds: float = POLL_SECONDS,
        deadline_seconds: float = DEADLINE_SECONDS,
        clock: Clock | None = None,
    ) -> None:
        """Remember where Athena is; nothing is opened."""
        self._database = database
        self._staging = staging
        self._workgroup = workgroup
        self._region = region
        self._endpoints = {"athena": endpoint_url, "s3": s3_endpoint_url}
        self._poll_seconds = poll_seconds
        self._deadline_seconds = deadline_seconds
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    def select(
        self, sql: str, parameters: Sequence[str], *, token: str, watch: Watch | None = None
    ) -> "Query":
        """Run a query and wait for it; the same token finds the same execution again.

        Args:
            sql: One SELECT with a ``?`` for every parameter.
            parameters: Values of the marks, in order; each is bound as text, so cast in the SQL
                where it is not.
            token: Name of this execution, of any length; two different statements never share one.
            watch: Called with the execution id after every look at the state. What it raises stops
                the query, so a caller that lost its lease can end the wait.

        Raises:
            Unavailable: Throttled, cancelled, past the deadline, or failed in a way that may pass.
            Refused: The statement is wrong, or the query failed in a way that will not pass.
        """
        execution = self._run(sql, parameters, token, watch)
        return Query(
            execution_id=execution.id,
            bytes_scanned=execution.bytes_scanned,
            columns=_columns(self._page(execution.id, None)),
            rows=self._row_count(execution.id),
            page=lambda after: self._page(execution.id, after),
        )

    def unload(
        self,
        sql: str,
        parameters: Sequence[str],
        *,
        token: str,
        location: str | None = None,
        watch: Watch | None = None,
    ) -> "Unload":
        """Run a query whose result Athena's workers write as Parquet (Snappy), in no order.

        The location must be used by this execution alone: files of a failed one stay (Athena,
        UNLOAD). For the other arguments and the errors see ``select``.

        Args:
            sql: One SELECT with a ``?`` for every parameter.
            parameters: Values of the marks, in order.
            token: Name of this execution.
            location: Empty folder ``s3://bucket/prefix/``; letters, digits and ``/_=.-`` only.
                None: a folder of the token's own below the staging prefix.
            watch: Called after every look at the state.
        """
        if location is None:
            location = f"{self._staging}unload/{hashlib.sha256(token.encode()).hexdigest()}/"
        if not LOCATION.fullmatch(location):
            raise ValueError("a location is s3://bucket/prefix/ of letters, digits and /_=.-")
        statement = f"UNLOAD ({sql}) TO '{location}' WITH (format = 'PARQUET')"
        execution = self._run(statement, parameters, token, watch)
        return Unload(
            execution_id=execution.id,
            bytes_scanned=execution.bytes_scanned,
            rows=self._row_count(execution.id),
            keys=tuple(self._unloaded(execution, location)),
            fetch=partial(self._fetched, _address(location)[0]),
        )

    def stop(self, execution_id: str) -> None:
        """Stop a query; one that has ended already is fine.

        Raises:
            Unavailable: Athena did not answer well.
        """
        with aws_errors("ATHENA", "stop a query"):
            self._open("athena").stop_query_execution(QueryExecutionId=execution_id)

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        with self._lock:
            opened, self._clients = self._clients, {}
        for one in opened.values():
            one.close()

    def _run(
        self, sql: str, parameters: Sequence[str], token: str, watch: Watch | None
    ) -> "_Execution":
        bound = {"ExecutionParameters": [literal(one) for one in parameters]} if parameters else {}
        with aws_errors("ATHENA", "start a query"):
            started = self._open("athena").start_query_execution(
                QueryString=sql,
                ClientRequestToken=hashlib.sha256(token.encode()).hexdigest(),
                QueryExecutionContext={"Database": self._database},
                ResultConfiguration={"OutputLocation": self._staging},
                WorkGroup=self._workgroup,
                **bound,
            )
        execution_id = str(started["QueryExecutionId"])
        try:
            status = self._ended(execution_id, watch or _ignore)
        except BaseException:
            # Whatever ended the wait, nobody will read the answer, and a running query costs money.
            with suppress(DoorError):
                self.stop(execution_id)
            raise
        if status["Status"]["State"] != "SUCCEEDED":
            raise _failure(status["Status"])
        return _Execution(id=execution_id, statistics=status.get("Statistics", {}))

    def _ended(self, execution_id: str, watch: Watch) -> Any:
        deadline = self._clock.monotonic() + self._deadline_seconds
        wait = self._poll_seconds
        while True:
            with aws_errors("ATHENA", "ask for the state of a query"):
                answer = self._open("athena").get_query_execution(QueryExecutionId=execution_id)
            execution = answer["QueryExecution"]
            if execution["Status"]["State"] in {"SUCCEEDED", "FAILED", "CANCELLED"}:
                return execution
            watch(execution_id)
            if self._clock.monotonic() + wait > deadline:
                raise Unavailable("ATHENA_DEADLINE", "wait for a query")
            self._clock.sleep(wait)
            wait = min(wait * POLL_GROWTH, MAX_POLL_SECONDS)

    def _row_count(self, execution_id: str) -> int | None:
        # Statistics may come late or not at all; they are a second opinion, not a need.
        try:
            with aws_errors("ATHENA", "ask for the statistics of a query"):
                answer = self._open("athena").get_query_runtime_statistics(
                    QueryExecutionId=execution_id
                )
        except DoorError:
            return None
        rows = answer.get("QueryRuntimeStatistics", {}).get("Rows", {}).get("OutputRows")
        return None if rows is None else int(rows)

    def _page(self, execution_id: str, after: str | None) -> Any:
        more = {"NextToken": after} if after else {}
        with aws_errors("ATHENA", "read the rows of a query"):
            return self._open("athena").get_query_results(
                QueryExecutionId=execution_id, MaxResults=ROWS_PER_PAGE, **more
            )

    def _unloaded(self, execution: "_Execution", location: str) -> list[str]:
        """Return the keys in Athena's own list of what it wrote; never a listing of the folder."""
        bucket, key = _address(execution.statistics.get("DataManifestLocation", ""))
        with aws_errors("S3", "read the list of unloaded files"):
            listed = self._open("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        paths = [line.strip() for line in listed.splitlines() if line.strip()]
        if any(not path.startswith(location) for path in paths):
            raise Refused("ATHENA_MANIFEST", "read the list of unloaded files")
        return sorted(_address(path)[1] for path in paths)

    def _fetched(self, bucket: str, key: str) -> IO[bytes]:
        """Copy an object into a file without a name: Parquet is read from its end."""
        file = TemporaryFile()  # noqa: SIM115 - the reader closes it
        with aws_errors("S3", "read an unloaded file"):
            self._open("s3").download_fileobj(bucket, key, file)
        file.seek(0)
        return file

    def _open(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = client(
                    service, region=self._region, endpoint_url=self._endpoints[service]
                )
            return self._clients[service]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query that has succeeded, and the way to its rows.

    Attributes:
        execution_id: Athena's name of it.
        bytes_scanned: What it is billed by.
        columns: Name and Athena type of each result column.
        rows: How many rows Athena says it returned; None when its statistics do not tell.
    """

    execution_id: str
    bytes_scanned: int
    columns: tuple[tuple[str, str], ...]
    rows: int | None
    page: Callable[[str | None], Any] = field(repr=False)

    def batches(self, size: int = ROWS_PER_PAGE) -> Iterator[list[tuple[Any, ...]]]:
        """Give the rows in the order of the query, as Python values.

        Integers are int, ``decimal`` is Decimal, ``double`` and ``real`` float, ``boolean`` bool,
        ``date`` date, ``timestamp`` a datetime without zone as Athena has it, ``timestamp with time
        zone`` an aware one. NULL is None and the empty text is "". Lists and maps are read by
        PyAthena's rules; cast them to text or JSON in the SQL where their inner types matter.

        Args:
            size: Most rows of one list.

        Raises:
            Unavailable: Athena gave a page twice, or another number of rows than it says it
                returned.
            Refused: A value is not what its type says, or a row does not have as many values as
                columns.
        """
        rows = self._rows()
        read = 0
        while batch := list(islice(rows, size)):
            read += len(batch)
            yield batch
        if self.rows is not None and read != self.rows:
            raise Unavailable("ATHENA_ROWS", f"read {self.rows} rows, but {read} came")

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        convert = _converter()
        for number, page in enumerate(self._pages()):
            rows = page["ResultSet"]["Rows"]
            if number == 0:
                self._check_header(rows)
            for row in rows[1:] if number == 0 else rows:
                yield self._values(row, convert)

    def _pages(self) -> Iterator[Any]:
        seen: set[str] = set()
        after: str | None = None
        while True:
            page = self.page(after)
            yield page
            after = page.get("NextToken")
            if after is None:
                return
            if after in seen:
                raise Unavailable("ATHENA_PAGE_REPEATED", "read the rows of a query")
            seen.add(after)

    def _check_header(self, rows: Sequence[Any]) -> None:
        names = [value.get("VarCharValue") for value in rows[0]["Data"]] if rows else None
        if names != [name for name, _ in self.columns]:
            raise Refused("ATHENA_HEADER", "read the header of a result")

    def _values(self, row: Any, convert: Callable[[str, str], Any]) -> tuple[Any, ...]:
        values = [value.get("VarCharValue") for value in row["Data"]]
        if len(values) != len(self.columns):
            raise Refused("ATHENA_ROW_WIDTH", "read a row of a result")
        return tuple(
            None if value is None else convert(kind, value)
            for (_, kind), value in zip(self.columns, values, strict=True)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unload:
    """A result that Athena has written.

    Attributes:
        execution_id: Athena's name of the query.
        bytes_scanned: What it is billed by.
        rows: How many rows it wrote; None when its statistics do not tell.
        keys: The Parquet objects in the bucket of the location, sorted; none for an empty result.
        fetch: Opens one of them.
    """

    execution_id: str
    bytes_scanned: int
    rows: int | None
    keys: tuple[str, ...]
    fetch: Callable[[str], IO[bytes]] = field(repr=False)

    def batches(self, size: int = ROWS_PER_PAGE) -> Iterator[list[dict[str, Any]]]:
        """Give the rows by result column, in no order; the values are those of ``Query.batches``.

        One file lies on disk at a time, and ``size`` rows of it in memory.

        Raises:
            Unavailable: A file could not be read, or rows are missing.
        """
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - heavy

        given = 0
        for key in self.keys:
            with self.fetch(key) as file:
                for batch in ParquetFile(file).iter_batches(batch_size=size):
                    given += batch.num_rows
                    yield batch.to_pylist()
        if self.rows is not None and given != self.rows:
            raise Unavailable("ATHENA_ROWS_MISSING", "read every row of an unloaded result")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Execution:
    """A query that has succeeded."""

    id: str
    statistics: dict[str, Any]

    @property
    def bytes_scanned(self) -> int:
        """What it is billed by."""
        return int(self.statistics.get("DataScannedInBytes", 0))


def literal(value: str) -> str:
    """Return a value as the SQL text that Athena puts in place of a ``?``; pure.

    Athena reads an execution parameter as an expression, so text must be quoted: unquoted, a
    campaign that is called ``2026`` becomes a number and ``x`` a column.
    """
    return "'" + value.replace("'", "''") + "'"


def _converter() -> Callable[[str, str], Any]:
    from pyathena.converter import DefaultTypeConverter  # noqa: PLC0415 - heavy
    from pyathena.error import Error  # noqa: PLC0415 - heavy

    convert = DefaultTypeConverter().convert

    def read(kind: str, text: str) -> Any:
        try:
            value = convert(kind, text)
        except (Error, ValueError, DecimalException):
            value = None
        # The converter also gives None for a list that does not look like one: a silent null.
        if value is None:
            raise Refused("ATHENA_UNREADABLE", f"read a value of type {kind}")
        return value

    return read


def _columns(page: Any) -> tuple[tuple[str, str], ...]:
    described = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    return tuple((str(column["Name"]), str(column["Type"])) for column in described)


def _failure(status: Any) -> DoorError:
    """Return the error of a query that failed; Athena's text quotes the statement: dropped."""
    if status["State"] == "CANCELLED":
        return Unavailable("ATHENA_CANCELLED", "run a query")
    error = status.get("AthenaError", {})
    category, kind = error.get("ErrorCategory", 0), error.get("ErrorType", 0)
    attempted = f"run a query (Athena error category {category}, type {kind})"
    if error.get("Retryable") or category == SYSTEM_ERROR:
        return Unavailable("ATHENA_FAILED", attempted)
    return Refused("ATHENA_FAILED", attempted)


def _address(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise Refused("ATHENA_MANIFEST", "find the list of unloaded files")
    return bucket, key


def _ignore(execution_id: str) -> None:
    """Watch nothing."""
