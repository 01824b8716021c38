"""The object store: files go up in parts, with back-pressure, appear only whole, replace nothing.

An upload that is not completed is invisible; one left behind by a killed process is aborted by
``remove``, and by a lifecycle rule of the bucket after a day (RELIABILITY.md 4.3, S3).
"""

import re
import threading
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from resources.aws import aws_errors, client
from resources.clock import Clock, SystemClock
from resources.crash_points import CrashPoint, passing
from resources.errors import DoorError, Refused, Unavailable
from resources.part_buffers import Body, PartBuffers
from resources.s3_object import Part, S3Object, StoredObject, Version

# S3 refuses parts below 5 MiB (except the last) and more than 10,000 of them.
MIN_PART_BYTES = 5 * 1024 * 1024
# As small as they may be: up to three are in memory. 10,000 of them are 52 GB, in one file.
PART_BYTES = MIN_PART_BYTES
MAX_PARTS = 10_000

# Two parts in flight saturate loopback; real S3 likes 4 to 8 (PERFORMANCE.md, upload).
IN_FLIGHT = 2

# A reset while a body is read is not retried by botocore (RELIABILITY.md M16): we resume by Range.
READ_RESUMES = 5
RESUME_SECONDS = 0.1

# A link for a person lives 15 minutes, one for a machine an hour; never longer (RELIABILITY.md
# S12).
MAX_LINK_SECONDS = 3_600
MAX_FILENAME = 120


class ObjectStore:
    """One bucket.

    Args:
        bucket: Its name.
        endpoint_url: Another server than AWS.
        region: AWS region.
        part_bytes: Size of the parts of an upload; a smaller one is a single put.
        in_flight: Parts on their way at once, per upload.
        clock: Waits before a read is resumed.
    """

    def __init__(
        self,
        *,
        bucket: str,
        endpoint_url: str | None = None,
        region: str = "us-east-1",
        part_bytes: int = PART_BYTES,
        in_flight: int = IN_FLIGHT,
        clock: Clock | None = None,
    ) -> None:
        """Remember where the bucket is; nothing is opened."""
        if part_bytes < MIN_PART_BYTES:
            raise ValueError(f"a part has at least {MIN_PART_BYTES} bytes")
        self._bucket = bucket
        self._endpoint_url = endpoint_url
        self._region = region
        self._part_bytes = part_bytes
        self._in_flight = in_flight
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._client: Any = None

    def upload(
        self,
        key: str,
        *,
        media_type: str,
        metadata: Mapping[str, str] | None = None,
        behind: "Sent | None" = None,
    ) -> "Upload":
        """Return an upload to use in a ``with`` block; nothing is sent yet.

        The client is opened meanwhile: it takes 15 ms of CPU, and what is to be sent is not there.

        Args:
            key: Where the object will be; it must not exist.
            media_type: Its ``Content-Type``.
            metadata: User metadata; ASCII, and never about a person.
            behind: What another upload to this key has sent, to go on with it; whatever that one
                sent behind these parts is replaced.
        """
        if self._client is None:
            threading.Thread(target=self._prepare, name="open-s3", daemon=True).start()
        described = {"ContentType": media_type, "Metadata": dict(metadata or {})}
        upload = Upload(self._at(key), described, self._part_bytes, self._in_flight)
        if behind is not None:
            upload.begin(behind.upload_id, behind.parts)
        return upload

    def put(self, key: str, body: bytes, *, media_type: str) -> StoredObject:
        """Store a small object whole.

        Raises:
            AlreadyExists: The key is taken; what is there was not touched.
            Unavailable: The store did not confirm; it may or may not be stored.
            Refused: The store does not accept it.
        """
        return self._at(key).put(body, {"ContentType": media_type})

    def head(self, key: str) -> StoredObject | None:
        """Return what the store says of an object, or None when there is none.

        Raises:
            Unavailable: The store did not answer well.
            Refused: Access is denied.
        """
        return self._at(key).head()

    def read(self, key: str) -> Iterator[bytes]:
        """Give the object's bytes in pieces of at most 1 MiB, resuming where a connection broke.

        Raises:
            Refused: There is no such object, or it was replaced meanwhile.
            Unavailable: It broke more than ``READ_RESUMES`` times in a row without progress.
        """
        there = self._at(key)
        version: Version | None = None
        position = failures = 0
        while version is None or position < version.bytes:
            try:
                version, pieces = there.body(position, version)
                for piece in pieces:
                    position += len(piece)
                    failures = 0
                    yield piece
                if position < version.bytes:
                    raise Unavailable("S3_UNREACHABLE", "read an object to its end")
            except Unavailable:
                failures += 1
                if failures > READ_RESUMES:
                    raise
                self._clock.sleep(RESUME_SECONDS * 2**failures)

    def sign(self, key: str, *, seconds: int, filename: str) -> str:
        """Return a link that downloads the object as a file, made without asking the store.

        The link is a secret: never log or store it (RELIABILITY.md S12).

        Args:
            key: The object.
            seconds: How long the link works, at most ``MAX_LINK_SECONDS``.
            filename: Name to suggest; all but ASCII letters, digits, dot, dash and underscore is
                replaced.

        Raises:
            Refused: There are no credentials to sign with.
        """
        if not 1 <= seconds <= MAX_LINK_SECONDS:
            raise ValueError(f"a link lives 1 to {MAX_LINK_SECONDS} seconds")
        disposition = f'attachment; filename="{safe_filename(filename)}"'
        with aws_errors("S3", "sign a download link"):
            link = self._open().generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": key,
                    "ResponseContentDisposition": disposition,
                    "ResponseCacheControl": "private, no-store",
                },
                ExpiresIn=seconds,
            )
        return str(link)

    def keys(self, prefix: str, *, unfinished: bool = False) -> Iterator[str]:
        """Give the keys under a prefix, in order; a thousand a call.

        Args:
            prefix: What they begin with.
            unfinished: Give those of unfinished uploads after them: all that ``remove`` would find.

        Raises:
            Unavailable: The store did not answer well.
            Refused: Access is denied.
        """
        for page in self._pages("list_objects_v2", prefix):
            yield from (entry["Key"] for entry in page.get("Contents", []))
        if unfinished:
            for page in self._pages("list_multipart_uploads", prefix):
                yield from (entry["Key"] for entry in page.get("Uploads", []))

    def remove(self, prefix: str, *, but: Collection[str] = ()) -> int:
        """Delete every object under a folder and abort every upload left unfinished there.

        Args:
            prefix: Ends in ``/``: without it, ``…/a1`` would take ``…/a10`` along.
            but: Keys of objects that stay.

        Returns:
            How many objects and unfinished uploads were removed.

        Raises:
            Unavailable: Something is left; another call can remove it.
            Refused: Access is denied.
        """
        if not prefix.endswith("/"):
            raise ValueError("a prefix to remove ends in '/'")
        removed = 0
        for page in self._pages("list_objects_v2", prefix):
            found = (entry["Key"] for entry in page.get("Contents", []))
            removed += self._delete([key for key in found if key not in but])
        for page in self._pages("list_multipart_uploads", prefix):
            for entry in page.get("Uploads", []):
                self._at(entry["Key"]).abort(entry["UploadId"])
                removed += 1
        return removed

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        with self._lock:
            opened, self._client = self._client, None
        if opened is not None:
            opened.close()

    def _delete(self, keys: list[str]) -> int:
        if not keys:
            return 0
        listed = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with aws_errors("S3", "delete objects"):
            answer = self._open().delete_objects(Bucket=self._bucket, Delete=listed)
        if answer.get("Errors"):
            raise Unavailable(
                "S3_UNAVAILABLE", f"delete objects ({len(answer['Errors'])} are left)"
            )
        return len(keys)

    def _pages(self, operation: str, prefix: str) -> Iterator[Any]:
        pages = iter(
            self._open().get_paginator(operation).paginate(Bucket=self._bucket, Prefix=prefix)
        )
        while True:
            with aws_errors("S3", "list objects"):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _at(self, key: str) -> S3Object:
        return S3Object(connect=self._open, bucket=self._bucket, key=key)

    def _prepare(self) -> None:
        with suppress(DoorError):  # is raised where the client is used
            self._open()

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = client("s3", region=self._region, endpoint_url=self._endpoint_url)
            return self._client


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What an upload in parts has sent.

    Attributes:
        upload_id: The server's name of it.
        parts: In order, from the first.
    """

    upload_id: str
    parts: tuple[Part, ...]


class Upload:
    """One upload: the object appears whole when the ``with`` block ends well, else not at all.

    ``write`` waits while ``in_flight`` parts are on their way and one is full, so memory stays at
    (in flight + 1) parts however fast the caller is, those that wait for a cut included. Used from
    one thread.

    Attributes:
        upload_id: The server's name of an upload in parts; None as long as it fits in one put.
        stored: What was stored; None until the block has ended well.
        reserve: Bytes that wait for the next ones before a part is sent, so that a cut finds enough
            of them; `shortest` where cuts are made.
        kept: Whether the parts stay when the block fails, because somebody else may go on.
    """

    def __init__(
        self, there: S3Object, described: Mapping[str, Any], part_bytes: int, in_flight: int
    ) -> None:
        """Prepare; nothing is sent before the first part is full or the block ends."""
        self.upload_id: str | None = None
        self.stored: StoredObject | None = None
        self.reserve = 0
        self.kept = False
        self._there = there
        self._described = described
        self._part_bytes = part_bytes
        self._in_flight = in_flight
        self._buffers = PartBuffers(part_bytes, in_flight + 1)
        # Those that wait; the last one has room for so many bytes.
        self._held: deque[memoryview] = deque()
        self._room = 0
        self._size = 0
        self._parts: list[Future[Part]] = []
        self._failed: BaseException | None = None
        self._pool: ThreadPoolExecutor | None = None

    def write(self, data: bytes) -> None:
        """Take the next bytes; returns when they are buffered or on their way.

        Raises:
            Unavailable: A part could not be sent.
            Refused: The store does not accept a part, or there would be more than 10,000.
        """
        self._size += len(data)
        # Nothing is copied but into its part: what waits for a cut would be, with every part.
        rest = memoryview(data)
        while rest:
            if not self._room:
                self._held.append(self._buffers.take())
                self._room = self._part_bytes
                self._raise_failed()
            taken, rest = rest[: self._room], rest[self._room :]
            begin = self._part_bytes - self._room
            self._held[-1][begin : begin + len(taken)] = taken
            self._room -= len(taken)
            if self._waiting() >= self._part_bytes + self.reserve:
                self._send(self._part_bytes)

    def begin(self, upload_id: str, parts: Sequence[Part]) -> None:
        """Go on with an upload in parts; before anything is written."""
        self.upload_id, self.kept = upload_id, True
        self._size = sum(part.bytes for part in parts)
        for part in parts:
            sent: Future[Part] = Future()
            sent.set_result(part)
            self._parts.append(sent)

    def cut(self, *, last: bool = False) -> "Sequence[Future[Part]] | None":
        """Let a part end here, and give all parts up to here, on their way or there already.

        Args:
            last: Whether nothing follows, so that the part may be shorter than others.

        Returns:
            None, and nothing is cut, where the part would be shorter than the store allows.
        """
        waiting = self._waiting()
        if waiting and (last or waiting >= self.shortest):
            self._send(waiting)
        return None if self._waiting() or not self._parts else tuple(self._parts)

    def holds(self) -> int | None:
        """Say how many of the parts, from the first, the store still has as they were sent.

        Returns:
            None when there is no such upload: it is complete, or aborted.

        Raises:
            Unavailable: The store did not answer well.
        """
        return self._there.holds(self.upload_id or "", self.parts())

    def parts(self) -> tuple[Part, ...]:
        """The parts that were sent; waits for those that are on their way."""
        return tuple(part.result() for part in self._parts)

    @property
    def key(self) -> str:
        """Where the object will be."""
        return self._there.key

    @property
    def shortest(self) -> int:
        """The bytes that a part has at least, if it is not the last."""
        return MIN_PART_BYTES

    def __enter__(self) -> Self:
        """Start the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the upload; when that or the block failed, abort it if it is not kept."""
        try:
            if kind is None:
                self.stored = self._finish()
        finally:
            self._end()

    def _waiting(self) -> int:
        """Bytes that are in no part yet that was sent."""
        return len(self._held) * self._part_bytes - self._room

    def _finish(self) -> StoredObject:
        if self.upload_id is None:
            size = self._waiting()
            pieces = Body(self._taken(size), size).pieces
            return self._there.put(b"".join(pieces), self._described)
        if waiting := self._waiting():
            self._send(waiting)
        parts = self.parts()
        passing(CrashPoint.K14)
        etag = self._there.complete(self.upload_id, parts, self._size)
        return StoredObject(key=self._there.key, bytes=self._size, sha256=None, etag=etag)

    def _end(self) -> None:
        if self._pool is not None:
            # A part that arrives after the abort would stay for ever, so those on their way are
            # waited for.
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self.upload_id is not None and self.stored is None and not self.kept:
            # What failed before is what the caller must hear; `remove` tidies up what this cannot.
            with suppress(DoorError):
                self._there.abort(self.upload_id)

    def _send(self, size: int) -> None:
        """Send so much of what waits."""
        if len(self._parts) >= MAX_PARTS:
            raise Refused("S3_TOO_LARGE", f"upload more than {MAX_PARTS} parts")
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._in_flight, thread_name_prefix="upload")
        if self.upload_id is None:
            self.upload_id = self._there.start(self._described)
            passing(CrashPoint.K12)
        self._raise_failed()
        number = len(self._parts) + 1
        if number > 1:
            passing(CrashPoint.K13)
        buffers = self._taken(size)
        self._parts.append(
            self._pool.submit(self._send_part, self.upload_id or "", number, buffers, size)
        )

    def _raise_failed(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _taken(self, size: int) -> list[memoryview]:
        """The buffers with so much of what waits: the first, which is full, or all."""
        taken = [self._held.popleft() for _ in range(-(-size // self._part_bytes))]
        if not self._held:
            self._room = 0
        return taken

    def _send_part(
        self, upload_id: str, number: int, buffers: Sequence[memoryview], size: int
    ) -> Part:
        try:
            return self._there.send(upload_id, number, Body(buffers, size))
        except BaseException as error:
            self._failed = self._failed or error
            raise
        finally:
            self._buffers.give_back(buffers)


def safe_filename(name: str) -> str:
    """Return a name safe in a header and on every file system (RELIABILITY.md S11); pure."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip("._-")
    return cleaned[:MAX_FILENAME] or "export"
