"""Dagster's PostgreSQL is lost while exports run: what is finished stays, what is live ends once.

The platform runs with the settings of production but for what is of AWS: PostgreSQL over TLS, the
queued coordinator with its lanes, the monitoring of runs.
"""

import hashlib
import signal
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy

from export_platform.commands.client import BridgeClient
from export_platform.commands.seed import ensure
from export_platform.local import kernel
from export_platform.local.deployment import CODE, DAEMON, WEBSERVER, WORKERS, Deployment
from export_platform.local.postgresql import engine, heartbeat, instance, told
from export_platform.local.seed.catalog import pack_named
from resources.clock import SystemClock
from tests.export_platform.production.postgres import running
from tests.rehearsals.ground import KINDS, VARIABLES, Note, asked, ended, folder, unnamed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it.

    Attributes:
        finished: How many exports had ended before.
        kept: How many of them are listed and give the same bytes after.
        live: How many were asked for and had not ended.
        ended: How many of them have succeeded since.
        doubled: Objects below the exports that no document names.
        runs: How many runs the new storage knows.
    """

    finished: int
    kept: int
    live: int
    ended: int
    doubled: int
    runs: int

    @property
    def good(self) -> bool:
        """Nothing lost, nothing twice, and Dagster has a history again."""
        return (
            self.kept == self.finished > 0
            and self.ended == self.live > 0
            and self.doubled == 0
            and self.runs > 0
        )


def rehearse(note: Note) -> Outcome:
    """Start, finish some, ask for more, lose the storage, and see."""
    with folder() as database, folder() as home, running(database) as storage:
        deployment = Deployment(
            home,
            SystemClock(),
            variables={**VARIABLES, **storage},
            instance=instance(home),
            heartbeat=lambda _: heartbeat(storage),
        )
        try:
            ensure(pack_named("tiny"), deployment.stack.up())
            return _rehearsed(deployment, storage, note)
        finally:
            deployment.down()


def _rehearsed(deployment: Deployment, storage: Mapping[str, str], note: Note) -> Outcome:
    places = deployment.up()
    note("up on PostgreSQL")
    with BridgeClient(places.bridge_url, deployment.issuer.token()) as client:
        done = ended(client, [asked(client, kind) for kind in KINDS])
        before = {one.id: _digests(client, one.id) for one in done if one.status == "succeeded"}
        note(f"{len(before)} exports have ended well; {_runs(storage)} runs in the storage")
        live = [asked(client, kind, locale) for kind in KINDS for locale in ("en-US", "de-DE")]
        _kill_dagster(deployment)
        _lose(storage)
        note(f"{len(live)} exports asked for; Dagster killed, its database dropped")
    places = deployment.up()
    note("up again on an empty database")
    with BridgeClient(places.bridge_url, deployment.issuer.token()) as client:
        kept = sum(_digests(client, name) == told for name, told in before.items())
        succeeded = [one for one in ended(client, live) if one.status == "succeeded"]
        names = [*before, *(one.id for one in succeeded)]
        return Outcome(
            finished=len(before),
            kept=kept,
            live=len(live),
            ended=len(succeeded),
            doubled=unnamed(places.environment, names),
            runs=_runs(storage),
        )


def _digests(client: BridgeClient, export_id: str) -> tuple[str, str]:
    """Of the manifest and of the first file, as a caller gets them through a link."""
    with client.file(export_id, 1) as pieces:
        file = hashlib.sha256(b"".join(pieces)).hexdigest()
    return hashlib.sha256(client.manifest(export_id)[0]).hexdigest(), file


def _kill_dagster(deployment: Deployment) -> None:
    """As a machine that is lost: no process of Dagster says good-bye."""
    pids = {each.name: each.pid for each in deployment.status() if each.pid is not None}
    for name in (DAEMON, WEBSERVER, WORKERS, CODE):
        leader = kernel.identity(pids[name])
        if leader is not None:
            for process in [*kernel.session_of(leader), leader]:
                kernel.send(process, signal.SIGKILL)


def _lose(storage: Mapping[str, str]) -> None:
    """Drop the database, whoever holds it, and make an empty one."""
    name = storage["DAGSTER_PG_DB"]
    with engine(storage, "postgres").connect() as opened:
        alone = opened.execution_options(isolation_level="AUTOCOMMIT")
        alone.execute(sqlalchemy.text(f"drop database {name} with (force)"))
        alone.execute(sqlalchemy.text(f"create database {name}"))


def _runs(storage: Mapping[str, str]) -> int:
    return int(told(storage, "select count(*) from runs") or 0)
