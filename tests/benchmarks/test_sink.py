"""The S3 endpoint that only keeps what it is sent: our own door writes to it and reads it back."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from benchmarks.sink import LOOPBACK, Shelf, server
from resources.errors import AlreadyExists
from resources.object_store import MIN_PART_BYTES, ObjectStore

CSV = "text/csv"


@pytest.fixture
def shelf() -> Shelf:
    """What it keeps."""
    return Shelf(64 << 20)


@pytest.fixture
def endpoint(shelf: Shelf) -> Iterator[str]:
    """Where it listens."""
    with server(shelf) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://{LOOPBACK}:{listening.server_address[1]}"
        listening.shutdown()
        thread.join()


@pytest.fixture
def store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """Our door to it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "benchmark")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "benchmark")
    store = ObjectStore(bucket="exports", endpoint_url=endpoint, part_bytes=MIN_PART_BYTES)
    yield store
    store.close()


@pytest.mark.parametrize("size", [0, 5, MIN_PART_BYTES, 3 * MIN_PART_BYTES + 17])
def test_what_was_uploaded_is_read_back(
    store: ObjectStore, shelf: Shelf, tmp_path: Path, size: int
) -> None:
    """Small ones whole, large ones in parts that arrive in any order; one file at the end."""
    body = os.urandom(size)
    with store.upload("a/b.csv", media_type=CSV) as upload:
        upload.write(body)
    found = store.head("a/b.csv")

    assert found is not None
    assert found.bytes == size
    assert b"".join(store.read("a/b.csv")) == body
    assert list(store.keys("a/")) == ["a/b.csv"]
    shelf.store(tmp_path)
    assert (tmp_path / "exports/a/b.csv").read_bytes() == body


def test_nothing_is_replaced(store: ObjectStore) -> None:
    """The pipeline relies on it, so it is part of what is measured."""
    store.put("small", b"first", media_type=CSV)
    with store.upload("large", media_type=CSV) as upload:
        upload.write(bytes(2 * MIN_PART_BYTES))

    with pytest.raises(AlreadyExists):
        store.put("small", b"second", media_type=CSV)
    with pytest.raises(AlreadyExists), store.upload("large", media_type=CSV) as late:
        late.write(bytes(2 * MIN_PART_BYTES + 1))
    assert b"".join(store.read("small")) == b"first"
    assert sum(map(len, store.read("large"))) == 2 * MIN_PART_BYTES


def test_an_upload_that_is_left_leaves_nothing(
    store: ObjectStore, shelf: Shelf, tmp_path: Path
) -> None:
    """The door aborts it; its parts would be compared with whole files."""
    with pytest.raises(ConnectionError), store.upload("large", media_type=CSV) as upload:
        _fail_after(upload.write, bytes(2 * MIN_PART_BYTES))

    assert store.head("large") is None
    assert list(store.keys("")) == []
    shelf.store(tmp_path)
    assert list(tmp_path.iterdir()) == []


def _fail_after(write: object, data: bytes) -> None:
    assert callable(write)
    write(data)
    raise ConnectionError


def test_a_key_does_not_leave_its_folder(endpoint: str, shelf: Shelf, tmp_path: Path) -> None:
    """It asks for no password."""
    session = requests.Session()
    request = requests.Request("PUT", f"{endpoint}/exports/x", data=b"1").prepare()
    request.url = f"{endpoint}/exports/%2e%2e/%2e%2e/outside"
    assert session.send(request, timeout=5).ok

    with pytest.raises(ValueError, match="does not leave"):
        shelf.store(tmp_path)

    assert not (tmp_path.parent / "outside").exists()


def test_who_sends_more_than_there_is_room_for_is_told(
    endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rather than a file that lacks its end."""
    with pytest.raises(requests.ConnectionError):
        requests.put(f"{endpoint}/exports/x", data=bytes(65 << 20), timeout=5)

    assert "--room" in capsys.readouterr().err
