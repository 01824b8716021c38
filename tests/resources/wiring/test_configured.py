"""The Dagster shells: an asset gets the plain door; some are kept, some are closed afterwards."""

from collections.abc import Mapping

import dagster as dg
import pytest

from resources.athena import AthenaDoor
from resources.codes_service import CodesService
from resources.entries_service import EntriesService
from resources.mongo.stores import MongoStores
from resources.object_store import ObjectStore
from resources.scoring_files import Provider, ScoringFiles
from resources.wiring.configured import (
    CodesServiceResource,
    EntriesServiceResource,
    MongoResource,
    ObjectStoreResource,
    Shell,
    configured_doors,
)
from tests.fakes.clock import MORNING

PASSWORD = "canary"
CAMPAIGN = "65f0000000000000000000c9"


def _materialise(body: object, doors: Mapping[str, object]) -> bool:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [body],  # type: ignore[list-item]
            resources=dict(doors),
            instance=instance,
            raise_on_error=False,
        )
    return result.success


@pytest.mark.usefixtures("stack")
def test_runs_of_a_process_share_its_doors_to_the_database_and_the_bucket() -> None:
    """To open them for each took a sixth of what a small export takes; Athena is rare."""
    received: list[tuple[MongoStores, ObjectStore]] = []
    queried: list[AthenaDoor] = []

    @dg.asset
    def probe(
        mongo: dg.ResourceParam[MongoStores],
        athena: dg.ResourceParam[AthenaDoor],
        object_store: dg.ResourceParam[ObjectStore],
    ) -> None:
        mongo.ping()
        assert object_store.head("none") is None
        assert list(athena.select("SELECT 1", [], token="probe").batches()) == [[(1,)]]
        received.append((mongo, object_store))
        queried.append(athena)

    for _ in range(2):
        assert _materialise(probe, configured_doors())

    (mongo, bucket), again = received
    assert again == (mongo, bucket)
    assert type(mongo) is MongoStores
    assert mongo._connection._client is not None
    assert bucket._client is not None
    assert queried[0] is not queried[1]


def test_another_database_or_bucket_is_another_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two deployments in one process, as in these tests, must never share one."""
    places = [("mongodb://a", "x", "eu"), ("mongodb://b", "x", "eu"), ("mongodb://b", "y", "us")]
    doors: list[object] = []
    for uri, name, region in places:
        monkeypatch.setenv("MONGODB_DATABASE", name)
        monkeypatch.setenv("AWS_REGION", region)
        doors.append(MongoResource(uri=uri).create_resource(dg.build_init_resource_context()))
        doors.append(
            ObjectStoreResource(bucket=uri[-1]).create_resource(dg.build_init_resource_context())
        )

    assert len(doors) == len(set(map(id, doors)))


def test_a_process_fills_a_shell_once_for_each_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster fills three copies for every run; a variable that has changed is still seen."""
    shells: list[object] = []

    class Named(Shell[str]):
        name: str

        def create_resource(self, context: dg.InitResourceContext) -> str:
            shells.append(self)
            return self.name

    received: list[str] = []

    @dg.asset
    def probe(named: dg.ResourceParam[str]) -> None:
        received.append(named)

    for name in ("a", "a", "b"):
        monkeypatch.setenv("NAME", name)
        assert _materialise(probe, {"named": Named(name=dg.EnvVar("NAME"))})

    assert received == ["a", "a", "b"]
    assert shells[0] is shells[1]
    assert shells[1] is not shells[2]


@pytest.mark.usefixtures("stack")
def test_an_asset_gets_the_doors_to_the_partners_that_are_closed_too() -> None:
    """Each holds connections to a server of somebody else, and few runs need one."""
    received: list[CodesService | EntriesService] = []

    @dg.asset
    def probe(
        codes: dg.ResourceParam[CodesService],
        entries_service: dg.ResourceParam[EntriesService],
        scoring: dg.ResourceParam[ScoringFiles],
    ) -> None:
        assert codes.configs(CAMPAIGN) == []
        assert entries_service.counts(CAMPAIGN, MORNING) == []
        assert list(scoring.store(Provider.VF).keys("none/")) == []
        received.extend([codes, entries_service])
        assert codes._http._session is not None

    assert _materialise(probe, configured_doors())
    assert [None, None] == [service._http._session for service in received]


@pytest.mark.usefixtures("stack")
def test_a_run_that_fails_closes_its_doors_too() -> None:
    """Failures are when connections leak."""
    received: list[CodesService] = []

    @dg.asset
    def probe(codes: dg.ResourceParam[CodesService]) -> None:
        assert codes.configs(CAMPAIGN) == []
        received.append(codes)
        raise RuntimeError

    assert not _materialise(probe, configured_doors())
    assert received[0]._http._session is None


def test_a_shell_does_not_show_its_secrets() -> None:
    """Resources are printed by Dagster and listed in its UI by the names of their variables."""
    shells = [
        MongoResource(uri=f"mongodb://user:{PASSWORD}@x"),
        CodesServiceResource(token=PASSWORD),
        EntriesServiceResource(token=PASSWORD),
    ]

    assert PASSWORD not in repr(shells)
