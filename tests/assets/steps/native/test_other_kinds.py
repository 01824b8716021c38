"""Kinds beside `entries` whose rows the kernel makes: the same bytes, the same accounting.

What they have that `entries` has not: rows that are sorted once all are read, cells that Python
says once for many entries (`same`), and cells and rules about the account.
"""

import random
from functools import cache
from types import SimpleNamespace
from typing import Any, Final

import bson
import pytest
from bson import ObjectId

from assets.exports.shared.id_set import IdSet
from assets.exports.shared.links import FanLinks
from assets.exports.shared.signals import digest
from tests.assets.steps.native.both import Both, decoded, mangled, places, replaced, usual
from tests.assets.steps.native.test_same_bytes import VALUES, told
from tests.assets.workbench import CAMPAIGN

# Each kind with options that ask for more rules.
KINDS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "selected-fans": ("selected-fans", {}),
    "selected-fans-wave": (
        "selected-fans",
        {"dialect": "rfc4180", "include_withdrawn": True, "wave": 1, "bands": ["A", "B"]},
    ),
    "reminder-email": ("reminder-email", {"reminder_kind": "registration_closing"}),
    "reminder-email-markets": (
        "reminder-email",
        {
            "reminder_kind": "onsale_soon",
            "include_marketing_only": True,
            "markets": ["new-york-ny", "vancouver-bc"],
            "locales": ["en-US", "fr-CA"],
        },
    ),
    "entries-hashed": ("entries", {"pii": "hashed", "dialect": "rfc4180"}),
}
_NOBODY: Final = "nobody@example.com"
PREPARED: Final = SimpleNamespace(
    links=FanLinks(b"the key of links", CAMPAIGN),
    stopped=IdSet([digest("zoe@example.com"), digest(_NOBODY)]),
)

PLAIN: Final = [name for name, (kind, _) in KINDS.items() if name == kind]


@cache
def sides(name: str) -> Both:
    """The two paths of a kind."""
    kind, params = KINDS[name]
    return Both(kind, prepared=PREPARED, **params)


@cache
def varied() -> tuple[bytes, ...]:
    """The entries of the pack, some with another status, so that every rule has some to keep."""
    draw = random.Random(20260320)  # noqa: S311 - the same documents each time
    statuses = ("selected", "promoted", "code_sent", "waitlisted", "verified", "rejected")
    return tuple(
        bson.encode({**decoded(raw), "status": draw.choice(statuses)}) if turn else raw
        for raw in usual()
        for turn in range(3)
    )


@pytest.mark.parametrize("name", KINDS)
def test_the_pack_is_the_same(name: str) -> None:
    """In the order of the file, and whoever is left out for the same reason."""
    both = sides(name)

    assert told(both.differing(varied())) == []
    whole = both.made(varied(), native=True)
    assert whole == both.made(varied(), native=False)
    assert whole.records.count(b"\n") > 2
    assert both.usual(varied()) > len(varied()) // 2
    assert both.usual(varied(), both.twin) > len(varied()) * 3 // 4


@pytest.mark.parametrize("name", PLAIN)
def test_every_type_of_value_in_every_place_is_the_same(name: str) -> None:
    """What a function looks at is found by its bytes, whatever they say.

    Each place gets one value of six, the next place others: all of them take half a minute.
    """
    both, document = sides(name), {**decoded(max(usual(), key=len)), "status": "selected"}
    batch = [
        bson.encode(changed)
        for number, path in enumerate(places(document))
        if path != "_id"
        for value in VALUES[number % 6 :: 6]
        if (changed := replaced(document, path, value)) is not None
    ]
    assert both.usual(batch) > len(batch) // 3
    assert told(both.differing(batch)) == []


@pytest.mark.parametrize("name", PLAIN)
def test_whatever_stands_in_an_account_is_the_same(name: str) -> None:
    """Python says once for an account what the kernel writes, or that the row is its own."""
    both, document = sides(name), {**decoded(usual()[0]), "status": "selected"}
    user = both.users[document["userId"]]
    batch = []
    for path in (*places(user), "marketing.smsStop", "history.ordersArtist", "flags", "erasure"):
        for value in VALUES:
            changed = replaced(user, path, value)
            if changed is not None and path not in ("_id", "mergedInto"):
                one, entry = ObjectId(), ObjectId()
                both.users[one] = {**decoded(bson.encode(changed)), "_id": one}
                batch.append(bson.encode({**document, "_id": entry, "userId": one}))

    assert both.usual(batch) > len(batch) // 3
    assert told(both.differing(batch)) == []


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_document_is_the_same(name: str) -> None:
    """The kernel reads more of it than for `entries`."""
    both, draw = sides(name), random.Random(11)  # noqa: S311 - the same documents each time
    batch = [mangled(draw.choice(varied()), draw) for _ in range(1_500)]
    pieces = [batch[start : start + 20] for start in range(0, len(batch), 20)]

    assert told([raw for piece in pieces for raw in both.differing(piece)]) == []


_ADDRESSES: Final = [
    *(_NOBODY, "Nobody@Example.COM", f" {_NOBODY}", "nobody@example.co", "zoe@example.com", "a@b"),
    *("a@b.c", "a..b@c.de", ".a@b.de", "a.@b.de", "-a@b.de", "a@-b.de", "a@b-.de", "a@b.de-"),
    *("@b.c", "a@b@c.de", "a b@c.de", "a+b_c@d.de", "a@b_c.de", "\u00e9@b.de", "a@\u00fc.de"),
    *("a@b..de", "a@", f"{'a' * 64}@b.de", f"{'a' * 65}@b.de", f"a@{'b' * 63}.de"),
    *(f"a@{'b' * 64}.de", f"a@{'b.' * 126}de", f"a@{'b.' * 125}de", "A@B.C", "+14155550132"),
    *("+1415", "f" * 64),
]


@pytest.mark.parametrize("name", ["reminder-email", "entries-hashed"])
def test_an_address_is_judged_and_hashed_the_same(name: str) -> None:
    """Who must not be written to is known by the digest of the address as it is compared."""
    both, document = sides(name), {**decoded(max(usual(), key=len)), "status": "verified"}
    batch = [
        bson.encode({**changed, "_id": ObjectId()})
        for path in ("contact.email", "contact.phone.e164", "referral.code")
        for address in _ADDRESSES
        if (changed := replaced(document, path, address)) is not None
    ]
    made = both.made(batch, native=True)
    assert made.accounting is not None

    assert told(both.differing(batch)) == []
    assert made == both.made(batch, native=False)
    if name == "reminder-email":
        assert made.accounting.filtered["address_suppressed"] == 4
