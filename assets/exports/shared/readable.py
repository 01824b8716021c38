"""Values that are empty where they cannot be read, for rows that nobody may lose for one of them.

Elsewhere a value that does not fit its column rejects the row. Where the row itself is what counts,
a broken telephone number is left empty and counted as `unreadable:<column>` instead.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from assets.model.column import Column, Unfit
from assets.model.source import EntryRow
from assets.steps.formats import Rendering, formatter

_MEMO: Final = "readable"
# The values by column, and the columns whose value could not be read.
_Read = tuple[Mapping[str, object], Sequence[str]]


class Readable:
    """Reads the values of some columns.

    Args:
        columns: Over entries; what a value must be follows from their formats.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        # The zone and the locales play no part in what a value must be.
        rendering = Rendering(
            zone=ZoneInfo("UTC"), default_locale="en-US", locales=frozenset(), neutralise=False
        )
        self._columns = [(one, formatter(one.format, rendering)) for one in columns]

    def values(self, row: EntryRow) -> Mapping[str, object]:
        """The values by the name of their column."""
        return self._read(row)[0]

    def notes(self, row: EntryRow) -> list[str]:
        """Which of them could not be read, for the accounting."""
        return [f"unreadable:{name}" for name in self._read(row)[1]]

    def shown(self, cells: Callable[[Any], Mapping[str, object]]) -> dict[str, Column]:
        """The columns by name, over rows of a file that hold these values as `cells` gives them."""

        def over_rows(column: Column) -> Column:
            return replace(column, value=lambda row: cells(row)[column.name])

        return {column.name: over_rows(column) for column, _ in self._columns}

    def _read(self, row: EntryRow) -> _Read:
        found: _Read | None = row.memo.get(_MEMO)
        if found is None:
            found = row.memo[_MEMO] = self._all(row)
        return found

    def _all(self, row: EntryRow) -> _Read:
        values: dict[str, object] = {}
        unreadable: list[str] = []
        for column, text in self._columns:
            try:
                value = column.value(row)
                text(value)
                values[column.name] = value
            except Unfit:
                values[column.name] = None
                unreadable.append(column.name)
        return values, unreadable
