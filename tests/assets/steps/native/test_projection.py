"""What an export does not read is not sent; its rows and counts are those of whole documents."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import cycle
from typing import Any, Final

import bson
import pytest
from bson import ObjectId
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.exports.catalog import CATALOG
from assets.loading import load
from assets.model.export_type import Scope
from assets.model.manifest import Accounting
from assets.model.parameters import parse
from assets.model.source import EntrySource, keep_all
from assets.steps.native import kernel as kernels
from assets.steps.native import twin
from assets.steps.plan import plan
from assets.steps.projection import read_fields
from export_platform.local.seed.tiny.shapes import NEW_YORK, VANCOUVER
from tests.assets.examples import params_of
from tests.assets.steps.native.both import Both, Outcome, decoded, places, replaced, usual
from tests.assets.steps.native.test_other_kinds import KINDS, PREPARED
from tests.assets.steps.native.test_same_bytes import PARAMS, VALUES
from tests.assets.steps.native.test_which_exports import PREPARED as NOTHING_FOUND
from tests.assets.workbench import (
    AFTER_THE_PACK,
    CAMPAIGN,
    EVERY_SCOPE,
    tiny_documents,
    workbench,
)
from tests.fakes.projected import projected

# Of these kinds every function says what it reads.
READS_SOME: Final = {"entries", "selected-fans", "reminder-email"}
# What these count was odd in the fields that are read, and nobody looks at the others.
OF_WHAT_IS_READ: Final = {"coerced_date", "coerced_number", "unknown_optin", "unparseable_phone"}
ASKED: Final[list[tuple[str, dict[str, Any]]]] = [
    *KINDS.values(),
    *(("entries", params) for params in PARAMS),
    ("entries", {"markets": ["new-york-ny"], "locales": ["en-US"], "bands": ["A"]}),
]


@cache
def entries() -> tuple[bytes, ...]:
    """Those of the pack, of every version."""
    return tuple(tiny_documents()["entries"])


@cache
def sides(name: str) -> Both:
    """The two paths of a kind with all that it shows."""
    return Both(name, prepared=PREPARED, **KINDS.get(name, ("", {}))[1])


def fields_of(both: Both) -> tuple[str, ...]:
    """What it reads."""
    found = read_fields(both.plan, both.source.verdict(both.plan.facts))
    assert found is not None
    return found


def dirty(documents: Sequence[Mapping[str, Any]], seed: int, each: int) -> list[bytes]:
    """These with values of any type in any place, a few of all that there are."""
    draw = random.Random(seed)  # noqa: S311 - the same documents each time
    return [
        bson.encode(changed)
        for document in documents
        for path in places(document)
        if path != "_id"
        for value in draw.sample(VALUES, each)
        if (changed := replaced(document, path, value)) is not None
    ]


@cache
def richest() -> tuple[Mapping[str, Any], ...]:
    """An entry of each version."""
    found = map(decoded, sorted(entries(), key=len))
    return tuple({one.get("schemaVersion"): one for one in found}.values())


@cache
def documents() -> tuple[bytes, ...]:
    """The pack; and entries of each version as most exports keep them and as few do."""
    fans = cycle(found["userId"] for found in map(decoded, usual()) if found["userId"])
    wish = {"markets": [NEW_YORK, VANCOUVER], "selection": {"marketId": VANCOUVER}}
    some: list[dict[str, Any]] = [
        {},
        {"withdrawnAt": AFTER_THE_PACK},
        {"deletedAt": AFTER_THE_PACK},
        {"erasure": {}},
        {"isCurrent": False},
        {"duplicateOf": ObjectId()},
        {"optin": "perhaps", "optIns": {"artist": "perhaps"}},
        {"selection": {"marketId": NEW_YORK}},
        {"name": "Zoe Smith"},
    ]
    kept = ({**one, **wish, "status": "selected", **other} for one in richest() for other in some)
    return (*entries(), *(bson.encode({**one, "userId": next(fans)}) for one in kept))


@cache
def dirty_documents() -> tuple[bytes, ...]:
    """The same, and dirt in every place of the richest of each version."""
    return (*documents(), *dirty(richest(), 20260320, 3))


def without(accounting: Accounting | None, notes: set[str]) -> Accounting | None:
    """Counts but for some notes."""
    if accounting is None:
        return None
    left = {note: times for note, times in accounting.notes.items() if note not in notes}
    return replace(accounting, notes=left)


def same_but_unread_notes(whole: Outcome, less: Outcome) -> bool:
    """Whether rows, rejects and reasons are the same, and nothing is noted that is not so."""
    noted = [Counter(one.accounting.notes if one.accounting else {}) for one in (whole, less)]
    return (
        replace(whole, accounting=without(whole.accounting, OF_WHAT_IS_READ))
        == replace(less, accounting=without(less.accounting, OF_WHAT_IS_READ))
    ) and noted[1] <= noted[0]


@pytest.mark.parametrize("name", CATALOG)
def test_every_export_says_what_it_reads_or_reads_all(name: str) -> None:
    """A column that stops to say what it reads must not read all of every fan unseen."""
    where = {"campaign_id": CAMPAIGN} if CATALOG[name].scope is Scope.CAMPAIGN else {}
    request = parse(CATALOG[name], params_of(name, **where), scopes=EVERY_SCOPE)
    facts = load(CATALOG[name], request, AFTER_THE_PACK, workbench().doors.mongo)
    made, source = plan(CATALOG[name], replace(facts, prepared=NOTHING_FOUND)), CATALOG[name].rows
    verdict = source.verdict(made.facts) if isinstance(source, EntrySource) else keep_all

    assert (read_fields(made, verdict) is not None) == (name in READS_SOME)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize(("name", "params"), ASKED)
def test_the_rows_of_what_is_read_are_those_of_whole_documents(
    name: str, params: dict[str, Any], native: bool
) -> None:
    """However it is asked for, by either path."""
    both = Both(name, prepared=PREPARED, **params)
    batch, fields = dirty_documents(), fields_of(both)

    whole = both.made(batch, native=native)
    less = both.made([projected(raw, fields) for raw in batch], native=native)

    assert same_but_unread_notes(whole, less)
    assert whole.accounting
    assert whole.accounting.written
    assert sum(whole.accounting.rejected.values()) > 10


@pytest.mark.parametrize(("name", "params"), ASKED)
def test_a_kernel_that_looks_for_nothing_else_makes_the_same_rows(
    name: str, params: dict[str, Any]
) -> None:
    """It leaves no more documents to Python either, where a field that it lacks would be missed.

    Nor does the twin, but for those with a list where none belongs (`resources/mongo/shallow.py`).
    """
    both = Both(name, prepared=PREPARED, **params)
    fields = fields_of(both)
    less = [projected(raw, fields) for raw in dirty_documents()]
    stated = both.made(less, native=False)

    for runner in filter(None, (twin, kernels.native())):
        narrow = both.compiled(runner, fields)
        assert both.made_by(narrow, less) == stated
        made, least = both.usual(less, both.compiled(runner)), 0.9 if runner is twin else 1
        assert made >= both.usual(less, narrow) >= made * least > 0


@given(st.data())
@settings(max_examples=10, deadline=None)
def test_the_rows_of_any_columns_are_those_of_whole_documents(data: st.DataObject) -> None:
    """Nothing that one column reads is there only because another one reads it, too."""
    name = data.draw(st.sampled_from(("entries", "selected-fans")))
    shown = [one.column.name for one in sides(name).plan.columns]
    columns = data.draw(st.lists(st.sampled_from(shown), min_size=2, max_size=6, unique=True))
    both = Both(name, prepared=PREPARED, columns=columns)
    batch, fields = dirty_documents(), fields_of(both)

    whole = both.made(batch, native=False)
    less = [projected(raw, fields) for raw in batch]

    assert same_but_unread_notes(whole, both.made(less, native=False))
    assert both.made(less, native=True) == both.made(less, native=False)


@pytest.mark.parametrize("name", sorted(READS_SOME))
def test_what_is_odd_in_what_is_read_is_counted_the_same(name: str) -> None:
    """Every note of every entry that is sound where nobody looks."""
    both, entry = sides(name), decoded(max(usual(), key=len))
    fields = fields_of(both)
    batch = dirty([{name: entry[name] for name in (*fields, "campaignId") if name in entry}], 7, 12)

    whole = both.made([_beside(entry, raw) for raw in batch], native=False)

    assert whole == both.made([projected(raw, fields) for raw in batch], native=False)
    assert whole.accounting
    assert OF_WHAT_IS_READ & whole.accounting.notes.keys()


def _beside(entry: Mapping[str, Any], raw: bytes) -> bytes:
    return bson.encode({**entry, **decoded(raw)})


@pytest.mark.parametrize("name", sorted(READS_SOME))
def test_a_field_that_is_left_out_is_missed(name: str) -> None:
    """Negative control, of every field: nothing is read in vain, and nothing could be left out.

    But for the old score, which is beside the old band and no column of these kinds.
    """
    both = sides(name)
    fields, batch = fields_of(both), documents()
    whole = both.made([projected(raw, fields) for raw in batch], native=False)

    unmissed = [
        one
        for one in {*fields} - {"score"}
        if whole == both.made([projected(raw, {*fields} - {one}) for raw in batch], native=False)
    ]

    assert unmissed == []


def test_fewer_columns_read_less_of_a_fan() -> None:
    """An export of statuses sees no address, and no device at all is seen by anybody."""
    fields = fields_of(Both(columns=["entry_id", "status"]))

    assert {"contact", "email", "consents", "device"} & {*fields} == set()
    assert "device" not in fields_of(Both())


@pytest.mark.parametrize("params", [{"include_unknown": True}, {"pivot": "onehot"}])
def test_an_option_that_does_not_say_what_it_reads_reads_all(params: dict[str, Any]) -> None:
    """The safe side: a field that nobody named would be silently empty."""
    kind = CATALOG["entries"]
    asked = {"campaign_id": CAMPAIGN, "reason": "test", "pii": "full", **params}
    request = parse(kind, asked, scopes=EVERY_SCOPE)
    made = plan(kind, load(kind, request, AFTER_THE_PACK, workbench().doors.mongo))
    assert isinstance(kind.rows, EntrySource)

    assert read_fields(made, kind.rows.verdict(made.facts)) is None


@pytest.mark.parametrize(("path", "written"), [("device.userAgent", 1), ("contact.city", 0)])
def test_broken_text_costs_a_row_where_it_is_read(path: str, written: int) -> None:
    """Nothing wrong is shown, so an entry is not lost for what nobody reads (decision 23)."""
    both = sides("entries")
    entry = next(decoded(raw) for raw in usual() if both.usual([raw]))
    whole = replaced({**entry, "device": {"userAgent": "x"}}, path, "\u00e9t\u00e9")
    assert whole is not None
    broken = bson.encode(whole).replace("\u00e9t\u00e9".encode(), b"\xffxxxx")

    for native in (True, False):
        made = both.made([projected(broken, fields_of(both))], native=native)
        assert made.accounting
        assert made.accounting.written == written
        assert sum(made.accounting.rejected.values()) == 1 - written
