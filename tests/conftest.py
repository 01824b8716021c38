"""The real processes that tests may ask for: the embedded stack, once a session, on free ports.

Nothing here runs unless a test asks for it, so pure tests stay in milliseconds.
"""

import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from pymongo import monitoring
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from export_platform.local.stack import Stack
from resources.athena import AthenaDoor
from resources.mongo.connection import MongoConnection
from resources.mongo.stores import MongoStores
from resources.object_store import MIN_PART_BYTES, ObjectStore
from resources.wiring import environment
from tests.commands import Commands
from tests.fakes.clock import ManualClock
from tests.given import Given

# Hypothesis allows 200 ms an example; beside other builds one takes seconds, and is right.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a run of the tests may write, for a person to read the diff; and how much it tries."""
    parser.addoption("--write-goldens", action="store_true", help="write the goldens anew")
    parser.addoption("--write-screenshots", action="store_true", help="write docs/images anew")
    parser.addoption(
        "--staging", action="store_true", help="on the services that variables name, not our own"
    )
    parser.addoption(
        "--format-rows", type=int, default=20_000, help="rows of the comparison of two formats"
    )
    parser.addoption("--runs", type=int, default=6, help="runs that must give one sha256")
    parser.addoption("--traces", type=int, default=25, help="lives of exports by chance")
    parser.addoption(
        "--traces-on-server", type=int, default=3, help="the same over the embedded MongoDB"
    )


def pytest_configure() -> None:
    """Keep what is compiled, here and in every process that is started from here.

    Images of Python often forbid it; then each process of Dagster's compiles 1.1 s long.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


class _Companies(LoadScopeScheduling):
    """Hands a whole company of tests to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return _company(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Keep what shares real processes in one worker.

    Not `--dist loadgroup`: xdist 3.8 writes the mark into a field that pytest 9.2 does not have.
    """
    return _Companies(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    companies = {item: _company(item.nodeid) for item in items}
    items.sort(key=lambda item: (*LONGEST, companies[item]).index(companies[item]))


# Folders whose tests share what takes seconds to start; the longest first, so that no worker is
# left with it when the others are done.
LONGEST = ("tests/e2e", "tests/features", "tests/privacy", "tests/invariants", "tests/faults")


def _company(nodeid: str) -> str:
    """The folder or file whose tests run one after another in the same worker."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in LONGEST if file.startswith(f"{folder}/")), file)


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Mapping[str, str]]:
    """The variables of a running stack of its own; they also stand in the environment of the tests.

    boto3 finds the credentials in the environment, as it does in production. With `--staging` they
    are those of the environment, and nothing is started.
    """
    if pytestconfig.getoption("--staging"):
        yield Given(os.environ)
        return
    with running_stack(Path(tmp_path_factory.mktemp("stack"))) as variables:
        yield variables


@contextmanager
def running_stack(folder: Path) -> Iterator[Mapping[str, str]]:
    """A stack in a folder, and its variables in the environment."""
    running = Stack(folder)
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
        endpoint_url=stack[environment.AWS_ENDPOINT_URL_S3] or None,
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


@pytest.fixture
def heard() -> Commands:
    """What clients that are made from now on say."""
    commands = Commands()
    monitoring.register(commands)
    return commands
