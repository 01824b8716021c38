"""How rows of text become the bytes of a file, and how the bytes are read again to prove it.

A file is a header and rows; where one file ends and the next begins is the pipeline's matter, and
how a value becomes the text of a cell is that of `assets/steps/formats.py`.
"""

import codecs
import csv
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from assets.model.output import Compression, Dialect, OutputFormat

BYTE_ORDER_MARK: Final = "\ufeff"
RECORD_END: Final = "\r\n"  # RFC 4180 2.1

# Measured on our rows: level 1 keeps 32 % of the bytes at 144 MB/s, level 6 27 % at 47 MB/s.
# At 20 us to make a row, level 6 would cost a sixth of the run for a sixth of the size.
GZIP_LEVEL: Final = 1
_GZIP: Final = 16 + zlib.MAX_WBITS  # zlib's own gzip wrapper: mtime 0 and no file name

# Bytes made of one step of decompression: a small file can hold a gigabyte of blanks.
_STEP: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectRules:
    """What a dialect means (DOMAIN.md 6.4).

    Attributes:
        delimiter: Between two cells.
        quote_all: Quote every cell, or only those that must be (RFC 4180 2.6).
        bom: Begin with a byte order mark, unless compressed: for Excel's double click.
        neutralise: Guard untrusted text against formulas; `formats.Rendering` does it.
    """

    delimiter: str = ","
    quote_all: bool = False
    bom: bool = False
    neutralise: bool = False


DIALECTS: Final[Mapping[Dialect, DialectRules]] = {
    Dialect.RFC4180: DialectRules(),
    Dialect.SFMC: DialectRules(),
    Dialect.EXCEL: DialectRules(quote_all=True, bom=True, neutralise=True),
    Dialect.EXCEL_EU: DialectRules(delimiter=";", quote_all=True, bom=True, neutralise=True),
}


class CsvEncoder:
    """Turns rows into CSV by RFC 4180: CRLF ends, quotes doubled, a lone CR or LF quoted too.

    Args:
        columns: The header's cells; every row has as many.
        output: Dialect and compression; the bytes that this class returns are not compressed.
    """

    def __init__(self, columns: Sequence[str], output: OutputFormat) -> None:
        self._columns = tuple(columns)
        self._rules = DIALECTS[output.dialect]
        self._mark = self._rules.bom and output.compression is Compression.NONE

    def header(self) -> bytes:
        """The first record, after the byte order mark where the dialect has one."""
        mark = BYTE_ORDER_MARK if self._mark else ""
        return mark.encode() + self.encode([self._columns])

    def encode(self, rows: Sequence[Sequence[str]]) -> bytes:
        """The records of these rows, each ended; no rows are no bytes.

        Raises:
            ValueError: A row has more or fewer cells than the header.
        """
        if not self.fits(rows):
            raise ValueError(f"a row does not have the {len(self._columns)} cells of the header")
        if self._rules.quote_all:
            return "".join([self._quoted(row) for row in rows]).encode()
        return self._minimal(rows).encode()

    def fits(self, rows: Sequence[Sequence[str]]) -> bool:
        """Whether every row has as many cells as the header (RFC 4180 2.4)."""
        width = len(self._columns)
        return all(len(row) == width for row in rows)

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


class Compressor:
    """Compresses one file piece by piece; equal pieces in equal order give equal bytes.

    Args:
        compression: `none` passes bytes through.
    """

    def __init__(self, compression: Compression) -> None:
        self._deflate = (
            zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP)
            if compression is Compression.GZIP
            else None
        )

    def compress(self, data: bytes) -> bytes:
        """The next bytes of the file; may be empty while the compressor gathers."""
        return self._deflate.compress(data) if self._deflate else data

    def finish(self) -> bytes:
        """The last bytes of the file; nothing may be compressed afterwards."""
        return self._deflate.flush() if self._deflate else b""


class Malformed(ValueError):
    """Stored bytes that this project cannot have written.

    Args:
        reason: A bounded lower_snake reason, never a piece of the file.
        record: The number of the record, the header being 1; 0 where none can be named.
    """

    def __init__(self, reason: str, record: int = 0) -> None:
        super().__init__(f"{reason} (record {record})" if record else reason)
        self.reason = reason
        self.record = record


def decompressed(chunks: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """The bytes before compression, at most 1 MiB at a time.

    Raises:
        Malformed: `not_gzip` (also a wrong checksum), `truncated`, `trailing_bytes`.
    """
    if compression is Compression.NONE:
        yield from chunks
        return
    inflate = zlib.decompressobj(_GZIP)
    for chunk in chunks:
        yield from _inflated(inflate, chunk)
    if not inflate.eof:
        raise Malformed("truncated")


def _inflated(inflate: "zlib._Decompress", chunk: bytes) -> Iterator[bytes]:
    rest = chunk
    while rest:
        if inflate.eof:
            raise Malformed("trailing_bytes")
        try:
            yield inflate.decompress(rest, _STEP)
        except zlib.error:
            raise Malformed("not_gzip") from None
        rest = inflate.unconsumed_tail or inflate.unused_data


def read_rows(chunks: Iterable[bytes], output: OutputFormat) -> Iterator[list[str]]:
    """Read a stored file back, header first, as strictly as it was written.

    Strict by construction: whatever cells are read must encode to the very bytes they were read
    from. So a bare quote, a lone line end, an unquoted cell in a dialect that quotes, a missing
    byte order mark or a row of another width cannot pass, however the cells were found.

    Args:
        chunks: The stored bytes in order, cut anywhere; the caller may hash them in passing.
        output: The form in which the file was written.

    Yields:
        The cells of each record.

    Raises:
        Malformed: `not_gzip`, `not_utf8`, `truncated`, `trailing_bytes`, `no_header`,
            `not_canonical`.
    """
    split = _splitter(DIALECTS[output.dialect])
    encoder: CsvEncoder | None = None
    number = 0
    for records in _records(_decoded(decompressed(chunks, output.compression))):
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


def _decoded(chunks: Iterable[bytes]) -> Iterator[str]:
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
