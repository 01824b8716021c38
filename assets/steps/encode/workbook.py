"""XLSX: one sheet whose text is text, written as a stream and read back by its very bytes.

The few parts of ECMA-376 that a sheet needs are written here: a library would hold the sheet in a
file of its own before the first byte could go out, and its text would differ by its version. Text
is of type `inlineStr` in Excel's format for text (`@`), so nothing in it is a formula, not even
when somebody edits the cell. A number is one only where a spreadsheet keeps all of its digits.
"""

import codecs
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Final

from assets.steps.encode.archive import MOST_BYTES, Archive
from assets.steps.encode.encoder import Piece, check_width
from assets.steps.encode.fields import PLAIN_NUMBER, CellType, Field, Row
from assets.steps.encode.malformed import Malformed

_ROWS: Final = 1_048_576  # of a sheet, the header included (DOMAIN.md 6.4)
EXACT_DIGITS: Final = 15
"""The digits of a number that Excel keeps; what has more is written as text."""

_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_SHEET: Final = "xl/worksheets/sheet1.xml"
_PARTS: Final[Mapping[str, bytes]] = {
    name: (_XML + text).encode()
    for name, text in {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
        'relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        f'<Override PartName="/{_SHEET}" ContentType="{_TYPE}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
        '<bookViews><workbookView/></bookViews><sheets><sheet name="export" sheetId="1" '
        'r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        # Style 1 is text: number format 49 is "@", and the prefix keeps it text when it is edited.
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}">'
        '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border/></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0"/></cellStyleXfs>'
        '<cellXfs count="2"><xf numFmtId="0" xfId="0"/>'
        '<xf numFmtId="49" xfId="0" quotePrefix="1" applyNumberFormat="1"/></cellXfs>'
        "</styleSheet>",
    }.items()
}
# The first row stays in sight.
_HEAD: Final = (
    f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    "</sheetView></sheetViews><sheetData>"
)
_FOOT: Final = "</sheetData></worksheet>"
_ROW_END: Final = "</row>"

# What XML 1.0 has no characters for, and CR, which its readers turn into LF.
_NO_XML: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
# ECMA-376 22.9.2.19: such a character is _xHHHH_, so text that looks like it is escaped itself.
_LOOKS_ESCAPED: Final = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED: Final = re.compile("_x([0-9A-F]{4})_")

# What zipfile raises of harmed bytes; RuntimeError is its word for a member with a password.
_NO_ARCHIVE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
)

_NUMBERS: Final = frozenset({CellType.INTEGER, CellType.DECIMAL, CellType.NUMBER})


class WorkbookEncoder:
    """Turns rows into a workbook.

    Args:
        fields: The columns.
    """

    most_rows: int | None = _ROWS - 1
    most_bytes: int | None = MOST_BYTES - (1 << 20)  # what is no row has room in the last MiB

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = tuple(fields)
        self._rows = _SheetRows(fields)
        self._archive = Archive()
        self._written = 0

    def begin(self) -> bytes:
        """All parts but the sheet, and the sheet's header."""
        archive = self._archive
        parts = [archive.whole(name, content) for name, content in _PARTS.items()]
        head = _HEAD + self._rows.header([field.title for field in self._fields])
        return b"".join([*parts, archive.begin(_SHEET), archive.add(head.encode())])

    def piece(self, rows: Sequence[Row]) -> Piece:
        """The rows as XML; null and "" are both no cell."""
        check_width(rows, len(self._fields))
        first = self._written + 2
        text = "".join([self._rows.row(n, row) for n, row in enumerate(rows, start=first)])
        content = text.encode()
        return Piece(rows=len(rows), size=len(content), content=content)

    def add(self, piece: Piece) -> bytes:
        """Their compressed bytes."""
        self._written += piece.rows
        return self._archive.add(piece.content)

    def end(self) -> bytes:
        """The end of the sheet and of the archive."""
        archive = self._archive
        return archive.add(_FOOT.encode()) + archive.end() + archive.close()


class _SheetRows:
    """The XML of rows.

    Args:
        fields: Say which columns may hold numbers.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self._columns = [
            (_letters(place), _number_or_text if field.type in _NUMBERS else _text)
            for place, field in enumerate(fields)
        ]

    def header(self, titles: Sequence[str]) -> str:
        """The first row."""
        cells = [_text(f"{_letters(n)}1", title) for n, title in enumerate(titles)]
        return f'<row r="1">{"".join(cells)}{_ROW_END}'

    def row(self, number: int, cells: Row) -> str:
        """A row with its number in the sheet."""
        written = [
            write(f"{letters}{number}", cell)
            for (letters, write), cell in zip(self._columns, cells, strict=True)
            if cell
        ]
        return f'<row r="{number}">{"".join(written)}{_ROW_END}'


def _letters(place: int) -> str:
    """The name of a column: A to Z, AA and so on."""
    name = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


def _text(reference: str, text: str) -> str:
    return (
        f'<c r="{reference}" s="1" t="inlineStr"><is><t xml:space="preserve">'
        f"{_escaped(text)}</t></is></c>"
    )


def _number_or_text(reference: str, text: str) -> str:
    digits = len(text) - text.startswith("-") - ("." in text)
    if digits > EXACT_DIGITS or not PLAIN_NUMBER.fullmatch(text):
        return _text(reference, text)
    return f'<c r="{reference}"><v>{text}</v></c>'


def _escaped(text: str) -> str:
    if "_x" in text:
        text = _LOOKS_ESCAPED.sub("_x005F_", text)
    if not text.isprintable():
        text = _NO_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _unescaped(text: str) -> str:
    if "&" in text:
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def read_workbook(chunks: Iterable[bytes], fields: Sequence[Field]) -> Iterator[Row]:
    """Read a workbook of ours back, the header first, as strictly as it was written.

    No XML is parsed: what is read must be written as the very text that it was read from.

    Raises:
        Malformed: `not_xlsx` (also a wrong checksum), `not_utf8`, `not_canonical`, `truncated`.
    """
    with tempfile.TemporaryFile() as spool:
        for chunk in chunks:
            spool.write(chunk)
        try:
            with zipfile.ZipFile(spool) as archive:
                yield from _read(archive, fields)
        except _NO_ARCHIVE:
            raise Malformed("not_xlsx") from None


def _read(archive: zipfile.ZipFile, fields: Sequence[Field]) -> Iterator[Row]:
    if archive.namelist() != [*_PARTS, _SHEET]:
        raise Malformed("not_canonical")
    if any(archive.read(name) != content for name, content in _PARTS.items()):
        raise Malformed("not_canonical")
    with archive.open(_SHEET) as sheet:
        yield from _sheet(_pieces(sheet), fields)


def _pieces(sheet: IO[bytes]) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8")("strict").decode
    try:
        while data := sheet.read(1 << 20):
            yield decode(data)
        yield decode(b"", final=True)
    except UnicodeDecodeError:
        raise Malformed("not_utf8") from None


def _sheet(pieces: Iterable[str], fields: Sequence[Field]) -> Iterator[Row]:
    rows = _SheetRows(fields)
    number, rest = 0, ""
    for piece in pieces:
        *found, rest = (rest + piece).split(_ROW_END)
        for text in found:
            number += 1
            if number == 1:
                yield _header(text, rows)
            else:
                yield _proved(text, len(fields), number, rows.row)
    if number == 0 or rest != _FOOT:
        raise Malformed("truncated")


def _header(text: str, rows: _SheetRows) -> list[str]:
    cells = [_unescaped(found[2]) for found in _CELL.finditer(text)]
    if _HEAD + rows.header(cells) != text + _ROW_END:
        raise Malformed("not_canonical", 1)
    return cells


_CELL: Final = re.compile(r'<c r="([A-Z]+)[0-9]+"[^>]*>(?:<is><t [^>]*>|<v>)([^<]*)<')


def _proved(
    text: str, width: int, number: int, write: Callable[[int, Row], str]
) -> list[str | None]:
    cells: list[str | None] = [None] * width
    for letters, content in _CELL.findall(text):
        place = _place(letters)
        if place >= width:
            raise Malformed("not_canonical", number)
        cells[place] = _unescaped(content)
    if write(number, cells) != text + _ROW_END:
        raise Malformed("not_canonical", number)
    return cells


def _place(letters: str) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1
