"""A short round without processes, and its controls; `make canaries` is the whole one."""

import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from api_bridge.middleware import failures
from api_bridge.protocol.problems import Code, ProblemError
from api_bridge.telemetry.metrics import Metrics
from assets import attempt
from assets.model.failure import ExportFailed
from resources import tracing
from tests.canaries.control import GUARDS
from tests.canaries.indoors import forced, house
from tests.canaries.places import INDOORS, every, row
from tests.canaries.sinks import Sinks, line, of_folder
from tests.faults.patched import ROOT


def test_no_failure_tells_a_canary(tmp_path: Path) -> None:
    """RELIABILITY.md S17: what fails says a code; nobody reads a person's name in a log."""
    sinks = Sinks()
    with house(tmp_path) as found:
        failed = forced(found, tmp_path, sinks)

    assert [] == sinks.hits(every())
    assert len(INDOORS) >= 30
    assert failed >= 100
    assert {name for name in KEPT if not any(sinks.kept[name])} == set()


KEPT = {
    "answers", "log", "metrics", "traces", "MongoDB",
    "Dagster's storage", "Dagster's events", "compute logs",
}  # fmt: skip


def test_a_planted_leak_is_found_in_every_sink(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: each guard is taken away where it stands, and each sink is read."""
    answered = Metrics.answered

    def telling(error: Exception) -> ExportFailed:
        sys.stdout.write(row("our own bug"))
        return ExportFailed("INTERNAL", f"{error} {error.__cause__}")

    def labelled(self: Metrics, **labels: Any) -> None:
        answered(self, **{**labels, "route": row("path")})

    monkeypatch.setattr(attempt, "reduced", telling)
    monkeypatch.setattr(Metrics, "answered", labelled)
    monkeypatch.setattr(failures, "_log", lambda error, _: failures.LOGGER.error("%s", error))
    monkeypatch.setattr(
        failures, "as_problem", lambda error: ProblemError(Code.INTERNAL_ERROR, str(error))
    )
    monkeypatch.setattr(tracing, "_HARMLESS", re.compile(r"(?s).*"))
    monkeypatch.setattr(attempt, "_code", str)
    sinks = Sinks()
    with house(tmp_path) as found:
        forced(found, tmp_path, sinks, runs=2)

    leaked = {hit.rpartition(" in ")[2] for hit in sinks.hits(every())}
    assert KEPT - leaked == set()


def test_the_guards_that_the_whole_round_takes_away_stand_where_it_says() -> None:
    """`make canaries` would notice, but weeks later."""
    stands = [(ROOT / file).read_text(encoding="utf-8").count(text) for file, text, _ in GUARDS]

    assert stands == [1] * len(GUARDS)


def test_a_text_in_any_row_of_a_database_is_found(tmp_path: Path) -> None:
    """Dagster's storage is SQLite, whose pages cut a long text in two."""
    long = "x" * 9_000 + row("reason") + "y" * 9_000
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("create table events (said text)")
        database.execute("insert into events values (?)", [long])
    sinks = Sinks()
    for name, content in of_folder(tmp_path):
        sinks.keep(name, content)

    assert ["reason as raw in a.db"] == sinks.hits(every())


def test_the_line_counts_what_was_found() -> None:
    """It is what the acceptance asks for, word for word."""
    assert "canaries=2 failures=7 hits=1" == line(["a", "b"], 7, ["a as raw in log"])
