"""An export as it lies on disk, made by hand: no server, no pipeline."""

import hashlib
from collections.abc import Sequence

from assets.exports.catalog import CATALOG
from assets.model.manifest import Accounting, ColumnEntry, FileEntry, Manifest
from assets.model.parameters import parse

CONTENT = b"market_key,position\r\nleeds,1\r\nleeds,2\r\noslo,1\r\n"


def manifest(contents: Sequence[bytes], *, rows: int = 3) -> Manifest:
    """A manifest of plain CSV files with these contents and so many rows each."""
    params = {"campaign_id": "aurora-lights-2026", "dialect": "rfc4180", "compression": "none"}
    request = parse(next(iter(CATALOG.values())), params, scopes=["pii:masked"])
    total = rows * len(contents)
    return Manifest(
        export_id="exp_000000000000000000000001",
        attempt=1,
        run_id="run",
        request=request.to_document(),
        fingerprint=request.fingerprint(),
        code_version="1",
        git_sha="unknown",
        snapshot_at="2026-03-14T10:00:00.000Z",
        zone="America/New_York",
        columns=tuple(
            ColumnEntry(name=name, type="txt", source="e.x", pii="N", transform="none")
            for name in ("market_key", "position")
        ),
        withheld=(),
        accounting=Accounting(expected=total, read=total, kept=total, made=total, written=total),
        files=tuple(_entry(number, content, rows) for number, content in enumerate(contents, 1)),
    )


def _entry(number: int, content: bytes, rows: int) -> FileEntry:
    digest = hashlib.sha256(content).hexdigest()
    return FileEntry(
        number=number,
        key=f"exports/x/part-{number:05d}.csv",
        rows=rows,
        bytes=len(content),
        sha256=digest,
        bytes_uncompressed=len(content),
        sha256_uncompressed=digest,
    )
