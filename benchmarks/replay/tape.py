"""Entries in a file as the elements of BSON arrays, cut as a server cuts its answers.

An array's elements are named by their place in it: "0", "1" (bsonspec.org). So what a batch sends
depends on where the batches before it ended, and there is a tape for each size of batch.
"""

import json
import mmap
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from benchmarks.replay.entries import Entries

MOST_BYTES: Final = 16 * 1024 * 1024
"""What an answer of MongoDB holds at most, and what a batch without a size is filled up to."""
FIRST: Final = 101
"""Documents of a first batch that nobody gave a size (MongoDB manual, "Cursor Batches")."""

_ELEMENT: Final = b"\x03"  # an embedded document
_END: Final = b"\0"
_FORM: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A piece of the tape: the elements of one array.

    Attributes:
        stop: Position of the first entry behind it.
        offset: Where it begins in the file.
        length: Its bytes.
        named: Whether its elements are named from 0 on, so that it can be sent as it is.
    """

    stop: int
    offset: int
    length: int
    named: bool


class Tape:
    """The tape of one size of batch; written when it is opened first.

    Args:
        folder: Where tapes lie.
        entries: What is on it.
        batch: Documents a batch; 0 for a first one of `FIRST` and then `MOST_BYTES` each.
    """

    def __init__(self, folder: Path, entries: Entries, batch: int) -> None:
        # A tape of other entries, or of another form, is not taken for one of these.
        path = folder / f"entries-{entries.count}-{batch}-{entries.fingerprint}-{_FORM}.tape"
        if not path.exists():
            _write(path, entries, batch)
        self._offsets = array("Q", path.with_suffix(".offsets").read_bytes())
        self._begins = array("Q", path.with_suffix(".batches").read_bytes())
        self._at = {position: number for number, position in enumerate(self._begins)}
        self.file: IO[bytes] = path.open("rb")
        empty = entries.count == 0  # nothing cannot be mapped
        self._map = b"" if empty else mmap.mmap(self.file.fileno(), 0, prot=mmap.PROT_READ)

    def cut(self, start: int, stop: int, most: int) -> Cut:
        """What one answer sends of the entries from `start` to `stop`.

        Args:
            start: Position of the first.
            stop: Position behind the last that may be sent.
            most: How many may be sent; 0 leaves it to the tape.
        """
        number = self._at.get(start)
        if number is not None:
            end = self._begins[number + 1] if number + 1 < len(self._begins) else stop
        else:
            end = start + (most or FIRST)
            while self._offsets[min(end, stop)] - self._offsets[start] > MOST_BYTES:
                end = (start + end) // 2
        end = min(end, stop, start + most if most else stop)
        offset = self._offsets[start]
        return Cut(
            stop=end,
            offset=offset,
            length=self._offsets[end] - offset,
            named=number is not None,
        )

    def renamed(self, start: int, cut: Cut) -> bytes:
        """The elements of a piece that begins inside a batch, named from 0 on."""
        parts: list[bytes] = []
        for name, position in enumerate(range(start, cut.stop)):
            element = self._map[self._offsets[position] : self._offsets[position + 1]]
            document = element[element.index(_END, 1) + 1 :]
            parts += [_ELEMENT, b"%d" % name, _END, document]
        return b"".join(parts)

    def close(self) -> None:
        """Let go of the file."""
        if isinstance(self._map, mmap.mmap):
            self._map.close()
        self.file.close()


def orders(folder: Path, count: int) -> list[tuple[int, tuple[str, ...]]]:
    """The size of batch and the fields of each tape that lies in a folder for so many entries."""
    found = (json.loads(path.read_text()) for path in sorted(folder.glob("*.json")))
    return [(one["batch"], tuple(one["fields"])) for one in found if one["count"] == count]


def _write(path: Path, entries: Entries, batch: int) -> None:
    """Write a tape beside its name and put it there at the end: half a tape is never read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    offsets, begins = array("Q", [0]), array("Q")
    half = path.with_suffix(".half")
    with half.open("wb", buffering=1 << 20) as file:
        place = name = bytes_ = 0
        for position in range(entries.count):
            document = entries.raw(position)
            full = batch or (FIRST if len(begins) == 1 else entries.count)
            # An element has at most 9 bytes beside its document.
            if not begins or name >= full or bytes_ + len(document) + 9 > MOST_BYTES:
                begins.append(position)
                name = bytes_ = 0
            element = b"%b%d%b%b" % (_ELEMENT, name, _END, document)
            file.write(element)
            name += 1
            bytes_ += len(element)
            place += len(element)
            offsets.append(place)
    path.with_suffix(".offsets").write_bytes(offsets.tobytes())
    path.with_suffix(".batches").write_bytes(begins.tobytes())
    made = {"count": entries.count, "batch": batch, "fields": entries.fields}
    path.with_suffix(".json").write_text(json.dumps(made))
    half.rename(path)
