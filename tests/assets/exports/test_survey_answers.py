"""`survey-answers`: what was answered to which question, and by nobody whom one could reach."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.exports.shared.free_text import without_contacts
from assets.exports.survey_answers import SURVEY_ANSWERS
from assets.model.campaign import Choice, Question
from assets.model.column import Pii
from assets.model.failure import ExportFailed
from assets.steps.plan import plan
from tests.assets.examples import SNAPSHOT, campaign, facts
from tests.assets.exports.sheets import Sheet, entry, sheet

POLARIS = Choice(value="polaris", label={"en-US": "Polaris", "es-US": "La Polar"})
DAYS = (Choice(value="fri", label={"en-US": "Friday"}), Choice(value="sat"))


def question(key: str, kind: str, order: int, pii: Pii = Pii.NONE, **fields: Any) -> Question:
    """A question of the form."""
    usual = {"exportable": True, "label": {"en-US": f"{key}?"}}
    return Question(key=key, type=kind, order=order, pii=pii, **{**usual, **fields})


ASKED = (
    question("song", "single", 2, choices=(POLARIS,), label={"en-US": "Song", "es-US": "Tema"}),
    question("days", "multi", 1, choices=DAYS),
    question("since", "number", 3, Pii.QUASI_IDENTIFIER, version=2),
    question("first", "boolean", 4),
    question("last", "date", 5),
    question("why", "text", 6, Pii.NONE),
    question("club", "membership", 7, Pii.SECRET),
    question("old", "single", 8, retired=True),
    question("staff", "single", 9, exportable=False),
)


def answers(*given: tuple[Any, ...], number: int = 1, **fields: Any) -> dict[str, Any]:
    """An entry with answers: key, value and, if it is not 1, the version."""
    stored = [{"key": key, "value": value, "version": (*rest, 1)[0]} for key, value, *rest in given]
    return entry(number, answers=stored, **fields)


def survey(*entries: dict[str, Any], **params: Any) -> Sheet:
    """The file of these entries."""
    return sheet("survey-answers", entries, of=campaign(questions=ASKED), **params)


def told(made: Sheet, *names: str) -> list[tuple[str, ...]]:
    """Some cells of each row."""
    return [tuple(row[name] for name in names) for row in made.rows]


def test_each_answer_is_a_row_with_its_question_and_its_fan() -> None:
    """The artist's team counts answers without knowing who gave them."""
    made = survey(answers(("song", "polaris"), contact={"countryCode": "US"}))
    (fan,) = made.column("entry_id")

    assert re.fullmatch("[0-9a-f]{64}", fan)
    assert [
        {
            "entry_id": fan,
            "question_key": "song",
            "question_version": "1",
            "question_label": "Song",
            "answer_value": "polaris",
            "answer_label": "Polaris",
            "answered_at_utc": "2026-03-19T12:00:00Z",
            "market_1": "New York, NY",
            "country": "US",
            "status": "registered",
        }
    ] == made.rows


def test_a_multiple_choice_is_one_row_an_option_in_the_order_of_the_choice() -> None:
    """A list in a cell cannot be counted in a spreadsheet."""
    made = survey(answers(("days", ["sat", "fri", None, ""])))

    assert [("sat", ""), ("fri", "Friday")] == told(made, "answer_value", "answer_label")


def test_rows_follow_the_form_then_the_entry() -> None:
    """One question after the other, so that each can be read on its own."""
    two = answers(("song", "polaris"), ("days", ["fri"]), number=2)
    one = answers(("first", True), ("song", "polaris"), number=1)
    made = survey(two, one)

    days, song, again, first = told(made, "question_key", "entry_id")
    assert ["days", "song", "song", "first"] == [days[0], song[0], again[0], first[0]]
    assert (days[1], first[1]) == (again[1], song[1])
    assert days[1] != first[1]
    assert (2, 2, 4, 4) == (
        made.accounting.read,
        made.accounting.kept,
        made.accounting.made,
        made.accounting.written,
    )


@pytest.mark.parametrize(
    ("key", "value", "version", "shown"),
    [
        ("since", 2014, 2, "2014"),
        ("since", 2014.5, 2, "2014.5"),
        ("first", True, 1, "Y"),
        ("first", False, 1, "N"),
        ("last", SNAPSHOT.replace(hour=2), 1, "2026-03-19"),
        ("last", "2024-02-29", 1, "2024-02-29"),
        ("since", "the nineties", 1, "the nineties"),
        ("since", True, 1, "Y"),
    ],
)
def test_an_answer_is_written_by_its_type_or_of_another_version_by_what_it_is(
    key: str, value: object, version: int, shown: str
) -> None:
    """A year was a text before it was a number (DOMAIN.md 7.14); dates are the campaign's."""
    made = survey(answers((key, value, version)))

    assert [(shown, str(version))] == told(made, "answer_value", "question_version")


@pytest.mark.parametrize(
    ("key", "value", "version"), [("since", "2014", 2), ("first", "Y", 1), ("song", {"a": 1}, 1)]
)
def test_an_answer_of_a_wrong_type_is_counted_and_the_others_stay(
    key: str, value: object, version: int
) -> None:
    """One broken answer must not cost the fan's other answers, nor pass as an empty one."""
    made = survey(answers((key, value, version), ("days", ["fri"])))

    assert ["fri"] == made.column("answer_value")
    assert {"answer_value:wrong_type": 1} == made.accounting.unfit


def test_a_day_that_is_none_is_counted_and_in_a_wide_file_a_day_is_a_day() -> None:
    """Forms store the picked day as text; 30 February was picked by no fan."""
    assert {"answer_value:not_a_date": 1} == survey(
        answers(("last", "2024-02-30"))
    ).accounting.unfit
    wide = survey(answers(("last", "2024-02-29")), shape="wide")
    assert ["2024-02-29"] == wide.column("q_last")


def test_an_option_that_was_removed_keeps_its_value_without_a_label() -> None:
    """What fans chose in March stays their choice in April (DOMAIN.md 7.14)."""
    made = survey(answers(("song", "zenith")))

    assert [("zenith", "")] == told(made, "answer_value", "answer_label")


def test_labels_are_in_the_language_asked_for_else_in_the_campaigns() -> None:
    """A label that was never translated is better than none."""
    entries = [answers(("song", "polaris"), ("days", ["fri"]))]

    assert [("days?", "Friday"), ("Tema", "La Polar")] == told(
        survey(*entries, locale="es-US"), "question_label", "answer_label"
    )
    assert "Song" == survey(*entries, locale="ja").column("question_label")[1]


def test_free_text_and_membership_numbers_are_there_only_if_asked_for() -> None:
    """Whoever wants the favourite days does not get what fans wrote about themselves."""
    entries = [answers(("why", "love"), ("club", "0012345678"), ("days", ["fri"]))]

    assert ["fri"] == survey(*entries).column("answer_value")
    assert ["fri", "love", "0012345678"] == survey(*entries, include_free_text=True).column(
        "answer_value"
    )


def test_the_class_of_the_answers_is_the_highest_of_their_questions() -> None:
    """One column holds them all, so the most personal question decides who sees it."""

    def of(**params: Any) -> Pii:
        ground = facts("survey-answers", of=campaign(questions=ASKED), **params)
        columns = {column.name: column for column in SURVEY_ANSWERS.columns(ground)}
        assert columns["answer_value"].pii is columns["answer_label"].pii
        return columns["answer_value"].pii

    assert Pii.QUASI_IDENTIFIER is of()
    assert Pii.NONE is of(question_keys=["days", "song"])
    assert Pii.SECRET is of(include_free_text=True)


def test_answers_of_fans_who_are_gone_or_said_nothing_are_left_out() -> None:
    """An empty row a fan would make half of the file."""
    made = survey(
        answers(("song", "polaris")),
        answers(("song", "polaris"), number=2, status="withdrawn"),
        answers(("song", "polaris"), number=3, status="erased"),
        answers(("song", ""), ("days", []), number=4),
        answers(("staff", "x"), ("old", "y"), number=5),
    )

    assert {"withdrawn": 1, "erased": 1, "no_answer": 2} == made.accounting.filtered


def test_an_answer_to_what_the_form_does_not_ask_is_counted() -> None:
    """A question that staff deleted leaves answers behind; they are not shown, and not silent."""
    made = survey(answers(("song", "polaris"), ("gone", "x"), (["song"], "y")))

    assert 2 == made.accounting.notes["unknown_question"]
    assert ["song"] == made.column("question_key")


def test_retired_questions_are_kept_on_request_and_staff_questions_never() -> None:
    """What is not exportable is not exportable by an option."""
    entries = [answers(("old", "x"), ("staff", "y"), ("days", ["fri"]))]

    assert ["days", "old"] == survey(*entries, include_retired=True).column("question_key")


@pytest.mark.parametrize("key", ["nothing", "staff", "why", "old"])
def test_a_question_that_the_file_cannot_have_is_refused(key: str) -> None:
    """A file without it would look like a question that nobody answered."""
    ground = facts("survey-answers", of=campaign(questions=ASKED), question_keys=[key])

    with pytest.raises(ExportFailed, match="UNKNOWN_QUESTION"):
        plan(SURVEY_ANSWERS, ground)


def test_a_question_of_an_unknown_type_is_refused() -> None:
    """Nobody knows how to write its answers."""
    odd = campaign(questions=[question("x", "drawing", 1)])

    with pytest.raises(ExportFailed, match="UNKNOWN_QUESTION_TYPE"):
        plan(SURVEY_ANSWERS, facts("survey-answers", of=odd))


def test_a_wide_file_has_a_row_a_fan_and_a_column_a_question() -> None:
    """Cross tables are made of one row a fan."""
    made = survey(
        answers(("days", ["sat", "fri"]), ("first", False), ("song", "a@b.example"), number=2),
        answers(("since", 2014, 2), ("since", 2013, 1), number=1),
        shape="wide",
    )
    names = ("q_days", "q_song", "q_since", "q_first")

    assert [("", "", "2014", ""), ("sat|fri", "[e-mail]", "", "N")] == told(made, *names)
    assert "q_why" not in made.rows[0]
    assert 2 == len(set(made.column("entry_id")))


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("write to zoe@example.com, please", "write to [e-mail] please"),
        ("Zoe <zoe@example.com>", "Zoe <[e-mail]>"),
        ("zoe\uff20example.com", "[e-mail]"),
        ("zoe (at) example.com", "[e-mail]"),
        ("zoe@exa\u200bmple.com", "[e-mail]"),
        ("call +1 (415) 555-0132 now", "call [phone] now"),
        ("415.555.0132", "[phone]"),
        ("4155550132!", "[phone]!"),
        ("٤١٥٥٥٥٠١٣٢", "[phone]"),
        ("since 2014, 4 of us", "since 2014, 4 of us"),
        ("room 101", "room 101"),
        ("", ""),
    ],
)
def test_ways_to_reach_a_fan_are_taken_out_of_free_text(written: str, left: str) -> None:
    """Fans write their number into every box (DOMAIN.md 7.14)."""
    assert left == without_contacts(written)


@given(
    st.text(max_size=30),
    st.from_regex(r"[a-z0-9]{1,12}@[a-z0-9]{1,12}\.example", fullmatch=True),
    st.from_regex(r"\+[0-9]{8,15}", fullmatch=True),
)
def test_no_address_and_no_number_survives_between_other_words(
    words: str, email: str, phone: str
) -> None:
    """A pattern that fails beside a certain letter fails for the fan who wrote that letter."""
    cleaned = without_contacts(f"{words} {email} {words} {phone}")

    assert email not in cleaned
    assert phone not in cleaned


def test_a_very_long_answer_costs_no_more_than_its_length() -> None:
    """40,000 characters without a blank are in the packs (DOMAIN.md 10.4)."""
    assert "a" * 40_000 == without_contacts("a" * 40_000)
    assert "1" not in without_contacts("1" * 40_000)


def test_an_entry_whose_answers_cannot_be_read_is_rejected() -> None:
    """It may have answered; nobody can tell."""
    made = survey(entry(1, answers="none"), answers(("song", "polaris"), number=2))

    assert {"wrong_type": 1} == made.accounting.rejected
