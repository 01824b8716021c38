"""Makes the rows of a batch: the usual ones in C, the others by the Python path beside it."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from bson import ObjectId

from assets.model.source import EntryRow
from assets.steps.encode.run import Run
from assets.steps.native.kernel import Kernel
from assets.steps.native.numbers import UserBit
from assets.steps.read import MadeRows
from assets.steps.rows import Ledger

Document = Mapping[str, Any]
_ENDS: Final = "I"  # uint32_t, on every machine that Python runs on
_SIZE: Final = array(_ENDS).itemsize
# What is asked about a batch is answered, and then it is all known; in a third round nothing is new
# but what no table has room for.
_ROUNDS: Final = 2


def _runs(made: Run, odd: Sequence[tuple[int, int]]) -> Iterator[Run | int]:
    """The rows that were made, cut where a document is not."""
    begun = 0
    for place, before in odd:
        if before > begun:
            yield made.part(begun, before)
        yield place
        begun = before
    if begun < len(made):
        yield made.part(begun, len(made))


class Lines:
    """Runs a compiled plan.

    Args:
        kernel: The plan.
        users: Finds accounts by the ids of users, after merges; with the fields that the kernel
            names, or whole where it names none.
    """

    def __init__(
        self,
        kernel: Kernel,
        users: Callable[[set[ObjectId]], Mapping[object, Document]],
    ) -> None:
        self._kernel, self._users = kernel, users
        self._nobody = self._told(None)

    def made(self, batch: Sequence[bytes], ledger: Ledger) -> MadeRows:
        """Runs of rows, and between them the places of the documents that are for Python.

        Args:
            batch: The documents.
            ledger: Counts what is filtered and odd.
        """
        kernel = self._kernel
        asked = {ObjectId(one) for one in kernel.native.user_ids(batch)}
        found = self._users(asked)
        users = {one.binary: self._told(found[one]) for one in found if isinstance(one, ObjectId)}
        users[b""] = self._nobody
        for _ in range(_ROUNDS):
            converted = kernel.native.convert(batch, users, kernel.tables.known)
            if not converted[-1] or not kernel.tables.learn(batch, converted[-1]):
                break
        records, keys, parts, ends, odd, filtered, notes, _ = converted
        for reason, times in zip(kernel.reasons, filtered, strict=True):
            if times:
                ledger.filtered[reason] += times
        for note, times in zip(kernel.notes, notes, strict=True):
            if times:
                ledger.notes[note] += times
        ledger.read += len(batch) - len(odd)
        rows = len(ends) // _SIZE
        keyed = array(_ENDS, parts) if parts else None
        run = Run(records, keys, array(_ENDS, ends), 0, rows, keyed)
        if kernel.fields is not None:
            return MadeRows(rows=list(_runs(run, odd)))
        return MadeRows(rows=list(_runs(run, odd)), users=found, asked=asked)

    def _told(self, user: Document | None) -> tuple[int, tuple[bytes, ...]]:
        """What the kernel is told of an account, or of none."""
        kernel, known = self._kernel, user or {}
        flags = known.get("flags") or ()
        readable = isinstance(flags, list | tuple) and all(isinstance(one, str) for one in flags)
        bits = 0 if readable and not known.get("undecodable") else UserBit.UNUSUAL
        if bits == 0:
            bits |= UserBit.FLAGGED if kernel.flags.intersection(flags) else 0
            bits |= 0 if known.get("erasure") is None else UserBit.ERASED
        row, cells = EntryRow({}, user, kernel.facts), list[bytes]()
        for cell in kernel.cells:
            made = cell(row)
            bits |= UserBit.UNUSUAL if made is None else 0
            cells.append(made or b"")
        for bit, fails in kernel.user_rules:
            failed = fails(row)
            bits |= UserBit.UNUSUAL if failed is None else bit * failed
        return bits, tuple(cells)
