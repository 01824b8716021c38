"""The quick comparison: its last line is the result."""

import re

import pytest

from benchmarks.quick import main

LAST = re.compile(r"rows/s ratio ours/pymongo-csv: [0-9]+\.[0-9]{2}  rss_mb: [0-9]+")


def test_the_last_line_is_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    """People read the line."""
    found = main(["--entries", "400", "--rounds", "1"])
    *before, last = capsys.readouterr().out.splitlines()

    assert found == 0
    assert LAST.fullmatch(last)
    assert not any(LAST.fullmatch(line) for line in before)
