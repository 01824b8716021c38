"""What a pack came to, made once a session for each pack and size."""

from collections.abc import Mapping

import pytest

from tests.invariants import making
from tests.invariants.told import Told

# Every commit: enough for one of each anomaly (there are 160, on two entries of three).
SMALL, NASTY = 240, 260


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(("small", SMALL), id="small"),
        pytest.param(("nasty", NASTY), id="nasty"),
        pytest.param(("small", None), id="small-whole", marks=pytest.mark.whole_packs),
        pytest.param(("nasty", None), id="nasty-whole", marks=pytest.mark.whole_packs),
    ],
)
def told(request: pytest.FixtureRequest, stack: Mapping[str, str]) -> Told:
    """Every export of a pack, and what became of it."""
    name, entries = request.param
    return making.told(stack, name, entries)
