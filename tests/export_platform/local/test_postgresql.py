"""A local deployment on PostgreSQL: production's settings, minus what is of AWS."""

from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types

from export_platform.commands.terminal import CommandError, deployment
from export_platform.local.postgresql import OF_AWS, heartbeat, instance, variables
from tests.export_platform.production.test_instances import written, wrong_with

GIVEN = {
    "DAGSTER_PG_HOST": "127.0.0.1",
    "DAGSTER_PG_PORT": "9",
    "DAGSTER_PG_DB": "dagster",
    "DAGSTER_PG_USERNAME": "dagster",
    "DAGSTER_PG_PASSWORD": "made up",
    "PGSSLROOTCERT": "authorities.pem",
}


def test_its_settings_are_those_of_production_but_for_what_is_of_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was tried with `make up` is what runs in AWS; and the installed Dagster takes it."""
    for name, value in {**variables(GIVEN), "RUN_WORKERS_PORT": "9"}.items():
        monkeypatch.setenv(name, value)
    said = yaml.safe_load(instance(tmp_path).read_text(encoding="utf-8"))
    production = written("production")

    changed = {key for key in said if said[key] != production.get(key)}
    assert changed == {"run_launcher", "local_artifact_storage"}
    assert set(production) - set(said) == OF_AWS - set(said)
    assert said["run_launcher"] == written("local")["run_launcher"]
    assert wrong_with(said, tmp_path) == []


def test_it_is_chosen_by_the_variables_of_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One way for `up`, `ps` and `down`: each must find the same deployment again."""
    assert variables({}) == {}
    assert variables(GIVEN) == {**GIVEN, "EXPORT_RUNS_AT_ONCE": "16"}
    assert variables({**GIVEN, "EXPORT_RUNS_AT_ONCE": "4"})["EXPORT_RUNS_AT_ONCE"] == "4"
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)

    assert {each.state for each in deployment(tmp_path).status()} == {"stopped"}
    assert (tmp_path / "instance.yaml").exists()


@pytest.mark.parametrize("name", [name for name in GIVEN if name != "DAGSTER_PG_HOST"])
def test_a_server_that_is_named_by_half_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon would say so a minute later, in its log, and as a failed connection."""
    for one, value in GIVEN.items():
        monkeypatch.setenv(one, "" if one == name else value)

    with pytest.raises(CommandError, match=f"DAGSTER_PG_HOST is set and {name} is not"):
        deployment(tmp_path)


def test_a_server_that_is_away_has_no_heartbeat() -> None:
    """`ps` says that the daemon is not healthy, and does not break."""
    assert heartbeat(GIVEN) is None
