"""The benchmark of large results: three ways to the same file."""

from collections.abc import Mapping

import pytest

from benchmarks.athena import CURSOR, PAGES, UNLOADED, WAYS, one, shown


@pytest.fixture(scope="module")
def found(stack: Mapping[str, str]) -> Mapping[str, Mapping[str, float]]:
    """What each way came to with two pages of rows and a bit."""
    return {way: one(way, 2, stack) for way in WAYS}


def test_each_way_writes_the_same_file(found: Mapping[str, Mapping[str, float]]) -> None:
    """Rows that come in no order, and NULL beside the empty text, are where they would differ."""
    assert {way: one["rows"] for way, one in found.items()} == dict.fromkeys(WAYS, 2_000)
    assert len({one["sha256"] for one in found.values()}) == 1


def test_the_last_line_is_the_median_of_the_ratios() -> None:
    """A round in which the machine did something else for a while must not decide."""
    took = {UNLOADED: (1.0, 2.0, 1.0), PAGES: (3.0, 3.0, 3.0), CURSOR: (5.0, 4.0, 4.0)}
    runs = {
        way: [
            {"rows": 1_000, "seconds": seconds, "cpu_seconds": 1.0, "peak_mb": 80.0}
            for seconds in each
        ]
        for way, each in took.items()
    }

    *lines, last = shown(runs)

    assert [line.split()[0] for line in lines] == [*WAYS]
    assert last == "athena: rows/s ratio unload/pyathena: 4.00  rss_mb: 80"
