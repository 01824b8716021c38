"""Which encoder and which reader a form of file has."""

from collections.abc import Iterable, Iterator, Sequence

from assets.model.output import Kind, OutputFormat
from assets.steps.encode.delimited import DIALECTS, CsvEncoder, read_rows
from assets.steps.encode.encoder import Encoder
from assets.steps.encode.fields import Field, Row
from assets.steps.encode.json_lines import JsonLinesEncoder, read_json_lines
from assets.steps.encode.workbook import WorkbookEncoder, read_workbook


def encoder(fields: Sequence[Field], output: OutputFormat) -> Encoder:
    """The encoder of one file; what it gives is not compressed from outside.

    Raises:
        ExportFailed: `PLAIN_IMPOSSIBLE`: the dialect cannot hold these columns.
    """
    match output.kind:
        case Kind.CSV:
            return CsvEncoder([field.title for field in fields], output)
        case Kind.JSONL:
            return JsonLinesEncoder(fields)
        case Kind.XLSX:
            return WorkbookEncoder(fields)
        case Kind.PARQUET:
            # 0.2 s and 40 MB that no other kind needs.
            from assets.steps.encode.parquet import ParquetEncoder  # noqa: PLC0415

            return ParquetEncoder(fields)


def read_cells(
    chunks: Iterable[bytes], output: OutputFormat, fields: Sequence[Field]
) -> Iterator[Row]:
    """The names of the columns as the file has them, then the texts that its rows were made of.

    Where a kind has no null, or no name in a file without rows, the cell is "" or what the columns
    say. A CSV and a workbook have no null; a plain file has no names.

    Args:
        chunks: The stored bytes in order, cut anywhere.
        output: The form in which the file was written.
        fields: Its columns.

    Raises:
        Malformed: The bytes are none that this project can have written.
    """
    match output.kind:
        case Kind.CSV:
            if DIALECTS[output.dialect].bare:
                yield [field.title for field in fields]
            yield from read_rows(chunks, output)
        case Kind.JSONL:
            yield from read_json_lines(chunks, output, fields)
        case Kind.XLSX:
            yield from read_workbook(chunks, fields)
        case Kind.PARQUET:
            from assets.steps.encode.parquet import read_parquet  # noqa: PLC0415

            yield from read_parquet(chunks, fields)
