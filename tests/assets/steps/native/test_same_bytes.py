"""The kernel, its twin and the Python path make the same bytes and the same accounting.

The kernel is fast because it knows the usual case only. A difference here is a wrong cell in a file
that nobody would find by looking, so whatever BSON can hold stands in every place once, and then
documents are damaged byte by byte.
"""

import random
import re
from array import array
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import bson
import pytest
from bson import Binary, Code, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from resources.mongo.batch import PLACE, Batch
from tests.assets.steps.hostile import TEXTS
from tests.assets.steps.native.both import Both, decoded, mangled, places, replaced, usual

_EDGES: Final = [
    datetime(2026, 3, 8, 6, 59, 59, 999000, tzinfo=UTC),  # summer time begins in New York
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 5, 59, 59, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 12, tzinfo=UTC),
    datetime(2009, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2045, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]
VALUES: Final[list[Any]] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    3,
    2**31 - 1,
    Int64(1),
    Int64(2**63 - 1),
    Int64(-(2**63)),
    0.0,
    -0.0,
    1.5,
    3.0,
    float("nan"),
    float("inf"),
    Decimal128("12.50"),
    ObjectId("66530000000000000000a001"),
    *_EDGES,
    DatetimeMS(2**62),
    DatetimeMS(-(2**62)),
    Binary(b"\x00" * 16, 4),
    Binary(b"x"),
    Code("f()"),
    Code("f()", {"x": 1}),
    Regex("x"),
    Timestamp(1, 2),
    MinKey(),
    MaxKey(),
    {},
    {"a": 1},
    {"$ref": "x", "$id": 1},
    [],
    [None],
    [1],
    ["a", "b|c", None, "=x"],
    [{}],
    [{"key": "x", "value": 1}],
    [[]],
    "",
    " ",
    " a ",
    "x" * 300,
    "\u00e9" * 90,
    "\u0936\u0930\u094d\u092e\u093e",
    "e\u0301",
    "=u\u0308 ",
    "Nguye\u0302\u0303n",
    "a\u0302\u0323",
    "\u0301a",
    "=\u0338",
    "\U0001f600 smile",
    "\U0001f3b8" * 80,
    "\u0906\u0930\u0924\u0940",
    "\u094d=x",
    "a\u094d\u0951",
    "\u0928\u093c",
    "xx-YY",
    "de_DE",
    "a\x00b",
    "\u00df\u0130",
    "\uac00\u11a8",
    "O\u2019Brien",
    "'quoted'",
    "@x",
    "a@B.C",
    "A@B@C.DE",
    "+14155550132",
    "+1",
    "us",
    "USA",
    "en-US",
    "en_us",
    "fr_CA",
    "erased",
    "withdrawn",
    "duplicate",
    "A",
    "2026-03-01",
    "2026-02-29",
    "2024-02-29",
    "20260301",
    "0000-01-01",
    "2026-03-01T12:00:00Z",
    "66530000000000000000a001",
    "12345678-1234-1234-1234-1234567890AB",
]
PARAMS: Final[list[dict[str, Any]]] = [
    {},
    {"dialect": "rfc4180", "include_withdrawn": True, "include_duplicates": True},
    {"dialect": "excel-eu", "pii": "masked", "statuses": ["verified", "selected"]},
    {"dialect": "sfmc", "countries": ["US", "CA"], "has_code": False},
    {"pii": "hashed", "registered_from": "2026-03-03T00:00:00Z", "exclude_flags": ["blocked"]},
    {"dialect": "sfmc", "phone_style": "digits", "include_retired": True},
]


@pytest.fixture(scope="module")
def both() -> Both:
    """The export as most ask for it."""
    return Both()


def told(raws: list[bytes]) -> list[str]:
    """Documents that differ, short enough to be read."""
    return [repr(raw)[:300] for raw in raws[:3]]


@pytest.mark.parametrize("params", PARAMS, ids=lambda params: "-".join(params) or "plain")
def test_the_pack_is_the_same_however_it_is_asked_for(params: dict[str, Any]) -> None:
    """Dialects, modes, filters and zones are the plan's business, and the plan is compiled."""
    assert told(Both(**params).differing(usual())) == []


def test_a_text_in_letters_and_marks_is_made_by_the_kernel(both: Both) -> None:
    """As some keyboards send it; its marks in another order are for Python, which sorts them."""
    entry = decoded(next(raw for raw in usual() if both.usual([raw])))

    def with_name(name: str) -> list[bytes]:
        return [bson.encode({**entry, "contact": {**entry["contact"], "firstName": name}})]

    made = both.made(with_name("Nguye\u0302\u0303n"), native=True)

    assert both.usual(with_name("Nguye\u0302\u0303n")) == 1
    assert both.usual(with_name("a\u0302\u0323")) == 0
    assert "Nguy\u1ec5n".encode() in made.records


def test_most_of_the_pack_is_made_by_the_kernel(both: Both) -> None:
    """Negative control: a kernel that gives everything back would never differ."""
    assert both.usual(usual()) > len(usual()) // 2
    assert both.usual(usual(), both.twin) > len(usual()) * 9 // 10


@pytest.mark.parametrize("which", ["kernel", "twin"])
def test_a_kernel_that_writes_another_dialect_is_found(which: str) -> None:
    """Negative control: the comparison sees a difference of one byte a row."""
    wrong = Both()
    setattr(wrong, which, getattr(Both(dialect="excel-eu"), which))

    assert len(wrong.differing(usual())) > len(usual()) // 2


def test_every_type_of_value_in_every_place_is_the_same(both: Both) -> None:
    """A place is a column, a filter, a sort key, or only something that must be sound."""
    richest = max(usual(), key=len)
    document = decoded(richest)
    batch = [
        bson.encode(changed)
        for path in places(document)
        if path != "_id"
        for value in VALUES
        if (changed := replaced(document, path, value)) is not None
    ]
    assert len(batch) > 5_000
    assert both.usual(batch) > len(batch) // 3
    assert both.usual(batch, both.twin) > len(batch) // 3
    assert told(both.differing(batch)) == []


_PERSONAL: Final = [
    *("Zoe@Example.COM", "@b.de", "Z@b@c.de", "Zo\u00eb", "\u00c9l@b.de", "'x@y.z", "=a@b.c", "ab"),
    *(
        "+12345678",
        "+123456789012345",
        "+1234567890123456",
        "+1234567",
        "SW1A 1AA",
        "\u0924\u0940x",
    ),
]


@pytest.mark.parametrize("dialect", ["excel", "rfc4180"])
def test_what_a_mask_leaves_of_a_value_is_the_same(dialect: str) -> None:
    """Masks are what callers get who ask for nothing else, so the kernel knows them."""
    sides, document = Both(pii="masked", dialect=dialect), decoded(max(usual(), key=len))
    batch = [
        bson.encode(changed)
        for path in places(document)
        if path.startswith(("contact.", "answers."))
        for value in (*VALUES, *_PERSONAL)
        if (changed := replaced(document, path, value)) is not None
    ]
    assert sides.usual(usual()) > len(usual()) // 2
    assert sides.usual(batch) > len(batch) // 3
    assert told(sides.differing(batch)) == []


@pytest.mark.parametrize("params", PARAMS[:3], ids=lambda params: "-".join(params) or "plain")
def test_every_hostile_text_is_the_same_in_every_column(params: dict[str, Any]) -> None:
    """Neutralising, quoting and cleaning are decided by the text alone."""
    sides, document = Both(**params), decoded(max(usual(), key=len))
    batch = [
        bson.encode(changed)
        for path in ("contact.firstName", "contact.email", "attribution.source", "status")
        for text in TEXTS
        if not re.search("[\ud800-\udfff]", text)
        if (changed := replaced(document, path, text)) is not None
    ]
    assert told(sides.differing(batch)) == []


def test_every_character_of_two_bytes_is_the_same_wherever_it_stands_in_a_name(both: Both) -> None:
    """Letters of names are seen many at once, and of each it is asked whether it is simple."""
    document = decoded(usual()[0])
    names = [text.replace("-", chr(code)) for code in range(0x80, 0x800) for text in ("-n", "N-n")]
    batch = [bson.encode(replaced(document, "contact.lastName", name) or {}) for name in names]
    assert both.usual(batch) > len(batch) // 2
    assert told(both.differing(batch)) == []


def test_a_damaged_document_is_the_same_reject(both: Both) -> None:
    """What PyMongo cannot decode must be no row, and the kernel must not read outside of it."""
    draw = random.Random(20260320)  # noqa: S311 - the same documents each time
    batch = [mangled(draw.choice(usual()), draw) for _ in range(6_000)]
    pieces = [batch[start : start + 20] for start in range(0, len(batch), 20)]
    assert told([raw for piece in pieces for raw in both.differing(piece)]) == []


def test_a_document_with_one_bit_changed_is_the_same_behind_the_whole_one(both: Both) -> None:
    """What is in a block like one before is seen in a few looks, and all of them must be taken."""
    whole = next(raw for raw in usual() if both.usual([raw]) and len(decoded(raw)["consents"]) > 1)
    native, nobody, known = both.kernel.native, {b"": both.nobody()}, both.kernel.tables.known

    def made(*documents: bytes) -> tuple[bytes, int]:
        records, *_, odd, _, _, _ = native.convert(Batch.of(documents), nobody, known)
        return records, len(odd)

    first, _ = made(whole)
    changed = []
    for bit in range(8 * len(whole)):
        body = bytearray(whole)
        body[bit // 8] ^= 1 << bit % 8
        changed.append(bytes(body))
    expected = [made(raw) for raw in changed]
    assert [made(whole, raw) for raw in changed] == [(first + row, odd) for row, odd in expected]
    assert 0 < sum(odd for _, odd in expected) < len(changed)


def test_a_name_that_stands_twice_is_the_same(both: Both) -> None:
    """Python keeps the last of equal names, and with it the whole block under it."""
    raw = usual()[0]
    element = next(
        raw[at:end] for at, end in _elements(raw) if raw[at + 1 :].startswith(b"status\x00")
    )
    twice = raw[4:-1] + element.replace(b"verified", b"rejected")
    batch = [(len(twice) + 5).to_bytes(4, "little") + twice + b"\x00"]
    assert both.usual(batch) == 0
    assert both.differing(batch) == []


def _elements(raw: bytes) -> list[tuple[int, int]]:
    """Where the elements of a document begin and end, by encoding each prefix anew."""
    found, at = [], 4
    for name, value in decoded(raw).items():
        size = len(bson.encode({name: value})) - 5
        found.append((at, at + size))
        at += size
    return found


def test_names_in_another_order_are_the_same(both: Both) -> None:
    """The kernel looks first for the name that stood there last time; it may be any other now.

    Names that begin alike, of every length up to that of a head and beyond, and whole blocks of
    strangers, more of them than it remembers, stand between the known ones.
    """
    draw = random.Random(7)  # noqa: S311 - the same documents each time
    strangers = [f"{stem}{'x' * more}" for stem in ("status", "loc", "s") for more in range(30)]
    strangers += [f"stranger{number}" for number in range(600)]

    def shuffled(block: object) -> object:
        if isinstance(block, list):
            return [shuffled(one) for one in block]
        if not isinstance(block, dict):
            return block
        more: dict[str, Any] = {
            name: draw.choice((1, "a", None, [])) for name in draw.sample(strangers, 8)
        }
        names = [*(more.keys() - block.keys()), *(n for n in block if draw.random() < 0.95)]
        draw.shuffle(names)
        return {name: shuffled(block[name]) if name in block else more[name] for name in names}

    documents = [decoded(raw) for raw in usual()[:40]]
    batch = [bson.encode(shuffled(one)) for one in documents * 6]  # type: ignore[arg-type]
    assert both.usual(batch) > len(batch) // 10
    assert told(both.differing(batch)) == []


def test_a_name_that_would_reach_out_of_its_block_is_none(both: Both) -> None:
    """Where a block says that it ends sooner, the name that was met there last time is cut."""
    whole = usual()[0]
    at = whole.index(b"countryCode\x00")  # the last name that the contact holds a value of
    batch = [whole]
    for cut in range(1, 12):
        body = bytearray(whole)
        start = whole.index(b"\x03contact\x00") + 9
        body[start : start + 4] = (at - start + cut).to_bytes(4, "little")
        batch.append(bytes(body))
    assert both.usual(batch) == 1
    assert told(both.differing(batch)) == []


def test_documents_of_one_piece_are_the_same_as_documents_apart(both: Both) -> None:
    """What the server sent is converted where it lies; places that lead out of it are refused."""
    batch, native, known = Batch.of(usual()), both.kernel.native, both.kernel.tables.known
    nobody = {b"": both.nobody()}
    apart = native.convert(list(usual()), nobody, known)
    assert native.convert(batch, nobody, known) == apart
    assert native.user_ids(batch) == native.user_ids(list(usual()))
    for outside in ((0, len(batch.data) + 1), (9, 8)):
        with pytest.raises(ValueError, match="places"):
            native.convert(Batch(batch.data, array(PLACE, outside)), nobody, known)


def test_every_quarter_of_an_hour_of_a_year_is_the_same_local_time(both: Both) -> None:
    """The zone is a table of seconds here and zoneinfo's arithmetic there."""
    document = decoded(usual()[0])
    start = datetime(2025, 12, 31, 12, tzinfo=UTC)
    batch = [
        bson.encode({**document, "createdAt": start + timedelta(minutes=15 * step, milliseconds=9)})
        for step in range(0, 4 * 24 * 366, 5)
    ]
    assert both.usual(batch) == len(batch)
    assert told(both.differing(batch)) == []
