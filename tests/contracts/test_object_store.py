"""The object store: in memory and on the server."""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
import requests

from resources.object_store import MIN_PART_BYTES, ObjectStore
from tests.contracts.object_store import CSV, ObjectStoreContract
from tests.fakes.object_store import FakeObjectStore


class TestFake(ObjectStoreContract):
    """The fake."""

    @pytest.fixture
    def store(self) -> FakeObjectStore:
        """An empty store with tiny parts."""
        return FakeObjectStore(part_bytes=64)

    @pytest.fixture
    def folder(self) -> str:
        """The store is empty, so any prefix will do."""
        return "exports/test/"

    @pytest.fixture
    def large(self) -> bytes:
        """Three parts and a bit."""
        return os.urandom(3 * 64 + 17)

    @pytest.fixture
    def unfinished(self, store: FakeObjectStore) -> Callable[[], int]:
        """The fake keeps a list."""
        return lambda: len(store.unfinished)


class TestServer(ObjectStoreContract):
    """The real process."""

    @pytest.fixture
    def store(self, object_store: ObjectStore) -> ObjectStore:
        """The shared bucket."""
        return object_store

    @pytest.fixture
    def folder(self, object_store: ObjectStore) -> Iterator[str]:
        """A prefix of this test, of which nothing is left."""
        folder = f"exports/test/{uuid.uuid4().hex}/"
        yield folder
        object_store.remove(folder)

    @pytest.fixture
    def large(self) -> bytes:
        """Three parts and a bit."""
        return os.urandom(3 * MIN_PART_BYTES + 17)

    @pytest.fixture
    def s3(self, stack: Mapping[str, str]) -> Any:
        """A client beside the door."""
        return boto3.client("s3", endpoint_url=stack["AWS_ENDPOINT_URL_S3"] or None)

    @pytest.fixture
    def bucket(self, stack: Mapping[str, str]) -> str:
        """Of the exports."""
        return stack["EXPORTS_BUCKET"]

    @pytest.fixture
    def unfinished(self, s3: Any, bucket: str, folder: str) -> Callable[[], int]:
        """The server is asked, not the door."""

        def unfinished() -> int:
            answer = s3.list_multipart_uploads(Bucket=bucket, Prefix=folder)
            return len(answer.get("Uploads", []))

        return unfinished

    def test_a_link_downloads_the_file_without_credentials(
        self, store: ObjectStore, folder: str
    ) -> None:
        """What the person who clicks gets: the bytes, as a file, not to be cached."""
        store.put(folder + "a", b"a;b\r\n", media_type=CSV)

        link = store.sign(folder + "a", seconds=60, filename="list of fans.csv")
        answer = requests.get(link, timeout=10)
        other = requests.get(link.replace("/a?", "/b?"), timeout=10)

        assert answer.content == b"a;b\r\n"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="list_of_fans.csv"'
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["Content-Type"] == CSV
        assert other.status_code == 403

    def test_media_type_and_metadata_are_stored(
        self, store: ObjectStore, folder: str, s3: Any, bucket: str, large: bytes
    ) -> None:
        """The bucket can be read without our documents: each object says what it is."""
        with store.upload(folder + "small", media_type=CSV, metadata={"export": "x"}) as upload:
            upload.write(b"a")
        with store.upload(folder + "large", media_type=CSV, metadata={"export": "x"}) as upload:
            upload.write(large)

        for name in ("small", "large"):
            described = s3.head_object(Bucket=bucket, Key=folder + name)
            assert described["ContentType"] == CSV
            assert described["Metadata"]["export"] == "x"
