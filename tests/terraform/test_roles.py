"""What each role may do and may not: a table of calls, as AWS would answer them."""

from collections.abc import Mapping
from functools import cache

import pytest

from tests.terraform.hcl import Configuration, configuration
from tests.terraform.iam import ACCOUNT, ECS, GLUE, REGION, Statement, allowed, statements

FILE = "arn:aws:s3:::exports/exports/waitlist/v1/campaign=x/export=exp_1/a1-0011/part-00001.csv.gz"
PROMOTED = "arn:aws:s3:::exports/promoters/harbour/2026/03/x_waitlist_exp_1_001of001.csv"
EXPORTS = "arn:aws:s3:::exports"
INPUT = "arn:aws:s3:::scoring/input/v1/campaign_id=1/run_id=2/part-00000.parquet"
SCORES = "arn:aws:s3:::scoring/output/v1/campaign_id=1/run_id=2/scores-00000.csv.gz"
VF = "arn:aws:s3:::vf-scoring/verified-fan/x/2026-03-20/request_1.jsonl.gz"
RESULT = "arn:aws:s3:::results/results/0011.csv"
LOG = "arn:aws:s3:::compute-logs/dagster/storage/run/compute_logs/x.err"
LAKE = "arn:aws:s3:::lake/fan_events/codes_assigned/campaign_id=1/dt=2026-03-01/1.parquet"
OTHER_LAKE = "arn:aws:s3:::lake/payments/cards/1.parquet"
TASK, RUN = f"{ECS}:task/exports/0011", f"{ECS}:task-definition/exports-run:7"
WORKGROUP, OTHER_WORKGROUP = "workgroup/exports", "workgroup/primary"

YES, NO = True, False

# Role, call, on what, whether.
CASES = [
    # The bridge signs links and reads manifests; nothing else.
    ("bridge", "s3:GetObject", FILE, YES),
    ("bridge", "kms:Decrypt", "key/exports", YES),
    ("bridge", "s3:GetObject", PROMOTED, NO),
    ("bridge", "s3:PutObject", FILE, NO),
    ("bridge", "s3:DeleteObject", FILE, NO),
    ("bridge", "s3:DeleteObjectVersion", FILE, NO),
    ("bridge", "s3:GetObjectVersion", FILE, NO),
    ("bridge", "s3:ListBucket", EXPORTS, NO),
    ("bridge", "s3:AbortMultipartUpload", FILE, NO),
    ("bridge", "s3:PutBucketPolicy", EXPORTS, NO),
    ("bridge", "s3:GetObject", SCORES, NO),
    ("bridge", "s3:GetObject", VF, NO),
    ("bridge", "s3:GetObject", RESULT, NO),
    ("bridge", "s3:GetObject", LAKE, NO),
    ("bridge", "s3:GetObject", LOG, NO),
    ("bridge", "kms:GenerateDataKey", "key/exports", NO),
    ("bridge", "kms:Decrypt", "key/lake", NO),
    ("bridge", "kms:Decrypt", "key/secrets", NO),
    ("bridge", "athena:StartQueryExecution", WORKGROUP, NO),
    ("bridge", "ecs:RunTask", RUN, NO),
    ("bridge", "secretsmanager:GetSecretValue", "secret:bridge", NO),
    ("bridge", "sts:AssumeRole", "role/worker", NO),
    # The code server reaps: it deletes what it cannot read.
    ("code", "s3:ListBucketMultipartUploads", EXPORTS, YES),
    ("code", "s3:DeleteObject", FILE, YES),
    ("code", "s3:AbortMultipartUpload", FILE, YES),
    ("code", "s3:PutObject", LOG, YES),
    ("code", "s3:GetObject", FILE, NO),
    ("code", "s3:PutObject", FILE, NO),
    ("code", "s3:DeleteObject", PROMOTED, NO),
    ("code", "s3:AbortMultipartUpload", PROMOTED, NO),
    ("code", "s3:DeleteObject", SCORES, NO),
    ("code", "s3:DeleteObject", LOG, NO),
    ("code", "kms:Decrypt", "key/exports", NO),
    ("code", "athena:StartQueryExecution", WORKGROUP, NO),
    ("code", "ecs:RunTask", RUN, NO),
    ("code", "ecs:StopTask", TASK, NO),
    # A run makes one export, and never takes back what was delivered.
    ("worker", "s3:PutObject", FILE, YES),
    ("worker", "s3:GetObject", FILE, YES),
    ("worker", "s3:DeleteObject", FILE, YES),
    ("worker", "s3:AbortMultipartUpload", FILE, YES),
    ("worker", "s3:ListBucket", EXPORTS, YES),
    ("worker", "s3:PutObject", PROMOTED, YES),
    ("worker", "s3:GetObject", PROMOTED, YES),
    ("worker", "s3:DeleteObject", PROMOTED, NO),
    ("worker", "s3:PutObject", INPUT, YES),
    ("worker", "s3:DeleteObject", INPUT, NO),
    ("worker", "s3:GetObject", SCORES, YES),
    ("worker", "s3:PutObject", SCORES, NO),
    ("worker", "s3:PutObject", VF, YES),
    ("worker", "s3:DeleteObject", VF, NO),
    ("worker", "s3:GetObject", LAKE, YES),
    ("worker", "s3:GetObject", OTHER_LAKE, NO),
    ("worker", "s3:PutObject", LAKE, NO),
    ("worker", "s3:DeleteObject", LAKE, NO),
    ("worker", "s3:PutObject", RESULT, YES),
    ("worker", "s3:DeleteObject", RESULT, NO),
    ("worker", "s3:PutObject", LOG, YES),
    ("worker", "s3:GetObject", LOG, NO),
    ("worker", "s3:DeleteBucket", EXPORTS, NO),
    ("worker", "s3:PutLifecycleConfiguration", EXPORTS, NO),
    ("worker", "athena:StartQueryExecution", WORKGROUP, YES),
    ("worker", "athena:StartQueryExecution", OTHER_WORKGROUP, NO),
    ("worker", "athena:UpdateWorkGroup", WORKGROUP, NO),
    ("worker", "glue:GetTable", f"{GLUE}:table/fan_events/codes_assigned", YES),
    ("worker", "glue:GetTable", f"{GLUE}:table/payments/cards", NO),
    ("worker", "glue:DeleteTable", f"{GLUE}:table/fan_events/codes_assigned", NO),
    ("worker", "kms:GenerateDataKey", "key/exports", YES),
    ("worker", "kms:Decrypt", "key/lake", YES),
    ("worker", "kms:GenerateDataKey", "key/lake", NO),
    ("worker", "kms:Decrypt", "key/secrets", NO),
    ("worker", "kms:ScheduleKeyDeletion", "key/exports", NO),
    ("worker", "ecs:RunTask", RUN, NO),
    ("worker", "iam:PassRole", "role/worker", NO),
    # The daemon starts tasks of one family, with two roles.
    ("daemon", "ecs:RunTask", RUN, YES),
    ("daemon", "ecs:RunTask", f"{ECS}:task-definition/exports-bridge:1", NO),
    ("daemon", "ecs:RunTask", f"{ECS}:task-definition/another:1", NO),
    ("daemon", "ecs:RegisterTaskDefinition", RUN, NO),
    ("daemon", "ecs:StopTask", TASK, YES),
    ("daemon", "ecs:StopTask", f"{ECS}:task/another/0011", NO),
    ("daemon", "iam:PassRole", "role/worker", YES),
    ("daemon", "iam:PassRole", "role/worker-execution", YES),
    ("daemon", "iam:PassRole", "role/administrator", NO),
    ("daemon", "s3:GetObject", FILE, NO),
    ("daemon", "s3:PutObject", LOG, YES),
    ("daemon", "s3:DeleteObject", LOG, NO),
    ("daemon", "secretsmanager:GetSecretValue", "secret:bridge", NO),
    ("daemon", "logs:GetLogEvents", "log-group:/exports/worker:log-stream:run/1", YES),
    ("daemon", "logs:GetLogEvents", "log-group:/exports/bridge:log-stream:bridge/1", NO),
    # The webserver shows, and ends what a person ends.
    ("webserver", "ecs:StopTask", TASK, YES),
    ("webserver", "ecs:RunTask", RUN, NO),
    ("webserver", "s3:GetObject", LOG, YES),
    ("webserver", "s3:PutObject", LOG, NO),
    ("webserver", "s3:GetObject", FILE, NO),
    ("webserver", "iam:PassRole", "role/worker", NO),
    ("webserver", "ecs:ExecuteCommand", TASK, NO),
    # What starts a task reads the secrets of that task.
    ("execution", "secretsmanager:GetSecretValue", "secret:bridge", YES),
    ("execution", "secretsmanager:GetSecretValue", "secret:worker", NO),
    ("execution", "secretsmanager:PutSecretValue", "secret:bridge", NO),
    ("execution", "ecr:BatchGetImage", "repository/another", NO),
    ("execution", "s3:GetObject", FILE, NO),
]

# A call as our processes make it: inside TLS, within AWS, on our cluster, for a new object.
USUAL = {
    "aws:SecureTransport": "true",
    "aws:SourceAccount": ACCOUNT,
    "ecs:cluster": "cluster/exports",
    "ecs:CreateAction": "RunTask",
    "iam:PassedToService": "ecs-tasks.amazonaws.com",
    "kms:ViaService": f"s3.{REGION}.amazonaws.com",
    "s3:if-none-match": "*",
    "s3:ObjectCreationOperation": "true",
    "s3:signatureAge": "1000",
}

# The same calls in another way, which must change the answer.
UNUSUAL = [
    ("bridge", "s3:GetObject", FILE, {"aws:SecureTransport": "false"}),
    ("bridge", "s3:GetObject", FILE, {"s3:signatureAge": "901000"}),
    ("bridge", "kms:Decrypt", "key/exports", {"kms:ViaService": "ec2.eu-west-1.amazonaws.com"}),
    ("worker", "s3:PutObject", FILE, {"s3:if-none-match": None}),
    ("worker", "s3:PutObject", FILE, {"aws:SecureTransport": "false"}),
    (
        "worker",
        "s3:PutObject",
        FILE,
        {"s3:x-amz-server-side-encryption-aws-kms-key-id": "key/of-somebody-else"},
    ),
    ("worker", "kms:Decrypt", "key/lake", {"kms:ViaService": None}),
    ("daemon", "ecs:RunTask", RUN, {"ecs:cluster": "cluster/another"}),
    ("daemon", "ecs:StopTask", TASK, {"ecs:cluster": "cluster/another"}),
    ("daemon", "ecs:TagResource", TASK, {"ecs:CreateAction": "CreateService"}),
    ("daemon", "iam:PassRole", "role/worker", {"iam:PassedToService": "lambda.amazonaws.com"}),
    ("webserver", "ecs:StopTask", TASK, {"ecs:cluster": None}),
]


@cache
def policies(of: Configuration) -> dict[str, list[Statement]]:
    """The statements of each role; on objects of the exports bucket its own policy counts, too."""
    return {
        block.name: statements(block)
        for block in of.documents()
        if block.folder == "modules/identity"
    }


@cache
def bucket_policy(of: Configuration) -> list[Statement]:
    """The statements of a bucket's policy."""
    return next(
        statements(block)
        for block in of.documents()
        if (block.folder, block.name) == ("modules/bucket", "bucket")
    )


def answer(
    of: Configuration, role: str, action: str, resource: str, differing: Mapping[str, str | None]
) -> bool:
    """What AWS would say."""
    context = {name: value for name, value in {**USUAL, **differing}.items() if value is not None}
    spoken = policies(of)[role] + bucket_policy(of)
    return allowed(spoken, action, resource, context)


@pytest.mark.parametrize(("role", "action", "resource", "expected"), CASES)
def test_a_role_may_do_what_its_process_does_and_nothing_else(
    role: str, action: str, resource: str, expected: bool
) -> None:
    """RELIABILITY.md S23: a table of calls, each with its answer."""
    assert expected == answer(configuration(), role, action, resource, {})


def test_the_sender_of_webhooks_may_do_nothing_in_aws() -> None:
    """It calls what callers choose; a role without a policy is worth nothing to who takes it."""
    said = configuration().locals("modules/identity")

    assert "webhooks" in str(said["kinds"])
    assert "webhooks" not in said["policies"]
    assert "webhooks" not in policies(configuration())
    # The control: all others have one.
    kinds = {"bridge", "code", "daemon", "webserver", "worker"}
    assert kinds == set(said["policies"]) - {"__is_block__"}
    assert kinds < set(policies(configuration()))


@pytest.mark.parametrize(("role", "action", "resource", "differing"), UNUSUAL)
def test_a_call_that_is_allowed_is_refused_when_it_comes_another_way(
    role: str, action: str, resource: str, differing: Mapping[str, str | None]
) -> None:
    """Without TLS, with an old signature, over another service, on another cluster."""
    usual = answer(configuration(), role, action, resource, {})

    assert (usual, answer(configuration(), role, action, resource, differing)) == (True, False)


@pytest.mark.parametrize(
    ("prefix", "expected"), [("exports/waitlist/v1/", YES), ("promoters/", NO), ("", NO)]
)
def test_the_reaper_lists_exports_only(prefix: str, expected: bool) -> None:
    """What was brought to a promoter is none of its business."""
    found = answer(configuration(), "code", "s3:ListBucket", EXPORTS, {"s3:prefix": prefix})

    assert found == expected


@pytest.mark.parametrize(
    ("path", "old", "new", "case"),
    [
        (
            "modules/identity/bridge.tf",
            'actions   = ["s3:GetObject"]',
            'actions   = ["s3:GetObject", "s3:Delete*"]',
            ("bridge", "s3:DeleteObject", FILE),
        ),
        (
            "modules/identity/bridge.tf",
            "/exports/*",
            "/*",
            ("bridge", "s3:GetObject", PROMOTED),
        ),
        (
            "modules/identity/code.tf",
            "${var.exports_bucket_arn}/exports/*",
            "${var.exports_bucket_arn}/*",
            ("code", "s3:DeleteObject", PROMOTED),
        ),
        (
            "modules/identity/daemon.tf",
            '[aws_iam_role.task["worker"].arn, aws_iam_role.execution["worker"].arn]',
            '["role/*"]',
            ("daemon", "iam:PassRole", "role/administrator"),
        ),
        (
            "modules/identity/worker.tf",
            "resources = [var.workgroup_arn]",
            'resources = ["workgroup/*"]',
            ("worker", "athena:StartQueryExecution", OTHER_WORKGROUP),
        ),
        (
            "modules/identity/execution.tf",
            "resources = var.secret_arns[each.value]",
            'resources = ["secret:*"]',
            ("execution", "secretsmanager:GetSecretValue", "secret:worker"),
        ),
    ],
)
def test_a_policy_that_allows_more_changes_an_answer(
    path: str, old: str, new: str, case: tuple[str, str, str]
) -> None:
    """The table must be able to fail."""
    assert not answer(configuration(), *case, {})
    assert answer(configuration().replaced(path, old, new), *case, {})


def test_a_bucket_policy_that_denies_nothing_changes_an_answer() -> None:
    """The other half of the answers comes from the bucket."""
    loosened = configuration().replaced("modules/bucket/policy.tf", '"Deny"', '"Allow"')
    over_http = {"aws:SecureTransport": "false"}

    assert answer(loosened, "bridge", "s3:GetObject", FILE, over_http)
