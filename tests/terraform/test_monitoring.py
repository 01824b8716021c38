"""Alert rules and dashboard speak of metrics that are told, and lead to the runbook.

`promtool test rules` tries the rules on made-up series (terraform/monitoring/rules.test.yaml); it
is no package of Python, so here the expressions are parsed and their names compared.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import promql_parser
import pytest
import yaml  # type: ignore[import-untyped] # it ships no types
from prometheus_client.parser import text_string_to_metric_families

from api_bridge.telemetry.exports import ExportsCollector
from api_bridge.telemetry.metrics import Metrics
from assets.model.lifecycle import Status
from tests.conventions.repository import ROOT
from tests.docs.pages import anchors
from tests.fakes.clock import ManualClock
from tests.fakes.mongo import FakeMongoStores
from tests.terraform.hcl import TERRAFORM

MONITORING = TERRAFORM / "monitoring"


@cache
def rules() -> list[dict[str, Any]]:
    """Every rule of every group."""
    said = yaml.safe_load((MONITORING / "rules.yaml").read_text("utf-8"))
    return [rule for group in said["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """The rules that wake somebody, or make work."""
    return [rule for rule in rules() if "alert" in rule]


@cache
def dashboard() -> dict[str, Any]:
    """The dashboard, as Grafana imports it."""
    said: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
    return said


@cache
def told() -> frozenset[str]:
    """The names of all samples that a bridge tells, and of the rules that are recorded."""
    clock = ManualClock()
    metrics = Metrics(ExportsCollector(FakeMongoStores(clock), clock))
    metrics.answered(method="GET", route="/v1/exports", status=200, seconds=0.1)
    text = metrics.text().decode()
    families = list(text_string_to_metric_families(text))
    names = {sample.name for family in families for sample in family.samples}
    # A gauge with labels has no sample while nothing has ended; a counter's name is no sample.
    names |= {family.name for family in families if family.type == "gauge"}
    return frozenset(names | {rule["record"] for rule in rules() if "record" in rule})


def read_by(expression: str) -> set[str]:
    """The names of the series that an expression reads.

    Raises:
        ValueError: It is not PromQL.
    """
    return set(_names(promql_parser.parse(expression)))


def _names(node: Any) -> Iterator[str]:
    """A selector is a leaf; every other node holds others under one of these names."""
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name)
    for part in ("expr", "lhs", "rhs", "vector_selector", "param", "args"):
        inside = getattr(node, part, None)
        for one in inside if isinstance(inside, list) else [inside]:
            if one is not None and not isinstance(one, str | int | float):
                yield from _names(one)


def expressions() -> dict[str, str]:
    """Every expression of the rules and the dashboard, by where it stands."""
    said = {rule.get("alert") or rule["record"]: rule["expr"] for rule in rules()}
    panels = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard()["panels"]
        for target in panel["targets"]
    }
    return said | panels


@pytest.mark.parametrize("place", expressions())
def test_an_expression_reads_metrics_that_are_told(place: str) -> None:
    """An alert on a name that nobody tells is silent for ever."""
    read = read_by(expressions()[place])

    assert read
    assert read - told() == set()


def test_a_metric_that_nobody_tells_is_found() -> None:
    """The control, with a name inside of everything that expressions are made of."""
    wanted = (
        'sum by (le) (rate(a_bucket{x="1"}[5m])) / b > 3 and absent(c) unless on (t) max(d) == 0'
    )

    assert {"a_bucket", "b", "c", "d"} == read_by(wanted)
    assert "bridge_requests_total" in told()
    assert "bridge_request" not in told()
    with pytest.raises(ValueError, match="unclosed"):
        read_by("sum by (le (x)")


@pytest.mark.parametrize("alert", alerts(), ids=lambda one: one["alert"])
def test_an_alert_leads_to_its_place_in_the_runbook(alert: dict[str, Any]) -> None:
    """Whoever is woken finds meaning, first look and fix under its name."""
    text = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    place = alert["annotations"]["runbook"]
    section = text.partition(f"### {alert['alert']}\n")[2].partition("\n#")[0]

    assert place == f"docs/runbook.md#{alert['alert'].lower()}"
    assert alert["alert"].lower() in anchors(text)
    assert all(word in section for word in ("**Means**", "**First look**", "**Fix**"))
    assert alert["labels"]["severity"] in {"page", "ticket"}


def test_what_an_alert_is_about_can_be_seen_on_the_dashboard() -> None:
    """The first look of every entry of the runbook is there."""
    recorded = {rule["record"]: read_by(rule["expr"]) for rule in rules() if "record" in rule}
    panels = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    shown = {name for expression in panels for name in read_by(expression)}
    woken = {name for rule in alerts() for name in read_by(rule["expr"])}

    assert _behind(woken, recorded) - _behind(shown, recorded) == set()


def _behind(names: set[str], recorded: Mapping[str, set[str]]) -> set[str]:
    """The metrics behind names, some of which are recorded rules."""
    return {one for name in names for one in recorded.get(name, {name})}


def test_every_alert_is_tried_both_ways() -> None:
    """rules.test.yaml makes each fire once, and each but one be silent in a healthy hour."""
    said = yaml.safe_load((MONITORING / "rules.test.yaml").read_text("utf-8"))
    tried = [one for test in said["tests"] for one in test["alert_rule_test"]]
    fired = {one["alertname"] for one in tried if one.get("exp_alerts")}
    silent = {one["alertname"] for one in tried if not one.get("exp_alerts")}

    assert {one["alert"] for one in alerts()} == fired == silent


def test_states_and_codes_that_rules_name_are_the_codes_own() -> None:
    """A state that was renamed would make an alert silent."""
    text = (MONITORING / "rules.yaml").read_text("utf-8")
    sources = "".join(file.read_text("utf-8") for file in sorted((ROOT / "assets").rglob("*.py")))
    states = {s for found in re.findall(r'status=~?"([a-z_|]+)"', text) for s in found.split("|")}
    codes = {c for found in re.findall(r'code=~?"([A-Z_|]+)"', text) for c in found.split("|")}

    assert states <= {str(status) for status in Status}
    assert {code for code in codes if f'"{code}"' not in sources} == set()
    assert len(codes) > 3


def test_panels_do_not_lie_over_each_other() -> None:
    """Grafana moves them, and the picture in the head is no longer that on the screen."""
    places = [panel["gridPos"] for panel in dashboard()["panels"]]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in dashboard()["panels"]}) == len(places)
