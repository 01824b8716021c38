"""The life of queries: accepted once, queued, run on a pool of threads, remembered over a restart.

Each execution is one JSON file, rewritten by rename at every change of state. A query that was not
finished when the process ended is run again at the next start, under its own id.
"""

import json
import logging
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from export_platform.local.athena import engine as engines
from export_platform.local.athena import results, statement
from export_platform.local.athena.engine import Engine, Outcome, Running
from export_platform.local.athena.failures import (
    Category,
    ErrorType,
    FailedQueryError,
    RefusedCallError,
)
from export_platform.local.athena.lake import Lake
from export_platform.local.athena.plan import plan
from export_platform.local.athena.values import ResultColumn

_LOG = logging.getLogger(__name__)
_WORKERS = 4
# Athena counts queued and running queries together against one quota (Athena service quotas).
_ACTIVE_LIMIT = 200


class State(StrEnum):
    """`QueryExecutionState`."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


_FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the caller asked for; two calls with one token must not differ in it."""

    query: str
    parameters: tuple[str, ...]
    database: str
    catalog: str
    output: str  # s3://bucket/prefix/
    workgroup: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One query, as it is known right now. Instants are seconds since the epoch."""

    id: str
    token: str
    request: Request
    state: State
    submitted: float
    completed: float | None = None
    reason: str | None = None
    error_category: int | None = None
    error_type: int | None = None
    columns: tuple[ResultColumn, ...] = ()
    rows: int = 0
    scanned_bytes: int = 0
    output_bytes: int = 0
    queued_ms: int = 0
    planning_ms: int = 0
    engine_ms: int = 0
    files: tuple[str, ...] = field(default=())  # s3:// addresses of an UNLOAD

    @property
    def kind(self) -> statement.Kind:
        """SELECT or UNLOAD."""
        return statement.parse(self.request.query).kind

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in _FINAL

    @property
    def output_location(self) -> str:
        """Where the result is: a CSV, or the name that the manifest of an UNLOAD begins with."""
        suffix = "" if self.kind is statement.Kind.UNLOAD else ".csv"
        return f"{self.request.output}{self.id}{suffix}"


class Executions:
    """All executions of this endpoint.

    Args:
        directory: Where they and their results are remembered.
        lake: S3.
        now: The clock, aware.
    """

    def __init__(self, directory: Path, lake: Lake, now: Callable[[], datetime]) -> None:
        self._records = directory / "executions"
        self._results = directory / "results"
        self._scratch = directory / "scratch"
        for folder in (self._records, self._results, self._scratch):
            folder.mkdir(parents=True, exist_ok=True)
        self._lake = lake
        self._engine = Engine(lake, directory)
        self._now = now
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="query")
        self._running: dict[str, Running] = {}
        self._known = {found.id: found for found in map(_load, self._records.glob("*.json"))}
        self._tokens = {found.token: found.id for found in self._known.values()}
        for unfinished in [e for e in self._known.values() if not e.is_final]:
            self._submit(unfinished)

    def start(self, request: Request, token: str) -> str:
        """Accepts a query, or finds the one that was accepted under the same token.

        Returns:
            The execution id.

        Raises:
            RefusedCallError: The text is not one query, the token was used for another request, or
                too many queries are active.
        """
        statement.parse(request.query)
        with self._lock:
            if token in self._tokens:
                found = self._known[self._tokens[token]]
                if found.request != request:
                    raise RefusedCallError("Idempotent parameters do not match")
                return found.id
            if sum(not e.is_final for e in self._known.values()) >= _ACTIVE_LIMIT:
                raise RefusedCallError(
                    "You have exceeded the limit for the number of queries you can run"
                    " concurrently.",
                    code="TooManyRequestsException",
                    athena_code="CONCURRENT_QUERY_LIMIT_EXCEEDED",
                )
            execution = Execution(
                id=str(uuid.uuid4()),
                token=token,
                request=request,
                state=State.QUEUED,
                submitted=self._now().timestamp(),
            )
            self._keep(execution)
            self._tokens[token] = execution.id
        self._submit(execution)
        return execution.id

    def get(self, execution_id: str) -> Execution:
        """An execution as it is now.

        Raises:
            RefusedCallError: There is none of that id.
        """
        found = self._known.get(execution_id)
        if found is None:
            raise RefusedCallError(f"QueryExecution {execution_id} was not found")
        return found

    def newest(self) -> list[Execution]:
        """All executions, the newest first."""
        return sorted(self._known.values(), key=lambda e: (-e.submitted, e.id))

    def stop(self, execution_id: str) -> None:
        """Cancels a query that is not final; a final one stays as it is."""
        with self._lock:
            execution = self.get(execution_id)
            if execution.is_final:
                return
            self._keep(
                replace(
                    execution,
                    state=State.CANCELLED,
                    completed=self._now().timestamp(),
                    reason="Query was cancelled by user",
                )
            )
            self._running[execution_id].stop()

    def page(self, execution_id: str, token: str | None, limit: int) -> results.Page:
        """Records of a result, header first; an UNLOAD has none.

        Raises:
            RefusedCallError: The query has not succeeded, or the token is not valid.
        """
        execution = self.get(execution_id)
        if not execution.is_final:
            raise RefusedCallError(f"Query has not yet finished. Current state: {execution.state}")
        if execution.state is not State.SUCCEEDED:
            raise RefusedCallError(
                f"Query did not finish successfully. Final query state: {execution.state}"
            )
        if execution.kind is statement.Kind.UNLOAD:
            return results.Page(records=[], next_token=None)
        return results.read_page(self._result(execution), token, limit)

    def _submit(self, execution: Execution) -> None:
        self._running[execution.id] = Running()
        self._pool.submit(self._run, execution.id)

    def _run(self, execution_id: str) -> None:
        running = self._running[execution_id]
        execution = self._change(execution_id, {"state": State.RUNNING})
        if execution is None:
            return  # cancelled while it was queued
        queued_ms = round((self._now().timestamp() - execution.submitted) * 1000)
        began = time.monotonic()
        try:
            changes = self._execute(execution, running)
        except FailedQueryError as failure:
            changes = _failed(failure)
        except RefusedCallError as refusal:
            changes = _failed(FailedQueryError(f"SYNTAX_ERROR: {refusal.message}"))
        except Exception as error:  # noqa: BLE001 - a query must end, whatever its thread met
            _LOG.exception("a query failed")
            changes = _failed(
                FailedQueryError(
                    f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}",
                    category=Category.SYSTEM,
                    kind=ErrorType.ENGINE,
                )
            )
        elapsed = round((time.monotonic() - began) * 1000)
        timing = {
            "queued_ms": queued_ms,
            "engine_ms": elapsed,
            "completed": self._now().timestamp(),
        }
        self._change(execution_id, {**timing, **changes})
        del self._running[execution_id]

    def _execute(self, execution: Execution, running: Running) -> dict[str, object]:
        began = time.monotonic()
        parsed = statement.parse(execution.request.query)
        query = statement.bind(parsed.query, list(execution.request.parameters))
        planned = plan(query, execution.request.database)
        planning_ms = round((time.monotonic() - began) * 1000)
        if parsed.unload is None:
            path = self._result(execution)
            outcome = self._engine.select(planned, query, path, running)
            self._lake.store(path, execution.output_location)
            return _succeeded(outcome, planning_ms, path.stat().st_size, ())
        self._make_room(parsed.unload.location, execution.id)
        folder = self._scratch / execution.id
        folder.mkdir(exist_ok=True)
        try:
            target = engines.Target(
                directory=folder, name=execution.id, compression=parsed.unload.compression
            )
            outcome = self._engine.unload(planned, query, target, running)
            stored = self._store_unload(outcome, parsed.unload.location, execution, running)
            size = sum(path.stat().st_size for path in outcome.files)
            return _succeeded(outcome, planning_ms, size, stored)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _make_room(self, location: str, execution_id: str) -> None:
        """Refuses a target that is not empty; what this execution left before is removed."""
        self._lake.remove(location, execution_id)
        if not self._lake.is_empty(location):
            raise FailedQueryError(
                "HIVE_PATH_ALREADY_EXISTS: Target directory for table already exists: "
                f"{location}. You may need to manually clean the data at this location before"
                " retrying. Athena will not delete data in your account."
            )

    def _store_unload(
        self, outcome: Outcome, location: str, execution: Execution, running: Running
    ) -> tuple[str, ...]:
        stored = []
        for path in outcome.files:
            if running.is_stopped:
                raise FailedQueryError("Query cancelled!")
            stored.append(f"{location}{path.name}")
            self._lake.store(path, stored[-1])
        manifest = self._scratch / execution.id / "manifest"
        manifest.write_text("".join(f"{address}\n" for address in stored), "utf-8")
        self._lake.store(manifest, f"{execution.output_location}-manifest.csv")
        return tuple(stored)

    def _change(self, execution_id: str, changes: Mapping[str, object]) -> Execution | None:
        """Changes an execution that is not final; None when it is, because final is final."""
        with self._lock:
            before = self._known[execution_id]
            if before.is_final:
                return None
            after = replace(before, **changes)  # type: ignore[arg-type]
            self._keep(after)
            return after

    def _keep(self, execution: Execution) -> None:
        path = self._records / f"{execution.id}.json"
        fresh = path.with_suffix(".tmp")
        fresh.write_text(json.dumps(asdict(execution)), "utf-8")
        fresh.replace(path)
        self._known[execution.id] = execution

    def _result(self, execution: Execution) -> Path:
        return self._results / f"{execution.id}.csv"


def _load(path: Path) -> Execution:
    stored = json.loads(path.read_text("utf-8"))
    request = stored.pop("request")
    request["parameters"] = tuple(request["parameters"])
    columns = tuple(ResultColumn(**column) for column in stored.pop("columns"))
    files = tuple(stored.pop("files"))
    state = State(stored.pop("state"))
    return Execution(
        **stored, request=Request(**request), columns=columns, files=files, state=state
    )


def _succeeded(
    outcome: Outcome, planning_ms: int, size: int, files: tuple[str, ...]
) -> dict[str, object]:
    return {
        "state": State.SUCCEEDED,
        "columns": outcome.columns,
        "rows": outcome.rows,
        "scanned_bytes": outcome.scanned_bytes,
        "output_bytes": size,
        "planning_ms": planning_ms,
        "files": files,
    }


def _failed(failure: FailedQueryError) -> dict[str, object]:
    return {
        "state": State.FAILED,
        "reason": failure.message,
        "error_category": int(failure.category),
        "error_type": int(failure.kind),
    }
