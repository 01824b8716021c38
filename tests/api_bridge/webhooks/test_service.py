"""The loop of the process that sends: what breaks once ends nothing."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api_bridge.webhooks.endpoints import Endpoints, Wanted
from api_bridge.webhooks.news import News
from api_bridge.webhooks.sender import Sender
from api_bridge.webhooks.service import NAME, Service
from assets.life import ExportLife
from resources.clock import SystemClock
from resources.errors import Unavailable
from tests.assets.test_life import create
from tests.fakes.clock import ManualClock
from tests.fakes.mongo import FakeMongoStores
from tests.fakes.webhook_receivers import FakeWebhookReceivers
from tests.waiting import eventually


@contextmanager
def running(stores: FakeMongoStores, receivers: FakeWebhookReceivers) -> Iterator[ExportLife]:
    """The loop in a thread, until the block ends."""
    clock, stop, life = SystemClock(), threading.Event(), ExportLife(stores.exports)
    sender = Sender(
        endpoints=stores.endpoints,
        deliveries=stores.deliveries,
        receivers=receivers,
        clock=clock,
        random=lambda: 0.5,
    )
    news = News(life=life, endpoints=stores.endpoints, deliveries=stores.deliveries)
    service = Service(news=news, sender=sender, ticks=stores.ticks, clock=clock)
    thread = threading.Thread(target=service.run, args=(stop,))
    thread.start()
    try:
        yield life
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def test_a_database_that_was_away_and_a_bug_end_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is started once and runs for months; what it logs holds no value of anybody."""
    clock = ManualClock()
    stores, receivers = FakeMongoStores(clock), FakeWebhookReceivers()
    endpoints = Endpoints(store=stores.endpoints, clock=clock, most=2)
    endpoints.register(Wanted(url="http://127.0.0.1:9/"), owner="me", campaigns=["*"])
    away = Unavailable("MONGO_UNREACHABLE", "claim a webhook delivery")
    stores.deliveries.asked.fail_next(away, name="claim")
    receivers.asked.fail_next(ValueError("c4nary"), name="post")
    with caplog.at_level(logging.INFO), running(stores, receivers) as life:
        for _ in range(2):
            life.cancel(create(life)["_id"], by="me")
        eventually(lambda: receivers.posted)
        eventually(lambda: "ValueError" in caplog.text)

    assert "MONGO_UNREACHABLE" in caplog.text
    assert "c4nary" not in caplog.text
    # The other is held by its lease, and comes again when that is over.
    states = [one["status"] for one in stores.deliveries.page({}, limit=9)]
    assert sorted(states) == ["delivered", "waiting"]
    assert NAME in stores.ticks.last()
