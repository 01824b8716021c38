"""Entries by their position: always the same ones, as many as are asked for, 2 us each.

They are entries of today's shape of the sized pack (`export_platform/local/seed/sized`), which
takes 120 us for one. So a thousand of these are made, and each entry is a copy of one with an id,
instants and an address of its own. Every one is a row of the `entries` export: none is withdrawn,
erased or found to be a duplicate.
"""

import hashlib
import re
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import bson
from bson import ObjectId
from bson.datetime_ms import DatetimeMS

from export_platform.local.seed.basis.identifiers import Kind, object_id
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized.pack import SizedPack
from export_platform.local.seed.sized.recipe import OPENS, RECIPES, Recipe

Document = dict[str, Any]

RECIPE: Final[Recipe] = replace(RECIPES["small"], entries=2_000, v1_share=0.0, v2_share=0.0)
PROTOTYPES: Final = 1_024
MOST: Final = 12_000_000
"""A tenth of a second apart they fill two weeks: that of the registration, with its change of the
clock, and the one after."""

_APART: Final = 100  # milliseconds from one registration to the next
_SCATTER: Final = 37  # coprime to 100, so that the milliseconds take every value
_STRIDE: Final = 619  # coprime to 1,024, so that neighbours are copies of different prototypes
_OPENS: Final = int(OPENS.timestamp()) * 1000
_OVER: Final = ("duplicate", "erased", "withdrawn")
_DIGITS: Final = "999999999"
_NUMBER: Final = re.compile("[0-9]{6}")
_INSTANT: Final = struct.Struct("<q")  # bsonspec.org: UTC datetime
_MILLISECOND: Final = timedelta(milliseconds=1)
_COUNTER: Final = 6  # last bytes of an id, which hold the position


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prototype:
    """The bytes of an entry, and where the parts lie that are its own."""

    body: bytes
    identities: tuple[int, ...]
    created: tuple[int, ...]
    updated: tuple[int, ...]
    numbers: tuple[int, ...]
    lag: int


class Entries:
    """The first `count` entries, in the order of registration, which is also that of their ids.

    Those of a smaller count are the first of a larger one.

    Args:
        count: How many.
        fields: Dotted names of those that entries are asked for, beside `_id`; none for all.

    Attributes:
        fingerprint: Differs when the entries do, however many they are.
        changed: None of them was changed later.

    Raises:
        ValueError: More than `MOST`, or fewer than none.
    """

    def __init__(self, count: int, fields: Collection[str] = ()) -> None:
        if not 0 <= count <= MOST:
            raise ValueError(f"0 to {MOST:,} entries")
        self.count = count
        self.fields = tuple(sorted(fields))
        self.campaign: ObjectId = object_id(
            Kind.CAMPAIGN, RECIPE.number, 0, campaign=RECIPE.campaign
        )
        self._prototypes = [_prototype(entry, self.fields) for entry in _kept()]
        bodies = b"".join(prototype.body for prototype in self._prototypes)
        lag = max(prototype.lag for prototype in self._prototypes)
        self.changed = DatetimeMS(_created(self.count) + lag)
        self.fingerprint = hashlib.sha256(bodies).hexdigest()[:12]

    def identity(self, position: int) -> ObjectId:
        """The id of an entry."""
        return object_id(Kind.ENTRY, RECIPE.number, position, campaign=RECIPE.campaign)

    def created(self, position: int) -> DatetimeMS:
        """When it was registered."""
        return DatetimeMS(_created(position))

    def raw(self, position: int) -> bytes:
        """The entry as BSON."""
        made = self._prototypes[position * _STRIDE % len(self._prototypes)]
        body = bytearray(made.body)
        created = _created(position)
        counter, number = position.to_bytes(_COUNTER, "big"), b"%09d" % position
        for place in made.identities:
            body[place : place + _COUNTER] = counter
        for place in made.created:
            _INSTANT.pack_into(body, place, created)
        for place in made.updated:
            _INSTANT.pack_into(body, place, created + made.lag)
        for place in made.numbers:
            body[place : place + len(number)] = number
        return bytes(body)

    def keys(self, position: int) -> Document:
        """The fields that entries can be asked for by (`queries.py`), the last at its latest."""
        return {
            "_id": self.identity(position),
            "campaignId": self.campaign,
            "createdAt": self.created(position),
            "updatedAt": self.changed,
        }

    def around(self, value: object) -> tuple[int, int]:
        """Positions before which all are lower and from which on all are higher than a value."""
        places = range(self.count)
        if isinstance(value, ObjectId):
            return (
                bisect_left(places, value, key=self.identity),
                bisect_right(places, value, key=self.identity),
            )
        if isinstance(value, DatetimeMS):
            return (
                bisect_left(places, int(value), key=_created),
                bisect_right(places, int(value), key=_created),
            )
        return 0, 0


def beside() -> Mapping[str, list[Document]]:
    """The other collections: the campaign and what belongs to it; nobody has an account."""
    found: dict[str, list[Document]] = {
        name: [] for name in ("campaigns", "markets", "promoters", "scoring", "users")
    }
    for batch in SizedPack([replace(RECIPE, entries=0)]).documents(Ledger()):
        if batch.collection in found:
            found[batch.collection] += [bson.decode(raw) for raw in batch.documents]
    return found


def _created(position: int) -> int:
    return _OPENS + position * _APART + position * _SCATTER % _APART


def _kept() -> Iterator[Document]:
    """Entries that the export keeps, as those of fans without an account (DOMAIN.md 2.5)."""
    found = 0
    for batch in SizedPack([RECIPE]).documents(Ledger(), broken_text=False):
        if batch.collection != "entries":
            continue
        for raw in batch.documents:
            entry = bson.decode(raw)
            if found < PROTOTYPES and _is_row(entry):
                found += 1
                yield {**entry, "userId": None}


def _is_row(entry: Document) -> bool:
    gone = any(entry.get(name) is not None for name in ("deletedAt", "erasure", "withdrawnAt"))
    return entry["isCurrent"] and not gone and entry["status"] not in _OVER


def _prototype(entry: Document, fields: Collection[str]) -> _Prototype:
    contact = entry["contact"]
    addresses = {name: _NUMBER.sub(_DIGITS, contact[name]) for name in ("email", "emailNormalized")}
    whole = {**entry, "contact": {**contact, **addresses}}
    paths = [("_id",), *(tuple(field.split(".")) for field in fields)]
    body = bson.encode(_projected(whole, paths) if fields else whole)
    return _Prototype(
        body=body,
        identities=_after(body, b"\x07_id\0", len(entry["_id"].binary) - _COUNTER),
        created=_after(body, b"\x09createdAt\0"),
        updated=_after(body, b"\x09updatedAt\0"),
        numbers=_after(body, _DIGITS.encode(), -len(_DIGITS)),
        lag=(entry["updatedAt"] - entry["createdAt"]) // _MILLISECOND,
    )


def _after(body: bytes, name: bytes, further: int = 0) -> tuple[int, ...]:
    """Where the values of the elements of a type and name begin, and so many bytes further."""
    return tuple(found.end() + further for found in re.finditer(re.escape(name), body))


def _projected(value: Any, paths: Collection[tuple[str, ...]]) -> Any:
    """What a projection that names fields leaves of a document; it looks into lists."""
    if isinstance(value, list):
        return [_projected(item, paths) for item in value if isinstance(item, dict)]
    kept: Document = {}
    for name, inner in value.items():
        below = [path[1:] for path in paths if path[0] == name]
        if () in below:
            kept[name] = inner
        elif below and isinstance(inner, dict | list):
            kept[name] = _projected(inner, below)
    return kept
