"""Slices of lake rows to Parquet objects, where Athena's partition projection looks for them."""

from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from bson import ObjectId

from export_platform.local.athena.tables import (
    TABLES,
    Table,
    arrow_schema,
    find,
    partition_prefix,
)
from export_platform.local.seed.basis.dataset import Slice

_DATABASE: Final = "fan_events"


class LakeClient(Protocol):
    """The part of a boto3 S3 client that is used here."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> object:  # noqa: N803
        """Write one object."""

    def delete_objects(self, *, Bucket: str, Delete: Any) -> object:  # noqa: N803
        """Delete up to 1,000 objects."""

    def get_paginator(self, operation_name: Any) -> Any:
        """Pages of an operation."""


def object_key(piece: Slice, part: int) -> str:
    """The key of one object of a slice."""
    prefix = partition_prefix(_table(piece.table), dt=piece.day, campaign_id=str(piece.campaign_id))
    return f"{prefix}part-{part:05d}.parquet"


def parquet_bytes(piece: Slice) -> bytes:
    """The slice as one Parquet object: declared types, Snappy, same bytes for the same rows."""
    schema = arrow_schema(_table(piece.table))
    arrays = [
        pa.array([_naive(value) for value in piece.columns[field.name]], type=field.type)
        for field in schema
    ]
    sink = BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), sink, compression="snappy")
    return sink.getvalue()


def remove_campaign(client: LakeClient, bucket: str, campaign_id: ObjectId) -> int:
    """Delete the objects of a campaign in every table; returns how many there were."""
    removed = 0
    for table in (each for each in TABLES if each.is_injected):
        for keys in _pages(client, bucket, f"{table.prefix}campaign_id={campaign_id}/"):
            client.delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
            removed += len(keys)
    return removed


def _pages(client: LakeClient, bucket: str, prefix: str) -> Iterator[list[str]]:
    paginator = client.get_paginator("list_objects_v2")
    for page in paginator.paginate(Bucket=bucket, Prefix=prefix):
        keys = [each["Key"] for each in page.get("Contents", [])]
        if keys:
            yield keys


def _table(name: str) -> Table:
    table = find(_DATABASE, name)
    if table is None:
        raise ValueError(f"the lake has no table {name!r}")
    return table


def _naive(value: object) -> object:
    """Instants without their (UTC) zone: pyarrow keeps the wall time only of naive ones."""
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value
