"""Sort more rows than memory holds: sorted runs on disk, merged in one pass.

The files have no name and vanish with the process, however it ends, so that personal data is not
left behind. A full disk ends the attempt with `DISK_FULL`, which is tried again (RELIABILITY.md
4.3, disk full).
"""

import heapq
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from operator import itemgetter
from struct import Struct
from tempfile import TemporaryFile
from typing import IO, Any, Final, Generic, TypeVar

Row = TypeVar("Row")
Key = tuple[Any, ...]

# Rows sorted in memory at a time: 50,000 rows of 20 cells are about 60 MB of Python objects.
RUN: Final = 50_000
# Rows read back from a run at a time; a run is open for every 50,000 rows.
BLOCK: Final = 500

_BY_KEY: Final = itemgetter(0)
_DOUBLE, _BITS = Struct(">d"), Struct(">Q")
_HIGHEST, _ALL = 1 << 63, (1 << 64) - 1


def packed(key: Key) -> bytes:
    """A key as bytes that sort as it does: truths, numbers and texts, tuples of them inside.

    `_rows_keys.h` writes the same.

    Raises:
        TypeError: Something else stands in it.
    """
    return b"".join(map(_packed, key))


def _packed(part: object) -> bytes:
    if isinstance(part, bool):
        return b"\x01" if part else b"\x00"
    if isinstance(part, str):  # what it holds of the end's byte is made two, the later one higher
        return part.encode().replace(b"\x00", b"\x00\xff") + b"\x00\x00"
    if isinstance(part, int | float):
        return _packed_number(part)
    if isinstance(part, tuple):
        return packed(part)
    raise TypeError("a part of a key is no truth, number, text or tuple")


def _packed_number(number: float) -> bytes:
    """The nearest double, and what is left of a whole number beside it."""
    near = float(number)
    rest = number - int(near) if isinstance(number, int) else 0
    (bits,) = _BITS.unpack(_DOUBLE.pack(near + 0.0))  # of two zeros one
    bits = bits ^ _ALL if bits & _HIGHEST else bits | _HIGHEST
    return _BITS.pack(bits) + _BITS.pack(rest + _HIGHEST)


def arranged(rows: Iterable[Row], key: Callable[[Row], Key], *, run: int = RUN) -> Iterator[Row]:
    """The rows in the order of their keys.

    Args:
        rows: Any number of values that can be pickled.
        key: Gives values that compare with each other; rows of equal keys keep their order.
        run: Rows sorted in memory at a time; fewer rows than that never touch the disk.

    Raises:
        OSError: There is no room on the disk.
    """
    sorter: Sorter[Row] = Sorter(run=run)
    for row in rows:
        sorter.add(key(row), row)
    yield from map(itemgetter(1), sorter.pairs())


class Sorter(Generic[Row]):
    """Takes rows in any order and gives them back in that of their keys.

    Args:
        run: Rows sorted in memory at a time.
    """

    def __init__(self, *, run: int = RUN) -> None:
        self._run = run
        self._files: list[IO[bytes]] = []
        self._held: list[tuple[Key, Row]] = []

    def add(self, key: Key, row: Row) -> None:
        """Keep one row.

        Raises:
            OSError: There is no room on the disk.
        """
        self._held.append((key, row))
        if len(self._held) >= self._run:
            self._files.append(_written(self._take()))

    def pairs(self) -> Iterator[tuple[Key, Row]]:
        """Every row with its key, in order; to be asked for once, after the last row."""
        with ExitStack() as stack:
            runs = [_read(stack.enter_context(file)) for file in self._files]
            yield from heapq.merge(*runs, self._take(), key=_BY_KEY)

    def _take(self) -> list[tuple[Key, Row]]:
        taken, self._held = self._held, []
        taken.sort(key=_BY_KEY)
        return taken


def _written(pairs: list[tuple[Key, Any]]) -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115 - closed by the reader, or with its last reference
    for start in range(0, len(pairs), BLOCK):
        pickle.dump(pairs[start : start + BLOCK], file, pickle.HIGHEST_PROTOCOL)
    file.seek(0)
    return file


def _read(file: IO[bytes]) -> Iterator[tuple[Key, Any]]:
    while True:
        try:
            pairs = pickle.load(file)  # noqa: S301 - written above, by this process
        except EOFError:
            return
        yield from pairs
