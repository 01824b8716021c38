"""A running deployment, of which exports are asked for and waited for."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.latency import CAMPAIGN, CLOCK, KIND
from export_platform.commands.client import BridgeClient
from export_platform.local.deployment import Deployment
from resources.mongo.exports import ExportStore
from resources.wiring import environment

LOOK_SECONDS: Final = 0.25
PATIENCE_SECONDS: Final = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A running deployment, as a caller and the database see it."""

    client: BridgeClient
    exports: ExportStore

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


@contextmanager
def housed(deployment: Deployment) -> Iterator[House]:
    """A deployment as whoever may ask for everything sees it, while the block lasts."""
    places = deployment.places()
    with (
        closing(environment.mongo_stores(places.environment)) as stores,
        BridgeClient(places.bridge_url, deployment.issuer.token()) as client,
    ):
        yield House(client=client, exports=stores.exports)
