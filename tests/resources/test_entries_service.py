"""The entries service misbehaves: no erased fan is missed, no message is noted twice."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from resources.entries_service import EntriesService
from resources.errors import DoorError, Refused, Unavailable
from resources.http_json import TRIES
from tests.contracts.entries_service import NOON
from tests.fakes.clock import ManualClock
from tests.resources.services import Faulty

CAMPAIGN = uuid.UUID(int=7).hex[-24:]
IDS = [f"{number:024x}" for number in range(1, 7)]
ERASED = "entries:erasedSince"


@pytest.fixture
def service(stack: Mapping[str, str]) -> Iterator[Faulty]:
    """The stand-in of the stack, with a clean script before and after."""
    faulty = Faulty(
        url=stack["ENTRIES_SERVICE_URL"], service="ENTRIES", token=stack["ENTRIES_SERVICE_TOKEN"]
    )
    faulty.script()
    yield faulty
    faulty.script()


@pytest.fixture
def door(service: Faulty, clock: ManualClock) -> Iterator[EntriesService]:
    """The door, with waits that take no time."""
    http = service.http(clock, max_bytes=100_000)
    made = EntriesService(base_url=service.url, token=service.token, http=http)
    yield made
    made.close()


def _page(number: int) -> dict[str, Any]:
    """One of three pages of two erased entries."""
    more = {} if number == 2 else {"cursor": f"page-{number + 1}"}
    body = {"entryIds": IDS[2 * number : 2 * number + 2], **more}
    return {"fault": "answer", "body": body}


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "drop"},
        {"fault": "html"},
        {"fault": "truncate", "body": {"entryIds": IDS}},
        {"fault": "answer", "status": 503},
        {"fault": "answer", "status": 429, "headers": {"Retry-After": "2"}},
    ],
    ids=lambda fault: str(fault.get("status", fault["fault"])),
)
def test_every_page_of_the_erased_is_read(
    door: EntriesService, service: Faulty, fault: Mapping[str, Any], at: int
) -> None:
    """A page that is lost to a fault is a letter to somebody who asked to be forgotten."""
    pages = [_page(number) for number in range(3)]
    service.script(*pages[:at], fault, *pages[at:])

    assert frozenset(IDS) == door.erased_since(CAMPAIGN, NOON)
    assert 4 == len(service.asked())


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"fault": "drop"}, "ENTRIES_BROKEN"),
        ({"fault": "html"}, "ENTRIES_NOT_JSON"),
        ({"fault": "answer", "status": 410}, "ENTRIES_GONE"),
        ({"fault": "answer", "status": 403}, "ENTRIES_FORBIDDEN"),
        ({"fault": "huge", "bytes": 1_000_000}, "ENTRIES_TOO_LARGE"),
        ({"fault": "answer", "body": {"entryIds": None}}, "ENTRIES_MALFORMED"),
        ({"fault": "answer", "body": {"entryIds": ["a fan"]}}, "ENTRIES_MALFORMED"),
        ({"fault": "answer", "body": {"entryIds": [], "cursor": 7}}, "ENTRIES_MALFORMED"),
        ({"fault": "answer", "body": {"entryIds": [], "cursor": "x"}}, "ENTRIES_PAGE_REPEATED"),
    ],
)
def test_half_an_answer_about_the_erased_is_none(
    door: EntriesService, service: Faulty, fault: Mapping[str, Any], code: str
) -> None:
    """Better no delivery than one that did not hear everybody; never a shorter set."""
    service.script(_page(0), {**fault, "times": 99})

    with pytest.raises(DoorError) as failed:
        door.erased_since(CAMPAIGN, NOON)

    assert code == failed.value.code
    assert len(service.asked()) <= 2 + max(TRIES.values())


@pytest.mark.parametrize(
    "item",
    [
        "text",
        {"status": "verified"},
        {"status": "verified", "count": -1},
        {"status": "verified", "count": "1"},
        {"status": "verified", "count": True},
        {"status": 7, "count": 1},
        {"status": ["verified"], "count": 1},
    ],
)
def test_a_count_that_is_none_fails(door: EntriesService, service: Faulty, item: object) -> None:
    """Reconciliation against nonsense would pass or fail by chance."""
    service.script({"fault": "answer", "body": {"items": [item]}})

    with pytest.raises(Unavailable, match="ENTRIES_MALFORMED"):
        door.counts(CAMPAIGN, NOON, ["status"])


def test_an_entry_that_was_not_asked_for_is_not_taken(
    door: EntriesService, service: Faulty
) -> None:
    """The state of another fan must not decide about this one."""
    items = [{"entryId": IDS[1], "status": "erased"}, {"status": "erased"}, "text"]
    service.script({"fault": "answer", "body": {"items": items}})

    found = door.batch_get([IDS[0]])

    assert {} == found.items
    assert (IDS[0],) == found.missing


def test_a_message_whose_answer_was_lost_is_noted_once_more(
    door: EntriesService, service: Faulty
) -> None:
    """The note is idempotent, so the call is made again; the number is that of one."""
    service.script({"fault": "execute-drop"}, {"fault": "answer", "body": {"updated": 2}})

    assert 2 == door.mark_messaged(CAMPAIGN, "reminder", "export-1", IDS[:2])
    assert [None, 200] == [one["status"] for one in service.asked()]


def test_many_messages_are_noted_a_thousand_at_a_time(
    door: EntriesService, service: Faulty
) -> None:
    """The service refuses more at once, and the numbers add up."""
    many = [f"{number:024x}" for number in range(2_500)]
    updated = [{"fault": "answer", "body": {"updated": number}} for number in (1_000, 999, 500)]
    service.script(*updated)

    assert 2_499 == door.mark_messaged(CAMPAIGN, "reminder", "export-1", many)
    assert 3 == len(service.asked())


@pytest.mark.parametrize("updated", [-1, 3, "2", None, True])
def test_a_number_that_cannot_be_is_not_believed(
    door: EntriesService, service: Faulty, updated: object
) -> None:
    """More notes than entries is somebody else's answer."""
    service.script({"fault": "answer", "body": {"updated": updated}})

    with pytest.raises(Unavailable, match="ENTRIES_MALFORMED"):
        door.mark_messaged(CAMPAIGN, "reminder", "export-1", IDS[:2])


def test_an_instant_without_a_zone_is_not_sent(door: EntriesService) -> None:
    """It would be read in the zone of the service, and miss the erasures of some hours."""
    with pytest.raises(ValueError, match="zone"):
        door.erased_since(CAMPAIGN, NOON.replace(tzinfo=None))


def test_a_token_that_is_not_known_is_refused(service: Faulty, clock: ManualClock) -> None:
    """The real process checks it, so a run with a stale token fails at once and by name."""
    http = Faulty(url=service.url, service="ENTRIES", token="CANARY").http(clock)
    door = EntriesService(base_url=service.url, token="CANARY", http=http)

    with pytest.raises(Refused) as refused:
        door.counts(CAMPAIGN, NOON)

    assert "ENTRIES_FORBIDDEN" == refused.value.code
    assert "CANARY" not in repr(refused.value) + repr(door) + repr(vars(door)) + repr(vars(http))
    door.close()
