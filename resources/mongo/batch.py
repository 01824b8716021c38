"""Raw documents that lie where the server's answer put them.

A `bytes` of each would be a copy and an object a document, which cost more than receiving them
(PERFORMANCE.md); whoever wants one gets it cut out.
"""

from array import array
from collections.abc import Iterable, Sequence
from typing import Final, overload

PLACE: Final = "I"
"""`array` type of a place: four bytes on every machine that Python runs on; an answer has 48 MB."""


class Batch(Sequence[bytes]):
    """Documents of one answer, in order.

    Args:
        data: Holds them, among other bytes.
        places: Where the first begins and ends, then where the second does, and so on.
    """

    __slots__ = ("data", "places")

    def __init__(self, data: bytes | memoryview, places: "array[int]") -> None:
        self.data, self.places = memoryview(data), places

    @classmethod
    def of(cls, documents: Iterable[bytes]) -> "Batch":
        """A batch of documents that lie apart."""
        places, pieces, end = array(PLACE), list(documents), 0
        for piece in pieces:
            places.extend((end, end + len(piece)))
            end += len(piece)
        return cls(b"".join(pieces), places)

    def __len__(self) -> int:
        """How many documents."""
        return len(self.places) // 2

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> "Batch": ...

    def __getitem__(self, index: int | slice) -> "bytes | Batch":
        """A document, cut out; or a part of the batch, which holds all of its bytes.

        Raises:
            IndexError: There is none.
        """
        chosen = range(len(self))[index]
        if isinstance(chosen, int):
            return self.data[self.places[2 * chosen] : self.places[2 * chosen + 1]].tobytes()
        places = array(PLACE)
        for one in chosen:
            places.extend(self.places[2 * one : 2 * one + 2])
        return Batch(self.data, places)
