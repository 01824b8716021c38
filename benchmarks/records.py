"""Whether two exports say the same, row for row."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, zip_longest
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The records of an export, whatever files they are split into.

    Attributes:
        rows: How many, without headers.
        sha256: Of the header and all records; headers of further files are left out.
    """

    rows: int
    sha256: str


def records(paths: Sequence[Path]) -> Records:
    """Read the files of an export in their order.

    Raises:
        ValueError: The headers of two files differ.
    """
    digest, rows = hashlib.sha256(), -1
    for record in _each(paths):
        digest.update(record)
        rows += 1
    return Records(rows=max(rows, 0), sha256=digest.hexdigest())


def first_difference(one: Sequence[Path], other: Sequence[Path]) -> int | None:
    """The number of the first record that differs, 0 for the header; None where all are equal."""
    numbered = zip(count(), zip_longest(_each(one), _each(other)), strict=False)
    return next((number for number, (ours, theirs) in numbered if ours != theirs), None)


def _each(paths: Sequence[Path]) -> Iterator[bytes]:
    """The header once, then the records; no cell of the work holds a line end (`work.py`)."""
    header: bytes | None = None
    for path in paths:
        with path.open("rb") as file:
            own = file.readline()
            if header is None:
                yield own
            elif own != header:
                raise ValueError("the files of an export have one header")
            header = own
            yield from file
