"""moto's S3 with its objects on disk instead of in memory.

Everything S3 knows how to do stays moto's; here is only where bytes are held, and which objects
a request has changed. moto has no hook for either, hence the looks into one private field of its
keys, all of them in this module.
"""

import base64
import binascii
import hashlib
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML, NoSuchUpload
from moto.s3.models import FakeKey, FakeMultipart, S3Backend, s3_backends
from moto.s3.utils import compute_checksum
from requests.structures import CaseInsensitiveDict

from export_platform.local.s3.vault import Description, StoredBody, Vault

_PARTITION = "aws"
_BLOCK = 256 * 1024
_SMALLEST_PART = 5 * 1024 * 1024  # all but the last part (S3 quotas)


class _Buffer(Protocol):
    """What moto asks of the buffer of a key."""

    def seek(self, position: int, /) -> object: ...
    def read(self, size: int = -1, /) -> Any: ...
    def close(self) -> None: ...


def _buffer(key: FakeKey) -> _Buffer:
    buffer: _Buffer = key._value_buffer  # noqa: SLF001 - moto has no hook
    return buffer


class DiskBackend(S3Backend):
    """moto's backend, keeping bodies in a vault and noting what was touched.

    Args:
        vault: Where objects are kept; everything in it is loaded.
    """

    def __init__(self, vault: Vault) -> None:
        super().__init__(_PARTITION, DEFAULT_ACCOUNT_ID)
        self._vault = vault
        self._touched: set[tuple[str, str | None]] = set()

    def load(self) -> None:
        """Takes over all buckets and objects of the vault."""
        for bucket in self._vault.buckets():
            super().create_bucket(bucket, "us-east-1")
        for description in self._vault.load():
            self._restore(description)
        self._touched.clear()

    def settle(self) -> None:
        """Brings the vault in line with everything touched since the last call."""
        while self._touched:
            bucket, name = self._touched.pop()
            if name is not None:
                self._settle_object(bucket, name)
            elif bucket in self.buckets:
                self._vault.keep_bucket(bucket)
            else:
                self._vault.drop_bucket(bucket)

    def create_bucket(self, bucket_name: str, *arguments: Any, **named: Any) -> Any:  # noqa: D102 - as in moto
        self._touched.add((bucket_name, None))
        return super().create_bucket(bucket_name, *arguments, **named)

    def delete_bucket(self, bucket_name: str) -> Any:  # noqa: D102 - as in moto
        self._touched.add((bucket_name, None))
        return super().delete_bucket(bucket_name)

    def put_object(self, bucket_name: str, key_name: str, *arguments: Any, **named: Any) -> FakeKey:  # noqa: D102 - as in moto
        self._touched.add((bucket_name, key_name))
        return super().put_object(bucket_name, key_name, *arguments, **named)

    def delete_object(self, bucket_name: str, key_name: str, *arguments: Any, **named: Any) -> Any:  # noqa: D102 - as in moto
        self._touched.add((bucket_name, key_name))
        return super().delete_object(bucket_name, key_name, *arguments, **named)

    def complete_multipart_upload(
        self, bucket_name: str, multipart_id: str, body: Iterator[tuple[int, str]]
    ) -> FakeKey:
        """Joins the parts in a file; moto would hold the object three times in memory."""
        bucket = self.get_bucket(bucket_name)
        upload = bucket.multiparts.get(multipart_id)
        if upload is None:
            raise NoSuchUpload(upload_id=multipart_id)
        parts = _listed(upload, body)
        path = self._vault.new_body()
        with path.open("wb") as joined:
            for part in parts:
                _copy(part, joined)
        key = self.put_object(
            bucket_name,
            upload.key_name,
            b"",
            storage=upload.storage,
            etag=_joined_etag(parts),
            multipart=upload,
        )
        _attach(key, path)
        key.set_metadata(upload.metadata)
        _set_checksum(key, upload, parts)
        del bucket.multiparts[multipart_id]  # disposes of the parts
        upload.parts.clear()
        return key

    def _settle_object(self, bucket: str, name: str) -> None:
        key = self.buckets[bucket].keys.get(name) if bucket in self.buckets else None
        if not isinstance(key, FakeKey):
            self._vault.drop(bucket, name)
            return
        buffer = _buffer(key)
        if not isinstance(buffer, StoredBody):
            path = self._vault.new_body()
            with path.open("wb") as file:
                _copy(key, file)
            _attach(key, path)
            buffer.close()
        self._vault.keep(_describe(key, bucket))

    def _restore(self, description: Description) -> None:
        key = super().put_object(
            description.bucket,
            description.key,
            b"",
            storage=description.storage_class,
            etag=description.etag,
            checksum_value=description.checksum_value,
            disable_notification=True,
        )
        _attach(key, self._vault.body(description))
        key.last_modified = datetime.fromisoformat(description.last_modified)
        key.set_metadata(dict(description.metadata), replace=True)
        key.checksum_algorithm = description.checksum_algorithm
        key.checksum_type = description.checksum_type
        key.checksum_parts = description.checksum_parts
        if description.upload_id is not None:
            upload = FakeMultipart(
                description.key, CaseInsensitiveDict(), self.account_id, self.region_name
            )
            upload.id = description.upload_id
            key.multipart = upload


def install(vault: Vault) -> DiskBackend:
    """Makes a backend over the vault the one that moto's server answers from."""
    backend = DiskBackend(vault)
    s3_backends[DEFAULT_ACCOUNT_ID][_PARTITION] = backend
    backend.load()
    return backend


def _copy(key: FakeKey, target: BinaryIO) -> None:
    buffer = _buffer(key)
    buffer.seek(0)
    shutil.copyfileobj(buffer, target, _BLOCK)


def _attach(key: FakeKey, path: Path) -> None:
    key.etag  # noqa: B018 - computed from the old buffer and remembered, if it was not given
    with key.lock:
        key._value_buffer = cast("Any", StoredBody(path))  # noqa: SLF001 - moto has no hook
        key.contentsize = path.stat().st_size


def _describe(key: FakeKey, bucket: str) -> Description:
    return Description(
        bucket=bucket,
        key=key.name,
        body=cast("StoredBody", _buffer(key)).path.name,
        size=key.size,
        etag=key.etag.strip('"'),
        last_modified=key.last_modified.isoformat(),
        storage_class=key.storage_class or "STANDARD",
        metadata=dict(key.metadata),
        checksum_algorithm=key.checksum_algorithm,
        checksum_value=key.checksum_value,
        checksum_type=key.checksum_type,
        checksum_parts=key.checksum_parts,
        upload_id=key.multipart.id if key.multipart else None,
    )


def _listed(upload: FakeMultipart, body: Iterator[tuple[int, str]]) -> list[FakeKey]:
    """The parts in the order of the request, checked against their ETags and the smallest size."""
    parts = []
    for number, etag in body:
        part = upload.parts.get(number)
        if part is None or part.etag.strip('"') != etag.strip('"'):
            raise InvalidPart
        parts.append(part)
    if not parts:
        raise MalformedXML
    if any(part.contentsize < _SMALLEST_PART for part in parts[:-1]):
        raise EntityTooSmall
    return parts


def _joined_etag(parts: list[FakeKey]) -> str:
    digests = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _set_checksum(key: FakeKey, upload: FakeMultipart, parts: list[FakeKey]) -> None:
    """COMPOSITE for any algorithm, FULL_OBJECT for CRC32; other full-object CRCs are left out."""
    algorithm = upload.metadata.get("x-amz-checksum-algorithm")
    kind = upload.metadata.get("x-amz-checksum-type") or "COMPOSITE"
    if algorithm is None or (kind == "FULL_OBJECT" and algorithm != "CRC32"):
        return
    key.checksum_algorithm, key.checksum_type = algorithm, kind
    if kind == "COMPOSITE":
        digests = b"".join(compute_checksum(p.value, algorithm, encode_base64=False) for p in parts)
        key.checksum_value = compute_checksum(digests, algorithm).decode()
        key.checksum_parts = len(parts)
    else:
        value = 0
        for part in parts:
            value = binascii.crc32(part.value, value)
        key.checksum_value = base64.b64encode(value.to_bytes(4, "big")).decode()
        key.checksum_parts = 1
