"""The lean cutting of answers is what PyMongo's own gives, or is left to PyMongo."""

import os
import random
import struct
import sys
from typing import Any

import bson
import pymongo
import pytest
from bson import Int64, ObjectId
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.message import _OpMsg
from pymongo.synchronous.cursor import RawBatchCursor

from resources.mongo.documents import RAW, split
from resources.mongo.raw_batches import LeanBatches, UnusualAnswer, cut
from resources.native import extension

EXTENSION = "resources.mongo._places"

DOCUMENTS = [bson.encode({"_id": ObjectId(), "n": n, "text": "x" * n}) for n in range(123)]


def answer(documents: list[bytes], name: str = "firstBatch", **more: Any) -> bytes:
    """What a server says; MongoDB puts the documents first, others the cursor's id."""
    batch = [RawBSONDocument(one) for one in documents]
    cursor = {name: batch, "id": Int64(7), "ns": "fanreg.entries"}
    first = dict(sorted(cursor.items(), reverse=bool(more.pop("id_first", False))))
    clock = {"$clusterTime": {"clusterTime": bson.Timestamp(1, 2)}, "operationTime": None}
    return bson.encode({"cursor": first, "ok": 1.0, **clock, **more})


def unpacked(kind: type[RawBatchCursor[Any]], payload: bytes) -> dict[str, Any]:
    """What a cursor makes of an answer, as PyMongo asks it to; nothing is connected."""
    options: Any = RAW
    client: pymongo.MongoClient[Any] = pymongo.MongoClient(connect=False)
    with client:
        cursor = kind(client["fanreg"]["entries"].with_options(codec_options=options), {})
        fields = {"cursor": {"firstBatch": 1, "nextBatch": 1}}
        response = _OpMsg(0, memoryview(bytearray(payload)))
        return dict(cursor._unpack_response(response, 7, options, user_fields=fields)[0])


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 100, 101, 123])
@pytest.mark.parametrize("name", ["firstBatch", "nextBatch"])
@pytest.mark.parametrize("id_first", [False, True])
def test_it_gives_the_documents_that_pymongo_gives(count: int, name: str, id_first: bool) -> None:
    """And everything else of the answer, on which retries and sessions depend."""
    payload = answer(DOCUMENTS[:count], name, id_first=id_first)
    lean, public = unpacked(LeanBatches, payload), unpacked(RawBatchCursor, payload)
    batches, streams = lean["cursor"].pop(name), public["cursor"].pop(name)

    assert [one for batch in batches for one in batch] == DOCUMENTS[:count]
    assert list(split(b"".join(streams))) == DOCUMENTS[:count]
    assert bson.encode(lean) == bson.encode(public)


@pytest.mark.parametrize(
    "payload",
    [
        bson.encode({"ok": 0.0, "errmsg": "no", "code": 50}),
        bson.encode({"ok": 1.0, "cursor": {"firstBatch": []}}),
        bson.encode({"cursor": {"other": [], "id": Int64(0)}, "ok": 1.0}),
        bson.encode({"cursor": {"firstBatch": ["text"], "id": Int64(0)}, "ok": 1.0}),
        answer(DOCUMENTS[:3]).replace(b"\x031\0", b"\x039\x07"),
    ],
)
def test_another_answer_is_left_to_pymongo(payload: bytes) -> None:
    """An error must reach the code that knows what to do about it."""
    with pytest.raises(UnusualAnswer):
        cut(payload)


def test_a_length_that_leads_out_of_the_list_is_not_followed() -> None:
    """Whatever a length says, no document holds bytes of its neighbour."""
    payload = bytearray(answer(DOCUMENTS[:3]))
    payload[payload.index(DOCUMENTS[1])] += 4

    with pytest.raises(UnusualAnswer):
        cut(payload)


@pytest.fixture(params=["native", "python"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to find the documents of an answer."""
    if request.param == "python":
        monkeypatch.setitem(sys.modules, EXTENSION, None)
    elif extension(EXTENSION) is None and "CI" not in os.environ:
        pytest.skip("the extension is not installed")
    return str(request.param)


def found(payload: bytes) -> list[bytes] | None:
    """The documents that are cut out of an answer, or None where it is left to PyMongo."""
    try:
        cursor = cut(payload)["cursor"]
    except (UnusualAnswer, struct.error, BSONError):
        return None
    return [bytes(one) for batch in cursor.get("firstBatch", ()) for one in batch]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 99, 100, 101, 999, 1_000, 1_001])
def test_both_ways_find_every_document(way: str, count: int) -> None:
    """The numbers of a list grow longer at ten, at a hundred and at a thousand."""
    documents = [bson.encode({"n": n}) for n in range(count)]
    assert way
    assert found(answer(documents)) == documents


def test_no_damage_makes_either_way_look_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a length says; and both cut the same, or neither does."""
    draw, agreed = random.Random(5), 0  # noqa: S311 - the same damage each time
    whole = answer(DOCUMENTS[:12])
    for _ in range(2_000):
        body = bytearray(whole)
        for _ in range(draw.choice((1, 2, 3))):
            at = draw.randrange(20, len(body) - 40)
            body[at] = draw.choice((0, 1, 3, 5, body[at] ^ 1, 255, draw.randrange(256)))
        quick = found(bytes(body))
        with monkeypatch.context() as without:
            without.setitem(sys.modules, EXTENSION, None)
            slow = found(bytes(body))
        assert slow == quick
        agreed += slow is not None
        assert all(one in bytes(body) for one in quick or ())
    assert agreed > 200
