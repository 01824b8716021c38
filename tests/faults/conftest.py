"""The place where processes are killed, once a session."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.faults.company import slots
from tests.faults.slot import Slot


@pytest.fixture(scope="session")
def places(
    stack: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Slot]]:
    """Three slots over the stack of this session."""
    with slots(3, stack, Path(tmp_path_factory.mktemp("faults"))) as made:
        yield made
