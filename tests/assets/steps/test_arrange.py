"""Rows sorted on disk: the order of a sort in memory, whatever the size of a run."""

import math
import random
import resource
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.attempt import reduced
from assets.steps.arrange import Sorter, arranged, packed

ROWS = st.lists(st.tuples(st.integers(0, 5), st.text(max_size=4)), max_size=60)


@given(ROWS, st.integers(1, 20))
def test_rows_come_as_a_sort_in_memory_would_give_them(
    rows: list[tuple[int, str]], run: int
) -> None:
    """The size of a run is about memory; if it changed the order, it would change the bytes."""
    expected = sorted(rows, key=lambda row: row[0])

    assert expected == list(arranged(rows, lambda row: row[:1], run=run))


def test_what_is_sorted_on_disk_has_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Personal data in a file that outlives a killed worker would be found by somebody."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sorter: Sorter[str] = Sorter(run=2)
    for word in "gfedcba":
        sorter.add((word,), word)

    assert [] == list(tmp_path.iterdir())
    assert list("abcdefg") == [row for _, row in sorter.pairs()]


def test_a_full_disk_is_worth_another_try() -> None:
    """RELIABILITY.md 4.3: no room is retryable; here a file that may not grow beyond 100 kB."""
    rows = [(number, f"{number:01000}") for number in range(2_000)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="too large") as failed:
            list(arranged(rows, lambda row: row[:1], run=1_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    told = reduced(failed.value)
    assert ("DISK_FULL", True) == (told.code, told.retryable)


_PARTS: Final = ("", "a", "a\x00", "a\x00b", "ab", "b", "\u00e9", "\uffff", "\U00010000")
_NUMBERS: Final = [
    *(-math.inf, -(2**63), -1.5, -1, -0.0, 0, 0.5, 1, 2**53, 2**53 + 1, 2**53 + 2, float(2**53)),
    *(2**62 + 1, 2**63 - 513, 2**63 - 512, 2**63 - 1, float(2**63), math.inf),
]


def test_packed_keys_sort_as_their_values_do() -> None:
    """Rows that are encoded already have their keys as bytes, beside those of the others."""
    keys = [
        (said, number, (text, not said), text)
        for said in (False, True)
        for number in _NUMBERS
        for text in _PARTS
    ]
    random.Random(5).shuffle(keys)  # noqa: S311 - the same keys each time

    assert sorted(keys, key=packed) == sorted(keys)
    assert all((packed(a) == packed(b)) == (a == b) for a, b in pairwise(sorted(keys)))


def test_a_part_that_has_no_order_is_refused() -> None:
    """A key that sorted by chance would be another file each time."""
    with pytest.raises(TypeError, match="truth, number, text"):
        packed((None,))
