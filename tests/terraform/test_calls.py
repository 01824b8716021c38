"""The permissions fit the code: each call it makes is allowed, and nothing else is.

The calls are read from the source: ours, and Dagster's for ECS and compute logs. One that is new
makes these tests red before AWS refuses it.
"""

import ast
import importlib.util
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from tests.conventions.repository import ROOT, tree
from tests.terraform.hcl import configuration
from tests.terraform.test_roles import policies

# What AWS asks for behind each operation of the object store and of Athena.
NEEDS: Mapping[str, frozenset[str]] = {
    "put_object": frozenset({"s3:PutObject"}),
    "create_multipart_upload": frozenset({"s3:PutObject"}),
    "upload_part": frozenset({"s3:PutObject"}),
    "complete_multipart_upload": frozenset({"s3:PutObject"}),
    "abort_multipart_upload": frozenset({"s3:AbortMultipartUpload"}),
    "list_parts": frozenset({"s3:ListMultipartUploadParts"}),
    "get_object": frozenset({"s3:GetObject"}),
    "head_object": frozenset({"s3:GetObject"}),
    "delete_objects": frozenset({"s3:DeleteObject"}),
    "list_objects_v2": frozenset({"s3:ListBucket"}),
    "list_multipart_uploads": frozenset({"s3:ListBucketMultipartUploads"}),
    "start_query_execution": frozenset({"athena:StartQueryExecution"}),
    "stop_query_execution": frozenset({"athena:StopQueryExecution"}),
    "get_query_execution": frozenset({"athena:GetQueryExecution"}),
    "get_query_results": frozenset({"athena:GetQueryResults"}),
    "get_query_runtime_statistics": frozenset({"athena:GetQueryRuntimeStatistics"}),
}
# What stands behind a method of the object store (resources/object_store.py).
METHODS: Mapping[str, frozenset[str]] = {
    "sign": NEEDS["get_object"],
    "read": NEEDS["get_object"],
    "keys": NEEDS["list_objects_v2"] | NEEDS["list_multipart_uploads"],
    "remove": NEEDS["list_objects_v2"]
    | NEEDS["list_multipart_uploads"]
    | NEEDS["delete_objects"]
    | NEEDS["abort_multipart_upload"],
}
# What nobody calls by name: Athena, in the name of whoever asks; KMS, in the name of S3; and the
# compute logs, which are another bucket's.
ATHENA_ASKS = {
    "glue:GetDatabase",
    "glue:GetTable",
    "glue:GetPartition",
    "glue:GetPartitions",
    "s3:GetBucketLocation",
    "s3:ListMultipartUploadParts",
}
KMS_READS, KMS_WRITES = {"kms:Decrypt"}, {"kms:Decrypt", "kms:GenerateDataKey"}
# What the ECS launcher calls; a definition is registered only where none is given, and one is.
LAUNCHER = {
    "describe_task_definition": "ecs:DescribeTaskDefinition",
    "register_task_definition": None,
    "describe_tasks": "ecs:DescribeTasks",
    "stop_task": "ecs:StopTask",
    "run_task": "ecs:RunTask",
}


@cache
def operations(service: str) -> frozenset[str]:
    """The methods that a boto3 client of a service has."""
    model = botocore.session.get_session().get_service_model(service)
    return frozenset(xform_name(name) for name in model.operation_names)


def named(files: Iterable[Path], names: Iterable[str]) -> set[str]:
    """Which of the names are called, or given as text, in some files."""
    wanted = set(names)
    found = set()
    for file in files:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found & wanted


def methods(folder: str, receiver: str) -> set[str]:
    """The methods called on something of a name, below a folder."""
    return {
        node.func.attr
        for file in (ROOT / folder).rglob("*.py")
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and _name(node.func.value) == receiver
    }


def _name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def actions(role: str, *, on: str = "") -> set[str]:
    """What a role may do, on resources whose ARN holds some text."""
    return {
        action
        for statement in policies(configuration())[role]
        for action in statement.actions
        if any(on in resource for resource in statement.resources)
    }


def _installed(*path: str) -> Path:
    """A file of Dagster's AWS library; importing it would take seconds."""
    found = importlib.util.find_spec("dagster_aws")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent.joinpath(*path)


def test_the_doors_call_what_is_known() -> None:
    """A new call needs a permission, and a reason; an old one that is gone needs none."""
    # MongoDB has sessions, too, and is no service of AWS.
    files = (ROOT / "resources").rglob("*.py")
    doors = [file for file in files if "mongo" not in file.parts]
    known = operations("s3") | operations("athena")

    assert set(NEEDS) == named(doors, known)


def test_a_call_that_is_not_known_is_found(tmp_path: Path) -> None:
    """The search must be able to find one."""
    door = tmp_path / "door.py"
    door.write_text("def copy(client):\n    client.copy_object()\n    page('list_objects')\n")

    assert {"copy_object", "list_objects"} == named([door], operations("s3"))


def test_a_run_may_do_what_the_doors_call_and_nothing_else() -> None:
    """The worker is the only process that uses every door."""
    called = {action for needed in NEEDS.values() for action in needed}

    assert called | ATHENA_ASKS | KMS_WRITES == actions("worker")


def test_the_bridge_may_do_what_it_calls_and_nothing_else() -> None:
    """It signs and reads; a third call would show here."""
    called = methods("api_bridge", "objects") - {"close"}

    assert {"sign", "read"} == called
    assert {one for name in called for one in METHODS[name]} | KMS_READS == actions("bridge")


def test_the_reaper_may_do_what_it_calls_and_nothing_else() -> None:
    """Sensors run in the code server; what they log becomes an object elsewhere."""
    called = methods("sensors", "object_store")
    logs = {"s3:PutObject"} | KMS_WRITES

    assert {"keys", "remove"} == called
    assert {one for name in called for one in METHODS[name]} == actions("code", on=":exports")
    assert logs == actions("code", on="compute-logs")


def test_the_object_store_calls_what_its_methods_are_said_to_need() -> None:
    """METHODS above is about resources/object_store.py and must not drift from it."""
    parsed = tree(ROOT / "resources" / "object_store.py")
    store = next(
        node
        for node in parsed.body
        if isinstance(node, ast.ClassDef) and node.name == "ObjectStore"
    )
    bodies = {
        node.name: ast.unparse(node) for node in store.body if isinstance(node, ast.FunctionDef)
    }

    assert set(METHODS) <= set(bodies)
    assert "delete" not in bodies["keys"] + bodies["read"] + bodies["sign"]
    assert "list_" not in bodies["read"] + bodies["sign"]


@pytest.mark.parametrize("module", ["launcher", "tasks", "utils"])
def test_the_ecs_launcher_calls_what_is_known(module: str) -> None:
    """Dagster's next release may call more, and then no run starts."""
    file = _installed("ecs", f"{module}.py")
    called = {
        node.func.attr
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }

    assert called & operations("ecs") <= set(LAUNCHER)


def test_the_daemon_may_start_watch_and_stop_runs_and_nothing_else() -> None:
    """What the launcher calls, and what AWS asks for when a task is started with tags and roles."""
    called = {action for action in LAUNCHER.values() if action}
    beside = {
        "ecs:TagResource",
        "iam:PassRole",
        "logs:GetLogEvents",
        "ec2:DescribeNetworkInterfaces",
    }
    logs = {"s3:PutObject", "s3:GetObject"} | KMS_WRITES

    assert called | beside | logs == actions("daemon")


def test_compute_logs_are_written_and_read_by_calls_that_are_allowed() -> None:
    """`list_objects` and `delete_objects` are for wiping assets, which nobody may."""
    file = _installed("s3", "compute_log_manager.py")
    transfers = {"upload_fileobj", "download_fileobj"}
    called = named([file], operations("s3") | transfers | {"generate_presigned_url"})

    assert {
        "upload_fileobj",
        "download_fileobj",
        "head_object",
        "list_objects",
        "list_objects_v2",
        "delete_objects",
        "generate_presigned_url",
        "get_object",
    } == called
    assert {"s3:GetObject", "s3:ListBucket"} | KMS_READS == actions("webserver", on="compute-logs")
