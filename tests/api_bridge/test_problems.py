"""The pages that the `type` of a problem leads to (RFC 9457 3.1.1)."""

import re
from html import unescape

import pytest

from api_bridge.protocol.problems import REGISTRY, Code
from tests.api_bridge.bench import Bench


@pytest.mark.parametrize("code", Code)
def test_every_problem_has_a_page_that_says_what_helps(bench: Bench, code: Code) -> None:
    """Whoever follows the link of an error wants to know what to do next, without a token."""
    answer = bench.call("GET", f"/problems/{code}", token=None)
    text = unescape(re.sub(r"</?code>", "`", answer.raw.decode()))

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert REGISTRY[code].remedy.split("`")[0].strip() in text
    assert str(REGISTRY[code].status) in text
    assert "<script" not in text


def test_the_type_of_an_error_leads_to_its_page(bench: Bench) -> None:
    """A link that leads nowhere is worse than none."""
    refused = bench.call("GET", "/v1/exports", token=None)
    page = bench.call("GET", refused.body["type"], token=None)

    assert page.status == 200
    assert REGISTRY[Code.UNAUTHENTICATED].title in page.raw.decode()


def test_all_pages_are_listed(bench: Bench) -> None:
    """The index is how a person who writes a client sees what may come."""
    text = bench.call("GET", "/problems", token=None).raw.decode()

    assert re.findall(r'href="/problems/([a-z-]+)"', text) == list(map(str, REGISTRY))


@pytest.mark.parametrize("path", ["nothing", "%3Cscript%3Ealert(1)%3C", "../healthz", "UNKNOWN"])
def test_a_problem_that_there_is_not_is_a_404_that_repeats_nothing(bench: Bench, path: str) -> None:
    """The address is somebody's input too."""
    answer = bench.call("GET", f"/problems/{path}", token=None)

    assert (answer.status, answer.body["code"]) == (404, "not-found")
    assert b"script" not in answer.raw
