"""How the telling of others stands (assets/telling.py), as metrics."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily

from api_bridge.telemetry.gauges import Values, gauge
from api_bridge.telemetry.pulse import age
from assets.model.webhook import DeliveryStatus, EndpointStatus
from assets.telling import Telling


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
