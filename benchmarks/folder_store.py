"""The object store as a folder: what is left of an export when the store costs nothing.

The pipeline reads each file back to confirm it, so nothing can be thrown away; a file that was just
written is read from the page cache.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from resources.errors import AlreadyExists, Refused
from resources.object_store import IN_FLIGHT, PART_BYTES, ObjectStore, Sent, Upload
from resources.s3_object import READ_BYTES, S3Object, StoredObject


class FolderStore(ObjectStore):
    """One bucket.

    Args:
        folder: Where its objects lie, by their keys.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(bucket=folder.name)
        self.folder = folder

    def upload(
        self,
        key: str,
        *,
        media_type: str,  # noqa: ARG002 - the door's
        metadata: Mapping[str, str] | None = None,  # noqa: ARG002
        behind: Sent | None = None,  # noqa: ARG002
    ) -> "FolderUpload":
        """Return an upload; what describes it is forgotten."""
        return FolderUpload(self.folder, key)

    def put(self, key: str, body: bytes, *, media_type: str) -> StoredObject:
        """Store a small object whole."""
        with self.upload(key, media_type=media_type) as upload:
            upload.write(body)
        return _described(self.folder, key)

    def head(self, key: str) -> StoredObject | None:
        """Describe an object, or None when there is none."""
        return _described(self.folder, key) if (self.folder / key).is_file() else None

    def read(self, key: str) -> Iterator[bytes]:
        """Give the bytes in pieces of at most 1 MiB.

        Raises:
            Refused: There is no such object.
        """
        if not (self.folder / key).is_file():
            raise Refused("S3_MISSING", "read an object")
        with (self.folder / key).open("rb") as file:
            while piece := file.read(READ_BYTES):
                yield piece

    def keys(self, prefix: str, *, unfinished: bool = False) -> Iterator[str]:  # noqa: ARG002 - a folder has none
        """Give the keys under a prefix, in order."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        keys = sorted(path.relative_to(self.folder).as_posix() for path in found)
        yield from (key for key in keys if key.startswith(prefix))

    def remove(self, prefix: str, *, but: Collection[str] = ()) -> int:
        """Remove what lies under a prefix."""
        found = [key for key in self.keys(prefix) if key not in but]
        for key in found:
            (self.folder / key).unlink()
        return len(found)


class FolderUpload(Upload):
    """One upload: a file that gets its name at the end."""

    def __init__(self, folder: Path, key: str) -> None:
        there = S3Object(connect=lambda: None, bucket=folder.name, key=key)
        super().__init__(there, {}, PART_BYTES, IN_FLIGHT)
        self._folder, self._key = folder, key
        self._half = (folder / key).with_suffix(".half")
        self._half.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = self._half.open("wb", buffering=1 << 20)

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._file.write(data)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the file its name; remove it when the block failed.

        Raises:
            AlreadyExists: The key is taken.
        """
        self._file.close()
        place = self._folder / self._key
        if kind is None and not place.exists():
            self._half.rename(place)
            return
        self._half.unlink()
        if kind is None:
            raise AlreadyExists("S3_EXISTS", "store an object")


def _described(folder: Path, key: str) -> StoredObject:
    body = (folder / key).read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    return StoredObject(key=key, bytes=len(body), sha256=digest, etag=digest[:32])
