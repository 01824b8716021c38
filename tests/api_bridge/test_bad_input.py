"""Bad requests: a 4xx that names place and remedy, echoes nothing and leaves nothing behind."""

import json
import socket
from typing import Any

import pytest

from api_bridge.protocol.strict_json import MAX_NODES, MalformedJson, parse_json
from tests.api_bridge.bench import GOOD_BODY, GOOD_PARAMS, Answer, Bench

# In every bad value: must come back in no answer.
CANARY = "c4nary@person.example"


def body_with(**params: object) -> bytes:
    """A good body with these parameters set."""
    return json.dumps({"type": "guests", "params": {**GOOD_PARAMS, **params}}).encode()


def raw_with(value: str, name: str = "reason") -> bytes:
    """A good body with one parameter set to this very text."""
    return (
        f'{{"type":"guests","params":{{"campaign_id":"aurora-lights","{name}":{value}}}}}'.encode()
    )


def nested(levels: int) -> bytes:
    """A parameter of so many lists in lists."""
    return raw_with("[" * levels + f'"{CANARY}"' + "]" * levels)


# Body, where the problem is, a word of the remedy.
CORPUS: dict[str, tuple[bytes, str, str]] = {
    "unknown type": (b'{"type":"c4nary@person.example","params":{}}', "/type", "one of"),
    "type of a wrong version": (b'{"type":"guests.9","params":{}}', "/type", "guests.2"),
    "type is an operator": (b'{"type":{"$gt":""},"params":{}}', "/type", "one of"),
    "type is a list": (b'{"type":["guests"],"params":{}}', "/type", "one of"),
    "type is null": (b'{"type":null,"params":{}}', "/type", "one of"),
    "no type": (b'{"params":{}}', "", "lacks the member type"),
    "no params": (b'{"type":"guests"}', "", "lacks the member params"),
    "params is text": (b'{"type":"guests","params":"c4nary"}', "/params", "object"),
    "params is a list": (b'{"type":"guests","params":[]}', "/params", "object"),
    "params is null": (b'{"type":"guests","params":null}', "/params", "object"),
    "no campaign": (b'{"type":"guests","params":{}}', "/params", "campaign_id"),
    "unknown option": (body_with(**{CANARY: 1}), "/params", "allowed are"),
    "unknown member": (b'{"type":"guests","params":{},"c4nary":1}', "", "allowed are"),
    "campaign in capitals": (body_with(campaign_id="C4NARY"), "/params/campaign_id", "pattern"),
    "campaign too short": (body_with(campaign_id="a"), "/params/campaign_id", "pattern"),
    "campaign climbs": (body_with(campaign_id="../../etc"), "/params/campaign_id", "pattern"),
    "campaign ends the line": (
        body_with(campaign_id="aurora-lights\n"),
        "/params/campaign_id",
        "control",
    ),
    "campaign is a number": (body_with(campaign_id=7), "/params/campaign_id", "string"),
    "campaign is an operator": (
        body_with(campaign_id={"$gt": ""}),
        "/params/campaign_id",
        "string",
    ),
    "campaign is a list": (
        body_with(campaign_id=["aurora-lights"]),
        "/params/campaign_id",
        "string",
    ),
    "option of a wrong type": (body_with(top_n="c4nary"), "/params/top_n", "integer"),
    "option is a truth value": (body_with(top_n=True), "/params/top_n", "integer"),
    "option too small": (body_with(top_n=0), "/params/top_n", "minimum"),
    "option too large": (body_with(top_n=1001), "/params/top_n", "maximum"),
    "option with a fraction": (body_with(top_n=1.5), "/params/top_n", "integer"),
    "option not among the choices": (body_with(tier="c4nary"), "/params/tier", "gold, silver"),
    "flag is a number": (body_with(with_plus_one=1), "/params/with_plus_one", "boolean"),
    "words hold an operator": (body_with(markets=[{"$ne": 1}]), "/params/markets/0", "string"),
    "words twice": (body_with(markets=["a", "a"]), "/params/markets", "twice"),
    "instant without zone": (body_with(since="2026-01-01T00:00:00"), "/params/since", "pattern"),
    "unknown format": (body_with(format="c4nary"), "/params/format", "csv"),
    "unknown dialect": (body_with(dialect="c4nary"), "/params/dialect", "excel"),
    "unknown mode": (body_with(pii="c4nary"), "/params/pii", "masked"),
    "column that is no name": (body_with(columns=[CANARY]), "/params/columns/0", "pattern"),
    "no columns": (body_with(columns=[]), "/params/columns", "minItems"),
    "reason too long": (body_with(reason=CANARY * 20), "/params/reason", "maxLength"),
    "rejects below zero": (body_with(max_rejects=-1), "/params/max_rejects", "minimum"),
    "null for text": (body_with(reason=None), "/params/reason", "string"),
    "NUL": (raw_with('"c4nary\\u0000"'), "/params/reason", "control"),
    "NUL in a name": (raw_with("1", "c4nary\\u0000"), "/params", "control"),
    "raw NUL": (raw_with('"c4nary\0"'), "", "JSON"),
    "lone surrogate": (raw_with('"c4nary\\ud800"'), "/params/reason", "surrogates"),
    "lone surrogate in a name": (raw_with("1", "c4nary\\udfff"), "/params", "surrogates"),
    "escape character": (raw_with('"c4nary\\u001b[31m"'), "/params/reason", "control"),
    "infinite number": (raw_with("1e999", "top_n"), "/params/top_n", "finite"),
    "infinite number in text's place": (raw_with("-1e999"), "/params/reason", "finite"),
    "NaN": (raw_with("NaN", "top_n"), "/params/top_n", "finite"),
    "Infinity": (raw_with("Infinity", "top_n"), "/params/top_n", "finite"),
    "number beyond 2^53": (raw_with("9007199254740992", "top_n"), "/params/top_n", "between"),
    "number beyond 64 bits": (raw_with("9" * 30, "top_n"), "/params/top_n", "between"),
    "number of 5,000 digits": (raw_with("9" * 5000, "top_n"), "/params/top_n", "between"),
    "number with a great exponent": (raw_with("1e300", "top_n"), "/params/top_n", "between"),
    "a member twice": (b'{"type":"guests","type":"guests","params":{}}', "", "twice"),
    "a parameter twice": (raw_with('1,"top_n":2', "top_n"), "/params", "twice"),
    "17 levels": (nested(17), "", "deep"),
    "5,000 levels": (nested(5_000), "", "deep"),
    "30,000 levels of objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "", "deep"),
    "nesting that never closes": (b"[" * 60_000, "", "deep"),
    "escaped quotes without end": (b'{"type":"' + b'\\"' * 30_000, "", "JSON"),
    "too many values": (body_with(markets=["m"] * 2_100), "", "2000"),
    "not JSON": (b"type=guests&c4nary=1", "", "JSON"),
    "cut off": (b'{"type":"guests","params":{"campaign_id":"c4na', "", "JSON"),
    "two values": (b'{"type":"guests","params":{}}{}', "", "JSON"),
    "single quotes": (b"{'type':'guests'}", "", "JSON"),
    "comment": (b'{"type":"guests"/*c4nary*/}', "", "JSON"),
    "invalid UTF-8": (b'{"type":"\xff\xfe","params":{}}', "", "UTF-8"),
    "overlong UTF-8": (b'{"type":"\xc0\xaf","params":{}}', "", "UTF-8"),
    "UTF-16": ('{"type":"guests","params":{}}'.encode("utf-16"), "", "UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf" + json.dumps(GOOD_BODY).encode(), "", "byte order mark"),
    "a list": (b'[{"type":"guests"}]', "", "object"),
    "text": (b'"c4nary"', "", "object"),
    "null": (b"null", "", "object"),
    "empty": (b"", "/header/Content-Type", "application/json"),
}


def assert_refused(bench: Bench, answer: Answer) -> None:
    """What holds for every bad request (the issue's words)."""
    assert 400 <= answer.status < 500, answer.raw
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["status"] == answer.status
    assert answer.body["type"] == f"/problems/{answer.body['code']}"
    assert answer.body["detail"]
    assert b"c4nary" not in answer.raw.lower()
    assert b"person.example" not in answer.raw
    assert bench.documents() == []
    assert bench.stores.exports.asked.calls == []


@pytest.mark.parametrize("name", CORPUS)
def test_a_bad_body_is_refused_with_place_and_remedy(bench: Bench, name: str) -> None:
    """Each of these was a 500, a silent loss or an echo in a stock application (M9, M10)."""
    raw, pointer, remedy = CORPUS[name]

    answer = bench.call("POST", "/v1/exports", raw)

    assert_refused(bench, answer)
    assert pointer in answer.pointers
    assert remedy in " ".join(error["detail"] for error in answer.body["errors"])


def test_what_the_corpus_changes_is_accepted_unchanged(bench: Bench) -> None:
    """The control: were the good body refused, everything above would pass for nothing."""
    assert bench.call("POST", "/v1/exports", body_with()).status == 202


OPERATORS = [
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$ne",
    "$eq",
    "$in",
    "$nin",
    "$exists",
    "$type",
    "$regex",
    "$where",
    "$expr",
    "$jsonSchema",
    "$mod",
    "$text",
    "$all",
    "$elemMatch",
    "$size",
    "$not",
    "$and",
    "$or",
    "$nor",
    "$function",
    "$accumulator",
    "$literal",
    "$comment",
    "$set",
    "$rename",
    "$out",
]
FIELDS = ("campaign_id", "top_n", "with_plus_one", "tier", "markets", "since", "columns", "pii")


def test_no_operator_reaches_the_database(bench: Bench) -> None:
    """30 operators in every parameter, at three depths (S8): none may become part of a query."""
    token = bench.token()
    for operator in OPERATORS:
        for name in FIELDS:
            values: tuple[object, ...] = ({operator: ""}, [{operator: 1}], {"a": {operator: []}})
            for value in values:
                answer = bench.call("POST", "/v1/exports", body_with(**{name: value}), token=token)
                assert answer.status == 400, (operator, name, value)
                assert operator.encode() not in answer.raw

    assert bench.stores.campaigns.asked.calls == []
    assert bench.documents() == []


DOCUMENT_FIELDS = [
    "_id",
    "revision",
    "type",
    "typeVersion",
    "status",
    "phase",
    "origin",
    "partition",
    "campaign",
    "request",
    "policy",
    "fingerprint",
    "priority",
    "requestedBy",
    "idempotency",
    "createdAt",
    "updatedAt",
    "queuedAt",
    "startedAt",
    "finishedAt",
    "expiresAt",
    "notBefore",
    "dispatchedAt",
    "snapshotAt",
    "attempt",
    "maxAttempts",
    "failures",
    "rescues",
    "lease",
    "cancel",
    "dagster",
    "progress",
    "result",
    "error",
    "audit",
]


@pytest.mark.parametrize("name", DOCUMENT_FIELDS)
def test_a_caller_cannot_set_a_field_of_the_document(bench: Bench, name: str) -> None:
    """Mass assignment: a body that sets `status` or `requestedBy` would be believed (S6)."""
    inside = body_with(**{name: "c4nary"})
    beside = json.dumps({**GOOD_BODY, "x" if name == "type" else name: "c4nary"}).encode()

    for raw in (inside, beside):
        assert_refused(bench, bench.call("POST", "/v1/exports", raw))


@pytest.mark.parametrize("size", [64 * 1024 + 1, 1024 * 1024, 3 * 1024 * 1024])
def test_a_body_that_is_too_large_is_a_413(bench: Bench, size: int) -> None:
    """The server under us would take 200 MB (M8)."""
    answer = bench.call("POST", "/v1/exports", b'{"reason":"' + b"c4nary" * (size // 6 + 1))

    assert_refused(bench, answer)
    assert (answer.status, answer.body["code"]) == (413, "body-too-large")
    assert str(64 * 1024) in answer.body["detail"]
    assert answer.pointers == [""]
    assert "send less" in answer.body["errors"][0]["detail"]


def test_a_body_of_just_64_kb_is_read(bench: Bench) -> None:
    """The control of the limit: one byte less than too much is judged by what it says."""
    raw = json.dumps(GOOD_BODY).encode()

    assert bench.call("POST", "/v1/exports", raw + b" " * (64 * 1024 - len(raw))).status == 202


def test_a_large_body_in_chunks_is_a_413_too(bench: Bench) -> None:
    """Without a declared length only counting helps."""
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    answer = exchange(bench, chunks=chunk * 40 + b"0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "sent",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=c4nary",
     "application/json; charset=utf-16", "application/jsonp", "application/problem+json", ""],
)  # fmt: skip
def test_only_json_is_read(bench: Bench, sent: str) -> None:
    """A page of another origin can send text/plain without asking first."""
    headers = [("Content-Type", sent)]

    answer = bench.call("POST", "/v1/exports", GOOD_BODY, headers=headers)

    assert_refused(bench, answer)
    assert answer.status == 415


def test_json_with_its_one_charset_is_read(bench: Bench) -> None:
    """Many clients say it, and it changes nothing."""
    headers = [("Content-Type", "application/json; charset=UTF-8")]

    assert bench.call("POST", "/v1/exports", GOOD_BODY, headers=headers).status == 202


QUERIES = {
    "unknown parameter": ("c4nary=1", "/query"),
    "operator as a name": ("status[$ne]=queued", "/query"),
    "twice": ("status=queued&status=failed", "/query/status"),
    "unknown status": ("status=c4nary", "/query/status"),
    "status of the inside": ("status=dispatched", "/query/status"),
    "unknown type": ("type=c4nary", "/query/type"),
    "malformed version": ("type=guests.x", "/query/type"),
    "malformed campaign": ("campaign=C4NARY", "/query/campaign"),
    "campaign with an end of line": ("campaign=aurora-lights%0A", "/query/campaign"),
    "malformed instant": ("created_after=c4nary", "/query/created_after"),
    "no such day": ("created_before=2026-02-30T00:00:00Z", "/query/created_before"),
    "instant without zone": ("created_before=2026-02-01T00:00:00", "/query/created_before"),
    "mine is a number": ("mine=1", "/query/mine"),
    "page of nothing": ("page_size=0", "/query/page_size"),
    "page too large": ("page_size=101", "/query/page_size"),
    "page of letters": ("page_size=c4nary", "/query/page_size"),
    "foreign digits": ("page_size=%D9%A1", "/query/page_size"),
    "made-up token": ("page_token=c4nary", "/query/page_token"),
    "token of other JSON": ("page_token=eyJhIjoxfQ", "/query/page_token"),
    "endless token": ("page_token=" + "A" * 5000, "/query/page_token"),
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_bad_query_is_refused_with_its_parameter(bench: Bench, name: str) -> None:
    """A filter that is silently ignored shows too much."""
    query, pointer = QUERIES[name]

    answer = bench.call("GET", f"/v1/exports?{query}")

    assert_refused(bench, answer)
    assert pointer in answer.pointers


def test_the_standard_parser_takes_what_ours_refuses() -> None:
    """The control: the refusals are ours, and removing the strict parser would lose them."""
    accepted = [
        raw
        for raw in (b'{"a":1,"a":2}', b"NaN", b"1e999", b'"\\u0000"', b'"\\ud800"', b"9" * 40)
        if json.loads(raw) is not None
    ]

    for raw in accepted:
        with pytest.raises(MalformedJson):
            parse_json(raw)
    assert len(accepted) == 6


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a":[1,-2,0.5,true,null,"\\"[{\\\\"]}', {"a": [1, -2, 0.5, True, None, '"[{\\']}),
        (b" 9007199254740991 ", 2**53 - 1),
        ('"Z\u00fcrich \U0001f3b5"'.encode(), "Z\u00fcrich \U0001f3b5"),
        (b"[" * 16 + b"]" * 16, None),
        (json.dumps([0] * (MAX_NODES - 1)).encode(), None),
    ],
)
def test_good_json_is_read_as_it_is(raw: bytes, value: Any) -> None:
    """Strictness must not cost a valid request: brackets in text, the limits themselves."""
    assert value is None or parse_json(raw) == value
    assert parse_json(raw) == json.loads(raw)


def exchange(bench: Bench, *, chunks: bytes) -> bytes:
    """Send a chunked body by hand; return the beginning of what comes back."""
    head = (
        f"POST /v1/exports HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {bench.token()}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", bench.port), timeout=10) as connection:
        connection.sendall(head.encode() + chunks)
        return connection.recv(65_536)
