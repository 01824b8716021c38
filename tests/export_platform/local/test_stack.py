"""The services together: what is stored stays, through a stop and through kill -9."""

import io
import os
import signal
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyathena
import pytest
from pymongo import MongoClient

from export_platform.local.athena import tables
from export_platform.local.processes import NotStartedError
from export_platform.local.stack import Stack

Client = Callable[[str, Mapping[str, str]], Any]
CAMPAIGN = "65a000000000000000000001"
QUERY = "SELECT count(*) FROM sms_events WHERE campaign_id = ?"


def count_documents(variables: Mapping[str, str]) -> int:
    """Documents in one collection."""
    mongo: MongoClient[dict[str, Any]] = MongoClient(
        variables["MONGODB_URI"], serverSelectionTimeoutMS=3000
    )
    with mongo:
        return int(mongo["fanreg"]["kept"].count_documents({}))


def count_rows(variables: Mapping[str, str]) -> int:
    """Rows of one table, by PyAthena."""
    connection = pyathena.connect(
        s3_staging_dir=variables["ATHENA_STAGING"],
        schema_name=variables["ATHENA_DATABASE"],
        endpoint_url=variables["AWS_ENDPOINT_URL_ATHENA"],
        region_name=variables["AWS_REGION"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        poll_interval=0.05,
    )
    with connection, connection.cursor() as cursor:
        return int(cursor.execute(QUERY, [f"'{CAMPAIGN}'"], paramstyle="qmark").fetchone()[0])


def fill(variables: Mapping[str, str], s3: Any) -> None:
    """A document, an object, and two rows of a table."""
    mongo: MongoClient[dict[str, Any]] = MongoClient(variables["MONGODB_URI"])
    with mongo:
        mongo["fanreg"]["kept"].insert_one({"_id": 1})
    s3.put_object(Bucket="exports", Key="kept.txt", Body=b"kept", Metadata={"sha256": "ab"})
    table = tables.find("fan_events", "sms_events")
    assert table is not None
    rows = [{"event_id": "e1"}, {"event_id": "e2"}]
    body = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=tables.arrow_schema(table)), body)
    prefix = tables.partition_prefix(table, dt=date(2026, 3, 1), campaign_id=CAMPAIGN)
    s3.put_object(Bucket=tables.BUCKET, Key=f"{prefix}part-0.parquet", Body=body.getvalue())


def is_all_there(variables: Mapping[str, str], s3: Any) -> bool:
    """Whether everything that `fill` stored is still there."""
    kept = s3.get_object(Bucket="exports", Key="kept.txt")
    return (
        kept["Body"].read() == b"kept"
        and kept["Metadata"] == {"sha256": "ab"}
        and count_documents(variables) == 1
        and count_rows(variables) == 2
    )


def test_what_is_stored_survives_a_stop_and_a_kill(own_stack: Stack, client: Client) -> None:
    """A developer's seeded campaign must be there tomorrow, and after a crash."""
    variables = own_stack.up()
    s3 = client("s3", variables)
    fill(variables, s3)
    own_stack.down()
    assert {status.state for status in own_stack.status()} == {"stopped"}
    assert own_stack.up() == variables
    assert is_all_there(variables, s3)

    for status in own_stack.status():
        assert status.pid is not None
        os.kill(status.pid, signal.SIGKILL)

    assert own_stack.up() == variables
    assert is_all_there(variables, s3)


def test_a_reset_forgets_everything(own_stack: Stack, client: Client) -> None:
    """`reset` is the way back to an empty machine; a survivor would poison the next seed."""
    variables = own_stack.up()
    fill(variables, client("s3", variables))

    own_stack.reset()
    with pytest.raises(NotStartedError):
        own_stack.environment()
    fresh = own_stack.up()

    assert count_documents(fresh) == 0
    assert "Contents" not in client("s3", fresh).list_objects_v2(Bucket="exports")


def test_the_stack_starts_fast_and_beside_others(
    stack: Mapping[str, str], tmp_path: Path, client: Client
) -> None:
    """Every session has its own: three seconds are the budget, the bound is for a busy machine."""
    other = Stack(tmp_path / "other")
    began = time.monotonic()
    try:
        variables = other.up()
        took = time.monotonic() - began

        assert took < 30
        assert not set(variables.values()) & {
            stack[name] for name in stack if name.startswith(("MONGODB_URI", "AWS_ENDPOINT"))
        }
        assert {b["Name"] for b in client("s3", variables).list_buckets()["Buckets"]} == {
            "exports",
            "lake",
            "athena-results",
            "scoring",
            "vf-scoring",
        }
    finally:
        other.down()
