"""Dagster's storage in three files: all is found again, and told while a run goes on."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.runs import SqliteRunStorage
from dagster._serdes import serialize_value
from sqlalchemy.event import listen

from export_platform.local.dagster_storage import (
    OneFileEventLog,
    RunStorage,
    ScheduleStorage,
    _in_order,
)

# Dagster's own would start four processes for each run, to repeat what it prints.
SILENT = """
telemetry: {enabled: false}
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""
STORAGES = (
    ("run_storage", "RunStorage"),
    ("schedule_storage", "ScheduleStorage"),
    ("event_log_storage", "OneFileEventLog"),
)


def _named(what: str, name: str, folder: Path) -> str:
    """How `dagster.yaml` names a storage."""
    return (
        f"{what}:\n"
        "  module: export_platform.local.dagster_storage\n"
        f"  class: {name}\n"
        f"  config: {{base_dir: {folder}}}\n"
    )


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance whose settings name its storage as `dagster.yaml` does."""
    (tmp_path / "dagster.yaml").write_text(
        SILENT + "".join(_named(*each, tmp_path) for each in STORAGES), encoding="utf-8"
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


def test_a_statement_is_compiled_once_and_no_commit_waits_for_the_disk(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """What Dagster's own storage does not do, and what the latency of small exports is made of."""
    with dg.DagsterInstance.from_config(str(tmp_path)) as another:
        for storage, again in (
            (instance.run_storage, another.run_storage),
            (instance.schedule_storage, another.schedule_storage),
        ):
            assert isinstance(storage, RunStorage | ScheduleStorage)
            assert isinstance(again, RunStorage | ScheduleStorage)
            with storage.connect() as connection, again.connect() as other:
                assert connection.engine is other.engine
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # NORMAL
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def _open_below(folder: Path) -> list[str]:
    """The files in a folder that this process has open."""
    links = (each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink())
    return [link.name for link in links if link.is_relative_to(folder)]


def test_a_connection_is_kept_and_no_fork_inherits_it(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """A new one for each statement is half the cost of a run; SQLite forbids one to be shared."""
    storage = instance.run_storage
    assert isinstance(storage, RunStorage)
    with storage.connect() as connection:
        first = connection.connection.dbapi_connection
    with storage.connect() as connection:
        assert connection.connection.dbapi_connection is first
    assert "runs.db" in _open_below(tmp_path)

    if not (child := os.fork()):
        os._exit(len(_open_below(tmp_path)))

    assert os.waitpid(child, 0)[1] == 0


def test_a_run_opens_no_file_that_the_process_has_open(instance: dg.DagsterInstance) -> None:
    """Fifty statements are on its way: to open the file for each and to close it was half of it."""
    dg.materialize([entries], instance=instance)
    opened = list[object]()
    storages = (instance.run_storage, instance.event_log_storage)
    for storage in storages:
        assert isinstance(storage, RunStorage | OneFileEventLog)
        with storage.connect() as connection:
            listen(connection.engine, "connect", lambda connection, _: opened.append(connection))

    dg.materialize([entries], instance=instance)

    assert opened == []


def test_an_event_and_what_follows_from_it_are_one_transaction(
    instance: dg.DagsterInstance,
) -> None:
    """Dagster makes four for a materialisation, and a process may die between any two."""
    storage = instance.event_log_storage
    assert isinstance(storage, OneFileEventLog)
    _made(instance)
    begun, events = list[object](), list[int]()
    with storage.connect() as connection:
        listen(connection.engine, "begin", begun.append)
    store, count = storage.store_event, events.append

    def counted(event: dg.EventLogEntry) -> None:
        before = len(begun)
        store(event)
        count(len(begun) - before)

    storage.store_event = counted  # type: ignore[method-assign]
    _made(instance)

    assert set(events) == {0, 1}
    assert sum(events) < len(events) * 2 / 3


def _kinds(instance: dg.DagsterInstance, run_id: str) -> list[str | None]:
    """What kinds of events another thread finds of a run."""
    with ThreadPoolExecutor(1) as other:
        found = other.submit(instance.all_logs, run_id).result()
    return [each.dagster_event_type and each.dagster_event_type.value for each in found]


def _one_of_each(instance: dg.DagsterInstance) -> dict[str, dg.EventLogEntry]:
    """Events of a run that is over, by their kinds."""
    entries = instance.all_logs(_made(instance))
    return {entry.get_dagster_event().event_type_value: entry for entry in entries}


def test_what_a_run_says_in_passing_is_kept_with_what_it_says_next(
    instance: dg.DagsterInstance,
) -> None:
    """A transaction of its own for each was a fifth of a run's calls of the system."""
    said, storage = _one_of_each(instance), instance.event_log_storage
    run_id = said["STEP_OUTPUT"].run_id
    before = _kinds(instance, run_id)

    storage.store_event(said["STEP_OUTPUT"])
    storage.store_event(said["ASSET_CHECK_EVALUATION"])
    assert _kinds(instance, run_id) == before

    storage.store_event(said["ASSET_MATERIALIZATION"])
    added = ["STEP_OUTPUT", "ASSET_CHECK_EVALUATION", "ASSET_MATERIALIZATION"]
    assert _kinds(instance, run_id) == [*before, *added]


def test_what_a_run_is_to_make_is_kept_in_one_transaction(instance: dg.DagsterInstance) -> None:
    """Dagster hands it over at once where it may (`DAGSTER_EVENT_BATCH_SIZE`)."""
    said, storage, begun = _one_of_each(instance), instance.event_log_storage, list[object]()
    assert isinstance(storage, OneFileEventLog)
    run_id = said["ENGINE_EVENT"].run_id
    before = _kinds(instance, run_id)
    with storage.connect() as connection:
        listen(connection.engine, "begin", begun.append)

    storage.store_event_batch([said["STEP_START"], said["ENGINE_EVENT"], said["STEP_OUTPUT"]])

    assert len(begun) == 1
    assert _kinds(instance, run_id) == [*before, "STEP_START", "ENGINE_EVENT", "STEP_OUTPUT"]


def test_who_has_said_something_finds_it(instance: dg.DagsterInstance) -> None:
    """Dagster asks for what it has just stored."""
    said = _one_of_each(instance)["STEP_OUTPUT"]
    before = len(instance.all_logs(said.run_id))

    instance.event_log_storage.store_event(said)

    assert len(instance.all_logs(said.run_id)) == before + 1


@pytest.mark.parametrize("kind", ["ENGINE_EVENT", "PIPELINE_SUCCESS", "STEP_START"])
def test_what_nothing_need_follow_is_kept_at_once(instance: dg.DagsterInstance, kind: str) -> None:
    """An export may work for an hour before its run says anything more."""
    entry = _one_of_each(instance)[kind]
    before = len(_kinds(instance, entry.run_id))

    instance.event_log_storage.store_event(entry)

    assert len(_kinds(instance, entry.run_id)) == before + 1


def test_what_a_person_reports_of_a_check_is_kept_at_once(instance: dg.DagsterInstance) -> None:
    """It belongs to no run, and nothing comes behind it."""
    evaluated = dg.AssetCheckEvaluation(
        asset_key=KEY, check_name=CHECK.name, passed=False, metadata={}
    )
    instance.report_runless_asset_event(evaluated)

    with ThreadPoolExecutor(1) as other:
        history = instance.event_log_storage.get_asset_check_execution_history
        (record,) = other.submit(history, CHECK.key, limit=2).result()
    assert record.status.value == "FAILED"


def test_an_event_that_cannot_be_kept_leaves_nothing_and_the_next_one_is_kept(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of one would be a materialisation that the asset does not know of."""
    storage = instance.event_log_storage
    run_id = dg.materialize([entries], instance=instance).run_id
    kept = len(instance.all_logs(run_id))
    newest = instance.get_latest_materialization_event(entries.key)
    assert newest is not None

    with monkeypatch.context() as broken:
        broken.setattr(storage, "_store_asset_event", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            storage.store_event(newest)
    assert len(instance.all_logs(run_id)) == kept

    storage.store_event(newest)
    assert len(instance.all_logs(run_id)) == kept + 1


def test_what_is_known_of_an_asset_holds_its_last_observation(
    instance: dg.DagsterInstance,
) -> None:
    """Else Dagster asks for it in every run, for each source of the export."""
    source = dg.AssetKey("source")
    dg.materialize([entries], instance=instance)
    for number in range(2):
        seen = dg.AssetObservation(source, metadata={"number": number})
        instance.report_runless_asset_event(seen)
    records = instance.get_asset_records([entries.key, source])
    last = {one.asset_entry.asset_key: one.asset_entry.last_observation_record for one in records}
    newest, older = instance.fetch_observations(source, limit=2).records

    assert last[entries.key] is None
    assert last[source] == newest
    assert newest != older


def test_an_asset_that_never_had_an_event_is_looked_for_by_one_statement(
    instance: dg.DagsterInstance,
) -> None:
    """Every run asks for the sources of its export, which have none."""
    storage, said = instance.event_log_storage, list[str]()
    assert isinstance(storage, OneFileEventLog)
    dg.materialize([entries], instance=instance)
    with storage.connect() as connection:
        listen(connection.engine, "before_cursor_execute", lambda *told: said.append(told[2]))

    assert instance.get_asset_records([dg.AssetKey("source"), dg.AssetKey("other")]) == []
    assert len(said) == 1
    (record,) = instance.get_asset_records([dg.AssetKey("source"), entries.key])
    assert record.asset_entry.asset_key == entries.key


PARTS = dg.StaticPartitionsDefinition(["one", "two"])
KEY = dg.AssetKey("parts")
CHECK = dg.AssetCheckSpec("sound", asset=KEY)


def _made(
    instance: dg.DagsterInstance, part: str = "one", beside: Callable[[], object] = str
) -> str:
    """Materialise a part of an asset with a check, before which something happens beside it."""

    @dg.asset(key=KEY, partitions_def=PARTS, check_specs=[CHECK])
    def parts() -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        yield dg.MaterializeResult(metadata={"rows": 3})
        beside()
        yield dg.AssetCheckResult(passed=True)

    return dg.materialize([parts], partition_key=part, instance=instance).run_id


def _last_of_one(instance: dg.DagsterInstance) -> list[dg.EventLogRecord]:
    wanted = dg.AssetRecordsFilter(KEY, asset_partitions=["one"])
    return list(instance.fetch_materializations(wanted, limit=1).records)


def _elsewhere(instance: dg.DagsterInstance) -> str:
    """Another run for the same part, in another thread as in another worker."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(_made, instance).result()


def test_a_check_is_about_the_materialisation_of_its_own_run(
    instance: dg.DagsterInstance,
) -> None:
    """Of two exports of one campaign at once, Dagster takes the newer file for that of both.

    To read it again for each check took a tenth of a run.
    """
    run_id = _made(instance, beside=lambda: _elsewhere(instance))

    kept = instance.event_log_storage.get_asset_check_execution_history(CHECK.key, limit=3)
    about = dict[str, str | None]()
    for record in kept:
        assert record.event is not None
        of = record.event.get_dagster_event().asset_check_evaluation_data
        target = of.target_materialization_data
        about[record.run_id] = None if target is None else target.run_id
    assert len(about) == 2
    assert about == {one: one for one in about}
    assert run_id in about
    assert {"SUCCEEDED"} == {record.status.value for record in kept}


def test_a_run_that_is_over_hides_no_newer_materialisation(instance: dg.DagsterInstance) -> None:
    """A worker executes one run after another, and others may write meanwhile."""
    _made(instance)
    newer = _elsewhere(instance)

    assert [newer] == [one.run_id for one in _last_of_one(instance)]

    _made(instance, "two")
    assert [newer] == [one.run_id for one in _last_of_one(instance)]
    instance.wipe_assets([KEY])
    assert _last_of_one(instance) == []


def test_what_is_the_last_of_an_asset_is_written_as_dagster_writes_it(
    instance: dg.DagsterInstance,
) -> None:
    """It is put together from the words of the event, which took as long again to find."""
    for _ in range(2):  # an insert first, then an update
        _made(instance)
        storage = instance.event_log_storage
        assert isinstance(storage, OneFileEventLog)
        with storage.connect() as connection:
            query = "SELECT last_materialization, last_run_id FROM asset_keys"
            ((written, run_id),) = connection.exec_driver_sql(query).all()
        (record,) = _last_of_one(instance)

        assert written == serialize_value(record)
        assert run_id == record.run_id


def test_a_run_is_found_by_its_id_as_by_any_other_filter(instance: dg.DagsterInstance) -> None:
    """The statement for the one is kept; what it finds changes with each step of the run."""
    run_id = _made(instance)
    run = instance.get_run_by_id(run_id)
    assert run is not None
    (other,) = instance.get_runs(dg.RunsFilter(run_ids=[run_id], job_name=run.job_name))
    assert run == other

    instance.report_run_canceling(run)

    again = instance.get_run_by_id(run_id)
    assert again is not None
    assert again.status is dg.DagsterRunStatus.CANCELING
    assert instance.get_run_by_id("another") is None


def test_a_table_is_looked_for_until_it_is_seen(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster asks nine times a run; one that is not there may be made by a migration."""
    storage = instance.event_log_storage
    assert isinstance(storage, OneFileEventLog)
    looked = list[str]()

    def finds(name: str) -> bool:
        looked.append(name)
        return name == "there"

    monkeypatch.setattr(storage, "_finds", finds)

    found = [storage.has_table(name) for name in ("there", "there", "not there", "not there")]

    assert found == [True, True, False, False]
    assert looked == ["there", "not there", "not there"]


def test_a_tick_does_not_look_for_the_tables_of_sensors_again(
    instance: dg.DagsterInstance,
) -> None:
    """Dagster looks ten times a tick, and there is a tick for each small export."""
    storage, said = instance.schedule_storage, list[str]()
    assert isinstance(storage, ScheduleStorage)
    instance.all_instigator_state()
    with storage.connect() as connection:
        listen(connection.engine, "before_cursor_execute", lambda *told: said.append(told[2]))

    instance.all_instigator_state()

    assert len(said) == 1
    assert "instigators" in said[0]


def test_storage_that_is_lost_is_made_again(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """A process that has looked at the files once looks again when they are gone."""
    run_id = dg.materialize([entries], instance=instance).run_id
    for file in (*tmp_path.glob("runs.db*"), *tmp_path.glob("schedules.db*")):
        file.unlink()

    with dg.DagsterInstance.from_config(str(tmp_path)) as another:
        assert another.get_run_by_id(run_id) is None
        assert another.all_instigator_state() == []


def test_dagsters_own_storage_makes_an_engine_for_each_statement(tmp_path: Path) -> None:
    """Negative control: once it keeps its own, ours has no reason left."""
    storage = SqliteRunStorage.from_local(str(tmp_path))
    with storage.connect() as first, storage.connect() as second:
        assert first.engine is not second.engine
        assert first.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


def test_a_file_whose_preparation_failed_is_prepared_again(tmp_path: Path) -> None:
    """A database that was locked for a moment must not stay without its tables."""
    tried: list[str] = []

    def locked(folder: str) -> None:
        (Path(folder) / "runs.db").touch()
        tried.append(folder)
        raise TimeoutError

    for _ in range(2):
        with pytest.raises(TimeoutError):
            _in_order(str(tmp_path), "runs", locked)
    _in_order(str(tmp_path), "runs", tried.append)
    _in_order(str(tmp_path), "runs", tried.append)

    assert len(tried) == 3


def test_a_plan_is_read_once_and_one_that_is_gone_is_missed(instance: dg.DagsterInstance) -> None:
    """Every run asks for the plan of its job twice; who stores a run must know what is there."""
    storage = instance.run_storage
    assert isinstance(storage, RunStorage)
    run = dg.materialize([entries], instance=instance).dagster_run
    plan_id = run.execution_plan_snapshot_id
    assert plan_id is not None
    read = list[str]()

    first = storage.get_execution_plan_snapshot(plan_id)
    with storage.connect() as connection:
        listen(connection.engine, "before_cursor_execute", lambda *said: read.append(said[2]))
    assert storage.get_execution_plan_snapshot(plan_id) is first
    assert read == []
    assert storage.has_execution_plan_snapshot(plan_id)

    instance.wipe()
    assert not storage.has_execution_plan_snapshot(plan_id)
