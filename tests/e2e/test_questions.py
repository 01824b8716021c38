"""What the platform asks of MongoDB, judged by the indexes that it declares."""

import pytest

from resources.mongo import exports
from sensors import housekeeping, requests
from tests.e2e.indexed import asked, work
from tests.e2e.platform import ASKED, Platform
from tests.waiting import eventually

CAMPAIGN = "aurora-lights-2026"
# How what the platform has a server do beyond finding begins, and why that is little.
KNOWN_WORK = {
    "campaigns: reads all": "they are hundreds; the catalogue of partitions has them all",
    "ticks: reads all": "one small document a sensor",
    # Whoever wants no mail is looked for among all accounts, once from end to end.
    "users: goes along _id": "four million",
    "users: sorts by _id what emailNormalized finds": "accounts of one address",
    "users: sorts by _id what mergedInto finds": "accounts of one person",
    "scoring: sorts by at,_id what campaignId kind finds": "decisions that people made one by one",
    "scoring: sorts by createdAt,_id what campaignId kind finds": "runs of a model",
    "webhook_endpoints: sorts by createdAt,_id what campaigns status finds": "ten of a caller",
    "entries: sorts by _id what userId finds": "entries of one person, or of a thousand",
    "entries: sorts by _id what campaignId createdAt finds": "instants that no instant is",
    "entries: sorts by _id what campaignId status createdAt finds": "the same, of some states",
    # Who waits and has no place in a line: it goes through the campaign, as the count beside it.
    "entries: sorts by _id what campaignId finds, for want of an index of waitlist, "
    "waitlist.marketId, waitlist.position+waitlist.marketId": "the rest of a waitlist",
    # A listing, newest first, until a page is full.
    "exports: goes along createdAt,_id": "of everything",
    "exports: sorts by createdAt,_id what status finds": "or a server goes along, too",
    "exports: sorts by createdAt,_id what type finds": "or a server goes along, too",
    "exports: sorts by _id what status finds": "those in flight, sixteen",
    "exports: sorts by _id what status purgedAt expiresAt finds": "due since the last sweep",
    "exports: sorts by _id what status purgedAt finds": "failed since the last sweep",
    "exports: sorts by createdAt,_id what generation status finds": "who shares one file",
    "exports: sorts by notBefore what status finds": "what waits, for the health of the queue",
    "exports: sorts by queuedAt what status finds": "what waits, for the health of the queue",
}


@pytest.mark.usefixtures("demonstrated")
def test_what_is_asked_of_mongodb_is_found_in_indexes(platform: Platform) -> None:
    """Ten thousand exports may wait, and a campaign has millions of entries: few are looked at."""
    sensors = {requests.LISTENERS[0], housekeeping.NAME}
    eventually(lambda: sensors <= platform.stores.ticks.last().keys())
    for filters in ({}, {"campaign": CAMPAIGN}, {"type": "entries"}, {"status": "succeeded"}):
        assert next(platform.client.exports(**filters)).id
    platform.client.estimate("waitlist", {"campaign_id": CAMPAIGN})

    found = asked(platform.home / ASKED)

    done = {one for question in found for one in work(question)}
    assert not [one for one in done if not one.startswith(tuple(KNOWN_WORK))]
    # The control: without the index of the queue all exports would be looked at.
    others = [index for index in exports.INDEXES if index.document["name"] != "ix_line"]
    lost = {one for q in found if q.collection == exports.NAME for one in work(q, others)}
    assert "exports: sorts by line.turn,_id what status finds" in lost - KNOWN_WORK.keys()
