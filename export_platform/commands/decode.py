"""`decode`: the exact values of a downloaded export, without what guards a spreadsheet."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export_platform.commands.terminal import CommandError, complain, screen
from export_platform.commands.verify import manifest_file, proved, stored_bytes

if TYPE_CHECKING:
    from assets.model.manifest import ColumnEntry, FileEntry, Manifest
    from assets.model.output import OutputFormat

_ROWS = 1_000  # held at a time


def decode(
    path: Annotated[Path, typer.Argument(metavar="MANIFEST", help="The manifest or its folder.")],
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder to write into.")],
) -> None:
    """Write the exact values of an export: plain CSV (RFC 4180), without guards for spreadsheets.

    An apostrophe or tab that the dialect or the text guard has put before a text is taken off; one
    that was part of the text stays. The files are those that `dialect=rfc4180` would have given.

    Not restored, since no file holds it: what the policy masked, hashed or withheld (named when it
    is so), controls and half characters that no text column keeps, and the plus of telephone
    numbers that were asked for as digits. CSV shows null and empty text alike.

    The export is proved first (see `verify`), and nothing is written if a claim does not hold. No
    server is asked.
    """
    if to.absolute().resolve() == manifest_file(path).absolute().resolve().parent:
        raise CommandError("--to is the folder of the export itself; name another one")
    manifest, findings = proved(path)
    for finding in findings:
        complain(f"{finding.subject}: {finding.problem}")
    if findings:
        raise typer.Exit(1)
    to.mkdir(parents=True, exist_ok=True)
    for entry in manifest.files:
        written = _write(manifest, entry, manifest_file(path).parent, to)
        screen().print(f"{written}  {entry.rows:,} rows")
    for line in _lost(manifest):
        screen().print(line)


def _write(manifest: "Manifest", entry: "FileEntry", folder: Path, to: Path) -> Path:
    """Write one file; it appears under its name only when it is complete."""
    from assets.model.request import ExportRequest  # noqa: PLC0415 - 0.1 s

    output = ExportRequest.from_document(manifest.request).output
    target = to / f"{entry.name.removesuffix(f'.{output.extension}')}.csv"
    partial = target.with_name(f"{target.name}.partial")
    try:
        with partial.open("wb") as file:
            stored = stored_bytes(folder, entry)
            file.writelines(_pieces(stored, output, manifest.columns_of(entry)))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _pieces(
    stored: Iterable[bytes], output: "OutputFormat", columns: "Sequence[ColumnEntry]"
) -> Iterator[bytes]:
    """The file as `dialect=rfc4180` would have given it."""
    from assets.model.output import Compression, Dialect, OutputFormat  # noqa: PLC0415
    from assets.steps.decode import exact_rows  # noqa: PLC0415
    from assets.steps.encode.delimited import CsvEncoder  # noqa: PLC0415
    from assets.steps.encode.fields import emptied  # noqa: PLC0415

    rows = exact_rows(stored, output, columns)
    plain = OutputFormat(dialect=Dialect.RFC4180, compression=Compression.NONE)
    encoder = CsvEncoder([title or "" for title in next(rows)], plain)
    yield encoder.header()
    while some := list(islice(rows, _ROWS)):
        yield encoder.encode(emptied(some))


def _lost(manifest: "Manifest") -> Iterator[str]:
    """What no decoding brings back, by the names of the columns."""
    from assets.model.policy import Transform  # noqa: PLC0415

    columns = [*manifest.columns, *chain.from_iterable(manifest.companions.values())]
    changed = [f"{c.name} ({c.transform})" for c in columns if c.transform != Transform.NONE]
    if changed:
        yield f"not restored, for the policy changed them: {', '.join(dict.fromkeys(changed))}"
    if manifest.withheld:
        yield f"not in the files, for the policy withheld them: {', '.join(manifest.withheld)}"
