"""Dagster's event log in one file: all of it is found again, and told while a run goes on."""

import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance whose settings name the log as `dagster.yaml` does."""
    (tmp_path / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "event_log_storage:\n"
        "  module: export_platform.local.event_log\n"
        "  class: OneFileEventLog\n"
        f"  config: {{base_dir: {tmp_path}}}\n",
        encoding="utf-8",
    )
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        yield made


@dg.asset
def entries() -> dg.MaterializeResult:
    """Something that leaves events."""
    return dg.MaterializeResult(metadata={"rows": 3})


def test_the_events_of_each_run_are_found_again_and_lie_in_one_file(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """A database a run costs it 0.3 s before its first event."""
    ids = [dg.materialize([entries], instance=instance).run_id for _ in range(2)]

    of_runs = [{entry.run_id for entry in instance.all_logs(each)} for each in ids]
    newest = instance.get_latest_materialization_event(entries.key)
    assert [{each} for each in ids] == of_runs
    assert newest is not None
    assert ids[-1] == newest.run_id
    files = {each.name for each in tmp_path.rglob("*.db")}
    assert "event_log.db" in files
    assert not files & {f"{each}.db" for each in ids}


def test_who_watches_a_run_is_told_of_an_event_that_comes_later(
    instance: dg.DagsterInstance,
) -> None:
    """The Dagster page shows a run while it goes on."""
    run_id = dg.materialize([entries], instance=instance).run_id
    (run,) = instance.get_runs(dg.RunsFilter(run_ids=[run_id]))
    said, told = list[str](), threading.Event()

    def hear(entry: dg.EventLogEntry, _cursor: str) -> None:
        said.append(entry.run_id)
        if "the later one" in str(entry.user_message or entry.get_dagster_event().message):
            told.set()

    instance.event_log_storage.watch(run_id, None, hear)
    instance.report_engine_event("the later one", dagster_run=run)
    came = told.wait(20)
    instance.event_log_storage.end_watch(run_id, hear)

    assert came
    assert {run_id} == set(said)
