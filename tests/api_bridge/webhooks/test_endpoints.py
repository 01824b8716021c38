"""Registering, changing and deleting endpoints, and the log of what they were told."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from resources.mongo.exports import Change, Match
from tests.api_bridge.bench import Bench, running_bench
from tests.api_bridge.toys import TOYS
from tests.api_bridge.webhooks.conftest import BASE, Hooks

URL = "https://hooks.example.com/exports?room=1"
EVENTS = ["export.succeeded", "export.failed", "export.cancelled", "export.expired"]


def register(bench: Bench, token: str = "", **body: Any) -> dict[str, Any]:
    """An endpoint somewhere."""
    answer = bench.call("POST", BASE, {"url": URL, **body}, token=token)
    assert answer.status == 201, answer.raw
    return dict(answer.body)


def test_a_secret_is_shown_once(bench: Bench) -> None:
    """Whoever reads a list of endpoints later must not be able to forge what they get."""
    made = register(bench, events=EVENTS[:1], mine=True)
    listed = bench.call("GET", BASE)
    shown = bench.call("GET", made["links"]["self"])

    assert made["secret"].startswith("whsec_")
    assert listed.body == {"endpoints": [{**made, "secret": None}]}
    assert shown.body == {**made, "secret": None}
    assert (made["url"], made["events"], made["mine"]) == (URL, EVENTS[:1], True)
    assert made["campaigns"] == ["aurora-lights", "northern-sky"]
    assert made["secret"].encode() not in listed.raw + shown.raw
    for answer in (listed, shown):
        assert answer.headers["Cache-Control"] == "private, no-store"


def test_an_endpoint_hears_of_everything_unless_it_says_what(bench: Bench) -> None:
    """Somebody who asks for nothing special misses nothing."""
    assert register(bench)["events"] == [*EVENTS, "delivery.rejected"]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b"{}", ["/url"]),
        ({"url": 7}, ["/url"]),
        ({"url": "http://hooks.example.com/"}, ["/url"]),
        ({"url": "https://10.0.0.1/"}, ["/url"]),
        ({"url": "https://localhost/"}, ["/url"]),
        ({"url": "http://127.0.0.1:80/"}, ["/url"]),
        ({"url": {"$ne": ""}}, ["/url"]),
        ({"url": URL, "events": []}, ["/events"]),
        ({"url": URL, "events": "export.failed"}, ["/events"]),
        ({"url": URL, "events": ["export.failed", "export.failed"]}, ["/events"]),
        ({"url": URL, "events": ["export.started"]}, ["/events"]),
        ({"url": URL, "events": [["export.failed"]]}, ["/events"]),
        ({"url": URL, "events": [{}, 1, None]}, ["/events"]),
        ({"url": URL, "mine": "yes"}, ["/mine"]),
        ({"url": URL, "secret": "whsec_mine"}, [""]),
        ({"url": URL, "owner": "svc:other", "campaigns": ["*"]}, [""]),
        ([URL], [""]),
    ],
)
def test_what_is_wrong_with_a_registration_is_named(
    usual: Bench, body: Any, pointers: list[str]
) -> None:
    """Closed and typed: nothing is guessed, and what was sent is not repeated."""
    answer = usual.call("POST", BASE, body)

    assert answer.status == 400
    assert answer.pointers == pointers
    assert usual.call("GET", BASE).body == {"endpoints": []}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A bridge as it is in production, which may not call its own machine."""
    with running_bench(tmp_path_factory.mktemp("usual"), TOYS) as bench:
        yield bench


def test_a_caller_has_so_many_places_and_no_more(bench: Bench) -> None:
    """Each endpoint costs a delivery an event; of many at once none comes in too much."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: bench.call("POST", BASE, {"url": URL}), range(24)))

    assert sorted(one.status for one in answers) == [201] * 10 + [429] * 14
    refused = next(one for one in answers if one.status == 429)
    assert refused.body["code"] == "too-many-endpoints"
    assert (refused.body["limit"], refused.body["most"]) == ("caller", 10)
    endpoints = bench.call("GET", BASE).body["endpoints"]
    assert len({one["id"] for one in endpoints}) == 10
    register(bench, token=bench.token(sub="svc:other"))

    assert bench.call("DELETE", endpoints[3]["links"]["self"]).status == 204
    assert bench.call("GET", endpoints[3]["links"]["self"]).status == 404
    register(bench)
    assert bench.call("POST", BASE, {"url": URL}).status == 429


def test_nobody_sees_the_endpoints_of_others(bench: Bench) -> None:
    """An address may hold a password of its owner's."""
    register(bench)
    everywhere = bench.token(sub="svc:other", campaigns=["*"], scope="exports:admin")

    assert bench.call("GET", BASE, token=everywhere).body == {"endpoints": []}
    assert len(bench.call("GET", BASE).body["endpoints"]) == 1


def test_a_new_secret_leaves_the_one_before_for_a_day(bench: Bench) -> None:
    """Receivers are changed one after another; the one before last is of no use any more."""
    made = register(bench)
    second = bench.call("POST", made["links"]["secret"])
    bench.clock.advance(3600)
    third = bench.call("POST", made["links"]["secret"], token=bench.token(campaigns=["*"]))

    assert len({made["secret"], second.body["secret"], third.body["secret"]}) == 3
    assert third.body["campaigns"] == ["*"]
    stored = bench.stores.endpoints.find(made["id"])
    assert stored is not None
    assert [one["value"] for one in stored["secrets"]] == [
        third.body["secret"],
        second.body["secret"],
    ]
    until = bench.call("GET", made["links"]["self"]).body["previous_secret_until"]
    assert until == third.body["previous_secret_until"] > second.body["previous_secret_until"]


def test_a_disabled_endpoint_says_why_and_is_enabled_by_its_owner(bench: Bench) -> None:
    """Somebody has to mend the receiver first; nothing starts again by itself."""
    made = register(bench)
    assert "enable" not in made["links"]
    silenced = Change(set={"status": "disabled", "reason": "gone"}, stamp=("disabledAt",))
    bench.stores.endpoints.change(made["id"], Match(statuses=("enabled",)), silenced)

    disabled = bench.call("GET", made["links"]["self"]).body
    enabled = bench.call("POST", disabled["links"]["enable"])

    assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", "gone")
    assert disabled["disabled_at"] is not None
    assert enabled.body == {**made, "secret": None}


def test_the_log_comes_in_pages_and_of_campaigns_that_the_token_sees(hooks: Hooks) -> None:
    """Each delivery once; and a token that sees less is told less, also of what was."""
    made = hooks.register()
    ids = [hooks.end_one() for _ in range(3)]
    ids.append(hooks.end_one(campaign_id="northern-sky"))
    hooks.send_all()
    path: str | None = f"{made['links']['deliveries']}?page_size=3"
    seen = []
    while path:
        page = hooks.bench.call("GET", path).body
        seen += page["deliveries"]
        token = page["next_page_token"]
        path = token and f"{made['links']['deliveries']}?page_size=3&page_token={token}"

    assert sorted(one["export_id"] for one in seen) == sorted(ids)
    few = hooks.bench.token(campaigns=["northern-sky"])
    narrow = hooks.bench.call("GET", made["links"]["deliveries"], token=few)
    assert [one["export_id"] for one in narrow.body["deliveries"]] == ids[3:]
    other = next(one for one in seen if one["export_id"] == ids[0])
    assert hooks.bench.call("POST", other["links"]["replay"], token=few).status == 404


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("page_size=0", "/query/page_size"),
        ("page_token=x", "/query/page_token"),
        ("page_token=WzAsImV4cF8wMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAiLCJ4Il0", "/query/page_token"),
        ("status=failed", "/query"),
        ("page_size=1&page_size=2", "/query/page_size"),
    ],
)
def test_a_query_of_the_log_is_read_strictly(bench: Bench, query: str, pointer: str) -> None:
    """A filter that is ignored shows more than was asked for."""
    made = register(bench)

    answer = bench.call("GET", f"{made['links']['deliveries']}?{query}")

    assert (answer.status, answer.pointers) == (400, [pointer])


def test_neither_address_nor_secret_is_logged(
    hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    """Both open doors at somebody else's (S17, S18)."""
    with caplog.at_level(logging.DEBUG):
        made = hooks.register(url=f"{hooks.receiver.url}&c4nary=1")
        hooks.end_one()
        hooks.send_all()
        hooks.receiver.answers.clear()
        hooks.bench.call("POST", made["links"]["secret"])
        hooks.bench.call("DELETE", made["links"]["self"])

    assert len(hooks.receiver.got) == 1
    for secret in ("c4nary", "whsec_", made["secret"][6:], str(hooks.receiver.port) + "/hooks"):
        assert secret not in caplog.text
