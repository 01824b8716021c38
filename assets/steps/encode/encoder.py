"""What an encoder of a kind of file promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from assets.steps.encode.fields import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Rows in the form of the file, not yet in it.

    Attributes:
        rows: How many.
        size: Their bytes before any compression.
        content: What the encoder that made it wants to have back.
    """

    rows: int
    size: int
    content: Any


class Encoder(Protocol):
    """Makes the bytes of one file; they do not depend on how the rows are cut into pieces.

    Attributes:
        most_rows: What a file of the kind can hold; None for no bound.
        most_bytes: Likewise, as sums of `Piece.size`.
    """

    most_rows: int | None
    most_bytes: int | None

    def begin(self) -> bytes:
        """The bytes before the first row."""

    def piece(self, rows: Sequence[Row]) -> Piece:
        """The rows that would come next.

        Raises:
            ValueError: A row has more or fewer cells than there are columns.
        """

    def add(self, piece: Piece) -> bytes:
        """The bytes that the file grows by; maybe none yet."""

    def end(self) -> bytes:
        """The last bytes."""


def check_width(rows: Sequence[Row], width: int) -> None:
    """Refuse a row that is not of the file's width: a shifted cell is another fan's.

    Raises:
        ValueError: There is one.
    """
    if any(len(row) != width for row in rows):
        raise ValueError(f"a row does not have the {width} cells of the header")
