"""The columns of a campaign: fixed before the first row, each header its own."""

import re
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.exports.entries import ENTRIES, columns
from assets.exports.shared.questions import slug
from assets.model.campaign import Choice, Market, Promoter, Question
from assets.model.column import FormatKind, Pii, Unfit
from tests.assets.examples import MARKETS, NEW_YORK, VANCOUVER, campaign, facts, row

TEXTS = st.sampled_from(["a b", "A-B", "a_b", "a_b_2", "x", "X", "ü", "", "=1+1", "a\nb", "9"])
QUESTION_TYPES = ("text", "single", "multi", "boolean", "number", "date", "membership")


def question(
    key: str,
    *,
    type: str = "text",  # noqa: A002
    options: tuple[str, ...] = (),
    **fields: Any,
) -> Question:
    """A question of the form."""
    usual: dict[str, Any] = {"pii": Pii.QUASI_IDENTIFIER, "order": 1, "exportable": True}
    choices = tuple(Choice(value=value) for value in options)
    return Question(key=key, type=type, choices=choices, **{**usual, **fields})


def names(**fields: Any) -> list[str]:
    """The headers of a campaign."""
    return [column.name for column in columns(facts(**fields))]


def cell(name: str, entry: dict[str, Any], **fields: Any) -> object:
    """The value of one column for an entry."""
    ground = facts(**fields)
    (found,) = [column for column in columns(ground) if column.name == name]
    return found.value(row(entry, ground=ground))


@settings(max_examples=80, deadline=None)
@given(
    keys=st.lists(TEXTS, max_size=6),
    options=st.lists(TEXTS, max_size=3),
    consents=st.lists(TEXTS, max_size=4),
    markets=st.lists(st.sampled_from(["a-b", "a--b", "a-b-", "b"]), max_size=4, unique=True),
    pivot=st.sampled_from(["rank", "onehot"]),
    multi=st.sampled_from(["list", "columns"]),
)
def test_headers_made_of_staff_text_are_plain_and_each_its_own(  # noqa: PLR0917
    keys: list[str],
    options: list[str],
    consents: list[str],
    markets: list[str],
    pivot: str,
    multi: str,
) -> None:
    """Two questions slug to one header (DOMAIN.md 10.4), and a header can hold a formula."""
    asked = campaign(
        questions=[question(key, type="multi", options=tuple(options)) for key in keys],
        consent_keys=consents,
    )
    places = [
        Market(id=key, key=key, name=key, order=1, status="active", zone="UTC") for key in markets
    ]
    promoters = [Promoter(id=ObjectId(), key=key) for key in ("a-b", "a--b")]

    found = names(of=asked, its_markets=places, promoters=promoters, pivot=pivot, multi_as=multi)

    assert sorted(set(found)) == sorted(found)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in found)


@given(st.text())
def test_a_slug_is_short_plain_and_never_empty(text: str) -> None:
    """Headers come from campaign staff, so they are untrusted text (DOMAIN.md 6.4 rule 5)."""
    assert re.fullmatch(r"[a-z0-9_]{1,40}", slug(text))


def test_the_second_of_two_equal_headers_is_numbered() -> None:
    """Answers to the second question must not vanish behind the first."""
    asked = campaign(questions=[question("Fan Club"), question("fan-club", order=2)])

    assert ["q_fan_club", "q_fan_club_2"] == names(of=asked)[-2:]


@pytest.mark.parametrize("key", ["sms", "artist-email", "SMS Reminders"])
def test_every_consent_of_the_form_has_a_column(key: str) -> None:
    """A consent that is left out because of a hyphen looks like one that was never asked for."""
    granted = {"consents": [{"key": key, "granted": True}]}

    assert cell(f"opt_in_{slug(key)}", granted, of=campaign(consent_keys=[key])) is True


@pytest.mark.parametrize("width", [0, 1, 3, 5])
def test_the_width_of_the_preferences_is_that_of_the_campaign(width: int) -> None:
    """Columns are fixed by the campaign, never by looking at the data, so parts agree."""
    found = names(of=campaign(max_markets=width))

    assert width == len([name for name in found if re.fullmatch(r"pref_\d+_market", name)])


def test_one_column_a_market_follows_the_order_of_the_campaign() -> None:
    """Marketing compares the pivot with its own list of dates."""
    assert ["mkt_new_york_ny", "mkt_vancouver_bc"] == [
        name for name in names(pivot="onehot") if name.startswith("mkt_")
    ]


def test_a_market_column_holds_the_rank_or_y_where_there_is_none() -> None:
    """Legacy preferences are unranked; a made-up rank would look like a wish."""
    ranked = {
        "preferences": [{"marketId": VANCOUVER, "rank": 2}, {"marketId": NEW_YORK, "rank": 1}]
    }
    unranked = {"preferences": [{"marketId": NEW_YORK}]}

    assert "1" == cell("mkt_new_york_ny", ranked, pivot="onehot")
    assert "2" == cell("mkt_vancouver_bc", ranked, pivot="onehot")
    assert "Y" == cell("mkt_new_york_ny", unranked, pivot="onehot")
    assert cell("mkt_vancouver_bc", unranked, pivot="onehot") is None


@pytest.mark.parametrize("kind", QUESTION_TYPES)
def test_every_type_of_question_has_a_format(kind: str) -> None:
    """A form with a question that no column can show would stop the whole export."""
    found = columns(facts(of=campaign(questions=[question("q", type=kind)])))[-1]

    assert "q_q" == found.name
    assert isinstance(found.format.kind, FormatKind)


def test_retired_and_hidden_questions_stay_out_unless_asked_for() -> None:
    """A question that is not exportable must never be, whatever is asked for."""
    asked = campaign(
        questions=[question("old", retired=True), question("hidden", exportable=False)]
    )

    assert ["q_old"] == [n for n in names(of=asked, include_retired=True) if n.startswith("q_")]
    assert [] == [n for n in names(of=asked) if n.startswith("q_")]


def test_answers_of_several_choices_are_a_list_or_a_column_each() -> None:
    """Spreadsheets want one column a choice, machines one list."""
    asked = campaign(questions=[question("seat", type="multi", options=("front", "back row"))])
    given_answer = {"answers": [{"key": "seat", "version": 1, "value": ["front"]}]}

    assert ["front"] == cell("q_seat", given_answer, of=asked)
    assert cell("q_seat__front", given_answer, of=asked, multi_as="columns") is True
    assert cell("q_seat__back_row", given_answer, of=asked, multi_as="columns") is False
    assert cell("q_seat__front", {}, of=asked, multi_as="columns") is None


def test_an_answer_that_is_no_list_is_rejected_where_choices_are_columns() -> None:
    """`"front" in "front row"` is true in Python, and a wrong Y in the file."""
    asked = campaign(questions=[question("seat", type="multi", options=("front",))])

    with pytest.raises(Unfit):
        cell(
            "q_seat__front",
            {"answers": [{"key": "seat", "value": "front row"}]},
            of=asked,
            multi_as="columns",
        )


def test_the_latest_version_of_an_answer_counts() -> None:
    """Fans who answer twice mean the second."""
    answers = [
        {"key": "since", "version": 2, "value": 2014},
        {"key": "since", "version": 1, "value": 2001},
    ]

    assert 2014 == cell(
        "q_since", {"answers": answers}, of=campaign(questions=[question("since", type="number")])
    )


def test_answers_to_what_nobody_asks_are_one_column_if_asked_for() -> None:
    """Answers of a form that was changed must not be lost, nor shown to just anyone."""
    asked = campaign(questions=[question("since"), question("hidden", exportable=False)])
    answers = [
        {"key": "since", "version": 1, "value": "2014"},
        {"key": "hidden", "version": 1, "value": "secret"},
        {"key": "zodiac", "version": 2, "value": "leo"},
        {"key": "zodiac", "version": 1, "value": "aries"},
        {"key": "age", "version": 1, "value": 31},
    ]
    extra = columns(facts(of=asked, include_unknown=True))[-1]

    assert "extra_answers" not in names(of=asked)
    assert ("extra_answers", Pii.SECRET) == (extra.name, extra.pii)
    assert {"age": 31, "zodiac": "leo"} == extra.value(row({"answers": answers}))
    assert extra.value(row({"answers": answers[:2]})) is None
    assert extra.value(row({})) is None


def test_each_answer_that_is_shown_is_counted_by_its_question() -> None:
    """Whether a question was left blank or never asked is told by how many answered it."""
    asked = campaign(
        questions=[
            question("fan-club", order=1),
            question("fan_club", order=2),
            question("old", retired=True),
            question("hidden", exportable=False),
        ]
    )
    keys = ["fan_club", "old", "hidden", "unknown"]
    given_answers: list[dict[str, Any]] = [{"key": key, "value": "x"} for key in keys]
    blanks: tuple[object, ...] = (None, "", [])
    blank = [{"key": "fan-club", "value": value} for value in blanks]
    entry = {"userId": None, "answers": given_answers + blank}
    usual, retired = facts(of=asked), facts(of=asked, include_retired=True)
    noted = getattr(ENTRIES.rows, "notes")  # noqa: B009 - the other sources have none of it

    assert ["answered:fan_club"] == noted(row(entry, ground=usual))
    assert ["answered:fan_club", "answered:old"] == noted(row(entry, ground=retired))


def test_a_question_is_labelled_in_the_default_language_of_the_campaign() -> None:
    """The key is for machines; people read the question as it was asked."""
    asked = campaign(questions=[question("since", label={"en-US": "Fan since", "fr-CA": "Depuis"})])

    assert "Fan since" == columns(facts(of=asked))[-1].description


def test_a_cancelled_market_keeps_its_name_and_says_so() -> None:
    """The preference stays and must still resolve (DOMAIN.md 2.2, 7.1)."""
    wish = {"preferences": [{"marketId": VANCOUVER, "rank": 1}]}

    assert "Vancouver, BC (cancelled)" == cell("pref_1_market", wish)
    assert "vancouver-bc" == cell("pref_1_market_key", wish)
    assert len(MARKETS) == 2
