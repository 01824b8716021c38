"""MongoDB's primary steps down, is killed, and one member is lost for good, while exports run.

Every process of the platform reaches MongoDB through the two members of `replica_set.py`. Exports
are asked for while nobody is the primary, too: a caller that hears 503 asks again with its key.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from export_platform.commands.client import BridgeClient, Export
from export_platform.commands.seed import ensure
from export_platform.local.deployment import Deployment
from export_platform.local.seed.catalog import pack_named
from resources.clock import SystemClock
from resources.wiring import environment
from tests.rehearsals.ground import CAMPAIGN, KINDS, VARIABLES, Note, asked, ended, folder, unnamed
from tests.rehearsals.replica_set import ReplicaSet, replica_set
from tests.waiting import eventually

CLOCK = SystemClock()
# The leases are ten times shorter, and so is what a real set takes at its worst.
ELECTION_SECONDS = 3.0
# What happens to the primary, in this order: the second time it is killed, and stays away.
ENDS = (False, True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it.

    Attributes:
        live: How many exports were asked for.
        ended: How many of them have succeeded.
        doubled: Objects below the exports that no document names.
        documents: How many documents of exports there are.
        refused: How many commands heard that there is no primary.
        unavailable: How often a caller heard 503 and asked again.
    """

    live: int
    ended: int
    doubled: int
    documents: int
    refused: int
    unavailable: int

    @property
    def good(self) -> bool:
        """All have ended well, once; nothing was stored twice; and the primary was missed."""
        happened = self.refused > 0 and self.unavailable > 0
        return self.ended == self.live == self.documents > 0 and self.doubled == 0 and happened


def rehearse(note: Note) -> Outcome:
    """Ask for exports, take the primary away twice, and see."""
    with folder() as home:
        first = Deployment(home, CLOCK)
        try:
            variables = first.stack.up()
            ensure(pack_named("tiny"), variables)
            url = urlsplit(variables[environment.MONGODB_URI])
            with replica_set((str(url.hostname), int(url.port or 0))) as members:
                through = {**VARIABLES, environment.MONGODB_URI: members.uri}
                return _rehearsed(Deployment(home, CLOCK, variables=through), members, note)
        finally:
            first.down()


def _rehearsed(deployment: Deployment, members: ReplicaSet, note: Note) -> Outcome:
    places = deployment.up()
    stores = environment.mongo_stores({**places.environment})
    before = sum(stores.operations.counts().values())
    note("up, with MongoDB behind two members")
    caller = _Caller(places.bridge_url, deployment.issuer.token())
    with BridgeClient(places.bridge_url, deployment.issuer.token()) as client:
        live: list[Export | str] = []
        for killed in ENDS:
            live += [asked(client, kind) for kind in KINDS]
            with members.without_primary(killed=killed):
                CLOCK.sleep(ELECTION_SECONDS / 2)
                caller.ask(f"rehearsed-{killed}")
                CLOCK.sleep(ELECTION_SECONDS / 2)
            live.append(caller.answered())
            note(f"another primary; {members.refused} commands were refused so far")
        exports = [client.export(one) if isinstance(one, str) else one for one in live]
        succeeded = [one.id for one in ended(client, exports) if one.status == "succeeded"]
    try:
        return Outcome(
            live=len(exports),
            ended=len(succeeded),
            doubled=unnamed(places.environment, succeeded),
            documents=sum(stores.operations.counts().values()) - before,
            refused=members.refused,
            unavailable=caller.unavailable,
        )
    finally:
        stores.close()


class _Caller:
    """A product tool that asks again, with the same key, for as long as it hears 503.

    Attributes:
        unavailable: How often it did.
    """

    def __init__(self, url: str, token: str) -> None:
        self.unavailable = 0
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=30)
        self._key = ""

    def ask(self, key: str) -> str | None:
        """Ask once; the id, or None of a bridge that is not available."""
        self._key = key
        body: dict[str, Any] = {"type": KINDS[0], "params": {"campaign_id": CAMPAIGN}}
        answer = self._client.post(
            "v1/exports", json={**body, "fresh": True}, headers={"Idempotency-Key": key}
        )
        if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE and "Retry-After" in answer.headers:
            self.unavailable += 1
            return None
        answer.raise_for_status()
        return str(answer.json()["id"])

    def answered(self) -> str:
        """The id, once the bridge is available."""
        return str(eventually(lambda: self.ask(self._key)))
