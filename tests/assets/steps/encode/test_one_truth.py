"""A Parquet and a CSV of one export hold equal values: read by pyarrow and by Python's own reader.

20,000 rows a run, and as many as `--format-rows` says; `make formats` asks for a million.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bson import Decimal128, Int64, ObjectId
from bson.datetime_ms import DatetimeMS

from assets.model.column import Column, Format, FormatKind, Pii
from assets.model.output import Compression, Dialect, Kind, OutputFormat
from assets.model.policy import PiiMode, Policy
from assets.steps.encode.kinds import encoder
from assets.steps.plan import PlannedColumn, planned_fields
from assets.steps.rows import Cells, Converter, Ledger, Sieve
from tests.assets.examples import EVERY_SCOPE, column
from tests.assets.steps.hostile import TEXTS
from tests.assets.steps.made import NULL_IF_EMPTY, decided, rendering

SEED: Final = 20_261_101
CSV: Final = OutputFormat(dialect=Dialect.RFC4180, compression=Compression.NONE)
PARQUET: Final = OutputFormat(kind=Kind.PARQUET, compression=Compression.NONE)
PIECE: Final = 1_000
UNFIT_EVERY: Final = 211
FIRST: Final = datetime(1900, 1, 1, tzinfo=UTC)

Row = dict[str, object]


def phrase(dice: Random) -> str:
    """A text, hostile as often as not."""
    return dice.choice(TEXTS) if dice.random() < 0.5 else f"Zoë {dice.getrandbits(40)}"


def instant(dice: Random) -> object:
    """An instant of two centuries, in milliseconds; some come as those that Python cannot hold."""
    when = FIRST + timedelta(milliseconds=dice.randrange(200 * 365 * 86_400_000))
    return DatetimeMS(when) if dice.random() < 0.1 else when


def number(dice: Random) -> object:
    """A number of any stored type; one in fifty is not finite, which is a stated blank."""
    match dice.randrange(5):
        case 0:
            return dice.randrange(-(2**31), 2**31)
        case 1:
            return dice.uniform(-1e9, 1e9)
        case 2:
            return Decimal128(f"{dice.randrange(-(10**12), 10**12)}E-{dice.randrange(9)}")
        case 3:
            return dice.choice([0.0, -0.0, 1e-7, 2.675, 1e15, 0.1])
        case _:
            return float("nan") if dice.random() < 0.1 else dice.randrange(100)


VALUES: Final[Mapping[FormatKind, Callable[[Random], object]]] = {
    FormatKind.ID: lambda dice: ObjectId(dice.randbytes(12)),
    FormatKind.TEXT: phrase,
    FormatKind.MULTILINE: lambda dice: f"{phrase(dice)}\r\n{phrase(dice)}",
    FormatKind.ENUM: lambda dice: dice.choice(["selected", "waitlisted", "on hold", "=1"]),
    FormatKind.EMAIL: lambda dice: f"{phrase(dice)}@Example.COM",
    FormatKind.E164: lambda dice: f"+1415555{dice.randrange(10_000):04}",
    FormatKind.LOCAL_TIME: instant,
    FormatKind.OFFSET: instant,
    FormatKind.UTC_TIME: instant,
    FormatKind.DATE: instant,
    FormatKind.YES_NO: lambda dice: dice.random() < 0.5,
    FormatKind.INTEGER: lambda dice: Int64(dice.randrange(-(2**63), 2**63)),
    FormatKind.DECIMAL: number,
    FormatKind.NUMBER: number,
    FormatKind.PERCENT: Random.random,
    FormatKind.LIST: lambda dice: [phrase(dice) for _ in range(dice.randrange(4))],
    FormatKind.LOCALE: lambda dice: dice.choice(["en_us", "es-US", "xx"]),
    FormatKind.COUNTRY: lambda dice: dice.choice(["us", "CA", ""]),
    FormatKind.JSON: lambda dice: {phrase(dice): [phrase(dice), dice.randrange(9), None]},
    FormatKind.TRUE_FALSE: lambda dice: dice.random() < 0.5,
    FormatKind.MSISDN: lambda dice: f"+4420794{dice.randrange(100_000):05}",
    FormatKind.HASH: lambda dice: f"fan{dice.randrange(10**6)}@example.com",
    FormatKind.RAW: lambda dice: dice.choice(["MAR1", "1E10", "01201", f"{dice.getrandbits(64)}"]),
}


def reading(name: str) -> Callable[[Row], object]:
    """A getter of a plain mapping."""
    return lambda row: row[name]


COLUMNS: Final[Sequence[Column]] = (
    *(
        column(kind.name.lower(), reading(kind), form=Format(kind=kind, digits=3), pii=Pii.NONE)
        for kind in FormatKind
    ),
    column("masked", reading(FormatKind.EMAIL), form=Format(kind=FormatKind.EMAIL), pii=Pii.DIRECT),
)


def planned() -> list[PlannedColumn]:
    """A column of each kind, and one that a policy masks."""
    return decided(COLUMNS, Policy(mode=PiiMode.MASKED, grants=EVERY_SCOPE))


def generated(count: int) -> Iterator[Row]:
    """The same rows each time: one value in twelve is null, and one row in 211 does not fit."""
    dice = Random(SEED)  # noqa: S311 - a seed that gives the same rows everywhere
    for number_of_row in range(count):
        row: Row = {
            kind: None if dice.random() < 1 / 12 else make(dice) for kind, make in VALUES.items()
        }
        if number_of_row % UNFIT_EVERY == UNFIT_EVERY - 1:
            row[FormatKind.INTEGER] = "no number"
        yield row


def write(path: Path, rows: Iterable[Row], output: OutputFormat) -> Ledger:
    """Write a file as a worker does, in pieces, and count where the rows went."""
    columns, ledger = planned(), Ledger()
    heard = rendering(output, warn=lambda code: ledger.note((code,)))
    sieve = Sieve(
        verdict=lambda _: None,
        notes=lambda _: (),
        converter=Converter(columns, rendering=heard, key=b"k"),
        ledger=ledger,
    )
    making = encoder(planned_fields(columns), output)
    cells: Iterator[Cells] = (record for _, record in sieve.records(rows))
    with path.open("wb") as file:
        file.write(making.begin())
        while piece := list(islice(cells, PIECE)):
            file.write(making.add(making.piece(piece)))
        file.write(making.end())
    return ledger


@dataclass(slots=True)
class Comparison:
    """What two files have in common.

    Attributes:
        rows: How many of them stand in both.
        nulls: By column, how many cells of the Parquet are null.
        differences: By column, how many cells are not equal.
    """

    rows: int
    nulls: Counter[str]
    differences: Counter[str]


def compared(text: Path, arrow: Path) -> Comparison:
    """Compare two files cell by cell; a file that is longer than the other raises."""
    found = Comparison(rows=0, nulls=Counter(), differences=Counter())
    kinds = {one.column.title: one for one in planned()}
    with text.open(encoding="utf-8", newline="") as lines, pq.ParquetFile(arrow) as file:
        rows = csv.reader(lines, strict=True)
        assert next(rows) == list(kinds) == file.schema_arrow.names
        for batch in file.iter_batches(batch_size=10_000):
            part = list(islice(rows, batch.num_rows))
            assert len(part) == batch.num_rows
            found.rows += batch.num_rows
            for name, texts, values in zip(
                kinds, zip(*part, strict=True), batch.columns, strict=True
            ):
                expected = _expected(kinds[name], texts, values)
                found.nulls[name] += values.null_count
                found.differences[name] += sum(
                    a != b for a, b in zip(expected, _values(values), strict=True)
                )
        assert next(rows, None) is None
    return found


def _values(column: Any) -> list[Any]:
    """The values; times as text, for their own type would be slow and end at the year 9999."""
    typed = pa.types.is_timestamp(column.type)
    values: list[Any] = (column.cast("string") if typed else column).to_pylist()
    return values


def _expected(
    planned_column: PlannedColumn, texts: Sequence[str], values: Any
) -> Iterator[object | None]:
    """What the cells of a CSV say that the Parquet must hold; CSV cannot tell null from ""."""
    kind = planned_column.column.format.kind
    read, typed = _READ_BY.get(kind, str), kind in NULL_IF_EMPTY
    for text, valid in zip(texts, values.is_valid().to_pylist(), strict=True):
        yield None if not text and (typed or not valid) else read(text)


_READ_BY: Final[Mapping[FormatKind, Callable[[str], object]]] = {
    FormatKind.INTEGER: int,
    FormatKind.DECIMAL: Decimal,
    FormatKind.PERCENT: Decimal,
    FormatKind.YES_NO: {"Y": True, "N": False}.__getitem__,
    FormatKind.TRUE_FALSE: {"true": True, "false": False}.__getitem__,
    FormatKind.LIST: lambda text: text.split("|") if text else [],
    FormatKind.DATE: date.fromisoformat,
    FormatKind.UTC_TIME: lambda text: f"{text[:10]} {text[11:19]}.000Z",
    FormatKind.LOCAL_TIME: lambda text: f"{text}.000",
}


def stated_nulls(rows: Iterable[Row]) -> tuple[Counter[str], int]:
    """By column, the nulls that the rows themselves say; and how many rows do not fit.

    A number that is not finite is the one value that becomes null, with a note.
    """
    nulls: Counter[str] = Counter()
    unfit = 0
    for row in rows:
        if isinstance(row[FormatKind.INTEGER], str):
            unfit += 1
            continue
        for kind, value in row.items():
            if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
                nulls[FormatKind(kind).name.lower()] += 1
    nulls["masked"] = nulls["email"]
    return nulls, unfit


def test_a_parquet_and_a_csv_of_one_export_hold_equal_values(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A figure must not depend on which of two files somebody opened."""
    count: int = request.config.getoption("--format-rows")
    text, arrow = tmp_path / "rows.csv", tmp_path / "rows.parquet"
    by_text = write(text, generated(count), CSV)
    by_arrow = write(arrow, generated(count), PARQUET)
    nulls, unfit = stated_nulls(generated(count))
    found = compared(text, arrow)

    assert by_text == by_arrow
    assert count // UNFIT_EVERY == unfit == by_text.rejected["integer:wrong_type"]
    assert count - unfit == found.rows
    assert +found.differences == {}
    assert found.nulls == nulls  # none of them silent
    assert min(nulls[kind.name.lower()] for kind in FormatKind) > found.rows / 20


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("integer", lambda cell: str(int(cell) ^ 1)),
        ("decimal", lambda cell: f"{Decimal(cell) + Decimal('0.001'):f}"),
        ("utc_time", lambda cell: f"{cell[:18]}{'1' if cell[18] == '0' else '0'}Z"),
        ("yes_no", lambda cell: "N" if cell == "Y" else "Y"),
        ("text", lambda cell: f"{cell} "),
        ("list", lambda cell: f"{cell}|"),
        ("raw", lambda _: None),
        ("json", lambda _: None),
    ],
)
def test_one_cell_that_differs_is_found(
    name: str, change: Callable[[str], str | None], tmp_path: Path
) -> None:
    """The control: a comparison that overlooks a cell of a kind would prove nothing about it."""
    text, arrow = tmp_path / "rows.csv", tmp_path / "rows.parquet"
    rows = [row for row in generated(300) if all(v is not None for v in row.values())][:3]
    write(text, rows, CSV)
    columns = planned()
    place = [one.column.title for one in columns].index(name)
    converter = Converter(columns, rendering=rendering(PARQUET), key=b"k")
    cells = [list(converter.cells(row)) for row in rows]
    cells[1][place] = change(cells[1][place] or "")
    making = encoder(planned_fields(columns), PARQUET)
    arrow.write_bytes(making.begin() + making.add(making.piece(cells)) + making.end())
    found = compared(text, arrow)

    assert dict.fromkeys([name], 1) == +found.differences
