"""Dagster's storage of a deployment on one machine: three SQLite files, named in `dagster.yaml`.

Dagster's own makes a new engine for every statement, which compiles it anew, and a connection, at
whose end SQLite tidies its journal up; and it waits for the disk in every commit. A run of a small
export has about forty of them on its way. Here both are kept and the disk is waited for less often:
a process that dies loses nothing; a machine that loses its power may lose the last moments of
Dagster's log, of which no export depends (docs/decisions/0002).
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import dagster as dg
from dagster._core.event_api import EventLogCursor
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.snap import ExecutionPlanSnapshot
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import (
    AssetKeyTable,
    ConsolidatedSqliteEventLogStorage,
    DynamicPartitionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.base import AssetRecord
from dagster._core.storage.event_log.polling_event_watcher import SqlPollingEventWatcher
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._serdes import ConfigurableClassData, deserialize_value
from dagster._time import datetime_from_timestamp
from dagster_shared.record import copy
from sqlalchemy import (
    Connection,
    Engine,
    Select,
    bindparam,
    create_engine,
    event,
    inspect,
    select,
)
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

# As long as Dagster itself lets a writer of SQLite wait for another.
_BUSY_SECONDS = 20.0
# Which file a connection is to, among what the pool keeps with it.
_FILE: Final = "file"


@cache
def _engine(conn_string: str) -> Engine:
    """The engine of a file, kept by the process with the connections that nobody uses.

    Threads may share it. A process that is forked gets none of the connections, which SQLite
    forbids; what was open before is closed then.
    """
    engine = create_engine(
        conn_string,
        max_overflow=-1,  # who needs one never waits; five are kept,
        pool_use_lifo=True,  # and the one that was used last has most in its cache
        connect_args={"timeout": _BUSY_SECONDS},
    )
    file = Path(engine.url.database or "")

    @event.listens_for(engine, "connect")
    def opened(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        # In WAL mode the file stays whole without a wait for the disk in every commit.
        connection.execute("PRAGMA synchronous = NORMAL")
        record.info[_FILE] = _identity(file)

    @event.listens_for(engine, "checkout")
    def taken(_: object, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
        if record.info[_FILE] != _identity(file):
            raise DisconnectionError  # the file was removed: it is opened anew

    os.register_at_fork(before=engine.dispose)
    return engine


def _identity(file: Path) -> tuple[int, int] | None:
    """What tells a file from another that takes its place; None where there is none."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


@cache
def _known(conn_string: str) -> set[str]:  # noqa: ARG001 - the key
    """What a file was once seen to have."""
    return set()


@cache
def _plans(conn_string: str) -> dict[str, ExecutionPlanSnapshot]:  # noqa: ARG001 - the key
    """The plans that were read from a file: one a job."""
    return {}


@cache
def _by_id(*columns: str) -> Select[Any]:
    """The query for these columns of a run."""
    wanted = select(*(RunsTable.c[name] for name in columns))
    return wanted.where(RunsTable.c.run_id == bindparam("run"))


@lru_cache(maxsize=64)
def _run(body: str) -> dg.DagsterRun:
    """A run as it was written; six times in each run, of which three are new."""
    return deserialize_value(body, dg.DagsterRun)


class _KeptEngine:
    """A storage in one file, through the kept engine."""

    _conn_string: str

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction."""
        with _engine(self._conn_string).begin() as connection:
            yield connection

    def _has(self, name: str, look: Callable[[], bool]) -> bool:
        """Whether the file has a table or a column; what was seen once is not looked for again.

        Dagster asks nine times a run.
        """
        known = _known(self._conn_string)
        if name not in known and look():
            known.add(name)
        return name in known


# Files whose tables this process has made or found in order. The code server makes an instance for
# every tick of a sensor, and Dagster looks at the revisions of two files each time: 80 ms of CPU.
_IN_ORDER: Final = set[Path]()


def _in_order(base_dir: str, name: str, prepare: Callable[[str], object]) -> str:
    """The connection string of a file that was prepared, once a process and again if it is gone."""
    file = Path(base_dir) / f"{name}.db"
    if file not in _IN_ORDER or not file.exists():
        prepare(base_dir)
        _IN_ORDER.add(file)  # only then: what failed half-way must be tried again
    return create_db_conn_string(base_dir, name)


class RunStorage(_KeptEngine, SqliteRunStorage):
    """Runs and their tags, in `runs.db` of a folder.

    Args:
        conn_string: Names the file.
        inst_data: As Dagster gives it.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "RunStorage":
        """As Dagster makes it from `dagster.yaml`."""
        return cls(_in_order(config_value["base_dir"], "runs", cls.from_local), inst_data)

    def has_run_stats_index_cols(self) -> bool:
        """Whether a run has a column for when it began and ended."""
        return self._has("run stats", super().has_run_stats_index_cols)

    def has_backfill_id_column(self) -> bool:
        """Whether a run has a column for its backfill."""
        return self._has("backfill", super().has_backfill_id_column)

    def _runs_query(
        self,
        filters: dg.RunsFilter | None = None,
        cursor: str | None = None,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
        *rest: Any,
        **named: Any,
    ) -> Any:
        """A query for runs; that for one by its id, six in each run, is made once."""
        if filters and columns and cursor is None and filters == dg.RunsFilter(filters.run_ids):
            match filters.run_ids:
                case [run_id]:
                    return _by_id(*columns).params(run=run_id)
        return super()._runs_query(filters, cursor, limit, columns, *rest, **named)

    def _get_run_by_id(self, run_id: str) -> dg.DagsterRun | None:
        query = _by_id("run_body", "status").params(run=run_id)
        return next(map(self._row_to_run, self.fetchall(query)), None)

    def _row_to_run(self, row: Mapping[str, Any]) -> dg.DagsterRun:
        return _run(row["run_body"]).with_status(dg.DagsterRunStatus(row["status"]))

    def get_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> ExecutionPlanSnapshot:
        """The plan of an id, which is its digest: it never changes, and every run asks twice."""
        kept = _plans(self._conn_string)
        if execution_plan_snapshot_id in kept:
            return kept[execution_plan_snapshot_id]
        found = super().get_execution_plan_snapshot(execution_plan_snapshot_id)
        if found is not None:
            kept[execution_plan_snapshot_id] = found
        return found

    def has_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> bool:
        """Whether the file has a plan; it may have lost one that was read before."""
        return self._has_snapshot_id(execution_plan_snapshot_id)


class ScheduleStorage(_KeptEngine, SqliteScheduleStorage):
    """The state and the ticks of sensors, in `schedules.db` of a folder.

    Args:
        conn_string: Names the file.
        inst_data: As Dagster gives it.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "ScheduleStorage":
        """As Dagster makes it from `dagster.yaml`."""
        return cls(_in_order(config_value["base_dir"], "schedules", cls.from_local), inst_data)

    def has_instigators_table(self) -> bool:
        """Whether there is a table of sensors; Dagster looks ten times a tick."""
        return self._has("instigators", super().has_instigators_table)

    def _has_instigators_table(self, conn: Connection) -> bool:
        look = super()._has_instigators_table
        return self._has("instigators", lambda: look(conn))

    def has_built_index(self, migration_name: str) -> bool:
        """Whether a migration is done, which nothing undoes."""
        look = super().has_built_index
        return self._has(f"index {migration_name}", lambda: look(migration_name))


_KEEP: Final = SqlEventLogStorageTable.insert()
# The answer of a check, into the row that its plan has made.
_ANSWER: Final = AssetCheckExecutionsTable.update().where(
    AssetCheckExecutionsTable.c.asset_key == bindparam("of_asset"),
    AssetCheckExecutionsTable.c.check_name == bindparam("of_check"),
    AssetCheckExecutionsTable.c.run_id == bindparam("of_run"),
    AssetCheckExecutionsTable.c.partition.is_(None),
)
_ANY: Final = select(AssetKeyTable.c.id).where(
    AssetKeyTable.c.asset_key.in_(bindparam("keys", expanding=True))
)
_PARTITION: Final = select(DynamicPartitionsTable.c.partition).where(
    DynamicPartitionsTable.c.partitions_def_name == bindparam("of"),
    DynamicPartitionsTable.c.partition == bindparam("key"),
)
# What a run says on its way to the next thing that it says, with no work of an export between.
_SAID_IN_PASSING: Final = frozenset(
    {
        DagsterEventType.RESOURCE_INIT_STARTED,
        DagsterEventType.RESOURCE_INIT_SUCCESS,
        DagsterEventType.LOGS_CAPTURED,
        DagsterEventType.STEP_OUTPUT,
        DagsterEventType.ASSET_CHECK_EVALUATION,
        DagsterEventType.STEP_SUCCESS,
    }
)


class _Storing(threading.local):
    """What a thread keeps.

    Attributes:
        connection: The transaction in which it keeps events; None while it keeps none.
        text: The event that is kept now, as it is written.
        materialised: What the run that it executes has materialised.
        waiting: Events that are kept with the next one.
    """

    connection: Connection | None = None
    text: str = ""
    materialised: dg.EventLogRecord | None = None

    def __init__(self) -> None:
        self.waiting = list[EventLogEntry]()


def _is_in_passing(event: EventLogEntry) -> bool:
    told = event.dagster_event  # what a person reports has no run, and perhaps nothing behind it
    return bool(told and event.run_id and told.event_type in _SAID_IN_PASSING)


def _asset(event: EventLogEntry) -> str:
    key = event.get_dagster_event().asset_key
    return key.to_string() if key else ""


def _alone(record: dg.EventLogRecord) -> dg.AssetRecordsFilter | None:
    """What asks for the materialisations of the partition of one; None where it has none."""
    if record.asset_key is None or record.partition_key is None:
        return None
    return dg.AssetRecordsFilter(record.asset_key, asset_partitions=[record.partition_key])


def _as_record(text: str, event_id: int) -> str:
    """An event that is written already, as `serialize_value` writes the record of it."""
    return f'{{"__class__": "EventLogRecord", "event_log_entry": {text}, "storage_id": {event_id}}}'


class OneFileEventLog(_KeptEngine, ConsolidatedSqliteEventLogStorage):
    """All events of all runs in `event_log.db` of a folder.

    Dagster's usual log makes a database for every run: 0.2 to 0.4 s before the run's first event,
    and again as much in the process that executes it. Its own consolidated one has no such cost,
    but shows a running run's events only once SQLite tidies its journal up; here they are asked
    for, as Dagster does with PostgreSQL.

    Args:
        base_dir: The folder.
        inst_data: As Dagster gives it.
    """

    def run_connection(self, run_id: str | None) -> AbstractContextManager[Connection]:  # noqa: ARG002 - every run is in the one file
        """A transaction."""
        return self.connect()

    def index_connection(self) -> AbstractContextManager[Connection]:
        """A transaction."""
        return self.connect()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction; while events are kept the one of those."""
        if self._storing.connection is not None:
            yield self._storing.connection
            return
        self._keep_waiting()
        with super().connect() as connection:
            yield connection

    def store_event(self, event: EventLogEntry) -> None:
        """Keep an event and what follows from it, in one transaction; Dagster makes up to four.

        What a run says in passing is kept with what it says next. Each transaction writes ten
        pages and reads again what another process has changed: a run had eighteen, and has six.
        """
        self._storing.waiting.append(event)
        if not _is_in_passing(event):
            self._keep_waiting()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Keep several events in one transaction."""
        self._storing.waiting.extend(events)
        self._keep_waiting()

    def _keep_waiting(self) -> None:
        """Keep the events that wait; where that fails, none of them."""
        waiting, self._storing.waiting = self._storing.waiting, []
        if not waiting:
            return
        with super().connect() as connection, self._within(connection):
            for event in waiting:
                self._keep(connection, event)

    def _keep(self, connection: Connection, event: EventLogEntry) -> None:
        """Keep one; its statement is made once: Dagster makes one for each."""
        told = event.dagster_event
        kind = told.event_type if told else None
        if told and told.is_job_event:  # a run begins or ends
            self._storing.materialised = None
        event_id = connection.execute(_KEEP, self._event_to_row(event)).lastrowid
        if told and told.asset_key and kind in ASSET_EVENTS:
            self._store_asset_event_tags(connection, [event], [event_id])
            self._store_asset_event(connection, event, event_id)
        if kind in ASSET_CHECK_EVENTS:
            self.store_asset_check_event(event, event_id)

    @contextmanager
    def _within(self, connection: Connection) -> Iterator[None]:
        self._storing.connection = connection
        try:
            yield
        finally:
            self._storing.connection = None

    def fetch_materializations(
        self,
        records_filter: dg.AssetKey | dg.AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> dg.EventRecordsResult:
        """Materialisations of an asset; within a run, the last one of its partition is its own.

        Each check asks for it: to read it three times took a tenth of the run, and gave that of
        another run where two have the same partition.
        """
        ours = self._storing.materialised
        if ours and limit == 1 and cursor is None and records_filter == _alone(ours):
            position = EventLogCursor.from_storage_id(ours.storage_id).to_string()
            return dg.EventRecordsResult([ours], cursor=position, has_more=True)
        return super().fetch_materializations(records_filter, limit, cursor, ascending)

    def _event_to_row(self, event: EventLogEntry) -> dict[str, Any]:
        row = super()._event_to_row(event)
        self._storing.text = row["event"]
        return row

    def _store_asset_event(self, conn: Connection, event: EventLogEntry, event_id: int) -> None:
        """Keep what is the last of an asset; Dagster inserts first, which is mostly refused."""
        columns = self._has_asset_key_index_cols_on_connection(conn)
        values = self._get_asset_entry_values(event, event_id, columns)
        known = AssetKeyTable.c.asset_key == _asset(event)
        if values and not conn.execute(AssetKeyTable.update().values(values).where(known)).rowcount:
            super()._store_asset_event(conn, event, event_id)
        if event.get_dagster_event().is_step_materialization:
            self._storing.materialised = dg.EventLogRecord(event_id, event)

    def _get_asset_entry_values(
        self,
        event: EventLogEntry,
        event_id: int,
        has_asset_key_index_cols: bool,
    ) -> dict[str, Any]:
        """What is the last of an asset; Dagster puts a materialisation into words once more."""
        if not event.get_dagster_event().is_step_materialization:
            return super()._get_asset_entry_values(event, event_id, has_asset_key_index_cols)
        at = {"last_materialization_timestamp": datetime_from_timestamp(event.timestamp)}
        return {
            "last_materialization": _as_record(self._storing.text, event_id),
            "last_run_id": event.run_id,
            **(at if has_asset_key_index_cols else {}),
        }

    def _update_asset_check_evaluation(self, event: EventLogEntry, event_id: int | None) -> None:
        """Keep the answer of a check, as Dagster does; but the statement is made once."""
        answer = event.get_dagster_event().asset_check_evaluation_data
        about, status = answer.target_materialization_data, AssetCheckExecutionRecordStatus
        row = {
            "of_asset": answer.asset_key.to_string(),
            "of_check": answer.check_name,
            "of_run": event.run_id,
            "execution_status": (status.SUCCEEDED if answer.passed else status.FAILED).value,
            "evaluation_event": self._storing.text,
            "evaluation_event_timestamp": self._event_insert_timestamp(event),
            "evaluation_event_storage_id": event_id,
            "materialization_event_storage_id": about.storage_id if about else None,
        }
        with self.connect() as connection:
            planned = answer.partition is None and connection.execute(_ANSWER, row).rowcount
            if not planned:
                super()._update_asset_check_evaluation(event, event_id)

    def has_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> bool:
        """Whether there is a partition; every run asks twice."""
        wanted = {"of": partitions_def_name, "key": partition_key}
        with super().connect() as connection:  # no event is asked for
            return connection.execute(_PARTITION, wanted).first() is not None

    @property
    def asset_records_have_last_observation(self) -> bool:
        """They do; else Dagster asks, in every run, for those of each source of its export."""
        return True

    def get_asset_records(
        self, asset_keys: Sequence[dg.AssetKey] | None = None
    ) -> Sequence[AssetRecord]:
        """What is known of assets; there is nothing of one that never had an event.

        Every run asks for the sources of its export, of which no event was ever kept: Dagster looks
        for their newest one all the same, a thirtieth of a run.
        """
        if asset_keys is not None and not self._has_any(asset_keys):
            return []
        return [self._with_observation(one) for one in super().get_asset_records(asset_keys)]

    def _has_any(self, asset_keys: Sequence[dg.AssetKey]) -> bool:
        wanted = {"keys": [key.to_string() for key in asset_keys]}
        with self.connect() as connection:
            return connection.execute(_ANY, wanted).first() is not None

    def _with_observation(self, record: AssetRecord) -> AssetRecord:
        found = self.fetch_observations(record.asset_entry.asset_key, limit=1).records
        seen = copy(record.asset_entry, last_observation_record=next(iter(found), None))
        return copy(record, asset_entry=seen)

    def has_table(self, table_name: str) -> bool:
        """Whether there is a table of this name."""
        return self._has(table_name, lambda: self._finds(table_name))

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        look = super()._has_asset_key_col_on_connection
        return self._has(f"asset_keys.{column_name}", lambda: look(conn, column_name))

    def _finds(self, table_name: str) -> bool:
        with self.connect() as connection:
            return inspect(connection).has_table(table_name)

    def watch(
        self, run_id: str, cursor: str | None, callback: Callable[[EventLogEntry, str], None]
    ) -> None:
        """Call back for each event of a run after a cursor."""
        self._watcher.watch_run(run_id, cursor, callback)

    def end_watch(self, run_id: str, handler: Callable[[EventLogEntry, str], None]) -> None:
        """No longer call back."""
        self._watcher.unwatch_run(run_id, handler)

    def dispose(self) -> None:
        """Nothing is asked after this."""
        if "_watcher" in self.__dict__:
            self._watcher.close()

    @cached_property
    def _storing(self) -> "_Storing":
        return _Storing()

    @cached_property
    def _watcher(self) -> SqlPollingEventWatcher:
        return SqlPollingEventWatcher(self)
