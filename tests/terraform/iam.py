"""What AWS would answer: the statements of our policies, and whether they allow a call.

Only what the policies use is here; a condition that is not known is an error, never a yes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.terraform.hcl import Block

# What a reference stands for in the cases; one that is not here is an error.
ACCOUNT, REGION = "111122223333", "eu-west-1"
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
GLUE = f"arn:aws:glue:{REGION}:{ACCOUNT}"
STANDS_FOR: Mapping[str, str] = {
    "aws_s3_bucket.this.arn": "arn:aws:s3:::exports",
    "aws_kms_key.this.arn": "key/exports",
    "var.name": "exports",
    "var.region": REGION,
    "var.exports_bucket_arn": "arn:aws:s3:::exports",
    "var.exports_key_arn": "key/exports",
    "var.scoring_bucket_arn": "arn:aws:s3:::scoring",
    "var.scoring_key_arn": "key/scoring",
    "var.vf_scoring_bucket_arn": "arn:aws:s3:::vf-scoring",
    "var.vf_scoring_key_arn": "key/vf-scoring",
    "var.results_bucket_arn": "arn:aws:s3:::results",
    "var.results_key_arn": "key/results",
    "var.logs_bucket_arn": "arn:aws:s3:::compute-logs",
    "var.logs_key_arn": "key/compute-logs",
    "var.lake_bucket_arn": "arn:aws:s3:::lake",
    "var.lake_key_arn": "key/lake",
    "var.secrets_key_arn": "key/secrets",
    "var.workgroup_arn": "workgroup/exports",
    "var.cluster_arn": "cluster/exports",
    "var.repository_arn": "repository/exports",
    "var.run_log_group_arn": "log-group:/exports/worker",
    "var.log_group_arns[each.value]": "log-group:/exports/bridge",
    "var.secret_arns[each.value]": "secret:bridge",
    "local.tasks": f"{ECS}:task/exports/*",
    "local.run_task": f"{ECS}:task-definition/exports-run:*",
    "local.catalog": GLUE,
    "local.account": ACCOUNT,
    'aws_iam_role.task["worker"].arn': "role/worker",
    'aws_iam_role.execution["worker"].arn': "role/worker-execution",
    "data.aws_region.current.region": REGION,
    "data.aws_partition.current.partition": "aws",
    "data.aws_caller_identity.current.account_id": ACCOUNT,
    "aws_sns_topic.alarms.arn": "topic/alarms",
    "prefix": "exports/",
    "tostring(statement.value * 1000)": "900000",
}
DATABASES = ("fan_events", "fan_scoring")

_REFERENCE = re.compile(r"\$\{([^{}]+)\}")
_LITERAL = re.compile(r'\\?"((?:[^"\\$]|\$\{[^{}]*\})*)\\?"')


@dataclass(frozen=True, slots=True)
class Condition:
    """When a statement applies."""

    test: str
    variable: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a policy."""

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]
    principals: tuple[str, ...]

    def applies(self, action: str, resource: str, context: Mapping[str, str]) -> bool:
        """Whether it speaks of such a call."""
        return (
            any(fnmatchcase(action.lower(), one.lower()) for one in self.actions)
            and any(fnmatchcase(resource, one) for one in self.resources)
            and all(_holds(one, context) for one in self.conditions)
        )


def allowed(
    statements: Iterable[Statement], action: str, resource: str, context: Mapping[str, str]
) -> bool:
    """Whether a call is allowed: something allows it and nothing denies it."""
    effects = {one.effect for one in statements if one.applies(action, resource, context)}
    return effects == {"Allow"}


def statements(document: Block) -> list[Statement]:
    """The statements of a policy document, those that depend on a variable included."""
    return [_statement(raw) for raw in _written(document.body)]


def _written(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from body.get("statement", [])
    for dynamic in body.get("dynamic", []):
        yield from dynamic["statement"]["content"]


def _statement(raw: Mapping[str, Any]) -> Statement:
    return Statement(
        sid=raw["sid"],
        effect=raw.get("effect", "Allow"),
        actions=_texts(raw["actions"]),
        resources=_texts(raw.get("resources", [])),
        conditions=tuple(
            Condition(one["test"], one["variable"], _texts(one["values"]))
            for one in raw.get("condition", [])
        ),
        principals=tuple(
            name for one in raw.get("principals", []) for name in _texts(one["identifiers"])
        ),
    )


def _texts(written: Any) -> tuple[str, ...]:
    """The texts of a list; of an expression that makes one, every text in it."""
    if isinstance(written, list):
        return tuple(_resolved(one) for one in written)
    inside = str(written).removeprefix("${").removesuffix("}")
    if inside in STANDS_FOR:
        return (STANDS_FOR[inside],)
    found = [literal.replace('\\"', '"') for literal in _LITERAL.findall(inside)]
    each = [one.replace("${database}", name) for one in found for name in DATABASES]
    return tuple(dict.fromkeys(_resolved(one) for one in each))


def _resolved(text: str) -> str:
    return _REFERENCE.sub(lambda found: STANDS_FOR[found[1].replace('\\"', '"')], text)


def _holds(condition: Condition, context: Mapping[str, str]) -> bool:
    said = context.get(condition.variable)
    if condition.test == "Null":
        return (said is None) == (condition.values == ("true",))
    if said is None:
        return condition.test.startswith(("StringNot",))
    return _TESTS[condition.test](said, condition.values)


_TESTS = {
    "StringEquals": lambda said, values: said in values,
    "StringNotEquals": lambda said, values: said not in values,
    "ArnEquals": lambda said, values: said in values,
    "Bool": lambda said, values: said in values,
    "StringLike": lambda said, values: any(fnmatchcase(said, one) for one in values),
    "ArnLike": lambda said, values: any(fnmatchcase(said, one) for one in values),
    "NumericGreaterThan": lambda said, values: float(said) > float(values[0]),
}
