"""JSON over HTTP against a scripted server: what is tried again, and which bounds hold."""

import socket
from collections.abc import Iterator, Mapping
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from resources.clock import SystemClock
from resources.errors import DoorError, Refused, Unavailable
from resources.http_json import TRIES, JsonHttp, may_have_happened
from tests.fakes.clock import ManualClock
from tests.resources.services import SILENCE_SECONDS, TOKEN, Faulty

OK = {"fault": "answer", "body": {"n": 1}}
ATTEMPTED = "ask a test service"


@pytest.fixture
def service(stack: Mapping[str, str]) -> Iterator[Faulty]:
    """A stand-in of which only the faults are used."""
    faulty = Faulty(url=stack["CODES_SERVICE_URL"], service="TEST", token=TOKEN)
    faulty.script()
    yield faulty
    faulty.script()


@pytest.fixture
def http(service: Faulty, clock: ManualClock) -> Iterator[JsonHttp]:
    """A client of it."""
    client = service.http(clock)
    yield client
    client.close()


def _ask(http: JsonHttp, **more: Any) -> Any:
    return http.call("POST", "/x", attempted=ATTEMPTED, body={"a": 1}, **more).body


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ({"fault": "drop"}, "BROKEN"),
        ({"fault": "truncate", "body": {"n": "x" * 100}}, "BROKEN"),
        ({"fault": "answer", "status": 429}, "THROTTLED"),
        ({"fault": "answer", "status": 408}, "TIMEOUT"),
        ({"fault": "answer", "status": 500}, "UNAVAILABLE"),
        ({"fault": "answer", "status": 503}, "UNAVAILABLE"),
        ({"fault": "html"}, "NOT_JSON"),
        ({"fault": "answer", "type": "text/plain", "body": "{}"}, "NOT_JSON"),
        ({"fault": "answer", "type": "application/json", "body": '{"n": NaN}'}, "NOT_JSON"),
        ({"fault": "answer", "type": "application/json", "body": '{"n": 1'}, "NOT_JSON"),
        ({"fault": "answer", "type": "application/json", "body": ""}, "NOT_JSON"),
        ({"fault": "answer", "type": "application/json", "body": "[" * 100_000}, "NOT_JSON"),
    ],
)
def test_a_passing_failure_is_tried_again_and_a_lasting_one_ends(
    service: Faulty, http: JsonHttp, fault: Mapping[str, Any], cause: str
) -> None:
    """Each cause has its number of tries; without a bound one partner would hold all runs."""
    _passes_or_ends(service, http, fault, cause)


def test_a_silence_is_such_a_failure(service: Faulty, clock: ManualClock) -> None:
    """A connection that says nothing is one that nobody would end."""
    http = service.http(clock, read_seconds=SILENCE_SECONDS)

    _passes_or_ends(service, http, {"fault": "stall", "seconds": 1.5}, "TIMEOUT")

    http.close()


def _passes_or_ends(service: Faulty, http: JsonHttp, fault: Mapping[str, Any], cause: str) -> None:
    service.script(fault, OK)
    assert {"n": 1} == _ask(http)
    assert 2 == len(service.asked())

    service.script({**fault, "times": 99})
    with pytest.raises(Unavailable) as failed:
        _ask(http)

    assert f"TEST_{cause}" == failed.value.code
    assert TRIES[cause] == len(service.asked())


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (301, "TEST_REDIRECTED"),
        (400, "TEST_REFUSED"),
        (401, "TEST_FORBIDDEN"),
        (403, "TEST_FORBIDDEN"),
        (404, "TEST_MISSING"),
        (409, "TEST_CONFLICT"),
        (410, "TEST_GONE"),
        (422, "TEST_REFUSED"),
    ],
)
def test_a_refusal_is_not_tried_again(
    service: Faulty, http: JsonHttp, status: int, code: str
) -> None:
    """Asking again what was refused only delays the person who waits."""
    service.script({"fault": "answer", "status": status, "times": 99})

    with pytest.raises(Refused) as refused:
        _ask(http)

    assert code == refused.value.code
    assert 1 == len(service.asked())


def test_a_redirect_takes_no_token_along(service: Faulty, http: JsonHttp) -> None:
    """A service that was taken over would send us, and the token, to another host."""
    elsewhere = {"Location": f"{service.url}/elsewhere"}
    service.script({"fault": "answer", "status": 307, "headers": elsewhere}, OK)

    with pytest.raises(Refused, match="REDIRECTED"):
        _ask(http)

    assert ["/x"] == [one["path"] for one in service.asked()]


def test_a_status_that_the_caller_expects_is_an_answer(service: Faulty, http: JsonHttp) -> None:
    """An expired cursor is part of the conversation; its body may be anything."""
    service.script({"fault": "answer", "status": 410, "type": "text/html", "body": "gone"})

    answer = http.call("GET", "/x", attempted=ATTEMPTED, expected={410})

    assert (410, None) == (answer.status, answer.body)


@pytest.mark.parametrize("status", [429, 503])
def test_the_service_says_how_long_to_wait(
    service: Faulty, http: JsonHttp, clock: ManualClock, status: int
) -> None:
    """In seconds or as a date; asking earlier makes a busy service busier."""
    date = format_datetime(clock.now() + timedelta(seconds=20), usegmt=True)
    service.script(
        {"fault": "answer", "status": status, "headers": {"Retry-After": "7"}},
        {"fault": "answer", "status": status, "headers": {"Retry-After": date}},
        {"fault": "answer", "status": status, "headers": {"Retry-After": "soon"}},
        OK,
    )

    _ask(http)

    assert [7.0, 13.0, 2.0] == clock.slept


def test_a_service_that_asks_for_too_long_a_wait_gets_no_other_try(
    service: Faulty, http: JsonHttp, clock: ManualClock
) -> None:
    """The export itself waits better: it holds no run while it does."""
    service.script({"fault": "answer", "status": 429, "headers": {"Retry-After": "3600"}}, OK)

    with pytest.raises(Unavailable, match="TEST_THROTTLED"):
        _ask(http)

    assert [] == clock.slept


def test_waits_are_spread_and_grow(service: Faulty, clock: ManualClock) -> None:
    """Full jitter: a hundred runs that failed together must not come back together."""
    numbers = iter([0.0, 0.5, 1.0])
    http = service.http(clock, jitter=lambda: next(numbers))
    service.script({"fault": "answer", "status": 503, "times": 99})

    with pytest.raises(Unavailable):
        _ask(http)

    assert [0.0, 0.5, 2.0] == clock.slept
    http.close()


def test_a_call_does_not_outlive_its_time(service: Faulty, clock: ManualClock) -> None:
    """Six tries of 20 s would hold a run for two minutes; the caller said one."""
    http = service.http(clock, call_seconds=60.0)
    busy = {"fault": "answer", "status": 429, "headers": {"Retry-After": "25"}, "times": 99}
    service.script(busy)

    with pytest.raises(Unavailable):
        _ask(http)

    assert [25.0, 25.0] == clock.slept
    http.close()


def test_an_answer_that_trickles_ends_with_the_call(service: Faulty) -> None:
    """A byte a second is never silent, so only the time of the whole call ends it."""
    patient, hasty = (service.http(SystemClock(), call_seconds=each) for each in (30.0, 0.5))
    slow = {"fault": "trickle", "seconds": 0.02}
    service.script({**slow, "body": {"n": 1}}, {**slow, "body": {"n": "x" * 1_000}})

    assert {"n": 1} == _ask(patient)
    with pytest.raises(Unavailable, match="TEST_TIMEOUT"):
        _ask(hasty)

    patient.close()
    hasty.close()


def test_a_huge_answer_is_not_read(service: Faulty, clock: ManualClock) -> None:
    """300 MB of JSON are gigabytes of objects: the run would be killed for its memory."""
    http = service.http(clock, max_bytes=100_000)
    service.script({"fault": "huge", "bytes": 50_000}, {"fault": "huge", "bytes": 300 * 1024**2})

    assert ["items"] == list(_ask(http))
    with pytest.raises(Refused, match="TEST_TOO_LARGE"):
        _ask(http)

    http.close()


@pytest.mark.parametrize(
    ("fault", "is_repeated", "may_have"),
    [
        ({"fault": "execute-drop"}, False, True),
        ({"fault": "answer", "status": 503}, False, True),
        ({"fault": "html"}, False, True),
        ({"fault": "answer", "status": 429}, True, False),
        ({"fault": "answer", "status": 400}, False, False),
    ],
)
def test_what_must_not_happen_twice_is_repeated_only_when_it_did_not_happen(
    service: Faulty,
    http: JsonHttp,
    fault: Mapping[str, Any],
    is_repeated: bool,
    may_have: bool,
) -> None:
    """A batch of messages that is sent again because its answer was lost is sent twice."""
    service.script({**fault, "times": 99})

    with pytest.raises(DoorError) as failed:
        _ask(http, repeatable=False)

    assert is_repeated == (len(service.asked()) > 1)
    assert may_have == may_have_happened(failed.value)


def test_a_service_that_is_not_there_was_not_asked(clock: ManualClock) -> None:
    """Nothing listens: a message cannot have been sent, so it may be sent again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    nowhere = Faulty(url=f"http://127.0.0.1:{port}", service="TEST", token=TOKEN)

    with pytest.raises(Unavailable) as failed:
        _ask(nowhere.http(clock), repeatable=False)

    assert "TEST_UNREACHABLE" == failed.value.code
    assert not may_have_happened(failed.value)
    assert TRIES["UNREACHABLE"] - 1 == len(clock.slept)


def test_every_call_can_be_traced(service: Faulty, clock: ManualClock) -> None:
    """One trace a run, one span a try, one id a call (W3C Trace Context, DOMAIN.md 5.3)."""
    http = service.http(clock, trace_id="ab" * 16)
    service.script({"fault": "drop"}, OK, OK)

    first = http.call("POST", "/x", attempted=ATTEMPTED, body={})
    second = http.call("POST", "/x", attempted=ATTEMPTED, body={})

    traces = [one["traceparent"].split("-") for one in service.asked()]
    assert {("00", "ab" * 16, "01")} == {(v, trace, flags) for v, trace, _, flags in traces}
    assert 3 == len({span for _, _, span, _ in traces})
    ids = [one["x-request-id"] for one in service.asked()]
    assert [first.request_id, first.request_id, second.request_id] == ids
    assert first.request_id != second.request_id
    http.close()


@pytest.mark.parametrize(
    "address",
    [
        "http://codes.example.com",
        "http://10.0.0.1",
        "ftp://127.0.0.1",
        f"https://user:{TOKEN}@codes.example.com",
        "https://codes.example.com/?key=CANARY",
        "codes.example.com",
        "",
    ],
)
def test_a_token_is_not_sent_in_the_clear(address: str) -> None:
    """Plain http is for loopback only; an address with a password would end up in a log."""
    with pytest.raises(ValueError, match="service") as refused:
        JsonHttp(service="TEST", base_url=address)

    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["https://codes.example.com/v2", "http://127.0.0.1:1", "http://[::1]:1"]
)
def test_https_and_loopback_are_reached(address: str) -> None:
    """Negative control of the rule above."""
    JsonHttp(service="TEST", base_url=address).close()


def test_the_environment_does_not_lead_a_call_astray(
    service: Faulty, http: JsonHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY and .netrc are for the people of a machine, not for its services."""
    service.script(OK)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")

    assert {"n": 1} == _ask(http)


def test_a_cookie_is_not_kept(service: Faulty, http: JsonHttp) -> None:
    """What one answer sets must not follow another campaign's questions."""
    service.script({**OK, "headers": {"Set-Cookie": "a=b; Path=/"}}, OK)

    _ask(http)
    _ask(http)

    assert http._session is not None
    assert [] == list(http._session.cookies)


def test_neither_client_nor_answer_shows_a_secret(service: Faulty, http: JsonHttp) -> None:
    """Values end up in tracebacks, and those in Dagster's log for ever."""
    service.script({"fault": "answer", "body": {"value": "CANARY-VALUE"}})

    answer = http.call("GET", "/x", attempted=ATTEMPTED)

    assert "CANARY-VALUE" == answer.body["value"]
    assert "CANARY" not in repr(answer) + repr(http) + repr(vars(http))


@pytest.mark.parametrize("body", [{"n": "1"}, {"n": True}, {"n": None}, {}, [], "text", None, 1])
def test_a_member_of_another_type_is_not_taken(
    service: Faulty, http: JsonHttp, body: object
) -> None:
    """What is valid JSON may still be no answer."""
    service.script({"fault": "answer", "body": body})

    with pytest.raises(Unavailable, match="TEST_MALFORMED"):
        http.call("GET", "/x", attempted=ATTEMPTED).member("n", int)
