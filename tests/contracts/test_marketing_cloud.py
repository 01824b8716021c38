"""Marketing Cloud: in memory and as the process of the stack."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
import requests

from resources.marketing_cloud import BatchStatus, Field, MarketingCloud, RequestState
from resources.wiring import environment
from tests.contracts.cloud import declare, until_complete
from tests.contracts.marketing_cloud import Make, MarketingCloudContract, Stored, Wait
from tests.fakes.marketing_cloud import FakeMarketingCloud


class TestFake(MarketingCloudContract):
    """The fake."""

    @pytest.fixture
    def door(self) -> FakeMarketingCloud:
        """An empty business unit."""
        return FakeMarketingCloud()

    @pytest.fixture
    def make(self, door: FakeMarketingCloud) -> Make:
        """Tables of the fake."""

        def make(fields: Iterable[Field], sendable: bool) -> str:
            key = uuid.uuid4().hex
            door.create(key, fields, sendable=sendable)
            return key

        return make

    @pytest.fixture
    def stored(self, door: FakeMarketingCloud) -> Stored:
        """What the fake keeps."""
        return lambda key: list(door.tables[key].rows)

    @pytest.fixture
    def wait(self, door: FakeMarketingCloud) -> Wait:
        """The fake is not slow unless it is told to be."""
        return door.status


class TestServer(MarketingCloudContract):
    """The real process."""

    @pytest.fixture
    def door(self, stack: Mapping[str, str]) -> Iterator[MarketingCloud]:
        """The service of the stack."""
        door = environment.marketing_cloud(stack)
        yield door
        door.close()

    @pytest.fixture
    def make(self, stack: Mapping[str, str]) -> Make:
        """The stand-in's own route."""
        return lambda fields, sendable: declare(stack, fields, sendable=sendable)

    @pytest.fixture
    def stored(self, stack: Mapping[str, str]) -> Stored:
        """The stand-in's own route."""

        def stored(key: str) -> list[Mapping[str, Any]]:
            address = f"{stack['SFMC_REST_URL']}/-/rows"
            found: list[Mapping[str, Any]]
            found = requests.get(address, params={"key": key}, timeout=10).json()
            return found

        return stored

    @pytest.fixture
    def wait(self, door: MarketingCloud) -> Wait:
        """Ask until it is complete."""

        def wait(request_id: str) -> BatchStatus:
            status = until_complete(door, request_id)
            assert status.state is not RequestState.PENDING
            return status

        return wait
