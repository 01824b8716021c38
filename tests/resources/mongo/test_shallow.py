"""A document without its lists is the document, and what is no list is found."""

import random
import struct
from typing import Any, Final

import bson
import pytest
from bson import Binary, ObjectId
from bson.errors import BSONError

from resources.mongo import shallow
from resources.mongo.shallow import OPTIONS, ListNames, items

BEHIND_ID: Final = 21
LIST: Final[list[Any]] = [{"x": 1}, {"x": "\u00e9", "y": [1, [2]]}, None]
DOCUMENT: Final[dict[str, Any]] = {
    "_id": ObjectId(b"0" * 12),
    "a": LIST,
    "b": {"c": LIST, "d": "text"},
    "e": [],
}
NAMES: Final = ListNames(("_id", "a", "b", "e", "f.g"), ("a", "e"))


def in_pieces(raw: bytes) -> dict[str, Any] | None:
    """A document whose lists are decoded by themselves; None where it cannot be read."""
    try:
        entry_id, found = shallow.shallow(raw)
        lists = {name: items(v) if type(v) is bytes else v for name, v in found.items()}
        return {"_id": ObjectId(entry_id), **lists}
    except BSONError:
        return None


def whole(raw: bytes) -> dict[str, Any] | None:
    """The same as PyMongo decodes it."""
    try:
        return shallow.whole(raw)
    except BSONError:
        return None


def entry(fields: dict[str, Any]) -> bytes:
    """A document with an id."""
    return bson.encode({"_id": DOCUMENT["_id"], **fields})


def twice(first: dict[str, Any], second: dict[str, Any]) -> bytes:
    """A document with the fields of two, of which the first has an id."""
    return behind(entry(first), bson.encode(second))


def behind(first: bytes, second: bytes) -> bytes:
    """The fields of two documents in this order."""
    inside = first[4:-1] + second[4:-1]
    return (len(inside) + 5).to_bytes(4, "little") + inside + b"\0"


def test_the_installed_pymongo_can_decode_so() -> None:
    """Without it everything is as right and slower, so that nobody would see it."""
    assert shallow.KNOWN


def test_a_list_is_its_bytes_unless_it_is_in_a_block() -> None:
    """Whoever knows these bytes need not decode them."""
    entry_id, found = shallow.shallow(bson.encode(DOCUMENT))

    assert entry_id == b"0" * 12
    assert {name: type(value) for name, value in found.items()} == {
        "a": bytes,
        "b": dict,
        "e": bytes,
    }
    assert found["b"] == DOCUMENT["b"]
    assert items(found["a"]) == LIST
    assert items(found["e"]) == []


def test_a_damaged_document_is_read_in_pieces_as_it_is_as_a_whole() -> None:
    """What PyMongo refuses is refused here, or where its lists are decoded."""
    draw, sound = random.Random(3), 0  # noqa: S311 - the same documents each time
    for _ in range(20_000):
        body = bytearray(bson.encode(DOCUMENT))
        for _ in range(draw.choice((1, 1, 2))):
            value = draw.choice((0, 1, 2, 3, 4, 7, 255, draw.randrange(256)))
            body[draw.randrange(BEHIND_ID, len(body))] = value
        expected = whole(bytes(body))
        if expected is None or bytes not in map(type, expected.values()):
            assert in_pieces(bytes(body)) == expected, bytes(body)
            sound += expected is not None
    assert 1_000 < sound < 19_000


@pytest.mark.parametrize(
    "raw",
    [
        bson.encode({"_id": 1, "a": LIST}),
        behind(bson.encode({"a": LIST}), entry({})),
        bson.encode({}),
        twice({}, {"_id": DOCUMENT["_id"]}),
        twice({}, {"_id": LIST}),
    ],
    ids=["another", "later", "none", "two", "two kinds"],
)
def test_what_does_not_begin_with_its_only_id_is_refused(raw: bytes) -> None:
    """Of two the last would count."""
    with pytest.raises(BSONError):
        shallow.shallow(raw)


@pytest.mark.parametrize("cut", [0, 3, 4, 5, -1])
def test_what_is_too_short_or_too_long_is_refused(cut: int) -> None:
    """Its first bytes say how long it is."""
    raw = bson.encode(DOCUMENT)

    for wrong in (raw[:cut], raw + b"\0"):
        with pytest.raises((BSONError, struct.error)):
            shallow.shallow(wrong)


def test_the_lists_of_sound_documents_are_all_that_there_are() -> None:
    """Of one and of many, of which some lack a list."""
    raws = [*map(entry, (DOCUMENT, {"a": LIST}, {}, {"a": None, "e": []}))]

    assert all(map(NAMES.are_those_of, raws))
    assert NAMES.are_all(b"".join(raws), 4)
    assert not NAMES.are_all(b"".join(raws), 3)


@pytest.mark.parametrize(
    "raw",
    [
        entry({"a": Binary(bson.encode({"0": {"x": 1}}))}),
        entry({"b": [1]}),
        entry({"b": b"x"}),
        twice({"a": [1]}, {"a": []}),
        twice({"a": []}, {"a": None}),
        b"",
        b"\x05\0\0\0\x01",
        bson.encode(DOCUMENT)[:-1],
    ],
    ids=["bytes", "list elsewhere", "bytes elsewhere", "twice", "gone", "empty", "odd", "short"],
)
def test_what_is_not_surely_a_list_is_found(raw: bytes) -> None:
    """Bytes like one, one where none should be, one behind another, and what is no document."""
    assert not NAMES.are_those_of(raw)


def test_options_leave_instants_without_a_zone() -> None:
    """Which is UTC's; to add it took half of the time of decoding."""
    assert OPTIONS.tz_aware is False
