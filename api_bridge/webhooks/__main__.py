"""`python -m api_bridge.webhooks`: tell others what became of exports.

A process and a role of its own (docs/decisions/0015): it is the only one that calls addresses which
callers choose, and it may do nothing but that and speak with MongoDB. Several may run at once.
"""

import logging
import os
import random
import signal
import sys
import threading
from collections.abc import Mapping
from types import FrameType

from api_bridge.webhooks.news import News
from api_bridge.webhooks.sender import LEASE_SECONDS, Sender
from api_bridge.webhooks.service import Service
from assets.life import ExportLife
from resources.clock import SystemClock
from resources.mongo.stores import MongoStores
from resources.webhook_receivers import WebhookReceivers
from resources.wiring.environment import mongo_stores, webhook_receivers


def main(*, lease_seconds: float = LEASE_SECONDS) -> int:
    """Send until told to stop; return the exit code.

    Args:
        lease_seconds: How long a delivery is kept by a process that was killed.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        stores, receivers = _doors(os.environ)
    except ValueError as wrong:
        logging.getLogger("api_bridge.webhooks").error("%s", wrong)
        return 2
    stop = threading.Event()

    def end(_: int, __: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        _service(stores, receivers, lease_seconds).run(stop)
    finally:
        stores.close()
    return 0


def _service(stores: MongoStores, receivers: WebhookReceivers, lease_seconds: float) -> Service:
    clock = SystemClock()
    life = ExportLife(stores.exports)
    return Service(
        news=News(life=life, endpoints=stores.endpoints, deliveries=stores.deliveries),
        sender=Sender(
            endpoints=stores.endpoints,
            deliveries=stores.deliveries,
            receivers=receivers,
            clock=clock,
            random=random.SystemRandom().random,
            lease_seconds=lease_seconds,
        ),
        ticks=stores.ticks,
        clock=clock,
    )


def _doors(environment: Mapping[str, str]) -> tuple[MongoStores, WebhookReceivers]:
    stores = mongo_stores(environment, application="export-webhooks")
    return stores, webhook_receivers(environment, SystemClock())


if __name__ == "__main__":
    sys.exit(main())
