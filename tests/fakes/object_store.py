"""Objects in memory: conditional writes, uploads that appear whole or not at all."""

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from types import TracebackType

from resources.errors import AlreadyExists, Refused
from resources.object_store import MAX_LINK_SECONDS, ObjectStore, Upload, safe_filename
from resources.s3_object import S3Object, StoredObject
from tests.fakes.asked import Asked

NOWHERE = S3Object(client=None, bucket="fake", key="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An object of the fake."""

    body: bytes
    media_type: str
    metadata: Mapping[str, str]


class FakeObjectStore(ObjectStore):
    """One bucket.

    Attributes:
        asked: What it was asked. ``write`` is noted for each part that an upload sends.
        objects: What is stored, by key; change a body here to damage it.
        unfinished: Uploads that were neither completed nor aborted: server's name to key.
    """

    def __init__(self, objects: Mapping[str, bytes] | None = None, *, part_bytes: int = 64) -> None:
        """Start with these objects; uploads of ``part_bytes`` or more are made in parts."""
        super().__init__(bucket="fake")
        self.asked = Asked()
        self.objects = {
            key: Kept(body=body, media_type="application/octet-stream", metadata={})
            for key, body in (objects or {}).items()
        }
        self.unfinished: dict[str, str] = {}
        self.part_bytes = part_bytes
        self.lock = threading.Lock()
        self.numbers = count(1)

    def upload(
        self, key: str, *, media_type: str, metadata: Mapping[str, str] | None = None
    ) -> "FakeUpload":
        """Return an upload."""
        self.asked.note("upload", key, media_type)
        kept = Kept(body=b"", media_type=media_type, metadata=dict(metadata or {}))
        return FakeUpload(self, key, kept)

    def put(self, key: str, body: bytes, *, media_type: str) -> StoredObject:
        """Store an object whose key is free."""
        self.asked.note("put", key, media_type)
        return self.store(key, Kept(body=body, media_type=media_type, metadata={}))

    def head(self, key: str) -> StoredObject | None:
        """Describe an object."""
        self.asked.note("head", key)
        kept = self.objects.get(key)
        return None if kept is None else _described(key, kept.body, self.part_bytes)

    def read(self, key: str) -> Iterator[bytes]:
        """Give the bytes in pieces of 16."""
        self.asked.note("read", key)
        if key not in self.objects:
            raise Refused("S3_MISSING", "read an object")
        body = self.objects[key].body
        yield from (body[start : start + 16] for start in range(0, len(body), 16))

    def sign(self, key: str, *, seconds: int, filename: str) -> str:
        """Return a link that leads nowhere but says what was signed."""
        self.asked.note("sign", key, seconds, filename)
        if not 1 <= seconds <= MAX_LINK_SECONDS:
            raise ValueError("a link lives too long")
        return f"https://objects.invalid/{key}?seconds={seconds}&filename={safe_filename(filename)}"

    def keys(self, prefix: str, *, unfinished: bool = False) -> Iterator[str]:
        """Give the keys under a prefix, and those of unfinished uploads if they are wanted."""
        self.asked.note("keys", prefix)
        yield from sorted(key for key in self.objects if key.startswith(prefix))
        if unfinished:
            yield from (key for key in [*self.unfinished.values()] if key.startswith(prefix))

    def remove(self, prefix: str) -> int:
        """Remove what lies under a prefix, unfinished uploads included."""
        self.asked.note("remove", prefix)
        if not prefix.endswith("/"):
            raise ValueError("a prefix to remove ends in '/'")
        keys = [key for key in self.objects if key.startswith(prefix)]
        uploads = [name for name, key in self.unfinished.items() if key.startswith(prefix)]
        for key in keys:
            del self.objects[key]
        for name in uploads:
            del self.unfinished[name]
        return len(keys) + len(uploads)

    def close(self) -> None:
        """Be closed."""
        self.asked.note("close")

    def store(self, key: str, kept: Kept) -> StoredObject:
        """Store an object if its key is free; the condition and the write are one step."""
        with self.lock:
            if key in self.objects:
                raise AlreadyExists("S3_EXISTS", "store an object")
            self.objects[key] = kept
        return replace(
            _described(key, kept.body, self.part_bytes),
            sha256=hashlib.sha256(kept.body).hexdigest(),
        )


class FakeUpload(Upload):
    """One upload of the fake."""

    def __init__(self, store: FakeObjectStore, key: str, kept: Kept) -> None:
        """Prepare."""
        super().__init__(NOWHERE, {}, store.part_bytes, 1)
        self._store = store
        self._key = key
        self._kept = kept

    def write(self, data: bytes) -> None:
        """Take bytes."""
        parts_before = len(self._kept.body) // self._store.part_bytes
        self._kept = replace(self._kept, body=self._kept.body + data)
        if len(self._kept.body) // self._store.part_bytes > parts_before:
            if self.upload_id is None:
                self.upload_id = f"upload-{next(self._store.numbers)}"
                self._store.unfinished[self.upload_id] = self._key
            self._store.asked.note("write", self._key)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Store what was written, or forget it."""
        try:
            if kind is None:
                self._store.asked.note("complete", self._key)
                self.stored = self._store.store(self._key, self._kept)
        finally:
            self._store.unfinished.pop(self.upload_id or "", None)


def _described(key: str, body: bytes, part_bytes: int) -> StoredObject:
    digest = hashlib.sha256(body).hexdigest()
    whole = None if len(body) >= part_bytes else digest
    return StoredObject(key=key, bytes=len(body), sha256=whole, etag=digest[:32])
