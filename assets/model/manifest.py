"""The manifest of a finished export, and the row accounting that it proves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assets.model.request import canonical_json, members

MANIFEST_NAME = "_manifest.json"
# 2: rows are also kept and set beside, files have a section and a group, deliveries are named.
MANIFEST_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """Where every row that was read went (DESIGN.md 3, rule 6).

    `read = kept + filtered + rejected + beside`, and `made = written + unfit`. Where a row read is
    a row written, what is kept is what is made; where rows are counted or taken apart, it is not.

    Attributes:
        expected: The independent count at the same snapshot.
        read: Rows read from the source.
        kept: Rows read that the main files are made of.
        made: Rows for the main files that were made of them.
        written: Rows in the main files.
        filtered: Rows left out by a rule, by reason.
        rejected: Rows with a value that does not fit, by reason.
        beside: Rows in companion files instead, by section.
        unfit: Rows made of several or of a part, with a value that does not fit, by reason.
        notes: Values repaired by a stated rule, by note; such rows are written.
        folded: Whether a row made is other than a row read.
    """

    expected: int
    read: int
    kept: int
    made: int
    written: int
    filtered: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    beside: Mapping[str, int] = field(default_factory=dict)
    unfit: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, int] = field(default_factory=dict)
    folded: bool = False

    @property
    def rejects(self) -> int:
        """All rows with a value that does not fit."""
        return sum(self.rejected.values()) + sum(self.unfit.values())

    def imbalance(self) -> str | None:
        """What does not add up, or None when every row is accounted for."""
        parts = (self.filtered, self.rejected, self.beside, self.unfit)
        counts = [count for part in parts for count in part.values()]
        if min([self.kept, self.made, self.written, *counts]) < 0:
            return "a count of rows is negative"
        aside = sum(sum(part.values()) for part in (self.filtered, self.rejected, self.beside))
        if self.read != self.kept + aside:
            return f"{self.read} rows were read but {self.kept + aside} are accounted for"
        if self.read != self.expected:
            return f"{self.read} rows were read but an independent count says {self.expected}"
        if not self.folded and self.kept != self.made:
            return f"{self.kept} rows were kept but {self.made} were made of them"
        written = self.written + sum(self.unfit.values())
        if self.made != written:
            return f"{self.made} rows were made but {written} are accounted for"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file: where it lies and what proves it unchanged.

    Attributes:
        number: 1, 2, 3 …; the order in which the files of a section make it up.
        key: The object key.
        rows: Records in the file, the header not counted.
        bytes: Stored size.
        sha256: Hex digest of the stored bytes.
        bytes_uncompressed: Size after decompression.
        sha256_uncompressed: Hex digest after decompression.
        section: Empty for the main files, else the companion that the file is of.
        group: What its rows have in common, where the export is split by a value.
    """

    number: int
    key: str
    rows: int
    bytes: int
    sha256: str
    bytes_uncompressed: int
    sha256_uncompressed: str
    section: str = ""
    group: str = ""

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
        cluster_time: The one instant of which all entries and accounts were read, where they were
            read in one snapshot session: seconds since 1970 and a number within the second, as
            MongoDB counts. None: each as it was when it was read.
        zone: IANA zone of local times in the files.
        columns: The columns of every main file, in order.
        companions: The columns of the other files, by section.
        withheld: Columns left out by policy.
        accounting: Where every row went.
        files: The files, in order.
        queries: Athena executions: id and bytes scanned.
        deliveries: Where the files went beside the bucket: destination, target, rows sent,
            accepted and rejected, state.
        stated: What there is to know of this kind of export alone, by name.
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
    companions: Mapping[str, tuple[ColumnEntry, ...]] = field(default_factory=dict)
    deliveries: tuple[Mapping[str, Any], ...] = ()
    stated: Mapping[str, str] = field(default_factory=dict)
    cluster_time: str | None = None
    expires_at: str | None = None
    previous: str | None = None

    @property
    def rows(self) -> int:
        """Rows in the main files."""
        return sum(entry.rows for entry in self.files if not entry.section)

    @property
    def size(self) -> int:
        """Stored bytes of all files."""
        return sum(entry.bytes for entry in self.files)

    @property
    def scanned(self) -> int | None:
        """Bytes that Athena scanned, which is what it costs; None where it was asked nothing."""
        if not self.queries:
            return None
        return sum(query["bytesScanned"] or 0 for query in self.queries)

    def columns_of(self, entry: FileEntry) -> tuple[ColumnEntry, ...]:
        """The columns of a file, in order."""
        return self.companions[entry.section] if entry.section else self.columns

    def to_bytes(self) -> bytes:
        """The stored form: canonical JSON, so that its own SHA-256 means something."""
        return canonical_json({"manifestVersion": MANIFEST_VERSION, **members(self)}) + b"\n"

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
            known["columns"] = _columns(known["columns"])
            known["companions"] = {
                section: _columns(columns) for section, columns in known["companions"].items()
            }
            known["files"] = tuple(FileEntry(**entry) for entry in known["files"])
            known["accounting"] = Accounting(**known["accounting"])
            known["withheld"] = tuple(known["withheld"])
            known["queries"] = tuple(known["queries"])
            known["deliveries"] = tuple(known["deliveries"])
            return cls(**known)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError("the manifest lacks a member or has one too many") from error


def _columns(documents: Sequence[Mapping[str, str]]) -> tuple[ColumnEntry, ...]:
    return tuple(ColumnEntry(**document) for document in documents)
