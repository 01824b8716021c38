"""One world for every scenario, and the steps that all of them share."""

from collections.abc import Iterator, Mapping

import pytest

from tests.features.world import World, running_world

STEPS = ("given", "when", "then", "person")


def pytest_configure(config: pytest.Config) -> None:
    """Make the shared steps known, and let their assertions explain themselves."""
    for name in STEPS:
        config.pluginmanager.import_plugin(f"tests.features.steps.{name}")


@pytest.fixture(scope="package")
def world(stack: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The stack with the hand-written pack, a bridge and a worker."""
    with running_world(stack, tmp_path_factory.mktemp("features")) as made:
        yield made
