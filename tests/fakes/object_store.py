"""Objects in memory: conditional writes, uploads that appear whole or not at all."""

import hashlib
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import count, takewhile
from types import TracebackType

from resources.errors import AlreadyExists, Refused
from resources.object_store import MAX_LINK_SECONDS, ObjectStore, Sent, Upload, safe_filename
from resources.s3_object import Part, S3Object, StoredObject
from tests.fakes.asked import Asked

NOWHERE = S3Object(connect=lambda: None, bucket="fake", key="")


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
        shortest: The bytes that a part has at least, if it is not the last.
        parts: What each upload has sent, by its server's name; change one to damage it.
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
        self.parts: dict[str, dict[int, bytes]] = {}
        self.part_bytes = part_bytes
        self.shortest = part_bytes // 2
        self.lock = threading.Lock()
        self.numbers = count(1)

    def upload(
        self,
        key: str,
        *,
        media_type: str,
        metadata: Mapping[str, str] | None = None,
        behind: Sent | None = None,
    ) -> "FakeUpload":
        """Return an upload."""
        self.asked.note("upload", key, media_type)
        kept = Kept(body=b"", media_type=media_type, metadata=dict(metadata or {}))
        upload = FakeUpload(self, key, kept)
        if behind is not None:
            upload.begin(behind.upload_id, behind.parts)
        return upload

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

    def remove(self, prefix: str, *, but: Collection[str] = ()) -> int:
        """Remove what lies under a prefix, unfinished uploads included."""
        self.asked.note("remove", prefix)
        if not prefix.endswith("/"):
            raise ValueError("a prefix to remove ends in '/'")
        keys = [key for key in self.objects if key.startswith(prefix) and key not in but]
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
        self._rest = b""
        self._sent: list[Part] = []

    @property
    def key(self) -> str:
        """Where the object will be."""
        return self._key

    @property
    def shortest(self) -> int:
        """As the fake says."""
        return self._store.shortest

    def begin(self, upload_id: str, parts: Sequence[Part]) -> None:
        """Go on."""
        self.upload_id, self.kept, self._sent = upload_id, True, list(parts)

    def write(self, data: bytes) -> None:
        """Take bytes."""
        self._rest += data
        while len(self._rest) >= self._store.part_bytes + self.reserve:
            self._send(self._store.part_bytes)

    def cut(self, *, last: bool = False) -> "Sequence[Future[Part]] | None":
        """End a part, which is as short as a part of the fake may be."""
        if self._rest and (last or len(self._rest) >= self._store.shortest):
            self._send(len(self._rest))
        if self._rest or not self._sent:
            return None
        return [_done(part) for part in self._sent]

    def parts(self) -> tuple[Part, ...]:
        """What was sent."""
        return tuple(self._sent)

    def holds(self) -> int | None:
        """Say how many parts are as they were sent."""
        self._store.asked.note("holds", self._key)
        if self._store.unfinished.get(self.upload_id or "") != self._key:
            return None
        sent = self._store.parts[self.upload_id or ""]
        whole = takewhile(
            lambda part: _part(part.number, sent.get(part.number, b"")) == part, self._sent
        )
        return sum(1 for _ in whole)

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
                self.stored = self._store.store(self._key, replace(self._kept, body=self._whole()))
        finally:
            if self.stored is not None or not self.kept:
                self._store.unfinished.pop(self.upload_id or "", None)

    def _send(self, size: int) -> None:
        if self.upload_id is None:
            self.upload_id = f"upload-{next(self._store.numbers)}"
            self._store.unfinished[self.upload_id] = self._key
            self._store.parts[self.upload_id] = {}
        self._store.asked.note("write", self._key)
        if self.upload_id not in self._store.unfinished:
            raise Refused("S3_REFUSED", "upload a part")
        number, part = len(self._sent) + 1, self._rest[:size]
        self._rest = self._rest[size:]
        self._store.parts[self.upload_id][number] = part
        self._sent.append(_part(number, part))

    def _whole(self) -> bytes:
        if self.upload_id is None:
            return self._rest
        if self._rest:
            self._send(len(self._rest))
        if self.holds() != len(self._sent):
            raise Refused("S3_REFUSED", "complete an upload")
        sent = self._store.parts[self.upload_id]
        return b"".join(sent[part.number] for part in self._sent)


def _part(number: int, data: bytes) -> Part:
    digest = hashlib.sha256(data)
    return Part(number=number, etag=digest.hexdigest(), digest=digest.digest(), bytes=len(data))


def _done(part: Part) -> "Future[Part]":
    done: Future[Part] = Future()
    done.set_result(part)
    return done


def _described(key: str, body: bytes, part_bytes: int) -> StoredObject:
    digest = hashlib.sha256(body).hexdigest()
    whole = None if len(body) >= part_bytes else digest
    return StoredObject(key=key, bytes=len(body), sha256=whole, etag=digest[:32])
