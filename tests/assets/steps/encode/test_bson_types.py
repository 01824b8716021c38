"""Each type of BSON in each kind of column: a value, a stated blank or a counted reject.

A value that quietly becomes null is the worst that an exporter can do (RELIABILITY.md 5). Documents
are written and read as BSON, cells are made as a worker makes them, and the files are read by
programs that are not ours.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import bson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bson import Binary, Code, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.timestamp import Timestamp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.model.column import Column, Format, FormatKind, Pii, Unfit
from assets.model.output import Compression, Dialect, Kind, OutputFormat
from assets.model.policy import PiiMode, Policy
from assets.steps.encode.fields import Field
from assets.steps.encode.kinds import read_cells
from assets.steps.plan import planned_fields
from assets.steps.rows import Converter, Ledger
from tests.assets.examples import EVERY_SCOPE, column
from tests.assets.steps.hostile import HOSTILE
from tests.assets.steps.made import NULL_IF_EMPTY, decided, rendering, stored

READ: CodecOptions[Any] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
TEXT = st.one_of(
    # MongoDB takes no text that UTF-8 cannot hold.
    st.text(max_size=20),
    HOSTILE.map(lambda text: text.encode(errors="replace").decode()),
    st.sampled_from(["", " ", "\u200b", "+14155550132", "US", "en-us", "zoe@example.com", "7"]),
)
SCALAR = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), TEXT)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5)
# The 14 types of stored documents (DOMAIN.md 2), each with all of its values.
TYPES: Mapping[str, st.SearchStrategy[Any]] = {
    "double": st.floats() | st.integers(-(2**53), 2**53).map(float),
    "string": TEXT,
    "object": st.dictionaries(NAMES, SCALAR | st.lists(SCALAR, max_size=3), max_size=3),
    "array": st.lists(TEXT | SCALAR, max_size=4) | st.lists(TEXT, max_size=4),
    "binData": st.binary(max_size=20).map(Binary) | st.uuids().map(Binary.from_uuid),
    "objectId": st.binary(min_size=12, max_size=12).map(ObjectId),
    "bool": st.booleans(),
    "date": st.integers(-(2**63), 2**63 - 1).map(DatetimeMS) | st.datetimes(timezones=st.just(UTC)),
    "null": st.none(),
    "regex": TEXT.map(lambda text: Regex(re.escape(text).replace("\x00", ""))),
    "int": st.integers(-(2**31), 2**31 - 1),
    "timestamp": st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    "long": st.integers(-(2**63), 2**63 - 1).map(Int64),
    "decimal": st.one_of(
        # A Decimal128 holds 34 digits, and refuses a number with more of them.
        st.decimals(-(10**29), 10**29, places=4).map(Decimal128),
        st.sampled_from(
            [
                *("NaN", "-NaN", "sNaN", "-sNaN", "Infinity", "-Infinity"),
                *("1E+6144", "-1E-6176", "9" * 34, "1.50", "7"),
            ]
        ).map(Decimal128),
    ),
    # Three more that a server can hold, and no document should.
    "javascript": TEXT.map(Code),
    "minKey": st.just(MinKey()),
    "maxKey": st.just(MaxKey()),
}
DOCUMENTS = st.fixed_dictionaries(dict(TYPES))
FORMS = [
    Format(kind=kind, length=80 if kind is FormatKind.TEXT else None, digits=2)
    for kind in FormatKind
]
CSV = OutputFormat(dialect=Dialect.RFC4180, compression=Compression.NONE)
KINDS = {
    kind: OutputFormat(kind=kind, dialect=Dialect.RFC4180, compression=Compression.NONE)
    for kind in Kind
}
INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a value.

    Attributes:
        text: The cell, or None for null.
        reason: Why the row was rejected, or empty.
        heard: The warnings that its manifest counts.
    """

    text: str | None = None
    reason: str = ""
    heard: tuple[str, ...] = ()


def of_bson(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document as it comes from the server."""
    return bson.decode(bson.encode(document), READ)


def column_of(form: Format) -> Column:
    """A column that shows the row itself."""
    return column("c", lambda value: value, form=form, pii=Pii.NONE)


def outcome(form: Format, value: object, output: OutputFormat = CSV) -> Outcome:
    """What a worker makes of a value in a column."""
    ledger = Ledger()
    planned = decided([column_of(form)], Policy(mode=PiiMode.FULL, grants=EVERY_SCOPE))
    heard = rendering(output, warn=lambda code: ledger.note((code,)))
    try:
        (text,) = Converter(planned, rendering=heard, key=b"k").cells(value)
    except Unfit as unfit:
        ledger.reject(unfit.reason)
        (reason,) = ledger.rejected
        return Outcome(reason=reason)
    return Outcome(text=text, heard=tuple(ledger.notes))


def blank(value: object) -> bool:
    """Whether a value shows nothing: no character that can be seen, in no item."""
    if isinstance(value, str):
        return all(unicodedata.category(character) in INVISIBLE for character in value)
    return isinstance(value, list) and len(value) < 2 and all(map(blank, filter(None, value)))


def silent(value: object, found: Outcome) -> bool:
    """Whether a value was lost without a word: nothing is there, and nothing says why."""
    if found.reason or found.text:
        return False
    if value is None:
        return found.text is not None
    return "not_finite" not in found.heard and not blank(value)


def typed_null(form: Format, found: Outcome) -> bool:
    """Whether the cell must be null in a kind of file that has null."""
    return found.text is None or (form.kind in NULL_IF_EMPTY and not found.text)


def parquet(body: bytes) -> list[Any]:
    """The values of the one column, as pyarrow has them."""
    column = pq.read_table(io.BytesIO(body)).column(0)
    if pa.types.is_timestamp(column.type):  # years that Python's own type does not reach
        return [
            None if value is None else str(value) for value in column.cast("string").to_pylist()
        ]
    values: list[Any] = column.to_pylist()
    return values


def json_lines(body: bytes) -> list[Any]:
    """The values of the one member, numbers as they are written."""
    decode = json.JSONDecoder(parse_int=Decimal, parse_float=Decimal).decode
    return [decode(line)["c"] for line in body.decode().split("\n") if line]


def plain(body: bytes) -> list[str]:
    """The cells of the one column, as Python's own reader has them."""
    return [row[0] for row in csv.reader(io.StringIO(body.decode(), newline=""), strict=True)][1:]


def written(form: Format, cells: list[str | None], kind: Kind) -> bytes:
    """A file of one column."""
    planned = decided([column_of(form)], Policy(mode=PiiMode.FULL, grants=EVERY_SCOPE))
    return stored([[cell] for cell in cells], planned_fields(planned), KINDS[kind])


def test_these_are_the_types_that_documents_are_made_of() -> None:
    """A type that fell out of the table would be a type that nobody tries."""
    assert len(TYPES.keys() - {"javascript", "minKey", "maxKey"}) == 14
    assert {form.kind for form in FORMS} == set(FormatKind)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.kind))
@settings(max_examples=20, deadline=None)
@given(DOCUMENTS)
def test_a_value_is_written_stated_empty_or_rejected(
    form: Format, document: dict[str, object]
) -> None:
    """In every column, for every type, in the files for people as in those for machines."""
    for name, value in of_bson(document).items():
        for output in (CSV, OutputFormat(), KINDS[Kind.XLSX]):
            found = outcome(form, value, output)

            assert not silent(value, found), name
            assert re.fullmatch("(c:[a-z0-9_]+)?", found.reason)  # a reason, and never the value


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.kind))
@settings(max_examples=20, deadline=None)
@given(DOCUMENTS)
def test_every_kind_of_file_holds_the_same_values(
    form: Format, document: dict[str, object]
) -> None:
    """Null stands where it is stated and nowhere else; what is there is equal to the CSV's text."""
    found = [outcome(form, value) for value in of_bson(document).values()]
    kept = [one for one in found if not one.reason]
    cells = [one.text for one in kept]
    nulls = [typed_null(form, one) for one in kept]
    texts = plain(written(form, cells, Kind.CSV))
    arrow = parquet(written(form, cells, Kind.PARQUET))
    lines = json_lines(written(form, cells, Kind.JSONL))

    assert [cell or "" for cell in cells] == texts
    assert nulls == [value is None for value in arrow]
    for text, null, a, b in zip(texts, nulls, arrow, lines, strict=True):
        if null:
            assert b is None
            continue
        assert same(form.kind, text, a), (form, text, a)
        assert same_in_json(form.kind, text, b), (form, text, b)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.kind))
@settings(max_examples=10, deadline=None)
@example(dict.fromkeys(TYPES) | {"decimal": Decimal128("1E+6144")})  # 6,145 digits
@given(DOCUMENTS)
def test_every_kind_of_file_is_read_back_as_it_was_written(
    form: Format, document: dict[str, object]
) -> None:
    """A file whose own verification refuses it is an export that can never succeed."""
    found = [outcome(form, value, KINDS[Kind.XLSX]) for value in of_bson(document).values()]
    cells = [one.text for one in found if not one.reason]
    planned = decided([column_of(form)], Policy(mode=PiiMode.FULL, grants=EVERY_SCOPE))
    fields: tuple[Field, ...] = planned_fields(planned)
    for kind, output in KINDS.items():
        rows = list(read_cells([written(form, cells, kind)], output, fields))

        assert ["c"] == rows[0]
        assert [cell or "" for cell in cells] == [row[0] or "" for row in rows[1:]]


def same(kind: FormatKind, text: str, value: object) -> bool:
    """Whether a value of Parquet is what a text of CSV says."""
    return _READ_BY.get(kind, str)(text) == value


def same_in_json(kind: FormatKind, text: str, value: object) -> bool:
    """Likewise for JSON, which has no times and no decimals of a scale."""
    match kind:
        case FormatKind.INTEGER | FormatKind.DECIMAL | FormatKind.PERCENT | FormatKind.NUMBER:
            return Decimal(text) == value
        case FormatKind.YES_NO | FormatKind.TRUE_FALSE:
            return _truth(text) == value
        case FormatKind.LIST:
            return _list(text) == value
        case FormatKind.JSON:
            return json.loads(text, parse_int=Decimal, parse_float=Decimal) == value
        case _:
            return text == value


def _truth(text: str) -> bool:
    return {"Y": True, "N": False, "true": True, "false": False}[text]


def _list(text: str) -> list[str]:
    return text.split("|") if text else []


_READ_BY: Mapping[FormatKind, Callable[[str], object]] = {
    FormatKind.INTEGER: int,
    FormatKind.DECIMAL: Decimal,
    FormatKind.PERCENT: Decimal,
    FormatKind.YES_NO: _truth,
    FormatKind.TRUE_FALSE: _truth,
    FormatKind.LIST: _list,
    FormatKind.DATE: date.fromisoformat,
    FormatKind.UTC_TIME: lambda text: f"{text[:10]} {text[11:19]}.000Z",
    FormatKind.LOCAL_TIME: lambda text: f"{text}.000",
}

# One of each type, none of them empty or blank.
PLAIN_VALUES: dict[str, object] = {
    "double": 1.5,
    "string": "text",
    "object": {"a": 1},
    "array": ["a", 1],
    "binData": Binary.from_uuid(UUID("0b7d2c1e-5a41-4c0e-9d0e-2f7a1f6f9a10")),
    "objectId": ObjectId("6" * 24),
    "bool": True,
    "date": datetime(2026, 3, 3, tzinfo=UTC),
    "regex": Regex("a"),
    "int": 7,
    "timestamp": Timestamp(1, 1),
    "long": Int64(2**40),
    "decimal": Decimal128("1.5"),
}


def forgiving(form: Format, value: object) -> Outcome:
    """How a naive exporter treats what does not fit: as `strict=False` and `errors="coerce"` do."""
    found = outcome(form, value)
    return Outcome(text=None) if found.reason else found


def test_a_converter_that_forgives_is_caught() -> None:
    """The control: with every reject turned into null, each kind of column is caught but JSON."""
    lost = {
        form.kind: {n for n, value in PLAIN_VALUES.items() if silent(value, forgiving(form, value))}
        for form in FORMS
    }

    assert all(len(types) >= 7 for kind, types in lost.items() if kind is not FormatKind.JSON), lost
    assert {"binData", "regex", "timestamp"} <= lost[FormatKind.JSON]


def test_a_null_that_parquet_makes_of_a_value_is_caught() -> None:
    """The control of the files: a cast that is not strict loses a cell, and the flags differ."""
    cells = ["7", "seven"]
    lenient = pa.array([int(c) if c.isdigit() else None for c in cells], pa.int64()).to_pylist()

    assert [False, False] != [value is None for value in lenient]
    with pytest.raises(pa.ArrowInvalid):
        written(Format(kind=FormatKind.INTEGER), list(cells), Kind.PARQUET)
