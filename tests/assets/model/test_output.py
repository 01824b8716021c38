"""The form of a file: its name and media type must say what its bytes are."""

import pytest

from assets.model.output import Compression, Kind, OutputFormat


@pytest.mark.parametrize(
    ("kind", "compression", "extension", "media_type"),
    [
        (Kind.CSV, Compression.NONE, "csv", "text/csv"),
        (Kind.CSV, Compression.GZIP, "csv.gz", "application/gzip"),
        (Kind.CSV, Compression.ZSTD, "csv.zst", "application/zstd"),
        (Kind.JSONL, Compression.NONE, "jsonl", "application/x-ndjson"),
        (Kind.JSONL, Compression.ZSTD, "jsonl.zst", "application/zstd"),
        (Kind.PARQUET, Compression.GZIP, "parquet", "application/vnd.apache.parquet"),
        (
            Kind.XLSX,
            Compression.ZSTD,
            "xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
    ],
)
def test_name_and_media_type_say_what_the_stored_bytes_are(
    kind: Kind, compression: Compression, extension: str, media_type: str
) -> None:
    """A compressed file that is called CSV opens as rubbish in Excel."""
    output = OutputFormat(kind=kind, compression=compression)

    assert (extension, media_type) == (output.extension, output.media_type)


def test_the_usual_file_fits_into_one_sheet_of_excel() -> None:
    """Excel cuts a sheet after 1,048,576 rows without a word (DOMAIN.md 6.4)."""
    assert 1_048_576 > OutputFormat().rows_per_file + 1
