"""Objects: digests are compared, conditions hold under a race, parts become one object or none."""

import base64
import hashlib
import threading
import uuid
import zlib
from collections.abc import Mapping
from typing import Any

import pytest
import requests
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

PART = 5 * 1024 * 1024


@pytest.fixture
def key() -> str:
    """A key nobody else uses."""
    return f"tests/{uuid.uuid4().hex}"


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """S3's error code."""
    return str(error.value.response["Error"]["Code"])


def sha256(body: bytes) -> str:
    """The checksum as S3 writes it."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


@pytest.mark.parametrize(
    "promised",
    [
        {"ChecksumSHA256": sha256(b"other")},
        {"ChecksumCRC32": base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()},
        {"ContentMD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()},  # noqa: S324
    ],
)
def test_a_body_that_is_not_what_was_promised_is_refused(
    s3: Any, key: str, promised: Mapping[str, str]
) -> None:
    """A bit that flipped on the way must not become a file."""
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="exports", Key=key, Body=b"body", **promised)

    assert code(caught) == "BadDigest"
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="exports", Key=key)


def test_a_good_checksum_is_kept_with_the_object(s3: Any, key: str) -> None:
    """The verifier asks S3 for the digest instead of reading the file."""
    s3.put_object(Bucket="exports", Key=key, Body=b"body", ChecksumSHA256=sha256(b"body"))

    head = s3.head_object(Bucket="exports", Key=key, ChecksumMode="ENABLED")

    assert head["ChecksumSHA256"] == sha256(b"body")


class StreamingSigner(S3SigV4QueryAuth):
    """Signs the name of the streaming payload, as SDKs do for aws-chunked bodies."""

    def payload(self, request: Any) -> str:
        """The name instead of a digest."""
        return "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def chunked(endpoint: str, key: str, body: bytes, checksum: str) -> int:
    """A PUT as SDKs send a stream: chunks, then the checksum as a trailer; its status."""
    half = len(body) // 2
    wire = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:half], body[half:]))
    wire += b"0\r\nx-amz-checksum-sha256:%s\r\n\r\n" % checksum.encode()
    headers = {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Trailer": "x-amz-checksum-sha256",
        "X-Amz-Decoded-Content-Length": str(len(body)),
        "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }
    request = AWSRequest("PUT", f"{endpoint}/exports/{key}", headers=headers)
    StreamingSigner(Credentials("local", "local-secret"), "s3", "us-east-1").add_auth(request)
    return requests.put(str(request.url), data=wire, headers=headers, timeout=5).status_code


def test_a_streamed_body_is_unwrapped_and_compared_with_its_trailer(
    stack: Mapping[str, str], s3: Any, key: str
) -> None:
    """Chunk marks must not end up in a file, and a wrong trailer must not pass."""
    body = b"0123456789" * 1000
    endpoint = stack["AWS_ENDPOINT_URL_S3"]

    assert chunked(endpoint, key, body, sha256(b"other")) == 400
    assert chunked(endpoint, key, body, sha256(body)) == 200
    assert s3.get_object(Bucket="exports", Key=key)["Body"].read() == body


def test_of_two_conditional_puts_one_wins(s3: Any, key: str) -> None:
    """Two workers with one key: this is the last fence in front of a finished file."""
    outcomes: list[str] = []

    def put(number: int) -> None:
        try:
            body = str(number).encode()
            s3.put_object(Bucket="exports", Key=key, Body=body, IfNoneMatch="*")
            outcomes.append("won")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["PreconditionFailed"] * 7 + ["won"]


def upload(s3: Any, key: str, bodies: list[bytes]) -> dict[str, Any]:
    """A multipart upload, ready to be completed."""
    upload_id = s3.create_multipart_upload(
        Bucket="exports", Key=key, ChecksumAlgorithm="SHA256", Metadata={"rows": "3"}
    )["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        sent = s3.upload_part(
            Bucket="exports",
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            Body=body,
            ChecksumAlgorithm="SHA256",
        )
        parts.append(
            {
                "PartNumber": number,
                "ETag": sent["ETag"],
                "ChecksumSHA256": sent["ChecksumSHA256"],
            }
        )
    return {
        "Bucket": "exports",
        "Key": key,
        "UploadId": upload_id,
        "MultipartUpload": {"Parts": parts},
    }


def test_parts_become_one_object_at_completion_only(s3: Any, key: str) -> None:
    """A half uploaded file must be invisible; the finished one must be exact, in any range."""
    bodies = [b"a" * PART, b"b" * PART, b"end"]
    ready = upload(s3, key, bodies)
    assert "Contents" not in s3.list_objects_v2(Bucket="exports", Prefix=key)

    first = s3.complete_multipart_upload(**ready, IfNoneMatch="*")
    again = s3.complete_multipart_upload(**ready, IfNoneMatch="*")

    assert first["ETag"] == again["ETag"]  # the answer was lost, the upload is repeated
    got = s3.get_object(Bucket="exports", Key=key)
    assert (got["Body"].read(), got["Metadata"]) == (b"".join(bodies), {"rows": "3"})
    edge = s3.get_object(Bucket="exports", Key=key, Range=f"bytes={PART - 1}-{PART}")
    assert (edge["Body"].read(), edge["ContentRange"]) == (
        b"ab",
        f"bytes {PART - 1}-{PART}/{2 * PART + 3}",
    )
    digests = b"".join(hashlib.sha256(body).digest() for body in bodies)
    head = s3.head_object(Bucket="exports", Key=key, ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"].startswith(sha256(digests))


def test_a_completion_never_replaces_an_object(s3: Any, key: str) -> None:
    """A zombie that finishes late must not harm the good file."""
    s3.put_object(Bucket="exports", Key=key, Body=b"good")

    with pytest.raises(ClientError) as caught:
        s3.complete_multipart_upload(**upload(s3, key, [b"late"]), IfNoneMatch="*")

    assert code(caught) == "PreconditionFailed"
    assert s3.get_object(Bucket="exports", Key=key)["Body"].read() == b"good"


def test_parts_that_are_too_small_are_refused(s3: Any, key: str) -> None:
    """S3 demands 5 MiB; code that works here must work there."""
    with pytest.raises(ClientError) as caught:
        s3.complete_multipart_upload(**upload(s3, key, [b"small", b"end"]))

    assert code(caught) == "EntityTooSmall"


def test_an_aborted_upload_leaves_nothing(s3: Any, key: str) -> None:
    """A cancelled export must not be billed for ever."""
    ready = upload(s3, key, [b"x"])

    s3.abort_multipart_upload(Bucket="exports", Key=key, UploadId=ready["UploadId"])

    with pytest.raises(ClientError) as caught:
        s3.complete_multipart_upload(**ready)
    assert code(caught) == "NoSuchUpload"


def test_copies_and_bulk_deletes_work(s3: Any, key: str) -> None:
    """Both go past PutObject and DeleteObject, so both are easily forgotten on disk."""
    s3.put_object(Bucket="exports", Key=key, Body=b"x")
    s3.copy_object(Bucket="exports", Key=f"{key}-2", CopySource={"Bucket": "exports", "Key": key})
    assert s3.get_object(Bucket="exports", Key=f"{key}-2")["Body"].read() == b"x"

    s3.delete_objects(Bucket="exports", Delete={"Objects": [{"Key": key}, {"Key": f"{key}-2"}]})

    assert "Contents" not in s3.list_objects_v2(Bucket="exports", Prefix=key)
