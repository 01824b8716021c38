"""Every kind of export, in every mode and for every caller, over a pack that is all canaries."""

import json
from collections.abc import Mapping
from typing import Final

import pytest

from assets.exports.catalog import CATALOG
from tests.privacy.asking import Params, cases, modes, named, params, variants
from tests.privacy.bench import House, Shown
from tests.privacy.rules import CALLERS, EVERY_SCOPE, MODES, allowed
from tests.privacy.search import search

# How exports end that are left with nothing to show, or whose options need a scope themselves.
REFUSALS: Final = {"NO_COLUMN_LEFT", "CODES_NOT_REVEALED", "insufficient-scope"}
# Each writer is asked for in one mode: one of its own may keep what another does not.
FORMS: Final[Mapping[str, str]] = {
    "full": "jsonl",
    "masked": "xlsx",
    "hashed": "parquet",
    "none": "csv",
}
# Kinds that are about one person: their request names the account, or the address by its hash, and
# so does what keeps the request; nothing else does.
ABOUT_A_PERSON: Final = {"subject-access"}
REQUESTS: Final = {
    "MongoDB's document",
    "MongoDB's document as text",
    "object _manifest.json",
    "answer to POST",
    "answer to GET /v1/exports/",
    "answer to GET /v1/exports//manifest",
    "answer to GET /v1/exports?page_size=1",
}
CASES: Final = [(name, more, mode) for name, more in cases() for mode in MODES]


def leaks(shown: Shown, name: str, mode: str, scopes: tuple[str, ...]) -> list[str]:
    """Each canary that is where it may not be: its class, its field, its form and the place."""
    inside = {
        f"{f.canary.cls} {f.canary.path} {f.form} in a file"
        for body in shown.files
        for f in search(body)
        if not allowed(f, name=name, mode=mode, scopes=scopes)
    }
    said = search(json.dumps(shown.asked))
    around = {
        f"{f.canary.cls} {f.canary.path} {f.form} in {place}"
        for place, surface in shown.around.items()
        for f in search(surface)
        if not (name in ABOUT_A_PERSON and place in REQUESTS and f in said)
    }
    return sorted(inside | around)


@pytest.mark.parametrize(
    ("name", "more", "mode"), CASES, ids=[f"{named((n, m))}-{mode}" for n, m, mode in CASES]
)
def test_no_canary_is_where_the_table_forbids_it(
    house: House, capfd: pytest.CaptureFixture[str], name: str, more: Params, mode: str
) -> None:
    """A column that is declared too public, or a log that quotes a row, is a breach of privacy."""
    kind = CATALOG[name]
    for scopes in CALLERS[mode]:
        most = scopes == EVERY_SCOPE
        form = FORMS[mode] if most else "csv"
        asked = params(kind, more, mode=mode, form=form)

        # A kind's other variants differ in their columns alone.
        by_dagster = most and more == variants(kind)[0]
        shown = house.export(name, asked, scopes, by_dagster=by_dagster)

        assert [] == leaks(shown, name, mode, scopes), scopes
        if mode not in modes(kind, more):
            assert ("400", "invalid-parameters") == (shown.status, shown.code)
        else:
            assert shown.status == "succeeded" or shown.code in REFUSALS, shown.code
    printed = "".join(capfd.readouterr())
    assert set() == {f"{f.canary.path} {f.form}" for f in search(printed)}
