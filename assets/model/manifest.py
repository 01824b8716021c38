"""The manifest of a finished export, and the row accounting that it proves."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from assets.model.request import canonical_json

MANIFEST_NAME = "_manifest.json"
MANIFEST_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """Where every row that was read went (DESIGN.md 3, rule 6).

    Attributes:
        expected: The independent count at the same snapshot.
        read: Rows read from the source.
        written: Rows in the files.
        filtered: Rows left out by a rule, by reason.
        rejected: Rows with a value that does not fit, by reason.
        notes: Values repaired by a stated rule, by note; such rows are written.
    """

    expected: int
    read: int
    written: int
    filtered: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)

    @property
    def rejects(self) -> int:
        """All rejected rows."""
        return sum(self.rejected.values())

    def imbalance(self) -> str | None:
        """What does not add up, or None when every row is accounted for."""
        if min([self.written, *self.filtered.values(), *self.rejected.values()]) < 0:
            return "a count of rows is negative"
        accounted = self.written + sum(self.filtered.values()) + self.rejects
        if self.read != accounted:
            return f"{self.read} rows were read but {accounted} are accounted for"
        if self.read != self.expected:
            return f"{self.read} rows were read but an independent count says {self.expected}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file: where it lies and what proves it unchanged.

    Attributes:
        number: 1, 2, 3 …; the order in which the files make up the export.
        key: The object key.
        rows: Records in the file, the header not counted.
        bytes: Stored size.
        sha256: Hex digest of the stored bytes.
        bytes_uncompressed: Size after decompression.
        sha256_uncompressed: Hex digest after decompression.
    """

    number: int
    key: str
    rows: int
    bytes: int
    sha256: str
    bytes_uncompressed: int
    sha256_uncompressed: str

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnEntry:
    """One column as it stands in the files."""

    name: str
    type: str
    source: str
    pii: str
    transform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was exported, from which instant, by which code, and how it is proved.

    Attributes:
        export_id: Id of the export document.
        attempt: Which attempt wrote these files.
        run_id: The Dagster run.
        request: The canonical request.
        fingerprint: Of the request.
        code_version: Version of the package.
        git_sha: Commit of the code, or "unknown" outside a checkout.
        snapshot_at: RFC 3339; nothing created after it is in the files.
        zone: IANA zone of local times in the files.
        columns: The columns of every file, in order.
        withheld: Columns left out by policy.
        accounting: Where every row went.
        files: The files, in order.
        queries: Athena executions: id and bytes scanned.
        expires_at: RFC 3339; the files are deleted then.
        previous: SHA-256 of the manifest of the last export of this type and partition.
    """

    export_id: str
    attempt: int
    run_id: str
    request: Mapping[str, Any]
    fingerprint: str
    code_version: str
    git_sha: str
    snapshot_at: str
    zone: str
    columns: tuple[ColumnEntry, ...]
    withheld: tuple[str, ...]
    accounting: Accounting
    files: tuple[FileEntry, ...]
    queries: tuple[Mapping[str, Any], ...] = ()
    expires_at: str | None = None
    previous: str | None = None

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(entry.rows for entry in self.files)

    @property
    def size(self) -> int:
        """Stored bytes of all files."""
        return sum(entry.bytes for entry in self.files)

    def to_bytes(self) -> bytes:
        """The stored form: canonical JSON, so that its own SHA-256 means something."""
        return canonical_json({"manifestVersion": MANIFEST_VERSION, **asdict(self)}) + b"\n"

    @classmethod
    def from_document(cls, document: object) -> "Manifest":
        """Read a parsed manifest.

        Raises:
            ValueError: It is not a manifest of a known version.
        """
        known: dict[str, Any] = dict(document) if isinstance(document, Mapping) else {}
        if known.pop("manifestVersion", None) != MANIFEST_VERSION:
            raise ValueError(f"not a manifest of version {MANIFEST_VERSION}")
        try:
            known["columns"] = tuple(ColumnEntry(**column) for column in known["columns"])
            known["files"] = tuple(FileEntry(**entry) for entry in known["files"])
            known["accounting"] = Accounting(**known["accounting"])
            known["withheld"] = tuple(known["withheld"])
            known["queries"] = tuple(known["queries"])
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ValueError("the manifest lacks a member or has one too many") from error
