"""Whether rows fit a data extension: its declaration against ours, and each row against it.

Nothing is cut silently: a text that is too long makes its row a reject (DOMAIN.md 8.2).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from assets.model.column import FormatKind, Pii
from assets.model.failure import ExportFailed
from assets.model.manifest import ColumnEntry
from assets.steps.guards import units
from resources.marketing_cloud import DataExtension, Field

# What a field of each type takes (DOMAIN.md 8.1, types). Text takes all. A local time has no zone,
# so a date field would read it as the server's: UTC and plain dates only.
_TAKES: Final[Mapping[str, frozenset[str]]] = {
    "EmailAddress": frozenset({FormatKind.EMAIL, FormatKind.TEXT}),
    "Locale": frozenset({FormatKind.LOCALE, FormatKind.COUNTRY, FormatKind.TEXT}),
    "Phone": frozenset({FormatKind.E164, FormatKind.MSISDN, FormatKind.TEXT}),
    "Number": frozenset({FormatKind.INTEGER}),
    "Decimal": frozenset(
        {FormatKind.DECIMAL, FormatKind.INTEGER, FormatKind.NUMBER, FormatKind.PERCENT}
    ),
    "Date": frozenset({FormatKind.UTC_TIME, FormatKind.DATE}),
    "Boolean": frozenset({FormatKind.YES_NO, FormatKind.TRUE_FALSE}),
}

# Names somebody, or is a secret.
_WHO: Final = frozenset({Pii.DIRECT, Pii.SECRET})

Value = str | int | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as it is sent.

    Attributes:
        position: Its place among all rows of the export, from 0.
        key: What people find it by: the values of the primary key, else its number from 1. Its
            number too where the key says who somebody is: it stands in the file of rejects.
        values: Field to value.
        reject: Why it cannot be sent, or None.
    """

    position: int
    key: str
    values: Mapping[str, Value]
    reject: str | None = None


@dataclass(frozen=True, slots=True)
class _Cell:
    """A column and the field that it goes into."""

    place: int
    field: Field
    value: Callable[[str], Value]


class Table:
    """A data extension that takes the columns of an export.

    Args:
        extension: As the receiver describes it.
        columns: Those of the files, in order.

    Raises:
        ExportFailed: `SFMC_DE_MISMATCH`; the message names the fields.
    """

    def __init__(self, extension: DataExtension, columns: Sequence[ColumnEntry]) -> None:
        known = {field.name.casefold(): field for field in extension.fields}
        named = {column.name.casefold(): column for column in columns}
        _refuse("lacks the fields", [c.name for f, c in named.items() if f not in known])
        needed = [field for field in extension.fields if field.required or field.primary_key]
        _refuse("needs the fields", [f.name for f in needed if f.name.casefold() not in named])
        _refuse(
            "has other types for the fields",
            [c.name for f, c in named.items() if not _takes(known[f], c)],
        )
        self._cells = tuple(
            _Cell(place, known[column.name.casefold()], _reader(column))
            for place, column in enumerate(columns)
        )
        self._key = [cell.place for cell in self._cells if cell.field.primary_key]
        self._shown = all(columns[place].pii not in _WHO for place in self._key)
        self.keyed = any(field.primary_key for field in extension.fields)
        self._last: list[str] | None = None

    def row(self, position: int, cells: Sequence[str]) -> Row:
        """A row of the files; one that does not fit says why.

        Rows come in the order of the files, which is that of the key where there is one: two rows
        with one key, of which the second would replace the first, follow each other.
        """
        key = [cells[place] for place in self._key]
        shown = "|".join(key) if self._shown else ""
        values = {cell.field.name: cell.value(cells[cell.place]) for cell in self._cells}
        reject = next(
            filter(None, (_unfit(c.field, values[c.field.name]) for c in self._cells)), None
        )
        if self.keyed and key == self._last:
            reject = reject or "duplicate_key"
        self._last = key
        return Row(position=position, key=shown or str(position + 1), values=values, reject=reject)


def _refuse(problem: str, fields: Sequence[str]) -> None:
    if fields:
        message = f"the data extension {problem} {', '.join(sorted(fields))}"
        raise ExportFailed("SFMC_DE_MISMATCH", message)


def _takes(field: Field, column: ColumnEntry) -> bool:
    taken = _TAKES.get(field.type)
    return taken is None or column.type in taken


def _reader(column: ColumnEntry) -> Callable[[str], Value]:
    read = _READERS.get(column.type, str)

    def value(text: str) -> Value:
        # An empty cell empties the field: a field that is left out would keep its old value.
        return read(text) if text else None

    return value


def _yes(text: str) -> bool:
    return text == "Y"


def _true(text: str) -> bool:
    return text == "true"


_READERS: Final[Mapping[str, Callable[[str], Value]]] = {
    FormatKind.INTEGER: int,
    FormatKind.YES_NO: _yes,
    FormatKind.TRUE_FALSE: _true,
}


def _unfit(field: Field, value: Value) -> str | None:
    if value is None:
        return "missing_required" if field.required or field.primary_key else None
    if isinstance(value, str) and field.length is not None and units(value) > field.length:
        return "too_long"
    return None
