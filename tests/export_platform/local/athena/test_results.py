"""Athena's result CSV, and the pages read from it."""

from pathlib import Path

import pytest

from export_platform.local.athena import results
from export_platform.local.athena.failures import RefusedCallError

ROWS: list[list[str | None]] = [
    ["", None, "a"],
    [None, None, None],
    ['say "hi"', "a,b", "two\nlines"],
    ["ü\u2028", "\r\n", '"'],
]


def test_null_is_bare_and_the_empty_text_is_quoted(tmp_path: Path) -> None:
    """It is the only place where the two can be told apart."""
    path = tmp_path / "r.csv"

    assert results.write(path, ["x", "y", "z"], ROWS[:2]) == 2
    assert path.read_bytes() == b'"x","y","z"\n"",,"a"\n,,\n'


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_pages_together_are_the_result(tmp_path: Path, limit: int) -> None:
    """No record may be lost, doubled or cut where a page ends."""
    path = tmp_path / "r.csv"
    rows = ROWS * 50
    results.write(path, ["x", "y", "z"], rows)
    read: list[list[str | None]] = []
    token: str | None = None

    while True:
        page = results.read_page(path, token, limit)
        read += page.records
        token = page.next_token
        if token is None:
            break

    assert read == [["x", "y", "z"], *rows]


def test_a_record_longer_than_a_block_is_read_whole(tmp_path: Path) -> None:
    """An answer of a survey may be long; the reader takes a megabyte at a time."""
    path = tmp_path / "r.csv"
    long = 'a"' * 700_000
    results.write(path, ["x"], [[long], ["end"]])

    assert results.read_page(path, None, 10).records == [["x"], [long], ["end"]]


@pytest.mark.parametrize("token", ["", "x", "djI6MA==", "AAAA"])
def test_a_token_that_is_not_ours_is_refused(tmp_path: Path, token: str) -> None:
    """A made-up position would give half a record as a whole one."""
    path = tmp_path / "r.csv"
    results.write(path, ["x"], [])

    with pytest.raises(RefusedCallError):
        results.read_page(path, token, 10)
