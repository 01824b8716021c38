"""The data dictionary is what the catalogue says."""

from assets.exports.catalog import CATALOG
from export_platform.dictionary import data_dictionary


def test_every_column_and_option_is_in_it() -> None:
    """People look a column up here before they ask."""
    page = data_dictionary(CATALOG)

    for export_type in CATALOG.values():
        assert f"## {export_type.versioned}" in page
        assert all(f"| {column.name} |" in page for column in export_type.static_columns)
        assert all(f"| {option.name} |" in page for option in export_type.options)
