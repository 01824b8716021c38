"""The form of a file: its name and media type must say what its bytes are."""

import pytest

from assets.model.output import Compression, OutputFormat


@pytest.mark.parametrize(
    ("compression", "extension", "media_type"),
    [
        (Compression.NONE, "csv", "text/csv"),
        (Compression.GZIP, "csv.gz", "application/gzip"),
    ],
)
def test_name_and_media_type_say_what_the_stored_bytes_are(
    compression: Compression, extension: str, media_type: str
) -> None:
    """A compressed file that is called CSV opens as rubbish in Excel."""
    output = OutputFormat(compression=compression)

    assert (extension, media_type) == (output.extension, output.media_type)


def test_the_usual_file_fits_into_one_sheet_of_excel() -> None:
    """Excel cuts a sheet after 1,048,576 rows without a word (DOMAIN.md 6.4)."""
    assert 1_048_576 > OutputFormat().rows_per_file + 1
