"""MongoDB: whether it answers, is what it must be, has our clock and our indexes."""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime

from assets.telling import telling
from export_platform.doctor import versions, webhooks
from export_platform.doctor.finding import Finding, good, looking_at, unset, wrong
from export_platform.doctor.webhooks import MOST_SECONDS_SILENT
from resources.clock import Clock
from resources.mongo.connection import ServerFacts
from resources.mongo.stores import MongoStores
from resources.mongo.ticks import Failure
from resources.wiring import environment

# Tokens are taken within 30 s (RELIABILITY.md S2); AWS refuses signatures at 15 minutes.
MOST_SECONDS_APART = 20.0
# Who has to look: what starts exports, and what takes them from dead workers.
SENSORS = ("requests", "housekeeping")


def look(env: Mapping[str, str], clock: Clock) -> list[Finding]:
    """Everything about the database.

    Args:
        env: The variables of this process.
        clock: Of this machine.
    """
    try:
        stores = environment.mongo_stores(env)
    except ValueError as error:
        return [unset("MongoDB", error)]
    findings: list[Finding] = []
    with closing(stores), looking_at("MongoDB", findings):
        before = clock.now()
        facts = stores.about()
        findings += _is_right(facts, before, clock.now())
        findings.append(_readable(stores))
        findings.append(_indexes(stores))
        ticks, stands = stores.ticks.last(), telling(stores, facts.now)
        findings.append(sensors(ticks, facts.now))
        findings.append(failing(stores.ticks.failures(), facts.now))
        findings.append(webhooks.sender(stands, ticks, facts.now))
        findings.append(webhooks.endpoints(stands))
    return findings


def _is_right(facts: ServerFacts, before: datetime, after: datetime) -> list[Finding]:
    return [
        good("MongoDB", "answers"),
        versions.server(facts.version),
        replica_set(facts),
        clocks(facts, before, after),
    ]


def replica_set(facts: ServerFacts) -> Finding:
    """Alone, a server forgets what it acknowledged when its disk is lost."""
    subject = "replica set of MongoDB"
    if facts.replica_set:
        return good(subject, "it is one")
    remedy = "make it a replica set: what a majority has is not lost, and writes are tried again"
    return wrong(subject, "the server stands alone", remedy)


def clocks(facts: ServerFacts, before: datetime, after: datetime) -> Finding:
    """How far this machine's clock is from the database's, which decides on leases.

    Args:
        facts: With the database's clock.
        before: This machine's when the database was asked.
        after: This machine's when it had answered.
    """
    early, late = (before - facts.now).total_seconds(), (facts.now - after).total_seconds()
    apart = max(early, late, 0.0)
    if apart <= MOST_SECONDS_APART:
        return good("clock", f"{apart:.1f} s from the database's")
    return wrong(
        "clock",
        f"{apart:.0f} s from the database's",
        "set the clocks by NTP: tokens and signatures of AWS are refused by their time",
    )


def sensors(ticks: Mapping[str, datetime], now: datetime) -> Finding:
    """Whether somebody works off the queue: Dagster itself is not asked, it may be elsewhere.

    Args:
        ticks: When each sensor looked last.
        now: The database's clock, by which they were written down.
    """
    ages = {name: (now - ticks[name]).total_seconds() for name in SENSORS if name in ticks}
    silent = [name for name in SENSORS if ages.get(name, float("inf")) > MOST_SECONDS_SILENT]
    if not silent:
        return good("sensors", f"each has looked within {max(ages.values()):.0f} s")
    return wrong(
        "sensors",
        f"not looked for {MOST_SECONDS_SILENT:.0f} s, or never: {', '.join(silent)}",
        "start code server and daemon; look at Automation in Dagster's page: is it switched off?",
    )


def failing(failures: Mapping[str, Failure], now: datetime) -> Finding:
    """Whether the sensors can do what they have to; one that fails at every export looks, too.

    Args:
        failures: The last of each sensor.
        now: The database's clock, by which they were written down.
    """
    subject = "what sensors do"
    recent = [
        f"{name} failed at {failure.documents} ({failure.kind})"
        for name, failure in sorted(failures.items())
        if (now - failure.at).total_seconds() <= MOST_SECONDS_SILENT
    ]
    if not recent:
        return good(subject, f"none has failed at an export for {MOST_SECONDS_SILENT:.0f} s")
    return wrong(
        subject,
        "; ".join(recent),
        "Automation in Dagster's page, the sensor's last tick: its log names each export",
    )


def _readable(stores: MongoStores) -> Finding:
    """Whether exports can be read; an empty collection can."""
    stores.exports.find("exp_0")
    return good("permissions on MongoDB", "exports can be read")


def _indexes(stores: MongoStores) -> Finding:
    lacking = stores.lacking_indexes()
    if not lacking:
        return good("indexes of MongoDB", "all are there")
    return wrong(
        "indexes of MongoDB",
        f"not there, or other than declared: {', '.join(lacking)}",
        "export-platform indexes; one that differs is dropped by hand first",
    )
