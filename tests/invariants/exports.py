"""An export as whoever receives it has it: its manifest, and its files as they lie in the bucket.

Nothing here uses the platform's own readers: a file that only we can read would hold everything.
"""

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow.parquet as pq

from assets.model.manifest import FileEntry, Manifest
from assets.reading import Doors

Row = Mapping[str, Any]

_BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(frozen=True, kw_only=True)
class Export:
    """One export that succeeded.

    Attributes:
        manifest: Its manifest.
        bodies: Its files by key, decompressed.
    """

    manifest: Manifest
    bodies: Mapping[str, bytes]

    @property
    def kind(self) -> str:
        """Csv, jsonl or parquet."""
        return str(self.manifest.request["format"]["kind"])

    @property
    def dialect(self) -> str:
        """The dialect of its CSV."""
        return str(self.manifest.request["format"]["dialect"])

    @property
    def has_header(self) -> bool:
        """Whether its files name their columns; a list of codes for the host does not."""
        return self.kind == "csv" and self.dialect != "plain"

    def files(self, section: str = "") -> list[FileEntry]:
        """The main files, or those of a companion, in order."""
        return [file for file in self.manifest.files if file.section == section]

    def rows(self, section: str = "") -> list[Row]:
        """All rows of the main files, or of a companion, by header."""
        return [row for file in self.files(section) for row in self.rows_of(file)]

    def rows_of(self, file: FileEntry) -> list[Row]:
        """The rows of one file."""
        names = [column.name for column in self.manifest.columns_of(file)]
        return parsed(self.bodies[file.key], self.kind, None if self.has_header else names)

    def values(self, name: str, section: str = "") -> list[Any]:
        """One column."""
        return [row[name] for row in self.rows(section)]

    def reasons(self, *names: str) -> int:
        """How many rows were filtered for these reasons."""
        return sum(self.manifest.accounting.filtered.get(name, 0) for name in names)


def parsed(body: bytes, kind: str, names: list[str] | None = None) -> list[Row]:
    """The rows of a file; `names` are the columns of one without a header."""
    if kind == "parquet":
        return list(pq.read_table(io.BytesIO(body)).to_pylist())
    text = body.decode()
    if kind == "jsonl":
        return [json.loads(line) for line in text.splitlines()]
    lines = io.StringIO(text.removeprefix(_BYTE_ORDER_MARK), newline="")
    return list(csv.DictReader(lines, fieldnames=names, strict=True))


def taken(doors: Doors, manifest: Manifest) -> Export:
    """An export with its files, as they are stored now."""
    bodies = {file.key: _plain(file.key, doors) for file in manifest.files}
    return Export(manifest=manifest, bodies=bodies)


def _plain(key: str, doors: Doors) -> bytes:
    stored = b"".join(doors.objects.read(key))
    return gzip.decompress(stored) if key.endswith(".gz") else stored


# --- doctored: what a broken export would look like


def with_body(export: Export, change: Callable[[bytes], bytes], section: str = "") -> Export:
    """The same export, its first file changed."""
    key = export.files(section)[0].key
    body = change(export.bodies[key])
    assert body != export.bodies[key], "the doctor changed nothing"
    return replace(export, bodies={**export.bodies, key: body})


def with_rows(export: Export, change: Callable[[list[Row]], list[Row]]) -> Export:
    """The same export with other rows, all of them in its first file."""
    rows = export.rows()
    names = list(rows[0])
    changed = change(list(rows))
    assert changed != rows, "the doctor changed nothing"
    bodies = {file.key: _written([], names, export) for file in export.files()}
    bodies[export.files()[0].key] = _written(changed, names, export)
    return replace(export, bodies={**export.bodies, **bodies})


def _written(rows: list[Row], names: list[str], export: Export) -> bytes:
    if export.kind == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, lineterminator="\r\n")
    if export.has_header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def with_accounting(export: Export, **changed: Any) -> Export:
    """The same export, its manifest with other counts."""
    accounting = replace(export.manifest.accounting, **changed)
    return replace(export, manifest=replace(export.manifest, accounting=accounting))
