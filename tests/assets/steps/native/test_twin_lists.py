"""What is kept of a list is what looking through it keeps, however it is remembered."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import bson
import pytest
from bson import Binary, DatetimeMS, Int64, ObjectId
from hypothesis import given
from hypothesis import strategies as st

from assets.steps.native import twin_lists
from assets.steps.native.twin import MOST_IN_VAIN
from assets.steps.native.twin_lists import Alike, Looks, Same, gaps
from assets.steps.native.twin_values import Unusual
from resources.mongo.shallow import items
from tests.assets.steps.native.both import Both, decoded, replaced, usual

READ: Final = ("key", "granted")
START: Final = datetime(2026, 3, 1, tzinfo=UTC)


def listed(*blocks: object) -> bytes:
    """The bytes of a list."""
    return bson.encode({str(place): one for place, one in enumerate(blocks)})


class Looking:
    """Keeps what it reads, and counts how often it looks.

    Attributes:
        times: How often.
    """

    def __init__(self) -> None:
        """Nothing has been looked through."""
        self.times = 0

    def __call__(self, found: list[Any] | None) -> Any:
        """The key of each item, whether it is granted, and the types of the rest."""
        self.times += 1
        return [
            (one.get("key"), one.get("granted"), [(name, type(one[name])) for name in one])
            for one in found or ()
        ]


def consent(at: object = START, evidence: str = "ev_1", **more: object) -> dict[str, Any]:
    """An item as entries have them."""
    return {"key": "sms", "granted": True, "at": at, "evidence": evidence, **more}


VALUES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 3),
    st.integers(0, 3).map(Int64),
    st.sampled_from((0.5, float("nan"))),
    st.sampled_from(("a", "b", "\u00e9", "ab", "a\0", "")),
    st.integers(0, 2).map(lambda days: START + timedelta(days=days)),
    st.sampled_from((DatetimeMS(2**62), DatetimeMS(-1), DatetimeMS(2**40), DatetimeMS(2**40 - 1))),
    st.integers(0, 1).map(lambda one: ObjectId(bytes([one]) * 12)),
    st.sampled_from((b"x", [], ["a"], {"key": 1}, Binary(b"x", 4), bson.MinKey())),
)
BLOCKS: Final = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("key", "granted", "at", "evidence"), VALUES)
)


@given(st.lists(st.lists(st.one_of(BLOCKS, st.builds(consent, VALUES, VALUES)), max_size=3)))
def test_a_list_that_is_like_another_is_looked_through_the_same(lists: list[list[Any]]) -> None:
    """Whatever came before it, and whatever stands in it."""
    alike, same, look = Alike(Looking(), Looks(), READ), Same(Looking(), Looks()), Looking()

    for one in lists * 2:
        raw = listed(*one)
        stated = repr(look(items(raw)))  # as text: what is no number is not itself
        assert (repr(alike.of(raw)), repr(same[raw])) == (stated, stated)


def test_lists_that_differ_where_nobody_looks_are_looked_through_once() -> None:
    """The first says nothing of what differs; the second does."""
    look = Looking()
    alike = Alike(look, Looks(), READ)
    for number in range(50):
        alike.of(
            listed(consent(START + timedelta(seconds=number)), consent(evidence=f"e{number:03}"))
        )

    assert look.times <= 4


@pytest.mark.parametrize(
    "other",
    [
        consent(evidence="\u00e9_"),
        consent(at=None),
        consent(at=DatetimeMS(2**62)),
        consent(granted=False),
        consent(key="SMS"),
        {"granted": True, **consent()},
    ],
    ids=["not ASCII", "no instant", "of no time", "refused", "another key", "another order"],
)
def test_what_differs_elsewhere_is_another_list(other: dict[str, Any]) -> None:
    """Negative control: a memory that mixed them up would be found."""
    look = Looking()
    alike = Alike(look, Looks(), READ)
    for number in range(9):
        alike.of(listed(consent(START + timedelta(seconds=number), f"ev_{number}")))
    before = look.times

    assert alike.of(listed(other)) == Looking()([decoded(bson.encode(other))])
    assert look.times == before + 1


@pytest.mark.parametrize("odd", [b"x", "text", 1, True, Binary(listed({}), 4), {}, []])
def test_what_is_no_list_is_for_python(odd: object) -> None:
    """Also what is equal to one, or cannot be remembered."""
    same, alike = Same(Looking(), Looks()), Alike(Looking(), Looks(), READ)
    for remembers in (same.__getitem__, alike.of):
        remembers(listed({}))
        with pytest.raises((Unusual, TypeError, bson.errors.BSONError)):
            remembers(odd)  # type: ignore[arg-type]


def test_no_more_lists_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A million different answers must not fill the memory; they are looked through each time."""
    monkeypatch.setattr(twin_lists, "MOST_LISTS", 5)
    look = Looking()
    same = Same(look, Looks())
    for _ in range(2):
        for number in range(20):
            assert same[listed({"key": number})] == [(number, None, [("key", int)])]

    assert len(same) == 5
    assert look.times == 35
    long = listed({"key": "x" * twin_lists.LONGEST_LIST})
    assert Same(look, Looks())[long] == look(items(long))


def test_values_are_passed_over_that_are_sound_whatever_they_are() -> None:
    """An instant of our time but for its upper bytes, numbers, ids and plain texts."""
    raw = listed({"key": "a", "at": START, "n": 1, "text": "abc", "long": Int64(7), "yes": True})

    found = [(gap.of(raw), gap.text) for gap in gaps(raw, {b"key"})]

    millis = int(START.timestamp() * 1000).to_bytes(8, "little")
    assert found == [
        (millis[:5], False),
        ((1).to_bytes(4, "little"), False),
        (b"abc", True),
        ((7).to_bytes(8, "little"), False),
    ]


@pytest.mark.parametrize("name", ["consents", "answers", "preferences"])
def test_bytes_that_look_like_a_list_are_no_list(name: str) -> None:
    """A row must not be made of them because the list with these bytes is known."""
    both, raw = Both(), next(raw for raw in usual() if decoded(raw).get("consents"))
    document = decoded(raw)
    as_bytes = replaced(document, name, Binary(listed(*document[name])))
    assert as_bytes is not None
    batch = [raw, bson.encode(as_bytes)]

    assert both.usual(batch, both.apart) == 1
    assert both.differing(batch) == []


def test_a_broken_list_behind_another_is_found() -> None:
    """Of two fields of one name the last is kept, and PyMongo still decodes the first."""
    both, raw = Both(), next(raw for raw in usual() if decoded(raw).get("answers"))
    broken = bson.encode({"answers": ["\u00e9"]}).replace("\u00e9".encode(), b"\xff\xff")
    inside = broken[4:-1] + raw[4:]
    batch = [raw, (len(inside) + 4).to_bytes(4, "little") + inside]

    assert both.usual(batch, both.apart) == 1
    assert both.differing(batch) == []


def test_where_no_lists_are_alike_documents_are_decoded_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To decode each list by itself would cost a third more than to decode them together."""
    decoded_apart: list[bytes] = []

    def counted(raw: bytes) -> list[Any]:
        decoded_apart.append(raw)
        return items(raw)

    monkeypatch.setattr(twin_lists, "items", counted)
    both, document = Both(), decoded(max(usual(), key=len))
    for turn in range(MOST_IN_VAIN + 3):
        answers = [{"key": f"{turn}-{number}", "version": 1, "value": ""} for number in range(9)]
        consents = [consent(START, key=one["key"]) for one in answers]
        batch = [
            bson.encode({**document, "answers": [one], "consents": [other]})
            for one, other in zip(answers, consents, strict=True)
        ]
        before = len(decoded_apart)
        assert both.made_by(both.apart, batch) == both.made_by(None, batch)
        assert (len(decoded_apart) > before) == (turn < MOST_IN_VAIN)
