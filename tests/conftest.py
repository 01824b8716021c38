"""The real processes that tests may ask for: the embedded stack, once a session, on free ports.

Nothing here runs unless a test asks for it, so pure tests stay in milliseconds.
"""

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from export_platform.local.stack import Stack
from resources.athena import AthenaDoor
from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores
from resources.object_store import MIN_PART_BYTES, ObjectStore
from resources.wiring import environment
from tests.fakes.clock import ManualClock


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a run of the tests may write, for a person to read the diff; and how much it tries."""
    parser.addoption("--write-goldens", action="store_true", help="write the goldens anew")
    parser.addoption("--write-screenshots", action="store_true", help="write docs/images anew")
    parser.addoption(
        "--format-rows", type=int, default=20_000, help="rows of the comparison of two formats"
    )


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The variables of a running stack of its own; they also stand in the environment of the tests.

    boto3 finds the credentials in the environment, as it does in production.
    """
    running = Stack(Path(tmp_path_factory.mktemp("stack")))
    with pytest.MonkeyPatch.context() as patch:
        try:
            variables = running.up()
            for name, value in variables.items():
                patch.setenv(name, value)
            yield variables
        finally:
            running.down()


@pytest.fixture
def database(stack: Mapping[str, str]) -> Iterator[MongoConnection]:
    """A connection to an empty database that only this test uses."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    connection = MongoConnection(uri=stack[environment.MONGODB_URI], database=name)
    yield connection
    connection.collection("any").database.client.drop_database(name)
    connection.close()


@pytest.fixture
def mongo(database: MongoConnection) -> MongoStores:
    """Every store over that database, with its indexes."""
    stores = MongoStores(database)
    stores.ensure_indexes()
    return stores


@pytest.fixture
def object_store(stack: Mapping[str, str]) -> Iterator[ObjectStore]:
    """The bucket of the exports, with the smallest parts that S3 allows; it is shared."""
    store = ObjectStore(
        bucket=stack[environment.EXPORTS_BUCKET],
        endpoint_url=stack[environment.AWS_ENDPOINT_URL_S3],
        region=stack[environment.AWS_REGION],
        part_bytes=MIN_PART_BYTES,
    )
    yield store
    store.close()


@pytest.fixture
def athena(stack: Mapping[str, str]) -> Iterator[AthenaDoor]:
    """The Athena endpoint of the stack."""
    door = environment.athena(stack)
    yield door
    door.close()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that moves when it is told to."""
    return ManualClock()
