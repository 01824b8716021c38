"""Rounds of a network that breaks between the sender of webhooks and a receiver.

An export has ended, and somebody is to be told; the connection that brings it to him breaks once,
at any byte. He must be told all the same, once or more often under one id, and it must be written
down that he was.
"""

import random
from collections.abc import Sequence
from contextlib import suppress

from api_bridge.webhooks.endpoints import Endpoints, Wanted
from assets.exports.catalog import CATALOG
from assets.life import Document
from assets.model.parameters import parse
from tests.api_bridge.webhooks.conftest import verified
from tests.assets.examples import EVERY_SCOPE
from tests.faults import work
from tests.faults.network import Break, Breaking
from tests.faults.slot import CLOCK, SMALL, Slot, Tally
from tests.receiver import webhook_receiver
from tests.waiting import eventually

LOAD = SMALL[0]
# The next try comes 5 s after one that failed; a connection that stalls does so for 8 s.
PATIENCE_SECONDS = 60.0
RECEIVER = "a receiver of webhooks"


def webhook_round(
    slot: Slot, way: Break, draw: random.Random, *, without: Sequence[str] = ()
) -> Tally:
    """Break the sender's connection at any byte, and see whether the receiver was told."""
    at = int(draw.random() * _size(slot))
    tally, note = Tally(), f"{way} of {RECEIVER} at byte {at}"
    with webhook_receiver() as receiver:
        forwarder = Breaking(("127.0.0.1", receiver.port), way, at)
        try:
            secret, told = _told(slot, forwarder, draw, without)
        finally:
            forwarder.close()
        ids = {got.headers["webhook-id"] for got in receiver.got}
        for got in receiver.got:
            verified(secret, got)
    tally.add("breaks", forwarder.broken.is_set())
    tally.add("missed", not forwarder.broken.is_set(), f"{note}: it did not break")
    delivered = [one for one in told if one["status"] == "delivered"]
    tally.add("lost", not delivered or not ids, f"{note}: {[one['status'] for one in told]}")
    tally.add("doubled", max(len(told), len(ids)) > 1, f"{note}: {len(ids)} ids")
    return tally


def _told(
    slot: Slot, forwarder: Breaking, draw: random.Random, without: Sequence[str]
) -> tuple[str, list[Document]]:
    """Let a sender tell of an export; the secret, and what is written down of it in the end."""
    env, stores = slot.env(LOAD), slot.stores[LOAD.large]
    owner = f"told-{draw.getrandbits(64):x}"
    endpoints = Endpoints(store=stores.endpoints, clock=CLOCK, most=1)
    wanted = Wanted(url=f"http://127.0.0.1:{forwarder.port}/hooks", mine=True)
    made = endpoints.register(wanted, owner=owner, campaigns=["*"])
    request = parse(CATALOG[LOAD.name], LOAD.asked, scopes=EVERY_SCOPE)
    life = slot.life(LOAD)
    life.cancel(life.create(request, origin="api", subject=owner)["_id"], by=owner)
    sender = slot.child(work.tell, env, without)

    def ours() -> list[Document]:
        return list(stores.deliveries.page({"endpoint": made["_id"]}, limit=9))

    try:
        with suppress(AssertionError):
            eventually(lambda: _over(ours()), PATIENCE_SECONDS)
        return made["secrets"][0]["value"], ours()
    finally:
        sender.terminate()
        sender.join(PATIENCE_SECONDS)


def _over(told: Sequence[Document]) -> bool:
    return bool(told) and all(one["status"] != "waiting" for one in told)


def _size(slot: Slot) -> int:
    """How many bytes pass when nothing happens."""
    if (LOAD, RECEIVER) not in slot.sizes:
        with webhook_receiver() as receiver:
            forwarder = Breaking(("127.0.0.1", receiver.port))
            try:
                _told(slot, forwarder, random.Random(), ())  # noqa: S311 - only a name
            finally:
                forwarder.close()
        slot.sizes[LOAD, RECEIVER] = forwarder.passed
    return slot.sizes[LOAD, RECEIVER]
