"""Whether the queue is being worked off: how long the oldest waits, and who looked when."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from assets.model.lifecycle import Status
from resources.clock import Clock
from resources.mongo.exports import Match
from resources.mongo.stores import MongoStores

# The name under which sensors/requests.py ticks.
QUEUE_SENSOR = "requests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """How the queue is.

    Attributes:
        queue_age: Seconds that the export which has been due for longest waits; None: none waits.
        sensor_ages: Seconds since each sensor looked, by name.
    """

    queue_age: float | None
    sensor_ages: Mapping[str, float]

    @property
    def sensor_age(self) -> float | None:
        """Seconds since somebody looked at the queue; None: nobody ever has."""
        return self.sensor_ages.get(QUEUE_SENSOR)


def pulse(stores: MongoStores, clock: Clock) -> Pulse:
    """Feel it; by this process's clock, since a second of skew is nothing to minutes.

    One that waits for its next attempt is due from `notBefore` on, the others since `queuedAt`.
    """
    queued = (str(Status.QUEUED),)
    first = Match(statuses=queued, equal={"notBefore": None})
    again = Match(statuses=queued, older={"notBefore": 0.0})
    due = [
        stores.operations.earliest(first, "queuedAt"),
        stores.operations.earliest(again, "notBefore"),
    ]
    now = clock.now()
    ages = [age(instant, now) for instant in due if instant is not None]
    return Pulse(
        queue_age=max(ages, default=None),
        sensor_ages={name: age(at, now) for name, at in stores.ticks.last().items()},
    )


def age(instant: datetime, now: datetime) -> float:
    """Seconds since an instant, or none of one that is yet to come."""
    return max(0.0, (now - instant).total_seconds())
