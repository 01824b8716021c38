"""Webhooks: whether somebody sends them, whether all who asked are told, and the way out."""

from collections.abc import Mapping
from datetime import datetime

from assets.model.webhook import EndpointStatus
from assets.telling import Telling
from export_platform.doctor.finding import Finding, good, looking_at, unset, wrong
from resources.clock import Clock
from resources.wiring import environment

# The name under which the process that sends ticks (api_bridge/webhooks/service.py).
SENDER = "webhooks"
# It looks every second, a sensor every few; a restart of either takes a minute (DAGSTER.md).
MOST_SECONDS_SILENT = 120.0
# As long as WebhooksOverdue waits (terraform/monitoring/rules.yaml).
MOST_SECONDS_OVERDUE = 300.0
WAY_OUT = "way out of webhooks"


def sender(stands: Telling, ticks: Mapping[str, datetime], now: datetime) -> Finding:
    """Whether what is to be told is told.

    Args:
        stands: How the telling stands.
        ticks: When each process and sensor looked last.
        now: The database's clock, by which both were written down.
    """
    if SENDER not in ticks or (now - ticks[SENDER]).total_seconds() > MOST_SECONDS_SILENT:
        says = f"nobody who sends has looked for {MOST_SECONDS_SILENT:.0f} s, or ever"
        return wrong("webhooks", says, "start python -m api_bridge.webhooks; nothing is lost")
    overdue = 0.0 if stands.due is None else (now - stands.due).total_seconds()
    if overdue > MOST_SECONDS_OVERDUE:
        remedy = "start another beside the one that sends; docs/runbook.md: WebhooksOverdue"
        return wrong("webhooks", f"one should have been tried {overdue:.0f} s ago", remedy)
    return good("webhooks", "the sender looks, and nothing is overdue")


def endpoints(stands: Telling) -> Finding:
    """Whether everybody is told who has asked to be."""
    subject = "webhook endpoints"
    if disabled := stands.endpoints.get(EndpointStatus.DISABLED, 0):
        remedy = "tell their owners; docs/runbook.md: WebhookEndpointDisabled"
        return wrong(subject, f"{disabled} disabled, which are told nothing", remedy)
    return good(subject, f"{stands.endpoints.get(EndpointStatus.ENABLED, 0)} enabled")


def way_out(env: Mapping[str, str], clock: Clock, *, local: bool) -> list[Finding]:
    """Whether the egress proxy answers; receivers are the callers' own, and none is called.

    Args:
        env: The variables of this process.
        clock: Of this machine.
        local: Whether the deployment is one on this machine.
    """
    try:
        receivers = environment.webhook_receivers(env, clock)
        loopback = environment.webhooks_loopback(env)
    except ValueError as error:
        return [unset(WAY_OUT, error)]
    if loopback and not local:
        says = f"{environment.WEBHOOKS_LOOPBACK} lets callers reach this machine's own loopback"
        return [wrong(WAY_OUT, says, "unset it: it is for tests")]
    findings: list[Finding] = []
    with looking_at(WAY_OUT, findings):
        proxied = receivers.way_out()
        findings.append(good(WAY_OUT, "the proxy answers" if proxied else "none but the network's"))
    return findings
