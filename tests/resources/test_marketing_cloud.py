"""The door to Marketing Cloud when it misbehaves: tokens that end, lost answers, broken pages."""

import threading
from collections.abc import Iterator, Mapping

import pytest

from resources.errors import Refused, Unavailable
from resources.http_json import may_have_happened
from resources.marketing_cloud import Field, MarketingCloud
from tests.contracts.cloud import declare, door_to, expire, faults, script, told, until_complete
from tests.fakes.clock import ManualClock

FIELDS = (Field(name="SubscriberKey", type="Text", length=50, primary_key=True, required=True),)
ROWS = [{"SubscriberKey": "one"}]


@pytest.fixture
def door(stack: Mapping[str, str], clock: ManualClock) -> Iterator[MarketingCloud]:
    """The door to the process, with waits that take no time."""
    faults(stack, [])
    door = door_to(stack, clock)
    yield door
    script(stack, [])
    faults(stack, [])
    door.close()


def _asked(stack: Mapping[str, str], path: str) -> list[str]:
    return [one["method"] for one in told(stack, "requests") if path in one["path"]]


def test_one_token_serves_all_threads_for_as_long_as_it_lives(
    stack: Mapping[str, str], door: MarketingCloud, clock: ManualClock
) -> None:
    """The service counts requests for tokens: one in 20 minutes is what it wants to see."""
    key = declare(stack, FIELDS)
    threads = [threading.Thread(target=door.describe, args=(key,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asked = len(_asked(stack, "/v2/token"))
    clock.advance(1079 - 29)

    door.describe(key)

    assert (asked, len(_asked(stack, "/v2/token"))) == (1, 2)


def test_a_token_that_ended_early_is_renewed_once(
    stack: Mapping[str, str], door: MarketingCloud
) -> None:
    """A 401 in the middle of 80 batches is no failure."""
    key = declare(stack, FIELDS)
    door.describe(key)
    expire(stack)

    door.upsert(key, ROWS)

    assert len(_asked(stack, "/v2/token")) == 2


def test_a_package_that_is_not_known_is_refused(stack: Mapping[str, str]) -> None:
    """A wrong secret must not be tried again and again; nor may it be in the error."""
    door = door_to(stack, ManualClock(), secret="CANARY")

    with pytest.raises(Refused) as refused:
        door.describe("any")

    assert refused.value.code == "SFMC_FORBIDDEN"
    assert "CANARY" not in str(refused.value) + repr(door) + repr(vars(door))


def test_a_401_that_a_new_token_does_not_cure_is_refused(
    stack: Mapping[str, str], door: MarketingCloud
) -> None:
    """Renewed once, not for ever."""
    faults(stack, [{"fault": "answer", "path": "/data/", "status": 401, "times": 9, "body": {}}])

    with pytest.raises(Refused) as refused:
        door.describe("any")

    assert refused.value.code == "SFMC_FORBIDDEN"
    assert len(_asked(stack, "/data/")) == 2


def test_an_upsert_whose_answer_was_lost_is_sent_again(
    stack: Mapping[str, str], door: MarketingCloud
) -> None:
    """Accepted, then the connection broke: the primary key makes the second time harmless."""
    key = declare(stack, FIELDS)
    faults(stack, [{"fault": "execute-drop", "method": "PUT"}])

    request = door.upsert(key, ROWS)

    assert not until_complete(door, request).has_errors
    assert told(stack, "received", key=key) == {"one": 2}
    assert told(stack, "rows", key=key) == ROWS


def test_an_insert_whose_answer_was_lost_is_in_doubt_and_not_sent_again(
    stack: Mapping[str, str], door: MarketingCloud
) -> None:
    """Without a primary key the second time would double every row."""
    key = declare(stack, [Field(name="SubscriberKey", type="Text", length=50)])
    faults(stack, [{"fault": "execute-drop", "method": "POST", "path": "/rows"}])

    with pytest.raises(Unavailable) as unavailable:
        door.insert(key, ROWS)

    assert may_have_happened(unavailable.value)
    assert told(stack, "received", key=key) == {"one": 1}


@pytest.mark.parametrize("edit", ["omit", "duplicate"])
def test_results_whose_pages_do_not_add_up_are_not_believed(
    stack: Mapping[str, str], door: MarketingCloud, edit: str
) -> None:
    """A lost page would move every row behind it to another's place."""
    key = declare(stack, FIELDS)
    request = door.upsert(key, [{"SubscriberKey": str(number)} for number in range(60)])
    until_complete(door, request)
    faults(stack, [{"fault": "edit", "path": "/results", "edit": edit}])

    with pytest.raises(Unavailable) as unavailable:
        door.results(request)

    assert unavailable.value.code == "SFMC_RESULTS"


def test_one_deletion_of_contacts_runs_at_a_time(
    stack: Mapping[str, str], door: MarketingCloud
) -> None:
    """The second is worth another try later, not a failure for good."""
    waiting = next((one for one in told(stack, "deletions") if not one["done"]), None)
    if waiting is None:
        door.delete_contacts(["someone"])

    with pytest.raises(Unavailable) as unavailable:
        door.delete_contacts(["another"])

    assert unavailable.value.code == "SFMC_DELETION_BUSY"
