"""Dagster's storage as production's dagster.yaml has it, in a real PostgreSQL: kept, and proved."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy
import yaml  # type: ignore[import-untyped] # it ships no types
from dagster_postgres.utils import pg_url_from_config

from export_platform.doctor import storage as doctor
from export_platform.local.postgresql import AUTHORITIES, OF_AWS, engine, variables
from tests.export_platform.production.postgres import certificate, running
from tests.export_platform.production.test_instances import written


@pytest.fixture(scope="module")
def storage() -> Iterator[Mapping[str, str]]:
    """The variables of a real PostgreSQL; not below pytest's folder, which nobody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        with running(folder) as variables:
            yield variables
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def instance(
    storage: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """The instance that production's file describes, but for what is of AWS."""
    said = {key: value for key, value in written("production").items() if key not in OF_AWS}
    said["local_artifact_storage"]["config"]["base_dir"] = str(tmp_path / "artifacts")
    said["compute_logs"] = written("local")["compute_logs"]  # nobody outlives a run to repeat it
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
    for name, value in variables(storage).items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        yield stack.enter_context(dg.DagsterInstance.from_config(str(tmp_path)))


def test_a_run_and_its_events_are_kept_in_postgresql(instance: dg.DagsterInstance) -> None:
    """Production's storage section, unchanged, over TLS, against a real server."""

    @dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="campaigns"))
    def waitlist() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata={"rows": 33})

    instance.add_dynamic_partitions("campaigns", ["aurora-lights-2026"])
    result = dg.materialize([waitlist], instance=instance, partition_key="aurora-lights-2026")

    found = instance.get_latest_materialization_event(dg.AssetKey("waitlist"))
    run = instance.get_run_by_id(result.run_id)
    assert found is not None
    assert found.asset_materialization is not None
    assert {"rows": dg.IntMetadataValue(33)} == found.asset_materialization.metadata
    assert run is not None
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert ["aurora-lights-2026"] == list(instance.get_dynamic_partitions("campaigns"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an authority that did not sign the server's certificate."""
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "stranger.pem").write_bytes(certificate(folder))
    return folder


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"sslmode": "disable"}, False),
        ({"password": "another"}, False),
        ({"sslrootcert": "stranger.pem"}, False),
        ({"sslrootcert": "nowhere.pem"}, False),
        # Another name that leads to the same server, as somebody's DNS might.
        ({"host": "storage.example", "hostaddr": "127.0.0.1"}, False),
        # The control: encrypted, and whoever answers is believed.
        ({"sslmode": "require", "sslrootcert": "nowhere.pem"}, True),
    ],
)
def test_dagster_connects_to_the_one_server_that_proves_its_name(
    storage: Mapping[str, str],
    strangers: Path,
    changed: Mapping[str, str],
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By production's own words; and the server takes nothing in the clear, as RDS with force_ssl.

    Whoever answered in its place would get the password, and tell Dagster what to run.
    """
    said = written("production")["storage"]["postgres"]["postgres_db"]
    given = {key: storage[one["env"]] for key, one in said.items() if "env" in one}
    params = {**said["params"], **changed}
    monkeypatch.setenv(AUTHORITIES, storage[AUTHORITIES])
    monkeypatch.chdir(strangers)

    url = pg_url_from_config({"postgres_db": {**said, **given, "params": params}})
    assert expected == _opens(url)


def _opens(url: str) -> bool:
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as opened:
            return opened.execute(sqlalchemy.text("select 1")).scalar() == 1
    except sqlalchemy.exc.OperationalError:
        return False
    finally:
        engine.dispose()


def found(env: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the doctor says of the storage: the subject, and the code or the words."""
    return [(one.subject, one.says.partition(":")[0]) for one in doctor.look(env, local=False)]


def test_the_doctor_finds_nothing_wrong_with_a_storage_that_dagster_uses(
    storage: Mapping[str, str], instance: dg.DagsterInstance
) -> None:
    """Connected to as Dagster connects, and its tables are those of the installed Dagster."""
    assert instance.get_runs_count() >= 0

    looked = doctor.look(storage, local=False)
    assert [doctor.SUBJECT, doctor.TABLES] == [one.subject for one in looked]
    assert all(one.good for one in looked)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({AUTHORITIES: "stranger.pem"}, "STORAGE_UNPROVEN"),
        ({AUTHORITIES: "nowhere.pem"}, "STORAGE_UNPROVEN"),
        ({"DAGSTER_PG_PASSWORD": "another"}, "STORAGE_AUTH"),
        ({"DAGSTER_PG_DB": "another"}, "STORAGE_MISSING"),
        ({"DAGSTER_PG_PORT": "9"}, "STORAGE_UNREACHABLE"),
    ],
)
def test_the_doctor_says_why_the_storage_is_not_reached(
    storage: Mapping[str, str],
    strangers: Path,
    changed: Mapping[str, str],
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A code with what mends it, and no word of libpq, which names users and places."""
    monkeypatch.chdir(strangers)

    [said] = doctor.look({**storage, **changed}, local=False)
    assert said.says == f"{code}: could not connect to it"
    assert not said.good
    assert said.remedy


def test_the_doctor_finds_tables_of_another_dagster(storage: Mapping[str, str]) -> None:
    """After an upgrade whose migration was forgotten, and before the first start."""
    with engine(storage, "postgres").connect() as opened:
        alone = opened.execution_options(isolation_level="AUTOCOMMIT")
        alone.execute(sqlalchemy.text("create database another"))
    another = {**storage, "DAGSTER_PG_DB": "another"}
    assert (doctor.TABLES, "there are none") == found(another)[-1]

    with engine(another).begin() as opened:
        opened.execute(sqlalchemy.text("create table alembic_version (version_num text)"))
        opened.execute(sqlalchemy.text("insert into alembic_version values ('of old')"))
    [_, tables] = doctor.look(another, local=False)
    assert not tables.good
    assert "dagster instance migrate" in tables.remedy


def test_a_deployment_without_its_storage_is_found_and_a_local_one_needs_none() -> None:
    """In AWS SQLite would end with its task."""
    assert [(doctor.SUBJECT, "the environment variable DAGSTER_PG_HOST is not set")] == found({})
    assert [] == doctor.look({}, local=True)
    assert "DAGSTER_PG_PORT" in doctor.look({"DAGSTER_PG_HOST": "x"}, local=True)[0].says
