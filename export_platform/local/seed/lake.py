"""Slices of lake rows to Parquet objects, where Athena's partition projection looks for them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from io import BytesIO
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from bson import ObjectId

from export_platform.local.athena.tables import (
    TABLES,
    Table,
    arrow_schema,
    partition_prefix,
)
from export_platform.local.seed.basis.dataset import Slice


class LakeClient(Protocol):
    """The part of a boto3 S3 client that a load uses."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> object:  # noqa: N803
        """Write one object."""

    def delete_objects(self, *, Bucket: str, Delete: Any) -> object:  # noqa: N803
        """Delete up to 1,000 objects."""

    def get_paginator(self, operation_name: Any) -> Any:
        """Pages of an operation."""


def object_key(piece: Slice, part: int, *, pack: int) -> str:
    """The key of one object of a slice.

    In a table that is partitioned by day only, packs share the partitions: there the name begins
    with the number of the pack, so that a pack can be told from its neighbours.
    """
    campaign = str(piece.campaign_id) if piece.campaign_id is not None else None
    prefix = partition_prefix(_table(piece.table), dt=piece.day, campaign_id=campaign)
    mine = _mark(pack) if campaign is None else ""
    return f"{prefix}{mine}part-{part:05d}.parquet"


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
    return sum(
        remove(client, bucket, f"{table.prefix}campaign_id={campaign_id}/", lambda _name: True)
        for table in TABLES
        if table.is_injected
    )


def remove_pack(client: LakeClient, bucket: str, pack: int) -> int:
    """Delete the objects of a pack in the tables by day only; returns how many there were."""
    mine = _mark(pack)
    return sum(
        remove(client, bucket, table.prefix, lambda name: name.startswith(mine))
        for table in TABLES
        if not table.is_injected
    )


def remove(client: LakeClient, bucket: str, prefix: str, of: Callable[[str], bool]) -> int:
    """Delete the objects below a prefix whose last name says `of`; returns how many there were."""
    removed = 0
    for keys in _pages(client, bucket, prefix):
        mine = [{"Key": key} for key in keys if of(key.rpartition("/")[2])]
        if mine:
            client.delete_objects(Bucket=bucket, Delete={"Objects": mine, "Quiet": True})
        removed += len(mine)
    return removed


def _mark(pack: int) -> str:
    return f"pack-{pack:04x}-"


def _pages(client: LakeClient, bucket: str, prefix: str) -> Iterator[list[str]]:
    paginator = client.get_paginator("list_objects_v2")
    for page in paginator.paginate(Bucket=bucket, Prefix=prefix):
        keys = [each["Key"] for each in page.get("Contents", [])]
        if keys:
            yield keys


def _table(name: str) -> Table:
    found = next((table for table in TABLES if table.name == name), None)
    if found is None:
        raise ValueError(f"the lake has no table {name!r}")
    return found


def _naive(value: object) -> object:
    """Instants without their (UTC) zone: pyarrow keeps the wall time only of naive ones."""
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value
