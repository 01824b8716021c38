"""Plan an export: fix its columns and what happens to each, before the first row."""

from dataclasses import dataclass

from assets.model.campaign import Facts
from assets.model.column import Column
from assets.model.export_type import ExportType
from assets.model.failure import ExportFailed
from assets.model.manifest import ColumnEntry
from assets.model.policy import Transform, transform, withheld

MAX_COLUMNS = 400  # DOMAIN.md 6.6


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedColumn:
    """A column of the files and what the policy does to its values."""

    column: Column
    transform: Transform

    def entry(self) -> ColumnEntry:
        """The column as the manifest shows it."""
        return ColumnEntry(
            name=self.column.name,
            type=str(self.column.format.kind),
            source=self.column.source,
            pii=str(self.column.pii),
            transform=str(self.transform),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All decisions about one export; the same plan and snapshot give the same bytes."""

    export_type: ExportType
    facts: Facts
    columns: tuple[PlannedColumn, ...]
    withheld: tuple[str, ...]

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(planned.column.name for planned in self.columns)


def plan(export_type: ExportType, facts: Facts) -> Plan:
    """Fix the columns of an export.

    Raises:
        ExportFailed: A chosen column does not exist, there are too many, or none is left.
    """
    request = facts.request
    every = export_type.columns(facts)
    if len(every) > MAX_COLUMNS:
        message = f"the export has {len(every)} columns, at most {MAX_COLUMNS} are allowed"
        raise ExportFailed("TOO_MANY_COLUMNS", message)
    unknown = set(request.columns) - {column.name for column in every}
    if unknown:
        message = f"params/columns names {len(unknown)} that this campaign does not have"
        raise ExportFailed("UNKNOWN_COLUMN", message)
    chosen = [c for c in every if not request.columns or c.name in request.columns]
    decided = [PlannedColumn(column=c, transform=transform(c, request.policy)) for c in chosen]
    shown = tuple(p for p in decided if p.transform is not Transform.WITHHELD)
    if not shown:
        raise ExportFailed("NO_COLUMN_LEFT", "the policy withholds every chosen column")
    return Plan(
        export_type=export_type,
        facts=facts,
        columns=shown,
        withheld=withheld(chosen, request.policy),
    )
