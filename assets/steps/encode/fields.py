"""The columns of a file as its kind sees them: a name, and the type that its texts are of."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from assets.model.column import FormatKind
from assets.model.manifest import ColumnEntry
from assets.model.policy import Transform

# The text of every cell of a row; None where the value is absent.
Row = Sequence[str | None]


class CellType(StrEnum):
    """What a typed kind makes of the text of a cell.

    A number as stored (`num`) has no scale to declare: exact text in Parquet, a number in JSON.
    A local time is no instant: it has no offset, so it is a timestamp without a zone.
    """

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    NUMBER = "number"
    TRUTH = "truth"
    INSTANT = "instant"
    LOCAL_TIME = "local_time"
    DATE = "date"
    LIST = "list"
    JSON = "json"


_TYPES: Final[Mapping[FormatKind, CellType]] = {
    FormatKind.INTEGER: CellType.INTEGER,
    FormatKind.DECIMAL: CellType.DECIMAL,
    FormatKind.PERCENT: CellType.DECIMAL,
    FormatKind.NUMBER: CellType.NUMBER,
    FormatKind.YES_NO: CellType.TRUTH,
    FormatKind.TRUE_FALSE: CellType.TRUTH,
    FormatKind.UTC_TIME: CellType.INSTANT,
    FormatKind.LOCAL_TIME: CellType.LOCAL_TIME,
    FormatKind.DATE: CellType.DATE,
    FormatKind.LIST: CellType.LIST,
    FormatKind.JSON: CellType.JSON,
}
# Numbers as our formatters write them: no exponent, no sign but a minus, digits on both sides.
PLAIN_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
WHOLE_NUMBER: Final = re.compile("-?[0-9]+")
# Of Parquet's decimals, the widest that others read too.
DECIMAL_DIGITS: Final = 38

# Of these an empty text is null: there is no empty number. Of the others it is empty.
NULL_IF_EMPTY: Final = frozenset(CellType) - {CellType.TEXT, CellType.LIST}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column of a file.

    Attributes:
        title: Its name in the file.
        type: The type of its cells.
        digits: After the point, for decimals that are written; what is read says so itself.
        yes: The text of true.
        no: The text of false.
    """

    title: str
    type: CellType = CellType.TEXT
    digits: int = 0
    yes: str = "Y"
    no: str = "N"


def field_of(title: str, kind: FormatKind, transform: Transform, digits: int = 0) -> Field:
    """The field of a column whose values a policy may have changed."""
    # What a mask or a hash has left is text, whatever it was.
    typed = _TYPES.get(kind, CellType.TEXT) if transform is Transform.NONE else CellType.TEXT
    yes, no = ("true", "false") if kind is FormatKind.TRUE_FALSE else ("Y", "N")
    return Field(title=title, type=typed, digits=digits, yes=yes, no=no)


def stored_fields(columns: Iterable[ColumnEntry]) -> tuple[Field, ...]:
    """The fields of a file that a manifest tells of.

    Raises:
        ValueError: A type or a transform is not known.
    """
    return tuple(field_of(c.name, FormatKind(c.type), Transform(c.transform)) for c in columns)


def emptied(rows: Iterable[Row]) -> list[list[str]]:
    """The rows as kinds show them that know no null."""
    return [[cell or "" for cell in row] for row in rows]
