"""What the stand-in remembers: data extensions and their rows, requests, deletions of contacts."""

import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from export_platform.local.services.marketing_cloud.rules import Extension, parsed

_SCHEMA = """
CREATE TABLE IF NOT EXISTS extensions (key TEXT PRIMARY KEY, id TEXT, declared TEXT);
CREATE TABLE IF NOT EXISTS stored (n INTEGER PRIMARY KEY, extension TEXT, pk TEXT, body TEXT);
CREATE UNIQUE INDEX IF NOT EXISTS one_row ON stored (extension, pk);
CREATE INDEX IF NOT EXISTS in_order ON stored (extension, n);
CREATE TABLE IF NOT EXISTS received (
    extension TEXT, row_key TEXT, times INTEGER, PRIMARY KEY (extension, row_key));
CREATE TABLE IF NOT EXISTS requests (id TEXT PRIMARY KEY, called TEXT, due TEXT, failed INTEGER,
    results TEXT);
CREATE TABLE IF NOT EXISTS deletions (id INTEGER PRIMARY KEY, due TEXT, done INTEGER, keys TEXT);
"""
# A request that is never worked off.
NEVER = timedelta(days=3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An asynchronous request.

    Attributes:
        called: When it came.
        due: When it is or was complete.
        results: For each row, in order: `errorCode`, `message`, `status`.
    """

    id: str
    called: datetime
    due: datetime
    failed: bool
    results: Sequence[Mapping[str, str]]


class Tables:
    """The store; one process, any number of threads.

    Args:
        path: The SQLite file.
        now: The clock, aware.
        latency: How long a request is pending.
        deletion: How long a deletion of contacts takes.
    """

    def __init__(
        self,
        path: Path,
        now: Callable[[], datetime],
        *,
        latency: timedelta,
        deletion: timedelta,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._now, self._latency, self._deletion = now, latency, deletion
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        # A killed stand-in may lose its last batches, never half of one.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)

    def declare(self, members: Mapping[str, Any]) -> Extension:
        """Make a data extension anew and empty.

        Raises:
            ValueError: It is none.
        """
        extension = parsed(members, str(uuid.uuid4()))
        with self._transaction():
            for table in ("stored", "received"):
                self._run(f"DELETE FROM {table} WHERE extension = ?", extension.key)  # noqa: S608
            declared = json.dumps(dict(members))
            self._run(
                "INSERT OR REPLACE INTO extensions VALUES (?, ?, ?)",
                extension.key,
                extension.id,
                declared,
            )
        return extension

    def extensions(self) -> list[Extension]:
        """Every data extension by key."""
        with self._lock:
            found = self._run("SELECT declared, id FROM extensions ORDER BY key").fetchall()
        return [parsed(json.loads(declared), identity) for declared, identity in found]

    def extension(self, key: str) -> Extension | None:
        """The data extension with this external key."""
        return next((one for one in self.extensions() if one.key == key), None)

    def receive(
        self,
        extension: Extension,
        rows: Sequence[Mapping[str, Any]],
        *,
        replace: bool,
        fault: str | None,
    ) -> str:
        """Work rows off and keep their results for when the request is due; its id.

        Args:
            extension: Where they go.
            rows: Field to value.
            replace: Whether a row with a key that is there replaces it.
            fault: What goes wrong, in the words of `app.FAULTS`.
        """
        failed = fault == "fail"
        with self._transaction():
            before = self._bodies(extension, rows) if fault == "lose" else {}
            results = [] if failed else self._worked_off(extension, rows, replace=replace)
            if fault == "lose":
                self._lose(extension, rows, results, before)
            if fault == "duplicate":
                self._worked_off(extension, rows, replace=replace, counted=False)
            due = self._now() + (NEVER if fault == "stuck" else self._latency)
            if fault == "reorder":
                results.reverse()
            if fault == "short":
                results = results[1:]
            request_id = str(uuid.uuid4())
            called = self._now().isoformat()
            self._run(
                "INSERT INTO requests VALUES (?, ?, ?, ?, ?)",
                request_id,
                called,
                due.isoformat(),
                failed,
                json.dumps(results),
            )
        return request_id

    def request(self, request_id: str) -> Request | None:
        """A request by its id."""
        with self._lock:
            found = self._run(
                "SELECT called, due, failed, results FROM requests WHERE id = ?", request_id
            ).fetchone()
        if found is None:
            return None
        called, due, failed, results = found
        return Request(
            id=request_id,
            called=datetime.fromisoformat(called),
            due=datetime.fromisoformat(due),
            failed=bool(failed),
            results=json.loads(results),
        )

    def rows(self, extension: Extension) -> list[dict[str, Any]]:
        """Every row of a data extension, in the order in which they came."""
        query = "SELECT body FROM stored WHERE extension = ? ORDER BY n"
        with self._lock:
            found = self._run(query, extension.key).fetchall()
        return [json.loads(body) for (body,) in found]

    def page(self, extension: Extension, start: int, size: int) -> tuple[int, list[dict[str, Any]]]:
        """How many rows there are, and some: who reads all of them must not parse all each time."""
        counted = "SELECT count(*) FROM stored WHERE extension = ?"
        query = "SELECT body FROM stored WHERE extension = ? ORDER BY n LIMIT ? OFFSET ?"
        with self._lock:
            (count,) = self._run(counted, extension.key).fetchone()
            found = self._run(query, extension.key, size, start).fetchall()
        return count, [json.loads(body) for (body,) in found]

    def received(self, extension: Extension) -> dict[str, int]:
        """How often each row was received and taken, by its key."""
        query = "SELECT row_key, times FROM received WHERE extension = ?"
        with self._lock:
            return dict(self._run(query, extension.key).fetchall())

    def delete_contacts(self, keys: Iterable[str]) -> int | None:
        """Begin a deletion; None while another one is under way."""
        self._finish_deletions()
        with self._transaction():
            if self._run("SELECT 1 FROM deletions WHERE done = 0").fetchone():
                return None
            due = self._now() + self._deletion
            return self._run(
                "INSERT INTO deletions (due, done, keys) VALUES (?, 0, ?)",
                due.isoformat(),
                json.dumps(list(keys)),
            ).lastrowid

    def deletions(self) -> list[dict[str, Any]]:
        """Every deletion: id, whether it is done, and its contacts."""
        self._finish_deletions()
        with self._lock:
            found = self._run("SELECT id, done, keys FROM deletions ORDER BY id").fetchall()
        return [
            {"id": number, "done": bool(done), "keys": json.loads(keys)}
            for number, done, keys in found
        ]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._run("BEGIN")
            try:
                yield
            except BaseException:
                self._run("ROLLBACK")
                raise
            self._run("COMMIT")

    def _finish_deletions(self) -> None:
        """Take contacts whose deletion is due out of every sendable data extension."""
        sendable = [one.key for one in self.extensions() if one.sendable]
        with self._transaction():
            due = self._run(
                "SELECT id, keys FROM deletions WHERE done = 0 AND due <= ?",
                self._now().isoformat(),
            ).fetchall()
            for number, keys in due:
                gone = set(json.loads(keys))
                for key in sendable:
                    self._drop(key, gone)
                self._run("UPDATE deletions SET done = 1 WHERE id = ?", number)

    def _drop(self, extension: str, contacts: set[str]) -> None:
        stored = self._run("SELECT n, body FROM stored WHERE extension = ?", extension).fetchall()
        for n, body in stored:
            if json.loads(body).get("SubscriberKey") in contacts:
                self._run("DELETE FROM stored WHERE n = ?", n)

    def _worked_off(
        self,
        extension: Extension,
        rows: Sequence[Mapping[str, Any]],
        *,
        replace: bool,
        counted: bool = True,
    ) -> list[dict[str, str]]:
        return [self._stored(extension, row, replace=replace, counted=counted) for row in rows]

    def _stored(
        self, extension: Extension, given: Mapping[str, Any], *, replace: bool, counted: bool
    ) -> dict[str, str]:
        row = extension.canonical(given)
        refused = extension.refusal(row)
        if refused:
            return {"errorCode": "ValidationError", "message": refused, "status": "Error"}
        key = extension.key_of(row)
        verb = "INSERT OR REPLACE" if replace else "INSERT"
        try:
            self._run(
                f"{verb} INTO stored (extension, pk, body) VALUES (?, ?, ?)",
                extension.key,
                key,
                json.dumps(row),
            )
        except sqlite3.IntegrityError:
            said = f"Violation of PRIMARY KEY constraint. The duplicate key value is ({key})."
            return {"errorCode": "UnexpectedError", "message": said, "status": "Error"}
        if counted:
            self._run(
                "INSERT INTO received VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1",
                extension.key,
                _row_key(extension, row),
            )
        return {"errorCode": "", "message": "", "status": "Success"}

    def _lose(
        self,
        extension: Extension,
        rows: Sequence[Mapping[str, Any]],
        results: Sequence[Mapping[str, str]],
        before: Mapping[str | None, str],
    ) -> None:
        """Forget the first row that was taken, without a word; what was there before stays."""
        for given, result in zip(rows, results, strict=True):
            if not result["errorCode"]:
                row = extension.canonical(given)
                kept, body = before.get(extension.key_of(row)), json.dumps(row)
                if kept is None:
                    query = "DELETE FROM stored WHERE extension = ? AND body = ?"
                    self._run(query, extension.key, body)
                else:
                    query = "UPDATE stored SET body = ? WHERE extension = ? AND body = ?"
                    self._run(query, kept, extension.key, body)
                return

    def _bodies(
        self, extension: Extension, rows: Sequence[Mapping[str, Any]]
    ) -> dict[str | None, str]:
        """What is stored under the primary keys of rows."""
        query = "SELECT body FROM stored WHERE extension = ? AND pk = ?"
        found: dict[str | None, str] = {}
        for row in rows:
            key = extension.key_of(extension.canonical(row))
            for (body,) in self._run(query, extension.key, key):
                found[key] = body
        return found

    def _run(self, sql: str, *values: object) -> sqlite3.Cursor:
        return self._database.execute(sql, values)


def _row_key(extension: Extension, row: Mapping[str, Any]) -> str:
    return extension.key_of(row) or str(row.get(str(extension.fields[0]["name"])))
