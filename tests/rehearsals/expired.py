"""Credentials end while exports run: AWS's, Marketing Cloud's token, and two passwords.

S3 and MongoDB are reached through forwarders (`forwarders.py`) that answer as AWS answers a session
that has expired, and as MongoDB answers a password that is not the user's any more. The stand-in of
Marketing Cloud ends its tokens. PostgreSQL's password is changed in the real server, and given to
the platform as a redeployment gives it.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy

from assets.model.policy import PII_SCOPES
from export_platform.commands.client import BridgeClient, Export
from export_platform.commands.seed import ensure
from export_platform.local.deployment import Deployment
from export_platform.local.issuer import BASE_SCOPES
from export_platform.local.postgresql import engine, heartbeat, instance, told
from export_platform.local.seed.catalog import pack_named
from export_platform.local.services.extensions import put_data_extensions
from resources.clock import SystemClock
from resources.wiring import environment
from tests.contracts import cloud
from tests.export_platform.production.postgres import running
from tests.rehearsals.forwarders import Expiring, Locked
from tests.rehearsals.ground import KINDS, VARIABLES, Note, asked, ended, folder, unnamed
from tests.waiting import eventually

CLOCK = SystemClock()
DELIVERED = ("code-sms", "reminder-email")
# As many as there are exports at work: a few of them are struck, some twice.
STRIKES = 6
# A worker that is cut off for four seconds stops itself, at these leases.
LOCKED_SECONDS = 5.0
OTHER_PASSWORD = "another made up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it.

    Attributes:
        live: How many exports were at work or waited.
        ended: How many of them have succeeded since.
        doubled: Objects below the exports that no document names.
        struck: How many calls of S3 were told that the session has expired.
        tokens: How many tokens Marketing Cloud has granted: the first, and one after each end.
        locked: How many commands MongoDB has refused.
        refused: Whether PostgreSQL takes the old password no more.
    """

    live: int
    ended: int
    doubled: int
    struck: int
    tokens: int
    locked: int
    refused: bool

    @property
    def good(self) -> bool:
        """All have ended well, once; and each of the four did happen."""
        happened = self.struck > 0 and self.tokens > 1 and self.locked > 0 and self.refused
        return self.ended == self.live > 0 and self.doubled == 0 and happened


def rehearse(note: Note) -> Outcome:
    """Ask for exports, end what they have signed in with, and see."""
    with folder() as database, folder() as home, running(database) as storage:
        first = Deployment(home, CLOCK)
        try:
            variables = first.stack.up()
            ensure(pack_named("tiny"), variables)
            put_data_extensions(variables[environment.SFMC_REST_URL])
            with _between(variables) as (s3, mongo, through):
                return _rehearsed(home, {**through, **storage}, s3, mongo, note)
        finally:
            first.down()


@contextmanager
def _between(variables: Mapping[str, str]) -> Iterator[tuple[Expiring, Locked, dict[str, str]]]:
    """The two forwarders, and the variables that lead through them."""
    places = {
        name: urlsplit(variables[name])
        for name in (environment.AWS_ENDPOINT_URL_S3, environment.MONGODB_URI)
    }
    targets = [(str(place.hostname), int(place.port or 0)) for place in places.values()]
    with closing(Expiring(targets[0])) as s3, closing(Locked(targets[1])) as mongo:
        through = {
            name: place._replace(netloc=f"127.0.0.1:{port}").geturl()
            for (name, place), port in zip(places.items(), (s3.port, mongo.port), strict=True)
        }
        yield s3, mongo, through


def _deployment(home: Path, variables: Mapping[str, str]) -> Deployment:
    return Deployment(
        home,
        CLOCK,
        variables={**VARIABLES, **variables},
        instance=instance(home),
        heartbeat=lambda _: heartbeat(variables),
    )


def _rehearsed(
    home: Path, variables: Mapping[str, str], s3: Expiring, mongo: Locked, note: Note
) -> Outcome:
    deployment = _deployment(home, variables)
    places = deployment.up()
    note("up on PostgreSQL, with S3 and MongoDB behind forwarders")
    with BridgeClient(places.bridge_url, _token(deployment)) as client:
        live = [asked(client, kind) for kind in KINDS]
        live += [_delivered(client, kind) for kind in DELIVERED]
        _until_one_runs(client, live)
        s3.expire(STRIKES)
        note(f"{len(live)} exports asked for; the session of AWS has expired")
        for _ in range(3):
            cloud.expire(places.environment)
            CLOCK.sleep(2)
    note(f"{s3.struck} calls struck; the passwords of both databases are others")
    with mongo.locked():
        _change_password(variables)
        CLOCK.sleep(LOCKED_SECONDS)
    changed = {**variables, "DAGSTER_PG_PASSWORD": OTHER_PASSWORD}
    deployment = _deployment(home, changed)
    places = deployment.up()
    note(f"{mongo.struck} commands refused; redeployed with the new passwords")
    with BridgeClient(places.bridge_url, _token(deployment)) as client:
        succeeded = [one.id for one in ended(client, live) if one.status == "succeeded"]
    requests = cloud.told(places.environment, "requests")
    return Outcome(
        live=len(live),
        ended=len(succeeded),
        doubled=unnamed(places.environment, succeeded),
        struck=s3.struck,
        tokens=sum("/v2/token" in one["path"] for one in requests),
        locked=mongo.struck,
        refused=told(variables, "select 1") is None and told(changed, "select 1") == 1,
    )


def _token(deployment: Deployment) -> str:
    """Whoever has rows delivered may see them."""
    return deployment.issuer.token(scopes=(*BASE_SCOPES, *PII_SCOPES))


def _delivered(client: BridgeClient, kind: str) -> Export:
    more = {"reminder_kind": "onsale_tomorrow"} if kind == "reminder-email" else {}
    params = {"campaign_id": "aurora-lights-2026", "reason": "a rehearsal", **more}
    return client.create(kind, params)


def _until_one_runs(client: BridgeClient, live: list[Export]) -> None:
    begun = {"running", "delivering", "succeeded"}
    eventually(lambda: any(client.export(one.id).status in begun for one in live))


def _change_password(storage: Mapping[str, str]) -> None:
    """And end what is connected with the old one, as a fail-over does."""
    name = storage["DAGSTER_PG_USERNAME"]
    with engine(storage, "postgres").connect() as opened:
        alone = opened.execution_options(isolation_level="AUTOCOMMIT")
        alone.execute(sqlalchemy.text(f"alter user {name} password '{OTHER_PASSWORD}'"))
        others = "select pg_terminate_backend(pid) from pg_stat_activity where usename = :name"
        mine = "and pid <> pg_backend_pid()"
        alone.execute(sqlalchemy.text(f"{others} {mine}"), {"name": name})
