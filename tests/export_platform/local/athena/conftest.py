"""A lake with a little in it, and the ways to ask it."""

import io
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyathena
import pytest

from export_platform.local.athena import tables

CAMPAIGN = "65a0000000000000000000c1"
Run = Callable[..., dict[str, Any]]


def put(s3: Any, name: str, day: date, rows: list[dict[str, object]]) -> None:
    """Writes the rows of one partition, as the seed does."""
    table = tables.find("fan_events", name)
    assert table is not None
    body = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=tables.arrow_schema(table)), body)
    campaign = CAMPAIGN if table.is_injected else None
    prefix = tables.partition_prefix(table, dt=day, campaign_id=campaign)
    s3.put_object(Bucket=tables.BUCKET, Key=f"{prefix}part-0.parquet", Body=body.getvalue())


@pytest.fixture(scope="session")
def lake(stack: Mapping[str, str], client: Callable[[str, Mapping[str, str]], Any]) -> None:
    """Three days of assigned codes, two orders, one row without a campaign in its path."""
    s3 = client("s3", stack)
    for day in (1, 2, 3):
        codes: list[dict[str, object]] = [
            {
                "event_id": f"e{day}{number}",
                "code_id": f"c{number}",
                "wave": day,
                "assigned_at": datetime(2026, 3, day, 10, 0, 0, 123000),  # noqa: DTZ001 - as Hive
            }
            for number in range(5)
        ]
        put(s3, "codes_assigned", date(2026, 3, day), codes)
    orders: list[dict[str, object]] = [
        {"order_id": "o1", "gross_amount": Decimal("12.50"), "currency": None, "tickets": 2},
        {"order_id": "o2", "gross_amount": None, "currency": "", "tickets": 1},
    ]
    put(s3, "ticket_orders", date(2026, 3, 1), orders)
    put(s3, "campaign_daily", date(2026, 3, 1), [{"campaign_id": "x", "entries": 7}])


@pytest.fixture
def athena(
    lake: None, stack: Mapping[str, str], client: Callable[[str, Mapping[str, str]], Any]
) -> Any:
    """A boto3 client for the endpoint."""
    assert lake is None
    return client("athena", stack)


@pytest.fixture
def connection(lake: None, stack: Mapping[str, str]) -> Iterator[Any]:
    """PyAthena, unchanged: it finds endpoints and keys where boto3 does."""
    assert lake is None
    with pyathena.connect(
        s3_staging_dir=stack["ATHENA_STAGING"],
        schema_name=stack["ATHENA_DATABASE"],
        region_name=stack["AWS_REGION"],
        poll_interval=0.03,
    ) as made:
        yield made


@pytest.fixture
def run(athena: Any, stack: Mapping[str, str]) -> Run:
    """Starts a query, waits for its end, and gives its description."""

    def execute(sql: str, *parameters: str, **more: Any) -> dict[str, Any]:
        return wait(athena, start(athena, stack, sql, *parameters, **more))

    return execute


def start(athena: Any, stack: Mapping[str, str], sql: str, *parameters: str, **more: Any) -> str:
    """Starts a query and gives its id."""
    if parameters:
        more["ExecutionParameters"] = list(parameters)
    more.setdefault("ClientRequestToken", uuid.uuid4().hex)
    answer = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": stack["ATHENA_DATABASE"]},
        ResultConfiguration={"OutputLocation": stack["ATHENA_STAGING"]},
        **more,
    )
    return str(answer["QueryExecutionId"])


def wait(athena: Any, execution_id: str) -> dict[str, Any]:
    """The description of a query at its end."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = athena.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
        if found["Status"]["State"] in {"SUCCEEDED", "FAILED", "CANCELLED"}:
            return dict(found)
        time.sleep(0.03)
    raise AssertionError(f"{execution_id} did not end")
