"""Compiles the plan of an export for `_rows.c` or its twin, or says why it cannot be."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from bson import ObjectId

from assets.model.campaign import Facts, Market
from assets.model.column import FormatKind, Unfit
from assets.model.meaning import Described, Meaning, What, meaning_of, plain
from assets.model.output import Kind, PhoneStyle
from assets.model.policy import Transform
from assets.model.source import Arrange, EntryRow, EntrySource, Verdict
from assets.steps.arrange import packed
from assets.steps.encode.delimited import DIALECTS, RECORD_END, CsvEncoder
from assets.steps.formats import Rendering, canonical_locale
from assets.steps.guards import guard
from assets.steps.native import twin
from assets.steps.native.fields import Fields
from assets.steps.native.letters import pairs, simple_letters, simple_marks
from assets.steps.native.numbers import Form, Input, KeyKind, Op, RuleKind
from assets.steps.native.tables import Answer, Asked, Heard, Known, Tables, unless_warned
from assets.steps.native.twin_values import Warned
from assets.steps.native.zones import spans
from assets.steps.plan import Plan, PlannedColumn
from assets.steps.rows import Converter
from resources.native import extension

_OPS: Final[Mapping[What, int]] = {
    What.PATH: Op.VALUE,
    What.PRESENT: Op.PRESENT,
    What.MARKET: Op.MARKET,
    What.WISHES: Op.WISHES,
    What.WISH_MARKET: Op.WISH_MARKET,
    What.WISH_EVENTS: Op.WISH_EVENTS,
    What.WISH_QUANTITY: Op.WISH_QUANTITY,
    What.GRANTED: Op.GRANTED,
    What.GRANTED_TO: Op.GRANTED_TO,
    What.ANSWER: Op.ANSWER,
    What.ANSWERED_DAY: Op.ANSWER,
    What.ACCOUNT: Op.USER,
    What.USER: Op.USER,
    What.BAND: Op.BAND,
    What.SAME: Op.SAME,
    What.ELSE: Op.ELSE,
    What.HAS_CODE: Op.HAS_CODE,
    What.LAST_CODE: Op.LAST_CODE,
    What.RANK_OF: Op.RANK_OF,
    What.LINK: Op.LINK,
}
# Formats that the kernel writes; of every other it writes the empty cell of an absent value.
_FORMATS: Final[Mapping[FormatKind, int]] = {
    FormatKind.ID: Form.ID,
    FormatKind.TEXT: Form.TEXT,
    FormatKind.ENUM: Form.ENUM,
    FormatKind.EMAIL: Form.EMAIL,
    FormatKind.E164: Form.PHONE,
    FormatKind.LOCAL_TIME: Form.LOCAL,
    FormatKind.UTC_TIME: Form.UTC,
    FormatKind.YES_NO: Form.TRUTH,
    FormatKind.INTEGER: Form.INTEGER,
    FormatKind.NUMBER: Form.INTEGER,
    FormatKind.LIST: Form.LIST,
    FormatKind.LOCALE: Form.LOCALE,
    FormatKind.COUNTRY: Form.COUNTRY,
    FormatKind.TRUE_FALSE: Form.TRUE_FALSE,
    FormatKind.HASH: Form.HASH,
}
# What the policy leaves of a text (`_rows.c`, M_EMAIL and the following).
_MASKS: Final[Mapping[Transform, int]] = {
    Transform.NONE: 0,
    Transform.MASK_EMAIL: 1,
    Transform.MASK_PHONE: 2,
    Transform.MASK_NAME: 3,
    Transform.POSTAL_PREFIX: 4,
    Transform.SHA256_EMAIL: 5,
    Transform.SHA256_PHONE: 5,
    Transform.HMAC: 6,
}
_MASKED: Final = frozenset({FormatKind.ID, FormatKind.TEXT, FormatKind.EMAIL, FormatKind.E164})
USER_FIELDS: Final = ("accountId", "erasure", "flags", "mergedInto")
"""What is read of an account where nothing but its id is shown."""
# Meanings whose cell is made in C without a look at the column's format, but for kinds of truths.
_TRUTHS: Final = (FormatKind.YES_NO, FormatKind.TRUE_FALSE)
_FIXED_FORMAT: Final[Mapping[What, tuple[FormatKind, ...]]] = {
    What.PRESENT: _TRUTHS,
    What.GRANTED: _TRUTHS,
    What.GRANTED_TO: _TRUTHS,
    What.HAS_CODE: _TRUTHS,
    What.WISHES: (FormatKind.INTEGER,),
    What.RANK_OF: (FormatKind.INTEGER,),
    What.WISH_EVENTS: (FormatKind.LIST,),
    What.LINK: (FormatKind.TEXT,),
}
# Meanings whose cells Python makes, and the policy's changes with them.
_MADE: Final = frozenset({What.ACCOUNT, What.USER, What.SAME})
_RULES: Final[Mapping[What, int]] = {
    What.ABSENT: RuleKind.ABSENT,
    What.NOT_TEXT: RuleKind.NOT_TEXT,
    What.NOT_FALSE: RuleKind.NOT_FALSE,
    What.NOT_ERASED_USER: RuleKind.NOT_ERASED_USER,
    What.ONE_OF: RuleKind.ONE_OF,
    What.SINCE: RuleKind.SINCE,
    What.BEFORE: RuleKind.BEFORE,
    What.HAS_CODE: RuleKind.HAS_CODE,
    What.NO_FLAG: RuleKind.NO_FLAG,
    What.MARKETS: RuleKind.MARKETS,
    What.SAME: RuleKind.SAME,
    What.USER: RuleKind.USER,
    What.KNOWN_USER: RuleKind.KNOWN_USER,
    What.EMAIL: RuleKind.EMAIL,
    What.NOT_STOPPED: RuleKind.NOT_STOPPED,
    What.GRANTED: RuleKind.GRANTED,
}
# Rules that leave hardly anybody out: judging by these alone was measured to cost a quarter more.
_PASSED_BY_MOST: Final = frozenset(
    _RULES[what]
    for what in (
        What.ABSENT,
        What.NOT_TEXT,
        What.NOT_FALSE,
        What.NOT_ERASED_USER,
        What.NO_FLAG,
        What.KNOWN_USER,
        What.USER,
        What.EMAIL,
        What.NOT_STOPPED,
    )
)
# Parts of a key, and what is looked at for a table, likewise.
_KEYS: Final[Mapping[What, int]] = {
    What.REGISTERED: KeyKind.REGISTERED,
    What.ID: KeyKind.ID,
    What.SAME: KeyKind.SAME,
    What.USER: KeyKind.USER,
    What.NUMBER_LAST: KeyKind.NUMBER,
    What.HAS_CODE: KeyKind.HAS_CODE,
}
_INPUTS: Final[Mapping[What, int]] = {
    What.PATH: Input.VALUE,
    What.PRESENT: Input.PRESENT,
    What.WISH: Input.WISH,
}
# Bits of an account beside those that have a name there, and the most cells of one.
_FIRST_BIT, _MOST_BITS, _MOST_CELLS = 3, 30, 16


class Native(Protocol):
    """What `_rows.c` gives (its comments say what is in it)."""

    def user_ids(self, batch: Sequence[bytes]) -> set[bytes]:
        """The accounts that the documents name."""

    def convert(
        self,
        batch: Sequence[bytes],
        users: dict[bytes, tuple[int, tuple[bytes, ...]]],
        known: Known,
    ) -> tuple[
        bytes, bytes, bytes, bytes, list[tuple[int, int]], list[int], list[int], list[Asked]
    ]:
        """Records, keys and the ends of both; documents for Python, counts, what it asks."""


# What it counts beside the answers (`_rows.c`, N_USER and the following).
_NOTES: Final = ("missing_user", "extra_preferences", "unknown_locale")
NOT_INSTALLED: Final = "the extension is not installed"


# Operation, slot, format, length, whether formulas are guarded, mask, table, data.
_Column = tuple[int, int, int, int, bool, int, int, tuple[bytes, ...]]
_Rule = tuple[int, int, int, tuple[bytes, ...]]
# Kind, slot, data: of a part of a key, and of what a table is looked at for.
_Part = tuple[int, int, tuple[bytes, ...]]


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
        tables: What Python has said.
        cells: What it says of an account.
        user_rules: Whether an account fails a rule, as a bit; None where only Python can say.
        fields: Of an account, as far as it is looked at; None: all that rows read.
        facts: The ground of the rows.
        partly: Why it judges rows and makes none; empty where it makes them.
        in_python: Whether the twin makes them: without other threads beside it.
    """

    native: Native
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    flags: frozenset[str]
    tables: Tables
    cells: tuple[Answer, ...]
    user_rules: tuple[tuple[int, Callable[[EntryRow], bool | None]], ...]
    fields: tuple[str, ...] | None
    facts: Facts
    partly: str = ""
    in_python: bool = False


def compile_plan(
    plan: Plan,
    *,
    verdict: Verdict,
    rendering: Rendering,
    converter: Converter,
    fields: tuple[str, ...] | None = None,
    runner: Any = None,
) -> Kernel:
    """Compile a plan; where its rows cannot be made, as many of its rules as can be judged.

    Args:
        plan: What to make.
        verdict: The one of this export.
        rendering: How its values become text.
        converter: Makes the cells that are the same in many rows.
        fields: Of entries, those that are read; None: any.
        runner: Makes rows; None: the one of this process (`chosen`).

    Raises:
        NotNative: Its rows are judged and made one by one in Python, and why.
    """
    given = plan, verdict, rendering, converter, chosen() if runner is None else runner
    try:
        return _Compiler(*given).whole(fields)
    except NotNative as why:
        return _Compiler(*given).judge(str(why))


def chosen() -> Any:
    """What makes rows in this process: the extension, and where there is none its twin."""
    return native() or twin


def native() -> Any | None:
    """The extension, if it is of its source as it is now."""
    return extension("assets.steps.native._rows")


def preload() -> None:
    """Look at the letters now, which takes 50 ms once a process."""
    _letters()


def build() -> str:
    """What makes rows in this process: of the extension the digest of its source."""
    return str(chosen().SOURCE)


def _letters() -> dict[str, Any]:
    """What texts the extension leaves as they are."""
    return {"simple": simple_letters(), "marks": simple_marks(), "pairs": pairs()}


class _Compiler:
    def __init__(
        self,
        plan: Plan,
        verdict: Verdict,
        rendering: Rendering,
        converter: Converter,
        runner: Any,
    ) -> None:
        self._runner = runner
        source = plan.export_type.rows
        if not isinstance(source, EntrySource):
            raise NotNative("its rows do not come from the collection of entries")
        order = meaning_of(source.order)
        if order is None or order.what is not What.REGISTERED:
            raise NotNative("its rows are not read in the order of registration")
        self._source, self._plan, self._facts = source, plan, plan.facts
        self._verdict, self._rendering = verdict, rendering
        self._heard = Heard()
        self._converter = converter.warned(self._heard)
        self._output = plan.facts.request.output
        self._rules = DIALECTS[self._output.dialect]
        self._counted = tuple(source.counted(plan.facts)) if source.counted else ()
        self._fields = Fields()
        self._sent: tuple[str, ...] | None = None
        self._questions: list[str] = list(self._counted)
        # Quoting and delimiters are `delimited.py`'s: a cell is a record of one column and another.
        self._encoder = CsvEncoder(("", ""), self._output)
        self._flags: frozenset[str] = frozenset()
        self._inputs: list[tuple[_Part, ...]] = []
        self._answers: list[Answer] = []
        self._cells: list[Answer] = []
        self._user_rules: list[tuple[int, Callable[[EntryRow], bool | None]]] = []

    def whole(self, sent: tuple[str, ...] | None) -> Kernel:
        """What makes rows of entries of which these fields are sent, or all."""
        self._sent = sent
        self._check()
        columns = tuple(self._column(planned) for planned in self._plan.columns)
        rules, why = self._judged()
        if why:
            raise NotNative(why)
        try:
            return self._kernel(columns, rules, self._key())
        except NotImplementedError as error:
            raise NotNative(f"the twin does not know {error}") from None

    def judge(self, why: str) -> Kernel:
        """What judges rows only, by the rules before the first that it does not know.

        Raises:
            NotNative: Those rules are passed by nearly every entry.
        """
        self._counted, self._questions = (), []
        rules, _ = self._judged()
        passed_by_most = all(rule[0] in _PASSED_BY_MOST for _, rule in rules)
        if self._source.fold or passed_by_most or self._runner is twin:
            raise NotNative(why)  # a second look at all of them costs more than it spares
        return replace(self._kernel((), rules, ()), partly=why, fields=None)

    def _check(self) -> None:
        source, plan = self._source, self._plan
        if source.fold is not None:
            raise NotNative("its rows are made of several entries, or several of one")
        if source.counted is None:
            raise NotNative("its notes count more than answers")
        if plan.companions:
            raise NotNative("some of its rows go into another file")
        if plan.export_type.split(plan.facts) is not None:
            raise NotNative("its rows are in groups")
        if self._output.kind is not Kind.CSV or self._rules.bare or len(plan.columns) == 1:
            raise NotNative("its files are no CSV of several columns")

    def _kernel(
        self,
        columns: tuple[_Column, ...],
        rules: Sequence[tuple[str, _Rule]],
        keys: tuple[_Part, ...],
    ) -> Kernel:
        markets = self._facts.markets
        questions = tuple(key.encode() for key in self._questions)
        arrange = self._source.arrange
        runs: Native = self._runner.Kernel(
            **self._of_runner(),
            nodes=self._fields.nodes(self._sent),
            columns=columns,
            rules=tuple(number for _, number in rules),
            keys=keys,
            lead=self._lead(arrange, keys),
            tables=tuple(self._inputs),
            user_cells=len(self._cells),
            markets=tuple(_binary(market.id) for market in markets),
            events=tuple(_events(market) for market in markets),
            questions=questions,
            counted=tuple(b"1" if key in self._counted else b"0" for key in self._questions),
            overridden=tuple(sorted(_binary(entry_id) for entry_id in self._facts.bands)),
            most_markets=self._facts.campaign.max_markets,
            delimiter=self._rules.delimiter.encode(),
            quote_all=self._rules.quote_all,
        )
        return Kernel(
            native=runs,
            reasons=tuple(reason for reason, _ in rules),
            notes=(*_NOTES, *(f"answered:{key}" for key in self._questions)),
            flags=self._flags,
            tables=Tables(self._answers, self._facts, self._runner.Known),
            cells=tuple(self._cells),
            user_rules=tuple(self._user_rules),
            fields=self._user_fields(),
            facts=self._facts,
            in_python=self._runner is twin,
        )

    def _of_runner(self) -> dict[str, Any]:
        """What one of the two needs alone: C the rules of texts, Python their formatters."""
        if self._runner is not twin:
            zone, secret = spans(self._rendering.zone.key), self._converter.key
            return {"zone": zone, "secret": secret, **_letters()}
        warned = Warned()
        text = self._converter.warned(warned).text
        texts = [text(one) for one in self._plan.columns]
        return {"texts": texts, "warned": warned, "sent": self._sent}

    def _user_fields(self) -> tuple[str, ...] | None:
        """Few where its id alone is shown; what other functions read is theirs to say."""
        own = [one for one in self._plan.columns if _what(one.column.value) is What.ACCOUNT]
        return None if self._user_rules or len(self._cells) > len(own) else USER_FIELDS

    def _key(self) -> tuple[_Part, ...]:
        """The parts of the key by which the rows are merged, or sorted later."""
        arrange = self._source.arrange
        if arrange is None:
            return ((_KEYS[What.REGISTERED], 0, ()),)
        meaning = meaning_of(arrange.key)
        if meaning is None or meaning.what is not What.KEY:
            raise NotNative("its order does not say what it reads")
        return tuple(self._key_part(part) for part in meaning.values)

    def _key_part(self, part: Described) -> _Part:
        what, read = part.meaning.what, part.read
        data: tuple[bytes, ...] = ()
        match what:
            case What.SAME:
                slot = self._table(part.meaning, lambda row: packed((read(row),)))
            case What.USER:
                slot = self._user_cell(lambda row: packed((read(row),)))
            case What.NUMBER_LAST:
                slot = self._path(part.meaning.path)
            case What.HAS_CODE:
                slot, data = 0, tuple(str(state).encode() for state in part.meaning.values)
            case What.ID:
                slot = 0
            case _:
                raise NotNative("its order does not say what it reads")
        return _KEYS[what], slot, data

    def _lead(self, arrange: Arrange | None, keys: Sequence[_Part]) -> int:
        """How many parts are of one row alone: those of the key that make `unique` of its own."""
        if arrange is None or not keys:
            return len(keys)
        parts, lead = meaning_of(arrange.key), 0
        widths = [part.meaning.place or 1 for part in parts.values] if parts else []
        while sum(widths[:lead]) < arrange.unique:
            lead += 1
        if sum(widths[:lead]) != arrange.unique:
            raise NotNative("what is unique in its order ends within a part")
        return lead

    # --- what Python says -------------------------------------------------------------------

    def _table(self, meaning: Meaning, answer: Callable[[EntryRow], bytes]) -> int:
        """A table of what a function says, by what it looks at."""
        self._inputs.append(tuple(self._input(one) for one in meaning.values))
        self._answers.append(self._answer(answer))
        return len(self._answers) - 1

    def _answer(self, answer: Callable[[EntryRow], bytes]) -> Answer:
        heard = self._heard
        return lambda row: unless_warned(heard, lambda: answer(row))

    def _input(self, meaning: Meaning) -> _Part:
        if meaning.what not in _INPUTS:
            raise NotNative("a function looks at what the kernel does not know")
        slot = self._path(meaning.path) if meaning.path else 0
        ids: tuple[bytes, ...] = ()
        for among in meaning.values:
            # Of no markets none is the best; no id at all would mean that any is.
            ids = tuple(map(_binary, among(self._facts))) or (bytes(12),)
        return _INPUTS[meaning.what], slot, ids

    def _user_cell(self, make: Callable[[EntryRow], bytes]) -> int:
        if len(self._cells) == _MOST_CELLS:
            raise NotNative("more is shown of accounts than the kernel keeps")
        self._cells.append(self._answer(make))
        return len(self._cells) - 1

    def _user_rule(self, stays: Callable[[EntryRow], bool]) -> int:
        """The bit of accounts that fail a rule."""
        bit = 1 << (_FIRST_BIT + len(self._user_rules))
        if len(self._user_rules) > _MOST_BITS - _FIRST_BIT:
            raise NotNative("more is asked of accounts than the kernel keeps")

        def fails(row: EntryRow) -> bool | None:
            try:
                return not stays(row)
            except Unfit:
                return None

        self._user_rules.append((bit, fails))
        return bit

    def _written(
        self, planned: PlannedColumn, read: Callable[[EntryRow], object]
    ) -> Callable[[EntryRow], bytes]:
        """What makes the cell of a column of a row."""
        write = self._converter.text(planned)

        def cell(row: EntryRow) -> bytes:
            value = read(row)
            return self._cell(None if value is None else write(value))

        return cell

    # --- columns --------------------------------------------------------------------------

    def _column(self, planned: PlannedColumn) -> _Column:
        column, form = planned.column, planned.column.format
        meaning = meaning_of(column.value)
        if meaning is None or meaning.what not in _OPS:
            raise NotNative(f"column {column.name} does not say what it reads")
        what = meaning.what
        if what in _MADE:
            return self._made(planned, meaning)
        put = guard(
            form.kind,
            planned.transform,
            neutralises=self._rendering.neutralise,
            text_guard=self._rendering.text_guard,
        )
        if put.mark:
            raise NotNative("its texts bear a mark")
        fixed = _FIXED_FORMAT.get(what)
        if fixed is not None and (
            form.kind not in fixed or planned.transform is not Transform.NONE
        ):
            raise NotNative(f"column {column.name} is written in another way")
        return (
            _OPS[what],
            self._slot(meaning),
            self._format(planned, meaning),
            form.length or 0,
            put.formulas,
            _MASKS.get(planned.transform, 0),
            self._other_table(planned, meaning),
            self._data(planned, meaning),
        )

    def _made(self, planned: PlannedColumn, meaning: Meaning) -> _Column:
        """A column whose cells Python makes, for many rows at a time or for an account."""
        cell = self._written(planned, plain(planned.column.value))
        of_rows = meaning.what is What.SAME
        slot = 0 if of_rows else self._user_cell(cell)
        table = self._table(meaning, cell) if of_rows else 0
        return _OPS[meaning.what], slot, 0, 0, False, 0, table, ()

    def _other_table(self, planned: PlannedColumn, meaning: Meaning) -> int:
        """The table that a column asks beside what it reads."""
        match meaning.what:
            case What.ELSE:
                (other,) = meaning.values
                return self._table(other.meaning, self._written(planned, other.read))
            case What.RANK_OF:
                (market,) = meaning.values
                read = market.read
                return self._table(market.meaning, lambda row: _binary_or_none(read(row)))
            case _:
                return 0

    def _format(self, planned: PlannedColumn, meaning: Meaning) -> int:
        form = planned.column.format
        if planned.transform is not Transform.NONE:
            masked = planned.transform in _MASKS and form.kind in _MASKED
            return _FORMATS[form.kind] if masked else 0
        if not form.ordered:
            return 0
        if meaning.what is What.ANSWERED_DAY and form.kind is FormatKind.DATE:
            return Form.DAY
        if form.kind is FormatKind.E164 and self._rendering.phone_style is PhoneStyle.DIGITS:
            return Form.DIGITS
        return _FORMATS.get(form.kind, 0)

    def _slot(self, meaning: Meaning) -> int:
        match meaning.what:
            case What.PATH | What.PRESENT | What.MARKET | What.ELSE:
                return self._path(meaning.path)
            case What.LAST_CODE:
                return self._item("codes", meaning.attribute)
            case What.HAS_CODE | What.RANK_OF | What.LINK:
                return 0
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

    def _item(self, name: str, field: str) -> int:
        try:
            return self._fields.item(name, field)
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
                shown = [getattr(market, meaning.attribute) for market in self._facts.markets]
                self._heard.anything = False
                cells = tuple(self._cell(write(value)) for value in shown)
                if self._heard.anything:
                    raise NotNative(f"the markets of column {planned.column.name} are odd")
                return cells
            case What.GRANTED_TO:
                return (_binary(meaning.values[0]),)
            case What.LINK:
                (signed,) = meaning.values
                return tuple(signed(self._facts))
            case What.GRANTED | What.HAS_CODE:
                return tuple(str(one).encode() for one in meaning.values)
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

    # --- rules ----------------------------------------------------------------------------

    def _judged(self) -> tuple[list[tuple[str, _Rule]], str]:
        """The rules before the first that the kernel does not know, and why it does not."""
        meaning = meaning_of(self._verdict)
        if meaning is None or meaning.what is not What.FIRST_FAILING:
            return [], "its verdict does not say what it judges"
        asides = frozenset[str]().union(
            *(self._plan.companion(section).reasons for section in self._plan.companions)
        )
        rules: list[tuple[str, _Rule]] = []
        for reason, stays in meaning.values:
            try:
                if reason in asides:
                    raise NotNative("some of its rows go into another file")
                parts = [self._rule(part, stays, reason) for part in _parts(stays, reason)]
            except NotNative as why:
                return rules, str(why)
            rules.extend((reason, part) for part in parts)
        return rules, ""

    def _rule(self, meaning: Meaning, stays: Described, reason: str) -> _Rule:
        what = meaning.what
        if what not in _RULES:
            raise NotNative(f"rule {reason} does not say what it judges")
        if what is What.NO_FLAG:
            self._flags = frozenset(meaning.values)
            return _RULES[what], -1, 0, ()
        if what is What.USER:
            return _RULES[what], -1, self._user_rule(stays.read), ()
        if what is What.SAME:
            table = self._table(meaning, lambda row: b"1" if stays.read(row) else b"0")
            return _RULES[what], -1, table, ()
        path = "codes" if what is What.HAS_CODE else meaning.path
        slot = self._path(path) if path else -1
        return _RULES[what], slot, meaning.place, tuple(_looked_for(meaning))


def _parts(stays: object, reason: str) -> Sequence[Meaning]:
    meaning = meaning_of(stays)
    if meaning is None:
        raise NotNative(f"rule {reason} does not say what it judges")
    return meaning.values if meaning.what is What.ALL else (meaning,)


def _looked_for(meaning: Meaning) -> Iterator[bytes]:
    for one in meaning.values:
        match meaning.what:
            case What.MARKETS:
                yield _binary(one)
            case What.NOT_STOPPED:
                yield bytes(one)
            case _:
                yield str(one).encode()


def _what(function: object) -> What | None:
    meaning = meaning_of(function)
    return None if meaning is None else meaning.what


def _binary_or_none(found: object) -> bytes:
    return b"" if found is None else _binary(found)


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
