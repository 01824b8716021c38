"""Writes the function that makes the rows of one plan: straight code, with no call a column.

No text of a request or a document becomes code: names of fields, keys of questions and consents and
what truths look like stand in it as literals, every other value by the name of a variable.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import NoneType
from typing import Any, Final, NamedTuple

from bson import Int64, ObjectId

from assets.steps.arrange import packed
from assets.steps.native import twin_values
from assets.steps.native.fields import ANY, DATE, EACH_KEPT, FieldNode, item_names
from assets.steps.native.numbers import Form, Input, Kept, KeyKind, Op, RuleKind, UserBit
from assets.steps.native.twin_lists import Alike, Looks, Same
from assets.steps.native.twin_values import Missing, Texts, Unusual
from resources.mongo import shallow

# BSON types, as `fields.py` has them in bits, and what PyMongo makes of them.
_CLASSES: Final[Mapping[int, type]] = {
    1: float,
    2: str,
    3: dict,
    4: list,
    7: ObjectId,
    8: bool,
    9: datetime,
    10: NoneType,
    16: int,
    18: Int64,
}
_QUARTER: Final = int(twin_values.QUARTER.total_seconds())
# Instants as bytes that sort as they do: from the lowest of 64 bits on.
_LOWEST: Final = 2**63
_MOST_ASKED: Final = 16_384
# The slot of when an entry was registered (`fields.py`).
_CREATED: Final = "s1"
# The slot of its id, and what it is where it comes as its bytes.
_ID, _ID_OF_BYTES = "s0", "ObjectId(identity)"
# Fields of a consent that nobody looks at unless it is in force: its key, and to whom.
_OF_GRANTED: Final = (0, 1)
# What is known to be a text once it is found among the questions.
_KEY_OF_ANSWER: Final = (Kept.ANSWERS, 0)
# What is kept of a list, and what stands before its items are looked through.
_KEPT: Final[Mapping[Kept, str]] = {
    Kept.PREFERENCES: "wishes",
    Kept.CONSENTS: "granted, granted_to",
    Kept.ANSWERS: "latest, given",
    Kept.CODES: "states, code",
}
_BEFORE_ITEMS: Final[Mapping[Kept, str]] = {
    Kept.PREFERENCES: "wishes, before, in_order = [], -UNRANKED, True",
    Kept.CONSENTS: "granted, granted_to = [], []",
    Kept.ANSWERS: "latest, versions, given = {}, {}, {}",
    Kept.CODES: "states, code = [], NOTHING",
}


# Columns that are made of nothing but such a list: their cells are kept with it.
_OF_LIST: Final[Mapping[int, Kept]] = {
    **dict.fromkeys(
        (Op.WISHES, Op.WISH_MARKET, Op.WISH_EVENTS, Op.WISH_QUANTITY), Kept.PREFERENCES
    ),
    **dict.fromkeys((Op.GRANTED, Op.GRANTED_TO), Kept.CONSENTS),
    Op.ANSWER: Kept.ANSWERS,
    **dict.fromkeys((Op.HAS_CODE, Op.LAST_CODE), Kept.CODES),
}


def _kept(each: int) -> Kept | None:
    """Which list it is whose items are kept."""
    return Kept(each - EACH_KEPT) if each >= EACH_KEPT else None


class _Column(NamedTuple):
    op: int
    slot: int
    form: int
    length: int
    guarded: bool
    mask: int
    table: int
    data: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanArguments:
    """A plan as `_rows.c` takes it, without what only C looks at.

    Attributes:
        sent: All that fields of an entry can be; None: anything.
    """

    nodes: Sequence[FieldNode]
    columns: Sequence[tuple[Any, ...]]
    rules: Sequence[tuple[int, int, int, tuple[bytes, ...]]]
    keys: Sequence[tuple[int, int, tuple[bytes, ...]]]
    lead: int
    tables: Sequence[Sequence[tuple[int, int, tuple[bytes, ...]]]]
    user_cells: int
    markets: Sequence[bytes]
    events: Sequence[Sequence[bytes]]
    questions: Sequence[bytes]
    counted: Sequence[bytes]
    overridden: Sequence[bytes]
    most_markets: int
    delimiter: bytes
    quote_all: bool
    sent: Sequence[str] | None

    @property
    def apart(self) -> bool:
        """Whether lists come as their bytes (`twin_lists.py`): where it is said what else comes."""
        return self.sent is not None and shallow.KNOWN

    @property
    def lists(self) -> tuple[str, ...]:
        """The fields of an entry that are lists of blocks."""
        return tuple(name.decode() for parent, name, *_, each in self.nodes if not parent and each)

    @property
    def merged(self) -> bool:
        """Whether rows are merged in the order of registration: their keys are of one size."""
        return [kind for kind, *_ in self.keys] == [KeyKind.REGISTERED]


@dataclass(slots=True)
class Made:
    """What becomes of a batch (`_rows.c`, `convert`).

    Attributes:
        lists: How many lists came as their bytes.
        looks: How many of them were decoded.
    """

    records: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    odd: list[tuple[int, int]] = field(default_factory=list)
    filtered: Counter[int] = field(default_factory=Counter)
    answered: list[bytes] = field(default_factory=list)
    users: int = 0
    wishes: int = 0
    locales: int = 0
    lists: int = 0
    looks: int = 0
    asked: list[Any] = field(default_factory=list)


def compiled(plan: PlanArguments, texts: Texts) -> Callable[..., Made]:
    """The function that makes the rows of raw documents, with accounts and what is known."""
    writer = _Writer(plan, texts)
    source = writer.source()
    names = writer.names
    exec(compile(source, "<rows of a plan>", "exec"), names)  # noqa: S102 - see the module's own text
    made: Callable[..., Made] = names["make"]
    return made


class _Writer:
    """Writes the function.

    Attributes:
        names: The values that it names.
    """

    def __init__(self, plan: PlanArguments, texts: Texts) -> None:
        self._plan, self._texts = plan, texts
        self._lines: list[str] = []
        self._depth = 0
        self.names: dict[str, Any] = {
            **vars(twin_values),
            "Made": Made,
            "Same": Same,
            "Alike": Alike,
            "LOOKS": Looks(),
            "decoded": shallow.shallow if plan.apart else shallow.whole,
            "LOWEST": _LOWEST,
            "ObjectId": ObjectId,
            "datetime": datetime,
            "packed": packed,
            "WARNED": texts.warned,
            "EMPTY": texts.empty,
            "NOTHING": {},
            "by_rank": lambda wish: wish[0],
            "UNRANKED": float("inf"),
            "Missing": Missing,
            "Unusual": Unusual,
        }
        self._children: dict[int, list[int]] = {}
        for number, (parent, *_) in enumerate(plan.nodes):
            self._children.setdefault(parent, []).append(number)
        self._dated: set[str] = set()
        self._cells_of_lists: set[int] = set()
        self._same: set[int] = set()

    # --- lines ------------------------------------------------------------------------------

    def _put(self, *lines: str) -> None:
        self._lines.extend("    " * self._depth + line for line in lines)

    @contextmanager
    def _under(self, line: str) -> Iterator[None]:
        self._put(line)
        self._depth += 1
        yield
        self._depth -= 1

    def _value(self, value: object, stem: str = "V") -> str:
        """The name of a value that the function needs."""
        name = f"{stem}{len(self.names)}"
        self.names[name] = value
        return name

    # --- the whole --------------------------------------------------------------------------

    def source(self) -> str:
        """Its text."""
        self._put_lists()
        with self._under("def make(documents, users, known):"):
            self._put("made, nobody = Made(), users[b'']")
            self._put("records, keys, answered = made.records, made.keys, made.answered")
            self._put("parts, end, lists = made.parts, 0, 0")
            self._put("WARNED.locales = LOOKS.times = 0", *self._kept_of_none())
            self._put(*(f"t{table} = known[{table}]" for table in range(len(self._plan.tables))))
            with self._under("for place, raw in enumerate(documents):"):
                self._put("locales = WARNED.locales")
                with self._under("try:"):
                    self._row()
                self._otherwise()
                self._written()
            self._put("made.locales, made.lists = WARNED.locales, lists")
            self._put("made.looks = LOOKS.times", "return made")
        return "\n".join(self._lines)

    def _row(self) -> None:
        self._put(f"{'identity, ' if self._plan.apart else ''}entry = decoded(raw)")
        self._looked()
        self._block(0, "entry")
        self._usual()
        self._account()
        for number, rule in enumerate(self._plan.rules):
            self._rule(number, *rule)
        for number, column in enumerate(self._plan.columns):
            if number not in self._cells_of_lists:
                self._column(number, _Column(*column))
        cells = ", ".join(f"c{number}" for number in range(len(self._plan.columns)))
        self._put(f"record = ({self._texts.delimiter!r}.join(({cells})) + '\\r\\n').encode()")
        self._key()

    def _otherwise(self) -> None:
        """A row that is for Python; of one that no table knows, what they are to be asked."""
        asked = ", ".join(map(self._token, range(len(self._plan.tables))))
        with self._under("except Exception as why:"):
            self._put("WARNED.locales = locales", "made.odd.append((place, len(records)))")
            with self._under(f"if type(why) is Missing and len(made.asked) < {_MOST_ASKED}:"):
                with self._under("try:"):
                    self._put(
                        f"found = zip(({asked}{',' if asked else ''}), known)",
                        "made.asked += [(place, table, token) for table, (token, told)"
                        " in enumerate(found) if token not in told]",
                    )
                with self._under("except Unusual:"):
                    self._put("pass")
            self._put("continue")

    def _written(self) -> None:
        self._put("records.append(record)", "keys.append(key)", "answered += given")
        if not self._plan.merged:
            self._put("parts += (end + len(leading), end + len(key))", "end += len(key)")
        self._put("if account is None and s2 is not None: made.users += 1")
        self._put(f"if len(wishes) > {self._plan.most_markets}: made.wishes += 1")

    # --- lists ------------------------------------------------------------------------------

    def _own_lists(self) -> Iterator[tuple[int, str, int]]:
        """Those that are fields of the document: which node, its name, and which list it is."""
        for child in self._children.get(0, ()):
            _, name, _, _, each = self._plan.nodes[child]
            if each:
                yield child, name.decode(), each

    def _put_lists(self) -> None:
        """A function for each, which looks through it and gives what is kept."""
        for child, _, each in self._own_lists():
            kept = _kept(each)
            with self._under(f"def look{child}(found):"):
                self._put("if found is not None and found.__class__ is not list: raise Unusual")
                self._list(child, "found", each)
                self._put_cells(kept)
                self._put(f"return {self._kept_of(kept) or True}")
            if self._plan.apart:
                self._put(f"look{child} = {self._remembered(child, kept)}")

    def _put_cells(self, kept: Kept | None) -> None:
        """The cells of a list; of what they warn of each row counts, and it is Python's."""
        columns = [_Column(*column) for column in self._plan.columns]
        made = [number for number, one in enumerate(columns) if _OF_LIST.get(one.op) is kept]
        if kept is None or not made:
            return
        self._put("locales = WARNED.locales")
        for number in made:
            self._column(number, columns[number])
        self._put("if WARNED.locales != locales: raise Unusual")
        self._cells_of_lists.update(made)

    def _kept_of(self, kept: Kept | None) -> str:
        """What is kept of a list and the cells that are made of it, by their names."""
        if kept is None:
            return ""
        of_it = (
            f", c{number}"
            for number in sorted(self._cells_of_lists)
            if _OF_LIST[self._plan.columns[number][0]] is kept
        )
        return _KEPT[kept] + "".join(of_it)

    def _remembered(self, child: int, kept: Kept | None) -> str:
        """The same of its bytes; those with instants in their items are seldom the same."""
        below = (self._plan.nodes[one] for one in self._children.get(child, ()))
        if all(types == ANY or not types & DATE for _, _, types, *_ in below):
            return f"Same(look{child}, LOOKS).__getitem__"
        return f"Alike(look{child}, LOOKS, {() if kept is None else item_names(kept)}).of"

    def _looked(self) -> None:
        """Look through the lists."""
        lists = list(self._own_lists())
        for child, name, _ in lists:
            self._put(f"v{child} = entry.get({name!r})")
        if self._plan.apart:
            self._put(*(f"if v{child} is not None: lists += 1" for child, *_ in lists))
            names = self._value(frozenset(self._plan.sent or ()))
            self._put(f"if not {names}.issuperset(entry): raise Unusual")
        for child, _, each in lists:
            kept = self._kept_of(_kept(each))
            self._put(f"{kept + ' = ' if kept else ''}look{child}(v{child})")

    # --- what is read -----------------------------------------------------------------------

    def _block(self, node: int, block: str) -> None:
        """Read the fields of a block, each of a type that may stand there."""
        for child in self._children.get(node, ()):
            _, name, types, slot, each = self._plan.nodes[child]
            found = self._slot(slot) if slot >= 0 else f"v{child}"
            if (each and node == 0) or found == _ID_OF_BYTES:
                continue  # has been looked through, or was there first
            self._put(f"{found} = {block}.get({name.decode()!r})")
            self._typed(found, types)
            if each:
                self._list(child, found, each)
            elif self._children.get(child):
                if self._holds(child):
                    self._put(f"b{child} = NOTHING if {found} is None else {found}")
                    self._block(child, f"b{child}")
                else:
                    with self._under(f"if {found} is not None:"):
                        self._block(child, found)

    def _slot(self, slot: int) -> str:
        """The value that is kept in a slot."""
        found = f"s{slot}"
        return _ID_OF_BYTES if found == _ID and self._plan.apart else found

    def _typed(self, found: str, types: int) -> None:
        if types == ANY:
            return
        classes = {kind for bit, kind in _CLASSES.items() if types >> bit & 1}
        if len(classes) == 1:
            self._put(f"if {found}.__class__ is not {self._class(*classes)}: raise Unusual")
        elif NoneType in classes and len(classes) == 2:  # noqa: PLR2004 - and another one
            (other,) = classes - {NoneType}
            self._none_or(found, other)
        else:
            among = self._value(frozenset(classes))
            self._put(f"if {found}.__class__ not in {among}: raise Unusual")

    def _none_or(self, found: str, kind: type) -> None:
        condition = f"{found} is not None and {found}.__class__ is not {self._class(kind)}"
        self._put(f"if {condition}: raise Unusual")

    def _class(self, kind: type) -> str:
        self.names.setdefault(kind.__name__, kind)
        return kind.__name__

    def _holds(self, node: int) -> bool:
        """Whether anything below a block is kept."""
        below = self._children.get(node, ())
        return any(
            self._plan.nodes[one][3] >= 0
            or self._plan.nodes[one][4] >= EACH_KEPT
            or self._holds(one)
            for one in below
        )

    def _list(self, node: int, found: str, each: int) -> None:
        """Look through a list of blocks, and keep what the plan wants of them."""
        kept = _kept(each)
        keeps = self._keeps(kept)
        if kept is not None:
            self._put(_BEFORE_ITEMS[kept])
        with self._under(f"for item in {found} or ():"):
            self._put("if item.__class__ is not dict: raise Unusual")
            for child in self._children.get(node, ()):
                _, name, types, slot, _ = self._plan.nodes[child]
                if kept is Kept.CONSENTS and slot in _OF_GRANTED:
                    continue
                one = f"i{slot}" if slot >= 0 else "other"
                self._put(f"{one} = item.get({name.decode()!r})")
                if (kept, slot) != _KEY_OF_ANSWER:
                    self._typed(one, types)
            if keeps is not None:
                keeps()
        if kept is Kept.PREFERENCES:
            self._put("if not in_order: wishes.sort(key=by_rank)")

    def _kept_of_none(self) -> Iterator[str]:
        """What is kept of the lists that the documents do not have."""
        looked_through = {each - EACH_KEPT for *_, each in self._plan.nodes}
        return (_BEFORE_ITEMS[kept] for kept in Kept if kept not in looked_through)

    def _keeps(self, kept: Kept | None) -> Callable[[], None] | None:
        """What keeps an item of a list, where the plan looks at any."""
        ops = {column[0] for column in self._plan.columns}
        rules = {rule[0] for rule in self._plan.rules}
        match kept:
            case Kept.PREFERENCES:
                return self._keep_wish
            case Kept.CONSENTS if ops & {Op.GRANTED, Op.GRANTED_TO} or RuleKind.GRANTED in rules:
                return self._keep_consent
            case Kept.ANSWERS:
                return self._keep_answer
            case Kept.CODES:
                return self._keep_code
            case _:
                return None

    def _keep_wish(self) -> None:
        self._put("rank = UNRANKED if i1 is None else i1", "if rank < before: in_order = False")
        self._put("before, events = rank, i2 or ()")
        with self._under("for event in events:"):
            self._put("if event.__class__ is not str: raise Unusual")
        self._put("wishes.append((rank, i0 if i0 is None else i0.binary, events, i3))")

    def _keep_consent(self) -> None:
        key, promoter, *_ = item_names(Kept.CONSENTS)
        with self._under("if i2 is True and i3 is None:"):
            self._put(f"promoter, key = item.get({promoter!r}), item.get({key!r})")
            self._put("if promoter is None: granted.append(key)")
            self._put("elif promoter.__class__ is ObjectId: granted_to.append(promoter.binary)")
            self._put("else: raise Unusual")

    def _keep_answer(self) -> None:
        """The latest by version, of equals the first; and whether any is counted."""
        plan = self._plan
        counted = zip(plan.questions, plan.counted, strict=True)
        asked = {key.decode(): key if yes == b"1" else b"" for key, yes in counted}
        self._put(f"question = {self._value(asked)}.get(i0)")
        with self._under("if question is not None:"):
            self._put("version = i1 or 0")
            with self._under("if i0 not in latest or version > versions[i0]:"):
                self._put("latest[i0], versions[i0] = i2, version")
            # Most are true; of the others only these are as good as none.
            self._put("if question and (i2 or i2 not in (None, '', [])): given[question] = True")
        self._put("elif i0.__class__ is not str: raise Unusual")

    def _keep_code(self) -> None:
        self._put("states.append(i0)", "code = item")

    def _usual(self) -> None:
        """What every row is: an entry of today with an id, an instant, and no manual decision."""
        if not self._plan.apart:
            self._put("if s0.__class__ is not ObjectId: raise Unusual", "identity = s0.binary")
        self._put("if s1.__class__ is not datetime: raise Unusual")
        self._put("if s3.__class__ is not int or s3 != 3: raise Unusual")
        self._put("since = s1 - EPOCH")
        self._put("seconds = 86400 * since.days + since.seconds")
        self._put("millis = 1000 * seconds + since.microseconds // 1000")
        if self._plan.overridden:
            self._put(
                f"if identity in {self._value(frozenset(self._plan.overridden))}: raise Unusual"
            )

    def _account(self) -> None:
        self._put("account = None if s2 is None else users.get(s2.binary)")
        self._put("bits, shown = account or nobody")
        self._put(f"if bits & {UserBit.UNUSUAL:d}: raise Unusual")

    # --- what tables say ---------------------------------------------------------------------

    def _token(self, table: int) -> str:
        """What a row is found by in a table."""
        return f"({''.join(self._input(*one) + ', ' for one in self._plan.tables[table])})"

    def _input(self, kind: int, slot: int, among: Sequence[bytes]) -> str:
        match kind:
            case Input.VALUE:
                return f"token({self._slot(slot)})"
            case Input.PRESENT:
                return f"{self._slot(slot)} is not None"
            case _:
                return f"wished(wishes, {self._value(frozenset(among))})"

    def _ask(self, table: int) -> str:
        """What a table says of the row: asked once, where it is needed first."""
        said = f"a{table}"
        if table not in self._same:
            self._same.add(table)
            self._put(f"{said} = t{table}.get({self._token(table)}, Missing)")
            self._put(f"if {said} is Missing: raise Missing")
            self._put(f"if {said} is None: raise Unusual")
        return said

    def _has_code(self, states: Iterable[bytes]) -> str:
        among = self._value(tuple(state.decode() for state in states))
        return f"any([state in {among} for state in states])"

    # --- rules ------------------------------------------------------------------------------

    def _rule(
        self, number: int, kind: int, slot: int, stated: int, data: tuple[bytes, ...]
    ) -> None:
        """Count a row that fails, and go on with the next."""
        stays = self._stays(kind, self._slot(slot), stated, data)
        with self._under(f"if not ({stays}):"):
            self._put(f"made.filtered[{number}] += 1", "continue")

    def _stays(self, kind: int, found: str, stated: int, data: tuple[bytes, ...]) -> str:  # noqa: C901, PLR0911, PLR0912 - a line each
        match kind:
            case RuleKind.ABSENT:
                return f"{found} is None"
            case RuleKind.NOT_TEXT:
                among = self._value(frozenset(one.decode() for one in data))
                return f"{found}.__class__ is not str or {found} not in {among}"
            case RuleKind.NOT_FALSE:
                return f"{found} is not False"
            case RuleKind.NOT_ERASED_USER:
                return f"not bits & {UserBit.ERASED:d}"
            case RuleKind.NO_FLAG:
                return f"not bits & {UserBit.FLAGGED:d}"
            case RuleKind.ONE_OF:
                among = self._value(frozenset(one.decode() for one in data))
                self._none_or(found, str)
                return f"{found} in {among}"
            case RuleKind.SINCE:
                return f"millis >= {stated:d}"
            case RuleKind.BEFORE:
                return f"millis < {stated:d}"
            case RuleKind.HAS_CODE:
                return f"{self._has_code(data)} is {stated != 0}"
            case RuleKind.MARKETS:
                return f"any([wish[1] in {self._value(frozenset(data))} for wish in wishes])"
            case RuleKind.SAME:
                return f"{self._ask(stated)} == b'1'"
            case RuleKind.USER:
                return f"not bits & {stated:d}"
            case RuleKind.KNOWN_USER:
                return "account is not None or s2 is None"
            case RuleKind.EMAIL:
                return f"plain_address({found})"
            case RuleKind.NOT_STOPPED:
                return f"not stopped({self._value(data[0])}, plain_address({found}))"
            case RuleKind.GRANTED:
                return f"{data[0].decode()!r} in granted"
            case _:
                raise NotImplementedError(f"rule {kind}")

    # --- columns ----------------------------------------------------------------------------

    def _column(self, number: int, column: _Column) -> None:  # noqa: C901, PLR0912, PLR0915 - a line each
        slot, data = column.slot, column.data
        cell, found = f"c{number}", self._slot(slot)
        match column.op:
            case Op.VALUE:
                self._written_value(number, column, found)
            case Op.PRESENT:
                self._truth(number, f"{found} is not None")
            case Op.MARKET:
                self._none_or(found, ObjectId)
                self._put(f"{cell} = {found} if {found} is None else {found}.binary")
                self._put(f"{cell} = {self._markets(data)}.get({cell}, EMPTY)")
            case Op.WISHES:
                self._put(f"{cell} = {self._value(self._texts.writer(number))}(len(wishes))")
            case Op.WISH_MARKET:
                shown = f"{self._markets(data)}.get(wishes[{slot - 1}][1], EMPTY)"
                self._put(f"{cell} = {shown} if len(wishes) >= {slot} else EMPTY")
            case Op.WISH_EVENTS:
                write = self._value(self._texts.writer(number))
                shown = f"{write}(dates({self._events()}.get(wish[1], ()), wish[2]))"
                self._put(f"wish = wishes[{slot - 1}] if len(wishes) >= {slot} else None")
                self._put(f"{cell} = EMPTY if wish is None else {shown}")
            case Op.WISH_QUANTITY:
                self._put(f"q{number} = wishes[{slot - 1}][3] if len(wishes) >= {slot} else None")
                self._written_value(number, column, f"q{number}")
            case Op.GRANTED:
                self._truth(number, f"{data[0].decode()!r} in granted")
            case Op.GRANTED_TO:
                self._truth(number, f"{self._value(data[0])} in granted_to")
            case Op.ANSWER:
                key = self._plan.questions[slot].decode()
                self._put(f"q{number} = latest.get({key!r})")
                self._written_value(number, column, f"q{number}")
            case Op.USER:
                self._put(f"{cell} = shown[{slot}].decode()")
            case Op.SAME:
                self._put(f"{cell} = {self._ask(column.table)}.decode()")
            case Op.ELSE:
                self._else(number, column, found)
            case Op.HAS_CODE:
                self._truth(number, self._has_code(data))
            case Op.LAST_CODE:
                self._put(f"q{number} = code.get({item_names(Kept.CODES)[slot]!r})")
                self._written_value(number, column, f"q{number}")
            case Op.RANK_OF:
                self._put(f"q{number} = rank_of(wishes, {self._ask(column.table)})")
                self._written_value(number, column, f"q{number}")
            case Op.BAND:
                self._put(
                    f"q{number} = s{slot + 1} if {found} is None or {found} == '' else {found}"
                )
                self._none_or(found, str)
                self._written_value(number, column, f"q{number}")
            case Op.LINK:
                write = self._value(self._texts.writer(number))
                shown = f"link({self._value(data)}, identity.hex(), {column.length})"
                self._put(f"{cell} = {write}({shown})")
            case _:
                raise NotImplementedError(f"column {column.op}")

    def _truth(self, number: int, condition: str) -> None:
        write = self._texts.writer(number)
        self._put(f"c{number} = {write(True)!r} if {condition} else {write(False)!r}")

    def _markets(self, cells: Sequence[bytes]) -> str:
        shown = zip(self._plan.markets, cells, strict=True)
        return self._value({market: cell.decode() for market, cell in shown})

    def _events(self) -> str:
        """Of each market the ids and dates of its events."""
        texts = (tuple(text.decode() for text in events) for events in self._plan.events)
        pairs = (tuple(zip(one[::2], one[1::2], strict=True)) for one in texts)
        return self._value(dict(zip(self._plan.markets, pairs, strict=True)))

    def _else(self, number: int, column: _Column, found: str) -> None:
        """A text; where it is blank, what a table says."""
        self._none_or(found, str)
        with self._under(f"if {found} is not None and {found}.strip():"):
            self._written_value(number, column, found)
        with self._under("else:"):
            self._put(f"c{number} = {self._ask(column.table)}.decode()")
        self._same.discard(column.table)  # asked in this branch only

    def _written_value(self, number: int, column: _Column, found: str) -> None:
        """The cell of a value."""
        texts, form = self._texts, Form(column.form) if not column.mask else Form.NONE
        write = texts.days(number) if form is Form.DAY else texts.writer(number)
        cell, named, quote = f"c{number} = ", self._value(write), texts.quote
        other = f"EMPTY if {found} is None else {named}({found})"
        match form:
            case Form.ID if found == self._slot(0):
                self._put(f"{cell}f'{quote}{{identity.hex()}}{quote}'")
            case Form.ID:
                shown = f"f'{quote}{{{found}.binary.hex()}}{quote}'"
                self._put(f"{cell}{shown} if {found}.__class__ is ObjectId else {other}")
            case Form.LOCAL | Form.UTC:
                end = "Z" if form is Form.UTC else ""
                quarter, rest = self._quarter(found)
                with self._under(f"if {quarter} is None:"):
                    self._put(f"{cell}{other}")
                with self._under("else:"):
                    begun = self._value(texts.quarters(number, end))
                    self._put(f"begun, within = {begun}[{quarter}]")
                    self._put(f"{cell}f'{{begun}}{{within[{rest}]}}{end}{quote}'")
            case Form.EMAIL | Form.PHONE:
                easy = "easy_address" if form is Form.EMAIL else "easy_phone"
                shown = f"f'{quote}{{{found}}}{quote}'"
                condition = f"{found}.__class__ is str and {easy}({found})"
                self._put(f"{cell}{shown} if {condition} else {other}")
            case Form.INTEGER:
                kept = self._value(texts.remembered(write, int))
                self._put(f"{cell}{kept}[{found}] if {found}.__class__ is int else {other}")
            case Form.LIST | Form.TRUTH | Form.TRUE_FALSE:  # seldom a text
                self._put(f"{cell}{other}")
            case _:
                self._put(f"{cell}{self._value(texts.remembered(write))}[{found}]")

    def _quarter(self, found: str) -> tuple[str, str]:
        """The quarter of an hour of an instant, None for what is none, and its second within it."""
        quarter, rest = f"x_{found}", f"y_{found}"
        if quarter in self._dated:
            return quarter, rest
        self._dated.add(quarter)
        if found == _CREATED:  # which is an instant in every row that came so far (`_usual`)
            self._put(f"{quarter}, {rest} = divmod(seconds, {_QUARTER})")
        else:
            self._put(f"{quarter} = None")
            with self._under(f"if {found}.__class__ is datetime:"):
                self._put(f"since = {found} - EPOCH")
                seconds = "86400 * since.days + since.seconds"
                self._put(f"{quarter}, {rest} = divmod({seconds}, {_QUARTER})")
        return quarter, rest

    # --- keys -------------------------------------------------------------------------------

    def _key(self) -> None:
        """The key of a row, and how much of it are its leading parts."""
        parts = [self._key_part(*part) for part in self._plan.keys]
        leading, others = parts[: self._plan.lead], parts[self._plan.lead :]
        self._put(f"leading = {' + '.join(leading) or repr(b'')}")
        self._put(f"key = {' + '.join(['leading', *others])}")

    def _key_part(self, kind: int, slot: int, data: Sequence[bytes]) -> str:
        match kind:
            case KeyKind.REGISTERED:
                return "(millis + LOWEST).to_bytes(8, 'big') + identity"
            case KeyKind.ID:
                return "identity.hex().encode() + bytes(2)"
            case KeyKind.SAME:
                return self._ask(slot)
            case KeyKind.USER:
                return f"shown[{slot}]"
            case KeyKind.NUMBER:
                return f"number_last({self._slot(slot)})"
            case _:
                return f"(bytes(1) if {self._has_code(data)} else b'\x01')"
