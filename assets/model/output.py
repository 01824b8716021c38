"""How a file is written: kind, dialect and compression, as a caller may choose them."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The container of the rows."""

    CSV = "csv"


class Dialect(StrEnum):
    """How CSV is quoted, delimited and guarded (DOMAIN.md 6.4).

    `excel` and `excel-eu` are for people: every cell quoted, formula neutralising on.
    `rfc4180` and `sfmc` are for machines: values exactly as they are.
    """

    RFC4180 = "rfc4180"
    EXCEL = "excel"
    EXCEL_EU = "excel-eu"
    SFMC = "sfmc"


class Compression(StrEnum):
    """How a file is compressed; gzip has mtime 0, so that equal rows give equal bytes."""

    NONE = "none"
    GZIP = "gzip"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFormat:
    """The chosen form of the files of one export.

    Attributes:
        kind: The container.
        dialect: The CSV dialect.
        compression: The compression of each file.
        rows_per_file: Where a file ends and the next begins; Excel holds 1,048,576 rows
            (DOMAIN.md 6.4), so 1,000,000 is the largest.
    """

    kind: Kind = Kind.CSV
    dialect: Dialect = Dialect.EXCEL
    compression: Compression = Compression.GZIP
    rows_per_file: int = 1_000_000

    @property
    def extension(self) -> str:
        """The end of the file name, without a leading dot: `csv` or `csv.gz`."""
        return f"{self.kind}.gz" if self.compression is Compression.GZIP else str(self.kind)

    @property
    def media_type(self) -> str:
        """The HTTP media type of the stored bytes (RFC 7111 for CSV, RFC 6713 for gzip)."""
        return "application/gzip" if self.compression is Compression.GZIP else "text/csv"
