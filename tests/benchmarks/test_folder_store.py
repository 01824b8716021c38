"""The folder that stands for a store which costs nothing keeps what the pipeline relies on."""

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.folder_store import FolderStore
from resources.errors import AlreadyExists, Refused

CSV = "text/csv"


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    """The pipeline confirms each file by its bytes."""
    store = FolderStore(tmp_path)
    with store.upload("a/b.csv", media_type=CSV) as upload:
        upload.write(b"one;")
        upload.write(b"two")
        assert store.head("a/b.csv") is None
    found = store.head("a/b.csv")

    assert b"".join(store.read("a/b.csv")) == b"one;two"
    assert found is not None
    assert (found.bytes, found.sha256) == (7, hashlib.sha256(b"one;two").hexdigest())
    assert list(store.keys("a/")) == ["a/b.csv"]


def test_an_upload_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Half a file would be compared with whole ones."""
    store = FolderStore(tmp_path)
    with (
        suppress(ConnectionError),
        store.upload("a.csv", media_type=CSV) as upload,
    ):
        upload.write(b"one")
        raise ConnectionError

    assert list(store.keys("")) == []
    with pytest.raises(Refused):
        list(store.read("a.csv"))


def test_nothing_is_replaced_until_it_is_removed(tmp_path: Path) -> None:
    """As in the real store, so that a benchmark cannot write over its last result."""
    store = FolderStore(tmp_path)
    store.put("a/1", b"first", media_type=CSV)

    with pytest.raises(AlreadyExists):
        store.put("a/1", b"second", media_type=CSV)

    assert b"".join(store.read("a/1")) == b"first"
    assert store.remove("a/") == 1
    assert store.put("a/1", b"second", media_type=CSV).bytes == 6
