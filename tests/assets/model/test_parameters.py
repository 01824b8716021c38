"""What callers send: taken when it fits, refused by place and remedy, never repeated."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from assets.exports.catalog import CATALOG
from assets.model.column import Pii
from assets.model.export_type import ExportType, Scope
from assets.model.parameters import Forbidden, InvalidRequest, Problem, parse, schema
from assets.model.request import ExportRequest
from tests.assets.examples import EVERY_SCOPE, KEY, column, params_of, toy

CANARY = "c4nary@fan.example"
GOOD = {"campaign_id": KEY, "pii": "full", "reason": "a test"}
TOY_OF_A_DAY = toy(scope=Scope.DAY)
TOY_OF_A_CASE = toy(scope=Scope.PRIVACY_CASE)

# For every pattern that the catalogue uses one of these fits.
WORDS = (KEY, "word", "US", "en-US", "market_key", "entry_id", "2026-03-03", "2026-03-03T15:00:00Z",
    "aurora-lights-2026-20260311T053000Z", "example.com", "0a" * 32,
    "00000000-0000-4000-8000-000000000001",
)  # fmt: skip
NOT_OF_ANY_TYPE: tuple[Any, ...] = (
    {"$gt": ""},
    {"$ne": None},
    None,
    [[["nested"]]],
    [{"$gt": ""}],
    {"a": {"b": [CANARY]}},
)
# What every kind takes is tried with one of them.
COMMON = frozenset(schema(CATALOG["entries"])["properties"]) - {
    option.name for option in CATALOG["entries"].options
}
OPTIONS = [
    (kind, name)
    for kind in sorted(CATALOG)
    for name in sorted(schema(CATALOG[kind])["properties"])
    if kind == "entries" or name not in COMMON
]


def fitting(rules: Mapping[str, Any]) -> Any:
    """A value that a schema of an option takes."""
    if "enum" in rules:
        return rules["enum"][-1]
    match rules["type"]:
        case "boolean":
            return True
        case "integer":
            return rules["minimum"]
        case "array":
            return [fitting(rules["items"])]
        case _:
            pattern = rules.get("pattern", ".*")
            return next(word for word in WORDS if re.fullmatch(pattern, word))


def asked(kind: str, /, **params: Any) -> ExportRequest:
    """What becomes of good parameters with these ones set."""
    return parse(CATALOG[kind], params_of(kind, **params), scopes=EVERY_SCOPE)


def problems(kind: ExportType, params: Any, pointer: str = "/params") -> tuple[Problem, ...]:
    """What is wrong with parameters."""
    with pytest.raises(InvalidRequest) as refused:
        parse(kind, params, scopes=EVERY_SCOPE, pointer=pointer)
    assert refused.value.problems
    assert CANARY not in str(refused.value) + repr(refused.value.problems)
    return refused.value.problems


def kept(request: ExportRequest, name: str) -> Any:
    """What the canonical request holds of a parameter."""
    document = request.to_document()
    places = {
        **dict.fromkeys(("campaign_id", "day", "case_id"), document["partition"]),
        "columns": document["columns"],
        "reason": document["reason"],
        "max_rejects": document["maxRejects"],
        "allow_partial": document.get("allowPartial", False),
        "pii": document["policy"]["mode"],
        "rows_per_file": document["format"]["rowsPerFile"],
        "format": document["format"]["kind"],
        "max_file_bytes": document["format"]["bytesPerFile"],
        "text_guard": document["format"]["textGuard"],
        "phone_style": document["format"]["phoneStyle"],
        "deliver": document["deliver"],
    }
    return {**places, **document["format"], **document["options"]}[name]


@pytest.mark.parametrize(("kind", "name"), OPTIONS)
def test_every_option_is_kept_in_its_canonical_form(kind: str, name: str) -> None:
    """An option that is taken and then lost would give a file that nobody asked for."""
    value = fitting(schema(CATALOG[kind])["properties"][name])

    request = asked(kind, **{name: value})

    assert value == kept(request, name)


@pytest.mark.parametrize(("kind", "name"), OPTIONS)
def test_every_option_has_the_default_that_its_schema_shows(kind: str, name: str) -> None:
    """People read the default in the schema; the request must do what it says."""
    rules = schema(CATALOG[kind])["properties"][name]
    usual = CATALOG[kind].usual(asked(kind).options)
    silent = {"columns": [], "rows_per_file": 1_000_000, "deliver": list(map(str, usual))}

    if name not in params_of(kind):
        assert kept(asked(kind), name) == rules.get("default", silent.get(name))
    if "default" in rules:
        Draft202012Validator(rules).validate(rules["default"])


@pytest.mark.parametrize(("kind", "name"), OPTIONS)
def test_a_value_of_a_wrong_type_is_refused_in_its_place(kind: str, name: str) -> None:
    """An operator such as {"$gt": ""} must never come near a query of the database."""
    for value in NOT_OF_ANY_TYPE:
        found = problems(CATALOG[kind], {**params_of(kind), name: value})

        assert all(re.fullmatch(rf"/params/{name}(/[0-9]+)?", p.pointer) for p in found)
        assert any(p.detail.startswith("must be of type") for p in found)


@pytest.mark.parametrize("kind", sorted(CATALOG))
def test_an_unknown_member_is_refused_with_a_list_of_the_known_ones(kind: str) -> None:
    """A mistyped option that is ignored gives a file without the filter that was meant."""
    (found,) = problems(CATALOG[kind], {**params_of(kind), CANARY: 1})

    assert found.pointer == "/params"
    assert all(name in found.detail for name in schema(CATALOG[kind])["properties"])


@pytest.mark.parametrize(
    ("params", "pointer", "remedy"),
    [
        ({"dialect": CANARY}, "/params/dialect", "one of: rfc4180, excel, excel-eu, sfmc, plain"),
        ({"pii": "FULL"}, "/params/pii", "one of: full, masked, hashed, none"),
        ({"campaign_id": CANARY}, "/params/campaign_id", "pattern ^[a-z0-9-]{3,80}$"),
        ({"campaign_id": "../../etc"}, "/params/campaign_id", "pattern"),
        ({"campaign_id": f"{KEY}\n"}, "/params/campaign_id", "pattern"),
        ({"campaign_id": f"{KEY}\x00"}, "/params/campaign_id", "pattern"),
        ({"markets": ["new-york-ny\n"]}, "/params/markets/0", "pattern"),
        ({"markets": ["nyc", "nyc"]}, "/params/markets", "twice"),
        ({"markets": [f"m-{n}" for n in range(201)]}, "/params/markets", "maxItems 200"),
        ({"columns": []}, "/params/columns", "minItems 1"),
        ({"columns": ["email", CANARY]}, "/params/columns/1", "pattern"),
        ({"statuses": ["waitlisted", CANARY]}, "/params/statuses/1", "one of: registered"),
        ({"reason": "no"}, "/params/reason", "minLength 3"),
        ({"reason": CANARY * 20}, "/params/reason", "maxLength 200"),
        ({"rows_per_file": 999}, "/params/rows_per_file", "minimum 1000"),
        ({"rows_per_file": True}, "/params/rows_per_file", "type integer"),
        ({"rows_per_file": float("nan")}, "/params/rows_per_file", "type integer"),
        ({"max_rejects": 1e308}, "/params/max_rejects", "maximum 100000"),
        ({"max_rejects": -1}, "/params/max_rejects", "minimum 0"),
        ({"registered_from": "2026-03-03"}, "/params/registered_from", "pattern"),
        ({"registered_from": "2026-02-30T00:00:00Z"}, "/params/registered_from", "date-time"),
        ({"registered_to": "2026-03-03T25:00:00Z"}, "/params/registered_to", "date-time"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_the_remedy(
    params: Mapping[str, Any], pointer: str, remedy: str
) -> None:
    """A caller must be able to mend the request from the answer alone."""
    found = problems(CATALOG["entries"], {**GOOD, **params})

    assert {pointer} == {p.pointer for p in found}
    assert remedy in found[0].detail


def test_every_problem_of_a_request_is_told_at_once() -> None:
    """One problem at a time makes a caller send a request once a mistake."""
    found = problems(CATALOG["entries"], {**GOOD, "pii": 1, "dialect": 2, "markets": [3]})

    assert ["/params/dialect", "/params/markets/0", "/params/pii"] == sorted(
        {p.pointer for p in found}
    )


@pytest.mark.parametrize(
    ("kind", "name"),
    [(CATALOG["entries"], "campaign_id"), (TOY_OF_A_DAY, "day"), (TOY_OF_A_CASE, "case_id")],
)
def test_a_request_must_say_what_it_is_about(kind: ExportType, name: str) -> None:
    """Without its scope an export would be of nothing, or of everything."""
    (found,) = problems(kind, {})

    assert (found.pointer, found.detail) == ("/params", f"lacks the member {name}")


def test_a_day_of_an_option_must_be_in_the_calendar_too() -> None:
    """It becomes a literal of a query; 30 February fails there only after the whole way."""
    found = problems(CATALOG["code-redemptions"], {"campaign_id": KEY, "from": "2026-02-30"})

    assert [("/params/from", "must satisfy format date")] == [(p.pointer, p.detail) for p in found]


@pytest.mark.parametrize("day", ["2026-02-30", "2026-3-1", "20260301", "2026-03-01T00:00:00Z"])
def test_a_day_that_no_calendar_has_is_refused(day: str) -> None:
    """It would otherwise fail much later, in a query, and be tried four times."""
    found = problems(TOY_OF_A_DAY, {"day": day})

    assert {"/params/day"} == {p.pointer for p in found}


def test_an_export_of_a_day_has_no_campaign() -> None:
    """Tenancy is judged by the campaign; a day must not pass for one."""
    request = parse(TOY_OF_A_DAY, {"day": "2026-03-01"}, scopes=())

    assert ("2026-03-01", None) == (request.partition, request.campaign)


@pytest.mark.parametrize("params", [None, [], "text", 7, [GOOD]])
def test_parameters_that_are_no_object_are_refused(params: Any) -> None:
    """The Dagster page and the bridge both pass on what a person typed."""
    assert [("", "must be of type object")] == [
        (p.pointer, p.detail) for p in problems(CATALOG["entries"], params, pointer="")
    ]


def test_two_spellings_of_one_request_are_one_request() -> None:
    """Equal requests share one generation, which they only do if their fingerprints are equal."""
    one = asked("waitlist", markets=["b-b", "a-a"], columns=["email", "entry_id"], top_n=5)
    other = asked("waitlist", top_n=5.0, columns=["entry_id", "email"], markets=["a-a", "b-b"])

    assert one == other
    assert one.fingerprint() == other.fingerprint()


def test_a_whole_number_written_as_a_fraction_is_a_whole_number() -> None:
    """JSON Schema takes 1000.0 for an integer, but a file cannot end after 1000.0 rows."""
    request = asked("entries", rows_per_file=1000.0, max_rejects=3.0)

    assert (1000, 3) == (request.output.rows_per_file, request.max_rejects)
    assert isinstance(request.output.rows_per_file, int)
    assert isinstance(request.max_rejects, int)


def test_full_personal_data_needs_a_reason() -> None:
    """The audit trail must say why somebody took names and addresses (DOMAIN.md 2.7)."""
    (found,) = problems(CATALOG["entries"], {"campaign_id": KEY, "pii": "full"})

    assert found.pointer == "/params/reason"
    assert "required with pii=full" in found.detail


@pytest.mark.parametrize("mode", ["masked", "hashed", "none"])
def test_no_other_mode_needs_a_reason(mode: str) -> None:
    """A reason that is asked for everywhere is answered with three dots everywhere."""
    parse(CATALOG["entries"], {"campaign_id": KEY, "pii": mode}, scopes=EVERY_SCOPE)


def test_a_mode_beyond_the_scopes_names_each_column_and_the_scope_it_needs() -> None:
    """A caller learns what to ask for; the default mode shows no direct identifier."""
    with pytest.raises(Forbidden) as refused:
        parse(CATALOG["waitlist"], GOOD, scopes=("pii:masked", "exports:read"))

    assert refused.value.columns == dict.fromkeys(
        ("email", "first_name", "last_name", "phone"), "pii:full"
    )


def test_only_scopes_that_bear_on_columns_are_kept() -> None:
    """The stored decision must hold nothing else of a token."""
    scopes = ("exports:read", "exports:create:*", CANARY, *EVERY_SCOPE)

    request = parse(CATALOG["entries"], GOOD, scopes=scopes)

    assert tuple(sorted(EVERY_SCOPE)) == request.policy.grants


def test_a_kind_without_direct_identifiers_needs_no_reason() -> None:
    """Counts are nobody's personal data, whatever the mode is called."""
    counts = toy(column("count", lambda _: 1, pii=Pii.NONE))

    assert parse(counts, {"campaign_id": KEY, "pii": "full"}, scopes=()).reason is None


@pytest.mark.parametrize("kind", [*CATALOG.values(), TOY_OF_A_DAY, TOY_OF_A_CASE])
def test_the_schema_of_every_kind_is_valid(kind: ExportType) -> None:
    """The API shows it and forms are built from it."""
    Draft202012Validator.check_schema(schema(kind))


def _bearing(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _bearing(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _bearing(inner)


SECRETS = st.text(min_size=1, max_size=12).map(lambda text: f"c4nary{text}")
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | SECRETS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SECRETS, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(sorted({name for _, name in OPTIONS})) | SECRETS


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(CATALOG)),
    params=st.dictionaries(NAMES, JUNK, min_size=1, max_size=4),
)
def test_a_refusal_never_repeats_what_was_sent(kind: str, params: dict[str, Any]) -> None:
    """What was sent may be personal, and answers and Dagster's events are kept (S17)."""
    try:
        parse(CATALOG[kind], {**GOOD, **params}, scopes=EVERY_SCOPE, pointer="/params")
    except InvalidRequest as refused:
        said = str(refused) + "".join(p.pointer + p.detail for p in refused.problems)
        assert not [secret for secret in _bearing(params) if "c4nary" in secret and secret in said]
        assert "c4nary" not in said


@pytest.mark.parametrize(
    ("option", "value", "scope"),
    [
        ("bands", ["D"], "scores:read"),
        ("countries", ["US"], "pii:masked"),
        ("locales", ["en-US"], "pii:masked"),
    ],
)
def test_a_filter_needs_the_scope_of_what_it_filters_by(
    option: str, value: list[str], scope: str
) -> None:
    """Whoever may not see a score must not learn it from which rows a filter keeps."""
    params = {"campaign_id": KEY, "pii": "none", "columns": ["position"], option: value}

    with pytest.raises(Forbidden) as refused:
        parse(CATALOG["waitlist"], params, scopes=())

    assert refused.value.columns == {option: scope}
    assert parse(CATALOG["waitlist"], params, scopes=(scope,)).options[option] == value


@pytest.mark.parametrize(
    ("kind", "params", "pointer"),
    [
        ("waitlist", {"positions_from": 5, "positions_to": 1}, "/params/positions_to"),
        (
            "entries",
            {
                "registered_from": "2026-03-03T00:00:00Z",
                "registered_to": "2026-02-03T00:00:00Z",
            },
            "/params/registered_to",
        ),
        ("code-redemptions", {"from": "2026-03-03", "to": "2026-03-02"}, "/params/to"),
    ],
)
def test_a_range_that_ends_before_it_begins_is_refused(
    kind: str, params: dict[str, Any], pointer: str
) -> None:
    """An empty file that succeeded would look like an answer."""
    (found,) = problems(CATALOG[kind], {**GOOD, **params})

    assert found.pointer == pointer
    assert found.detail.startswith("must not be before")
