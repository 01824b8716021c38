"""Slices of lake rows to Parquet objects, where Athena's partition projection looks for them."""

from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from typing import Any, Final, Protocol

from bson import ObjectId

from export_platform.local.seed.basis.dataset import Slice
from export_platform.local.seed.basis.tables import HIVE_TYPES, arrow_schema

DATABASE: Final = "fan_events"
"""The Glue database, and the first folder of the bucket."""


class LakeClient(Protocol):
    """The part of a boto3 S3 client that is used here."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> object:  # noqa: N803
        """Write one object."""

    def delete_objects(self, *, Bucket: str, Delete: Any) -> object:  # noqa: N803
        """Delete up to 1,000 objects."""

    def get_paginator(self, operation_name: Any) -> Any:
        """Pages of an operation."""


def partition_prefix(table: str, campaign_id: ObjectId) -> str:
    """Where the rows of a campaign in a table live."""
    return f"{DATABASE}/{table}/campaign_id={campaign_id}/"


def object_key(piece: Slice, part: int) -> str:
    """The key of one object of a slice."""
    day = piece.day.isoformat()
    return f"{partition_prefix(piece.table, piece.campaign_id)}dt={day}/part-{part:05d}.parquet"


def parquet_bytes(piece: Slice) -> bytes:
    """The slice as one Parquet object: declared types, Snappy, same bytes for the same rows."""
    import pyarrow as pa  # noqa: PLC0415 - 0.3 s, and only the loader needs it
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = arrow_schema(piece.table)
    arrays = [
        pa.array([_naive(value) for value in piece.columns[field.name]], type=field.type)
        for field in schema
    ]
    sink = BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), sink, compression="snappy")
    return sink.getvalue()


def remove_campaign(client: LakeClient, bucket: str, campaign_id: ObjectId) -> int:
    """Delete the objects of a campaign in every seeded table; returns how many there were."""
    removed = 0
    for table in HIVE_TYPES:
        for keys in _pages(client, bucket, partition_prefix(table, campaign_id)):
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


def _naive(value: object) -> object:
    """Instants without their (UTC) zone: pyarrow keeps the wall time only of naive ones."""
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value
