"""JSON Lines: one object a line, with declared types and with null kept apart from "".

Numbers stand as they are written, never as floats; a column of JSON is JSON and no text of it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from assets.model.output import OutputFormat
from assets.steps.encode.compression import decompressed
from assets.steps.encode.delimited import decoded
from assets.steps.encode.encoder import Piece, check_width
from assets.steps.encode.fields import (
    NULL_IF_EMPTY,
    PLAIN_NUMBER,
    WHOLE_NUMBER,
    CellType,
    Field,
    Row,
)
from assets.steps.encode.malformed import Malformed

_encode: Final = json.JSONEncoder(ensure_ascii=False).encode
# Numbers are not computed: Python refuses to read the 6,145 digits that a Decimal128 can have.
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str)
_decode: Final = _DECODER.raw_decode

# Types whose text is a value of JSON already.
_VERBATIM: Final = frozenset({CellType.INTEGER, CellType.DECIMAL, CellType.NUMBER, CellType.JSON})
_NUMBERS: Final = {
    CellType.INTEGER: WHOLE_NUMBER,
    CellType.DECIMAL: PLAIN_NUMBER,
    CellType.NUMBER: PLAIN_NUMBER,
}


class JsonLinesEncoder:
    """Turns rows into lines.

    Args:
        fields: The members of every object, in order.
    """

    most_rows: int | None = None
    most_bytes: int | None = None

    def __init__(self, fields: Sequence[Field]) -> None:
        self._columns = [
            (f"{begin}{_encode(field.title)}:", _writer(field))
            for begin, field in zip(chain("{", _commas(fields)), fields, strict=False)
        ]

    def begin(self) -> bytes:
        """Nothing: every line names its members."""
        return b""

    def piece(self, rows: Sequence[Row]) -> Piece:
        """The lines of the rows."""
        check_width(rows, len(self._columns))
        lines = "".join([self.line(row) for row in rows]).encode()
        return Piece(rows=len(rows), size=len(lines), content=lines)

    def line(self, row: Row) -> str:
        """One object and the end of its line."""
        members = [
            name + write(cell) for (name, write), cell in zip(self._columns, row, strict=True)
        ]
        return "".join(members) + "}\n"

    def add(self, piece: Piece) -> bytes:
        """The lines."""
        lines: bytes = piece.content
        return lines

    def end(self) -> bytes:
        """Nothing."""
        return b""


def _commas(fields: Sequence[Field]) -> str:
    return "," * (len(fields) - 1)


def _writer(field: Field) -> Callable[[str | None], str]:
    write = _typed(field)
    empty_is_null = field.type in NULL_IF_EMPTY

    def written(cell: str | None) -> str:
        return "null" if cell is None or (empty_is_null and not cell) else write(cell)

    return written


def _typed(field: Field) -> Callable[[str], str]:
    if field.type in _VERBATIM:
        return str
    if field.type is CellType.TRUTH:
        return {field.yes: "true", field.no: "false"}.__getitem__
    if field.type is CellType.LIST:
        return lambda cell: f"[{','.join(map(_encode, cell.split('|') if cell else ()))}]"
    return _encode


def read_json_lines(
    chunks: Iterable[bytes], output: OutputFormat, fields: Sequence[Field]
) -> Iterator[Row]:
    """Read a file back, the names of the members first, as strictly as it was written.

    Raises:
        Malformed: `not_utf8`, `truncated`, `not_canonical` or what decompressing finds.
    """
    encoder = JsonLinesEncoder(fields)
    lines = enumerate(_lines(decoded(decompressed(chunks, output.packing))), start=1)
    first = next(lines, None)
    if first is None:
        yield [field.title for field in fields]
        return
    yield _names(first[1])
    for number, line in chain([first], lines):
        cells = _cells(line, fields)
        if cells is None or encoder.line(cells) != line:
            raise Malformed("not_canonical", number)
        yield cells


def _lines(texts: Iterable[str]) -> Iterator[str]:
    rest = ""
    for text in texts:
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            yield line + "\n"
    if rest:
        raise Malformed("truncated")


def _names(line: str) -> list[str]:
    try:
        found = _DECODER.decode(line)
    except ValueError:
        raise Malformed("not_canonical", 1) from None
    return list(found) if isinstance(found, Mapping) else []


def _cells(line: str, fields: Sequence[Field]) -> list[str | None] | None:
    """The cells of a line, or None for what is no line of ours; the caller proves them."""
    cells: list[str | None] = []
    place = 0
    try:
        for field in fields:
            _, place = _decode(line, place + 1)  # past the brace or the comma: the name
            value, end = _decode(line, place + 1)  # past the colon
            cells.append(_cell(field, value, line[place + 1 : end]))
            place = end
    except (ValueError, TypeError, RecursionError):
        return None
    return cells


def _cell(field: Field, value: object, written: str) -> str | None:
    if value is None:
        return None
    if field.type in _NUMBERS:
        return written if _NUMBERS[field.type].fullmatch(written) else None
    if field.type is CellType.JSON:
        return written
    if field.type is CellType.TRUTH:
        return field.yes if value is True else field.no
    if field.type is CellType.LIST:
        return "|".join(value) if isinstance(value, list) else None
    return value if isinstance(value, str) else None
