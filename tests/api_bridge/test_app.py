"""The application as a whole: what every answer has, what logs hold, what is loaded."""

import json
import logging
import re
import socket
from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from starlette.routing import Route

from api_bridge.app import ROUTERS, Doors, create_app
from api_bridge.middleware.security_headers import HEADERS
from api_bridge.protocol.problems import MEDIA_TYPE, REGISTRY, Code
from api_bridge.settings import Settings
from assets.exports.catalog import CATALOG
from assets.model.export_type import FIRST_DAY
from assets.model.policy import PII_SCOPES
from export_platform.local.seed.asking import sample_params
from resources.errors import Refused, Unavailable
from tests.api_bridge.bench import GOOD_BODY, Bench, running_bench
from tests.api_bridge.toys import TOYS
from tests.conventions.repository import ROOT
from tests.waiting import eventually


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/v1/exports", 200),
        ("GET", "/v1/export-types", 200),
        ("POST", "/v1/exports", 415),
        ("GET", "/v1/exports/exp_000000000000000000000000", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/v1/exports/", 404),
        ("GET", "//v1/exports", 404),
        ("GET", "/docs", 404),
        ("GET", "/redoc", 404),
        ("DELETE", "/v1/exports", 405),
        ("TRACE", "/v1/exports", 405),
        ("OPTIONS", "/v1/exports", 405),
        ("PUT", "/healthz", 405),
        ("GET", "/v1/export-types/nope", 404),
    ],
)
def test_every_answer_has_the_security_headers(
    bench: Bench, method: str, path: str, status: int
) -> None:
    """Errors too: they are what an attacker gets to see (S19)."""
    answer = bench.call(method, path)

    assert answer.status == status
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert answer.headers["Cache-Control"]
    assert answer.headers["X-Request-Id"]
    assert "Server" not in answer.headers
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    if status >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.body["request_id"] == answer.headers["X-Request-Id"]
        assert answer.body["code"] in REGISTRY


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/healthz", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
        ("/v1/exports", "GET, HEAD, POST"),
        ("/v1/exports/exp_1", "DELETE, GET, HEAD"),
        ("/v1/exports/exp_1/cancel", "POST"),
    ],
)
def test_every_method_of_a_path_is_named_by_a_405(bench: Bench, path: str, methods: str) -> None:
    """RFC 9110 10.2.1: a client that reads half of them believes the other half away."""
    assert bench.call("PUT", path).headers["Allow"] == methods


PATHS = ("/healthz", "/readyz", "/openapi.json", "/v1/exports", "/v1/exports/exp_1", "/nowhere")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", ["", None])
def test_head_is_get_without_a_body(bench: Bench, path: str, token: str | None) -> None:
    """RFC 9110 9.1 demands it of every server; load balancers look that way (9.3.2)."""
    get = bench.call("GET", path, token=token)
    sent = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    if token is not None:
        sent += f"Authorization: Bearer {bench.token()}\r\n"
    with socket.create_connection(("127.0.0.1", bench.port), timeout=10) as connection:
        connection.sendall(f"{sent}\r\n".encode())
        raw = b"".join(iter(lambda: connection.recv(65536), b""))

    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {get.status} ".encode())
    assert f"content-length: {get.headers['Content-Length']}".encode() in head.lower()
    assert body == b""


def test_head_of_what_only_takes_a_post_does_nothing(bench: Bench) -> None:
    """The control: a HEAD becomes a GET and never anything that acts."""
    export_id = bench.create()

    assert bench.call("HEAD", f"/v1/exports/{export_id}/cancel").status == 405
    assert bench.document(export_id)["status"] == "queued"


@pytest.mark.parametrize("code", Code)
def test_every_problem_is_registered_with_a_status_and_a_title(code: Code) -> None:
    """A code without its row would be a 500 at the worst moment."""
    kind = REGISTRY[code]

    assert 400 <= kind.status < 600
    assert kind.title
    # Whoever may try again is told when; 503 always may.
    assert (kind.status == 503) <= (kind.retry_after is not None)


def test_a_harmless_request_id_is_kept_and_another_is_replaced(bench: Bench) -> None:
    """It goes into logs: line ends and endless text must not."""

    def sent_back(sent: str) -> str:
        answer = bench.call("GET", "/healthz", headers=[("X-Request-Id", sent)])
        return str(answer.headers["X-Request-Id"])

    assert sent_back("trace-1.A_b") == "trace-1.A_b"
    for hostile in ("a b", "x" * 65, "{}", "<script>", "a;b", ""):
        assert sent_back(hostile) != hostile


def test_a_problem_has_a_name_of_its_own_that_the_log_has_too(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """RFC 9457 3.1.5: whoever reports one is found in the log, whatever ids they send us."""
    sent = [("X-Request-Id", "c4nary")]
    with caplog.at_level(logging.INFO):
        problems = [bench.call("GET", "/nowhere", headers=sent).body for _ in range(2)]
        unnamed = bench.call("GET", "/nowhere")
        eventually(lambda: len(access_lines(caplog)) == 3)

    names = [one["instance"] for one in (*problems, unnamed.body)]
    assert [one["request_id"] for one in problems] == ["c4nary", "c4nary"]
    assert len(set(names)) == 3
    assert all(UUID(name).urn == name for name in names)
    assert [line["instance"] for line in access_lines(caplog)] == names
    # One id is enough where the caller has none.
    assert names[2] == f"urn:uuid:{unnamed.headers['X-Request-Id']}"


HOSTS = (
    "evil.test", "127.0.0.1.evil.test", "evil.test:80", "127.0.0.1@evil.test", "127.0.0.1/x",
    "127.0.0.1?x", "127.0.0.1#x", "127.0.0.1 evil.test", "127.0.0.1,evil.test", "127.0.0.1:",
    "127.0.0.1:80:80", "127.0.0.1:x", "127.0.0.1:123456", "127.0.0.2", "127.1", "2130706433",
    "0x7f000001", "0177.0.0.1", "0.0.0.1", "localhost.", "localhost.evil.test", "xlocalhost",
    "[::2]", "[::1", "::1", "[::1]evil", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "localhost%00",
    "", " ", "*", ".", "localhost/../", "http://localhost", "\\localhost", "localhost\\@evil.test",
    "loc\xe4lhost", "a" * 300, "127.0.0.1;evil.test",
)  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_that_is_not_ours_is_refused(bench: Bench, host: str) -> None:
    """A poisoned Host ends in links, caches and reset mails (S20); 40 spellings."""
    answer = bench.call("GET", "/v1/exports", host=host or " ")

    assert answer.status == 400
    assert b"evil" not in answer.raw


@pytest.mark.parametrize("host", ["127.0.0.1", "LOCALHOST:8080", "[::1]:1", "localhost"])
def test_our_own_hosts_are_let_in(bench: Bench, host: str) -> None:
    """The control of the test above."""
    assert bench.call("GET", "/healthz", host=host).status == 200


def test_a_foreign_forwarded_host_changes_nothing(bench: Bench) -> None:
    """Links are paths, so there is nothing to poison."""
    headers = [("X-Forwarded-Host", "evil.test"), ("Forwarded", "host=evil.test")]

    answer = bench.call("POST", "/v1/exports", GOOD_BODY, headers=headers)

    assert answer.headers["Location"].startswith("/v1/exports/exp_")
    assert b"evil" not in answer.raw


DOOR_FAILURES = [
    ("GET", "/v1/exports", "page"),
    ("GET", "/v1/exports/exp_000000000000000000000000", "candidates"),
    ("POST", "/v1/exports/exp_000000000000000000000000/cancel", "find"),
    ("POST", "/v1/exports", "insert"),
]


@pytest.mark.parametrize(("method", "path", "call"), DOOR_FAILURES)
def test_a_database_that_does_not_answer_is_a_503(
    bench: Bench, method: str, path: str, call: str
) -> None:
    """Never a 202 without the database's word, and never a 500 for an outage (API.md 4)."""
    failure = Unavailable("MONGO_UNREACHABLE", "do it")
    bench.stores.exports.asked.fail_next(failure, name=call)

    answer = bench.call(method, path, GOOD_BODY if path == "/v1/exports" else None)

    assert (answer.status, answer.body["code"]) == (503, "queue-unavailable")
    assert answer.body["retryable"] is True
    assert int(answer.headers["Retry-After"]) >= 1


def test_an_unforeseen_failure_tells_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Exceptions hold values; neither the answer nor the log may show them (S16, S17)."""
    for error in (ValueError("c4nary"), Refused("MONGO_REFUSED", "c4nary"), RecursionError()):
        bench.stores.exports.asked.fail_next(error, name="page")
        with caplog.at_level(logging.DEBUG):
            answer = bench.call("GET", "/v1/exports")
        assert (answer.status, answer.body["code"]) == (500, "internal-error")
        assert b"c4nary" not in answer.raw

    assert "c4nary" not in caplog.text
    assert "Traceback" not in caplog.text
    assert "ValueError" in caplog.text


def test_a_log_line_holds_the_allowed_fields_only(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """No token, path, query, body or address: what is not listed cannot leak (S17)."""
    export_id = bench.finish(bench.create(reason="c4nary reason"))
    token = bench.token()
    requests = [
        ("GET", f"/v1/exports/{export_id}?c4nary=1"),
        ("GET", f"/v1/exports/{export_id}/files/1"),
        ("GET", "/c4nary"),
        ("PROPFIND", "/v1/exports"),
        ("HEAD", f"/v1/exports/{export_id}"),
    ]
    with caplog.at_level(logging.DEBUG):
        for method, path in requests:
            headers = [("User-Agent", "c4nary"), ("Cookie", "c4nary")]
            bench.call(method, path, token=token, headers=headers)
        assert bench.call("C4NARY", "/v1/exports").status == 400
        eventually(lambda: len(access_lines(caplog)) >= len(requests))

    lines = access_lines(caplog)
    fields = {"method", "route", "status", "request_id", "ms"}
    # Of what ended in a problem the name of that, too.
    assert all(set(one) - {"instance"} == fields for one in lines)
    assert all(("instance" in one) == (int(str(one["status"])) >= 400) for one in lines)
    assert [line["route"] for line in lines[:3]] == [
        "/v1/exports/{export_id}",
        "/v1/exports/{export_id}/files/{number}",
        None,
    ]
    assert lines[3]["method"] == "other"
    assert (lines[4]["method"], lines[4]["route"]) == ("HEAD", "/v1/exports/{export_id}")
    for secret in ("c4nary", "C4NARY", token, token.split(".")[2], export_id, "objects.invalid"):
        assert secret not in caplog.text


def access_lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """The access log."""
    records = [r for r in caplog.records if r.name == "api_bridge.access"]
    return [json.loads(record.getMessage()) for record in records]


# The HTTP contract, row by row, as its page gives it: verb and path.
CONTRACT = """
GET    /v1/export-types
GET    /v1/export-types/{type_id}
POST   /v1/exports/estimate
POST   /v1/exports
GET    /v1/exports
GET    /v1/exports/{export_id}
DELETE /v1/exports/{export_id}
GET    /v1/exports/{export_id}/events
POST   /v1/exports/{export_id}/cancel
POST   /v1/exports/{export_id}/retry
GET    /v1/exports/{export_id}/manifest
GET    /v1/exports/{export_id}/files/{number}
GET    /v1/exports/{export_id}/lineage
GET    /v1/exports/{export_id}/errors
POST   /v1/webhook-endpoints
GET    /v1/webhook-endpoints
GET    /v1/webhook-endpoints/{endpoint_id}
DELETE /v1/webhook-endpoints/{endpoint_id}
POST   /v1/webhook-endpoints/{endpoint_id}/secret
POST   /v1/webhook-endpoints/{endpoint_id}/enable
GET    /v1/webhook-endpoints/{endpoint_id}/deliveries
POST   /v1/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/replay
GET    /v1/limits
GET    /healthz
GET    /readyz
GET    /metrics
GET    /openapi.json
GET    /.well-known/export-signing-keys
"""
# The description does not describe itself, and the page is no part of the API.
UNDESCRIBED = {("GET", "/openapi.json")}
OF_THE_PAGE = {("GET", "/"), ("GET", "/problems"), ("GET", "/problems/{code}")}


def rows(text: str) -> set[tuple[str, str]]:
    """The verbs and paths of a list."""
    found = [(method, path) for method, path in map(str.split, text.strip().splitlines())]
    assert len(found) == len(set(found))
    return set(found)


def routed(app: FastAPI) -> set[tuple[str, str]]:
    """What the router answers; HEAD is answered wherever GET is, by the middleware."""
    every = [*app.routes, *(route for router in ROUTERS for route in router.routes)]
    return {
        (method, route.path)
        for route in every
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    } - OF_THE_PAGE


def test_the_router_the_description_and_the_contract_agree(bench: Bench) -> None:
    """An undocumented route is one nobody guards; a promised one that is not there a lie (S28)."""
    described = bench.call("GET", "/openapi.json", token=None).body
    operations = {
        (method.upper(), path) for path, methods in described["paths"].items() for method in methods
    }
    settings = Settings(issuer="i", audience="a", jwks="none")
    doors = Doors(stores=bench.stores, objects=bench.objects, clock=bench.clock)
    routes = routed(create_app(settings, doors, TOYS))

    assert routes == rows(CONTRACT)
    assert operations == routes - UNDESCRIBED
    # The control: neither a row that is missing nor one that is listed too often goes unseen.
    for row in routes:
        assert routes != rows(CONTRACT) - {row}


def test_the_page_for_callers_lists_every_row() -> None:
    """A row that the page forgets is found by nobody, and one too many fails at somebody."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([A-Z]+) (/\S+)` \|", text, re.MULTILINE)
    # How many run at once is told by a variable of whoever lets them out.
    named = {one.name for one in fields(Settings)} - {"runs_at_once"}
    variables = {f"BRIDGE_{name.upper()}" for name in named}

    assert sorted(listed) == sorted(rows(CONTRACT))
    assert set(re.findall(r"`(BRIDGE_\w+)`", text)) == variables


def test_the_description_says_what_the_routes_read_themselves(bench: Bench) -> None:
    """Bodies, queries and headers are parsed by us, so the framework does not know of them."""
    described = bench.call("GET", "/openapi.json", token=None).body
    create = described["paths"]["/v1/exports"]["post"]

    assert create["security"] == [{"bearer": []}]
    kinds = create["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert kinds[0] == {"$ref": "#/components/schemas/GuestsRequest"}
    guests = described["components"]["schemas"]["GuestsRequest"]
    assert guests["properties"]["type"]["enum"] == ["guests", "guests.2"]
    assert [one["name"] for one in create["parameters"]] == ["Idempotency-Key", "Prefer"]
    watch = described["paths"]["/v1/exports/{export_id}"]["get"]
    assert [one["name"] for one in watch["parameters"]] == ["export_id", "If-None-Match", "Prefer"]
    assert "HTTPValidationError" not in json.dumps(described)


def untyped(described: Any) -> list[str]:
    """The answers in JSON, of errors too, whose members a description does not tell."""
    known = described["components"]["schemas"]
    return [
        f"{method} {path} {status}"
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        for status, answer in operation["responses"].items()
        for media_type, content in answer.get("content", {}).items()
        if media_type.endswith("json")
        and "properties" not in known.get(content["schema"].get("$ref", "").rpartition("/")[2], {})
    ]


def test_every_answer_is_described_with_its_members(bench: Bench) -> None:
    """A body of anything is typed by hand by each team that calls us, and wrong in some."""
    described = bench.call("GET", "/openapi.json", token=None).body

    assert untyped(described) == []
    for methods in described["paths"].values():
        for operation in methods.values():
            assert set(operation["responses"]["default"]["content"]) == {MEDIA_TYPE}
    # The control: the form that the framework gives an answer of which it knows nothing.
    answers = described["paths"]["/v1/limits"]["get"]["responses"]
    answers["200"]["content"]["application/json"]["schema"] = {}
    assert untyped(described) == ["get /v1/limits 200"]


EVERYTHING = " ".join(["exports:create:*", *PII_SCOPES])


def test_the_real_catalogue_can_be_asked_for(tmp_path: Path) -> None:
    """Each kind of export that we list is described and accepted as it stands."""
    with running_bench(tmp_path, CATALOG) as bench:
        listed = bench.call("GET", "/v1/export-types").body["export_types"]
        answers = [
            bench.call(
                "POST",
                "/v1/exports",
                {"type": one["id"], "params": sample_params(CATALOG[one["name"]], "aurora-lights")},
                token=bench.token(scope=EVERYTHING, campaigns=["*"]),
            )
            for one in listed
        ]

    assert [one["name"] for one in listed] == list(CATALOG)
    # Since when there is data is said where a day is asked for.
    days = [one["params_schema"]["properties"]["day"] for one in listed if one["scope"] == "days"]
    assert days
    assert all(f"from {FIRST_DAY} to today" in one["description"] for one in days)
    # The campaign is bare: what it cannot have is said with a code, and nothing else is refused.
    refused = {answer.body.get("business_code") for answer in answers if answer.status == 422}
    assert {answer.status for answer in answers} == {202, 422}
    assert None not in refused


def test_the_guard_of_the_host_stands_before_everything_that_reads_a_request(
    bench: Bench,
) -> None:
    """The order of the middleware is a safety property: nothing unknown reaches a route."""
    settings = Settings(issuer="i", audience="a", jwks="none")
    doors = Doors(stores=bench.stores, objects=bench.objects, clock=bench.clock)
    order = [entry.cls for entry in create_app(settings, doors, TOYS).user_middleware]

    assert [str(getattr(cls, "__name__", cls)) for cls in order] == [
        "RequestIdMiddleware",
        "TracingMiddleware",
        "SecurityHeadersMiddleware",
        "AnswersMiddleware",
        "HeadMiddleware",
        "FailuresMiddleware",
        "AllowedHostsMiddleware",
        "BodyLimitMiddleware",
        "ConcurrencyMiddleware",
        "DispatchMiddleware",
    ]
