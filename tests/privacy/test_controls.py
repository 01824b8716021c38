"""Each leak that the search is for, made on purpose: it must be seen, and where it was made."""

import base64
import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from assets.exports.catalog import CATALOG
from assets.model.column import EMAIL as EMAIL_FORMAT
from assets.model.column import Column, Getter, Pii, Unfit
from assets.model.export_type import Catalog
from tests.fakes.athena import Answer
from tests.privacy.asking import params
from tests.privacy.bench import Shown, opened
from tests.privacy.canaries import planted
from tests.privacy.rules import EVERY_SCOPE
from tests.privacy.test_canaries import leaks

KIND: Final = "waitlist"  # reads MongoDB alone
EMAIL: Final = "D contact.email"
Change = Callable[[Column], Column]


def nothing(_: str, __: tuple[str, ...]) -> Answer:
    """A lake that is not asked."""
    return Answer(columns=(), rows=())


def with_email(change: Change) -> Catalog:
    """The catalogue, with the column of the address changed."""
    kind = CATALOG[KIND]

    def changed(columns: tuple[Column, ...]) -> tuple[Column, ...]:
        return tuple(change(one) if one.name == "email" else one for one in columns)

    doctored = replace(
        kind,
        columns=lambda facts: changed(kind.columns(facts)),
        static_columns=changed(kind.static_columns),
    )
    return {KIND: doctored}


def shown_with(folder: Path, change: Change, *, mode: str = "masked", **more: Any) -> Shown:
    """What is left behind by an export with that change."""
    catalog = with_email(change)
    asked = {**params(catalog[KIND], {}, mode=mode), **more}
    with opened(nothing, folder, catalog) as house:
        return house.export(KIND, asked, EVERY_SCOPE, by_dagster=True)


def places(shown: Shown, form: str, *, mode: str = "masked") -> set[str]:
    """Where the address was found in that form although it may not be there."""
    found = leaks(shown, KIND, mode, EVERY_SCOPE)
    begins = f"{EMAIL} {form} in "
    return {leak.removeprefix(begins) for leak in found if leak.startswith(begins)}


def reads(column: Column, otherwise: Callable[[Any], object]) -> Column:
    """The column with something done to each value that is there."""
    value: Getter = column.value
    return replace(column, value=lambda row: None if value(row) is None else otherwise(value(row)))


def public(column: Column) -> Column:
    """The column without its guard."""
    return replace(column, pii=Pii.NONE)


def test_a_column_without_a_class_cannot_be_built() -> None:
    """Nothing is public by omission: the catalogue itself does not load (DOMAIN.md 7.0)."""
    declared: dict[str, Any] = {
        "name": "email",
        "format": EMAIL_FORMAT,
        "source": "e.contact.email",
        "value": str,
    }

    with pytest.raises(TypeError, match="pii"):
        Column(**declared)


def test_the_usual_columns_leak_nothing(tmp_path: Path) -> None:
    """What the other tests here find is what they did, and nothing else."""
    shown = shown_with(tmp_path, lambda column: column)

    assert (shown.status, []) == ("succeeded", leaks(shown, KIND, "masked", EVERY_SCOPE))


@pytest.mark.parametrize("mode", ["masked", "hashed", "none"])
def test_an_address_without_its_guard_is_seen_in_each_mode(tmp_path: Path, mode: str) -> None:
    """A column that is declared as not personal is shown as it is to everybody."""
    shown = shown_with(tmp_path, public, mode=mode)

    assert {"a file"} == places(shown, "raw", mode=mode)


def test_a_plain_hash_and_an_encoding_are_seen(tmp_path: Path) -> None:
    """Both look like nothing to a reader, and are the address to whoever has a list of them."""
    hashed = shown_with(
        tmp_path,
        lambda column: public(
            reads(column, lambda value: hashlib.sha256(str(value).lower().encode()).hexdigest())
        ),
    )
    encoded = shown_with(
        tmp_path,
        lambda column: public(
            reads(column, lambda value: base64.b64encode(str(value).encode()).decode())
        ),
    )

    assert {"a file"} == places(hashed, "hash")
    assert {"a file"} == places(encoded, "base64")


def test_an_address_in_a_line_of_the_log_is_seen(tmp_path: Path) -> None:
    """The line that somebody adds to find a fault, and forgets."""

    def told(value: object) -> object:
        logging.getLogger("assets.exports").info("row of %s", value)
        return value

    shown = shown_with(tmp_path, lambda column: reads(column, told))

    assert {"log"} == places(shown, "raw")


def test_an_address_among_the_reasons_of_rejects_is_seen_everywhere(tmp_path: Path) -> None:
    """Reasons are counted in the document, the manifest, Dagster's metadata and the answers."""

    def unfit(value: object) -> object:
        raise Unfit(str(value))

    shown = shown_with(tmp_path, lambda column: reads(column, unfit), max_rejects=1000)

    assert shown.status == "succeeded"
    assert places(shown, "raw") >= {
        "MongoDB's document",
        "MongoDB's document as text",
        "object _manifest.json",
        "Dagster's events",
        "Dagster's metadata",
        "answer to GET /v1/exports//manifest",
    }


def test_an_address_in_what_a_column_says_of_itself_is_seen(tmp_path: Path) -> None:
    """Lineage and the schema of the columns are kept by Dagster for ever."""
    address = next(one.value for one in planted().canaries if one.path == "contact.email")

    shown = shown_with(tmp_path, lambda column: replace(column, source=f"e.{address}"))

    assert places(shown, "raw") >= {"Dagster's metadata", "object _manifest.json"}


def test_an_error_that_quotes_a_row_shows_nothing_of_it(tmp_path: Path) -> None:
    """The texts of our own bugs and of drivers quote what they failed on; only codes are kept."""

    def broken(value: object) -> object:
        raise RuntimeError(f"cannot read {value}")

    shown = shown_with(tmp_path, lambda column: reads(column, broken))

    assert shown.code == "INTERNAL"
    assert [] == leaks(shown, KIND, "masked", EVERY_SCOPE)
