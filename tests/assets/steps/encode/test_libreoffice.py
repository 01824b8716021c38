"""Hostile cells in a real spreadsheet: nothing runs, and a workbook shows every text as it is.

LibreOffice itself opens the files (DOMAIN.md 6.4): what is a formula is for it to say.
"""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assets.exports.catalog import CATALOG
from assets.model.column import LIST, RAW, Column, Format, FormatKind, Unfit, text
from assets.model.output import Compression, Dialect, Kind, OutputFormat, TextGuard
from assets.model.policy import PiiMode, Policy
from assets.steps.encode.delimited import DIALECTS
from assets.steps.encode.fields import Row
from assets.steps.plan import PlannedColumn, planned_fields
from assets.steps.rows import Converter
from tests.assets.examples import EVERY_SCOPE, column, facts
from tests.assets.steps.encode.office import cells, formulas, opened
from tests.assets.steps.hostile import CHANGED, FORMULAS, TEXTS
from tests.assets.steps.made import decided, rendering, stored

EXCEL = OutputFormat(dialect=Dialect.EXCEL, compression=Compression.NONE)
EXCEL_EU = replace(EXCEL, dialect=Dialect.EXCEL_EU)
MACHINES = replace(EXCEL, dialect=Dialect.RFC4180)
WORKBOOK = OutputFormat(kind=Kind.XLSX)
# Columns that take text of any kind; the others refuse what is not of theirs.
FREE = {
    FormatKind.TEXT,
    FormatKind.MULTILINE,
    FormatKind.ENUM,
    FormatKind.EMAIL,
    FormatKind.LIST,
    FormatKind.JSON,
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where LibreOffice keeps what it makes in 3 s when it starts for the first time."""
    return tmp_path_factory.mktemp("desk")


def attacked(column: Column) -> Column:
    """The column of an export, with whatever a fan has written as its value."""
    if column.format.kind is FormatKind.LIST:
        return replace(column, value=lambda payload: [payload, payload])
    return replace(column, value=lambda payload: payload)


def shown(name: str, mode: PiiMode) -> list[PlannedColumn]:
    """The columns of an export in a mode, under attack."""
    policy = Policy(mode=mode, grants=EVERY_SCOPE)
    kind = CATALOG[name]
    columns = kind.columns(facts(name))
    made = decided(map(attacked, columns), policy)
    titles = {one.column.title for one in made}
    more = {c.name: attacked(c) for c in kind.static_columns if c.title not in titles}
    return [*made, *decided(more.values(), policy)]


def rows(columns: Sequence[PlannedColumn], output: OutputFormat) -> Sequence[Row]:
    """Each payload in every column; a cell that refuses it is empty, and the row stays."""
    converters = [Converter([one], rendering=rendering(output), key=b"k") for one in columns]
    made = [[_cell(one, payload) for one in converters] for payload in TEXTS]
    for place, planned in enumerate(columns):
        if planned.column.format.kind in FREE:
            assert sum(row[place] is not None for row in made) == len(TEXTS)
    return made


def _cell(converter: Converter, payload: str) -> str | None:
    try:
        return converter.cells(payload)[0]
    except Unfit:
        return None


def written(folder: Path, output: OutputFormat, modes: Sequence[PiiMode]) -> Iterator[Path]:
    """A file for each export in each mode."""
    for name in CATALOG:
        for mode in modes:
            columns = shown(name, mode)
            if not columns:
                continue
            path = folder / f"{name}.{mode}.{output.kind}"
            path.write_bytes(stored(rows(columns, output), planned_fields(columns), output))
            yield path


def test_there_are_more_than_400_payloads() -> None:
    """A corpus that shrank would make every test below weaker without a word."""
    assert len(set(FORMULAS)) >= 400
    assert len(TEXTS) == len(set(TEXTS))


@pytest.mark.parametrize("output", [EXCEL, EXCEL_EU], ids=lambda one: str(one.dialect))
def test_no_cell_of_any_export_for_people_is_a_formula(
    output: OutputFormat, tmp_path: Path, desk: Path
) -> None:
    """What a fan wrote into a form must not run on the machine of the colleague who opens it."""
    delimiter = DIALECTS[output.dialect].delimiter
    files = list(written(tmp_path, output, [PiiMode.FULL, PiiMode.MASKED]))
    seen = opened(files, desk, delimiter=delimiter)

    assert len(files) >= len(CATALOG)
    assert {name: formulas(path) for name, path in seen.items()} == dict.fromkeys(seen, 0)


def test_no_cell_of_any_workbook_is_a_formula(tmp_path: Path, desk: Path) -> None:
    """A workbook needs no guard: its text cells are text by type."""
    seen = opened(written(tmp_path, WORKBOOK, [PiiMode.FULL]), desk)

    assert {name: formulas(path) for name, path in seen.items()} == dict.fromkeys(seen, 0)


def test_the_same_cells_for_machines_do_run(tmp_path: Path, desk: Path) -> None:
    """The control: LibreOffice finds formulas in the unguarded file, and in each text column."""
    columns = decided(
        [attacked(column("a", str)), attacked(column("l", str, form=LIST))],
        Policy(mode=PiiMode.FULL),
    )
    path = tmp_path / "machines.csv"
    path.write_bytes(stored(rows(columns, MACHINES), planned_fields(columns), MACHINES))
    seen = cells(opened([path], desk, delimiter=",")["machines"])

    assert sum(cell.formula for place, cell in seen.items() if place[0] == "A") >= 40
    assert any(cell.formula for place, cell in seen.items() if place[0] == "B")


def test_a_formula_in_a_workbook_is_counted(tmp_path: Path, desk: Path) -> None:
    """The control of the other side: a workbook with one formula is not counted as none."""
    columns = decided([attacked(column("a", str))], Policy(mode=PiiMode.FULL))
    computed = b'<c r="B2"><f>1+1</f></c></row></sheetData>'
    honest = tmp_path / "honest.xlsx"
    honest.write_bytes(stored([["x"]], planned_fields(columns), WORKBOOK))
    forged = tmp_path / "forged.xlsx"
    with zipfile.ZipFile(honest) as old, zipfile.ZipFile(forged, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"</row></sheetData>", computed))

    seen = opened([honest, forged], desk)

    assert (0, 1) == (formulas(seen["honest"]), formulas(seen["forged"]))


@pytest.mark.parametrize("form", [text(200), RAW], ids=lambda form: str(form.kind))
def test_a_workbook_shows_each_text_as_it_is(form: Format, tmp_path: Path, desk: Path) -> None:
    """Ids of 20 digits, leading zeros, MAR1 and 1E10 stay what they are, and so does all else."""
    columns = decided([attacked(column("a", str, form=form))], Policy(mode=PiiMode.FULL))
    made = rows(columns, WORKBOOK)
    path = tmp_path / "texts.xlsx"
    path.write_bytes(stored(made, planned_fields(columns), WORKBOOK))
    seen = cells(opened([path], desk)["texts"])
    expected = {f"A{n}": row[0] for n, row in enumerate(made, start=2) if row[0]}

    assert set(CHANGED) <= set(expected.values())
    assert {
        place: (ascii(value), seen.get(place))
        for place, value in expected.items()
        if not (place in seen and seen[place].text and seen[place].value == value)
        and not value.startswith("_x005F_")  # read as it is, and saved without its escape
    } == {}


@pytest.mark.parametrize("mark", [TextGuard.APOSTROPHE, TextGuard.TAB])
def test_a_text_guard_keeps_a_spreadsheet_from_changing_text(
    mark: TextGuard, tmp_path: Path, desk: Path
) -> None:
    """`01201` without its nought is another place, and `MAR1` as a day is no code."""
    columns = decided([attacked(column("a", str))], Policy(mode=PiiMode.FULL))
    texts = {}
    for guard in (mark, TextGuard.NONE):
        output = replace(EXCEL, text_guard=guard)
        path = tmp_path / f"{guard}.csv"
        path.write_bytes(stored(rows(columns, output), planned_fields(columns), output))
        seen = cells(opened([path], desk, delimiter=",")[str(guard)])
        texts[guard] = {cell.value for place, cell in seen.items() if cell.text and place != "A1"}
    put = {TextGuard.APOSTROPHE: "'", TextGuard.TAB: "\t"}[mark]
    digits = {text for text in CHANGED if any(c in "0123456789" for c in text)}

    assert {f"{put}{text}" for text in digits} <= texts[mark]
    assert not {"01201", "12345678901234567890", "1E10"} & texts[TextGuard.NONE]
