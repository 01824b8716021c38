"""The endpoint by boto3: life of a query, tokens, pages, UNLOAD, errors as AWS sends them."""

import io
import os
import signal
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError, ParamValidationError

from export_platform.local.stack import Stack
from tests.export_platform.local.athena.conftest import CAMPAIGN, Run, start, wait

# Joins 10^10 pairs: never done within a test, and easily interrupted.
ENDLESS = (
    "SELECT sum(sin(a.x) * cos(b.y)) FROM UNNEST(sequence(1, 100000)) AS a(x)"
    " CROSS JOIN UNNEST(sequence(1, 100000)) AS b(y)"
)


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    """Name and message of an API error."""
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


def test_a_query_is_described_as_athena_does(run: Run) -> None:
    """Everything the door or a person looks at, in one place."""
    found = run("SELECT count(*) AS n FROM codes_assigned WHERE campaign_id = ?", f"'{CAMPAIGN}'")

    assert found["Status"]["State"] == "SUCCEEDED"
    assert found["StatementType"] == "DML"
    assert found["ExecutionParameters"] == [f"'{CAMPAIGN}'"]
    assert found["ResultConfiguration"]["OutputLocation"] == (
        f"s3://athena-results/staging/{found['QueryExecutionId']}.csv"
    )
    assert found["Statistics"]["DataScannedInBytes"] > 0
    assert found["Statistics"]["EngineExecutionTimeInMillis"] > 0
    assert found["Status"]["CompletionDateTime"] >= found["Status"]["SubmissionDateTime"]


def test_the_result_file_has_athenas_own_quoting(run: Run, s3: Any) -> None:
    """Whoever reads the file instead of the API must tell NULL from the empty text."""
    found = run("SELECT 'a\"b' AS x, '' AS y, CAST(NULL AS varchar) AS z, 1 AS n")
    key = f"staging/{found['QueryExecutionId']}.csv"

    body = s3.get_object(Bucket="athena-results", Key=key)["Body"].read()

    assert body == b'"x","y","z","n"\n"a""b","",,"1"\n'


def test_pages_hold_the_header_first(run: Run, athena: Any) -> None:
    """The header is a record of the first page only."""
    execution_id = run("SELECT v FROM UNNEST(sequence(1, 5)) AS t(v) ORDER BY v")[
        "QueryExecutionId"
    ]
    pages = list(
        athena.get_paginator("get_query_results").paginate(
            QueryExecutionId=execution_id, PaginationConfig={"PageSize": 4}
        )
    )

    values = [[r["Data"][0]["VarCharValue"] for r in p["ResultSet"]["Rows"]] for p in pages]

    assert values == [["v", "1", "2", "3"], ["4", "5"]]
    column = pages[0]["ResultSet"]["ResultSetMetadata"]["ColumnInfo"][0]
    assert (column["Name"], column["Type"], column["Precision"]) == ("v", "bigint", 19)


def test_a_null_is_a_datum_without_a_value(run: Run, athena: Any) -> None:
    """It is how the API tells NULL from the empty text."""
    execution_id = run("SELECT CAST(NULL AS varchar) AS x, '' AS y")["QueryExecutionId"]

    rows = athena.get_query_results(QueryExecutionId=execution_id)["ResultSet"]["Rows"]

    assert rows[1]["Data"] == [{}, {"VarCharValue": ""}]


def test_a_failure_has_athenas_error_object(run: Run, athena: Any) -> None:
    """Category 2 is the user's fault and not worth another try."""
    found = run("SELECT * FROM nope")

    assert found["Status"]["State"] == "FAILED"
    assert found["Status"]["StateChangeReason"].startswith("TABLE_NOT_FOUND: line 1:15: ")
    assert found["Status"]["AthenaError"] == {
        "ErrorCategory": 2,
        "ErrorType": 1000,
        "Retryable": False,
        "ErrorMessage": found["Status"]["StateChangeReason"],
    }
    with pytest.raises(ClientError) as caught:
        athena.get_query_results(QueryExecutionId=found["QueryExecutionId"])
    assert "Final query state: FAILED" in refused(caught)[1]


def test_a_malformed_query_has_no_execution(athena: Any, stack: Mapping[str, str]) -> None:
    """Athena refuses it at once, with a code of its own."""
    with pytest.raises(ClientError) as caught:
        start(athena, stack, "SELEC 1")

    assert refused(caught)[0] == "InvalidRequestException"
    assert caught.value.response["AthenaErrorCode"] == "MALFORMED_QUERY"


@pytest.mark.parametrize(
    ("operation", "arguments", "message"),
    [
        ("get_query_execution", {"QueryExecutionId": "nope"}, "was not found"),
        ("get_query_results", {"QueryExecutionId": "nope", "MaxResults": 1001}, "MaxResults"),
        ("get_work_group", {"WorkGroup": "other"}, "WorkGroup is not found"),
        ("list_named_queries", {}, "not available"),
    ],
)
def test_a_wrong_call_is_refused(
    athena: Any, operation: str, arguments: dict[str, Any], message: str
) -> None:
    """Nothing may seem to work that does not."""
    with pytest.raises(ClientError) as caught:
        getattr(athena, operation)(**arguments)

    assert refused(caught)[0] == "InvalidRequestException"
    assert message in refused(caught)[1]


def test_a_token_names_one_execution(athena: Any, stack: Mapping[str, str]) -> None:
    """An answer that was lost must not cost a second scan of the lake."""
    token = uuid.uuid4().hex
    first = start(athena, stack, "SELECT 1", ClientRequestToken=token)

    assert start(athena, stack, "SELECT 1", ClientRequestToken=token) == first
    assert start(athena, stack, "SELECT 1") != first
    for sql, parameters in (("SELECT 2", ()), ("SELECT 1", ("1",))):
        with pytest.raises(ClientError) as caught:
            start(athena, stack, sql, *parameters, ClientRequestToken=token)
        assert refused(caught) == (
            "InvalidRequestException",
            "Idempotent parameters do not match",
        )
    with pytest.raises(ParamValidationError):
        start(athena, stack, "SELECT 1", ClientRequestToken="short")


def test_a_running_query_can_be_stopped(athena: Any, stack: Mapping[str, str]) -> None:
    """A cancelled export must not go on scanning."""
    execution_id = start(athena, stack, ENDLESS)
    state = ""
    while state != "RUNNING":
        found = athena.get_query_execution(QueryExecutionId=execution_id)["QueryExecution"]
        state = found["Status"]["State"]
        assert state in {"QUEUED", "RUNNING"}

    athena.stop_query_execution(QueryExecutionId=execution_id)

    assert wait(athena, execution_id)["Status"]["State"] == "CANCELLED"
    athena.stop_query_execution(QueryExecutionId=execution_id)  # once more is no error
    assert start_and_finish(athena, stack) == "SUCCEEDED"  # the engine is free again


def start_and_finish(athena: Any, stack: Mapping[str, str]) -> str:
    """The final state of a small query."""
    return str(wait(athena, start(athena, stack, "SELECT 1"))["Status"]["State"])


def test_queries_wait_in_line_and_can_be_cancelled_there(
    athena: Any, stack: Mapping[str, str]
) -> None:
    """With all workers busy a query is really QUEUED, as on a busy day."""
    ids = [start(athena, stack, ENDLESS) for _ in range(6)]
    try:
        states = [
            found["Status"]["State"]
            for found in athena.batch_get_query_execution(QueryExecutionIds=ids)["QueryExecutions"]
        ]
        assert states[-1] == "QUEUED"
    finally:
        for execution_id in reversed(ids):
            athena.stop_query_execution(QueryExecutionId=execution_id)

    for execution_id in ids:
        assert wait(athena, execution_id)["Status"]["State"] == "CANCELLED"
    assert start_and_finish(athena, stack) == "SUCCEEDED"


def test_batch_get_says_which_ids_it_does_not_know(run: Run, athena: Any) -> None:
    """One foreign id must not hide the others."""
    known = run("SELECT 1")["QueryExecutionId"]

    answer = athena.batch_get_query_execution(QueryExecutionIds=[known, "nope"])

    assert [found["QueryExecutionId"] for found in answer["QueryExecutions"]] == [known]
    assert answer["UnprocessedQueryExecutionIds"][0]["QueryExecutionId"] == "nope"


def test_unload_writes_several_parquet_files_and_lists_them(run: Run, athena: Any, s3: Any) -> None:
    """A reader must not count on one file or on an order, and finds the files by the manifest."""
    prefix = f"unload/{uuid.uuid4().hex}/"
    query = (
        "SELECT code_id, wave, sum(wave) AS total, assigned_at FROM codes_assigned"
        " WHERE campaign_id = ? GROUP BY 1, 2, 4"
    )
    found = run(
        f"UNLOAD ({query}) TO 's3://athena-results/{prefix}'"
        " WITH (format = 'PARQUET', compression = 'SNAPPY')",
        f"'{CAMPAIGN}'",
    )

    assert found["Status"]["State"] == "SUCCEEDED"
    manifest = found["Statistics"]["DataManifestLocation"].removeprefix("s3://athena-results/")
    listed = s3.get_object(Bucket="athena-results", Key=manifest)["Body"].read().decode().split()
    keys = [address.removeprefix("s3://athena-results/") for address in listed]
    assert len(keys) > 1
    assert all(key.startswith(prefix) for key in keys)
    tables = [read_parquet(s3, key) for key in keys]
    rows = pa.concat_tables(tables)
    assert rows.num_rows == 15
    assert rows.schema.types == [pa.string(), pa.int32(), pa.int64(), pa.timestamp("ms")]
    statistics = athena.get_query_runtime_statistics(QueryExecutionId=found["QueryExecutionId"])
    assert statistics["QueryRuntimeStatistics"]["Rows"]["OutputRows"] == 15


def read_parquet(s3: Any, key: str) -> pa.Table:
    """One file as a table."""
    return pq.read_table(io.BytesIO(s3.get_object(Bucket="athena-results", Key=key)["Body"].read()))


def test_unload_refuses_a_target_that_is_not_empty(run: Run, s3: Any) -> None:
    """The files of two queries in one folder would be read as one result."""
    prefix = f"unload/{uuid.uuid4().hex}/"
    s3.put_object(Bucket="athena-results", Key=f"{prefix}old", Body=b"x")

    found = run(
        f"UNLOAD (SELECT 1 AS x) TO 's3://athena-results/{prefix}' WITH (format = 'PARQUET')"
    )

    assert found["Status"]["StateChangeReason"].startswith("HIVE_PATH_ALREADY_EXISTS")
    assert s3.get_object(Bucket="athena-results", Key=f"{prefix}old")["Body"].read() == b"x"


def test_unload_of_nothing_writes_no_file(run: Run, s3: Any) -> None:
    """An empty result is a success with an empty manifest."""
    prefix = f"unload/{uuid.uuid4().hex}/"

    found = run(
        f"UNLOAD (SELECT 1 AS x WHERE 1 = 0) TO 's3://athena-results/{prefix}'"
        " WITH (format = 'PARQUET')"
    )

    assert found["Status"]["State"] == "SUCCEEDED"
    assert "Contents" not in s3.list_objects_v2(Bucket="athena-results", Prefix=prefix)


def test_the_catalogue_is_listed(athena: Any) -> None:
    """Lineage and a person both ask which tables there are."""
    databases = athena.list_databases(CatalogName="AwsDataCatalog")["DatabaseList"]
    table = athena.get_table_metadata(
        CatalogName="AwsDataCatalog", DatabaseName="fan_events", TableName="code_redemptions"
    )["TableMetadata"]

    assert [database["Name"] for database in databases] == ["fan_events", "fan_scoring"]
    assert table["Columns"][0] == {"Name": "redemption_id", "Type": "string"}
    assert [key["Name"] for key in table["PartitionKeys"]] == ["campaign_id", "dt"]
    assert athena.get_work_group(WorkGroup="primary")["WorkGroup"]["State"] == "ENABLED"


def test_tokens_results_and_unfinished_queries_survive_a_kill(
    own_stack: Stack, client: Callable[[str, Mapping[str, str]], Any]
) -> None:
    """A worker that comes back must find its query, whatever happened in between."""
    variables = own_stack.up()
    athena = client("athena", variables)
    token = uuid.uuid4().hex
    done = start(athena, variables, "SELECT 1 AS x", ClientRequestToken=token)
    wait(athena, done)
    unfinished = start(athena, variables, ENDLESS)
    pid = next(status.pid for status in own_stack.status() if status.name == "athena")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    assert own_stack.up() == variables

    assert start(athena, variables, "SELECT 1 AS x", ClientRequestToken=token) == done
    rows = athena.get_query_results(QueryExecutionId=done)["ResultSet"]["Rows"]
    assert [row["Data"][0]["VarCharValue"] for row in rows] == ["x", "1"]
    found = athena.get_query_execution(QueryExecutionId=unfinished)["QueryExecution"]
    assert found["Status"]["State"] in {"QUEUED", "RUNNING"}
    athena.stop_query_execution(QueryExecutionId=unfinished)
    assert wait(athena, unfinished)["Status"]["State"] == "CANCELLED"
