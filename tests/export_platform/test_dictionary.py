"""The data dictionary in docs is what the catalogue says."""

from pathlib import Path

from assets.exports.catalog import CATALOG
from export_platform.dictionary import data_dictionary

PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"


def test_the_page_is_what_the_catalogue_says() -> None:
    """A dictionary that lags behind the columns is worse than none; `make docs` writes it."""
    assert PAGE.read_text(encoding="utf-8") == data_dictionary(CATALOG)


def test_every_column_and_option_is_in_it() -> None:
    """People look a column up here before they ask."""
    page = data_dictionary(CATALOG)

    for export_type in CATALOG.values():
        assert f"## {export_type.versioned}" in page
        assert all(f"| {column.name} |" in page for column in export_type.static_columns)
        assert all(f"| {option.name} |" in page for option in export_type.options)
