"""Bring confirmed files to another key: whole or not there, and never in place of another."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from assets.delivery.contract import Watch
from assets.model.failure import ExportFailed
from assets.model.manifest import FileEntry
from resources.errors import AlreadyExists
from resources.object_store import ObjectStore


class Place(Protocol):
    """Where bytes go: another key of the bucket, or another bucket."""

    def store(self, pieces: Iterable[bytes]) -> None:
        """Store them as one object; an exception on the way leaves none behind.

        Raises:
            AlreadyExists: Something is there; it was not touched.
        """

    def read(self) -> Iterable[bytes]:
        """What is there."""


def stored_once(pieces: Iterable[bytes], sha256: str, place: Place, watch: Watch) -> bool:
    """Store an object; if the same is there already, nothing happens.

    Returns:
        False where something else is there, which was not touched.

    Raises:
        ExportFailed: `FILE_NOT_AS_WRITTEN`.
        DoorError: A store failed.
    """
    watch.advance()
    try:
        place.store(pieces)
    except AlreadyExists:
        return digest(place.read()) == sha256
    return True


def pieces_of(entries: Sequence[FileEntry], source: ObjectStore) -> Iterator[bytes]:
    """The bytes of files one after the other, as they were confirmed.

    Raises:
        ExportFailed: `FILE_NOT_AS_WRITTEN`, after the last byte of the file that is not; it ends
            an upload before its object appears.
    """
    for entry in entries:
        hashed = hashlib.sha256()
        for piece in source.read(entry.key):
            hashed.update(piece)
            yield piece
        if hashed.hexdigest() != entry.sha256:
            message = f"file {entry.number} is not stored as it was written"
            raise ExportFailed("FILE_NOT_AS_WRITTEN", message, retryable=True)


def digest(pieces: Iterable[bytes]) -> str:
    """SHA-256 of bytes, hex."""
    hashed = hashlib.sha256()
    for piece in pieces:
        hashed.update(piece)
    return hashed.hexdigest()
