"""What holds the speed of the kernel from one commit to the next: its CPU beside the Python path's.

Both run in one process on the same documents, so a busy or a slow machine changes the ratio little.
"""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

import pytest

from assets.steps.native.kernel import Kernel
from tests.assets.steps.native.both import Both, usual

BATCH: Final = 500
# Half of what it was when this was written, 20 to 26: twice the CPU a row, and this is red.
LEAST: Final = 10.0
# Of the twin; it was 3.
LEAST_IN_PYTHON: Final = 2.0


@pytest.fixture(scope="module")
def both() -> Both:
    """The export as most ask for it."""
    return Both(pii="masked")


@pytest.fixture(scope="module")
def batch(both: Both) -> list[bytes]:
    """Documents of the usual kind only."""
    kept = [raw for raw in usual() if both.usual([raw])]
    return (kept * BATCH)[:BATCH]


def _cpu(made: Callable[[], object], times: int) -> float:
    """CPU seconds of one call: the median, without the first, which fills caches."""
    taken = []
    for _ in range(times + 1):
        began = time.thread_time()
        made()
        taken.append(time.thread_time() - began)
    return median(taken[1:])


def _ratio(both: Both, batch: Sequence[bytes], kernel: Kernel | None = None) -> float:
    python = _cpu(lambda: both.made(batch, native=False), times=3)
    return python / _cpu(lambda: both.made_by(kernel or both.kernel, batch), times=15)


def test_a_usual_row_takes_a_fraction_of_what_it_takes_in_python(
    both: Both, batch: list[bytes]
) -> None:
    """Reading, judging, writing and counting: all but the doors."""
    assert _ratio(both, batch) >= LEAST


def test_without_a_compiler_it_takes_half_at_most(both: Both, batch: list[bytes]) -> None:
    """Of what it takes row by row, in the same process."""
    assert _ratio(both, batch, both.twin) >= LEAST_IN_PYTHON


def test_a_kernel_that_gives_documents_back_would_not_pass(both: Both) -> None:
    """Negative control: one document in eight is made in Python."""
    odd = next(raw for raw in usual() if not both.usual([raw]))
    kept = [raw for raw in usual() if both.usual([raw])]

    assert _ratio(both, ([odd, *kept[:7]] * BATCH)[:BATCH]) < LEAST


def test_a_twin_that_gives_documents_back_would_not_pass(both: Both) -> None:
    """Negative control: every other document is made row by row."""
    odd = next(raw for raw in usual() if not both.usual([raw], both.twin))
    kept = next(raw for raw in usual() if both.usual([raw], both.twin))

    assert _ratio(both, [odd, kept] * (BATCH // 2), both.twin) < LEAST_IN_PYTHON
