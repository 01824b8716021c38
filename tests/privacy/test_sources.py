"""Canaries are in every field that an export may read, and each column has shown one."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import bson
import pytest

from assets.exports.catalog import CATALOG
from assets.model.manifest import ColumnEntry, Manifest
from assets.model.output import Kind
from assets.model.policy import Transform
from assets.model.request import ExportRequest
from tests.privacy.asking import modes, params, variants
from tests.privacy.bench import House, Shown
from tests.privacy.canaries import planted
from tests.privacy.public import FEW_VALUES, NOT_HERE, NOT_PERSONAL, WITHOUT_CANARY
from tests.privacy.rules import EVERY_SCOPE
from tests.privacy.search import search


def texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in there, with the path of its field; the keys of languages are one."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            step = "*" if "." in path and _open(path) else name
            yield from texts(one, f"{path}.{step}".lstrip("."))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one, path)
    elif isinstance(value, str):
        yield path, value


def _open(path: str) -> bool:
    return path.rpartition(".")[2] in ("label", "text", "dataExtensions")


def sources() -> Iterator[tuple[str, Any]]:
    """Everything that was planted, by collection, table or service."""
    pack = planted()
    for collection, documents in pack.documents.items():
        yield from ((collection, bson.decode(one)) for one in documents)
    for piece in pack.slices:
        yield piece.table, {name: list(column) for name, column in piece.columns.items()}
    for items in pack.codes.values():
        yield "codes", list(items)


def test_every_text_of_the_sources_holds_a_canary_or_is_named_as_public() -> None:
    """A field that nobody thought of could be exported by the next kind without being noticed."""
    unknown = {
        f"{source}: {path}"
        for source, document in sources()
        for path, text in texts(document)
        if text and not search(text)
        if path not in (*NOT_PERSONAL.get(source, ()), *FEW_VALUES.get(source, ()))
    }

    assert set() == unknown - UNREADABLE


# In legacy documents: "none" for a number, and answers that were picked from the form.
UNREADABLE: Final = {"entries: phone", "entries: answers.value"}


def cells(shown: Shown, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Each value of the files, with the name of its column."""
    kind = ExportRequest.from_document(manifest.request).output.kind
    for body in shown.files:
        if kind is Kind.JSONL:
            rows = [json.loads(line) for line in body.decode().splitlines()]
        elif kind is Kind.CSV:
            rows = list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"))))
        else:
            rows = json.loads(body) if body.startswith(b"[") else []
        yield from ((name, str(value)) for row in rows for name, value in row.items())


def personal(manifest: Manifest) -> Iterator[ColumnEntry]:
    """The columns of a class, of all files; what is a keyed hash in every mode shows nothing."""
    for columns in (manifest.columns, *manifest.companions.values()):
        yield from (one for one in columns if one.pii != "N" and one.transform != Transform.HMAC)


@pytest.mark.parametrize("name", CATALOG)
def test_every_personal_column_has_shown_a_canary_or_cannot(house: House, name: str) -> None:
    """A kind whose sources hold no canaries would pass every test of leaks, whatever it shows."""
    kind = CATALOG[name]
    sourced: dict[str, str] = {}
    seen: set[str] = set()
    for more in variants(kind):
        asked = params(kind, more, mode=modes(kind, more)[0], form="jsonl")
        shown = house.export(name, asked, EVERY_SCOPE, by_dagster=False)
        assert shown.manifest is not None, shown.code
        sourced |= {one.name: one.source for one in personal(shown.manifest)}
        values: dict[str, list[str]] = {}
        for column, value in cells(shown, shown.manifest):
            values.setdefault(column, []).append(value)
        seen |= {column for column, held in values.items() if search("\n".join(held))}
    listed = {one.title: one.source for one in kind.static_columns if one.pii != "N"}
    keyed = {one.title for one in kind.static_columns if one.keyed}
    # A column that was in no file has not been tested at all.
    unseen = {n: s for n, s in (listed | sourced).items() if n not in seen | keyed}

    reasons = NOT_HERE.get(name, {})
    assert {} == {n: s for n, s in unseen.items() if s not in WITHOUT_CANARY and n not in reasons}
