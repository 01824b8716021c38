"""Columns for the answers to a campaign's questions, `q_<key>` (DOMAIN.md 6.6)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from itertools import chain, count

from assets.exports.shared.entry_values import answer
from assets.model.campaign import Campaign, Question
from assets.model.column import (
    DATE,
    LIST,
    NUMBER,
    YES_NO,
    Column,
    Format,
    Getter,
    Unfit,
    text,
)
from assets.model.failure import ExportFailed
from assets.model.meaning import Described, Meaning, What
from assets.model.source import EntryRow

ANSWER_FORMATS: dict[str, Format] = {
    "text": text(2000),
    "single": text(200),
    "multi": LIST,
    "boolean": YES_NO,
    "number": NUMBER,
    "date": DATE,
    "membership": text(80),
}


def slug(name: str) -> str:
    """A header made of staff text: `[a-z0-9_]{1,40}` (DOMAIN.md 6.4 rule 5, 6.6)."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40] or "x"


def distinct(columns: Iterable[Column]) -> Iterator[Column]:
    """Headers made of staff text may collide; the later one is numbered (DOMAIN.md 6.6)."""
    taken: set[str] = set()
    for column in columns:
        names = (f"{column.name}_{number}" for number in count(2))
        name = next(n for n in chain([column.name], names) if n not in taken)
        taken.add(name)
        yield column if name == column.name else replace(column, name=name)


def in_form_order(campaign: Campaign) -> list[Question]:
    """The questions by `order`, then key: the order of their columns."""
    return sorted(campaign.questions, key=lambda question: (question.order, question.key))


def question_columns(
    campaign: Campaign, questions: Iterable[Question], *, split: bool = False
) -> Iterator[Column]:
    """The columns of these questions.

    Args:
        campaign: Whose default locale labels them.
        questions: In the order of the columns.
        split: One column an option of a multiple choice, rather than one list.

    Raises:
        ExportFailed: `UNKNOWN_QUESTION_TYPE`.
    """
    for question in questions:
        name, label = f"q_{slug(question.key)}", question.label.get(campaign.default_locale, "")
        if question.type == "multi" and split:
            yield from _option_columns(name, label, question)
        else:
            form = _form(question)
            read = _day(question.key) if form is DATE else answer(question.key)
            yield _column(name, form, label, question, read)


def calendar_day(value: object) -> object:
    """A day that a fan picked, which is stored as its text: BSON has no day without a time.

    Raises:
        Unfit: It is a text, and no day.
    """
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise Unfit("not_a_date") from None


def _day(key: str) -> Getter:
    read = answer(key)
    meaning = Meaning(what=What.ANSWERED_DAY, path=key)
    return Described(meaning=meaning, read=lambda row: calendar_day(read(row)))


def _form(question: Question) -> Format:
    form = ANSWER_FORMATS.get(question.type)
    if form is None:
        message = "the campaign asks a question of a type that exports do not know"
        raise ExportFailed("UNKNOWN_QUESTION_TYPE", message)
    return form


def _option_columns(name: str, label: str, question: Question) -> Iterator[Column]:
    for value in question.options:
        option, read = f"{name}__{slug(value)}", _chose(question.key, value)
        yield _column(option, YES_NO, label, question, read)


def _column(name: str, form: Format, label: str, question: Question, value: Getter) -> Column:
    return Column(
        name=name,
        format=form,
        pii=question.pii,
        source=f"e.answers[{question.key}]",
        value=value,
        description=label,
    )


def _chose(key: str, value: str) -> Getter:
    read = answer(key)

    def get(row: EntryRow) -> object:
        given = read(row)
        if given is None:
            return None
        if not isinstance(given, list):
            raise Unfit("wrong_type")
        return value in given

    return get
