"""Turn rows into cells, and account for every one of them."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import count, groupby, islice
from typing import Any
from zoneinfo import ZoneInfo

from assets.model.column import Unfit
from assets.model.export_type import Companion
from assets.model.manifest import Accounting
from assets.model.meaning import plain
from assets.model.policy import Transform
from assets.model.request import members
from assets.model.source import Arrange, Fold, Verdict
from assets.steps.arrange import Key, Sorter, packed
from assets.steps.encode.run import Run
from assets.steps.formats import Rendering, formatter, transformed
from assets.steps.masks import (
    h256_email,
    h256_phone,
    mask_email,
    mask_name,
    mask_phone,
    postal_prefix,
)
from assets.steps.plan import Plan, PlannedColumn
from assets.steps.values import Warn

# The text of every cell of a row; None where the value is absent, which CSV shows as empty.
Cells = tuple[str | None, ...]
# A row on its way to a file: the group it is of, and its cells, or a run of rows that are encoded.
Record = tuple[str, Any]

# Encoded rows that are handed on at a time: as many as a piece of a file has.
TOGETHER = 1_000

_TRANSFORMS: dict[Transform, Callable[[str], str]] = {
    Transform.MASK_EMAIL: mask_email,
    Transform.MASK_PHONE: mask_phone,
    Transform.MASK_NAME: mask_name,
    Transform.POSTAL_PREFIX: postal_prefix,
    Transform.SHA256_EMAIL: h256_email,
    Transform.SHA256_PHONE: h256_phone,
}


@dataclass(slots=True)
class Ledger:
    """Where every row goes, while they go there."""

    read: int = 0
    kept: int = 0
    made: int = 0
    written: int = 0
    filtered: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    beside: Counter[str] = field(default_factory=Counter)
    unfit: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def reject(self, reason: str) -> None:
        """Count a row with a value that does not fit."""
        self.rejected[reason] += 1

    def note(self, notes: Iterable[str]) -> None:
        """Count what was odd about a row that is kept."""
        self.notes.update(notes)

    def add(self, other: "Ledger") -> None:
        """Count all that another ledger has counted."""
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if not theirs:
                continue
            if isinstance(mine, Counter):
                mine.update(theirs)
            else:
                setattr(self, one.name, mine + theirs)

    def counts(self, waiting: int) -> dict[str, Any]:
        """Where the rows went that are in files, as `restore` takes it.

        Args:
            waiting: Rows that were counted as written and still wait for it.
        """
        counts = members(self)
        less = {name: counts[name] - waiting for name in ("kept", "made", "written")}
        return {**{n: dict(c) if isinstance(c, Counter) else c for n, c in counts.items()}, **less}

    def restore(self, counts: Mapping[str, Any]) -> None:
        """Go on where another ledger stood."""
        for one in fields(self):
            found = counts[one.name]
            setattr(self, one.name, Counter(found) if isinstance(found, Mapping) else found)

    def close(self, expected: int, *, folded: bool = False) -> Accounting:
        """The final accounting, with reasons in a stable order."""
        return Accounting(
            expected=expected,
            read=self.read,
            kept=self.kept,
            made=self.made,
            written=self.written,
            filtered=dict(sorted(self.filtered.items())),
            rejected=dict(sorted(self.rejected.items())),
            beside=dict(sorted(self.beside.items())),
            unfit=dict(sorted(self.unfit.items())),
            notes=dict(sorted(self.notes.items())),
            folded=folded,
        )


class Converter:
    """Makes the cells of a row, by the plan.

    Args:
        columns: What to make, and what the policy does to it.
        rendering: How values become text.
        key: Keys the pseudonyms of one export: ids of two files cannot be joined (DOMAIN.md 7.0,
            hashed mode).
    """

    def __init__(
        self, columns: Sequence[PlannedColumn], *, rendering: Rendering, key: bytes
    ) -> None:
        self._key = key
        self._rendering = rendering
        self._names = [planned.column.name for planned in columns]
        self._columns = [(plain(planned.column.value), self.text(planned)) for planned in columns]

    @property
    def key(self) -> bytes:
        """What keys the pseudonyms."""
        return self._key

    def warned(self, warn: Warn) -> "Converter":
        """One that makes the same texts, and tells somebody else of leniencies."""
        return Converter((), rendering=replace(self._rendering, warn=warn), key=self._key)

    def cells(self, row: object) -> Cells:
        """The texts of one row.

        Raises:
            Unfit: A value does not fit its column; the reason names the column.
        """
        cells: list[str | None] = []
        try:
            for read, text in self._columns:
                value = read(row)
                cells.append(None if value is None else text(value))
        except Unfit as unfit:
            raise Unfit(f"{self._names[len(cells)]}:{unfit.reason}") from None
        return tuple(cells)

    def text(self, planned: PlannedColumn) -> Callable[[object], str]:
        """What makes the text of a cell of a column."""
        form = planned.column.format
        if planned.transform is Transform.NONE:
            return formatter(form, self._rendering)
        change = _TRANSFORMS.get(planned.transform, self._pseudonym)
        return transformed(form, self._rendering, change)

    def _pseudonym(self, text: str) -> str:
        """The keyed hash of an id, the same within one export only."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest() if text else ""


def pseudonym_key(plan: Plan, secret: bytes) -> bytes:
    """The key of one export's pseudonyms, made of the deployment's and the fingerprint."""
    return hmac.digest(secret, plan.facts.request.fingerprint().encode(), "sha256")


def rendering(plan: Plan, ledger: Ledger) -> Rendering:
    """How the values of an export become text: in its zone, by the dialect's rules."""
    campaign = plan.facts.campaign
    return Rendering.of(
        plan.facts.request.output,
        zone=ZoneInfo(plan.facts.zone),
        default_locale=campaign.default_locale,
        locales=campaign.locales,
        warn=lambda code: ledger.note((code,)),
    )


class Aside:
    """Rows of one companion file, kept until the main files are written.

    Args:
        companion: Which rows, and its name.
        converter: Makes their cells.
    """

    def __init__(self, companion: Companion, converter: Converter) -> None:
        self.section = companion.name
        self.reasons = companion.reasons
        self._converter = converter
        self._sorter: Sorter[Cells] = Sorter()

    def add(self, key: Key, row: object) -> None:
        """Keep one row.

        Raises:
            Unfit: A value does not fit its column.
        """
        self._sorter.add(key, self._converter.cells(row))

    def records(self) -> Iterator[Record]:
        """The rows, in the order of the main files."""
        for _, cells in self._sorter.pairs():
            yield "", cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Sieve:
    """What happens to each row between being read and being written.

    Attributes:
        verdict: Why a row stays out of the main files, or None.
        notes: What is odd about a row that is kept.
        converter: Makes the cells.
        ledger: Counts.
        group: The group of a row, or None where there is one only.
        fold: Makes rows of rows, or None.
        arrange: The order of the files where the rows come in another.
        asides: Companion files.
        inside: Told every row read that is in a file, a main one or a companion.
        packed: Whether keys are bytes, as those of runs are.
    """

    verdict: Verdict
    notes: Callable[[Any], Iterable[str]]
    converter: Converter
    ledger: Ledger
    group: Callable[[Any], str] | None = None
    fold: Fold | None = None
    arrange: Arrange | None = None
    asides: Sequence[Aside] = ()
    inside: Callable[[Any], None] | None = None
    packed: bool = False

    def records(self, rows: Iterable[Any]) -> Iterator[Record]:
        """What is to be written, in order; each is counted as written when it is handed out."""
        made = self._made(rows) if self.fold is None else self._folded(rows, self.fold)
        ordered = made if self.arrange is None else self._arranged(made, self.arrange)
        for _, record in ordered:
            self.ledger.written += len(record[1]) if type(record[1]) is Run else 1
            yield record

    def _sifted(self, rows: Iterable[Any]) -> Iterator[Any]:
        """The rows that are for the main files."""
        by_reason: Mapping[str, Aside] = {
            reason: aside for aside in self.asides for reason in aside.reasons
        }
        places, verdict = count(), plain(self.verdict)
        for row in rows:
            if type(row) is Run:  # its rows have been judged, and are records of the file already
                yield row
                continue
            try:
                reason = verdict(row)
                if reason is None:
                    yield row
                elif reason in by_reason:
                    self._set_aside(by_reason[reason], row, next(places))
                else:
                    self.ledger.filtered[reason] += 1
            except Unfit as unfit:
                self.ledger.reject(unfit.reason)

    def _set_aside(self, aside: Aside, row: Any, place: int) -> None:
        key = (place,) if self.arrange is None or self.fold else self.arrange.key(row)
        aside.add(key, row)
        self.ledger.beside[aside.section] += 1
        self._tell(row)

    def _made(self, rows: Iterable[Any]) -> Iterator[tuple[Key, Record]]:
        """Rows that are written as they are read."""
        for row in self._sifted(rows):
            if type(row) is Run:
                self.ledger.kept += len(row)
                self.ledger.made += len(row)
                self._tell(row)
                yield (), ("", row)
                continue
            try:
                odd = self.notes(row)  # may reject the row, so before any column that counts rows
                made = self._one(row)
            except Unfit as unfit:
                self.ledger.reject(unfit.reason)
                continue
            self._keep(row, odd)
            self.ledger.made += 1
            yield made

    def _folded(self, rows: Iterable[Any], fold: Fold) -> Iterator[tuple[Key, Record]]:
        """Rows that are made of others."""
        for row in self._sifted(rows):
            try:
                odd = self.notes(row)
                out = list(fold.add(row))
            except Unfit as unfit:
                self.ledger.reject(unfit.reason)
                continue
            self._keep(row, odd)
            yield from self._fitting(out)
        yield from self._fitting(fold.rest())

    def _fitting(self, rows: Iterable[Any]) -> Iterator[tuple[Key, Record]]:
        for row in rows:
            self.ledger.made += 1
            try:
                yield self._one(row)
            except Unfit as unfit:
                self.ledger.unfit[unfit.reason] += 1

    def _keep(self, row: Any, odd: Iterable[str]) -> None:
        self.ledger.note(odd)
        self.ledger.kept += 1
        self._tell(row)

    def _tell(self, row: Any) -> None:
        if self.inside is not None:
            self.inside(row)

    def _one(self, row: Any) -> tuple[Key, Record]:
        key = () if self.arrange is None else self.arrange.key(row)
        group = "" if self.group is None else self.group(row)
        return key, (group, self.converter.cells(row))

    def _arranged(
        self, made: Iterator[tuple[Key, Record]], arrange: Arrange
    ) -> Iterator[tuple[Key, Record]]:
        sorter: Sorter[Record] = Sorter()
        for key, record in made:
            if type(record[1]) is Run:
                for own, content in record[1].sortable():
                    sorter.add(own, ("", content))
            else:
                sorter.add(self._sort_key(key, arrange), record)
        yield from together(self._distinct(sorter, arrange))

    def _sort_key(self, key: Key, arrange: Arrange) -> Key:
        """A key as it is sorted by: as it is, or its leading parts and the others as bytes."""
        if not self.packed:
            return key
        return packed(key[: arrange.unique]), packed(key[arrange.unique :])

    def _distinct(self, sorter: "Sorter[Record]", arrange: Arrange) -> Iterator[tuple[Key, Record]]:
        last: Key | None = None
        for key, record in sorter.pairs():
            leading = key[: 1 if self.packed else arrange.unique]
            if arrange.unique and leading == last:
                self._drop(arrange.reason)
                continue
            last = leading
            yield key, record

    def _drop(self, reason: str) -> None:
        """Count a row as filtered that had been made already."""
        self.ledger.made -= 1
        if self.fold is not None:  # what it was made of is kept, in the row that is like it
            self.ledger.note((reason,))
            return
        self.ledger.kept -= 1
        self.ledger.filtered[reason] += 1


def together(rows: Iterable[tuple[Key, Record]]) -> Iterator[tuple[Key, Record]]:
    """The same rows, those that are encoded already as runs of several."""
    for is_encoded, some in groupby(rows, key=lambda pair: type(pair[1][1]) is bytes):
        if not is_encoded:
            yield from some
            continue
        contents = (record[1] for _, record in some)
        while taken := list(islice(contents, TOGETHER)):
            yield (), ("", Run.of(taken))


def allowed_rejects(read: int, stated: int | None) -> int:
    """How many rejected rows are still a success.

    One in a thousand, at least 10 so that a small file survives a handful of bad documents,
    at most 1,000 (RELIABILITY.md 4.3), unless the request states its own bound.
    """
    return min(1_000, max(10, read // 1_000)) if stated is None else stated
