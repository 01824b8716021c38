"""What compares the outputs: equal ones pass, and one changed cell does not."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.contest import (
    OURS,
    PEERS,
    PYMONGO,
    OutputsDiffer,
    Run,
    Subject,
    compared,
    one_round,
    ratio,
)
from benchmarks.peers import pymongo_csv
from benchmarks.records import first_difference, records
from benchmarks.work import COLUMNS
from tests.benchmarks.conftest import COUNT

HEADER = b'\xef\xbb\xbf"one","two"\r\n'


def _file(folder: Path, name: str, *rows: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(HEADER + b"".join(row + b"\r\n" for row in rows))
    return folder / name


def test_an_export_in_two_files_says_the_same_as_in_one(tmp_path: Path) -> None:
    """Ours begins a new file after a million rows; the others do not."""
    one = [_file(tmp_path, "one.csv", b'"1","a"', b'"2","b"')]
    two = [_file(tmp_path, "two-1.csv", b'"1","a"'), _file(tmp_path, "two-2.csv", b'"2","b"')]

    assert records(one) == records(two)
    assert records(one).rows == 2
    assert first_difference(one, two) is None


@pytest.mark.parametrize(
    ("rows", "place"),
    [([b'"1","a"', b'"2","B"'], 2), ([b'"1","a"'], 2), ([b'"2","b"', b'"1","a"'], 1)],
)
def test_one_cell_one_row_or_the_order_is_a_difference(
    tmp_path: Path, rows: Sequence[bytes], place: int
) -> None:
    """Equal row for row, not equal as sets."""
    one = [_file(tmp_path, "one.csv", b'"1","a"', b'"2","b"')]
    other = [_file(tmp_path, "other.csv", *rows)]

    assert records(one) != records(other)
    assert first_difference(one, other) == place


def test_who_writes_something_else_is_named(tmp_path: Path) -> None:
    """A fast wrong answer does not get into the results."""
    ours, theirs = (Subject(name=name, command=lambda _: []) for name in ("ours", "theirs"))
    _file(tmp_path / "ours", "a.csv", b'"1","a"')
    _file(tmp_path / "theirs", "a.csv", b'"1","b"')

    with pytest.raises(OutputsDiffer, match="theirs differs from ours in record 1"):
        compared(ours, [theirs], tmp_path)


def test_ours_and_pymongo_write_the_same_rows(uri: str, tmp_path: Path) -> None:
    """The real pipeline and the real peer on the replay server; a round compares them."""
    runs = one_round([OURS, PYMONGO], uri, tmp_path)

    assert {found.rows for found in runs.values()} == {COUNT}
    assert all(found.peak_mb > 0 and found.cpu_seconds > 0 for found in runs.values())


def test_a_peer_that_drops_a_row_is_found_out(uri: str, tmp_path: Path) -> None:
    """The same round with a peer that is wrong on purpose."""
    script = (
        "import json, pathlib, shutil, sys; from benchmarks.peers import pymongo_csv as peer;"
        "peer.main(sys.argv[1]); path = pathlib.Path(sys.argv[1]);"
        "lines = path.read_bytes().splitlines(keepends=True);"
        "path.write_bytes(b''.join(lines[:100] + lines[101:]))"
    )
    careless = Subject(
        name="careless",
        command=lambda folder: [sys.executable, "-c", script, str(folder / "entries.csv")],
    )

    with pytest.raises(OutputsDiffer, match="record 100"):
        one_round([OURS, careless], uri, tmp_path)


def test_the_ratio_is_the_median_of_pairs() -> None:
    """Of one round to the next the machine may be twice as fast; of one pair it is the same."""

    def took(seconds: float) -> Run:
        return Run(rows=100, bytes=1, seconds=seconds, cpu_seconds=seconds, peak_mb=1.0)

    pairs = [(1.0, 2.0), (10.0, 30.0), (5.0, 50.0)]
    rounds = [{OURS.name: took(ours), PYMONGO.name: took(theirs)} for ours, theirs in pairs]

    assert ratio(rounds, OURS, PYMONGO) == pytest.approx(3.0)


def test_everybody_writes_the_columns_that_we_are_asked_for() -> None:
    """Twenty, in the order of the catalogue."""
    script = (PEERS / "work.mjs").read_text(encoding="utf-8")

    assert list(COLUMNS) == pymongo_csv.HEADER
    assert len(COLUMNS) == 20
    assert all(f"'{column}'" in script for column in COLUMNS)


def test_the_lock_file_of_the_peers_names_versions_and_hashes_and_no_host() -> None:
    """Where a package comes from is the business of the machine that installs it."""
    text = (PEERS / "package-lock.json").read_text(encoding="utf-8")
    locked = json.loads(text)["packages"]
    wanted = json.loads((PEERS / "package.json").read_text(encoding="utf-8"))["dependencies"]

    assert not any("resolved" in package for package in locked.values())
    assert "registry" not in text
    assert all(package["integrity"] for name, package in locked.items() if name)
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
