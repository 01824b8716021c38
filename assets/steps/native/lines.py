"""Makes the rows of a batch: the usual ones in C, the others by the Python path beside it."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from bson import ObjectId

from assets.model.column import Unfit
from assets.steps.encode.run import Run
from assets.steps.native.kernel import Kernel
from assets.steps.rows import Ledger

# What the kernel is told of an account (`_rows.c`, USER_ERASED and the following).
_ERASED: Final = 1
_FLAGGED: Final = 2
_UNUSUAL: Final = 4
USER_FIELDS: Final = ("accountId", "erasure", "flags", "mergedInto")
"""What is read of an account for the kernel."""

Document = Mapping[str, Any]
_ENDS: Final = "I"  # uint32_t, on every machine that Python runs on
_SIZE: Final = array(_ENDS).itemsize


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
        users: Finds accounts by the ids of users, after merges.
    """

    def __init__(
        self,
        kernel: Kernel,
        users: Callable[[set[ObjectId]], Mapping[object, Document]],
    ) -> None:
        self._kernel, self._users = kernel, users

    def made(self, batch: Sequence[bytes], ledger: Ledger) -> list[Run | int]:
        """Runs of rows, and between them the places of the documents that are for Python.

        Args:
            batch: The documents.
            ledger: Counts what is filtered and odd.
        """
        kernel = self._kernel
        found = self._users({ObjectId(one) for one in kernel.native.user_ids(batch)})
        users = {one.binary: self._user(found[one]) for one in found if isinstance(one, ObjectId)}
        records, keys, ends, odd, filtered, notes = kernel.native.convert(batch, users)
        for reason, times in zip(kernel.reasons, filtered, strict=True):
            if times:
                ledger.filtered[reason] += times
        for note, times in zip(kernel.notes, notes, strict=True):
            if times:
                ledger.notes[note] += times
        ledger.read += len(batch) - len(odd)
        return list(_runs(Run(records, keys, array(_ENDS, ends), 0, len(ends) // _SIZE), odd))

    def _user(self, user: Document) -> tuple[int, bytes]:
        flags = user.get("flags") or ()
        readable = isinstance(flags, list | tuple) and all(isinstance(one, str) for one in flags)
        if user.get("undecodable") or not readable:
            return _UNUSUAL, b""
        try:
            cell = self._kernel.account(user.get("accountId"))
        except Unfit:
            return _UNUSUAL, b""
        flagged = _FLAGGED if self._kernel.flags.intersection(flags) else 0
        return flagged | (0 if user.get("erasure") is None else _ERASED), cell
