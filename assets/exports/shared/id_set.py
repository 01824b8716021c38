"""A set of very many ids in very little memory."""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

# 8 bytes of a hash an id, where Python's own set of texts takes 120: a million codes are 8 MB.
# Two of a million ids share one with a probability of 3 in 100 million.
_BYTES: Final = 8


class IdSet:
    """Tells whether an id is one of those it was made of.

    Args:
        ids: Texts, in any order; repeated ones count once.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._numbers = array("Q", sorted(array("Q", map(_number, ids))))

    def digests(self) -> bytes:
        """What is kept of each, ascending, the highest byte first: for `assets/steps/native`."""
        numbers = self._numbers[:]
        if sys.byteorder == "little":
            numbers.byteswap()
        return numbers.tobytes()

    def __contains__(self, wanted: str) -> bool:
        number = _number(wanted)
        place = bisect_left(self._numbers, number)
        return place < len(self._numbers) and self._numbers[place] == number


def _number(text: str) -> int:
    return int.from_bytes(sha256(text.encode()).digest()[:_BYTES])
