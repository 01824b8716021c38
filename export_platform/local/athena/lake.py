"""The files behind the tables, and those that results become: all this endpoint asks of S3.

Partition files are copied into a local folder once, under their ETag, because DuckDB's own S3
reader is an extension that has to be downloaded.
"""

import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import boto3
from botocore.client import Config
from botocore.exceptions import BotoCoreError, ClientError

from export_platform.local.athena.failures import Category, ErrorType, FailedQueryError
from export_platform.local.athena.plan import Scan
from export_platform.local.athena.tables import BUCKET

_DAY = re.compile(r"/dt=(\d{4}-\d{2}-\d{2})/")
_S3_ERRORS = (BotoCoreError, ClientError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The files of one scan.

    Attributes:
        paths: Local copies, in folders `campaign_id=…/dt=…`.
        bytes: Their size together.
    """

    paths: tuple[Path, ...]
    bytes: int


class Lake:
    """S3 as this endpoint sees it.

    Args:
        endpoint_url: The S3 server.
        cache: Folder for copies of partition files.
    """

    def __init__(self, endpoint_url: str, cache: Path) -> None:
        self._cache = cache
        self._lock = threading.Lock()
        self._s3 = boto3.client(
            "s3",
            endpoint_url=endpoint_url,
            config=Config(
                signature_version="s3v4",
                connect_timeout=2,
                read_timeout=30,
                max_pool_connections=32,
                retries={"mode": "standard", "max_attempts": 3},
            ),
        )

    def select(self, scan: Scan) -> Selected:
        """Finds and copies the files of the partitions a scan needs; none is not an error.

        Raises:
            FailedQueryError: S3 does not answer, or a file vanished.
        """
        paths, size = [], 0
        try:
            for prefix in _prefixes(scan):
                for key, etag, length in self._listing(BUCKET, prefix):
                    if _is_wanted(key, scan):
                        paths.append(self._copy(scan, key, etag))
                        size += length
        except _S3_ERRORS as error:
            raise _unavailable("read the table", error) from error
        return Selected(paths=tuple(paths), bytes=size)

    def is_empty(self, location: str) -> bool:
        """Whether there is nothing below `s3://bucket/prefix/`."""
        bucket, prefix = split(location)
        try:
            return next(self._listing(bucket, prefix), None) is None
        except _S3_ERRORS as error:
            raise _unavailable("list the target", error) from error

    def remove(self, location: str, name_part: str) -> None:
        """Removes the objects below a location whose name holds `name_part`."""
        bucket, prefix = split(location)
        try:
            for key, _, _ in list(self._listing(bucket, prefix)):
                if name_part in key.rpartition("/")[2]:
                    self._s3.delete_object(Bucket=bucket, Key=key)
        except _S3_ERRORS as error:
            raise _unavailable("clean the target", error) from error

    def store(self, path: Path, location: str) -> None:
        """Uploads a file to `s3://bucket/key`."""
        bucket, key = split(location)
        try:
            self._s3.upload_file(str(path), bucket, key)
        except (*_S3_ERRORS, boto3.exceptions.S3UploadFailedError) as error:
            raise FailedQueryError(
                "GENERIC_INTERNAL_ERROR: Unable to write the query results to S3",
                category=Category.SYSTEM,
                kind=ErrorType.RESULT_NOT_WRITTEN,
            ) from error

    def _listing(self, bucket: str, prefix: str) -> Iterator[tuple[str, str, int]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for found in page.get("Contents", ()):
                yield found["Key"], found["ETag"], found["Size"]

    def _copy(self, scan: Scan, key: str, etag: str) -> Path:
        digest = hashlib.sha256(f"{key}|{etag}".encode()).hexdigest()[:32]
        partition = key.removeprefix(scan.table.prefix).rpartition("/")[0]
        path = self._cache / scan.table.prefix / partition / f"{digest}.parquet"
        with self._lock:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                fresh = path.with_suffix(".tmp")
                self._s3.download_file(BUCKET, key, str(fresh))
                fresh.replace(path)
        return path


def split(location: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`.

    Raises:
        FailedQueryError: It is not such an address.
    """
    scheme, _, rest = location.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise FailedQueryError(f"INVALID_TABLE_PROPERTY: {location} is not an S3 location")
    return bucket, key


def _prefixes(scan: Scan) -> list[str]:
    if scan.campaign_ids is None:
        return [scan.table.prefix]
    return [f"{scan.table.prefix}campaign_id={value}/" for value in sorted(scan.campaign_ids)]


def _is_wanted(key: str, scan: Scan) -> bool:
    found = _DAY.search(key)
    if found is None or not key.endswith(".parquet"):
        return False
    return scan.first <= date.fromisoformat(found[1]) <= scan.last


def _unavailable(attempted: str, error: Exception) -> FailedQueryError:
    code: Any = getattr(error, "response", {}).get("Error", {}).get("Code", type(error).__name__)
    if code in {"NoSuchBucket", "NoSuchKey"}:
        return FailedQueryError(f"PERMISSION_DENIED: could not {attempted}: {code}")
    return FailedQueryError(
        f"GENERIC_INTERNAL_ERROR: could not {attempted}: {code}",
        category=Category.SYSTEM,
        kind=ErrorType.ENGINE,
    )
