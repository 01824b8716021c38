"""Marketing Cloud: in memory and as the process of the stack."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
import requests

from resources.clock import SystemClock
from resources.marketing_cloud import BatchStatus, Field, MarketingCloud, RequestState
from tests.contracts.cloud import declare, door_to, script, told, until_complete
from tests.contracts.marketing_cloud import Limits, Make, MarketingCloudContract, Stored, Wait
from tests.fakes.clock import ManualClock
from tests.fakes.marketing_cloud import FakeMarketingCloud


class TestFake(MarketingCloudContract):
    """The fake."""

    @pytest.fixture
    def door(self, clock: ManualClock) -> FakeMarketingCloud:
        """An empty business unit."""
        return FakeMarketingCloud(clock)

    @pytest.fixture
    def limit(self, door: FakeMarketingCloud) -> Limits:
        """The fake's script."""
        return door.limits.extend

    @pytest.fixture
    def tokens(self, door: FakeMarketingCloud) -> Callable[[], int]:
        """How many the fake has granted."""
        return lambda: door.tokens

    @pytest.fixture
    def now(self, clock: ManualClock) -> Callable[[], datetime]:
        """The fake's own clock."""
        return clock.now

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
    def door(self, stack: Mapping[str, str], clock: ManualClock) -> Iterator[MarketingCloud]:
        """The service of the stack, with waits that take no time."""
        door = door_to(stack, clock)
        yield door
        script(stack, [])
        door.close()

    @pytest.fixture
    def limit(self, stack: Mapping[str, str]) -> Limits:
        """The stand-in's script."""
        return lambda limits: script(stack, [str(one) for one in limits])

    @pytest.fixture
    def tokens(self, stack: Mapping[str, str]) -> Callable[[], int]:
        """How often the stand-in was asked for one."""
        return lambda: sum("/v2/token" in one["path"] for one in told(stack, "requests"))

    @pytest.fixture
    def now(self) -> Callable[[], datetime]:
        """The stand-in lives by the clock on the wall."""
        return SystemClock().now

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
