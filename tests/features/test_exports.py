"""Each kind of export as the people see it who ask for it, on the embedded stack."""

from pathlib import Path

from pytest_bdd import scenarios

from assets.exports.catalog import CATALOG

FOLDER = Path(__file__).parent / "exports"

scenarios("exports")


def test_each_kind_of_export_has_its_feature() -> None:
    """A kind that nobody described in words was built for nobody; one that is gone misleads."""
    assert {file.stem for file in FOLDER.glob("*.feature")} == set(CATALOG)
