"""How a file is written: kind, dialect and compression, as a caller may choose them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """The container of the rows.

    `csv` knows text only; `jsonl` and `parquet` hold declared types and keep null apart from
    empty text; `xlsx` holds text as text, and a number where a spreadsheet keeps all its digits.
    """

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    XLSX = "xlsx"


class Dialect(StrEnum):
    """How CSV is quoted, delimited and guarded (DOMAIN.md 6.4).

    `excel` and `excel-eu` are for people: every cell quoted, formula neutralising on.
    `rfc4180` and `sfmc` are for machines: values exactly as they are.
    `plain` is one value a line and nothing else: the access codes that the host uploads.
    """

    RFC4180 = "rfc4180"
    EXCEL = "excel"
    EXCEL_EU = "excel-eu"
    SFMC = "sfmc"
    PLAIN = "plain"


class Compression(StrEnum):
    """How a file is compressed; neither way holds a time, so equal rows give equal bytes."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


class TextGuard(StrEnum):
    """What makes a spreadsheet take text with digits for text (DOMAIN.md 6.4).

    It stands before the cell, so that `01201`, `MAR1` and `1E10` stay what they are.
    """

    NONE = "none"
    APOSTROPHE = "apostrophe"
    TAB = "tab"


class PhoneStyle(StrEnum):
    """Whether a telephone number shows its plus (DOMAIN.md 6.4 rule 4)."""

    PLUS = "plus"
    DIGITS = "digits"


_SUFFIXES: Final[Mapping[Compression, str]] = {
    Compression.NONE: "",
    Compression.GZIP: ".gz",
    Compression.ZSTD: ".zst",
}
# RFC 7111, the registration of JSON Lines' usual name, IANA's registry, ECMA-376.
_KINDS: Final[Mapping[Kind, str]] = {
    Kind.CSV: "text/csv",
    Kind.JSONL: "application/x-ndjson",
    Kind.PARQUET: "application/vnd.apache.parquet",
    Kind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# RFC 6713 and RFC 8878.
_COMPRESSED: Final[Mapping[Compression, str]] = {
    Compression.GZIP: "application/gzip",
    Compression.ZSTD: "application/zstd",
}


def compressions(kind: Kind) -> tuple[Compression, ...]:
    """What a kind can be compressed with; Parquet and XLSX are compressed inside."""
    return (Compression.NONE,) if kind in (Kind.PARQUET, Kind.XLSX) else tuple(Compression)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFormat:
    """The chosen form of the files of one export.

    Attributes:
        kind: The container.
        dialect: The CSV dialect; other kinds have none, whatever stands here.
        compression: The compression of each file, where `compressions(kind)` allows it.
        rows_per_file: Where a file ends and the next begins; Excel holds 1,048,576 rows
            (DOMAIN.md 6.4), so 1,000,000 is the largest.
        bytes_per_file: A file ends before it has more than so many bytes uncompressed, unless one
            row alone has; None is no bound.
        text_guard: For people's CSV: what stands before text with digits.
        phone_style: How telephone numbers are written.
    """

    kind: Kind = Kind.CSV
    dialect: Dialect = Dialect.EXCEL
    compression: Compression = Compression.GZIP
    rows_per_file: int = 1_000_000
    bytes_per_file: int | None = None
    text_guard: TextGuard = TextGuard.NONE
    phone_style: PhoneStyle = PhoneStyle.PLUS

    @property
    def packing(self) -> Compression:
        """The compression around the file: none where the kind has its own inside."""
        allowed = compressions(self.kind)
        return self.compression if self.compression in allowed else Compression.NONE

    @property
    def for_people(self) -> bool:
        """Whether people open the file in a spreadsheet: CSV for Excel, and workbooks."""
        return self.kind is Kind.XLSX or self.neutralises

    @property
    def neutralises(self) -> bool:
        """Whether untrusted text is guarded against formulas (DOMAIN.md 6.4 rule 1).

        A workbook needs none: its text cells are text by type, and an apostrophe would be data.
        """
        return self.kind is Kind.CSV and self.dialect in (Dialect.EXCEL, Dialect.EXCEL_EU)

    @property
    def extension(self) -> str:
        """The end of the file name, without a leading dot: `csv` or `csv.gz`."""
        return f"{self.kind}{_SUFFIXES[self.packing]}"

    @property
    def media_type(self) -> str:
        """The HTTP media type of the stored bytes."""
        return _COMPRESSED.get(self.packing, _KINDS[self.kind])
