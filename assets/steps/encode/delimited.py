"""CSV: RFC 4180 in the dialects of DOMAIN.md 6.4, and a reader as strict as the writer."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from assets.model.failure import ExportFailed
from assets.model.output import Compression, Dialect, OutputFormat
from assets.steps.encode.compression import decompressed
from assets.steps.encode.encoder import Piece
from assets.steps.encode.fields import emptied
from assets.steps.encode.malformed import Malformed
from assets.steps.encode.run import count_rows, encoded

BYTE_ORDER_MARK: Final = "\ufeff"
RECORD_END: Final = "\r\n"  # RFC 4180 2.1


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectRules:
    """What a dialect means (DOMAIN.md 6.4).

    Attributes:
        delimiter: Between two cells.
        quote_all: Quote every cell, or only those that must be (RFC 4180 2.6).
        bom: Begin with a byte order mark, unless compressed: for Excel's double click.
        bare: One value a line: no header, no quotes; a value that needs them is refused.
    """

    delimiter: str = ","
    quote_all: bool = False
    bom: bool = False
    bare: bool = False


DIALECTS: Final[Mapping[Dialect, DialectRules]] = {
    Dialect.RFC4180: DialectRules(),
    Dialect.SFMC: DialectRules(),
    Dialect.EXCEL: DialectRules(quote_all=True, bom=True),
    Dialect.EXCEL_EU: DialectRules(delimiter=";", quote_all=True, bom=True),
    Dialect.PLAIN: DialectRules(bare=True),
}
_NEEDS_QUOTES: Final = re.compile('[",\\r\\n]')


class CsvEncoder:
    """Turns rows into CSV by RFC 4180: CRLF ends, quotes doubled, a lone CR or LF quoted too.

    Args:
        columns: The header's cells; every row has as many.
        output: Dialect and compression; the bytes that this class returns are not compressed.

    Raises:
        ExportFailed: `PLAIN_IMPOSSIBLE`: a dialect without a header has one column.
    """

    most_rows: int | None = None
    most_bytes: int | None = None

    def __init__(self, columns: Sequence[str], output: OutputFormat) -> None:
        self._columns = tuple(columns)
        self._rules = DIALECTS[output.dialect]
        self._mark = self._rules.bom and output.packing is Compression.NONE
        if self._rules.bare and len(self._columns) != 1:
            message = f"a plain file has one column, and this export has {len(self._columns)}"
            raise ExportFailed("PLAIN_IMPOSSIBLE", message)

    def header(self) -> bytes:
        """The first record, after the byte order mark where the dialect has one."""
        if self._rules.bare:
            return b""
        mark = BYTE_ORDER_MARK if self._mark else ""
        return mark.encode() + self.encode([self._columns])

    def encode(self, rows: Sequence[Sequence[str]]) -> bytes:
        """The records of these rows, each ended; no rows are no bytes.

        Raises:
            ValueError: A row has more or fewer cells than the header.
            ExportFailed: `PLAIN_IMPOSSIBLE`: a value is empty or needs quotes that a plain file
                does not have.
        """
        if not self.fits(rows):
            raise ValueError(f"a row does not have the {len(self._columns)} cells of the header")
        if self._rules.bare:
            return self._bare(rows).encode()
        if self._rules.quote_all:
            return "".join([self._quoted(row) for row in rows]).encode()
        return self._minimal(rows).encode()

    def fits(self, rows: Sequence[Sequence[str]]) -> bool:
        """Whether every row has as many cells as the header (RFC 4180 2.4)."""
        width = len(self._columns)
        return all(len(row) == width for row in rows)

    def begin(self) -> bytes:
        """The header."""
        return self.header()

    def piece(self, rows: Sequence[Any]) -> Piece:
        """The records of the rows; null is an empty cell (DOMAIN.md 6.3).

        Some may be runs of records, from `assets/steps/native`.
        """
        records = encoded(rows, lambda some: self.encode(emptied(some)))
        return Piece(rows=count_rows(rows), size=len(records), content=records)

    def add(self, piece: Piece) -> bytes:
        """The records."""
        records: bytes = piece.content
        return records

    def end(self) -> bytes:
        """CSV has no end."""
        return b""

    def _bare(self, rows: Sequence[Sequence[str]]) -> str:
        if any(not value or _NEEDS_QUOTES.search(value) for (value,) in rows):
            raise ExportFailed("PLAIN_IMPOSSIBLE", "a value does not fit into a plain file")
        return "".join([value + RECORD_END for (value,) in rows])

    def _quoted(self, row: Sequence[str]) -> str:
        # Joined rather than written by csv.writer: 0.9 us a row of 20 cells against 3.0.
        between = f'"{self._rules.delimiter}"'
        text = between.join(row)
        if text.count('"') > 2 * (len(row) - 1):  # a quote that is none of ours
            text = between.join([cell.replace('"', '""') for cell in row])
        return f'"{text}"{RECORD_END}'

    def _minimal(self, rows: Sequence[Sequence[str]]) -> str:
        buffer = io.StringIO(newline="")
        # The writer quotes every character of the record end, so a lone CR or LF as well.
        writer = csv.writer(buffer, delimiter=self._rules.delimiter, lineterminator=RECORD_END)
        writer.writerows(rows)
        return buffer.getvalue()


def read_rows(chunks: Iterable[bytes], output: OutputFormat) -> Iterator[list[str]]:
    """Read a stored file back, header first, as strictly as it was written.

    Strict by construction: whatever cells are read must encode to the very bytes they were read
    from. So a bare quote, a lone line end, an unquoted cell in a dialect that quotes, a missing
    byte order mark or a row of another width cannot pass, however the cells were found.

    Args:
        chunks: The stored bytes in order, cut anywhere; the caller may hash them in passing.
        output: The form in which the file was written; a plain one has no header to read.

    Yields:
        The cells of each record.

    Raises:
        Malformed: `not_gzip`, `not_utf8`, `truncated`, `trailing_bytes`, `no_header`,
            `not_canonical`.
    """
    if DIALECTS[output.dialect].bare:
        yield from _read_bare(chunks, output)
        return
    split = _splitter(DIALECTS[output.dialect])
    encoder: CsvEncoder | None = None
    number = 0
    for records in _records(decoded(decompressed(chunks, output.packing))):
        if encoder is None:
            header = split(records[0].removeprefix(BYTE_ORDER_MARK))
            encoder = CsvEncoder(header, output)
            if encoder.header() != _stored(records[:1]):
                raise Malformed("not_canonical", 1)
            yield header
            number = 1
            del records[0]
        rows = [split(record) for record in records]
        _prove(encoder, rows, records, number)
        number += len(rows)
        yield from rows
    if encoder is None:
        raise Malformed("no_header")


def _read_bare(chunks: Iterable[bytes], output: OutputFormat) -> Iterator[list[str]]:
    number = 0
    for text in _lines(decoded(decompressed(chunks, output.packing))):
        for value in text:
            number += 1
            if not value or _NEEDS_QUOTES.search(value):
                raise Malformed("not_canonical", number)
            yield [value]


def _lines(texts: Iterable[str]) -> Iterator[list[str]]:
    rest = ""
    for text in texts:
        *lines, rest = (rest + text).split(RECORD_END)
        yield lines
    if rest:
        raise Malformed("truncated")


def decoded(chunks: Iterable[bytes]) -> Iterator[str]:
    """The text of the bytes; raises `Malformed` (`not_utf8`)."""
    decode = codecs.getincrementaldecoder("utf-8")("strict").decode
    try:
        for chunk in chunks:
            yield decode(chunk)
        yield decode(b"", final=True)
    except UnicodeDecodeError:
        raise Malformed("not_utf8") from None


def _records(texts: Iterable[str]) -> Iterator[list[str]]:
    """Records without their ends, as many at a time as a piece of text completes."""
    rest = ""
    begun: list[str] = []  # lines of a record whose end is inside quotes
    for text in texts:
        *lines, rest = (rest + text).split(RECORD_END)
        complete = []
        quotes = sum(line.count('"') for line in begun)
        for line in lines:
            begun.append(line)
            quotes += line.count('"')
            if quotes % 2 == 0:  # an end counts where the quotes before it pair up
                complete.append(RECORD_END.join(begun))
                begun.clear()
        if complete:
            yield complete
    if rest or begun:
        raise Malformed("truncated")


def _splitter(rules: DialectRules) -> Callable[[str], list[str]]:
    """Finds the cells of a record; `_prove` says whether they are right."""
    delimiter = rules.delimiter
    cell = re.compile(rf'{delimiter}(?:"([^"]*(?:""[^"]*)*)"|([^{delimiter}"]*))')

    def split(record: str) -> list[str]:
        if '"' not in record:
            return record.split(delimiter)
        if rules.quote_all:
            cells = record[1:-1].split(f'"{delimiter}"')
            if record.count('"') == 2 * len(cells):  # no quote inside a cell: nearly always
                return cells
        return [
            quoted.replace('""', '"') or plain for quoted, plain in cell.findall(delimiter + record)
        ]

    return split


def _stored(records: Sequence[str]) -> bytes:
    return "".join([record + RECORD_END for record in records]).encode()


def _prove(
    encoder: CsvEncoder, rows: Sequence[Sequence[str]], records: Sequence[str], before: int
) -> None:
    """Raise `Malformed` unless the rows encode to the records; `before` counts earlier records."""
    if encoder.fits(rows) and encoder.encode(rows) == _stored(records):
        return
    if len(rows) == 1:
        raise Malformed("not_canonical", before + 1)
    for place, (row, record) in enumerate(zip(rows, records, strict=True)):
        _prove(encoder, [row], [record], before + place)
