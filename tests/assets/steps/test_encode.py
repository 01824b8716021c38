"""Rows to bytes and back: RFC 4180, the dialects of DOMAIN.md 6.4, and files that were harmed."""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.model.output import Compression, Dialect, OutputFormat
from assets.steps.encode.compression import Compressor, decompressed
from assets.steps.encode.delimited import DIALECTS, CsvEncoder, read_rows
from assets.steps.encode.malformed import Malformed

# The dialects with a header; `plain` has tests of its own.
WITH_HEADER = [dialect for dialect in Dialect if dialect is not Dialect.PLAIN]
OUTPUTS = [
    OutputFormat(dialect=dialect, compression=compression)
    for dialect in WITH_HEADER
    for compression in Compression
]
HEADER = ("entry_id", "first_name", "city")
ROWS = [
    ["e1", 'Ann "Annie"', "New York, NY"],
    ["e2", "", "a;b"],
    ["e3", "two\r\nlines", "lone\rcr"],
]

CELL = st.text(
    st.one_of(st.sampled_from("\",;\r\n '=ab\ufeff\u2028"), st.characters(codec="utf-8")),
    max_size=9,
)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.lists(st.text(st.sampled_from("abc_1"), min_size=1), min_size=width, max_size=width),
        st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=5),
    )
)


def stored(header: Sequence[str], rows: Sequence[Sequence[str]], output: OutputFormat) -> bytes:
    """A whole file."""
    encoder, compressor = CsvEncoder(header, output), Compressor(output.compression)
    pieces = [encoder.header(), encoder.encode(rows[:1]), encoder.encode(rows[1:])]
    return b"".join([*map(compressor.compress, pieces), compressor.finish()])


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """The bytes in pieces, as a network brings them."""
    return (data[start : start + size] for start in range(0, len(data), size))


@given(TABLES, st.sampled_from(OUTPUTS), st.integers(1, 40))
def test_what_is_read_is_what_was_written(
    table: tuple[list[str], list[list[str]]], output: OutputFormat, size: int
) -> None:
    """Whatever the cells, the dialect, the compression and where the network cuts."""
    header, rows = table

    assert list(read_rows(cut(stored(header, rows, output), size), output)) == [header, *rows]


@given(TABLES, st.sampled_from(WITH_HEADER))
def test_pythons_own_reader_agrees(
    table: tuple[list[str], list[list[str]]], dialect: Dialect
) -> None:
    """A reader that is not ours gives the same cells, so our two halves share no mistake."""
    header, rows = table
    data = stored(header, rows, OutputFormat(dialect=dialect, compression=Compression.GZIP))
    lines = io.StringIO(gzip.decompress(data).decode(), newline="")

    assert list(csv.reader(lines, delimiter=DIALECTS[dialect].delimiter, strict=True)) == [
        header,
        *rows,
    ]


@pytest.mark.parametrize(
    ("dialect", "lines"),
    [
        (
            Dialect.RFC4180,
            [
                "entry_id,first_name,city",
                'e1,"Ann ""Annie""","New York, NY"',
                "e2,,a;b",
                'e3,"two\r\nlines","lone\rcr"',
            ],
        ),
        (
            Dialect.EXCEL,
            [
                '\ufeff"entry_id","first_name","city"',
                '"e1","Ann ""Annie""","New York, NY"',
                '"e2","","a;b"',
                '"e3","two\r\nlines","lone\rcr"',
            ],
        ),
        (
            Dialect.EXCEL_EU,
            [
                '\ufeff"entry_id";"first_name";"city"',
                '"e1";"Ann ""Annie""";"New York, NY"',
                '"e2";"";"a;b"',
                '"e3";"two\r\nlines";"lone\rcr"',
            ],
        ),
    ],
)
def test_a_dialect_is_these_bytes(dialect: Dialect, lines: list[str]) -> None:
    """People and importers configured themselves to exactly this."""
    output = OutputFormat(dialect=dialect, compression=Compression.NONE)

    assert stored(HEADER, ROWS, output) == "".join(f"{line}\r\n" for line in lines).encode()


def test_the_machine_dialects_are_one_form() -> None:
    """SFMC's `standardQuotedStrings` is RFC 4180 (DOMAIN.md 8.1)."""
    assert DIALECTS[Dialect.SFMC] == DIALECTS[Dialect.RFC4180]
    assert not OutputFormat(dialect=Dialect.SFMC).neutralises


def test_a_compressed_file_has_no_byte_order_mark() -> None:
    """The mark is for a double click, and nobody double-clicks into a gzip (DOMAIN.md 6.4)."""
    data = stored(HEADER, ROWS, OutputFormat(dialect=Dialect.EXCEL, compression=Compression.GZIP))

    assert gzip.decompress(data).startswith(b'"entry_id"')


def test_gzip_holds_no_time_and_no_name() -> None:
    """Equal rows must give equal bytes, today and tomorrow (DOMAIN.md 6.7)."""
    data = stored(HEADER, ROWS, OutputFormat(compression=Compression.GZIP))

    assert data[3:8] == bytes(5)  # RFC 1952 2.3: no flags, so no name; mtime 0


def test_the_batches_of_rows_do_not_show_in_the_bytes() -> None:
    """The same snapshot gives the same digest for any batch size (invariant 2)."""
    output = OutputFormat(dialect=Dialect.EXCEL, compression=Compression.NONE)
    encoder = CsvEncoder(HEADER, output)

    assert encoder.encode(ROWS) == b"".join(encoder.encode([row]) for row in ROWS)


def test_a_row_of_another_width_is_refused() -> None:
    """A shifted row puts one fan's phone beside another's name."""
    with pytest.raises(ValueError, match="3 cells"):
        CsvEncoder(HEADER, OutputFormat()).encode([["e1", "Ann"]])


PLAIN = OutputFormat(dialect=Dialect.RFC4180, compression=Compression.NONE)
QUOTED = OutputFormat(dialect=Dialect.EXCEL, compression=Compression.NONE)


@pytest.mark.parametrize(
    ("output", "data", "reason", "record"),
    [
        (PLAIN, b"", "no_header", 0),
        (PLAIN, b"a,b\r\n1,2", "truncated", 0),
        (PLAIN, b'a,b\r\n1,"2\r\n', "truncated", 0),
        (PLAIN, b"a,b\n1,2\r\n", "not_canonical", 1),
        (PLAIN, b"a,b\r\n1,2\r\n1,2\n3,4\r\n", "not_canonical", 3),
        (PLAIN, b"a,b\r\n1\r\n", "not_canonical", 2),
        (PLAIN, b"a,b\r\n1,2,3\r\n", "not_canonical", 2),
        (PLAIN, b'a,b\r\n1,x"y"z\r\n', "not_canonical", 2),
        (PLAIN, b'a,b\r\n1,"x"y\r\n', "not_canonical", 2),
        (PLAIN, b'a,b\r\n1,"x" \r\n', "not_canonical", 2),
        (PLAIN, b'a,b\r\n1,"x"\r\n', "not_canonical", 2),
        (PLAIN, b"a,b\r\n1,\xff\r\n", "not_utf8", 0),
        (PLAIN, b"\xef\xbb\xbfa,b\r\n", "not_canonical", 1),
        (QUOTED, b'"a","b"\r\n', "not_canonical", 1),
        (QUOTED, b'\xef\xbb\xbf"a","b"\r\n"1",2\r\n', "not_canonical", 2),
    ],
)  # fmt: skip
def test_a_file_that_we_cannot_have_written_is_refused(
    output: OutputFormat, data: bytes, reason: str, record: int
) -> None:
    """Verification that forgives proves nothing."""
    with pytest.raises(Malformed) as refused:
        list(read_rows([data], output))

    assert (refused.value.reason, refused.value.record) == (reason, record)


@pytest.mark.parametrize("lost", range(1, 24))
def test_a_truncated_gzip_is_refused(lost: int) -> None:
    """The checksum stands at the end: a file without it has not arrived."""
    output = OutputFormat(compression=Compression.GZIP)
    data = stored(HEADER, ROWS, output)

    with pytest.raises(Malformed):
        list(read_rows([data[:-lost]], output))


def test_no_flipped_bit_passes() -> None:
    """Every bit of a compressed file counts, but for what gzip's header says to nobody."""
    output = OutputFormat(compression=Compression.GZIP)
    data = stored(HEADER, ROWS, output)
    expected = list(read_rows([data], output))
    unread = range(4, 10)  # RFC 1952 2.3.1: mtime, extra flags and operating system

    for place in (place for place in range(len(data)) if place not in unread):
        harmed = bytearray(data)
        harmed[place] ^= 1 << (place % 8)
        try:
            rows = list(read_rows([bytes(harmed)], output))
        except Malformed:
            continue
        assert rows != expected or place == 3  # the flag that says "probably text"


def test_bytes_after_the_end_are_refused() -> None:
    """Two files glued together are not one file."""
    data = stored(HEADER, ROWS, OutputFormat(compression=Compression.GZIP))

    with pytest.raises(Malformed, match="trailing_bytes"):
        list(decompressed([data, data], Compression.GZIP))


def test_a_small_file_cannot_become_a_large_piece() -> None:
    """A gigabyte of blanks must pass through in bounded steps."""
    compressor = Compressor(Compression.GZIP)
    data = compressor.compress(bytes(32 << 20)) + compressor.finish()
    sizes = [len(piece) for piece in decompressed([data], Compression.GZIP)]

    assert sum(sizes) == 32 << 20
    assert max(sizes) <= 1 << 20
