"""Take over the chunks of large files from an attempt that is dead (docs/decisions/0020)."""

import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import timedelta
from itertools import accumulate
from typing import Final

import bson

from assets.chunks import Begun, Chunks, Opened, Standing, likeness, nothing_left, whole_again
from assets.files import read_back
from assets.life import Document, ExportLife
from assets.model.failure import ExportFailed
from assets.model.manifest import FileEntry
from assets.model.output import OutputFormat
from assets.steps.plan import Plan
from resources.errors import Refused, Unavailable
from resources.mongo.documents import LENIENT
from resources.object_store import ObjectStore, Sent
from resources.s3_object import Part

# The bucket aborts uploads after a day, and rows should not be much older than the attempt that
# publishes them: four attempts with their pauses are over in half an hour.
KEPT: Final = timedelta(hours=6)


class Chunking:
    """What one attempt takes over from another, and leaves to the next.

    Args:
        life: Writes it down, fenced by the lease.
        objects: Where the files lie.
        version: Of the code that runs.
        git_sha: Its commit.
    """

    def __init__(
        self, life: ExportLife, objects: ObjectStore, *, version: str, git_sha: str
    ) -> None:
        self._life, self._objects = life, objects
        self._version, self._git_sha = version, git_sha

    def chunks(self, document: Document, planned: Plan) -> Chunks | None:
        """The chunks of an attempt that makes all files itself; None where each attempt does."""
        return None if whole_again(planned) else self._made(document, planned, None)

    def taken(self, document: Document, planned: Plan) -> Chunks | None:
        """Those of an attempt that goes on with the files of an earlier one, planned as theirs.

        Returns:
            None where nothing of them is of use: they are too old, or another code, other options
            or another ground would go on, or the store does not have them as they were sent.

        Raises:
            LeaseLost: The export is somebody else's.
            DoorError: The outside failed.
        """
        left = document["chunks"]
        if whole_again(planned) or document["startedAt"] - left["at"] > KEPT:
            return None
        if left["of"] != self._likeness(document, planned):
            return None
        try:
            begun = found_whole(left, self._objects, planned.facts.request.output)
        except ExportFailed:
            return None
        if begun is None:
            return None
        self._life.take_chunks(
            document["_id"],
            document["lease"]["token"],
            chunks=begun.left,
            snapshot=planned.facts.snapshot,
        )
        return self._made(document, planned, begun)

    def dropped(self, document: Document) -> Document:
        """Say that those of an earlier attempt are of no use.

        Raises:
            LeaseLost: The export is somebody else's.
        """
        return self._life.drop_chunks(document["_id"], document["lease"]["token"])

    def _made(self, document: Document, planned: Plan, begun: Begun | None) -> Chunks:
        export_id, token = document["_id"], document["lease"]["token"]

        def record(left: Document) -> object:
            like = self._likeness(document, planned)
            return self._life.keep_chunks(
                export_id, token, chunks=left, likeness=like, snapshot=planned.facts.snapshot
            )

        return Chunks(record, begun)

    def _likeness(self, document: Document, planned: Plan) -> str:
        return likeness(document, planned, version=self._version, git_sha=self._git_sha)


def goes_on(error: Exception) -> bool:
    """Whether an attempt may take over the chunks of one that ended so.

    Only where the outside did not answer: after any other failure all is made again, because what
    was made may be the reason.
    """
    return isinstance(error, Unavailable)


def _parts(chunk: Document) -> tuple[Part, ...]:
    return tuple(
        Part(
            number=one["number"],
            etag=one["etag"],
            digest=bytes.fromhex(one["sha256"]),
            bytes=one["bytes"],
        )
        for one in chunk["parts"]
    )


def _sent(file: Document, chunks: Sequence[Document]) -> Sent:
    parts = tuple(part for chunk in chunks for part in _parts(chunk))
    return Sent(upload_id=file["uploadId"], parts=parts)


def _unpacked(state: bytes) -> Standing:
    return bson.decode(zlib.decompress(state), codec_options=LENIENT)


def found_whole(left: Document, objects: ObjectStore, output: OutputFormat) -> Begun | None:
    """What is there of an earlier attempt's files: each chunk that the store has as it was sent.

    A file of which all was sent is completed.

    Args:
        left: The document's chunks.
        objects: Where they lie.
        output: The form of the files.

    Returns:
        None where nothing is of use.

    Raises:
        Unavailable: The store did not answer well.
        ExportFailed: `FILE_NOT_AS_WRITTEN`: a completed file is not what was sent.
    """
    file, done, seal = left["file"], left["done"], left["seal"]
    if file is None:
        return _begun(left, left["state"], None) if left["state"] is not None else None
    sent = _sent(file, (*done, *([seal] if seal else ())))
    there = objects.upload(file["key"], media_type=output.media_type, behind=sent).holds()
    if seal and _completed(left, objects, sent, there, output.media_type):
        entry = FileEntry(**seal["entry"])
        if not entry.sha256:  # made by several attempts, of which the last had not read it yet
            entry = read_back(entry, objects, output, sent.parts)
        files = (*left["files"], asdict(entry))
        kept = {**nothing_left(), "files": list(files), "state": seal["state"]}
        return _begun(kept, seal["state"], None)
    ends = accumulate(len(chunk["parts"]) for chunk in done)
    whole = sum(1 for end in ends if end <= (there or 0))
    if whole:
        last = done[whole - 1]
        opened = Opened(
            number=file["number"],
            key=file["key"],
            sent=_sent(file, done[:whole]),
            file=_unpacked(last["state"])["file"],
        )
        kept = {**left, "done": list(done[:whole]), "seal": None}
        return replace(_begun(kept, last["state"], opened), chunks=whole)
    if left["state"] is not None:
        return _begun({**left, "file": None, "done": [], "seal": None}, left["state"], None)
    return None


def _completed(
    left: Document, objects: ObjectStore, sent: Sent, there: int | None, media_type: str
) -> bool:
    """Whether a file of which all was sent is there, now at the latest."""
    key = left["file"]["key"]
    if there is None:  # the worker died after it had completed it; it is read back as every file
        found = objects.head(key)
        return found is not None and found.bytes == left["seal"]["entry"]["bytes"]
    if there < len(sent.parts):
        return False
    upload = objects.upload(key, media_type=media_type, behind=sent)
    with suppress(Refused), upload:
        pass
    return upload.stored is not None


def _begun(left: Document, state: bytes, opened: Opened | None) -> Begun:
    names = ("files", "state", "file", "done", "seal")
    return Begun(
        files=tuple(FileEntry(**entry) for entry in left["files"]),
        flow=_unpacked(state)["flow"],
        opened=opened,
        left={name: left[name] for name in names},
    )
