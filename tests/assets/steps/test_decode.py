"""`decode(encode(x)) = x`: guards go on and come off, in every dialect, under every text guard."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.model.column import (
    E164,
    EMAIL,
    ENUM,
    JSON,
    LIST,
    RAW,
    Column,
    Format,
    FormatKind,
    Pii,
    Unfit,
    text,
)
from assets.model.output import Compression, Dialect, Kind, OutputFormat, PhoneStyle, TextGuard
from assets.model.policy import PiiMode, Policy, Transform
from assets.steps.decode import exact_rows
from assets.steps.encode.fields import Row, emptied
from assets.steps.guards import Guard, guard
from assets.steps.plan import PlannedColumn, planned_fields
from assets.steps.rows import Converter
from tests.assets.examples import EVERY_SCOPE, column
from tests.assets.steps.hostile import HOSTILE, TEXTS
from tests.assets.steps.made import decided, rendering, stored

GUARDS = [*TextGuard]
PEOPLE = [Dialect.EXCEL, Dialect.EXCEL_EU]
CSVS = [dialect for dialect in Dialect if dialect is not Dialect.PLAIN]
OUTPUTS = [
    *(
        OutputFormat(dialect=dialect, text_guard=mark, compression=compression)
        for dialect, mark, compression in product(CSVS, GUARDS, Compression)
    ),
    *(OutputFormat(kind=kind, text_guard=mark) for kind, mark in product(Kind, GUARDS)),
]
# What starts like a guard, holds what ends a cell or a line, or cannot be seen.
TRICKY = st.one_of(
    HOSTILE,
    st.text(),
    st.sampled_from(TEXTS),
    st.builds("{}{}".format, st.sampled_from(["'", "''", "\t", "'\t", "'='"]), HOSTILE),
    st.text(st.sampled_from("'\t=1\"\n\x00\ud800\udfff\u202e\u05d0"), max_size=6),
)


def free(name: str, form: Format, pii: Pii = Pii.NONE) -> Column:
    """A column whose value is the row itself."""
    wrap = form.kind is FormatKind.LIST
    return column(name, (lambda payload: [payload, "x"]) if wrap else str, form=form, pii=pii)


# The formats that take text of any kind, and each mask.
COLUMNS = (
    free("text", text(80)),
    free("lines", Format(kind=FormatKind.MULTILINE)),
    free("enum", ENUM),
    free("email", EMAIL),
    free("list", LIST),
    free("json", JSON),
    free("name", text(40), Pii.DIRECT),
    free("address", EMAIL, Pii.DIRECT),
    free("postal_code", text(12), Pii.QUASI_IDENTIFIER),
    column("phone", lambda _: "+14155550132", form=E164),
    column("number", lambda _: "+14155550132", form=E164, pii=Pii.DIRECT),
)


def columns(mode: PiiMode) -> list[PlannedColumn]:
    """The columns that a mode shows."""
    return decided(COLUMNS, Policy(mode=mode, grants=EVERY_SCOPE))


def row(payload: str, planned: list[PlannedColumn], output: OutputFormat) -> Row:
    """The cells of a payload in a file of this form."""
    return Converter(planned, rendering=rendering(output), key=b"k").cells(payload)


def unguarded(output: OutputFormat) -> OutputFormat:
    """The same file for machines: what a payload is, after all that has nothing to do with guards.

    SFMC counts the length of a text in another way, so its own dialect stays.
    """
    machine = Dialect.SFMC if output.dialect is Dialect.SFMC else Dialect.RFC4180
    return replace(output, dialect=machine, text_guard=TextGuard.NONE)


def decoded(payloads: list[str], planned: list[PlannedColumn], output: OutputFormat) -> list[Row]:
    """What is read back from a file of these payloads."""
    data = stored(
        [row(payload, planned, output) for payload in payloads], planned_fields(planned), output
    )
    rows = exact_rows([data], output, [one.entry() for one in planned])
    assert next(rows) == [one.column.title for one in planned]
    return list(rows)


@settings(deadline=None)  # the first Parquet file loads pyarrow
@given(
    st.lists(TRICKY, max_size=4),
    st.sampled_from(OUTPUTS),
    st.sampled_from(PiiMode),
    st.sampled_from(PhoneStyle),
)
def test_what_is_decoded_is_what_a_machine_would_have_got(
    payloads: list[str], output: OutputFormat, mode: PiiMode, style: PhoneStyle
) -> None:
    """Whatever a fan wrote, in every form of file, and whatever the policy left of it."""
    output, planned = replace(output, phone_style=style), columns(mode)
    exact = [row(payload, planned, unguarded(output)) for payload in payloads]

    assert emptied(decoded(payloads, planned, output)) == emptied(exact)


@pytest.mark.parametrize("mode", [PiiMode.FULL, PiiMode.MASKED])
@pytest.mark.parametrize("mark", GUARDS)
@pytest.mark.parametrize("dialect", PEOPLE)
def test_each_hostile_payload_comes_back(dialect: Dialect, mark: TextGuard, mode: PiiMode) -> None:
    """The whole corpus, not a sample of it."""
    output, planned = OutputFormat(dialect=dialect, text_guard=mark), columns(mode)
    exact = [row(payload, planned, unguarded(output)) for payload in TEXTS]

    assert decoded(TEXTS, planned, output) == [list(cells) for cells in exact]


@pytest.mark.parametrize("dialect", PEOPLE)
def test_a_file_that_is_read_without_its_guards_is_another_one(dialect: Dialect) -> None:
    """The control: what guards really stands in the file, and only its manifest takes it off."""
    output, planned = OutputFormat(dialect=dialect), columns(PiiMode.FULL)
    exact = [list(row(payload, planned, unguarded(output))) for payload in TEXTS]
    shown = [list(row(payload, planned, output)) for payload in TEXTS]
    naive = [[cell and cell.removeprefix("'") for cell in cells] for cells in shown]

    assert sum(a != b for a, b in zip(shown, exact, strict=True)) > 400
    assert naive != exact  # an apostrophe that a fan wrote is no guard


@given(st.one_of(TRICKY, st.text(st.characters())), st.sampled_from(GUARDS), st.booleans())
def test_a_guard_comes_off_any_text_at_all(cell: str, mark: TextGuard, masked: bool) -> None:
    """Half of a surrogate pair, NUL or a guard of its own: the inverse asks for no clean text."""
    transform = Transform.MASK_NAME if masked else Transform.NONE
    for kind in FormatKind:
        put = guard(kind, transform, neutralises=True, text_guard=mark)

        assert put.take(put.put(cell)) == cell


@pytest.mark.parametrize("mark", ["'", "\t"])
def test_a_guard_that_marked_every_text_would_be_no_other_rule(mark: str) -> None:
    """The control of the inverse: with a rule of one side only, some text does not come back."""
    put, take = Guard(formulas=True, mark=mark), Guard(formulas=True)

    assert any(take.take(put.put(payload)) != payload for payload in TEXTS)
    assert all(put.take(put.put(payload)) == payload for payload in TEXTS)


@given(TRICKY, st.sampled_from(GUARDS), st.sampled_from(CSVS))
def test_an_access_code_is_to_the_letter_or_refused(
    code: str, mark: TextGuard, dialect: Dialect
) -> None:
    """A code cannot be neutralised: one that would run is a counted reject in a file for people."""
    output = OutputFormat(dialect=dialect, text_guard=mark)
    planned = decided([free("code", RAW)], Policy(mode=PiiMode.FULL))
    try:
        row(code, planned, output)
    except Unfit:
        return

    assert emptied(decoded([code], planned, output)) == [[code]]
