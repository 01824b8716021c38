"""How the telling of others stands, read from the database as the exports are.

The process that sends may be dead, and what is dead tells nothing: so the bridge tells it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily

from api_bridge.telemetry.gauges import Values, gauge
from api_bridge.telemetry.pulse import age
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


def told(stands: Telling, now: datetime) -> Iterator[GaugeMetricFamily]:
    """The gauges."""
    endpoints: Values = {(str(s),): stands.endpoints.get(s, 0) for s in EndpointStatus}
    said = "Webhook endpoints there are, by state; a disabled one is told nothing."
    yield gauge("exports_webhook_endpoints", said, endpoints, ("state",))
    deliveries: Values = {(str(s),): stands.deliveries.get(s, 0) for s in DeliveryStatus}
    said = "Webhooks that were sent, given up or tried in the last hour, by how they stand."
    yield gauge("exports_webhooks_last_hour", said, deliveries, ("state",))
    said = "How long the oldest event waits that an endpoint has not taken; it may be down."
    yield gauge("exports_webhook_oldest_seconds", said, {(): _age(stands.oldest, now)})
    said = "For how long a webhook should have been tried and was not; nobody sends."
    yield gauge("exports_webhook_overdue_seconds", said, {(): _age(stands.due, now)})


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else age(since, now)
