"""The table of what each kind of export costs."""

from benchmarks.catalogue import each, line

FOUND = {"read": 20_000, "rows": 19_137, "cpu_seconds": 1.5, "peak_mb": 99.6}


def test_the_cost_of_a_row_is_that_of_one_that_was_read() -> None:
    """Many kinds write few rows of many, and reading is what they spend."""
    assert each(FOUND) == 75.0
    assert line("waitlist", FOUND) == "| waitlist | 20,000 | 19,137 | 1.50 | 75 | 100 |"


def test_a_few_rows_say_nothing_of_one() -> None:
    """What an export costs before its first row would be taken for it."""
    assert each({**FOUND, "read": 999}) == 0.0
    assert "| - |" in line("codes", {**FOUND, "read": 0})
