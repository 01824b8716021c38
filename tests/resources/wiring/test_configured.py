"""The Dagster shells: an asset gets the plain door, and it is closed afterwards."""

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
def test_an_asset_gets_plain_doors_that_are_closed_after_the_run() -> None:
    """A code server that kept the connections of every run would run out of them."""
    received: list[MongoStores] = []

    @dg.asset
    def probe(
        mongo: dg.ResourceParam[MongoStores],
        athena: dg.ResourceParam[AthenaDoor],
        object_store: dg.ResourceParam[ObjectStore],
    ) -> None:
        mongo.ping()
        assert object_store.head("none") is None
        assert list(athena.select("SELECT 1", [], token="probe").batches()) == [[(1,)]]
        received.append(mongo)
        assert mongo._connection._client is not None

    assert _materialise(probe, configured_doors())
    assert type(received[0]) is MongoStores
    assert received[0]._connection._client is None


@pytest.mark.usefixtures("stack")
def test_an_asset_gets_the_doors_to_the_partners_that_are_closed_too() -> None:
    """Each holds connections to a server of somebody else."""
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
    received: list[MongoStores] = []

    @dg.asset
    def probe(mongo: dg.ResourceParam[MongoStores]) -> None:
        mongo.ping()
        received.append(mongo)
        raise RuntimeError

    assert not _materialise(probe, configured_doors())
    assert received[0]._connection._client is None


def test_a_shell_does_not_show_its_secrets() -> None:
    """Resources are printed by Dagster and listed in its UI by the names of their variables."""
    shells = [
        MongoResource(uri=f"mongodb://user:{PASSWORD}@x"),
        CodesServiceResource(token=PASSWORD),
        EntriesServiceResource(token=PASSWORD),
    ]

    assert PASSWORD not in repr(shells)
