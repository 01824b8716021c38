"""What an operator chooses about the bridge; read from the environment once, by a function."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from assets.admission import Limits
from assets.model.lanes import USUALLY_AT_ONCE
from resources.wiring.environment import webhooks_loopback

LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
# RELIABILITY.md S12: a link for a person lives at most 15 minutes; API.md 1 says 10.
MAX_LINK_SECONDS = 600
# Longer than any run may wait for a slot on a healthy day; then somebody should look.
QUEUE_AGE_SECONDS = 600
# The sensors of the queue look every 1.25 s; a restart of Dagster takes a minute (DAGSTER.md).
SENSOR_AGE_SECONDS = 120
THREADS = 32
CONCURRENCY = 200
# Of 1,000 connections (middleware/connections.py) half are left for those who do not wait.
WAITING = 500
MOST = Limits()
WEBHOOKS_PER_CALLER = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one bridge; each is read from `BRIDGE_<NAME>` but for `runs_at_once`.

    Attributes:
        issuer: The one `iss` that tokens may have.
        audience: What tokens must have in `aud`.
        jwks: Path of a JWKS file, or its URL (https, or http on loopback).
        signing_keys: The JWKS with the keys that manifests are signed with, or the path of its
            file; None: they are not signed.
        allowed_hosts: Names in the Host header that are ours.
        dagster_url: Where people see Dagster's pages, for links to runs and lineage; None: nowhere.
        link_seconds: How long a download link works.
        queue_age_seconds: A due export that waits longer makes the bridge not ready.
        sensor_age_seconds: Sensors that have not looked for longer make the bridge not ready.
        runs_at_once: Exports that may be out of the queue at once, as `EXPORT_RUNS_AT_ONCE` tells
            whoever lets them out; callers are told.
        threads: Requests that talk to a door at once.
        concurrency: Requests inside at once; more are answered 503.
        waiting: Callers at once who wait for a change, beside those; a fifth may be one caller's.
        live_per_caller: Live exports of one caller; more are answered 429.
        live_per_campaign: Live exports of one campaign, whoever asks.
        rows_per_export: Rows that one export may read; more are answered 422. None: any number.
        webhooks_per_caller: Webhook endpoints of one caller; more are answered 429.
        webhooks_loopback: Whether one may be on this machine's loopback: here and in tests only.
    """

    issuer: str
    audience: str
    jwks: str
    signing_keys: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = LOCAL_HOSTS
    dagster_url: str | None = None
    link_seconds: int = MAX_LINK_SECONDS
    queue_age_seconds: int = QUEUE_AGE_SECONDS
    sensor_age_seconds: int = SENSOR_AGE_SECONDS
    runs_at_once: int = USUALLY_AT_ONCE
    threads: int = THREADS
    concurrency: int = CONCURRENCY
    waiting: int = WAITING
    live_per_caller: int = MOST.caller
    live_per_campaign: int = MOST.campaign
    rows_per_export: int | None = None
    webhooks_per_caller: int = WEBHOOKS_PER_CALLER
    webhooks_loopback: bool = False

    def __post_init__(self) -> None:
        """Refuse values that would weaken the bridge."""
        if not 1 <= self.link_seconds <= MAX_LINK_SECONDS:
            raise ValueError(f"BRIDGE_LINK_SECONDS must be from 1 to {MAX_LINK_SECONDS}")
        if self.dagster_url is not None and not _is_web_address(self.dagster_url):
            raise ValueError("BRIDGE_DAGSTER_URL must be an address with http or https")
        counts = (self.threads, self.concurrency, self.waiting, self.webhooks_per_caller)
        if self.runs_at_once < 1:
            raise ValueError("EXPORT_RUNS_AT_ONCE must be a whole number above 0")
        if min(self.queue_age_seconds, self.sensor_age_seconds, *counts) < 1:
            raise ValueError(
                "BRIDGE_QUEUE_AGE_SECONDS, _SENSOR_AGE_SECONDS, _THREADS, _CONCURRENCY, "
                "_WAITING and _WEBHOOKS_PER_CALLER must be positive"
            )
        if self.rows_per_export is not None and self.rows_per_export < 1:
            raise ValueError("BRIDGE_ROWS_PER_EXPORT must be positive, or left out for no bound")
        Limits(caller=self.live_per_caller, campaign=self.live_per_campaign)
        if "*" in self.allowed_hosts or not self.allowed_hosts:
            raise ValueError("BRIDGE_ALLOWED_HOSTS must list names; a wildcard allows every Host")


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ValueError: One is missing or malformed; the message names it.
    """
    hosts = environment.get("BRIDGE_ALLOWED_HOSTS") or ",".join(LOCAL_HOSTS)
    return Settings(
        issuer=_required(environment, "BRIDGE_ISSUER"),
        audience=_required(environment, "BRIDGE_AUDIENCE"),
        jwks=_required(environment, "BRIDGE_JWKS"),
        signing_keys=environment.get("BRIDGE_SIGNING_KEYS") or None,
        allowed_hosts=tuple(host.strip() for host in hosts.split(",")),
        dagster_url=(environment.get("BRIDGE_DAGSTER_URL") or "").rstrip("/") or None,
        link_seconds=_whole(environment, "BRIDGE_LINK_SECONDS", MAX_LINK_SECONDS),
        queue_age_seconds=_whole(environment, "BRIDGE_QUEUE_AGE_SECONDS", QUEUE_AGE_SECONDS),
        sensor_age_seconds=_whole(environment, "BRIDGE_SENSOR_AGE_SECONDS", SENSOR_AGE_SECONDS),
        runs_at_once=_whole(environment, "EXPORT_RUNS_AT_ONCE", USUALLY_AT_ONCE),
        threads=_whole(environment, "BRIDGE_THREADS", THREADS),
        concurrency=_whole(environment, "BRIDGE_CONCURRENCY", CONCURRENCY),
        waiting=_whole(environment, "BRIDGE_WAITING", WAITING),
        live_per_caller=_whole(environment, "BRIDGE_LIVE_PER_CALLER", MOST.caller),
        live_per_campaign=_whole(environment, "BRIDGE_LIVE_PER_CAMPAIGN", MOST.campaign),
        rows_per_export=_bound(environment, "BRIDGE_ROWS_PER_EXPORT"),
        webhooks_per_caller=_whole(environment, "BRIDGE_WEBHOOKS_PER_CALLER", WEBHOOKS_PER_CALLER),
        webhooks_loopback=webhooks_loopback(environment),
    )


def _bound(environment: Mapping[str, str], name: str) -> int | None:
    """A whole number; None where there is none."""
    return _whole(environment, name, 0) if environment.get(name) else None


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise ValueError(f"the environment variable {name} is not set")
    return value


def _is_web_address(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username


def _whole(environment: Mapping[str, str], name: str, otherwise: int) -> int:
    text = environment.get(name) or str(otherwise)
    if not text.isdecimal():
        raise ValueError(f"{name} must be a whole number")
    return int(text)
