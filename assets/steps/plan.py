"""Plan an export: fix its columns and what happens to each, before the first row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from assets.model.campaign import Facts
from assets.model.column import Column
from assets.model.delivery import Delivery
from assets.model.export_type import Companion, ExportType
from assets.model.failure import ExportFailed
from assets.model.manifest import ColumnEntry
from assets.model.policy import Transform, transform
from assets.steps.encode.fields import Field, field_of

MAX_COLUMNS = 400  # DOMAIN.md 6.6


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedColumn:
    """A column of the files and what the policy does to its values."""

    column: Column
    transform: Transform

    def entry(self) -> ColumnEntry:
        """The column as the manifest shows it."""
        return ColumnEntry(
            name=self.column.title,
            type=str(self.column.format.kind),
            source=self.column.source,
            pii=str(self.column.pii),
            transform=str(self.transform),
        )


def planned_fields(columns: Iterable[PlannedColumn]) -> tuple[Field, ...]:
    """The fields of a file with these columns, as its kind sees them."""
    return tuple(
        field_of(p.column.title, p.column.format.kind, p.transform, p.column.format.digits)
        for p in columns
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All decisions about one export; the same plan and snapshot give the same bytes.

    Attributes:
        columns: Of the main files.
        withheld: Columns that the policy leaves out.
        companions: The columns of each other file.
        deliveries: Where the files go, and where exactly.
    """

    export_type: ExportType
    facts: Facts
    columns: tuple[PlannedColumn, ...]
    withheld: tuple[str, ...]
    companions: Mapping[str, tuple[PlannedColumn, ...]] = field(default_factory=dict)
    deliveries: tuple[tuple[Delivery, str], ...] = ()

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns in the main files, in order."""
        return tuple(planned.column.title for planned in self.columns)

    def companion(self, section: str) -> Companion:
        """The declaration of a companion file."""
        return next(one for one in self.export_type.companions if one.name == section)


def plan(export_type: ExportType, facts: Facts) -> Plan:
    """Fix the columns of an export.

    Raises:
        ExportFailed: The campaign cannot have it, a chosen column does not exist, there are too
            many, none is left, or a delivery has nowhere to go.
    """
    request = facts.request
    export_type.refuse(facts)
    every = export_type.columns(facts)
    if len(every) > MAX_COLUMNS:
        message = f"the export has {len(every)} columns, at most {MAX_COLUMNS} are allowed"
        raise ExportFailed("TOO_MANY_COLUMNS", message)
    unknown = set(request.columns) - {column.name for column in every}
    if unknown:
        message = f"params/columns names {len(unknown)} that this campaign does not have"
        raise ExportFailed("UNKNOWN_COLUMN", message)
    chosen = [c for c in every if not request.columns or c.name in request.columns]
    decided = _decided(chosen, facts)
    shown = _shown(decided)
    if not shown:
        raise ExportFailed("NO_COLUMN_LEFT", "the policy withholds every chosen column")
    return Plan(
        export_type=export_type,
        facts=facts,
        columns=shown,
        withheld=tuple(one.column.name for one in decided if one.transform is Transform.WITHHELD),
        companions={
            companion.name: columns
            for companion in export_type.companions
            if companion.wanted(facts)
            and (columns := _shown(_decided(companion.columns(facts), facts)))
        },
        deliveries=tuple(
            (delivery, delivery.target(facts))
            for delivery in export_type.deliveries
            if delivery.destination in request.deliver
        ),
    )


def _decided(columns: Sequence[Column], facts: Facts) -> tuple[PlannedColumn, ...]:
    policy = facts.request.policy
    return tuple(PlannedColumn(column=c, transform=transform(c, policy)) for c in columns)


def _shown(decided: Sequence[PlannedColumn]) -> tuple[PlannedColumn, ...]:
    return tuple(one for one in decided if one.transform is not Transform.WITHHELD)
