"""Who brought whom into a campaign, in very little memory (DOMAIN.md 2.5 `referral`, 7.18).

An entry names at most one other that brought it, so following those names ends, or goes round in a
loop. Nobody is credited with a fan of a loop, however long it is: 14 brought 16 brought 14.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bson import ObjectId

_UNSEEN, _ON_THE_WAY, _DONE = 0, 1, 2
_NOBODY: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """An entry that names another as the one that brought it.

    Attributes:
        entry: Whose entry it is.
        by: The other entry.
        verified: Whether the one who was brought turned out to be a fan.
    """

    entry: ObjectId
    by: ObjectId
    verified: bool


class Referrals:
    """Counts whom each entry brought.

    It holds 33 bytes a referral while it is made and 16 after: 12 % of 3.5 million entries have one
    (DOMAIN.md 10), which makes 14 MB.

    Args:
        known: In any order; of two of one entry the first counts.
    """

    def __init__(self, known: Iterable[Referral]) -> None:
        edges = _Edges(known)
        loops = edges.in_loops()
        credited = [place for place, looped in enumerate(loops) if not looped]
        self._looped = array("Q", (edges.entries[p] for p, looped in enumerate(loops) if looped))
        self._signups = array("Q", sorted(edges.by[place] for place in credited))
        self._verified = array(
            "Q", sorted(edges.by[place] for place in credited if edges.verified[place])
        )

    def signups(self, entry: ObjectId) -> int:
        """How many it brought."""
        return _count(self._signups, entry)

    def verified(self, entry: ObjectId) -> int:
        """How many of them are fans."""
        return _count(self._verified, entry)

    def is_looped(self, entry: ObjectId) -> bool:
        """Whether whoever brought it was, by some way, brought by it."""
        return _count(self._looped, entry) > 0


class _Edges:
    """The referrals in the order of their entries, each once."""

    def __init__(self, known: Iterable[Referral]) -> None:
        entries, by, verified = array("Q"), array("Q"), bytearray()
        for one in known:
            entries.append(number(one.entry))
            by.append(number(one.by))
            verified.append(one.verified)
        order = sorted(range(len(entries)), key=entries.__getitem__)
        kept = [p for n, p in enumerate(order) if n == 0 or entries[p] != entries[order[n - 1]]]
        self.entries = array("Q", map(entries.__getitem__, kept))
        self.by = array("Q", map(by.__getitem__, kept))
        self.verified = bytes(map(verified.__getitem__, kept))

    def in_loops(self) -> bytearray:
        """For each whether it is in a loop; every one is passed once."""
        looped, seen = bytearray(len(self.entries)), bytearray(len(self.entries))
        for start in range(len(self.entries)):
            place, way = start, []
            while place != _NOBODY and seen[place] == _UNSEEN:
                seen[place] = _ON_THE_WAY
                way.append(place)
                place = self._before(place)
            if place != _NOBODY and seen[place] == _ON_THE_WAY:
                for one in way[way.index(place) :]:
                    looped[one] = True
            for one in way:
                seen[one] = _DONE
        return looped

    def _before(self, place: int) -> int:
        """The place of the one who brought the entry; nobody where that one came by itself."""
        wanted = self.by[place]
        found = bisect_left(self.entries, wanted)
        there = found < len(self.entries) and self.entries[found] == wanted
        return found if there else _NOBODY


def number(entry: ObjectId) -> int:
    """Machine and counter of an id: no two entries of one campaign share them."""
    return int.from_bytes(entry.binary[4:])


def _count(numbers: "array[int]", entry: ObjectId) -> int:
    wanted = number(entry)
    return bisect_right(numbers, wanted) - bisect_left(numbers, wanted)
