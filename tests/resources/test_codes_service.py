"""The codes service misbehaves: no code is lost, doubled or shown (RELIABILITY.md 4.3)."""

import logging
import traceback
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from export_platform.local.services.seeding import put_codes
from resources.codes_service import MAX_RESTARTS, CodePage, CodeSearch, CodesService
from resources.errors import DoorError, Refused, Unavailable
from resources.http_json import TRIES
from tests.contracts.codes_service import NOBODYS, VALUE, code
from tests.fakes.clock import ManualClock
from tests.resources.services import SILENCE_SECONDS, TOKEN, Faulty

SEARCH = "codes:search"
CODES = tuple(code(number) for number in range(1, 8))
IDS = [one["codeId"] for one in CODES]
# Four pages of two codes.
PAGES = 4


@pytest.fixture
def service(stack: Mapping[str, str]) -> Iterator[Faulty]:
    """The stand-in of the stack, with a clean script before and after."""
    faulty = Faulty(
        url=stack["CODES_SERVICE_URL"], service="CODES", token=stack["CODES_SERVICE_TOKEN"]
    )
    faulty.script()
    yield faulty
    faulty.script()


@pytest.fixture
def campaign(service: Faulty) -> Iterator[str]:
    """A campaign with seven codes."""
    made = uuid.uuid4().hex[:24]
    put_codes(service.url, made, CODES)
    yield made
    put_codes(service.url, made, ())


@pytest.fixture
def door(service: Faulty, clock: ManualClock) -> Iterator[CodesService]:
    """The door, with pages of two and waits that take no time."""
    made = _door(service, clock)
    yield made
    made.close()


def _door(service: Faulty, clock: ManualClock, **bounds: Any) -> CodesService:
    http = service.http(clock, **bounds)
    return CodesService(base_url=service.url, token=service.token, http=http, page_size=2)


def _pages(door: CodesService, campaign: str, **filters: Any) -> list[CodePage]:
    return list(door.search(CodeSearch(campaign_id=campaign, reveal=True, **filters)))


def _given(pages: list[CodePage]) -> list[str]:
    return [item["codeId"] for page in pages for item in page.items]


@pytest.mark.parametrize("at", range(PAGES))
@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "drop"},
        {"fault": "execute-drop"},
        {"fault": "truncate"},
        {"fault": "answer", "status": 429, "headers": {"Retry-After": "3"}},
        {"fault": "answer", "status": 429},
        {"fault": "answer", "status": 503, "times": 3},
        {"fault": "answer", "status": 502, "type": "text/html", "body": "<h1>Bad gateway</h1>"},
        {"fault": "html"},
        {"fault": "type", "type": "text/plain"},
    ],
    ids=lambda fault: "-".join(str(one) for one in fault.values() if not isinstance(one, dict)),
)
def test_a_passing_fault_at_any_page_costs_no_code(
    door: CodesService, service: Faulty, campaign: str, fault: Mapping[str, Any], at: int
) -> None:
    """Each code once, whichever page the fault hits, and a fault that did hit."""
    service.script({**fault, "path": SEARCH, "skip": at})

    assert IDS == _given(_pages(door, campaign))
    assert [] == service.left()


def test_a_silent_service_is_given_up_and_asked_again(
    clock: ManualClock, service: Faulty, campaign: str
) -> None:
    """A connection that says nothing would hold a run for ever."""
    door = _door(service, clock, read_seconds=SILENCE_SECONDS)
    service.script({"fault": "stall", "seconds": 1.5, "path": SEARCH, "skip": 1})

    assert IDS == _given(_pages(door, campaign))
    assert [] == service.left()

    door.close()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"fault": "drop"}, "CODES_BROKEN"),
        ({"fault": "answer", "status": 429}, "CODES_THROTTLED"),
        ({"fault": "answer", "status": 503}, "CODES_UNAVAILABLE"),
        ({"fault": "html"}, "CODES_NOT_JSON"),
        ({"fault": "type"}, "CODES_NOT_JSON"),
        ({"fault": "answer", "status": 401}, "CODES_FORBIDDEN"),
        ({"fault": "answer", "status": 403}, "CODES_FORBIDDEN"),
        ({"fault": "answer", "status": 404}, "CODES_MISSING"),
        ({"fault": "answer", "status": 410}, "CODES_CURSOR_EXPIRED"),
        ({"fault": "answer", "status": 302}, "CODES_REDIRECTED"),
        ({"fault": "huge", "bytes": 300 * 1024 * 1024}, "CODES_TOO_LARGE"),
        ({"fault": "answer", "body": {}}, "CODES_MALFORMED"),
        ({"fault": "answer", "body": []}, "CODES_MALFORMED"),
        ({"fault": "answer", "body": {"items": {}}}, "CODES_MALFORMED"),
        ({"fault": "answer", "body": {"items": [], "nextCursor": 7}}, "CODES_MALFORMED"),
        ({"fault": "answer", "body": {"items": [], "nextCursor": "x"}}, "CODES_PAGE_REPEATED"),
    ],
)
def test_a_lasting_fault_fails_the_search_with_its_name(
    service: Faulty, campaign: str, clock: ManualClock, fault: Mapping[str, Any], code: str
) -> None:
    """Never a short list that looks complete; what may pass is told from what will not."""
    door = _door(service, clock, max_bytes=1024 * 1024)
    service.script({**fault, "path": SEARCH, "skip": 1, "times": 999})
    given: list[str] = []

    def read() -> None:
        for page in door.search(CodeSearch(campaign_id=campaign)):
            given.extend(item["codeId"] for item in page.items)

    with pytest.raises(DoorError) as failed:
        read()

    refused = {"FORBIDDEN", "MISSING", "REDIRECTED", "TOO_LARGE"}
    family = Refused if code.removeprefix("CODES_") in refused else Unavailable
    assert code == failed.value.code
    assert type(failed.value) is family
    assert given == IDS[: len(given)]
    assert len(given) < len(IDS)
    assert len(service.asked()) <= 3 + max(TRIES.values())
    door.close()


@pytest.mark.parametrize("at", range(1, PAGES))
def test_an_expired_cursor_restarts_the_slice_without_giving_a_code_twice(
    door: CodesService, service: Faulty, campaign: str, at: int
) -> None:
    """Cursors live 10 minutes, a slow upload longer; a code given twice is sold twice."""
    service.script({"fault": "answer", "status": 410, "path": SEARCH, "skip": at})

    pages = _pages(door, campaign)

    assert IDS == _given(pages)
    assert 1 == pages[-1].restarts
    assert {0} == {page.duplicates for page in pages}


def test_a_cursor_that_the_service_itself_expires_is_survived(
    door: CodesService, service: Faulty, campaign: str
) -> None:
    """Not scripted: the stand-in forgets its cursors, as the real one does after 10 minutes."""
    pages = door.search(CodeSearch(campaign_id=campaign))
    first = next(pages)
    requests.post(f"{service.url}/-/cursors:expire", timeout=10).raise_for_status()

    rest = list(pages)

    assert IDS == _given([first, *rest])
    assert 410 in service.statuses()


def test_a_code_that_appears_before_a_restart_is_given(
    door: CodesService, service: Faulty, campaign: str
) -> None:
    """The second pass may see more than the first; it must not be mistaken for the same."""
    pages = door.search(CodeSearch(campaign_id=campaign))
    first = next(pages)
    put_codes(service.url, campaign, [code(0), *CODES])
    requests.post(f"{service.url}/-/cursors:expire", timeout=10).raise_for_status()

    assert sorted(["c000", *IDS]) == sorted(_given([first, *pages]))


def test_a_slice_that_never_ends_in_time_is_given_up(
    door: CodesService, service: Faulty, campaign: str
) -> None:
    """Restarting for ever would ask for the first page until somebody looks."""
    steps = [
        {"fault": "answer", "status": 410, "path": SEARCH, "skip": 1} for _ in range(MAX_RESTARTS)
    ]
    service.script(*steps)
    assert IDS == _given(_pages(door, campaign))

    service.script(*steps, {"fault": "answer", "status": 410, "path": SEARCH, "skip": 1})
    with pytest.raises(Unavailable, match="CODES_CURSOR_EXPIRED"):
        _pages(door, campaign)


def test_a_code_that_is_given_twice_is_counted_and_left_out(
    door: CodesService, service: Faulty, campaign: str
) -> None:
    """A host that uploads a code twice refuses the whole file."""
    service.script({"fault": "edit", "edit": "duplicate", "path": SEARCH, "skip": 1})

    pages = _pages(door, campaign)

    assert IDS == _given(pages)
    assert [0, 1, 0, 0] == [page.duplicates for page in pages]


def test_a_code_that_is_lost_shows_in_the_count(
    door: CodesService, service: Faulty, campaign: str
) -> None:
    """The door cannot know what was not sent; the independent count can."""
    service.script({"fault": "edit", "edit": "omit", "path": SEARCH, "skip": 1})

    given = _given(_pages(door, campaign))

    assert len(IDS) - 1 == len(given)
    assert len(IDS) == door.count(CodeSearch(campaign_id=campaign))


def test_another_order_within_a_page_changes_nothing(
    door: CodesService, service: Faulty, campaign: str
) -> None:
    """The service promises none; the export sorts."""
    service.script({"fault": "edit", "edit": "reverse", "path": SEARCH, "times": 99})

    pages = _pages(door, campaign)

    assert IDS != _given(pages)
    assert IDS == sorted(_given(pages))


def test_an_item_that_is_nothing_stands_in_its_place(
    door: CodesService, service: Faulty, campaign: str
) -> None:
    """It becomes a counted reject; dropped here, the accounting could not add up."""
    service.script({"fault": "edit", "edit": "malform", "path": SEARCH})

    first, *_ = _pages(door, campaign)

    assert {"codeId": "", "malformed": "codeId_missing"} == first.items[0]
    assert "c002" == first.items[1]["codeId"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"codeId": 7}, "codeId_malformed"),
        ({"codeId": ""}, "codeId_malformed"),
        ({"codeId": "x" * 201}, "codeId_malformed"),
        ({"configKey": None}, "configKey_missing"),
        ({"entryId": {"$ne": None}}, "entryId_malformed"),
        ({"marketKey": ["a"]}, "marketKey_malformed"),
        ({"hostEventIds": "1A"}, "hostEventIds_malformed"),
        ({"hostEventIds": [1]}, "hostEventIds_malformed"),
        ({"wave": "1"}, "wave_malformed"),
        ({"wave": True}, "wave_malformed"),
        ({"seq": -1}, "seq_malformed"),
        ({"state": "SENT"}, "state_malformed"),
        ({"assignedAt": "yesterday"}, "assignedAt_malformed"),
        ({"assignedAt": 1_700_000_000}, "assignedAt_malformed"),
        ({"validFrom": "2026-03-13T14:00:00"}, "validFrom_malformed"),
        ({"value": None}, "value_missing"),
        ({"value": 12345}, "value_malformed"),
        ({"value": f"{VALUE}\r\nX"}, "value_malformed"),
        ({"state": "revoked"}, "state_not_asked_for"),
        ({"marketKey": "boston-ma"}, "marketKey_not_asked_for"),
        ({"wave": 2}, "wave_not_asked_for"),
    ],
)
def test_an_item_that_is_not_as_agreed_says_why(
    door: CodesService, service: Faulty, campaign: str, changed: dict[str, Any], reason: str
) -> None:
    """A partner's mistake is a reject with a reason, never a cell, and never shows a value."""
    items = [{**code(1), **changed}, code(2)]
    service.script({"fault": "answer", "body": {"items": items}, "path": SEARCH})

    asked = {"states": ("assigned",), "market_keys": ("new-york-ny",), "wave": 1}
    (page,) = _pages(door, campaign, **asked)

    assert reason == page.items[0]["malformed"]
    assert {"codeId", "malformed"} == set(page.items[0])
    assert VALUE not in str(page.items[0])
    assert "c002" == page.items[1]["codeId"]


def test_members_that_nobody_asked_for_are_dropped(
    door: CodesService, service: Faulty, campaign: str
) -> None:
    """A service that sends values unasked must not put them into a file without a scope."""
    items = [{**code(1, **NOBODYS), "email": "fan@example.com"}]
    service.script({"fault": "answer", "body": {"items": items}, "times": 2})

    (page,) = door.search(CodeSearch(campaign_id=campaign))
    batch = door.batch_get(["c001"])

    for item in (page.items[0], batch.items[0]):
        assert not {"value", "email"} & set(item)
        assert item["entryId"] is None


@pytest.mark.usefixtures("campaign")
@pytest.mark.parametrize(
    ("step", "found", "missing"),
    [
        ({"fault": "edit", "edit": "omit"}, ["c002", "c003"], ["c001"]),
        ({"fault": "edit", "edit": "reverse"}, ["c001", "c002", "c003"], []),
        ({"fault": "edit", "edit": "duplicate"}, ["c001", "c002", "c003"], []),
        ({"fault": "edit", "set": {"items": []}}, [], ["c001", "c002", "c003"]),
        ({"fault": "edit", "set": {"items": [code(9)]}}, [], ["c001", "c002", "c003"]),
        ({"fault": "execute-drop"}, ["c001", "c002", "c003"], []),
    ],
)
def test_what_is_not_answered_by_id_is_missing(
    door: CodesService,
    service: Faulty,
    step: Mapping[str, Any],
    found: list[str],
    missing: list[str],
) -> None:
    """Each id asked for is found or missing; a code that was not asked for is neither."""
    service.script({**step, "path": "codes:batchGet"})

    batch = door.batch_get(IDS[:3], reveal=True)

    assert found == [item["codeId"] for item in batch.items]
    assert tuple(missing) == batch.missing


@pytest.mark.usefixtures("campaign")
def test_many_ids_are_asked_for_a_thousand_at_a_time(door: CodesService, service: Faulty) -> None:
    """The service refuses more; a question that fails as a whole finds nobody."""
    unknown = [f"none-{number}" for number in range(2_500)]

    batch = door.batch_get([*unknown, "c001"])

    assert 3 == len(service.asked())
    assert (tuple(unknown), "c001") == (batch.missing, batch.items[0]["codeId"])


@pytest.mark.parametrize("count", [-1, "7", None, True, 7.5])
def test_a_count_that_is_none_fails(
    door: CodesService, service: Faulty, campaign: str, count: object
) -> None:
    """An export is held against this number."""
    service.script({"fault": "answer", "body": {"count": count}})

    with pytest.raises(Unavailable, match="CODES_MALFORMED"):
        door.count(CodeSearch(campaign_id=campaign))


@pytest.mark.parametrize("wrong", ["", "aurora-lights", "../x", "65F0" * 6, "0" * 25])
def test_what_is_no_campaign_id_is_not_asked_about(door: CodesService, wrong: str) -> None:
    """It would become part of an address."""
    with pytest.raises(ValueError, match="24 hex digits"):
        door.count(CodeSearch(campaign_id=wrong))


def test_neither_value_nor_token_is_shown_whatever_fails(
    service: Faulty, campaign: str, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Dagster keeps the text of a failure for ever; whoever reads it could buy with it."""
    caplog.set_level(logging.DEBUG)
    secret = {"items": [code(1, state="CANARY")], "nextCursor": 7, "detail": VALUE}
    http = Faulty(url=service.url, service="CODES", token=TOKEN).http(clock, max_bytes=10_000)
    door = CodesService(base_url=service.url, token=TOKEN, http=http)
    texts: list[str] = []
    faults: list[dict[str, Any]] = [
        {"fault": "answer", "status": status, "body": secret}
        for status in (400, 401, 403, 404, 409, 410, 422, 429, 500, 503)
    ]
    for fault in [
        *faults,
        {"fault": "answer", "body": secret},
        {"fault": "answer", "type": "application/json", "body": f'{{"value": "{VALUE}"'},
        {"fault": "truncate", "body": secret},
        {"fault": "huge", "bytes": 100_000},
        {"fault": "drop"},
    ]:
        service.script({**fault, "times": 99})
        with pytest.raises(DoorError) as failed:
            list(door.search(CodeSearch(campaign_id=campaign, reveal=True)))
        texts += [repr(failed.value), *traceback.format_exception(failed.value)]

    shown = "\n".join([*texts, caplog.text, repr(door), repr(vars(door)), repr(vars(http))])
    assert "CANARY" not in shown
    assert "CODES_THROTTLED" in shown
    assert "try 1 to search the codes of a campaign ended as UNAVAILABLE" in shown
    door.close()


def test_the_canary_would_be_seen(
    service: Faulty, campaign: str, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Negative control: values do come back, and the log does hold what is logged."""
    caplog.set_level(logging.DEBUG)
    door = _door(service, clock)

    values = [item["value"] for page in _pages(door, campaign) for item in page.items]
    logging.getLogger("resources").info("%s", values[0])

    assert VALUE in values[0]
    assert VALUE in caplog.text
    door.close()
