"""Whatever is sent, the bridge answers, and never with a 5xx (RELIABILITY.md 7, bad HTTP inputs).

A few hundred examples each, the same ones every time.
"""

import json
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api_bridge.bench import GOOD_PARAMS, Answer, Bench
from tests.api_bridge.toys import TOYS

# The examples share one bridge on purpose: what one leaves behind must not break another.
OFTEN = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NAMES = st.sampled_from(
    ["campaign_id", "columns", "format", "pii", "reason", "top_n", "markets", "since", "$where"]
)
TEXT = st.text(max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT | NAMES, inner, max_size=5),
    max_leaves=30,
)
PROBLEMS = {400, 401, 403, 404, 405, 409, 413, 415, 422}


def check(answer: Answer) -> None:
    """The answer is a success or a problem of the caller's."""
    assert answer.status < 300 or answer.status in PROBLEMS, answer.raw
    if answer.status >= 300:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.body["status"] == answer.status


@OFTEN
@given(name=NAMES, value=JSON, kind=st.sampled_from(list(TOYS)) | TEXT)
def test_no_parameter_breaks_the_bridge(bench: Bench, name: str, value: object, kind: str) -> None:
    """JSON as Python writes it: NaN, infinity, lone surrogates and huge numbers included."""
    body = {"type": kind, "params": {**GOOD_PARAMS, name: value}}

    check(bench.call("POST", "/v1/exports", json.dumps(body).encode()))


@OFTEN
@given(raw=st.binary(min_size=1, max_size=300) | JSON.map(lambda one: json.dumps(one).encode()))
def test_no_body_breaks_the_bridge(bench: Bench, raw: bytes) -> None:
    """Bytes that are no JSON, and JSON that is no request."""
    check(bench.call("POST", "/v1/exports", raw))


@OFTEN
@given(
    name=st.sampled_from(["status", "type", "campaign", "page_token", "created_after", "page_size"])
    | TEXT,
    value=TEXT,
)
def test_no_query_breaks_the_bridge(bench: Bench, name: str, value: str) -> None:
    """Any text in any filter."""
    check(bench.call("GET", f"/v1/exports?{_quoted(name)}={_quoted(value)}"))


@OFTEN
@given(part=TEXT, tail=st.sampled_from(["", "/cancel", "/retry", "/files/1", "/manifest"]))
def test_no_path_breaks_the_bridge(bench: Bench, part: str, tail: str) -> None:
    """Any text in the place of an id."""
    method = "POST" if tail in ("/cancel", "/retry") else "GET"

    check(bench.call(method, f"/v1/exports/{_quoted(part)}{tail}"))


@OFTEN
@given(key=st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=300))
def test_no_idempotency_key_breaks_the_bridge(bench: Bench, key: str) -> None:
    """Whatever a header can carry; control characters are refused by the server before us."""
    headers = [("Idempotency-Key", key)]
    body = {"type": "guests", "params": dict(GOOD_PARAMS)}

    check(bench.call("POST", "/v1/exports", body, headers=headers))


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")
