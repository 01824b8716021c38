"""The body of an S3 request: unwrapped from `aws-chunked`, and compared with the digests sent.

Checked: `x-amz-content-sha256`, `Content-MD5`, and the checksums SHA256, SHA1, CRC32 as header or
as trailer. CRC32C and CRC64NVME are passed on unchecked: Python has no implementation of them. The
signatures of single chunks are not checked either; our clients do not send any.
"""

import base64
import hashlib
import tempfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Protocol

from export_platform.local.s3.refusals import RefusalError, bad_request

_BLOCK = 256 * 1024
_IN_MEMORY = 1024 * 1024  # decoded bodies above this spill to disk
_STREAMING = "STREAMING-"
_CHECKSUM = "HTTP_X_AMZ_CHECKSUM_"


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    """CRC-32 with the interface of hashlib."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_ALGORITHMS: dict[str, Callable[[], _Digest]] = {
    "SHA256": hashlib.sha256,
    "SHA1": lambda: hashlib.sha1(usedforsecurity=False),
    "CRC32": _Crc32,
}


def checked(environ: dict[str, Any]) -> None:
    """Unwraps the body and compares it with its digests; moto then sees a plain body.

    Args:
        environ: The WSGI request; its body and the headers that describe it are replaced.

    Raises:
        RefusalError: A digest is malformed or does not match, or the body is incomplete.
    """
    if environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith(_STREAMING):
        _unwrap(environ)
    _name_algorithm(environ)
    stream = environ["wsgi.input"]
    wanted = _wanted(environ)
    if not wanted:
        return
    digests = {name: _make(name) for name, _, _ in wanted}
    for block in iter(lambda: stream.read(_BLOCK), b""):
        for digest in digests.values():
            digest.update(block)
    stream.seek(0)
    for name, expected, refusal in wanted:
        if digests[name].digest() != expected:
            raise refusal


def _wanted(environ: dict[str, Any]) -> list[tuple[str, bytes, RefusalError]]:
    """Each digest the sender promised: algorithm, value, and how S3 refuses another one."""
    found = []
    if md5 := environ.get("HTTP_CONTENT_MD5"):
        found.append(("MD5", _decoded(md5, "Content-MD5"), _bad_md5()))
    payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "")
    if len(payload) == hashlib.sha256().digest_size * 2:
        found.append(("SHA256", bytes.fromhex(payload), _bad_payload()))
    if not _is_completion(environ):
        found.extend(
            (name, _decoded(text, f"x-amz-checksum-{name.lower()}"), _bad(name))
            for name in _ALGORITHMS
            if (text := environ.get(_CHECKSUM + name))
        )
    return found


def _is_completion(environ: dict[str, Any]) -> bool:
    """CompleteMultipartUpload: its checksum is the object's, not that of the XML in the body."""
    return environ["REQUEST_METHOD"] == "POST" and "uploadId=" in environ.get("QUERY_STRING", "")


def _make(name: str) -> _Digest:
    return hashlib.md5(usedforsecurity=False) if name == "MD5" else _ALGORITHMS[name]()


def _decoded(text: str, header: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise bad_request("InvalidDigest", f"The {header} you specified is not valid.") from None


def _bad_md5() -> RefusalError:
    return bad_request("BadDigest", "The Content-MD5 you specified did not match what we received.")


def _bad_payload() -> RefusalError:
    return bad_request(
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    )


def _bad(name: str) -> RefusalError:
    return bad_request(
        "BadDigest", f"The {name} you specified did not match the calculated checksum."
    )


def _name_algorithm(environ: dict[str, Any]) -> None:
    """Names the algorithm of a lone checksum header: moto stores the value only if it is named."""
    if environ.get("HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM"):
        return
    known = (*_ALGORITHMS, "CRC32C", "CRC64NVME")
    for name in known:
        if environ.get(_CHECKSUM + name):
            environ["HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM"] = name
            return


def _unwrap(environ: dict[str, Any]) -> None:
    plain: BinaryIO = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # type: ignore[assignment]  # noqa: SIM115 - lives as long as the request
    trailers: dict[str, str] = {}
    length = 0
    for block in _chunks(environ["wsgi.input"], trailers):
        plain.write(block)
        length += len(block)
    if str(length) != environ.get("HTTP_X_AMZ_DECODED_CONTENT_LENGTH", str(length)):
        raise _incomplete()
    plain.seek(0)
    environ["wsgi.input"] = plain
    environ["CONTENT_LENGTH"] = str(length)
    environ["HTTP_X_AMZ_CONTENT_SHA256"] = "UNSIGNED-PAYLOAD"
    for name, value in trailers.items():
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = value


def _chunks(stream: BinaryIO, trailers: dict[str, str]) -> Iterator[bytes]:
    """The decoded chunks; after the last of them, the trailers are filled in."""
    while size := _size(stream.readline(_BLOCK)):
        while size:
            block = stream.read(min(size, _BLOCK))
            if not block:
                raise _incomplete()
            size -= len(block)
            yield block
        stream.readline(_BLOCK)
    for line in iter(lambda: stream.readline(_BLOCK).strip(), b""):
        name, _, value = line.decode("latin-1").partition(":")
        trailers[name.strip()] = value.strip()


def _size(line: bytes) -> int:
    try:
        return int(line.split(b";")[0], 16)
    except ValueError:
        raise _incomplete() from None


def _incomplete() -> RefusalError:
    return bad_request(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
