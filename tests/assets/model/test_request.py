"""A request in its canonical form: stored, read back and compared by its fingerprint."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.exports.catalog import CATALOG
from assets.model.output import Compression, Dialect, OutputFormat
from assets.model.parameters import parse
from assets.model.policy import PiiMode, Policy
from assets.model.request import ExportRequest, canonical_json
from tests.assets.examples import EVERY_SCOPE, KEY, request

PARAMS: dict[str, Any] = {
    "campaign_id": KEY,
    "pii": "full",
    "reason": "weekly review",
    "markets": ["new-york-ny", "vancouver-bc"],
    "statuses": ["verified", "waitlisted"],
    "has_code": False,
    "columns": ["email", "entry_id"],
    "max_rejects": 3,
    "allow_partial": True,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def test_a_stored_request_is_read_back_as_it_was() -> None:
    """The worker runs what is stored; a member lost on the way is another export."""
    asked = request(**{name: value for name, value in PARAMS.items() if name != "campaign_id"})

    stored = json.loads(json.dumps(asked.to_document()))

    assert asked == ExportRequest.from_document(stored)


@pytest.mark.parametrize("missing", ["type", "partition", "options", "columns", "format", "policy"])
def test_a_stored_request_that_lacks_a_member_is_not_guessed(missing: str) -> None:
    """A default filled in at run time would export what nobody asked for."""
    stored = {name: v for name, v in request().to_document().items() if name != missing}

    with pytest.raises(KeyError):
        ExportRequest.from_document(stored)


@settings(max_examples=50, deadline=None)
@given(st.permutations(sorted(PARAMS)))
def test_the_fingerprint_does_not_depend_on_the_order_of_members(order: list[str]) -> None:
    """JSON objects have no order, so it must not decide whether two requests are one."""
    shuffled = {name: PARAMS[name] for name in order}

    assert (
        parse(CATALOG["entries"], PARAMS, scopes=EVERY_SCOPE).fingerprint()
        == parse(CATALOG["entries"], shuffled, scopes=reversed(EVERY_SCOPE)).fingerprint()
    )


def test_the_fingerprint_does_not_depend_on_the_reason() -> None:
    """Two people with two reasons get the same file."""
    assert request(reason="one").fingerprint() == request(reason="another").fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        {"type": "waitlist"},
        {"version": 2},
        {"partition": "boreal-nights-2025"},
        {"campaign": None},
        {"options": {"markets": None}},
        {"columns": ("email",)},
        {"output": OutputFormat(dialect=Dialect.RFC4180)},
        {"output": OutputFormat(compression=Compression.NONE)},
        {"output": OutputFormat(rows_per_file=1_000)},
        {"policy": Policy(mode=PiiMode.MASKED, grants=EVERY_SCOPE)},
        {"policy": Policy(mode=PiiMode.FULL, grants=("pii:full", "pii:masked"))},
        {"max_rejects": 0},
        {"allow_partial": True},
    ],
    ids=str,
)
def test_the_fingerprint_depends_on_everything_that_decides_the_bytes(
    change: dict[str, Any],
) -> None:
    """Two requests with one fingerprint share a file, so nothing that matters may be left out."""
    asked = request()

    assert asked.fingerprint() != replace(asked, **change).fingerprint()


@pytest.mark.parametrize("name", sorted(request().options))
def test_the_fingerprint_depends_on_every_option(name: str) -> None:
    """An option that the fingerprint forgets would hand one person another's filter."""
    asked = request()

    changed = replace(asked, options={**asked.options, name: "something else"})

    assert asked.fingerprint() != changed.fingerprint()


def test_the_fingerprint_names_its_algorithm() -> None:
    """A digest without a name cannot be replaced by a better one later."""
    name, _, digest = request().fingerprint().partition(":")

    assert ("sha256", 64) == (name, len(digest))


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_canonical_json_is_json_and_the_same_for_equal_values(value: Any) -> None:
    """Digests are made of it, and receivers read it with any parser."""
    text = canonical_json(value)

    assert value == json.loads(text)
    assert text == canonical_json(json.loads(text))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_canonical_json_refuses_what_json_does_not_have(value: float) -> None:
    """`NaN` in a manifest would stop every strict reader."""
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"rows": value})
