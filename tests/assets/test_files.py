"""Where one file ends and the next begins: rows, bytes, groups, in every form of file."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.files import write_files
from assets.model.manifest import FileEntry
from assets.model.output import Compression, Dialect, Kind, OutputFormat, compressions
from assets.steps.address import Address
from assets.steps.encode.delimited import DIALECTS
from assets.steps.encode.fields import Row
from assets.steps.encode.kinds import read_cells
from assets.steps.plan import Plan, plan, planned_fields
from assets.steps.rows import Record
from tests.assets.examples import column, facts, request, toy
from tests.fakes.object_store import FakeObjectStore

ADDRESS = Address(export="exports/", attempt="exports/a1/")
OUTPUTS = [
    *(
        OutputFormat(dialect=dialect, compression=compression)
        for dialect, compression in product(Dialect, Compression)
    ),
    *(
        OutputFormat(kind=kind, compression=compression)
        for kind in (Kind.JSONL, Kind.PARQUET, Kind.XLSX)
        for compression in compressions(kind)
    ),
]
# RFC 1952 2.3.1 and RFC 8878 3.1.1: what a compressed file begins with.
MAGIC = {Compression.GZIP: b"\x1f\x8b", Compression.ZSTD: b"\x28\xb5\x2f\xfd"}


class Unwatched:
    """Nobody waits for the progress."""

    def advance(self, **progress: int) -> None:
        """Let it pass."""


def planned(output: OutputFormat) -> Plan:
    """The plan of a file with one column."""
    return plan(toy(column("word", str)), facts(asked=replace(request(), output=output)))


def files(
    records: Iterable[Record], output: OutputFormat, objects: FakeObjectStore
) -> list[FileEntry]:
    """Write rows as a worker does."""
    made = planned(output)
    return list(
        write_files(iter(records), made, ADDRESS, objects, Unwatched(), columns=made.columns)
    )


def rows(entry: FileEntry, output: OutputFormat, objects: FakeObjectStore) -> list[Row]:
    """The rows of a stored file below its header, which must be there."""
    body = objects.objects[entry.key].body
    header, *found = read_cells([body], output, planned_fields(planned(output).columns))

    assert ["word"] == header
    return found


def words(count: int, group: str = "") -> list[Record]:
    """Rows that can be told apart."""
    return [(group, (f"w{number}",)) for number in range(count)]


def named(output: OutputFormat) -> str:
    """How pytest shows a form."""
    return f"{output.kind}-{output.dialect}-{output.packing}"


@pytest.mark.parametrize("output", OUTPUTS, ids=named)
def test_a_large_export_is_several_files_that_each_stand_alone(output: OutputFormat) -> None:
    """Whoever opens the second part finds a header there, and the parts together are all rows."""
    objects, form = FakeObjectStore(), replace(output, rows_per_file=1_500)
    made = files(words(4_000), form, objects)
    found = [row for entry in made for row in rows(entry, form, objects)]

    assert [1_500, 1_500, 1_000] == [entry.rows for entry in made]
    assert [1, 2, 3] == [entry.number for entry in made]
    assert [list(cells) for _, cells in words(4_000)] == [list(row) for row in found]
    for entry in made:
        stored = objects.objects[entry.key]
        assert entry.key.endswith(f".{form.extension}")
        assert form.media_type == stored.media_type
        assert stored.body.startswith(MAGIC.get(form.packing, b""))


def test_a_file_ends_after_a_million_rows() -> None:
    """Excel drops what follows the 1,048,576th without a word (DOMAIN.md 6.4)."""
    objects, output = FakeObjectStore(part_bytes=1 << 20), OutputFormat()
    made = files((("", ("w",)) for _ in range(1_000_001)), output, objects)

    assert [1_000_000, 1] == [entry.rows for entry in made]
    assert [["w"]] == rows(made[1], output, objects)


@pytest.mark.parametrize("output", OUTPUTS, ids=named)
def test_a_new_file_begins_with_each_group(output: OutputFormat) -> None:
    """A promoter's office gets its own market and not a row of another's."""
    objects, form = FakeObjectStore(), replace(output, rows_per_file=1_000)
    made = files([*words(3, "a"), *words(1_001, "b"), *words(2, "c")], form, objects)

    assert [("a", 3), ("b", 1_000), ("b", 1), ("c", 2)] == [(e.group, e.rows) for e in made]
    assert [["w0"], ["w1"]] == [list(row) for row in rows(made[3], form, objects)]


@pytest.mark.parametrize("output", OUTPUTS, ids=named)
def test_no_rows_are_one_file_that_says_so(output: OutputFormat) -> None:
    """An empty answer is an answer: a header, and a file that can be verified."""
    objects = FakeObjectStore()
    (entry,) = files([], output, objects)

    assert 0 == entry.rows
    assert [] == rows(entry, output, objects)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.text("xyz", min_size=1, max_size=40)), max_size=30
    ),
    st.integers(1, 120),
    st.integers(1, 12),
)
def test_no_file_has_more_rows_or_bytes_than_it_may(
    records: Sequence[tuple[str, str]], most_bytes: int, most_rows: int
) -> None:
    """A receiver that refuses a file of too many bytes refuses the whole delivery."""
    output = OutputFormat(
        dialect=Dialect.SFMC,
        compression=Compression.NONE,
        rows_per_file=most_rows,
        bytes_per_file=most_bytes,
    )
    objects = FakeObjectStore()
    ordered = sorted(records)
    made = files([(group, (word,)) for group, word in ordered], output, objects)
    found = [rows(entry, output, objects) for entry in made]

    assert [word for _, word in ordered] == [row[0] for part in found for row in part]
    assert all(entry.rows <= most_rows for entry in made)
    assert all(entry.bytes_uncompressed <= most_bytes or entry.rows <= 1 for entry in made)
    for entry, following in pairwise(made):  # a file ends for a reason
        room = most_bytes - entry.bytes_uncompressed
        first = len(objects.objects[following.key].body.split(b"\r\n")[1]) + 2
        assert entry.rows == most_rows or entry.group != following.group or first > room


def test_the_dialect_for_marketing_cloud_is_a_file_for_machines() -> None:
    """Its import takes `standardQuotedStrings` in UTF-8: no mark, no guard, minimal quotes."""
    objects = FakeObjectStore()
    output = OutputFormat(dialect=Dialect.SFMC, compression=Compression.NONE)
    (entry,) = files([("", ("=1+1",)), ("", ("a,b",))], output, objects)

    assert DIALECTS[Dialect.SFMC] == DIALECTS[Dialect.RFC4180]
    assert b'word\r\n=1+1\r\n"a,b"\r\n' == objects.objects[entry.key].body
