"""Each property holds of what is committed, and is broken by what it is there to catch."""

import pytest

from tests.terraform import properties
from tests.terraform.hcl import configuration
from tests.terraform.properties import PROPERTIES, Property

BUCKET, LOGS = "modules/bucket/main.tf", "modules/access_logs/main.tf"
PLATFORM = "modules/platform/{}.tf".format
PROD = "tm-prod/{}".format

# What breaks each property: the file, the words, and others in their place.
BREAKS = [
    ("buckets_are_closed", BUCKET, "block_public_policy     = true", "block_public_policy = false"),
    ("buckets_are_closed", LOGS, "restrict_public_buckets = true", ""),
    ("buckets_are_closed", BUCKET, '"aws_s3_bucket_public_access_block"', '"aws_s3_bucket_acl"'),
    ("buckets_are_closed", BUCKET, "BucketOwnerEnforced", "ObjectWriter"),
    ("buckets_are_closed", BUCKET, 'status = "Enabled"\n  }\n}', 'status = "Suspended"\n  }\n}'),
    ("buckets_are_closed", BUCKET, '"aws:kms"', '"AES256"'),
    ("buckets_are_closed", BUCKET, "aws_kms_key.this.arn", '"alias/aws/s3"'),
    ("buckets_are_closed", BUCKET, "days_after_initiation = 1", "days_after_initiation = 30"),
    (
        "buckets_are_closed",
        BUCKET,
        "noncurrent_version_expiration",
        "noncurrent_version_transition",
    ),
    ("buckets_are_closed", BUCKET, "force_destroy = false", "force_destroy = true"),
    ("buckets_refuse_plain_http", LOGS, '"Deny"', '"Allow"'),
    ("buckets_refuse_plain_http", "modules/bucket/policy.tf", '"TlsOnly"', '"Other"'),
    (
        "statements_name_resources",
        "modules/identity/worker.tf",
        '["${var.exports_bucket_arn}/exports/*"]',
        '["*"]',
    ),
    (
        "statements_name_resources",
        "modules/identity/bridge.tf",
        '["s3:GetObject"]',
        '["s3:*"]',
    ),
    ("statements_name_resources", "modules/bucket/policy.tf", '"Deny"', '"Allow"'),
    (
        "roles_are_for_our_tasks",
        "modules/identity/main.tf",
        '"ecs-tasks.amazonaws.com"',
        '"lambda.amazonaws.com"',
    ),
    (
        "roles_are_for_our_tasks",
        "modules/identity/main.tf",
        '"aws:SourceAccount"',
        '"aws:PrincipalTag/x"',
    ),
    ("keys_rotate", BUCKET, "enable_key_rotation     = true", "enable_key_rotation = false"),
    (
        "keys_rotate",
        PLATFORM("secrets"),
        "deletion_window_in_days = 30",
        "deletion_window_in_days = 7",
    ),
    (
        "secrets_are_references",
        "modules/database/main.tf",
        "password_wo         = ephemeral.random_password.this.result",
        'password = "x"',
    ),
    (
        "secrets_are_references",
        "modules/database/main.tf",
        "secret_string_wo         = ",
        "secret_string = ",
    ),
    (
        "secrets_are_references",
        PLATFORM("processes"),
        "    MONGODB_DATABASE    = var.mongodb_database",
        "    MONGODB_URI = var.mongodb_database",
    ),
    ("secrets_are_references", PROD("terraform.tfvars"), "bridge_issuer ", "sfmc_client_secret "),
    ("containers_have_no_rights", "modules/task/main.tf", "10001:10001", "0:0"),
    (
        "containers_have_no_rights",
        "modules/task/main.tf",
        "readonlyRootFilesystem = true",
        "readonlyRootFilesystem = false",
    ),
    ("containers_have_no_rights", "modules/task/main.tf", '"ALL"', '"NET_RAW"'),
    ("containers_have_no_rights", "modules/task/main.tf", '"awsvpc"', '"host"'),
    (
        "services_are_inside_and_taken_back",
        "modules/service/main.tf",
        "assign_public_ip = false",
        "assign_public_ip = true",
    ),
    (
        "services_are_inside_and_taken_back",
        "modules/service/main.tf",
        "rollback = true",
        "rollback = false",
    ),
    (
        "only_the_load_balancer_is_reached",
        PLATFORM("network"),
        'aws_security_group.this["entrance"].id',
        'aws_security_group.this["webserver"].id',
    ),
    (
        "only_the_load_balancer_is_reached",
        PLATFORM("network"),
        'to = "code", port = 4266 }',
        'to = "webserver", port = 3000 }',
    ),
    (
        "only_the_load_balancer_is_reached",
        PLATFORM("network"),
        '{ from = "code", to = "database"',
        '{ from = "bridge", to = "database"',
    ),
    (
        "only_the_load_balancer_is_reached",
        PLATFORM("processes"),
        '"dagster-webserver", "--host", "127.0.0.1"',
        '"dagster-webserver", "--host", "0.0.0.0"',
    ),
    ("the_entrance_is_tls", "modules/entrance/main.tf", '"HTTPS"', '"HTTP"'),
    ("the_entrance_is_tls", "modules/entrance/main.tf", "-TLS13-1-2-2021-06", "-2016-08"),
    ("the_entrance_is_tls", "modules/entrance/main.tf", "drop_invalid_header_fields = true", ""),
    ("what_needs_no_token_stays_inside", "modules/entrance/main.tf", '"/metrics"', '"/metric"'),
    ("what_needs_no_token_stays_inside", "modules/entrance/main.tf", "fixed-response", "forward"),
    (
        "the_database_is_kept",
        "modules/database/main.tf",
        "publicly_accessible    = false",
        "publicly_accessible = true",
    ),
    ("the_database_is_kept", "modules/database/main.tf", "storage_encrypted     = true", ""),
    ("the_database_is_kept", "modules/database/main.tf", 'value = "1"', 'value = "0"'),
    (
        "queries_are_bounded",
        "modules/lake/main.tf",
        "enforce_workgroup_configuration    = true",
        "enforce_workgroup_configuration = false",
    ),
    (
        "queries_are_bounded",
        "modules/lake/main.tf",
        "bytes_scanned_cutoff_per_query     = var.bytes_scanned_cutoff",
        "",
    ),
    ("queries_are_bounded", "modules/lake/main.tf", "SSE_KMS", "SSE_S3"),
    ("logs_end", PLATFORM("main"), "retention_in_days = var.log_retention_days", ""),
    ("alarms_reach_somebody", "modules/alarms/main.tf", "docs/runbook.md#${try", "the wiki#${try"),
    (
        "alarms_reach_somebody",
        "modules/alarms/main.tf",
        "[aws_sns_topic.alarms.arn]\n  ok",
        "[]\n  ok",
    ),
    (
        "environments_differ_by_values",
        PROD("main.tf"),
        "allowed_account_ids",
        "forbidden_account_ids",
    ),
    ("environments_differ_by_values", PROD("terraform.tfvars"), "bridge_count ", "bridges "),
    ("environments_differ_by_values", PROD("backend.hcl"), "use_lockfile = true", ""),
    ("modules_get_what_they_declare", PLATFORM("main"), "multi_az          = ", "multi_zone = "),
    ("references_lead_somewhere", PLATFORM("main"), "var.certificate_arn", "var.certificate"),
    ("references_lead_somewhere", PLATFORM("main"), "module.lake.workgroup_arn", "module.lake.id"),
    ("references_lead_somewhere", PLATFORM("main"), "= local.run_family", "= local.family"),
    (
        "what_is_handed_over_says_what_it_is",
        "modules/lake/outputs.tf",
        'description = "Name of the workgroup."',
        "",
    ),
    ("what_runs_is_pinned", PLATFORM("variables"), "@sha256:[0-9a-f]{64}$", ":[a-z]+$"),
    ("what_runs_is_pinned", "modules/lake/versions.tf", "~> 6.0", ">= 5"),
    ("what_holds_data_is_kept", BUCKET, "prevent_destroy = true", "prevent_destroy = false"),
]


@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda one: one.__name__)
def test_a_property_holds_of_what_is_committed(holds: Property) -> None:
    """What the docstring of the property says, of every block there is."""
    assert [] == list(holds(configuration()))


@pytest.mark.parametrize(("name", "path", "old", "new"), BREAKS)
def test_a_property_is_broken_by_what_it_is_there_to_catch(
    name: str, path: str, old: str, new: str
) -> None:
    """A property that finds nothing anywhere would be green for the wrong reason."""
    broken = configuration().replaced(path, old, new)

    assert list(getattr(properties, name)(broken))


def test_every_property_has_something_that_breaks_it() -> None:
    """Each is shown to be able to fail."""
    assert {one.__name__ for one in PROPERTIES} == {name for name, *_ in BREAKS}
