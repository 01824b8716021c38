"""Rows sorted on disk: the order of a sort in memory, whatever the size of a run."""

import resource
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.model.failure import ExportFailed
from assets.steps.arrange import Sorter, arranged

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
        with pytest.raises(ExportFailed) as failed:
            list(arranged(rows, lambda row: row[:1], run=1_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert ("DISK_FULL", True) == (failed.value.code, failed.value.retryable)
