"""Parquet: declared types, row groups of a bounded size, and bytes that depend on the rows alone.

The file is written from front to back, so that it can stream into an upload; only the reader needs
to jump, and gets a temporary file.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from assets.steps.encode.encoder import Piece, check_width
from assets.steps.encode.fields import DECIMAL_DIGITS, NULL_IF_EMPTY, CellType, Field, Row
from assets.steps.encode.malformed import Malformed

# Rows of a row group: what is held at a time, about 10 MB of columns.
GROUP_ROWS: Final = 50_000
_READ_ROWS: Final = 10_000

_TYPES: Final[Mapping[CellType, Any]] = {
    CellType.TEXT: pa.string(),
    CellType.NUMBER: pa.string(),
    CellType.JSON: pa.string(),
    CellType.INTEGER: pa.int64(),
    CellType.TRUTH: pa.bool_(),
    CellType.INSTANT: pa.timestamp("ms", tz="UTC"),
    CellType.LOCAL_TIME: pa.timestamp("ms"),
    CellType.DATE: pa.date32(),
    CellType.LIST: pa.list_(pa.field("element", pa.string())),
}


def _type(field: Field) -> Any:
    if field.type is CellType.DECIMAL:
        return pa.decimal128(DECIMAL_DIGITS, field.digits)
    return _TYPES[field.type]


class _Sink:
    """Takes what the writer writes and hands it on."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0
        self.closed = False

    def write(self, data: Any) -> int:
        """Take bytes."""
        self._held.append(bytes(data))
        self._size += len(self._held[-1])
        return len(self._held[-1])

    def tell(self) -> int:
        """How many bytes there were."""
        return self._size

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """No more will come."""
        self.closed = True

    def taken(self) -> bytes:
        """What came since the last time."""
        data = b"".join(self._held)
        self._held.clear()
        return data


class ParquetEncoder:
    """Turns rows into Parquet.

    Args:
        fields: The columns.
    """

    most_rows: int | None = None
    most_bytes: int | None = None

    def __init__(self, fields: Sequence[Field]) -> None:
        self._schema = pa.schema([pa.field(field.title, _type(field)) for field in fields])
        self._columns = [_column(field) for field in fields]
        self._sink = _Sink()
        # No schema of Arrow's own beside Parquet's, and a checksum on every page.
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._sink, mode="w"),
            self._schema,
            version="2.6",
            compression="zstd",
            compression_level=1,
            store_schema=False,
            write_page_checksum=True,
        )
        self._held: list[Any] = []
        self._rows = 0

    def begin(self) -> bytes:
        """The magic bytes."""
        return self._sink.taken()

    def piece(self, rows: Sequence[Row]) -> Piece:
        """The rows, sized by their text: what their columns take is known a row group later."""
        check_width(rows, len(self._columns))
        size = sum(len(cell.encode()) for row in rows for cell in row if cell)
        return Piece(rows=len(rows), size=size, content=rows)

    def add(self, piece: Piece) -> bytes:
        """The row groups that have become full."""
        columns = zip(*piece.content, strict=True)
        arrays = [make(column) for make, column in zip(self._columns, columns, strict=True)]
        self._held.append(pa.record_batch(arrays, schema=self._schema))
        self._rows += piece.rows
        while self._rows >= GROUP_ROWS:
            self._write(GROUP_ROWS)
        return self._sink.taken()

    def end(self) -> bytes:
        """The last row group and the footer."""
        if self._rows:
            self._write(self._rows)
        self._writer.close()
        return self._sink.taken()

    def _write(self, rows: int) -> None:
        # In one chunk: the writer ends a page where a chunk ends, and the bytes must not tell how
        # the rows came.
        table = pa.Table.from_batches(self._held, schema=self._schema)
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=rows)
        rest = table.slice(rows)
        self._held, self._rows = rest.to_batches(), rest.num_rows


def _column(field: Field) -> Callable[[Sequence[str | None]], Any]:
    """Makes the values of a column of their texts; a text that is none of the type raises."""
    typed, change = _type(field), _change(field)
    empty_is_null = field.type in NULL_IF_EMPTY

    def made(cells: Sequence[str | None]) -> Any:
        texts = [cell or None for cell in cells] if empty_is_null else cells
        if change is not None:
            texts = [None if text is None else change(text) for text in texts]
            return pa.array(texts, type=typed)
        # Arrow reads numbers and times of text in one go, and raises where it cannot.
        return pa.array(texts, type=pa.string()).cast(typed)

    return made


def _change(field: Field) -> Callable[[str], Any] | None:
    if field.type is CellType.TRUTH:
        return {field.yes: True, field.no: False}.__getitem__
    if field.type is CellType.LIST:
        return lambda text: text.split("|") if text else []
    return None


def read_parquet(chunks: Iterable[bytes], fields: Sequence[Field]) -> Iterator[Row]:
    """Read a file back, the names of the columns first.

    Raises:
        Malformed: `not_parquet` (also a wrong checksum), `wrong_type`.
    """
    with tempfile.TemporaryFile() as spool:
        for chunk in chunks:
            spool.write(chunk)
        spool.seek(0)
        try:
            yield from _read(pq.ParquetFile(spool, page_checksum_verification=True), fields)
        except (pa.ArrowException, OSError, UnicodeDecodeError):  # the last: a name in the footer
            raise Malformed("not_parquet") from None


def _read(file: Any, fields: Sequence[Field]) -> Iterator[Row]:
    schema = file.schema_arrow
    yield list(schema.names)
    if len(schema) != len(fields) or not all(map(_fits, schema.types, fields)):
        raise Malformed("wrong_type")
    texts = [_texts(field) for field in fields]
    for batch in file.iter_batches(batch_size=_READ_ROWS):
        columns = [text(column) for text, column in zip(texts, batch.columns, strict=True)]
        yield from map(list, zip(*columns, strict=True))


def _fits(found: Any, field: Field) -> bool:
    if field.type is CellType.DECIMAL:  # which scale, only the file says
        return bool(pa.types.is_decimal128(found)) and found.precision == DECIMAL_DIGITS
    return bool(found.equals(_type(field)))


def _texts(field: Field) -> Callable[[Any], list[str | None]]:
    """Makes the texts of a column: what `_column` was given."""
    write = _text(field)

    def made(column: Any) -> list[str | None]:
        values = (
            column.to_pylist() if field.type in _BY_VALUE else column.cast("string").to_pylist()
        )
        return [None if value is None else write(value) for value in values]

    return made


# Arrow writes a small decimal as 1E-7, and has no text for lists; the rest it writes itself.
_BY_VALUE: Final = frozenset({CellType.DECIMAL, CellType.LIST, CellType.TRUTH})


def _text(field: Field) -> Callable[[Any], str]:
    match field.type:
        case CellType.DECIMAL:
            return lambda value: f"{value:f}"
        case CellType.LIST:
            return "|".join
        case CellType.TRUTH:
            return lambda value: field.yes if value else field.no
        case CellType.INSTANT:
            return lambda value: f"{value[:10]}T{value[11:19]}Z"
        case CellType.LOCAL_TIME:
            return lambda value: value[:19]
        case _:
            return str
