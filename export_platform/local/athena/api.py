"""The operations of the Athena API, from the members of a request to those of an answer.

Names, limits and errors are those of the API reference (2017-05-18). What is missing answers
`InvalidRequestException`, so that nothing seems to work that does not.
"""

from collections.abc import Callable, Mapping
from typing import Any

from export_platform.local.athena import statement
from export_platform.local.athena.executions import Execution, Executions, Request, State
from export_platform.local.athena.failures import Category, RefusedCallError
from export_platform.local.athena.tables import DATABASES, TABLES, HiveColumn, Table, find

_CATALOG = "AwsDataCatalog"
_WORKGROUP = "primary"
_TOKEN_LENGTHS = range(32, 129)
_PAGE = 1_000  # most records of one GetQueryResults
_LIST_PAGE = 50  # most ids of one ListQueryExecutions or BatchGetQueryExecution
_ENGINE_VERSION = {
    "SelectedEngineVersion": "AUTO",
    "EffectiveEngineVersion": "Athena engine version 3",
}

Members = Mapping[str, Any]
Answer = dict[str, Any]


class Api:
    """The operations over one set of executions."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions
        self._operations: dict[str, Callable[[Members], Answer]] = {
            "StartQueryExecution": self._start,
            "GetQueryExecution": self._get,
            "BatchGetQueryExecution": self._batch_get,
            "ListQueryExecutions": self._list,
            "StopQueryExecution": self._stop,
            "GetQueryResults": self._results,
            "GetQueryRuntimeStatistics": self._statistics,
            "GetWorkGroup": _workgroup,
            "ListDatabases": _databases,
            "GetTableMetadata": _table,
            "ListTableMetadata": _tables,
        }

    def answer(self, operation: str, members: Members) -> Answer:
        """Answers one call.

        Raises:
            RefusedCallError: Athena would refuse it, or this endpoint does not have the operation.
        """
        if operation not in self._operations:
            raise RefusedCallError(f"{operation} is not available on this endpoint")
        return self._operations[operation](members)

    def _start(self, members: Members) -> Answer:
        token = members.get("ClientRequestToken", "")
        if len(token) not in _TOKEN_LENGTHS:
            raise RefusedCallError("ClientRequestToken must be between 32 and 128 characters long")
        return {"QueryExecutionId": self._executions.start(_request(members), token)}

    def _get(self, members: Members) -> Answer:
        return {"QueryExecution": _described(self._executions.get(_id(members)))}

    def _batch_get(self, members: Members) -> Answer:
        ids = members.get("QueryExecutionIds") or []
        if not 1 <= len(ids) <= _LIST_PAGE:
            raise RefusedCallError(f"QueryExecutionIds must have 1 to {_LIST_PAGE} members")
        found, missing = [], []
        for execution_id in ids:
            try:
                found.append(_described(self._executions.get(execution_id)))
            except RefusedCallError as refusal:
                missing.append(
                    {
                        "QueryExecutionId": execution_id,
                        "ErrorCode": "INVALID_QUERY_EXECUTION_ID",
                        "ErrorMessage": refusal.message,
                    }
                )
        return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}

    def _list(self, members: Members) -> Answer:
        start, limit = _window(members, _LIST_PAGE)
        newest = self._executions.newest()
        ids = [execution.id for execution in newest[start : start + limit]]
        more = {"NextToken": str(start + limit)} if start + limit < len(newest) else {}
        return {"QueryExecutionIds": ids, **more}

    def _stop(self, members: Members) -> Answer:
        self._executions.stop(_id(members))
        return {}

    def _results(self, members: Members) -> Answer:
        limit = members.get("MaxResults", _PAGE)
        if not 1 <= limit <= _PAGE:
            raise RefusedCallError(f"MaxResults is more than maximum allowed length {_PAGE}")
        execution = self._executions.get(_id(members))
        page = self._executions.page(execution.id, members.get("NextToken"), limit)
        columns = () if execution.kind is statement.Kind.UNLOAD else execution.columns
        more = {"NextToken": page.next_token} if page.next_token else {}
        return {
            "UpdateCount": 0,
            "ResultSet": {
                "Rows": [
                    {"Data": [{} if value is None else {"VarCharValue": value} for value in record]}
                    for record in page.records
                ],
                "ResultSetMetadata": {"ColumnInfo": [c.on_the_wire() for c in columns]},
            },
            **more,
        }

    def _statistics(self, members: Members) -> Answer:
        execution = self._executions.get(_id(members))
        rows = {
            "InputBytes": execution.scanned_bytes,
            "OutputRows": execution.rows,
            "OutputBytes": execution.output_bytes,
        }
        timeline = {
            "QueryQueueTimeInMillis": execution.queued_ms,
            "QueryPlanningTimeInMillis": execution.planning_ms,
            "EngineExecutionTimeInMillis": execution.engine_ms,
            "TotalExecutionTimeInMillis": execution.queued_ms + execution.engine_ms,
        }
        return {"QueryRuntimeStatistics": {"Timeline": timeline, "Rows": rows}}


def _request(members: Members) -> Request:
    context = members.get("QueryExecutionContext") or {}
    output = (members.get("ResultConfiguration") or {}).get("OutputLocation", "")
    if not output:
        raise RefusedCallError(
            "No output location provided. An output location is required either through the"
            " Workgroup result configuration setting or as an API input."
        )
    if not output.startswith("s3://"):
        raise RefusedCallError("outputLocation is not a valid S3 path.")
    workgroup = members.get("WorkGroup") or _WORKGROUP
    _check_workgroup(workgroup)
    return Request(
        query=members.get("QueryString", ""),
        parameters=tuple(members.get("ExecutionParameters") or ()),
        database=context.get("Database") or "default",
        catalog=context.get("Catalog") or _CATALOG,
        output=output.rstrip("/") + "/",
        workgroup=workgroup,
    )


def _id(members: Members) -> str:
    return str(members.get("QueryExecutionId", ""))


def _window(members: Members, most: int) -> tuple[int, int]:
    token = members.get("NextToken") or "0"
    limit = members.get("MaxResults", most)
    if not token.isdecimal() or not 1 <= limit <= most:
        raise RefusedCallError("NextToken or MaxResults is not valid")
    return int(token), limit


def _described(execution: Execution) -> Answer:
    kind = execution.kind
    request = execution.request
    described: Answer = {
        "QueryExecutionId": execution.id,
        "Query": request.query,
        "StatementType": "DML",
        "SubstatementType": str(kind),
        "ResultConfiguration": {"OutputLocation": execution.output_location},
        "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        "QueryExecutionContext": {"Database": request.database, "Catalog": request.catalog},
        "Status": _status(execution),
        "Statistics": _summary(execution),
        "WorkGroup": request.workgroup,
        "EngineVersion": _ENGINE_VERSION,
    }
    if request.parameters:
        described["ExecutionParameters"] = list(request.parameters)
    return described


def _status(execution: Execution) -> Answer:
    status: Answer = {"State": str(execution.state), "SubmissionDateTime": execution.submitted}
    if execution.completed is not None:
        status["CompletionDateTime"] = execution.completed
    if execution.reason is not None:
        status["StateChangeReason"] = execution.reason
    if execution.state is State.FAILED:
        status["AthenaError"] = {
            "ErrorCategory": execution.error_category,
            "ErrorType": execution.error_type,
            "Retryable": execution.error_category == Category.SYSTEM,
            "ErrorMessage": execution.reason,
        }
    return status


def _summary(execution: Execution) -> Answer:
    summary: Answer = {
        "EngineExecutionTimeInMillis": execution.engine_ms,
        "DataScannedInBytes": execution.scanned_bytes,
        "TotalExecutionTimeInMillis": execution.queued_ms + execution.engine_ms,
        "QueryQueueTimeInMillis": execution.queued_ms,
        "QueryPlanningTimeInMillis": execution.planning_ms,
        "ServiceProcessingTimeInMillis": 0,
        "ResultReuseInformation": {"ReusedPreviousResult": False},
    }
    if execution.kind is statement.Kind.UNLOAD and execution.state is State.SUCCEEDED:
        summary["DataManifestLocation"] = f"{execution.output_location}-manifest.csv"
    return summary


def _check_workgroup(name: str) -> None:
    if name != _WORKGROUP:
        raise RefusedCallError("WorkGroup is not found.")


def _workgroup(members: Members) -> Answer:
    _check_workgroup(members.get("WorkGroup", ""))
    configuration = {
        "ResultConfiguration": {},
        "EnforceWorkGroupConfiguration": False,
        "PublishCloudWatchMetricsEnabled": False,
        "RequesterPaysEnabled": False,
        "EngineVersion": _ENGINE_VERSION,
    }
    return {"WorkGroup": {"Name": _WORKGROUP, "State": "ENABLED", "Configuration": configuration}}


def _databases(_members: Members) -> Answer:
    return {"DatabaseList": [{"Name": name} for name in DATABASES]}


def _table(members: Members) -> Answer:
    found = find(members.get("DatabaseName", ""), members.get("TableName", ""))
    if found is None:
        raise RefusedCallError(
            "EntityNotFoundException: Entity Not Found", code="MetadataException"
        )
    return {"TableMetadata": _metadata(found)}


def _tables(members: Members) -> Answer:
    wanted = members.get("DatabaseName", "").lower()
    found = [_metadata(table) for table in TABLES if table.database == wanted]
    return {"TableMetadataList": found}


def _metadata(table: Table) -> Answer:
    def columns(declared: tuple[HiveColumn, ...]) -> list[dict[str, str]]:
        return [{"Name": column.name, "Type": column.type} for column in declared]

    return {
        "Name": table.name,
        "TableType": "EXTERNAL_TABLE",
        "Columns": columns(table.columns),
        "PartitionKeys": columns(table.partition_keys),
        "Parameters": {"location": f"s3://lake/{table.prefix}", "projection.enabled": "true"},
    }
