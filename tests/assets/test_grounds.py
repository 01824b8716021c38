"""What requests stand on: read once in a moment, never for longer, and never for a refusal."""

from typing import Any

import pytest
from bson import ObjectId

from assets.grounds import EARLIER, MOST, SECONDS, Grounds
from assets.model.failure import ExportFailed
from tests.assets.examples import SNAPSHOT
from tests.fakes.clock import ManualClock
from tests.fakes.mongo import FakeMongoStores


@pytest.fixture
def clock() -> ManualClock:
    """The time."""
    return ManualClock()


@pytest.fixture
def stores(clock: ManualClock) -> Any:
    """A campaign, and many others."""
    return FakeMongoStores(clock, campaigns=[campaign(number) for number in range(MOST + 3)])


def campaign(number: int, **more: Any) -> dict[str, Any]:
    """One of them."""
    identity = ObjectId(f"{number:024x}")
    return {"_id": identity, "key": f"campaign-{number}", "deletedAt": None, **more}


def read(stores: Any) -> int:
    """How often a campaign was read."""
    return len(stores.campaigns.asked.named("by_key"))


def test_a_campaign_is_read_once_in_a_moment(clock: ManualClock, stores: Any) -> None:
    """A thousand who ask for one campaign read it once, with all that is in it."""
    grounds = Grounds(clock)
    first = grounds.of("campaign-1", SNAPSHOT, stores)

    clock.advance(SECONDS * (1 - EARLIER) - 0.1)

    assert grounds.of("campaign-1", SNAPSHOT, stores) is first
    assert (read(stores), len(stores.scoring.asked.named("overrides"))) == (1, 1)


def test_nothing_is_remembered_for_longer(clock: ManualClock, stores: Any) -> None:
    """A campaign that was deleted is not asked for an hour later because nobody looked again."""
    grounds = Grounds(clock)
    grounds.of("campaign-1", SNAPSHOT, stores)
    stores.campaigns.kept.keep(campaign(1, deletedAt=SNAPSHOT))

    clock.advance(SECONDS)

    with pytest.raises(ExportFailed):
        grounds.of("campaign-1", SNAPSHOT, stores)


def test_those_read_together_are_not_read_again_together(clock: ManualClock, stores: Any) -> None:
    """Each request cost twice as much for three seconds when 500 were forgotten at once."""
    grounds, steps, again = Grounds(clock), 10, []
    ask_for_all(grounds, stores)
    clock.advance(SECONDS * (1 - EARLIER))
    for _ in range(steps):
        clock.advance(SECONDS * EARLIER / steps)
        again.append(ask_for_all(grounds, stores))

    assert sum(again) == MOST
    assert max(again) < MOST / 4


def ask_for_all(grounds: Grounds, stores: Any) -> int:
    """How many campaigns are read when all are asked for."""
    before = read(stores)
    for number in range(MOST):
        grounds.of(f"campaign-{number}", SNAPSHOT, stores)
    return read(stores) - before


def test_that_there_is_none_is_not_remembered(clock: ManualClock, stores: Any) -> None:
    """Who makes a campaign and asks for it in the same second is not told that it is missing."""
    grounds = Grounds(clock)
    with pytest.raises(ExportFailed):
        grounds.of("campaign-new", SNAPSHOT, stores)
    stores.campaigns.kept.keep(campaign(9_999) | {"key": "campaign-new"})

    assert grounds.of("campaign-new", SNAPSHOT, stores).campaign.key == "campaign-new"


def test_no_more_are_remembered_than_the_memory_may_hold(clock: ManualClock, stores: Any) -> None:
    """The first that was read goes first, and what is old goes with the next."""
    grounds = Grounds(clock)
    for number in range(MOST + 1):
        grounds.of(f"campaign-{number}", SNAPSHOT, stores)

    assert not grounds.forget("campaign-0")
    assert grounds.forget("campaign-1")
    clock.advance(SECONDS)
    grounds.of("campaign-0", SNAPSHOT, stores)
    assert not grounds.forget("campaign-2")
