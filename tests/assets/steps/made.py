"""Whole files of a few rows, made without a store."""

from collections.abc import Iterable, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from assets.model.column import Column, FormatKind
from assets.model.output import OutputFormat
from assets.model.policy import Policy, Transform, transform
from assets.steps.encode.compression import Compressor
from assets.steps.encode.fields import Field, Row
from assets.steps.encode.kinds import encoder
from assets.steps.formats import Rendering
from assets.steps.plan import PlannedColumn
from assets.steps.values import Warn

NEW_YORK = ZoneInfo("America/New_York")
# Of these an empty text is null, for there is no empty number; of the others it is empty text.
NULL_IF_EMPTY: Final = {
    FormatKind.INTEGER,
    FormatKind.DECIMAL,
    FormatKind.PERCENT,
    FormatKind.NUMBER,
    FormatKind.YES_NO,
    FormatKind.TRUE_FALSE,
    FormatKind.UTC_TIME,
    FormatKind.LOCAL_TIME,
    FormatKind.DATE,
    FormatKind.JSON,
}


def stored(rows: Sequence[Row], fields: Sequence[Field], output: OutputFormat) -> bytes:
    """The bytes of a file, as a worker stores them; the rows come in two pieces."""
    making, packing = encoder(fields, output), Compressor(output.packing)
    half = len(rows) // 2
    plain = [making.begin()]
    plain += [making.add(making.piece(part)) for part in (rows[:half], rows[half:]) if part]
    plain.append(making.end())
    return b"".join([*map(packing.compress, plain), packing.finish()])


def rendering(output: OutputFormat, warn: Warn = lambda _code: None) -> Rendering:
    """How the cells of a file of New York's campaign are rendered."""
    return Rendering.of(
        output, zone=NEW_YORK, default_locale="en-US", locales=["en-US", "es-US"], warn=warn
    )


def decided(columns: Iterable[Column], policy: Policy) -> list[PlannedColumn]:
    """The columns that a policy shows."""
    made = [PlannedColumn(column=column, transform=transform(column, policy)) for column in columns]
    return [planned for planned in made if planned.transform is not Transform.WITHHELD]
