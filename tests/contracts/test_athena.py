"""Athena: by script and on the endpoint of the stack."""

import uuid
from collections.abc import Mapping
from dataclasses import replace

import pytest

from resources.athena import AthenaDoor
from tests.contracts.athena import NUMBERS, AthenaContract, answered
from tests.fakes.athena import Answer, FakeAthena


class Stopped(BaseException):
    """Stands for a lost lease: not an ``Exception``."""


class TestFake(AthenaContract):
    """The fake."""

    @pytest.fixture
    def location(self) -> str:
        """Any folder will do."""
        return "s3://athena-results/unload/test/"

    @pytest.fixture
    def door(self, location: str) -> FakeAthena:
        """The fake that knows the answers of the suite."""
        _, _, folder = location.removeprefix("s3://").partition("/")

        def script(sql: str, parameters: tuple[str, ...]) -> Answer:
            return replace(answered(sql, parameters), keys=(f"{folder}part-0",))

        return FakeAthena(script)

    def test_what_the_watcher_raises_stops_the_query(self, door: FakeAthena) -> None:
        """A worker that lost its lease must not leave a query running."""

        def watch(_: str) -> None:
            raise Stopped

        with pytest.raises(Stopped):
            door.select(NUMBERS, [], token="watched", watch=watch)

        assert len(door.stopped) == 1


class TestServer(AthenaContract):
    """The real process."""

    @pytest.fixture
    def location(self, stack: Mapping[str, str]) -> str:
        """A folder of this test."""
        return f"{stack['ATHENA_STAGING'].rstrip('/')}/test/{uuid.uuid4().hex}/"

    @pytest.fixture
    def door(self, athena: AthenaDoor) -> AthenaDoor:
        """The endpoint of the stack."""
        return athena
