"""`survey-answers`: what fans answered to the campaign's own questions (DOMAIN.md 7.14).

Long: one row an answer, and of a multiple choice one row an option. Each version of a question that
a fan answered stands for itself; one that the campaign no longer describes keeps the label of the
question, and its values are shown by what they are. Wide: one row a fan who answered anything.

Answers of class S, free text and membership numbers among them, are left out unless
`include_free_text` asks for them. From free text, and from a chosen value that is no option, e-mail
addresses and telephone numbers are taken out. The class of `answer_value` is the highest of the
questions in the file, because one column has one class.

Keys that the campaign does not ask are counted (`unknown_question`) and not written.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from bson.datetime_ms import DatetimeMS

from assets.exports.shared.entry_columns import COUNTRY_COLUMN, ENTRY_ID
from assets.exports.shared.entry_options import (
    INCLUDE_DUPLICATES,
    INCLUDE_WITHDRAWN,
    LIVE,
    first_failing,
    withdrawn_and_duplicates,
)
from assets.exports.shared.entry_strands import (
    before_snapshot,
    by_registration,
    registration_order,
)
from assets.exports.shared.entry_values import at, mappings, market, preferred, version
from assets.exports.shared.entry_values import notes as entry_notes
from assets.exports.shared.free_text import without_contacts, without_emails
from assets.exports.shared.questions import (
    ANSWER_FORMATS,
    calendar_day,
    distinct,
    in_form_order,
    question_columns,
)
from assets.model.campaign import Facts, Question, Texts
from assets.model.column import (
    DATE,
    ENUM,
    INTEGER,
    NUMBER,
    UTC_TIME,
    YES_NO,
    Column,
    Format,
    FormatKind,
    Getter,
    Pii,
    Unfit,
    text,
)
from assets.model.export_type import ExportType, Scope
from assets.model.failure import ExportFailed
from assets.model.option import Option, choice, flag, words
from assets.model.source import Arrange, EntryRow, EntrySource, Verdict
from assets.steps.formats import Rendering, formatter

_LOCALE_PATTERN: Final = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
_KEY_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$"
# From the least to the most personal; `answer_value` takes the highest.
_CLASSES: Final = (
    Pii.NONE,
    Pii.QUASI_IDENTIFIER,
    Pii.PSEUDONYM,
    Pii.DIRECT,
    Pii.RESTRICTED,
    Pii.SECRET,
)


# --- which questions ----------------------------------------------------------------------------


def questions(facts: Facts) -> list[Question]:
    """The questions whose answers are in the file, in the order of the form."""
    options = facts.request.options
    keys, retired = options.get("question_keys"), bool(options["include_retired"])
    sensitive = bool(options["include_free_text"])
    return [
        question
        for question in in_form_order(facts.campaign)
        if question.exportable
        and (not keys or question.key in keys)
        and (retired or not question.retired)
        and (sensitive or not _is_sensitive(question))
    ]


def _is_sensitive(question: Question) -> bool:
    return question.pii is Pii.SECRET or question.type in ("text", "membership")


def refuse(facts: Facts) -> None:
    """A question that the file cannot have is an error and not a file without it.

    Raises:
        ExportFailed: `UNKNOWN_QUESTION` or `UNKNOWN_QUESTION_TYPE`.
    """
    shown = questions(facts)
    missing = set(facts.request.options.get("question_keys") or ()) - {q.key for q in shown}
    if missing:
        message = (
            f"params/question_keys names {len(missing)} that the campaign does not have, does not"
            " give away, or that need include_retired or include_free_text"
        )
        raise ExportFailed("UNKNOWN_QUESTION", message)
    if any(question.type not in ANSWER_FORMATS for question in shown):
        message = "the campaign asks a question of a type that exports do not know"
        raise ExportFailed("UNKNOWN_QUESTION_TYPE", message)


# --- answers ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One row of the long file.

    Attributes:
        row: The entry.
        question: In the version that was answered, as far as the campaign describes it.
        version: Which was answered.
        described: Whether the campaign describes that version.
        place: Of an option among those that the fan chose.
        value: What was stored.
    """

    row: EntryRow
    question: Question
    version: int
    described: bool
    place: int
    value: object


class Answers:
    """Takes an entry apart into its answers.

    Args:
        facts: The campaign with its questions.
    """

    def __init__(self, facts: Facts) -> None:
        asked = questions(facts)
        self._wide = facts.request.options["shape"] == "wide"
        self._by_version = {(q.key, q.version): q for q in asked}
        self._by_key = {q.key: q for q in asked}  # the last version that is asked

    def add(self, row: EntryRow) -> Iterable[EntryRow | Answer]:
        """The rows of one entry.

        Raises:
            Unfit: Its answers cannot be read.
        """
        return [row] if self._wide else list(self.of(row))

    def rest(self) -> Iterable[Answer]:
        """Nothing: every entry is complete in itself."""
        return ()

    def of(self, row: EntryRow) -> Iterator[Answer]:
        """The answers of an entry that are in the file; of two to one version the first counts."""
        given: dict[tuple[str, int], Mapping[str, Any]] = {}
        for answer in mappings(row.entry.get("answers")):
            if _key(answer) in self._by_key:
                given.setdefault((_key(answer), version(answer)), answer)
        for (key, answered), answer in given.items():
            question = self._by_version.get((key, answered))
            value = answer.get("value")
            for place, part in enumerate(value if isinstance(value, list) else [value]):
                if part is not None and part != "":
                    yield Answer(
                        row=row,
                        question=question or self._by_key[key],
                        version=answered,
                        described=question is not None,
                        place=place,
                        value=part,
                    )


def _key(answer: Mapping[str, Any]) -> str:
    """The question that an answer is to; what is no text is no question's key."""
    key = answer.get("key")
    return key if isinstance(key, str) else ""


def _order(row: EntryRow | Answer) -> tuple[Any, ...]:
    """By question in the form's order, then entry; a fan's options in the order of the choice."""
    if isinstance(row, EntryRow):
        return (str(row.entry["_id"]),)
    question = row.question
    entry_id = str(row.row.entry["_id"])
    return question.order, question.key, row.version, entry_id, row.place


# --- values -------------------------------------------------------------------------------------


def shown_value(answer: Answer) -> object:
    """An answer as text, whatever its type: one column holds them all.

    Raises:
        Unfit: It is not of the type that its version of the question asks for.
    """
    kind = answer.question.type if answer.described else _kind_of(answer.value)
    if kind in ("single", "multi", "text", "membership"):
        return cleaned(answer.value, answer.question, kind)
    zone = answer.row.facts.campaign.zone
    value = calendar_day(answer.value) if kind == "date" else answer.value
    return _written(_PLAIN[kind], zone)(value)


# What one answer of a type is; a choice of several is taken apart before.
_PLAIN: Final[Mapping[str, Format]] = {"boolean": YES_NO, "number": NUMBER, "date": DATE}


def _kind_of(value: object) -> str:
    """The type that a value itself has, where nobody says which it should have."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, datetime | DatetimeMS):
        return "date"
    return "text" if isinstance(value, str) else "number"


def cleaned(value: object, question: Question, kind: str) -> str:
    """Words of a fan without ways to reach the fan; an option of the form is the form's word.

    Raises:
        Unfit: It is no text.
    """
    if not isinstance(value, str):
        raise Unfit("wrong_type")
    if kind == "membership":  # a number of digits is what was asked for
        return without_emails(value)
    return value if value in question.options else without_contacts(value)


def _written(form: Format, zone: str) -> Callable[[object], str]:
    """A formatter for a value inside a text; the text is guarded as a whole."""
    rendering = Rendering(
        zone=ZoneInfo(zone), default_locale="en-US", locales=frozenset(), neutralise=False
    )
    return formatter(form, rendering)


def _label(texts: Texts, facts: Facts) -> str | None:
    """The words in the locale that was asked for, else in the campaign's own."""
    wanted, usual = facts.request.options.get("locale"), facts.campaign.default_locale
    return texts.get(wanted or usual) or texts.get(usual)


def _question_label(answer: Answer) -> object:
    return _label(answer.question.label, answer.row.facts)


def _answer_label(answer: Answer) -> object:
    """The words of the option; one that was removed from the form has none."""
    chosen = [one for one in answer.question.choices if one.value == answer.value]
    return _label(chosen[0].label, answer.row.facts) if chosen else None


# --- columns ------------------------------------------------------------------------------------


def _market_1(row: EntryRow) -> object:
    first = preferred(row, 1)
    found = None if first is None else market(row, first.market_id)
    return None if found is None else found.label


# A keyed hash in every mode: answers are about opinions, and must not be joined with the list of
# addresses (DOMAIN.md 7.14).
_KEYED_ID = replace(ENTRY_ID, keyed=True)

_FAN: tuple[Column, ...] = (
    Column(
        name="answered_at_utc",
        format=UTC_TIME,
        pii=Pii.NONE,
        source="e.updatedAt",
        value=at("updatedAt"),
        description="When the entry was last changed.",
    ),
    Column(
        name="market_1",
        format=text(120),
        pii=Pii.NONE,
        source="m.name by e.preferences[1]",
        value=_market_1,
    ),
    COUNTRY_COLUMN,
    Column(name="status", format=ENUM, pii=Pii.NONE, source="e.status", value=at("status")),
)


def _of_entry(column: Column) -> Column:
    """A column of the entry that an answer is of."""
    read: Getter = column.value
    return replace(column, value=lambda answer: read(answer.row))


def _of_answer(name: str, form: Format, source: str, read: Getter, said: str) -> Column:
    return Column(name=name, format=form, pii=Pii.NONE, source=source, value=read, description=said)


_LONG: tuple[Column, ...] = (
    _of_entry(_KEYED_ID),
    _of_answer("question_key", text(60), "c.questions.key", lambda a: a.question.key, ""),
    _of_answer(
        "question_version",
        INTEGER,
        "e.answers.version",
        lambda a: a.version,
        "The version that was answered; 0 where the answer names none.",
    ),
    _of_answer("question_label", text(300), "c.questions.label", _question_label, ""),
    Column(
        name="answer_value",
        format=text(2000),
        pii=Pii.SECRET,
        pii_at_most=True,
        source="e.answers.value",
        value=shown_value,
        description="Of the highest class of the questions in the file.",
    ),
    Column(
        name="answer_label",
        format=text(300),
        pii=Pii.SECRET,
        pii_at_most=True,
        source="c.questions.options.label",
        value=_answer_label,
        description="Empty for an option that the form no longer has.",
    ),
    *(_of_entry(column) for column in _FAN),
)
_BY_ANSWER: Final = ("answer_value", "answer_label")


def columns(facts: Facts) -> tuple[Column, ...]:
    """The columns of the shape that was asked for."""
    shown = questions(facts)
    if facts.request.options["shape"] == "wide":
        return tuple(distinct([_KEYED_ID, *_FAN, *_question_columns(facts, shown)]))
    highest = max((q.pii for q in shown), key=_CLASSES.index, default=Pii.NONE)
    return tuple(
        replace(column, pii=highest) if column.name in _BY_ANSWER else column for column in _LONG
    )


def _question_columns(facts: Facts, shown: Sequence[Question]) -> Iterator[Column]:
    """`q_<key>` with the latest answer, as in `entries`, but cleaned."""
    latest = list({question.key: question for question in shown}.values())
    for question, column in zip(latest, question_columns(facts.campaign, latest), strict=True):
        if column.format.kind in (FormatKind.TEXT, FormatKind.LIST):
            yield replace(column, value=_cleaned(column.value, question))
        else:
            yield column


def _cleaned(read: Getter, question: Question) -> Getter:
    def get(row: EntryRow) -> object:
        value = read(row)
        if isinstance(value, list):
            return [cleaned(part, question, question.type) for part in value]
        return None if value is None else cleaned(value, question, question.type)

    return get


# --- rows ---------------------------------------------------------------------------------------


def _verdict(facts: Facts) -> Verdict:
    answers = Answers(facts)
    answered = ("no_answer", lambda row: any(True for _ in answers.of(row)))
    return first_failing([*LIVE, *withdrawn_and_duplicates(facts), answered])


def _notes(row: EntryRow) -> list[str]:
    """What is odd about the entry, and a note for each answer to what the form does not ask."""
    asked = {question.key for question in row.facts.campaign.questions}
    given = mappings(row.entry.get("answers"))
    unknown = sum(1 for answer in given if _key(answer) not in asked)
    return [*entry_notes(row), *["unknown_question"] * unknown]


SURVEY_ANSWERS = ExportType(
    name="survey-answers",
    version=1,
    summary="What fans answered to the campaign's questions, one row an answer or one a fan.",
    scope=Scope.CAMPAIGN,
    owner="team:research",
    upstream=(
        ("mongo", "entries"),
        ("mongo", "campaigns"),
        ("mongo", "markets"),
        ("mongo", "users"),
    ),
    options=(
        choice(
            "shape", "One row an answer, or one a fan.", values=("long", "wide"), default="long"
        ),
        words("question_keys", "Only answers to these questions.", pattern=_KEY_PATTERN),
        Option(
            name="locale",
            schema={"type": "string", "pattern": _LOCALE_PATTERN},
            description="The language of the labels (BCP 47), else the campaign's own.",
        ),
        Option(
            name="include_free_text",
            schema={"type": "boolean"},
            description="Add free text, membership numbers and other answers of class S.",
            scope="answers:sensitive",
        ),
        flag("include_retired", "Keep questions that the form no longer asks."),
        INCLUDE_WITHDRAWN,
        INCLUDE_DUPLICATES,
    ),
    columns=columns,
    static_columns=_LONG,
    other_columns=(r"q_[a-z0-9_]{1,80}",),
    sort=("question_key", "question_version", "entry_id"),
    rows=EntrySource(
        strands=by_registration,
        order=registration_order,
        population=before_snapshot,
        verdict=_verdict,
        notes=_notes,
        fold=Answers,
        arrange=Arrange(key=_order),
    ),
    retention_days=7,
    refuse=refuse,
)
