"""Chunks of a large file: what a dead worker has sent that its successor need not send again.

A file is cut wherever another `CHUNK_ROWS` rows are in it. What was sent up to there are whole
parts of one upload, and the export document says, fenced by the lease, which they are and how
reader, ledger and compressor stood. The next attempt goes on behind the last chunk that the store
still has (docs/decisions/0020).
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields, is_dataclass
from hashlib import sha256
from typing import Any, Final

import bson

from assets.model.export_type import nothing_prepared
from assets.model.manifest import FileEntry
from assets.model.output import Kind
from assets.model.request import canonical_json
from assets.model.source import EntrySource
from assets.steps.encode.run import Run
from assets.steps.native.kernel import build
from assets.steps.plan import Plan
from resources.object_store import Sent, Upload
from resources.s3_object import Part

# A file below so many rows is written as ever, and pays nothing. The usual rows of 400 bytes make
# 100 MB of text or 25 MB of gzip: half a second of work for the kernel, ten for Python.
CHUNK_ROWS: Final = 250_000
# Kinds whose files are rows after rows; Parquet and workbooks are closed as a whole.
_STREAMED: Final = frozenset({Kind.CSV, Kind.JSONL})

Document = Mapping[str, Any]
# How the flow stands, and how a file does; each says what it needs to go on.
Standing = Mapping[str, Any]


def whole_again(plan: Plan) -> str | None:
    """Why an attempt that follows a crash makes all files of an export again; None: it goes on."""
    kind, source = plan.export_type, plan.export_type.rows
    output = plan.facts.request.output
    if not isinstance(source, EntrySource):
        return "its rows do not come from the collection of entries"
    reasons = {
        "its rows are made of several entries, or several of one": source.fold is not None,
        "its rows are sorted once all are read": source.arrange is not None,
        "its entries may change their place while they are read": source.moves,
        "some of its rows go into another file": bool(plan.companions),
        "its files are of groups": kind.split(plan.facts) is not None,
        "something is looked up before the first row": kind.prepare is not nothing_prepared,
        "its rows may remember those before": source.counted is None,
        "its files go on to a receiver (0009)": bool(plan.deliveries),
        "its files are closed as a whole": output.kind not in _STREAMED,
        "its files end at a size": output.bytes_per_file is not None,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def likeness(document: Document, plan: Plan, *, version: str, git_sha: str) -> str:
    """The digest of all that two attempts must have in common to make one file."""
    told = [
        document["fingerprint"],
        version,
        git_sha,
        build(),
        CHUNK_ROWS,
        *(_told(one) for one in (plan.facts, [column.entry() for column in plan.columns])),
    ]
    return sha256(canonical_json(told)).hexdigest()


def _told(value: object) -> object:
    """A value as text that is the same in every process."""
    if is_dataclass(value) and not isinstance(value, type):
        return [[one.name, _told(getattr(value, one.name))] for one in fields(value)]
    if isinstance(value, Mapping):
        return sorted([repr(key), _told(found)] for key, found in value.items())
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if isinstance(value, list | tuple):
        return [_told(one) for one in value]
    return repr(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file that an earlier attempt has begun.

    Attributes:
        number: Which file.
        key: Where it will be.
        sent: What was sent of it.
        file: How the file stands behind them.
    """

    number: int
    key: str
    sent: Sent
    file: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What an attempt takes over.

    Attributes:
        files: Files that are whole.
        flow: How reader and ledger stand behind them, and behind the chunks.
        opened: The file that is not whole, if any of its chunks is there.
        left: The same as the export document says it.
        chunks: How many chunks of the file that is not whole.
    """

    files: tuple[FileEntry, ...]
    flow: Standing
    opened: Opened | None
    left: Document
    chunks: int = 0


class Chunks:
    """Cuts the files of one attempt, and writes down what an attempt that follows can take over.

    Args:
        record: Writes the document's chunks, fenced by the lease.
        begun: What this attempt takes over itself.
    """

    def __init__(self, record: Callable[[Document], object], begun: Begun | None = None) -> None:
        self.begun = begun
        self._record = record
        self._left: dict[str, Any] = dict(begun.left) if begun else nothing_left()
        self._standing: Callable[[Run | None], Standing] = lambda _: {}
        self._pool: ThreadPoolExecutor | None = None
        self._job: Future[None] | None = None

    @property
    def rows(self) -> int:
        """The rows of a chunk."""
        return CHUNK_ROWS

    def opened(self, number: int) -> Opened | None:
        """How a file was begun by an earlier attempt, or None."""
        found = self.begun.opened if self.begun else None
        return found if found is not None and found.number == number else None

    def follow(self, standing: Callable[[Run | None], Standing]) -> None:
        """Be told how the flow stands, but for a run of rows that waits to be written."""
        self._standing = standing

    def standing(self, waiting: Run | None) -> Standing:
        """How the flow stands; to be asked where nothing else is on its way to the file."""
        return self._standing(waiting)

    def cut(self, upload: Upload, whole: Sequence[FileEntry], *, number: int, at: Standing) -> None:
        """End a chunk of a file; it is written down as soon as its parts have arrived.

        Where the store takes no part as short as what there is since the last chunk, it is one with
        the next.

        Args:
            upload: Of the file; all bytes of the chunk are in it.
            whole: The files before this one.
            number: Which file.
            at: How flow and file stand.

        Raises:
            LeaseLost: The export is somebody else's; found at the next chunk.
        """
        self._done()
        sent = upload.cut()
        if sent is None:
            return
        upload.kept = True  # from here on somebody may know of it

        before = [asdict(entry) for entry in whole]

        def recorded() -> None:
            file = self._left["file"]
            if file is None or file["number"] != number:
                self._begin(upload, before, number)
            known = sum(len(chunk["parts"]) for chunk in self._left["done"])
            parts = [part.result() for part in sent][known:]
            self._left["done"] = [*self._left["done"], _chunk(parts, at)]
            self._record(self._left)

        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="chunks")
        self._job = self._pool.submit(recorded)

    def seal(self, upload: Upload, entry: FileEntry, waiting: Run | None) -> None:
        """Write down that all of a file has been sent, before it is made of its parts.

        A file that was never cut is not written down.

        Raises:
            LeaseLost: The export is somebody else's; the file must not be completed.
        """
        self._done()
        file = self._left["file"]
        if file is None or file["number"] != entry.number:
            return
        known = sum(len(chunk["parts"]) for chunk in self._left["done"])
        parts = [part.result() for part in upload.cut(last=True) or ()][known:]
        at = {"flow": self._standing(waiting), "file": {}}
        self._left["seal"] = {"entry": asdict(entry), **_chunk(parts, at)}
        self._record(self._left)

    def close(self) -> None:
        """Wait for what is being written down; what became of it is of no interest any more."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def _begin(self, upload: Upload, whole: Sequence[Document], number: int) -> None:
        left, seal = self._left, self._left["seal"]
        known = len(left["files"]) + (1 if seal else 0)
        state = seal["state"] if seal else left["state"]
        self._left |= {
            "files": list(whole),
            "state": state if known == number - 1 else None,
            "file": {"number": number, "key": upload.key, "uploadId": upload.upload_id},
            "done": [],
            "seal": None,
        }

    def _done(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.result()


def nothing_left() -> dict[str, Any]:
    """The chunks of a document before the first."""
    return {"files": [], "state": None, "file": None, "done": [], "seal": None}


def _chunk(parts: Sequence[Part], at: Standing) -> dict[str, Any]:
    return {
        "rows": at["flow"].get("ledger", {}).get("written"),
        "bytes": sum(part.bytes for part in parts),
        "parts": [
            {
                "number": one.number,
                "etag": one.etag,
                "sha256": one.digest.hex(),
                "bytes": one.bytes,
            }
            for one in parts
        ],
        "state": zlib.compress(bson.encode(dict(at))),
    }


def keys_of(document: Document) -> Iterator[str]:
    """The keys of objects and uploads that an export document names: published, or to be."""
    told, left = document.get("result") or {}, document.get("chunks") or {}
    for entry in (*told.get("files", ()), *left.get("files", ())):
        yield entry["key"]
    if left.get("file"):
        yield left["file"]["key"]
