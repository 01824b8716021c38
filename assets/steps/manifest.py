"""Write the manifest of an export, and recompute everything that a manifest claims."""

import hashlib
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assets.model.failure import ExportFailed
from assets.model.manifest import Accounting, FileEntry, Manifest
from assets.model.output import Compression, OutputFormat
from assets.model.request import ExportRequest, canonical_json
from assets.steps.encode.compression import decompressed
from assets.steps.encode.fields import Field, stored_fields
from assets.steps.encode.kinds import read_cells
from assets.steps.encode.malformed import Malformed
from assets.steps.rows import allowed_rejects


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One claim of a manifest that does not hold: about what, and what is wrong."""

    subject: str
    problem: str


# Opens a file of the manifest for reading; raises FileNotFoundError when it is missing.
Opener = Callable[[FileEntry], Iterable[bytes]]
# To ask for a small file takes more than to look at it, and it is looked at twice.
MOST_HELD = 1024 * 1024


def balance(accounting: Accounting, request: ExportRequest) -> None:
    """Refuse to publish an export whose rows do not add up (DESIGN.md 3, rule 6).

    Raises:
        ExportFailed: `ROWS_UNACCOUNTED` (worth another try: the source may have changed
            under us) or `TOO_MANY_REJECTS`.
    """
    wrong = accounting.imbalance()
    if wrong is not None:
        raise ExportFailed("ROWS_UNACCOUNTED", wrong, retryable=True)
    if _is_partial(accounting, request) and not request.allow_partial:
        allowed = allowed_rejects(accounting.read, request.max_rejects)
        message = f"{accounting.rejects} rows were rejected, at most {allowed} are allowed"
        raise ExportFailed("TOO_MANY_REJECTS", message)


def verify(manifest: Manifest, opened: Opener, *, most_rows: int = sys.maxsize) -> list[Finding]:
    """Everything that does not hold, read from the files alone; empty means proved.

    Args:
        manifest: The claims.
        opened: Opens the stored bytes of a file.
        most_rows: Of files with more rows the digests are compared, of what is stored and of what
            it holds, and the cells are not looked at: to read one takes five times as long as to
            make it did.
    """
    findings = list(_rows(manifest))
    try:
        request = ExportRequest.from_document(manifest.request)
    except (KeyError, TypeError, ValueError):
        return [*findings, Finding(subject="request", problem="it is no request")]
    if request.fingerprint() != manifest.fingerprint:
        problem = "the fingerprint is of another request"
        findings.append(Finding(subject="request", problem=problem))
    output = request.output
    for entry in manifest.files:
        try:
            fields = stored_fields(manifest.columns_of(entry))
        except (KeyError, ValueError):
            problem = "its columns are of no type that there is"
            findings.append(Finding(subject=entry.name, problem=problem))
            continue
        every_cell = entry.rows <= most_rows
        findings.extend(_file(entry, opened, output, fields, every_cell=every_cell))
    return findings


def _rows(manifest: Manifest) -> Iterator[Finding]:
    wrong = manifest.accounting.imbalance()
    if wrong is not None:
        yield Finding(subject="accounting", problem=wrong)
    if manifest.rows != manifest.accounting.written:
        problem = f"{manifest.accounting.written} rows written but the files hold {manifest.rows}"
        yield Finding(subject="accounting", problem=problem)
    for section, rows in manifest.accounting.beside.items():
        held = sum(entry.rows for entry in manifest.files if entry.section == section)
        if held != rows:
            yield Finding(subject=section, problem=f"{rows} rows written but the files hold {held}")
    for section in ("", *manifest.companions):
        numbers = [entry.number for entry in manifest.files if entry.section == section]
        if not numbers or numbers != list(range(1, len(numbers) + 1)):
            yield Finding(subject=section or "files", problem="a file is missing from the list")
    if any(entry.section not in ("", *manifest.companions) for entry in manifest.files):
        yield Finding(subject="files", problem="a file is of no section that there is")


def _file(
    entry: FileEntry,
    opened: Opener,
    output: OutputFormat,
    fields: Sequence[Field],
    *,
    every_cell: bool,
) -> Iterator[Finding]:
    try:
        opened = _held(entry, opened)
        for problem in _problems(entry, opened, output, fields if every_cell else None):
            yield Finding(subject=entry.name, problem=problem)
    except FileNotFoundError:
        yield Finding(subject=entry.name, problem="the file is missing")
    except Malformed as malformed:
        yield Finding(subject=entry.name, problem=f"not readable: {malformed}")


def _problems(
    entry: FileEntry, opened: Opener, output: OutputFormat, fields: Sequence[Field] | None
) -> Iterator[str]:
    """The stored bytes are judged first, though what they hold is read along with them."""
    stored, plain, unreadable = _digests(entry, opened(entry), output.packing)
    if not stored.is_of(entry.bytes, entry.sha256):
        yield "the stored bytes are not those written"
        return
    if unreadable is not None:
        raise unreadable
    if not plain.is_of(entry.bytes_uncompressed, entry.sha256_uncompressed):
        yield "the content is not what was written"
    if fields is None:
        return
    rows = read_cells(opened(entry), output, fields)
    if next(rows, None) != [field.title for field in fields]:
        yield "the header is not that of the columns"
    count = sum(1 for _ in rows)
    if count != entry.rows:
        yield f"{count} rows are there, {entry.rows} were written"


def _held(entry: FileEntry, opened: Opener) -> Opener:
    """A small file is read once; of one that has grown no more than shows it."""
    if entry.bytes > MOST_HELD:
        return opened
    pieces: list[bytes] = []
    for piece in opened(entry):
        pieces.append(piece)
        if sum(map(len, pieces)) > entry.bytes:
            break
    return lambda _: pieces


class _Digest:
    """Size and SHA-256 of bytes on their way, which end once they are more than `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size, self._sha256 = 0, hashlib.sha256()

    def passing(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """What comes, as it is."""
        for chunk in chunks:
            self._size += len(chunk)
            self._sha256.update(chunk)
            yield chunk
            if self._size > self._most:
                return

    def is_of(self, size: int, sha256: str) -> bool:
        """Whether what has passed is what is claimed."""
        return (self._size, self._sha256.hexdigest()) == (size, sha256)


def _digests(
    entry: FileEntry, pieces: Iterable[bytes], packing: Compression
) -> tuple[_Digest, _Digest, Malformed | None]:
    """Of the stored bytes, of what they hold, and why that cannot be read; in one pass."""
    stored, plain = _Digest(entry.bytes), _Digest(entry.bytes_uncompressed)
    passing, unreadable = stored.passing(pieces), None
    try:
        deque(plain.passing(decompressed(passing, packing)), maxlen=0)
    except Malformed as malformed:
        unreadable = malformed
    deque(passing, maxlen=0)  # what could not be read is stored all the same
    return stored, plain, unreadable


def result(manifest: Manifest, *, key: str, body: bytes) -> dict[str, Any]:
    """What the export document says of a published export; links are made when asked for."""
    request = ExportRequest.from_document(manifest.request)
    output = request.output
    return {
        "manifestKey": key,
        "manifestSha256": hashlib.sha256(body).hexdigest(),
        "rows": manifest.rows,
        "bytes": manifest.size,
        "partial": _is_partial(manifest.accounting, request),
        "emptyReason": empty_reason(manifest.accounting),
        "accounting": {
            "read": manifest.accounting.read,
            "filtered": dict(manifest.accounting.filtered),
            "rejected": dict(manifest.accounting.rejected),
            "beside": dict(manifest.accounting.beside),
            "unfit": dict(manifest.accounting.unfit),
            "notes": dict(manifest.accounting.notes),
        },
        "bytesScanned": manifest.scanned,
        "withheld": list(manifest.withheld),
        "files": [
            {
                "number": place,
                "section": entry.section,
                "group": entry.group,
                "key": entry.key,
                "rows": entry.rows,
                "bytes": entry.bytes,
                "sha256": entry.sha256,
                "mediaType": output.media_type,
                "filename": _filename(manifest, entry, output),
            }
            for place, entry in enumerate(manifest.files, start=1)
        ],
        "deliveries": [dict(delivery) for delivery in manifest.deliveries],
    }


def _is_partial(accounting: Accounting, request: ExportRequest) -> bool:
    """Whether more rows were rejected than a complete file may lack."""
    return accounting.rejects > allowed_rejects(accounting.read, request.max_rejects)


def empty_reason(accounting: Accounting) -> str | None:
    """Why an export holds no row: the source had none, or a rule left all of them out."""
    if accounting.written:
        return None
    return "all_filtered" if accounting.read else "no_source_rows"


def _filename(manifest: Manifest, entry: FileEntry, output: OutputFormat) -> str:
    """A name for people; made of a catalogue id, a slug and a number, so ASCII and safe."""
    request = ExportRequest.from_document(manifest.request)
    many = sum(other.section == entry.section for other in manifest.files) > 1
    parts = [request.partition, request.type, manifest.export_id, entry.section, entry.group]
    parts.append(f"{entry.number:03d}" if many else "")
    return f"{'_'.join(part for part in parts if part)}.{output.extension}"


def content_digest(manifest: Manifest) -> str:
    """One SHA-256 over the digests of all files, in order: the identity of the content."""
    return hashlib.sha256(canonical_json([entry.sha256 for entry in manifest.files])).hexdigest()
