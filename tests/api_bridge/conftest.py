"""One running bridge a test module; each test starts with empty collections."""

from collections.abc import Iterator

import pytest

from tests.api_bridge.bench import Bench, running_bench
from tests.api_bridge.toys import TOYS


@pytest.fixture(scope="module")
def module_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bridge over the toy catalogue; starting one takes longer than most tests."""
    with running_bench(tmp_path_factory.mktemp("bridge"), TOYS) as bench:
        yield bench


@pytest.fixture
def bench(module_bench: Bench) -> Bench:
    """The module's bridge with nothing stored."""
    module_bench.clear()
    return module_bench
