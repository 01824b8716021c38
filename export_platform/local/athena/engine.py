"""Runs one planned query on DuckDB, and turns what comes out into Athena's files."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from export_platform.local.athena import results, values
from export_platform.local.athena.failures import FailedQueryError, from_engine
from export_platform.local.athena.lake import Lake, Selected
from export_platform.local.athena.plan import Plan, Scan
from export_platform.local.athena.tables import HiveColumn
from export_platform.local.athena.values import ResultColumn

_FETCH = 2_000  # rows handed from DuckDB to Python at a time
_BATCH = 50_000  # rows of one Arrow batch of an UNLOAD
# Athena writes with many workers: several files in no order. Four show that to whoever reads them.
_WRITERS = 4
_HIVE: dict[str, str] = {"string": "VARCHAR", "int": "INTEGER"}
_DATABASE: dict[str, int | str] = {
    "threads": 2,
    "memory_limit": "1GB",  # queries above it spill to disk
}
_SESSION = {
    "integer_division": True,  # as in Athena: 1 / 2 is 0
    "TimeZone": "UTC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a query has produced.

    Attributes:
        columns: Its columns.
        rows: How many rows.
        scanned_bytes: Size of the partition files it was given.
        files: Parquet files of an UNLOAD, in the local folder.
    """

    columns: tuple[ResultColumn, ...]
    rows: int
    scanned_bytes: int
    files: tuple[Path, ...] = ()


class Engine:
    """Runs queries, each on a connection of its own to one DuckDB in memory.

    A DuckDB of its own cost a query 27 ms, a connection costs 0.5; views are temporary, so that
    no query sees another's.

    Args:
        lake: Where the tables are.
        directory: Folder for the copies of partition files and for what spills to disk.
    """

    def __init__(self, lake: Lake, directory: Path) -> None:
        self._lake = lake
        self._database = duckdb.connect(
            config={"temp_directory": str(directory / "spill"), **_DATABASE}
        )
        self._making = threading.Lock()

    def select(self, plan: Plan, query: str, target: Path, running: "Running") -> Outcome:
        """Runs a query and writes its result as CSV.

        Args:
            plan: The planned query.
            query: Its text, for the words of an error.
            target: The file to write.
            running: Lets another thread interrupt it.

        Raises:
            FailedQueryError: It failed.
        """
        with self._connected(plan, query, running) as (connection, scanned):
            connection.execute(plan.sql)
            described = [(name, kind) for name, kind, *_ in connection.description]
            writers = [values.writer(kind) for _, kind in described]
            count = results.write(target, [n for n, _ in described], _texts(connection, writers))
            return Outcome(columns=_columns(described), rows=count, scanned_bytes=scanned)

    def unload(self, plan: Plan, query: str, target: "Target", running: "Running") -> Outcome:
        """Runs a query and writes its result as several Parquet files; for an empty one, none.

        Args:
            plan: The planned query.
            query: Its text, for the words of an error.
            target: Where and how to write.
            running: Lets another thread interrupt it.

        Raises:
            FailedQueryError: It failed.
        """
        with self._connected(plan, query, running) as (connection, scanned):
            relation = connection.sql(plan.sql)
            described = list(zip(relation.columns, relation.types, strict=True))
            count, files = _write_parquet(relation.to_arrow_reader(_BATCH), target)
            return Outcome(
                columns=_columns(described), rows=count, scanned_bytes=scanned, files=files
            )

    @contextlib.contextmanager
    def _connected(self, plan: Plan, query: str, running: "Running") -> Iterator[tuple[Any, int]]:
        selected = [(scan, self._lake.select(scan)) for scan in plan.scans]
        try:
            with self._connection() as made:
                for scan, files in selected:
                    made.execute(_view(made, scan, files))
                with running.of(made):
                    yield made, sum(files.bytes for _, files in selected)
        except duckdb.Error as error:
            raise from_engine(error, query) from error

    def _connection(self) -> Any:
        with self._making:  # a connection is not made by two threads at once
            made = self._database.cursor()
        for name, value in _SESSION.items():
            made.execute(f"SET SESSION {name} = '{value}'")
        return made


class Running:
    """The handle by which a running query is interrupted from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None
        self._stopped = False

    def stop(self) -> None:
        """Interrupts the query; one that has not started yet will end as soon as it does."""
        with self._lock:
            self._stopped = True
            if self._connection is not None:
                self._connection.interrupt()

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped

    @contextlib.contextmanager
    def of(self, connection: Any) -> Iterator[None]:
        """Holds the connection for as long as the query runs on it."""
        with self._lock:
            if self._stopped:
                raise FailedQueryError("Query cancelled!")
            self._connection = connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where UNLOAD writes locally.

    Attributes:
        directory: Folder for the files.
        name: Beginning of their names.
        compression: Parquet codec.
    """

    directory: Path
    name: str
    compression: str


def _columns(described: Sequence[tuple[str, Any]]) -> tuple[ResultColumn, ...]:
    return tuple(values.column(name, kind) for name, kind in described)


def _texts(connection: Any, writers: Sequence[values.Write]) -> Iterator[list[str | None]]:
    while rows := connection.fetchmany(_FETCH):
        for row in rows:
            yield [
                None if value is None else write(value)
                for write, value in zip(writers, row, strict=True)
            ]


def _view(connection: Any, scan: Scan, files: Selected) -> str:
    """The view of one scan: the declared columns with their types, whatever the files hold."""
    columns = (*scan.table.columns, *scan.table.partition_keys)
    if not files.paths:
        fields = ", ".join(f"CAST(NULL AS {_duckdb_type(c)}) AS {_quoted(c.name)}" for c in columns)
        return f"CREATE TEMP VIEW {scan.view} AS SELECT {fields} WHERE false"
    paths = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files.paths)
    source = (
        f"read_parquet([{paths}], union_by_name = true, hive_partitioning = true,"
        " hive_types_autocast = false)"
    )
    connection.execute(f"SELECT * FROM {source} LIMIT 0")  # noqa: S608 - paths are ours, and quoted
    present = {name for name, *_ in connection.description}
    fields = ", ".join(
        f"CAST({_quoted(c.name) if c.name in present else 'NULL'} AS {_duckdb_type(c)})"
        f" AS {_quoted(c.name)}"
        for c in columns
    )
    return f"CREATE TEMP VIEW {scan.view} AS SELECT {fields} FROM {source}"  # noqa: S608 - as above


def _quoted(name: str) -> str:
    return f'"{name}"'


def _duckdb_type(column: HiveColumn) -> str:
    kind = column.type
    if kind.startswith("array<"):
        inner = HiveColumn(name="", type=kind[len("array<") : -1])
        return f"{_duckdb_type(inner)}[]"
    return _HIVE.get(kind, kind.upper())


def _write_parquet(reader: pa.RecordBatchReader, target: Target) -> tuple[int, tuple[Path, ...]]:
    """Deals each batch out to the writers, so that no file holds an order and several exist."""
    schema = pa.schema([pa.field(f.name, _storable(f.type)) for f in reader.schema])
    writers: dict[int, pq.ParquetWriter] = {}
    paths: dict[int, Path] = {}
    count = 0
    with contextlib.ExitStack() as stack:
        for batch in reader:
            count += batch.num_rows
            for number, part in _dealt(pa.Table.from_batches([batch]).cast(schema)):
                if number not in writers:
                    paths[number] = target.directory / f"{target.name}_{number:05}"
                    writers[number] = stack.enter_context(
                        pq.ParquetWriter(paths[number], schema, compression=target.compression)
                    )
                writers[number].write_table(part)
    return count, tuple(paths[number] for number in sorted(paths))


def _dealt(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    step = -(-table.num_rows // _WRITERS)
    for number in range(_WRITERS):
        part = table.slice(number * step, step)
        if part.num_rows:
            yield number, part


def _storable(kind: pa.DataType) -> pa.DataType:
    """The type Athena would store: it has no 128-bit integer and no microseconds."""
    if pa.types.is_decimal(kind) and kind.scale == 0 and kind.precision == 38:  # noqa: PLR2004 - DuckDB's HUGEINT
        return pa.int64()
    if pa.types.is_timestamp(kind):
        return pa.timestamp("ms")
    return kind
