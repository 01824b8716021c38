"""Compiles the plan of an export for `_rows.c`, or says why it cannot be."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bson import ObjectId

from assets.model.campaign import Market
from assets.model.column import FormatKind
from assets.model.meaning import Meaning, What, meaning_of
from assets.model.output import Kind, PhoneStyle
from assets.model.policy import Transform
from assets.model.source import EntrySource, Verdict
from assets.steps.encode.delimited import DIALECTS, RECORD_END, CsvEncoder
from assets.steps.formats import Rendering, canonical_locale
from assets.steps.guards import guard
from assets.steps.native.fields import Fields
from assets.steps.native.letters import simple_letters, simple_marks
from assets.steps.native.zones import spans
from assets.steps.plan import Plan, PlannedColumn
from assets.steps.rows import Converter
from resources.native import extension

# The numbers of `_rows.c`, in its order.
_OPS: Final[Mapping[What, int]] = {
    What.PATH: 1,
    What.PRESENT: 2,
    What.MARKET: 3,
    What.WISHES: 4,
    What.WISH_MARKET: 5,
    What.WISH_EVENTS: 6,
    What.WISH_QUANTITY: 7,
    What.GRANTED: 8,
    What.GRANTED_TO: 9,
    What.ANSWER: 10,
    What.ANSWERED_DAY: 10,
    What.ACCOUNT: 11,
    What.BAND: 12,
}
# Formats that the kernel writes; of every other it writes the empty cell of an absent value.
_FORMATS: Final[Mapping[FormatKind, int]] = {
    FormatKind.ID: 1,
    FormatKind.TEXT: 2,
    FormatKind.ENUM: 3,
    FormatKind.EMAIL: 4,
    FormatKind.E164: 5,
    FormatKind.LOCAL_TIME: 7,
    FormatKind.UTC_TIME: 8,
    FormatKind.YES_NO: 9,
    FormatKind.INTEGER: 10,
    FormatKind.NUMBER: 10,
    FormatKind.LIST: 11,
    FormatKind.LOCALE: 12,
    FormatKind.COUNTRY: 13,
}
# What the policy leaves of a text (`_rows.c`, M_EMAIL and the following). Hashes are Python's.
_MASKS: Final[Mapping[Transform, int]] = {
    Transform.NONE: 0,
    Transform.MASK_EMAIL: 1,
    Transform.MASK_PHONE: 2,
    Transform.MASK_NAME: 3,
    Transform.POSTAL_PREFIX: 4,
}
_MASKED: Final = frozenset({FormatKind.TEXT, FormatKind.EMAIL, FormatKind.E164})
_DIGITS: Final = 6
_DAY: Final = 14
# Meanings whose cell is made here or in C without a look at the column's format.
_FIXED_FORMAT: Final[Mapping[What, FormatKind]] = {
    What.PRESENT: FormatKind.YES_NO,
    What.GRANTED: FormatKind.YES_NO,
    What.GRANTED_TO: FormatKind.YES_NO,
    What.WISHES: FormatKind.INTEGER,
    What.WISH_EVENTS: FormatKind.LIST,
}
_RULES: Final[Mapping[What, int]] = {
    What.ABSENT: 0,
    What.NOT_TEXT: 1,
    What.NOT_FALSE: 2,
    What.NOT_ERASED_USER: 3,
    What.ONE_OF: 4,
    What.SINCE: 5,
    What.BEFORE: 6,
    What.HAS_CODE: 7,
    What.NO_FLAG: 8,
    What.MARKETS: 9,
}


class Native(Protocol):
    """What `_rows.c` gives (its comments say what is in it)."""

    def user_ids(self, batch: Sequence[bytes]) -> set[bytes]:
        """The accounts that the documents name."""

    def convert(
        self, batch: Sequence[bytes], users: dict[bytes, tuple[int, bytes]]
    ) -> tuple[bytes, bytes, bytes, list[tuple[int, int]], list[int], list[int]]:
        """Records, keys, ends, documents for Python, counts of rules and notes."""


# What it counts beside the answers (`_rows.c`, N_USER and the following).
_NOTES: Final = ("missing_user", "extra_preferences", "unknown_locale")
NOT_INSTALLED: Final = "the extension is not installed"


# Operation, slot, format, length, whether formulas are guarded, mask, data.
_Column = tuple[int, int, int, int, bool, int, tuple[bytes, ...]]


class NotNative(Exception):
    """Why a plan stays in Python."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A compiled plan.

    Attributes:
        native: Makes rows.
        reasons: Why each rule filters.
        notes: What each counter counts.
        flags: Flags of an account that keep its row out.
        account: The cell of an account.
    """

    native: Native
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    flags: frozenset[str]
    account: Callable[[object], bytes]


def compile_plan(
    plan: Plan, *, verdict: Verdict, rendering: Rendering, converter: Converter
) -> Kernel:
    """Compile a plan.

    Args:
        plan: What to make.
        verdict: The one of this export.
        rendering: How its values become text.
        converter: Makes the cells that are the same in many rows.

    Raises:
        NotNative: Its rows are made in Python, and why.
    """
    return _Compiler(plan, verdict, rendering, converter).kernel()


def preload() -> None:
    """Look at the letters now, which takes 50 ms once a process."""
    simple_letters()
    simple_marks()


def build() -> str:
    """Which extension makes rows in this process: the digest of its source, or "" for none."""
    try:
        return str(_module().SOURCE)
    except NotNative:
        return ""


def _module() -> Any:
    module = extension("assets.steps.native._rows")
    if module is None:
        raise NotNative(NOT_INSTALLED)
    return module


class _Compiler:
    def __init__(
        self, plan: Plan, verdict: Verdict, rendering: Rendering, converter: Converter
    ) -> None:
        source, output = plan.export_type.rows, plan.facts.request.output
        if not isinstance(source, EntrySource) or source.counted is None:
            raise NotNative("its rows are not entries in the order of registration")
        if source.fold or source.arrange or source.moves or plan.companions:
            raise NotNative("its rows are folded, arranged or set aside")
        if plan.export_type.split(plan.facts) is not None:
            raise NotNative("its rows are in groups")
        if any(delivery.rechecks_erasure for delivery, _ in plan.deliveries):
            raise NotNative("its delivery asks for the ids of the entries")
        rules = DIALECTS[output.dialect]
        if output.kind is not Kind.CSV or rules.bare or len(plan.columns) == 1:
            raise NotNative("its files are no CSV of several columns")
        self._plan, self._facts, self._rendering = plan, plan.facts, rendering
        self._verdict, self._converter, self._rules = verdict, converter, rules
        self._counted = tuple(source.counted(plan.facts))
        self._fields = Fields()
        self._questions: list[str] = list(self._counted)
        # Quoting and delimiters are `delimited.py`'s: a cell is a record of one column and another.
        self._encoder = CsvEncoder(("", ""), output)
        self._flags: frozenset[str] = frozenset()

    def kernel(self) -> Kernel:
        columns = tuple(self._column(planned) for planned in self._plan.columns)
        rules = tuple(self._judged())
        markets = self._facts.markets
        questions = tuple(key.encode() for key in self._questions)
        native: Native = _module().Kernel(
            nodes=self._fields.nodes(),
            columns=columns,
            rules=tuple(number for _, number in rules),
            zone=spans(self._rendering.zone.key),
            markets=tuple(_binary(market.id) for market in markets),
            events=tuple(_events(market) for market in markets),
            questions=questions,
            counted=tuple(b"1" if key in self._counted else b"0" for key in self._questions),
            overridden=tuple(sorted(_binary(entry_id) for entry_id in self._facts.bands)),
            simple=simple_letters(),
            marks=simple_marks(),
            most_markets=self._facts.campaign.max_markets,
            delimiter=self._rules.delimiter.encode(),
            quote_all=self._rules.quote_all,
        )
        return Kernel(
            native=native,
            reasons=tuple(reason for reason, _ in rules),
            notes=(*_NOTES, *(f"answered:{key}" for key in self._questions)),
            flags=self._flags,
            account=self._account(),
        )

    # --- columns --------------------------------------------------------------------------

    def _column(self, planned: PlannedColumn) -> _Column:
        column, form = planned.column, planned.column.format
        meaning = meaning_of(column.value)
        if meaning is None or meaning.what not in _OPS:
            raise NotNative(f"column {column.name} does not say what it reads")
        put = guard(
            form.kind,
            planned.transform,
            neutralises=self._rendering.neutralise,
            text_guard=self._rendering.text_guard,
        )
        if put.mark:
            raise NotNative("its texts bear a mark")
        fixed = _FIXED_FORMAT.get(meaning.what)
        if fixed is not None and (
            form.kind is not fixed or planned.transform is not Transform.NONE
        ):
            raise NotNative(f"column {column.name} is written in another way")
        data = self._data(planned, meaning)
        return (
            _OPS[meaning.what],
            self._slot(meaning),
            self._format(planned, meaning),
            form.length or 0,
            put.formulas,
            _MASKS.get(planned.transform, 0),
            data,
        )

    def _format(self, planned: PlannedColumn, meaning: Meaning) -> int:
        form = planned.column.format
        if planned.transform is not Transform.NONE:
            masked = planned.transform in _MASKS and form.kind in _MASKED
            return _FORMATS[form.kind] if masked else 0
        if not form.ordered:
            return 0
        if meaning.what is What.ANSWERED_DAY and form.kind is FormatKind.DATE:
            return _DAY
        if form.kind is FormatKind.E164 and self._rendering.phone_style is PhoneStyle.DIGITS:
            return _DIGITS
        return _FORMATS.get(form.kind, 0)

    def _slot(self, meaning: Meaning) -> int:
        match meaning.what:
            case What.PATH | What.PRESENT | What.MARKET:
                return self._path(meaning.path)
            case What.BAND:
                return self._pair("risk.override.band", "risk.band")
            case What.ANSWER | What.ANSWERED_DAY:
                if meaning.path not in self._questions:
                    self._questions.append(meaning.path)
                return self._questions.index(meaning.path)
            case _:
                return meaning.place

    def _path(self, path: str) -> int:
        try:
            return self._fields.slot(path)
        except ValueError as error:
            raise NotNative(str(error)) from None

    def _pair(self, first: str, second: str) -> int:
        """Two slots that follow each other; a plan reads the second in no other way before."""
        slot = self._path(first)
        if self._path(second) != slot + 1:
            raise NotNative(f"{second} is read before {first}")
        return slot

    def _data(self, planned: PlannedColumn, meaning: Meaning) -> tuple[bytes, ...]:
        form = planned.column.format
        match meaning.what:
            case What.MARKET | What.WISH_MARKET:
                write = self._converter.text(planned)
                shown = (getattr(market, meaning.attribute) for market in self._facts.markets)
                return tuple(self._cell(write(value)) for value in shown)
            case What.GRANTED:
                return (str(meaning.values[0]).encode(),)
            case What.GRANTED_TO:
                return (_binary(meaning.values[0]),)
            case _ if form.kind is FormatKind.LOCALE:
                return self._locales()
            case _:
                return ()

    def _locales(self) -> tuple[bytes, ...]:
        """The tag of what is unknown; then the two usual spellings of each tag, and the tag."""
        spelled = {*self._rendering.locales, self._rendering.default_locale}
        tags = sorted({tag for one in spelled if (tag := canonical_locale(one))})
        pairs = (
            (text, tag) for tag in tags for text in dict.fromkeys((tag, tag.replace("-", "_")))
        )
        default = canonical_locale(self._rendering.default_locale) or ""
        return (default.encode(), *(text.encode() for pair in pairs for text in pair))

    def _cell(self, text: str | None) -> bytes:
        """A cell of one column among several, as the dialect writes it."""
        record = self._encoder.encode([(text or "", "")])
        empty = '""' if self._rules.quote_all else ""
        return record.removesuffix(f"{self._rules.delimiter}{empty}{RECORD_END}".encode())

    def _account(self) -> Callable[[object], bytes]:
        for planned in self._plan.columns:
            meaning = meaning_of(planned.column.value)
            if meaning is not None and meaning.what is What.ACCOUNT:
                write = self._converter.text(planned)
                return lambda value: self._cell(None if value is None else write(value))
        return lambda _: b""

    # --- rules ----------------------------------------------------------------------------

    def _judged(self) -> Iterator[tuple[str, tuple[int, int, int, tuple[bytes, ...]]]]:
        meaning = meaning_of(self._verdict)
        if meaning is None or meaning.what is not What.FIRST_FAILING:
            raise NotNative("its verdict does not say what it judges")
        for reason, stays in meaning.values:
            for part in _parts(meaning_of(stays), reason):
                yield reason, self._rule(part, reason)

    def _rule(self, meaning: Meaning, reason: str) -> tuple[int, int, int, tuple[bytes, ...]]:
        if meaning.what not in _RULES:
            raise NotNative(f"rule {reason} does not say what it judges")
        if meaning.what is What.NO_FLAG:
            self._flags = frozenset(meaning.values)
            return _RULES[meaning.what], -1, 0, ()
        path = "codes" if meaning.what is What.HAS_CODE else meaning.path
        slot = self._path(path) if path else -1
        binary = meaning.what is What.MARKETS
        values = (_binary(v) if binary else str(v).encode() for v in meaning.values)
        return _RULES[meaning.what], slot, meaning.place, tuple(values)


def _parts(meaning: Meaning | None, reason: str) -> Sequence[Meaning]:
    if meaning is None:
        raise NotNative(f"rule {reason} does not say what it judges")
    return meaning.values if meaning.what is What.ALL else (meaning,)


def _binary(found: object) -> bytes:
    if not isinstance(found, ObjectId):
        raise NotNative("an id is none of MongoDB's own")
    return found.binary


def _events(market: Market) -> tuple[bytes, ...]:
    """Id and date of each event, as a cell shows them."""
    for event in market.events:
        day = event.local_date
        if not day.isascii() or not day.replace("-", "").isalnum():
            raise NotNative("an event has a date that is none")
    return tuple(text.encode() for e in market.events for text in (e.event_id, e.local_date))
