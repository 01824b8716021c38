"""The quick comparison: its last line is the result, and it can be held to one."""

import re

import pytest

from benchmarks.quick import main

LAST = re.compile(r"rows/s ratio ours/pymongo-csv: [0-9]+\.[0-9]{2}  rss_mb: [0-9]+")


def test_the_last_line_is_the_result_and_a_ratio_below_the_least_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """CI reads the exit code, people read the line."""
    found = main(["--entries", "400", "--rounds", "1", "--at-least", "1000000"])
    *before, last = capsys.readouterr().out.splitlines()

    assert found == 1
    assert LAST.fullmatch(last)
    assert not any(LAST.fullmatch(line) for line in before)
