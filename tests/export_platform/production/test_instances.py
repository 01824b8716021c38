"""Each dagster.yaml is one that the installed Dagster takes, and says what a deployment needs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped] # it ships no types
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import dagster_instance_config

from assets.factory import LANE_TAG
from assets.model.lanes import USUALLY_AT_ONCE, Lane, most_large
from export_platform.local.postgresql import OF_AWS
from export_platform.run_workers.pool import Size
from sensors.requests import MAX_RUN_SECONDS
from tests.conventions.repository import ROOT

PRODUCTION = ROOT / "export_platform" / "production"
INSTANCES = {
    "local": ROOT / "dagster.yaml",
    "production": PRODUCTION / "dagster.yaml",
    "compose": PRODUCTION / "compose.dagster.yaml",
}

Settings = Mapping[str, Any]


def written(name: str) -> dict[str, Any]:
    """What a deployment's file says."""
    said: dict[str, Any] = yaml.safe_load(INSTANCES[name].read_text(encoding="utf-8"))
    return said


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number in every variable that a file names: it is a text and a number."""
    for name in INSTANCES:
        for variable in _named(written(name)):
            monkeypatch.setenv(variable, "16")


def _named(said: Any) -> Iterator[str]:
    """The variables that a file names."""
    if isinstance(said, dict):
        if set(said) == {"env"}:
            yield said["env"]
        for inside in said.values():
            yield from _named(inside)
    elif isinstance(said, list):
        for inside in said:
            yield from _named(inside)


def wrong_with(said: Settings, folder: Path) -> list[str]:
    """What the installed Dagster does not take, the settings of each class that is named included.

    Nothing is connected to: a class is asked for its schema only.
    """
    (folder / "dagster.yaml").write_text(yaml.safe_dump(dict(said)), encoding="utf-8")
    try:
        dagster_instance_config(str(folder))
    except dg.DagsterInvalidConfigError as error:
        return [str(error)]
    found = []
    for section in said.values():
        if isinstance(section, dict) and "class" in section:
            found += _wrong_with_class(section)
    return found


def _wrong_with_class(section: Mapping[str, Any]) -> list[str]:
    try:
        named = _class(section)
    except (ImportError, AttributeError) as error:
        return [str(error)]
    schema = resolve_to_config_type(named.config_type())
    result = process_config(schema, section.get("config", {}))
    return [error.message for error in result.errors or []]


def _class(section: Mapping[str, Any]) -> Any:
    module = __import__(section["module"], fromlist=[section["class"]])
    return getattr(module, section["class"])


@pytest.mark.parametrize("name", INSTANCES)
def test_the_installed_dagster_takes_every_setting(name: str, tmp_path: Path) -> None:
    """A name that Dagster renamed would be noticed at the first start after the upgrade."""
    assert [] == wrong_with(written(name), tmp_path)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("run_monitoring", "max_runtime_second", 5),
        ("sensors", "num_workers", "many"),
        ("run_coordinator", "class", "UnqueuedRunCoordinator"),
        ("run_coordinator", "config", {"max_concurrent_runs": "lots"}),
        ("run_coordinator", "config", {"tag_concurrency_limits": [{"key": "x"}]}),
        ("run_launcher", "config", {"task": "x"}),
        ("compute_logs", "config", {"bucket": "x", "interval": 3}),
        ("storage", "postgres", {"postgres_db": {"host": "x"}}),
    ],
)
def test_a_setting_that_dagster_does_not_know_is_found(
    section: str, key: str, value: object, tmp_path: Path
) -> None:
    """The check above must be able to fail, in the file and in the settings of a class."""
    said = written("production")

    assert wrong_with({**said, section: {**said[section], key: value}}, tmp_path)


@pytest.mark.parametrize("name", INSTANCES)
def test_a_run_ends_in_time_and_is_tried_again_by_us_alone(name: str) -> None:
    """Without a maximum one whose server died stays for ever (M2); two owners multiply retries."""
    said = written(name)

    assert said["run_monitoring"]["enabled"]
    assert said["run_monitoring"]["max_runtime_seconds"] == MAX_RUN_SECONDS
    assert not said["run_retries"]["enabled"]
    assert not said["telemetry"]["enabled"]


@pytest.mark.parametrize("name", ["production", "compose"])
def test_runs_wait_in_a_queue_with_lanes(name: str) -> None:
    """A backfill, or one campaign, must leave room for others."""
    said = written(name)["run_coordinator"]
    lanes = {one["key"]: one["limit"] for one in said["config"]["tag_concurrency_limits"]}

    assert said["class"] == "QueuedRunCoordinator"
    assert {"dagster/backfill", "dagster/partition", LANE_TAG} == set(lanes)
    assert all(0 < limit < 16 for limit in lanes.values())


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("local", "run_launcher"),
        ("production", "run_coordinator"),
        ("compose", "run_coordinator"),
    ],
)
def test_what_is_launched_has_the_lanes_of_the_queue(name: str, section: str) -> None:
    """Two sensors may let out one too many, and a backfill asks no queue; small ones have room."""
    limits = written(name)[section]["config"]["tag_concurrency_limits"]
    large = {"key": LANE_TAG, "value": str(Lane.LARGE), "limit": most_large(USUALLY_AT_ONCE)}
    together = [one["limit"] for one in limits if one["key"] in (LANE_TAG, "dagster/backfill")]

    assert any(large.items() <= one.items() for one in limits)
    assert 2 == len(together)
    assert sum(together) < Size().most


def test_production_and_compose_differ_in_what_is_of_aws() -> None:
    """What was tried with compose is what runs in AWS."""
    production, compose = written("production"), written("compose")
    del production["storage"]["postgres"]["postgres_db"][
        "params"
    ]  # compose has a network of its own

    assert {key for key in production if production[key] != compose.get(key)} == OF_AWS


@pytest.mark.parametrize("name", ["production", "compose"])
def test_nothing_is_written_outside_of_scratch(name: str) -> None:
    """The root file system is read-only."""
    said = written(name)
    places = [
        said["local_artifact_storage"]["config"]["base_dir"],
        said["compute_logs"]["config"].get("local_dir")
        or said["compute_logs"]["config"]["base_dir"],
    ]

    assert all(place.startswith("/scratch/") for place in places)
