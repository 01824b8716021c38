"""Objects on disk: what was acknowledged survives the end of the process, however it ends.

One object is two files: the body under a name of its own, and a description that is written last,
by rename, and names the body. The rename is the commit. Nothing is flushed to the platter: the
promise is about a killed process, not about a power cut.
"""

import hashlib
import json
import mmap
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

_BLOCK = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """All that S3 says about an object besides its bytes."""

    bucket: str
    key: str
    body: str
    size: int
    etag: str
    last_modified: str
    storage_class: str
    metadata: dict[str, str] = field(default_factory=dict)
    checksum_algorithm: str | None = None
    checksum_value: str | None = None
    checksum_type: str | None = None
    checksum_parts: int | None = None
    upload_id: str | None = None


class FileView(mmap.mmap):
    """The bytes of a file without a copy: a range costs its length, the whole costs one block."""

    def __copy__(self) -> Self:
        return self

    def __iter__(self) -> Iterator[bytes]:  # type: ignore[override]  # blocks, for WSGI
        for start in range(0, len(self), _BLOCK):
            yield self[start : start + _BLOCK]


class StoredBody:
    """Stands in for the buffer of a moto key: opened for each read, so it holds no descriptor."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def seek(self, _position: int) -> None:
        """Every read starts at the beginning, which is all moto asks for."""

    def read(self) -> bytes | FileView:
        """The whole body, as a view."""
        if self.path.stat().st_size == 0:
            return b""  # an empty file cannot be mapped
        with self.path.open("rb") as file:
            return FileView(file.fileno(), 0, access=mmap.ACCESS_READ)

    def close(self) -> None:
        """Nothing is held."""


class Vault:
    """The folder of buckets and objects.

    Args:
        directory: Created when missing; bodies without a description are removed from it.
    """

    def __init__(self, directory: Path) -> None:
        self._buckets = directory / "buckets"
        self._bodies = directory / "bodies"
        self._descriptions = directory / "descriptions"
        for folder in (self._buckets, self._bodies, self._descriptions):
            folder.mkdir(parents=True, exist_ok=True)

    def new_body(self) -> Path:
        """A path nobody uses, for a body that is not committed yet."""
        return self._bodies / uuid.uuid4().hex

    def body(self, description: Description) -> Path:
        """Where the bytes of an object are."""
        return self._bodies / description.body

    def keep(self, description: Description) -> None:
        """Commits an object whose body is written; the body it replaces is removed afterwards."""
        path = self._description(description.bucket, description.key)
        replaced = _read(path)
        fresh = path.with_suffix(".tmp")
        fresh.write_text(json.dumps(asdict(description)), "utf-8")
        fresh.replace(path)
        if replaced is not None and replaced.body != description.body:
            self.body(replaced).unlink(missing_ok=True)

    def drop(self, bucket: str, key: str) -> None:
        """Removes an object; nothing happens when there is none."""
        path = self._description(bucket, key)
        stored = _read(path)
        if stored is not None:
            path.unlink()
            self.body(stored).unlink(missing_ok=True)

    def keep_bucket(self, bucket: str) -> None:
        """Remembers a bucket."""
        (self._buckets / bucket).touch()

    def drop_bucket(self, bucket: str) -> None:
        """Forgets a bucket, which S3 lets go only when it is empty."""
        (self._buckets / bucket).unlink(missing_ok=True)

    def buckets(self) -> list[str]:
        """The names of all buckets."""
        return sorted(path.name for path in self._buckets.iterdir())

    def load(self) -> list[Description]:
        """All committed objects; what an ended process left half done is removed."""
        for path in self._descriptions.glob("*.tmp"):
            path.unlink()
        kept = [found for p in self._descriptions.glob("*.json") if (found := _read(p)) is not None]
        known = {description.body for description in kept}
        for path in self._bodies.iterdir():
            if path.name not in known:
                path.unlink()
        return kept

    def _description(self, bucket: str, key: str) -> Path:
        # A key may be 1,024 bytes long and hold any character; a file name may not.
        digest = hashlib.sha256(f"{bucket}/{key}".encode()).hexdigest()
        return self._descriptions / f"{digest}.json"


def _read(path: Path) -> Description | None:
    try:
        return Description(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
