"""JSON Lines, Parquet and workbooks: bytes, values, and files that were harmed or forged."""

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.model.column import FormatKind
from assets.model.output import Compression, Kind, OutputFormat
from assets.model.policy import Transform
from assets.steps.encode.fields import CellType, Field, Row, field_of
from assets.steps.encode.kinds import encoder, read_cells
from assets.steps.encode.malformed import Malformed
from assets.steps.encode.workbook import EXACT_DIGITS
from tests.assets.steps.hostile import CHANGED, HOSTILE, TEXTS
from tests.assets.steps.made import stored

KINDS = [Kind.JSONL, Kind.PARQUET, Kind.XLSX]
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
FIELDS = (
    Field(title="id"),
    Field(title="count", type=CellType.INTEGER),
    Field(title="share", type=CellType.DECIMAL, digits=2),
    Field(title="open", type=CellType.TRUTH),
    Field(title="at", type=CellType.INSTANT),
    Field(title="shows", type=CellType.LIST),
    Field(title="extra", type=CellType.JSON),
)
ROWS: list[Row] = [
    ["e1", "7", "0.50", "Y", "2026-03-03T15:00:00Z", "sat|fri", '{"a":[1,null]}'],
    ["", "", "", "", "", "", ""],
    [None, None, None, None, None, None, None],
    ["=1+1", "-9223372036854775808", "-0.01", "N", "0900-01-01T00:00:00Z", "|", '"x"'],
]


def output(kind: Kind) -> OutputFormat:
    """A form without any compression around it."""
    return OutputFormat(kind=kind, compression=Compression.NONE)


def cells(body: bytes) -> list[ET.Element]:
    """The cells of a workbook, as any reader of XML has them."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        sheet = ET.fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - ours
    return list(sheet.iter(f"{MAIN}c"))


def test_a_line_of_json_is_these_bytes() -> None:
    """Types are JSON's own, no number is a float, and null is not the empty text."""
    fields = [field for field in FIELDS if field.type is not CellType.INSTANT]
    rows = [[cell for n, cell in enumerate(row) if n != 4] for row in ROWS]
    lines = stored(rows, fields, output(Kind.JSONL)).decode().splitlines()

    assert lines == [
        '{"id":"e1","count":7,"share":0.50,"open":true,"shows":["sat","fri"],"extra":{"a":[1,null]}}',
        '{"id":"","count":null,"share":null,"open":null,"shows":[],"extra":null}',
        '{"id":null,"count":null,"share":null,"open":null,"shows":null,"extra":null}',
        '{"id":"=1+1","count":-9223372036854775808,"share":-0.01,"open":false,"shows":["",""],"extra":"x"}',
    ]


def test_a_column_of_parquet_is_of_its_declared_type() -> None:
    """Who loads a file of empty cells must get the types of one that is full."""
    for rows in (ROWS, ROWS[1:3], []):
        schema = pq.read_schema(io.BytesIO(stored(rows, FIELDS, output(Kind.PARQUET))))

        assert {name: str(kind) for name, kind in zip(schema.names, schema.types, strict=True)} == {
            "id": "string",
            "count": "int64",
            "share": "decimal128(38, 2)",
            "open": "bool",
            "at": "timestamp[ms, tz=UTC]",
            "shows": "list<element: string>",
            "extra": "string",
        }


@pytest.mark.parametrize("kind", [FormatKind.TEXT, FormatKind.RAW, FormatKind.EMAIL])
def test_every_text_of_a_workbook_is_text_and_none_is_a_formula(kind: FormatKind) -> None:
    """Whatever a fan wrote stands in a cell of type text, in the format for text."""
    field = field_of("a", kind, Transform.NONE)
    written = [text for text in TEXTS if "\r" not in text]
    found = cells(stored([[text] for text in written], [field], output(Kind.XLSX)))

    assert len(written) + 1 == len(found)
    assert {("inlineStr", "1")} == {(cell.get("t"), cell.get("s")) for cell in found}
    assert not any(list(cell.iter(f"{MAIN}f")) for cell in found)


def test_digits_and_dates_survive_in_a_workbook() -> None:
    """20 digits, leading zeros, `MAR1` and `1E10` are text; XML itself says what a cell holds."""
    found = cells(stored([[text] for text in CHANGED], [Field(title="a")], output(Kind.XLSX)))

    assert ["a", *CHANGED] == ["".join(cell.itertext()) for cell in found]


def test_a_forged_formula_is_neither_text_nor_read() -> None:
    """The control: a workbook with one formula is seen by the check above, and refused by ours."""
    honest = stored([["x"]], [Field(title="a")], output(Kind.XLSX))
    body = forged(honest, b"<is>", b"<f>1+1</f><is>")

    assert any(list(cell.iter(f"{MAIN}f")) for cell in cells(body))
    with pytest.raises(Malformed):
        list(read_cells([body], output(Kind.XLSX), [Field(title="a")]))


@given(st.integers(-(10**20), 10**20))
def test_a_number_of_a_workbook_is_one_only_if_no_digit_is_lost(number: int) -> None:
    """Excel turns what follows the 15th digit into noughts (DOMAIN.md 6.4)."""
    field = Field(title="n", type=CellType.INTEGER)
    cell = cells(stored([[str(number)]], [field], output(Kind.XLSX)))[1]

    assert (cell.get("t") is None) == (len(str(abs(number))) <= EXACT_DIGITS)
    assert str(number) == "".join(cell.itertext())


@pytest.mark.parametrize("kind", KINDS)
def test_the_pieces_of_rows_do_not_show_in_the_bytes(kind: Kind) -> None:
    """The same snapshot gives the same digest for any batch size (invariant 2)."""
    making = encoder(FIELDS, output(kind))
    one_by_one = [making.begin(), *(making.add(making.piece([row])) for row in ROWS), making.end()]

    assert stored(ROWS, FIELDS, output(kind)) == b"".join(one_by_one)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_another_width_is_refused(kind: Kind) -> None:
    """A shifted row puts one fan's phone beside another's name."""
    with pytest.raises(ValueError, match="7 cells"):
        encoder(FIELDS, output(kind)).piece([["e1"]])


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)
@given(st.lists(st.lists(HOSTILE.map(lambda t: t.replace("\ud83d", "")), min_size=2, max_size=2)))
def test_hostile_text_is_read_back_to_the_letter(kind: Kind, rows: list[list[str]]) -> None:
    """Escapes of JSON and XML, and text that looks like one of them."""
    fields = (Field(title="a"), Field(title="b"))
    _, *found = read_cells([stored(rows, fields, output(kind))], output(kind), fields)

    assert rows == [[cell or "" for cell in row] for row in found]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(kind: Kind) -> None:
    """Half a file must not pass for a short one; lines of JSON are counted by the manifest."""
    body = stored(ROWS, FIELDS, output(kind))
    whole = len(ROWS) + 1
    for end in range(0, len(body), 7 if kind is not Kind.JSONL else 1):
        if kind is Kind.JSONL and body[:end].endswith((b"", b"\n")[end > 0]):
            assert whole > len(list(read_cells([body[:end]], output(kind), FIELDS)))
            continue
        with pytest.raises(Malformed):
            list(read_cells([body[:end]], output(kind), FIELDS))


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_refused_or_read_and_never_another_error(kind: Kind) -> None:
    """Digests find the harm first; what reads behind them must still say what it found."""
    body = stored(ROWS, FIELDS, output(kind))
    expected = list(read_cells([body], output(kind), FIELDS))
    refused = changed = 0
    places = range(0, 8 * len(body), 5)
    for place in places:
        harmed = bytearray(body)
        harmed[place // 8] ^= 1 << (place % 8)
        try:
            changed += list(read_cells([bytes(harmed)], output(kind), FIELDS)) != expected
        except Malformed:
            refused += 1

    assert refused > len(places) / 2
    if kind is Kind.XLSX:  # the checksums of ZIP, and parts that must be ours to the byte
        assert 0 == changed
    if kind is Kind.JSONL:  # a letter can become another one, but nothing is overlooked
        assert len(places) == refused + changed


def test_a_workbook_with_a_password_is_refused() -> None:
    """One flipped bit says that a member is encrypted; that is no reason to stop with a bug."""
    body = bytearray(stored(ROWS, FIELDS, output(Kind.XLSX)))
    body[body.index(b"PK\x01\x02") + 8] |= 1  # APPNOTE 4.4.4, in the central directory
    with pytest.raises(Malformed, match="not_xlsx"):
        list(read_cells([bytes(body)], output(Kind.XLSX), FIELDS))


FORGED: Sequence[tuple[Kind, bytes, bytes]] = [
    (Kind.JSONL, b'"count":7', b'"count":7.0'),
    (Kind.JSONL, b'"count":7', b'"count": 7'),
    (Kind.JSONL, b'"open":true', b'"open":"Y"'),
    (Kind.JSONL, b'"id":"e1"', b'"id":1'),
    (Kind.JSONL, b'"id":"e1"', b'"ID":"e1"'),
    (Kind.JSONL, b'"share":0.50', b'"share":"0.50"'),
    (Kind.JSONL, b'["sat","fri"]', b'"sat|fri"'),
    (Kind.JSONL, b'"id":"e1"', b'"id":"\\u00651"'),
    (Kind.XLSX, b'<c r="B2"><v>7</v>', b'<c r="B2" t="b"><v>7</v>'),
    (Kind.XLSX, b'<c r="B2"><v>7</v>', b'<c r="Z2"><v>7</v>'),
    (Kind.XLSX, b'<c r="B2"><v>7</v>', b'<c r="B2"><v>x</v>'),
    (Kind.XLSX, b'<c r="B2"><v>7</v>', b'<c r="B2"><v>7E1</v>'),
    (Kind.XLSX, b'<row r="2">', b'<row r="3">'),
    (Kind.XLSX, b"=1+1", b"&#61;1+1"),
]


@pytest.mark.parametrize(("kind", "old", "new"), FORGED, ids=[f"{k}-{n!r}" for k, _, n in FORGED])
def test_what_we_cannot_have_written_is_refused(kind: Kind, old: bytes, new: bytes) -> None:
    """A reader that forgives proves nothing."""
    rows = [row for row in ROWS if row[0]]
    body = forged(stored(rows, FIELDS, output(kind)), old, new)
    with pytest.raises(Malformed) as refused:
        list(read_cells([body], output(kind), FIELDS))

    assert "not_canonical" == refused.value.reason


def test_a_parquet_of_other_types_is_refused() -> None:
    """A column of text where a number was declared is not the file that the manifest tells of."""
    text = (Field(title="a"),)
    body = stored([["7"]], text, output(Kind.PARQUET))
    with pytest.raises(Malformed, match="wrong_type"):
        list(read_cells([body], output(Kind.PARQUET), [Field(title="a", type=CellType.INTEGER)]))


@pytest.mark.parametrize("cell", ["seven", "7.5", "9223372036854775808", "\uff17 "], ids=ascii)
def test_a_text_that_is_no_number_stops_a_parquet_instead_of_becoming_null(cell: str) -> None:
    """A formatter that let one through is a bug of ours, and no blank for somebody to explain."""
    making = encoder([Field(title="n", type=CellType.INTEGER)], output(Kind.PARQUET))
    with pytest.raises(ValueError, match="parse"):
        making.add(making.piece([[cell]]))


def forged(body: bytes, old: bytes, new: bytes) -> bytes:
    """The file with a piece of its content exchanged; a workbook is packed anew."""
    if not body.startswith(b"PK"):
        assert old in body
        return body.replace(old, new)
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as archive, zipfile.ZipFile(made, "w") as other:
        sheet = archive.read("xl/worksheets/sheet1.xml")
        assert old in sheet
        for name in archive.namelist():
            content = archive.read(name)
            other.writestr(name, content.replace(old, new) if content == sheet else content)
    return made.getvalue()


def test_json_lines_are_what_pythons_own_reader_reads() -> None:
    """A reader that is not ours has the same values, so our two halves share no mistake."""
    lines = stored(ROWS, FIELDS, output(Kind.JSONL)).decode().splitlines()
    read: Callable[[str], dict[str, object]] = json.loads

    assert [list(read(line)) for line in lines] == [[field.title for field in FIELDS]] * len(ROWS)
    assert ["e1", "", None, "=1+1"] == [read(line)["id"] for line in lines]
