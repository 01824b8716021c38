"""The capacity table follows from the constants beside it."""

import re
from collections.abc import Mapping

import pytest

from sensors.requests import MAX_RUN_SECONDS
from tests.conventions.repository import ROOT
from tests.docs.pages import table

TEXT = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")


def constants(text: str) -> dict[str, float]:
    """The numbers of the model, in seconds, bytes and dollars an hour."""
    said = {row[0]: re.findall(r"[\d.]+", row[1]) for row in table(text, "The model")}
    found = {name: float(numbers[0]) for name, numbers in said.items()}
    found["per_row"] /= 1e6
    found["processors"], found["GiB"] = (float(one) for one in said["processors, GiB"])
    return found


def projected(rows: int, of: Mapping[str, float]) -> list[float]:
    """A row of the table by the model."""
    files = max(1, -(-rows // int(of["rows_per_file"])))
    seconds = of["start"] + rows * of["per_row"] + files * of["per_file"]
    gigabytes = rows * of["bytes_of_a_row"] / 1e9
    hourly = of["processors"] * of["price_of_a_processor"] + of["GiB"] * of["price_of_a_GiB"]
    return [
        seconds,
        files,
        gigabytes,
        gigabytes / of["gzip"],
        2 * gigabytes,
        seconds / 3600 * hourly,
    ]


@pytest.mark.parametrize("row", table(TEXT, "What follows"), ids=lambda row: row[0])
def test_a_row_of_the_table_follows_from_the_model(row: list[str]) -> None:
    """A constant that is corrected moves every figure, and this says which."""
    rows, *said = (float(cell) for cell in row)

    assert projected(int(rows), constants(TEXT)) == pytest.approx(said, rel=0.02, abs=6e-4)


def test_another_constant_gives_another_table() -> None:
    """The control: the figures do depend on what is said above them."""
    slower = TEXT.replace("20 microseconds", "40 microseconds")
    row = [float(cell) for cell in table(TEXT, "What follows")[-1]]

    assert projected(int(row[0]), constants(slower)) != pytest.approx(row[1:], rel=0.02)


def test_the_largest_export_that_fits_ends_before_it_is_ended() -> None:
    """The page says that it fits into the time of a run, and that twice as much does not."""
    of = constants(TEXT)

    assert projected(10**9, of)[0] < MAX_RUN_SECONDS < projected(2 * 10**9, of)[0]
