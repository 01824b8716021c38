"""The data dictionary is what the catalogue says; `make docs` writes it."""

import csv
from pathlib import Path

import pytest

from assets.exports.catalog import CATALOG
from export_platform.dictionary import Examples, data_dictionary
from tests.conventions.repository import ROOT

DICTIONARY = ROOT / "docs" / "data-dictionary"
GOLDENS = Path(__file__).parents[1] / "goldens" / "tiny"
ROWS = 3


def examples() -> Examples:
    """The first rows of the golden of each export, masked where it has such a file."""
    return {name: shown for name in CATALOG if (shown := _first(GOLDENS / name))}


def _first(folder: Path) -> list[list[str]]:
    found = sorted(folder.glob("*rfc4180.masked.csv"))
    if not found:
        return []
    with found[0].open(encoding="utf-8", newline="") as file:
        return [row for row, _ in zip(csv.reader(file), range(ROWS + 1), strict=False)]


def test_the_dictionary_is_as_the_catalogue_says(request: pytest.FixtureRequest) -> None:
    """A page that lags behind is worse than none: it is believed."""
    pages = data_dictionary(CATALOG, examples())

    if request.config.getoption("--write-goldens"):
        DICTIONARY.mkdir(exist_ok=True)
        for old in set(DICTIONARY.glob("*.md")) - {DICTIONARY / name for name in pages}:
            old.unlink()
        for name, text in pages.items():
            (DICTIONARY / name).write_text(text, encoding="utf-8")
    written = {file.name: file.read_text(encoding="utf-8") for file in DICTIONARY.glob("*.md")}
    assert written == pages


def test_every_column_and_option_is_in_it() -> None:
    """People look a column up here before they ask."""
    pages = data_dictionary(CATALOG, {})

    for export_type in CATALOG.values():
        page = pages[f"{export_type.name}.md"]
        assert page.startswith(f"# {export_type.versioned}\n")
        assert all(f"| {column.title} |" in page for column in export_type.static_columns)
        assert all(f"| {option.name} |" in page for option in export_type.options)
        assert f"[{export_type.versioned}]({export_type.name}.md)" in pages["README.md"]
