"""`decode`: a file for people becomes the file for machines, byte for byte."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from assets.model.manifest import MANIFEST_NAME
from tests.assets.workbench import Workbench, workbench
from tests.export_platform.commands.made import CONTENT
from tests.export_platform.commands.shell import Said

Run = Callable[..., Said]
EXPORTS = ("entries", "waitlist")  # without ids that are keyed by the request
REASON = "a test that asks for everything"


def downloaded(bench: Workbench, folder: Path, name: str, **params: object) -> Path:
    """A folder with an export of the hand-written pack, as `download` leaves it."""
    done = bench.run(name, **{"compression": "none", "pii": "full", "reason": REASON, **params})
    folder.mkdir()
    for entry in done.manifest.files:
        (folder / entry.name).write_bytes(bench.body(entry.key))
    (folder / MANIFEST_NAME).write_bytes(done.manifest.to_bytes())
    return folder


def contents(folder: Path) -> Mapping[str, bytes]:
    """The files of an export beside its manifest."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".json"}


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize(
    "form",
    [
        {"dialect": "excel"},
        {"dialect": "excel-eu", "text_guard": "apostrophe"},
        {"dialect": "excel", "text_guard": "tab", "compression": "gzip"},
        {"format": "xlsx"},
        {"format": "parquet"},
        {"format": "jsonl", "compression": "zstd"},
    ],
    ids=lambda form: "-".join(form.values()),
)
def test_every_form_becomes_the_file_for_machines(
    run: Run, tmp_path: Path, name: str, form: dict[str, str]
) -> None:
    """One snapshot, one truth: the values do not depend on who was to open the file."""
    bench = workbench()
    people = downloaded(bench, tmp_path / "people", name, **form)
    machines = downloaded(bench, tmp_path / "machines", name, dialect="rfc4180")

    said = run("decode", people, "--to", tmp_path / "exact")

    assert 0 == said.code, said.err
    assert contents(machines) == contents(tmp_path / "exact")


def test_the_guards_were_in_the_file(tmp_path: Path) -> None:
    """The control: without decoding the two files are not equal, and an attack is guarded."""
    bench = workbench()
    people = downloaded(bench, tmp_path / "people", "entries", dialect="excel")
    machines = downloaded(bench, tmp_path / "machines", "entries", dialect="rfc4180")

    assert b"\"'=" in b"".join(contents(people).values())
    assert b"'=" not in b"".join(contents(machines).values())


def test_what_the_policy_took_is_named_and_stays_taken(run: Run, tmp_path: Path) -> None:
    """Who decodes must not believe that a mask was a guard."""
    people = downloaded(workbench(), tmp_path / "people", "entries", pii="masked")
    said = run("decode", people, "--to", tmp_path / "exact")
    manifest = json.loads((people / MANIFEST_NAME).read_bytes())

    assert 0 == said.code
    assert "email (mask_email)" in said.out
    assert all(name in said.out for name in manifest["withheld"])
    assert b"***@" in b"".join(contents(tmp_path / "exact").values())


def test_no_value_is_said_aloud(run: Run, tmp_path: Path) -> None:
    """Personal data goes into the file that was named, not on a screen that is recorded."""
    people = downloaded(workbench(), tmp_path / "people", "entries")
    said = run("decode", people, "--to", tmp_path / "exact")
    values = {
        cell
        for body in contents(tmp_path / "exact").values()
        for line in body.decode().splitlines()[1:]
        for cell in line.split(",")
        if len(cell) > 5
    }

    assert len(values) > 50
    assert not [value for value in values if value in said.out + said.err]


def test_a_file_that_is_not_as_written_is_not_decoded(run: Run, written: Path) -> None:
    """Values from a harmed file are nobody's values."""
    (written / "part-00001.csv").write_bytes(CONTENT.replace(b"oslo", b"0slo"))
    said = run("decode", written, "--to", written.parent / "exact")

    assert 1 == said.code
    assert "the stored bytes are not those written" in said.complaint
    assert not (written.parent / "exact").exists()


@pytest.mark.parametrize("name", ["", MANIFEST_NAME])
def test_the_export_itself_is_not_written_over(run: Run, written: Path, name: str) -> None:
    """The file that was proved must stay the file that can be proved."""
    said = run("decode", written / name, "--to", written)

    assert "name another one" in said.complaint
    assert CONTENT == (written / "part-00001.csv").read_bytes()


def test_decoding_needs_a_place_to_write(run: Run, written: Path) -> None:
    """There is no place that would be right for personal data by default."""
    assert 2 == run("decode", written).code
