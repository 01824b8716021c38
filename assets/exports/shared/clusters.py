"""Find what belongs together because it shares values, without comparing pairs.

Each thing gets a number and each of its values a hash; sorting the hashes on disk brings those who
share one beside each other, and a union-find over the numbers joins them. Memory is 9 bytes a
thing, 32 MB for 3.5 million entries; on disk it is some 20 bytes a value. What is done grows with
the values and the logarithm of their number.
"""

from array import array
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import groupby, islice
from typing import Final

from assets.steps.arrange import Sorter

# 8 bytes of a hash a value: of 17.5 million values, five of each of 3.5 million entries, two share
# one by chance with a probability of 1 in 100,000.
_BYTES: Final = 8
# Pairs of numbers take a fifth of the room that rows take, so more of them are sorted at a time: 88
# runs for 17.5 million values.
_RUN: Final = 200_000


class Clusters:
    """Takes things with their values, then tells who belongs to whom.

    Args:
        most: A value that more things share joins nobody: it is that of a crowd (DOMAIN.md 7.19).
        run: Values sorted in memory at a time.
    """

    def __init__(self, *, most: int, run: int = _RUN) -> None:
        self._most = most
        self._values: Sorter[int] = Sorter(run=run)
        # The way to the first of a cluster, which is its own; the kinds of values that are shared.
        self._parents = array("I")
        self._kinds = bytearray()
        self._sizes = array("I")

    def add(self, values: Mapping[int, str]) -> int:
        """Take one thing, and give its number, from 0 on.

        Args:
            values: By their kind, from 0 to 7; only values of one kind are compared.
        """
        number = len(self._parents)
        self._parents.append(number)
        self._kinds.append(0)
        for kind, value in values.items():
            self._values.add((_hash(kind, value), number), kind)
        return number

    def join(self) -> None:
        """Find out who belongs together; to be asked for once, after the last thing."""
        for kind, numbers in self._shared():
            for number in numbers:
                self._kinds[number] |= 1 << kind
                self._unite(numbers[0], number)
        self._sizes = array("I", bytes(self._parents.itemsize * len(self._parents)))
        for number in range(len(self._parents)):
            self._sizes[self.first(number)] += 1

    def first(self, number: int) -> int:
        """The lowest number of the cluster that a thing is in."""
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]  # halves the way for the next who asks
            number = parents[number]
        return number

    def size(self, number: int) -> int:
        """How many things the cluster holds."""
        return self._sizes[self.first(number)]

    def kinds(self, number: int) -> list[int]:
        """The kinds of values that the thing itself shares with others."""
        return [kind for kind in range(8) if self._kinds[number] >> kind & 1]

    def _shared(self) -> Iterator[tuple[int, list[int]]]:
        """The kind of each value that things share, and their numbers, ascending."""
        for _, pairs in groupby(self._values.pairs(), key=lambda pair: pair[0][0]):
            found = [(kind, number) for (_, number), kind in islice(pairs, self._most + 1)]
            if 1 < len(found) <= self._most:
                yield found[0][0], [number for _, number in found]

    def _unite(self, one: int, other: int) -> None:
        low, high = sorted((self.first(one), self.first(other)))
        self._parents[high] = low


def _hash(kind: int, value: str) -> int:
    text = f"{kind}|{value}".encode(errors="surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=_BYTES).digest())
