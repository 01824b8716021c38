"""How the telling of others stands: who is told of exports, and what waits for being told.

The process that sends may be dead, and what is dead tells nothing. So whoever looks after a
deployment reads it here: the bridge for its metrics, `doctor` for a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from assets.life import ExportLife
from assets.model.webhook import DeliveryStatus, EndpointStatus
from resources.mongo.stores import MongoStores

WINDOW = timedelta(hours=1)
_WAITING = str(DeliveryStatus.WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How it stands.

    Attributes:
        endpoints: How many there are, by state.
        deliveries: How many have changed in the last hour, by the state that they are in.
        oldest: Since when the oldest event waits that an endpoint has not taken; None: none waits.
        due: Since when, or from when on, the next delivery is to be tried.
    """

    endpoints: Mapping[str, int]
    deliveries: Mapping[str, int]
    oldest: datetime | None
    due: datetime | None


def telling(stores: MongoStores, now: datetime) -> Telling:
    """Read it.

    Raises:
        DoorError: The database does not answer.
    """
    endpoints = stores.endpoints.counts()
    waits = [stores.deliveries.earliest(_WAITING, "createdAt")]
    due = [stores.deliveries.earliest(_WAITING, "dueAt")]
    if endpoints.get(EndpointStatus.ENABLED):
        # Nobody has looked at these; where nobody listens, nobody need.
        for document in ExportLife(stores.exports).untold(after=None, limit=1):
            waits.append(document.get("updatedAt"))
            due.append(document.get("updatedAt"))
    return Telling(
        endpoints=endpoints,
        deliveries=stores.deliveries.counts(now - WINDOW),
        oldest=min((one for one in waits if one is not None), default=None),
        due=min((one for one in due if one is not None), default=None),
    )
