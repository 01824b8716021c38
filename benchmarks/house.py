"""A running deployment, of which exports are asked for and waited for."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import requests

from benchmarks.latency import CAMPAIGN, CLOCK, KIND
from export_platform.commands.client import BridgeClient
from export_platform.local.deployment import Deployment
from resources.mongo.exports import ExportStore
from resources.wiring import environment

LOOK_SECONDS: Final = 0.25
PATIENCE_SECONDS: Final = 3_600.0
ANSWER_SECONDS: Final = 30.0
# For Dagster's page: how many runs there are that have not ended.
LIVE_RUNS: Final = """{
  runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED, CANCELING]}) {
    ... on Runs { count }
  }
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A running deployment, as a caller, the database and Dagster's page see it."""

    client: BridgeClient
    exports: ExportStore
    dagster_url: str

    def asked(self, kind: str = KIND, campaign: str = CAMPAIGN) -> str:
        """The id of one more export with files of its own; a small one unless told otherwise."""
        return self.client.create(kind, {"campaign_id": campaign}, fresh=True).id

    def paced(self, count: int, every: float) -> list[str]:
        """The ids of so many small ones, each asked for so many seconds after the one before."""
        ids = list[str]()
        for _ in range(count):
            CLOCK.sleep(every)
            ids.append(self.asked())
        return ids

    def ended(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Wait for the end of all: their documents."""
        self.until(ids, lambda found: found["status"] == "succeeded")
        return [dict(self.exports.find(one) or {}) for one in ids]

    def until(self, ids: Sequence[str], reached: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until each of them has got somewhere."""
        until = CLOCK.monotonic() + PATIENCE_SECONDS
        for export_id in ids:
            while not reached(found := dict(self.exports.find(export_id) or {})):
                if found.get("status") in ("failed", "cancelled") or CLOCK.monotonic() > until:
                    why = (found.get("error") or {}).get("code")
                    raise SystemExit(f"{export_id} is {found.get('status')}: {why}")
                CLOCK.sleep(LOOK_SECONDS)

    def rested(self) -> None:
        """Wait until no run is left: after the end of an export its run reads the files back."""
        until = CLOCK.monotonic() + PATIENCE_SECONDS
        while live := self._live_runs():
            if CLOCK.monotonic() > until:
                raise SystemExit(f"{live} runs do not end")
            CLOCK.sleep(LOOK_SECONDS)

    def _live_runs(self) -> int:
        url, asked = f"{self.dagster_url}/graphql", {"query": LIVE_RUNS}
        answer = requests.post(url, json=asked, timeout=ANSWER_SECONDS)
        answer.raise_for_status()
        return int(answer.json()["data"]["runsOrError"]["count"])


@contextmanager
def housed(deployment: Deployment) -> Iterator[House]:
    """A deployment as whoever may ask for everything sees it, while the block lasts."""
    places = deployment.places()
    with (
        closing(environment.mongo_stores(places.environment)) as stores,
        BridgeClient(places.bridge_url, deployment.issuer.token()) as client,
    ):
        yield House(client=client, exports=stores.exports, dagster_url=places.dagster_url)
