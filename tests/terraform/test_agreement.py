"""What terraform/ says and the code says, too: tables, variables, retention, buckets, places."""

import ast
import re
from typing import get_args

import pytest

from api_bridge import settings as bridge
from api_bridge.__main__ import KEEP_ALIVE_SECONDS
from api_bridge.protocol.preference import MAX_WAIT_SECONDS
from api_bridge.routes.events import COMMENT_SECONDS
from assets.exports.catalog import CATALOG
from assets.sources import column_dependencies
from export_platform import settings as platform
from export_platform.local.athena.tables import TABLES
from resources import object_store, tracing
from resources.wiring import environment
from tests.conventions.repository import ROOT, tree
from tests.terraform.hcl import ENVIRONMENTS, configuration, values

PLATFORM = "modules/platform"
PROCESSES = ("bridge", "code", "daemon", "webhooks", "webserver", "worker")


def _variables(process: str) -> set[str]:
    """The variables that a process gets, secret or not."""
    said = configuration().locals(PLATFORM)
    sets = re.findall(r"local\.(\w+_environment)", str(said["tasks"][process]["environment"]))
    secrets = str(said["secrets"][process])
    shared = "dagster_secrets" in secrets
    return (
        {name for one in sets for name in said[one]}
        | (set(said["dagster_secrets"]) if shared else set())
        | set(re.findall(r"\b([A-Z][A-Z_]+)\b(?= =|\")", secrets))
        | (set(said["secrets"][process]) if isinstance(said["secrets"][process], dict) else set())
    ) - {"__is_block__"}


def _constants(module: object) -> set[str]:
    """The names of variables that a module of ours declares."""
    return {
        value
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and re.fullmatch(r"[A-Z][A-Z0-9_]+", value)
    }


def _bridge_names() -> set[str]:
    """The `BRIDGE_…` that the bridge reads."""
    texts = (
        node.value
        for node in ast.walk(tree(ROOT / "api_bridge" / "settings.py"))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text in texts if re.fullmatch(r"BRIDGE_[A-Z_]+[A-Z]", text)}


def test_the_tables_are_those_that_the_code_declares() -> None:
    """One declaration feeds the local lake and its queries; the real lake must be the same."""
    said = configuration().locals("modules/lake")["tables"]

    assert said == {
        table.name: {
            "database": table.database,
            "injected": table.is_injected,
            "columns": [f"{column.name} {column.type}" for column in table.columns],
        }
        for table in TABLES
    }


def test_every_table_and_column_that_an_export_names_is_there() -> None:
    """Column lineage is what an export says that it reads (assets/sources.py)."""
    said = configuration().locals("modules/lake")["tables"]
    columns = {
        name: {one.split()[0] for one in table["columns"]} | {"dt", "campaign_id"}
        for name, table in said.items()
    }
    read = [path for kind in CATALOG.values() for path in kind.upstream if path[0] == "athena"]
    named = {
        (found.asset_key.path[-1], found.column_name)
        for kind in CATALOG.values()
        for column in kind.static_columns
        for found in column_dependencies(column.source, kind.upstream)
        if found.asset_key.path[0] == "athena"
    }

    assert {(path[1], path[2]) for path in read} <= {(t["database"], n) for n, t in said.items()}
    assert {one for one in named if one[1] not in columns[one[0]]} == set()
    assert len(named) > 20


def test_files_expire_after_the_days_that_their_kind_declares() -> None:
    """A kind that is new, or kept for longer, must not be deleted by the bucket before."""
    said = configuration().locals(PLATFORM)

    assert {kind: export.retention_days for kind, export in CATALOG.items()} == said[
        "retention_days"
    ]
    assert said["backstop_days"] > 0


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_gets_variables_that_something_reads(process: str) -> None:
    """A name that is misspelt is a setting that silently does not count."""
    dagster_yaml = (ROOT / "export_platform" / "production" / "dagster.yaml").read_text("utf-8")
    workspace = (ROOT / "export_platform" / "production" / "workspace.yaml").read_text("utf-8")
    known = (
        _constants(environment)
        | _constants(platform)
        | _constants(tracing)
        | _bridge_names()
        | set(re.findall(r"env: (\w+)", dagster_yaml + workspace))
        | {"DAGSTER_HOME", "TMPDIR", "AWS_DEFAULT_REGION"}  # read by Dagster, Python and boto3
    )

    assert _variables(process) - known == set()


@pytest.mark.parametrize("process", ["worker", "code"])
def test_what_makes_exports_gets_every_variable_without_a_default(process: str) -> None:
    """A door whose variable is missing fails in the run, hours after the deployment."""
    optional = {
        environment.AWS_ENDPOINT_URL,
        environment.AWS_ENDPOINT_URL_S3,
        environment.AWS_ENDPOINT_URL_ATHENA,
        environment.WEBHOOKS_PROXY,
        environment.WEBHOOKS_LOOPBACK,
        platform.AS_OF,
        platform.TIMING_FACTOR,
    }
    # Sensors open neither the services nor Marketing Cloud.
    of_runs = {
        environment.CODES_SERVICE_TOKEN,
        environment.ENTRIES_SERVICE_TOKEN,
        environment.SFMC_CLIENT_SECRET,
    }
    needed = (_constants(environment) | _constants(platform)) - optional

    missing = needed - _variables(process)

    assert missing == (set() if process == "worker" else of_runs)


def test_the_bridge_gets_every_variable_without_a_default() -> None:
    """It does not start without them."""
    needed = {"BRIDGE_ISSUER", "BRIDGE_AUDIENCE", "BRIDGE_JWKS", "BRIDGE_ALLOWED_HOSTS"}

    assert needed | {environment.MONGODB_URI, environment.EXPORTS_BUCKET} <= _variables("bridge")
    assert needed <= _bridge_names()


def test_the_sender_of_webhooks_gets_the_database_and_nothing_of_anybody_else() -> None:
    """It calls addresses that callers choose: what it does not have, nobody gets from it."""
    assert _variables("webhooks") == {
        environment.MONGODB_URI,
        environment.MONGODB_DATABASE,
        environment.WEBHOOKS_PROXY,
        platform.DEPLOYMENT,
        platform.GIT_SHA,
        "TMPDIR",
    }


def test_the_egress_proxy_is_reached_by_the_sender_of_webhooks_alone() -> None:
    """Whoever else could reach it could call the world from inside; and without one, nobody can."""
    rules = configuration().resources("aws_vpc_security_group_egress_rule")
    [ours] = [rule for rule in rules if "proxy" in rule.name]
    others = [rule for rule in rules if rule is not ours]

    assert ours.body["security_group_id"] == '${aws_security_group.this["webhooks"].id}'
    assert ours.body["for_each"] == "${toset(var.webhooks_proxy_cidrs)}"
    assert not any("webhooks_proxy" in str(rule.body) for rule in others)
    assert {one for one in PROCESSES if environment.WEBHOOKS_PROXY in _variables(one)} == {
        "webhooks"
    }


def test_the_bridge_and_the_page_get_no_secret_of_the_doors() -> None:
    """The control of what stands above: some variables are not everywhere."""
    secret = {environment.SFMC_CLIENT_SECRET, environment.CODES_SERVICE_TOKEN, platform.HASH_SECRET}
    theirs = (_variables(one) for one in ("bridge", "webserver", "daemon", "webhooks"))

    assert secret & set().union(*theirs) == set()
    assert secret <= _variables("worker")


def test_no_link_outlives_the_signature_that_the_bucket_accepts() -> None:
    """The bucket's cap stands above what the bridge may choose, with room for clocks."""
    storage = configuration().texts[f"{PLATFORM}/storage.tf"]
    cap = re.search(r"max_signature_seconds = (\d+)", storage)

    assert cap is not None
    assert bridge.MAX_LINK_SECONDS < int(cap[1]) <= object_store.MAX_LINK_SECONDS


def test_the_way_in_is_silent_longer_than_a_caller_may_wait() -> None:
    """A long poll that the load balancer cuts is a 504; one of ours cut before it is a 502."""
    entrance = configuration().texts["modules/entrance/main.tf"]
    idle = re.search(r"idle_timeout += (\d+)", entrance)

    assert idle is not None
    assert MAX_WAIT_SECONDS < int(idle[1]) < KEEP_ALIVE_SECONDS
    assert COMMENT_SECONDS < int(idle[1])


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_an_environment_says_what_the_code_takes(env: str) -> None:
    """The name of the deployment is one that the code knows, and the values are no others'."""
    said = values(configuration().texts[f"{env}/terraform.tfvars"])
    other = next(one for one in ENVIRONMENTS if one != env)

    assert said["deployment"] in get_args(platform.Deployment)
    assert set(said["sizes"]) - {"__is_block__"} == set(PROCESSES)
    assert other not in str(dict(said))


def test_production_is_not_smaller_than_non_production() -> None:
    """What was tested small must not be the larger of the two."""
    small, large = (
        values(configuration().texts[f"{env}/terraform.tfvars"]) for env in ENVIRONMENTS
    )
    numbers = ("bridge_count", "runs_at_once", "database_gib", "database_backup_days")

    assert all(small[name] <= large[name] for name in numbers)
    assert (small["database_multi_az"], large["database_multi_az"]) == (False, True)
    assert small["account_id"] != large["account_id"]


def alarms() -> set[str]:
    """The places in the runbook that alarms of AWS lead to."""
    text = configuration().texts["modules/alarms/main.tf"]
    names = set(configuration().locals("modules/alarms")["alarms"]) - {"__is_block__"}
    return set(re.findall(r"(?:docs/runbook\.md#|place += \")([a-z-]+)", text)) | names


def test_every_alarm_has_its_place_in_the_runbook() -> None:
    """Whoever is woken by it finds meaning, first look and fix under the name of the alarm."""
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs/runbook.md").read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in headings}

    assert len(alarms()) > 5
    assert "process-missing" in alarms()
    assert alarms() - anchors == set()


def test_everything_that_the_runbook_explains_wakes_somebody() -> None:
    """An entry without its alarm is read by nobody; alarms of AWS and rules of Prometheus count."""
    text = (ROOT / "docs/runbook.md").read_text("utf-8")
    explained = set(re.findall(r"^### (\S+)\n\n- \*\*Means\*\*", text, re.MULTILINE))
    rules = (ROOT / "terraform/monitoring/rules.yaml").read_text("utf-8")

    assert explained - alarms() - set(re.findall(r"- alert: (\w+)", rules)) == set()
    assert {"process-missing", "WebhooksOverdue"} <= explained


def test_the_page_counts_what_there_is() -> None:
    """What was checked by hand was checked of these files, and not of fewer."""
    page = " ".join((ROOT / "terraform/README.md").read_text("utf-8").split())
    blocks = configuration().blocks
    resources = [block for block in blocks if block.kind == "resource"]
    types = {block.type for block in blocks if block.kind in {"resource", "data"}}

    assert [str(len(resources))] == re.findall(r"hold (\d+) resources", page)
    assert [str(len(types))] == re.findall(r"the (\d+) types that are used", page)
