"""Rows become cells, each accounted for; masks and hashes are made of the plain value."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.model.column import E164, EMAIL, ID, Column, Pii, Unfit, text
from assets.model.export_type import Companion
from assets.model.output import Dialect, OutputFormat
from assets.model.policy import PiiMode, Policy
from assets.model.request import ExportRequest
from assets.model.source import Arrange
from assets.steps.plan import Plan, plan
from assets.steps.rows import (
    Aside,
    Converter,
    Ledger,
    Record,
    Sieve,
    allowed_rejects,
    pseudonym_key,
    rendering,
)
from tests.assets.examples import column, facts, request, toy

GRANTS = ("pii:full", "pii:masked")
SECRET = b"the key of a deployment"


def of(name: str) -> Any:
    """A getter of a plain mapping."""
    return lambda row: row[name]


COLUMNS: tuple[Column, ...] = (
    column("entry_id", of("id"), form=ID, pii=Pii.PSEUDONYM),
    column("email", of("email"), form=EMAIL, pii=Pii.DIRECT),
    column("phone", of("phone"), form=E164, pii=Pii.DIRECT),
    column("first_name", of("name"), form=text(80), pii=Pii.DIRECT),
    column("postal_code", of("postal"), form=text(12), pii=Pii.QUASI_IDENTIFIER),
)
FAN: Mapping[str, Any] = {
    "id": "e-1",
    "email": " =Zoe@Example.COM ",
    "phone": "+14155550132",
    "name": "=Zoë",
    "postal": "01201-1234",
}


def asked(mode: PiiMode, *, dialect: Dialect = Dialect.EXCEL, **changes: Any) -> ExportRequest:
    """A request in a mode and a dialect."""
    return replace(
        request(),
        policy=Policy(mode=mode, grants=GRANTS),
        output=OutputFormat(dialect=dialect),
        **changes,
    )


def planned(of_request: ExportRequest) -> Plan:
    """The plan of a request for the columns above."""
    return plan(toy(*COLUMNS), facts(asked=of_request))


def cells(of_request: ExportRequest, fan: Mapping[str, Any] = FAN) -> dict[str, str | None]:
    """The cells of one fan by header."""
    made = planned(of_request)
    return dict(zip(made.header, converter(made).cells(fan), strict=True))


def converter(made: Plan, ledger: Ledger | None = None, *, secret: bytes = SECRET) -> Converter:
    """Makes the cells of a plan."""
    shown = rendering(made, ledger or Ledger())
    return Converter(made.columns, rendering=shown, key=pseudonym_key(made, secret))


def sieve(made: Plan, ledger: Ledger, **parts: Any) -> Sieve:
    """A sieve that keeps every row, apart from what a test gives it."""
    usual = {"verdict": lambda _: None, "notes": lambda _: (), "ledger": ledger}
    return Sieve(converter=converter(made, ledger), **{**usual, **parts})


def ungrouped(records: Iterable[Record]) -> list[tuple[str | None, ...]]:
    """The cells alone."""
    return [cells for _, cells in records]


def test_full_values_are_guarded_in_files_that_people_open() -> None:
    """`=Zoë` in a cell is a formula that somebody typed into a form."""
    shown = cells(asked(PiiMode.FULL))

    assert "'=Zoe@example.com" == shown["email"]
    assert "'=Zoë" == shown["first_name"]
    assert "+14155550132" == shown["phone"]


def test_full_values_are_exactly_as_they_are_in_files_for_machines() -> None:
    """An apostrophe would be part of the address there."""
    shown = cells(asked(PiiMode.FULL, dialect=Dialect.RFC4180))

    assert ("=Zoe@example.com", "=Zoë") == (shown["email"], shown["first_name"])


def test_masks_show_the_first_letter_of_the_value_and_not_of_the_guard() -> None:
    """DOMAIN.md 7.0; a mask of the guarded text would show an apostrophe and no letter."""
    fan = {**FAN, "email": "Zoe@Example.COM", "name": "Zoë"}
    shown = cells(asked(PiiMode.MASKED, dialect=Dialect.RFC4180), fan)

    assert {
        "entry_id": "e-1",
        "email": "z***@example.com",
        "phone": "+1******0132",
        "first_name": "Z***",
        "postal_code": "012",
    } == shown


def test_a_masked_phone_is_guarded_since_it_is_no_phone_any_more() -> None:
    """Only a plus and digits are exempt (DOMAIN.md 6.4 rule 4); `+1***` is tried as a formula."""
    shown = cells(asked(PiiMode.MASKED))

    assert ("'+1******0132", "'=***") == (shown["phone"], shown["first_name"])


@pytest.mark.parametrize("dialect", list(Dialect))
def test_hashes_are_made_of_the_plain_value_in_every_dialect(dialect: Dialect) -> None:
    """Ad platforms match the hash of the address; the hash of a guarded one matches nobody."""
    shown = cells(asked(PiiMode.HASHED, dialect=dialect))

    assert hashlib.sha256(b"=zoe@example.com").hexdigest() == shown["email"]
    assert hashlib.sha256(b"+14155550132").hexdigest() == shown["phone"]
    assert {"entry_id", "email", "phone"} == shown.keys()


def test_a_pseudonym_is_the_same_within_an_export_and_another_in_the_next() -> None:
    """Two files of hashed ids that can be joined are one file with more about each fan."""
    one, same = cells(asked(PiiMode.HASHED)), cells(asked(PiiMode.HASHED), {**FAN, "name": "x"})
    other = cells(asked(PiiMode.HASHED, max_rejects=1))

    assert one["entry_id"] == same["entry_id"] != other["entry_id"]
    assert hashlib.sha256(b"e-1").hexdigest() != one["entry_id"]


def test_a_pseudonym_depends_on_the_key_of_the_deployment() -> None:
    """Without a key anybody could hash all ids and look them up."""
    made = planned(asked(PiiMode.HASHED))
    keyed = [converter(made, secret=key).cells(FAN)[0] for key in (SECRET, b"another")]

    assert keyed[0] != keyed[1]


def test_an_absent_value_has_no_hash_and_no_mask() -> None:
    """The hash of nothing is the same for everybody and looks like an id."""
    nothing = dict.fromkeys(FAN)

    for mode in (PiiMode.FULL, PiiMode.MASKED, PiiMode.HASHED):
        assert {None} == set(cells(asked(mode), nothing).values())


def test_a_value_that_does_not_fit_names_its_column_and_not_itself() -> None:
    """The reason is counted in the manifest, which anybody may read."""
    with pytest.raises(Unfit) as unfit:
        cells(asked(PiiMode.FULL), {**FAN, "phone": "c4nary"})

    assert "phone:not_e164" == unfit.value.reason


def test_times_are_told_in_the_zone_of_the_campaign() -> None:
    """Marketing reads local times (DOMAIN.md 6.2)."""
    made = planned(asked(PiiMode.FULL))

    assert ZoneInfo("America/New_York") == rendering(made, Ledger()).zone


ROWS = st.lists(st.sampled_from(["good", "filtered", "unfit", "odd", "unfit note"]), max_size=30)


@given(ROWS)
def test_every_row_is_written_filtered_or_rejected(kinds: list[str]) -> None:
    """The ledger closes whatever the rows are (DESIGN.md 3, rule 6)."""
    ledger = Ledger(read=len(kinds))
    made = plan(
        toy(column("kind", lambda row: 5 if row == "unfit" else row)),
        facts(asked=asked(PiiMode.FULL)),
    )

    def noted(row: str) -> list[str]:
        if row == "unfit note":
            raise Unfit("note:wrong_type")
        return ["odd"] if row == "odd" else []

    judged = sieve(
        made,
        ledger,
        verdict=lambda row: "rule" if row == "filtered" else None,
        notes=noted,
    )
    written = ungrouped(judged.records(kinds))
    accounting = ledger.close(len(kinds))

    assert accounting.imbalance() is None
    assert [(kind,) for kind in kinds if kind in {"good", "odd"}] == written
    assert kinds.count("filtered") == sum(accounting.filtered.values())
    assert kinds.count("unfit") == accounting.rejected.get("kind:wrong_type", 0)
    assert kinds.count("odd") == accounting.notes.get("odd", 0)


def test_a_row_that_is_rejected_takes_no_number() -> None:
    """A column that counts rows must count those that are written, or the ranks have gaps."""
    taken = iter(range(1, 10))
    made = plan(toy(column("rank", lambda _: str(next(taken)))), facts(asked=asked(PiiMode.FULL)))
    ledger = Ledger()

    def noted(row: str) -> list[str]:
        if row == "bad":
            raise Unfit("note:wrong_type")
        return []

    rows = sieve(made, ledger, notes=noted).records(["good", "bad", "good"])

    assert [("1",), ("2",)] == ungrouped(rows)


def words(*, companion: bool = False) -> Plan:
    """A plan with one column that shows the row itself; 5 does not fit it."""
    word = column("word", lambda row: 5 if row == "unfit" else row)
    beside = Companion(name="late", reasons=frozenset({"late"}), columns=lambda _: (word,))
    kind = replace(toy(word), companions=(beside,) if companion else ())
    return plan(kind, facts(asked=asked(PiiMode.FULL, dialect=Dialect.RFC4180)))


@given(st.lists(st.text("abc", max_size=3), max_size=30))
def test_rows_come_in_the_order_that_was_declared_and_the_first_of_equals_stays(
    rows: list[str],
) -> None:
    """A promoter's file has one row an address, in an order that no index has."""
    made, ledger = words(), Ledger(read=len(rows))
    order = Arrange(key=lambda row: (row, len(row)), unique=1, reason="twice")

    written = ungrouped(sieve(made, ledger, arrange=order).records(rows))
    accounting = ledger.close(len(rows))

    assert [(word,) for word in sorted(set(rows))] == written
    assert accounting.imbalance() is None
    assert len(rows) - len(set(rows)) == accounting.filtered.get("twice", 0)


def test_a_row_with_a_companions_reason_is_written_beside_the_others() -> None:
    """Fans who cannot be texted are listed for an e-mail, and are not merely missing."""
    made, ledger = words(companion=True), Ledger(read=4)
    aside = Aside(made.companion("late"), converter(made, ledger))
    judged = sieve(made, ledger, verdict=lambda row: "late" if row != "a" else None, asides=[aside])

    main = ungrouped(judged.records(["b", "a", "unfit", "c"]))
    accounting = ledger.close(4)

    assert ([("a",)], [("b",), ("c",)]) == (main, ungrouped(aside.records()))
    assert {"late": 2} == accounting.beside
    assert {"word:wrong_type": 1} == accounting.rejected
    assert accounting.imbalance() is None


class Letters:
    """A fold that makes a row of each letter, and one of how many words there were."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.words = 0

    def add(self, row: str) -> list[str]:
        """The letters of a word; one with a digit cannot be understood."""
        if not row.isalpha():
            raise Unfit("no_word")
        self.words += 1
        return ["unfit"] if row == "unfit" else list(row)

    def rest(self) -> list[str]:
        """The count."""
        return [str(self.words)]


def test_rows_made_of_others_are_accounted_for_on_both_sides() -> None:
    """An answer that does not fit must not hide behind the entry that it was taken from."""
    made, ledger = words(), Ledger(read=4)
    judged = sieve(
        made, ledger, fold=Letters(), verdict=lambda row: "rule" if row == "no" else None
    )

    written = ungrouped(judged.records(["ab", "no", "unfit", "4"]))
    accounting = ledger.close(4, folded=True)

    assert [("a",), ("b",), ("2",)] == written
    assert (4, 2, 4, 3) == (accounting.read, accounting.kept, accounting.made, accounting.written)
    assert {"word:wrong_type": 1} == accounting.unfit
    assert accounting.imbalance() is None


def test_a_lost_row_does_not_balance() -> None:
    """The negative control of every accounting: one row fewer on any side is found."""
    made, ledger = words(), Ledger(read=2)
    list(sieve(made, ledger).records(["a", "b"]))

    for name in ("read", "kept", "made", "written"):
        fewer: dict[str, Any] = {name: 1}
        short = replace(ledger.close(2), **fewer)
        assert short.imbalance() is not None


def test_reasons_are_told_in_a_stable_order() -> None:
    """The same rows must give the same manifest, byte for byte."""
    ledger = Ledger()
    for reason in ("b", "a", "b"):
        ledger.reject(reason)
    ledger.note(["z", "y"])

    closed = ledger.close(3)

    assert [("a", 1), ("b", 2)] == list(closed.rejected.items())
    assert ["y", "z"] == list(closed.notes)


@pytest.mark.parametrize(
    ("read", "stated", "allowed"),
    [
        (0, None, 10),
        (10_000, None, 10),
        (10_999, None, 10),
        (11_000, None, 11),
        (999_999, None, 999),
        (1_000_000, None, 1_000),
        (50_000_000, None, 1_000),
        (1_000_000, 0, 0),
        (0, 5, 5),
        (10, 100_000, 100_000),
    ],
)
def test_the_rejects_that_are_still_a_success_have_bounds(
    read: int, stated: int | None, allowed: int
) -> None:
    """One in a thousand, 10 at least, 1,000 at most, or what the request states."""
    assert allowed == allowed_rejects(read, stated)
