"""The memory that the parts of an upload lie in, and the body that it is sent as."""

import hashlib
import mmap
import threading
from collections.abc import Iterable, Iterator
from typing import Final

_PRIVATE: Final = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


class PartBuffers:
    """So many buffers of one size, each filled again once what was in it is sent.

    They are the system's and not the heap's. There a part takes the place of two batches that were
    freed beside each other, which the next ones find elsewhere: 10 MB of an export of a million
    rows. What is not filled takes no memory, so that a small file need not begin with less.

    Args:
        size: The bytes of each.
        most: How many there are; they are made when they are asked for.
    """

    def __init__(self, size: int, most: int) -> None:
        self._size = size
        self._free = threading.Semaphore(most)
        self._spare: list[memoryview] = []

    def take(self) -> memoryview:
        """One that nobody has; waits for it."""
        self._free.acquire()
        if self._spare:
            return self._spare.pop()
        return memoryview(mmap.mmap(-1, self._size, flags=_PRIVATE))

    def give_back(self, buffers: Iterable[memoryview]) -> None:
        """Let others have them."""
        for buffer in buffers:
            self._spare.append(buffer)
            self._free.release()


class Body:
    """What buffers hold, as one stream: botocore makes no copy of it, and can send it again.

    Args:
        buffers: In order, each full but the last.
        size: The bytes of all.

    Attributes:
        pieces: What is in each of them.
    """

    def __init__(self, buffers: Iterable[memoryview], size: int) -> None:
        self.pieces = tuple(_filled(buffers, size))
        self._size, self._place = size, 0

    def __len__(self) -> int:
        """The bytes of all."""
        return self._size

    def sha256(self) -> bytes:
        """The digest of all; nothing is read by it."""
        digest = hashlib.sha256()
        for piece in self.pieces:
            digest.update(piece)
        return digest.digest()

    def read(self, _: int = -1) -> memoryview | bytes:
        """The rest of a piece, however little is asked for, as each one is a call to send it."""
        end = 0
        for piece in self.pieces:
            end += len(piece)
            if self._place < end:
                rest, self._place = piece[self._place - end :], end
                return rest
        return b""

    def tell(self) -> int:
        """How many bytes have been read."""
        return self._place

    def seek(self, place: int) -> None:
        """Go on reading behind so many bytes."""
        self._place = place


def _filled(buffers: Iterable[memoryview], size: int) -> Iterator[memoryview]:
    for buffer in buffers:
        yield buffer[:size]
        size = max(0, size - len(buffer))
