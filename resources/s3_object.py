"""One key of one bucket: the calls that write, describe and read it.

Every write is conditional (``If-None-Match: *``), so nothing is ever replaced, and carries a
SHA-256 that the server verifies. When the answer of a write is lost, the object itself is asked
whether the write happened.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from resources.aws import answer_of, aws_errors, botocore_errors, classify, may_have_happened
from resources.errors import Unavailable
from resources.part_buffers import Body

READ_BYTES = 1024 * 1024
NOT_FOUND = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object as it lies in the store.

    Attributes:
        key: Its key in the bucket.
        bytes: Its size.
        sha256: Digest of the whole body in hex; None when the store does not know it, as after an
            upload in parts.
        etag: The server's own tag, without quotes.
    """

    key: str
    bytes: int
    sha256: str | None
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of an upload that the store has acknowledged.

    Attributes:
        number: Its place, from 1.
        etag: The server's own tag, as it came.
        digest: SHA-256 of its bytes.
        bytes: Its size.
    """

    number: int
    etag: str
    digest: bytes
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A body to read: its size and the tag that says it is still the same."""

    bytes: int
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Object:
    """A key, and what gives the client to reach it."""

    connect: Callable[[], Any] = field(repr=False)
    bucket: str
    key: str

    def put(self, body: bytes, described: Mapping[str, Any]) -> StoredObject:
        """Store the whole body, with its digest as metadata.

        Raises:
            AlreadyExists: The key is taken.
            Unavailable: The store did not confirm.
        """
        digest = hashlib.sha256(body)
        metadata = {**described.get("Metadata", {}), "sha256": digest.hexdigest()}
        try:
            answer = self.client.put_object(
                **self._named(),
                **{**described, "Metadata": metadata},
                Body=body,
                IfNoneMatch="*",
                ChecksumSHA256=_base64(digest.digest()),
            )
        except botocore_errors() as error:
            found = self.head() if may_have_happened(error) else None
            if found is None or found.sha256 != digest.hexdigest():
                raise classify(error, "S3", "store an object") from None
            return found
        return StoredObject(
            key=self.key, bytes=len(body), sha256=digest.hexdigest(), etag=_tag(answer)
        )

    def start(self, described: Mapping[str, Any]) -> str:
        """Start an upload in parts and return the server's name of it."""
        with aws_errors("S3", "start an upload"):
            answer = self.client.create_multipart_upload(
                **self._named(), **described, ChecksumAlgorithm="SHA256"
            )
        return str(answer["UploadId"])

    def send(self, upload_id: str, number: int, body: Body) -> Part:
        """Send one part.

        Args:
            upload_id: The server's name of the upload.
            number: Of the part, from 1.
            body: Its bytes.
        """
        digest = body.sha256()
        with aws_errors("S3", "upload a part"):
            answer = self.client.upload_part(
                **self._named(),
                UploadId=upload_id,
                PartNumber=number,
                Body=body,
                ChecksumSHA256=_base64(digest),
            )
        return Part(number=number, etag=str(answer["ETag"]), digest=digest, bytes=len(body))

    def holds(self, upload_id: str, parts: Sequence[Part]) -> int | None:
        """Say how many of these parts, from the first, the store still has as they were sent.

        Args:
            upload_id: The server's name of the upload.
            parts: In order.

        Returns:
            None when there is no such upload.

        Raises:
            Unavailable: The store did not answer well.
        """
        try:
            pages = self.client.get_paginator("list_parts").paginate(
                **self._named(), UploadId=upload_id
            )
            found = {one["PartNumber"]: one for page in pages for one in page.get("Parts", ())}
        except botocore_errors() as error:
            if _status(error) == NOT_FOUND:
                return None
            raise classify(error, "S3", "list the parts of an upload") from None
        whole = takewhile(lambda part: _is_part(found.get(part.number), part), parts)
        return sum(1 for _ in whole)

    def complete(self, upload_id: str, parts: Sequence[Part], size: int) -> str:
        """Make the object of its parts and return its tag.

        Raises:
            AlreadyExists: The key is taken.
            Unavailable: The store did not confirm, or made another object of them.
        """
        checksum = composite(parts)
        listed = [
            {"PartNumber": one.number, "ETag": one.etag, "ChecksumSHA256": _base64(one.digest)}
            for one in parts
        ]
        try:
            answer = self.client.complete_multipart_upload(
                **self._named(),
                UploadId=upload_id,
                MultipartUpload={"Parts": listed},
                MpuObjectSize=size,
                IfNoneMatch="*",
            )
        except botocore_errors() as error:
            described = self._described() if may_have_happened(error) else None
            if described is None or not _is_made_of(described, parts, size):
                raise classify(error, "S3", "complete an upload") from None
            return _tag(described)
        if not _same(answer.get("ChecksumSHA256", checksum), checksum):
            raise Unavailable("S3_CORRUPT", "complete an upload")
        return _tag(answer)

    def abort(self, upload_id: str) -> None:
        """Forget an upload and its parts; one that is already gone is fine."""
        try:
            self.client.abort_multipart_upload(**self._named(), UploadId=upload_id)
        except botocore_errors() as error:
            if _status(error) != NOT_FOUND:
                raise classify(error, "S3", "abort an upload") from None

    def head(self) -> StoredObject | None:
        """Return what the store says of the object, or None when there is none."""
        described = self._described()
        if described is None:
            return None
        return StoredObject(
            key=self.key,
            bytes=int(described["ContentLength"]),
            sha256=_whole_digest(described),
            etag=_tag(described),
        )

    def body(self, start: int, expected: Version | None) -> tuple[Version, Iterator[bytes]]:
        """Open the body at a position.

        Args:
            start: First byte to give.
            expected: What an earlier request opened; the object must still be it.

        Returns:
            What is being read, and its bytes in pieces of at most ``READ_BYTES``; these may raise
            Unavailable.

        Raises:
            Refused: There is no such object, or it is another one now.
        """
        wanted: dict[str, str] = self._named()
        if expected is not None:
            wanted |= {"Range": f"bytes={start}-", "IfMatch": expected.etag}
        with aws_errors("S3", "read an object"):
            answer = self.client.get_object(**wanted)
        version = expected or Version(bytes=int(answer["ContentLength"]), etag=_tag(answer))
        return version, _pieces(answer["Body"])

    @property
    def client(self) -> Any:
        """The client, opened by now."""
        return self.connect()

    def _described(self) -> Any:
        try:
            return self.client.head_object(**self._named(), ChecksumMode="ENABLED")
        except botocore_errors() as error:
            if _status(error) == NOT_FOUND:
                return None
            raise classify(error, "S3", "describe an object") from None

    def _named(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.key}


def composite(parts: Sequence[Part]) -> str:
    """Return the checksum that S3 gives an object made of parts: digest of digests, and count."""
    whole = hashlib.sha256(b"".join(part.digest for part in parts)).digest()
    return f"{_base64(whole)}-{len(parts)}"


def _is_made_of(described: Any, parts: Sequence[Part], size: int) -> bool:
    if described["ContentLength"] != size:
        return False
    if "ChecksumSHA256" in described:
        return _same(described["ChecksumSHA256"], composite(parts))
    # A server that keeps no checksums still tags an object of parts by the MD5 of their MD5s.
    tags = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
    digest = hashlib.md5(tags, usedforsecurity=False).hexdigest()
    return _tag(described) == f"{digest}-{len(parts)}"


def _is_part(listed: Any, part: Part) -> bool:
    if listed is None or listed["Size"] != part.bytes:
        return False
    # A server that keeps no checksums still tags a part by its content.
    checksum = listed.get("ChecksumSHA256", _base64(part.digest))
    return bool(checksum == _base64(part.digest) and listed["ETag"] == part.etag)


def _whole_digest(described: Any) -> str | None:
    noted = described.get("Metadata", {}).get("sha256")
    if noted:
        return str(noted)
    checksum = described.get("ChecksumSHA256")
    # An object of parts has a digest of digests, which not every server marks; its tag always is.
    if checksum is None or "-" in checksum or "-" in _tag(described):
        return None
    return b64decode(checksum).hex()


def _same(given: str, expected: str) -> bool:
    # Some servers leave out the count of parts at the end.
    return given in {expected, expected.partition("-")[0]}


def _pieces(body: Any) -> Iterator[bytes]:
    try:
        while True:
            with aws_errors("S3", "read an object"):
                piece = body.read(READ_BYTES)
            if not piece:
                return
            yield piece
    finally:
        body.close()


def _status(error: Exception) -> int:
    return int((answer_of(error) or {}).get("HTTPStatusCode", 0))


def _tag(answer: Any) -> str:
    return str(answer["ETag"]).strip('"')


def _base64(digest: bytes) -> str:
    return b64encode(digest).decode()
