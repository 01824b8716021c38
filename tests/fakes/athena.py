"""Athena by script: what a statement answers is written down beforehand."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from resources.athena import ROWS_PER_PAGE, AthenaDoor, Query, Unload, Watch
from resources.errors import Refused
from tests.fakes.asked import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a statement answers.

    Attributes:
        columns: Name and Athena type of each column.
        rows: Python values, as the real door gives them.
        counted: How many rows the statistics claim; None for as many as there are.
        keys: What an ``unload`` is said to have written.
    """

    columns: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    counted: int | None = None
    keys: tuple[str, ...] = ()


Script = Callable[[str, tuple[str, ...]], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeQuery(Query):
    """A query that has succeeded."""

    answer: Answer

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        yield from self.answer.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeUnload(Unload):
    """A result that was written."""

    answer: Answer

    def batches(self, size: int = ROWS_PER_PAGE) -> Iterator[list[dict[str, Any]]]:
        """Give the rows backwards, as nothing promises an order."""
        names = [name for name, _ in self.answer.columns]
        rows = [dict(zip(names, row, strict=True)) for row in reversed(self.answer.rows)]
        for start in range(0, len(rows), size):
            yield rows[start : start + size]


class FakeAthena(AthenaDoor):
    """Athena whose answers are looked up by a piece of the statement, or made by a function.

    Attributes:
        asked: What it was asked.
        executions: Execution id to statement, for every execution that was started.
        stopped: Ids of the executions that were stopped.
    """

    def __init__(self, script: Script | Mapping[str, Answer]) -> None:
        """Know the answers; a mapping is searched for the first key that is part of the SQL."""
        super().__init__(database="fake", staging="s3://fake/staging/")
        self.asked = Asked()
        self.executions: dict[str, str] = {}
        self.stopped: list[str] = []
        self._script = script if callable(script) else _lookup(script)

    def select(
        self, sql: str, parameters: Sequence[str], *, token: str, watch: Watch | None = None
    ) -> FakeQuery:
        """Answer a query."""
        self.asked.note("select", sql, tuple(parameters), token)
        execution_id, answer = self._started(sql, parameters, token, watch)
        counted = len(answer.rows) if answer.counted is None else answer.counted
        return FakeQuery(
            execution_id=execution_id,
            bytes_scanned=len(sql),
            columns=answer.columns,
            rows=counted,
            page=lambda _after: None,
            answer=answer,
        )

    def unload(
        self,
        sql: str,
        parameters: Sequence[str],
        *,
        token: str,
        location: str | None = None,
        watch: Watch | None = None,
    ) -> FakeUnload:
        """Answer an unload; there are no files."""
        self.asked.note("unload", sql, tuple(parameters), token, location)
        execution_id, answer = self._started(sql, parameters, token, watch)
        return FakeUnload(
            execution_id=execution_id,
            bytes_scanned=len(sql),
            rows=len(answer.rows),
            keys=answer.keys,
            fetch=_no_file,
            answer=answer,
        )

    def stop(self, execution_id: str) -> None:
        """Remember that it was stopped."""
        self.asked.note("stop", execution_id)
        self.stopped.append(execution_id)

    def close(self) -> None:
        """Be closed."""
        self.asked.note("close")

    def _started(
        self, sql: str, parameters: Sequence[str], token: str, watch: Watch | None
    ) -> tuple[str, Answer]:
        execution_id = hashlib.sha256(token.encode()).hexdigest()[:32]
        statement = f"{sql} {tuple(parameters)}"
        # As Athena does: a token finds its execution again, and never another statement's.
        if self.executions.setdefault(execution_id, statement) != statement:
            raise Refused("ATHENA_REFUSED", "start a query")
        try:
            if watch is not None:
                watch(execution_id)
            return execution_id, self._script(sql, tuple(parameters))
        except BaseException:
            self.stopped.append(execution_id)
            raise


def _no_file(_key: str) -> IO[bytes]:
    raise Refused("S3_MISSING", "read an unloaded file")


def _lookup(answers: Mapping[str, Answer]) -> Script:
    def script(sql: str, _parameters: tuple[str, ...]) -> Answer:
        for piece, answer in answers.items():
            if piece in sql:
                return answer
        raise Refused("ATHENA_FAILED", "run a query (no answer is scripted for it)")

    return script
