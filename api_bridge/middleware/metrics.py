"""Counts every answer, and the seconds of work in it."""

from starlette.types import Scope

from api_bridge.middleware.admission import waited
from api_bridge.middleware.answers import Answered, Tell
from api_bridge.telemetry.metrics import Metrics


def counting(metrics: Metrics) -> Tell:
    """Hands method, route template, status and seconds of work to the metrics."""

    def count(scope: Scope, answered: Answered) -> None:
        metrics.answered(
            method=answered.method,
            route=answered.route or "",
            status=answered.status,
            seconds=max(0.0, answered.seconds - waited(scope)),
        )

    return count
