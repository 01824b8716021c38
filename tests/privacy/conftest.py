"""One planted lake and one house a session: the statements are run once."""

from collections.abc import Iterator, Mapping

import pytest

from export_platform.local.seed.loader import lake_client
from resources.wiring import environment
from tests.privacy.bench import House, Remembered, opened, plant_lake


@pytest.fixture(scope="package")
def lake(stack: Mapping[str, str]) -> Iterator[Remembered]:
    """The real Athena endpoint over planted rows."""
    plant_lake(lake_client(stack[environment.AWS_ENDPOINT_URL_S3]))
    door = environment.athena(stack)
    yield Remembered(door)
    door.close()


@pytest.fixture(scope="package")
def house(lake: Remembered, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The platform over the planted pack."""
    with opened(lake, tmp_path_factory.mktemp("house")) as house:
        yield house
