"""What must hold of every block: each property gives what breaks it, in words; nothing is good."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.terraform.hcl import ENVIRONMENTS, Block, Configuration, values
from tests.terraform.iam import statements

Property = Callable[[Configuration], Iterator[str]]

# Statements that must name everything, because AWS knows no resource for their calls.
EVERYTHING = {
    "ReadOwnPlace",
    "ReadDefinitionsAndAnswerSessions",
    "SignInToRegistry",
}
# In the policy of a key "*" is the key.
KEY_POLICIES = {"Account", "OurLogGroups", "WritersOfTheTopic"}
# S3 and the load balancer can write to a bucket with S3's own key only.
WITHOUT_OWN_KEY = {"modules/access_logs"}
SECRET_NAMES = re.compile(r"SECRET|TOKEN|PASSWORD|_URI\b|CREDENTIAL|PRIVATE_KEY")
BUCKET_PARTS = (
    "public_access_block",
    "ownership_controls",
    "versioning",
    "server_side_encryption_configuration",
    "lifecycle_configuration",
    "policy",
)


def buckets_are_closed(of: Configuration) -> Iterator[str]:
    """No public access, no ACLs, versions, a key, an end of unfinished uploads, TLS only."""
    for bucket in of.resources("aws_s3_bucket"):
        parts = {
            part: block
            for part in BUCKET_PARTS
            for block in of.resources(f"aws_s3_bucket_{part}")
            if block.folder == bucket.folder and "aws_s3_bucket.this" in str(block.body["bucket"])
        }
        yield from (f"{bucket} has no {part}" for part in BUCKET_PARTS if part not in parts)
        if len(parts) == len(BUCKET_PARTS):
            yield from (f"{bucket}: {wrong}" for wrong in _open(parts))
        if bucket.body.get("force_destroy") is not False:
            yield f"{bucket} can be destroyed with what is in it"


def _open(parts: dict[str, Block]) -> Iterator[str]:
    blocked = parts["public_access_block"].body
    switches = (
        "block_public_acls",
        "block_public_policy",
        "ignore_public_acls",
        "restrict_public_buckets",
    )
    yield from (f"{one} is not true" for one in switches if blocked.get(one) is not True)
    if parts["ownership_controls"].one("rule").get("object_ownership") != "BucketOwnerEnforced":
        yield "has ACLs"
    if parts["versioning"].one("versioning_configuration").get("status") != "Enabled":
        yield "has no versions"
    yield from _unencrypted(parts["server_side_encryption_configuration"])
    uploads = "abort_incomplete_multipart_upload"
    on = [rule for rule in _rules(parts) if rule["status"] == "Enabled"]
    ends = [rule[uploads][0] for rule in on if uploads in rule]
    if [1] != [end["days_after_initiation"] for end in ends]:
        yield "keeps unfinished uploads for more than a day"
    if not any("noncurrent_version_expiration" in rule for rule in _rules(parts)):
        yield "keeps old versions for ever"


def _rules(parts: dict[str, Block]) -> list[dict[str, Any]]:
    return list(parts["lifecycle_configuration"].body["rule"])


def _unencrypted(block: Block) -> Iterator[str]:
    default = block.one("rule").get("apply_server_side_encryption_by_default", [{}])[0]
    expected = "AES256" if block.folder in WITHOUT_OWN_KEY else "aws:kms"
    if default.get("sse_algorithm") != expected:
        yield f"is not encrypted with {expected}"
    if expected == "aws:kms" and "aws_kms_key.this" not in str(default.get("kms_master_key_id")):
        yield "is not encrypted with its own key"


def buckets_refuse_plain_http(of: Configuration) -> Iterator[str]:
    """The statement that denies what comes without TLS stands in each bucket's policy."""
    for document in of.documents():
        if document.name == "bucket":
            spoken = [one for one in statements(document) if one.sid == "TlsOnly"]
            if [("Deny", ("s3:*",), ("*",))] != [
                (s.effect, s.actions, s.principals) for s in spoken
            ]:
                yield f"{document} allows plain http"


def statements_name_resources(of: Configuration) -> Iterator[str]:
    """Nothing is allowed on everything, and nobody everything, but what is named above."""
    for document in of.documents():
        for one in statements(document):
            if one.effect == "Deny":
                continue
            if "*" in one.resources and one.sid not in EVERYTHING | KEY_POLICIES:
                yield f"{document}: {one.sid} is about everything"
            wide = [action for action in one.actions if action.endswith("*")]
            if wide and one.sid not in KEY_POLICIES:
                yield f"{document}: {one.sid} allows {wide}"
            if one.principals == ("*",):
                yield f"{document}: {one.sid} allows everybody"


def roles_are_for_our_tasks(of: Configuration) -> Iterator[str]:
    """Only ECS may take a role, and only for this account."""
    for role in of.resources("aws_iam_role"):
        if "aws_iam_policy_document.trust.json" not in str(role.body["assume_role_policy"]):
            yield f"{role} trusts somebody else"
    for document in of.documents():
        if document.name != "trust":
            continue
        for one in statements(document):
            variables = {condition.variable for condition in one.conditions}
            if (
                one.principals != ("ecs-tasks.amazonaws.com",)
                or "aws:SourceAccount" not in variables
            ):
                yield f"{document} trusts another account"


def keys_rotate(of: Configuration) -> Iterator[str]:
    """A key is made anew each year, and one that is deleted can be had back for a month."""
    for key in of.resources("aws_kms_key"):
        if key.body.get("enable_key_rotation") is not True:
            yield f"{key} does not rotate"
        if key.body.get("deletion_window_in_days") != 30:
            yield f"{key} is gone too soon"


def secrets_are_references(of: Configuration) -> Iterator[str]:
    """No value of a secret in a file, in the state, or in a variable that everybody can read."""
    for block in of.blocks:
        if block.kind == "resource":
            told = {"password", "secret_string", "master_password"} & set(block.body)
            yield from (f"{block} holds a {name}" for name in told)
    processes = of.locals("modules/platform")
    for name, environment in processes.items():
        if name.endswith("_environment"):
            yield from (
                f"{name} shows {variable}"
                for variable in environment
                if SECRET_NAMES.search(variable)
            )
    for path, text in of.texts.items():
        if path.endswith(".tfvars"):
            named = [name for name in values(text) if SECRET_NAMES.search(name.upper())]
            yield from (f"{path} sets {one}" for one in named if not one.endswith("_version"))


def containers_have_no_rights(of: Configuration) -> Iterator[str]:
    """No root, nothing to write to but scratch, no capability, no privilege."""
    wanted = (
        'user = "10001:10001"',
        "readonlyRootFilesystem = true",
        "privileged = false",
        'capabilities = {drop = ["ALL"]}',
    )
    for task in of.resources("aws_ecs_task_definition"):
        said = str(task.body["container_definitions"]).replace('\\"', '"')
        yield from (f"{task}: no {one}" for one in wanted if one not in said)
        if task.body.get("network_mode") != "awsvpc":
            yield f"{task} shares its network"


def services_are_inside_and_taken_back(of: Configuration) -> Iterator[str]:
    """No public address; a deployment that does not become healthy is taken back."""
    for service in of.resources("aws_ecs_service"):
        if service.one("network_configuration").get("assign_public_ip") is not False:
            yield f"{service} has a public address"
        breaker = service.one("deployment_circuit_breaker")
        if not (breaker.get("enable") is breaker.get("rollback") is True):
            yield f"{service} is not taken back when it does not become healthy"


# Who may reach what; nobody reaches the rest, such as the webserver, which asks nobody who he is.
MAY_REACH = {
    "bridge": {"entrance"},
    "code": {"webserver", "dagster"},
    "database": {"code", "webserver", "dagster"},
}


def only_the_load_balancer_is_reached(of: Configuration) -> Iterator[str]:
    """From outside to its port 443, from there to the bridge; Dagster by nobody."""
    entrance = 'aws_security_group.this["entrance"]'
    for rule in of.resources("aws_vpc_security_group_ingress_rule"):
        if "cidr_ipv4" in rule.body or "cidr_ipv6" in rule.body:
            to, port = str(rule.body["security_group_id"]), rule.body["to_port"]
            if entrance not in to.replace('\\"', '"') or port != 443:
                yield f"{rule} lets the world to {to} on {port}"
    said = of.locals("modules/platform")
    for name, path in said["paths"].items():
        if name != "__is_block__" and path["from"] not in MAY_REACH.get(path["to"], set()):
            yield f"{name} is a way that nobody may go"
    if "127.0.0.1" not in said["tasks"]["webserver"]["command"]:
        yield "the webserver does not listen on loopback alone"


def the_entrance_is_tls(of: Configuration) -> Iterator[str]:
    """TLS 1.2 or newer and nothing beside it; invalid headers end there."""
    for listener in of.resources("aws_lb_listener"):
        if (listener.body["protocol"], listener.body["port"]) != ("HTTPS", 443):
            yield f"{listener} is not https"
        if not str(listener.body.get("ssl_policy")).startswith("ELBSecurityPolicy-TLS13-1-2"):
            yield f"{listener} speaks old TLS"
    for balancer in of.resources("aws_lb"):
        wanted = {"drop_invalid_header_fields": True, "enable_deletion_protection": True,
                  "desync_mitigation_mode": "strictest"}  # fmt: skip
        yield from (
            f"{balancer}: {k} is not {v}" for k, v in wanted.items() if balancer.body.get(k) != v
        )


# What the bridge tells without a token (api_bridge/routes/metrics.py, health.py).
INSIDE = {"/metrics", "/readyz"}


def what_needs_no_token_stays_inside(of: Configuration) -> Iterator[str]:
    """The load balancer answers by itself what is for machines inside."""
    kept: set[str] = set()
    for rule in of.resources("aws_lb_listener_rule"):
        if rule.one("action").get("type") == "fixed-response":
            kept |= set(rule.one("condition")["path_pattern"][0]["values"])
    yield from (f"{path} is reached from outside" for path in sorted(INSIDE - kept))


def the_database_is_kept(of: Configuration) -> Iterator[str]:
    """Encrypted, inside, with TLS, with backups, not deleted by mistake."""
    wanted = {
        "storage_encrypted": True,
        "publicly_accessible": False,
        "deletion_protection": True,
        "skip_final_snapshot": False,
        "delete_automated_backups": False,
    }
    for database in of.resources("aws_db_instance"):
        yield from (
            f"{database}: {k} is not {v}"
            for k, v in wanted.items()
            if database.body.get(k) is not v
        )
    for group in of.resources("aws_db_parameter_group"):
        said = {one["name"]: one["value"] for one in group.body["parameter"]}
        if said.get("rds.force_ssl") != "1":
            yield f"{group} allows connections without TLS"


def queries_are_bounded(of: Configuration) -> Iterator[str]:
    """The workgroup's settings count, whatever a client says, and a query is stopped in time."""
    for group in of.resources("aws_athena_workgroup"):
        said = group.one("configuration")
        if said.get("enforce_workgroup_configuration") is not True:
            yield f"{group} lets clients choose"
        if said.get("bytes_scanned_cutoff_per_query") != "${var.bytes_scanned_cutoff}":
            yield f"{group} has no cut-off"
        results = said["result_configuration"][0]["encryption_configuration"][0]
        if results["encryption_option"] != "SSE_KMS":
            yield f"{group} leaves results without our key"


def logs_end(of: Configuration) -> Iterator[str]:
    """Logs are kept for a stated time, with our key."""
    for group in of.resources("aws_cloudwatch_log_group"):
        missing = {"retention_in_days", "kms_key_id"} - set(group.body)
        yield from (f"{group} has no {one}" for one in sorted(missing))


def alarms_reach_somebody(of: Configuration) -> Iterator[str]:
    """Each alarm tells somebody, says what no data means, and names its place in the runbook."""
    for alarm in of.resources("aws_cloudwatch_metric_alarm"):
        for name in ("alarm_actions", "ok_actions", "treat_missing_data"):
            if not alarm.body.get(name):
                yield f"{alarm} has no {name}"
        if "docs/runbook.md#" not in alarm.body["alarm_description"]:
            yield f"{alarm} names no place in the runbook"


def environments_differ_by_values(of: Configuration) -> Iterator[str]:
    """The same files, the same variables: what differs is in terraform.tfvars and backend.hcl."""
    first, second = ENVIRONMENTS
    for name in ("main.tf", "variables.tf", "outputs.tf"):
        if of.texts[f"{first}/{name}"] != of.texts[f"{second}/{name}"]:
            yield f"{name} is not the same in both"
    for name in ("terraform.tfvars", "backend.hcl"):
        ones, others = (set(values(of.texts[f"{env}/{name}"])) for env in ENVIRONMENTS)
        yield from (f"{name}: {one} is in one only" for one in sorted(ones ^ others))
    for env in ENVIRONMENTS:
        declared = {b.name for b in of.blocks if (b.folder, b.kind) == (env, "variable")}
        given = set(values(of.texts[f"{env}/terraform.tfvars"]))
        yield from (
            f"{env}: {one} is not declared, or has no value" for one in sorted(declared ^ given)
        )


def modules_get_what_they_declare(of: Configuration) -> Iterator[str]:
    """Each call of a module gives every variable without a default, and no other name."""
    for call in of.blocks:
        if call.kind != "module":
            continue
        folder = f"modules/{call.body['source'].rpartition('/')[2]}"
        declared = {b.name: b.body for b in of.blocks if (b.folder, b.kind) == (folder, "variable")}
        given = set(call.body) - {"source", "for_each", "depends_on", "providers", "count"}
        needed = {name for name, body in declared.items() if "default" not in body}
        yield from (f"{call}: {folder} has no {one}" for one in sorted(given - set(declared)))
        yield from (f"{call}: {folder} needs {one}" for one in sorted(needed - given))


def references_lead_somewhere(of: Configuration) -> Iterator[str]:
    """What is used is declared in the same folder, and what is declared is used."""
    for folder in sorted({block.folder for block in of.blocks}):
        text = "".join(
            text
            for path, text in of.texts.items()
            if path.rpartition("/")[0] == folder and path.endswith(".tf")
        )
        blocks = [block for block in of.blocks if block.folder == folder]
        declared = {block.name for block in blocks if block.kind == "variable"}
        used = set(re.findall(r"\bvar\.(\w+)", text))
        places = set(re.findall(r"\blocal\.(\w+)", text))
        yield from (f"{folder}: var.{one}" for one in sorted(used ^ declared))
        yield from (f"{folder}: local.{one}" for one in sorted(places ^ set(of.locals(folder))))
        yield from _missing_outputs(of, text, blocks)


def _missing_outputs(of: Configuration, text: str, blocks: list[Block]) -> Iterator[str]:
    sources = {b.name: b.body["source"].rpartition("/")[2] for b in blocks if b.kind == "module"}
    for module, output in re.findall(r"\bmodule\.(\w+)(?:\[[^]]+\])?\.(\w+)", text):
        folder = f"modules/{sources.get(module)}"
        known = {b.name for b in of.blocks if (b.folder, b.kind) == (folder, "output")}
        if output not in known:
            yield f"module.{module}.{output} is not given"


def what_is_handed_over_says_what_it_is(of: Configuration) -> Iterator[str]:
    """Variables and outputs are what a reader of a module sees first."""
    for block in of.blocks:
        if block.kind in {"variable", "output"} and not block.body.get("description"):
            yield f"{block} says nothing of itself"


def what_runs_is_pinned(of: Configuration) -> Iterator[str]:
    """The image is named by its digest, providers by their major version."""
    for block in of.blocks:
        is_image = (block.folder, block.labels) == ("modules/platform", ("image",))
        if is_image and "@sha256:" not in str(block.one("validation").get("condition")):
            yield "an image may be named by a tag"
        if block.kind == "terraform":
            said = block.one("required_providers").items()
            loose = [name for name, one in said if name != "__is_block__" and _is_loose(one)]
            yield from (f"{block}: {name} is not pinned" for name in loose)


def _is_loose(provider: Mapping[str, str]) -> bool:
    return not str(provider["version"]).startswith("~> ")


def what_holds_data_is_kept(of: Configuration) -> Iterator[str]:
    """A plan that would destroy a bucket or the database is refused."""
    for kept in of.resources("aws_s3_bucket", "aws_db_instance"):
        if kept.one("lifecycle").get("prevent_destroy") is not True:
            yield f"{kept} can be destroyed"


PROPERTIES: tuple[Property, ...] = (
    buckets_are_closed,
    buckets_refuse_plain_http,
    statements_name_resources,
    roles_are_for_our_tasks,
    keys_rotate,
    secrets_are_references,
    containers_have_no_rights,
    services_are_inside_and_taken_back,
    only_the_load_balancer_is_reached,
    the_entrance_is_tls,
    what_needs_no_token_stays_inside,
    the_database_is_kept,
    queries_are_bounded,
    logs_end,
    alarms_reach_somebody,
    environments_differ_by_values,
    modules_get_what_they_declare,
    references_lead_somewhere,
    what_is_handed_over_says_what_it_is,
    what_runs_is_pinned,
    what_holds_data_is_kept,
)
