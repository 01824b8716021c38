"""Makes the rows of a batch: the usual ones in C, the others by the Python path beside it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bson import ObjectId

from assets.model.column import Unfit
from assets.steps.native.kernel import Kernel
from assets.steps.rows import Ledger

# What the kernel is told of an account (`_rows.c`, USER_ERASED and the following).
_ERASED: Final = 1
_FLAGGED: Final = 2
_UNUSUAL: Final = 4
USER_FIELDS: Final = ("accountId", "erasure", "flags", "mergedInto")
"""What is read of an account for the kernel."""

Document = Mapping[str, Any]


class Lines:
    """Runs a compiled plan.

    Args:
        kernel: The plan.
        users: Finds accounts by the ids of users, after merges.
        ledger: Counts what is filtered and odd.
    """

    def __init__(
        self,
        kernel: Kernel,
        users: Callable[[set[ObjectId]], Mapping[object, Document]],
        ledger: Ledger,
    ) -> None:
        self._kernel, self._users, self._ledger = kernel, users, ledger

    def made(self, batch: Sequence[bytes]) -> list[tuple[bytes, bytes] | bool | None]:
        """Of each document the key and the record, False if it is filtered, None for Python."""
        kernel, ledger = self._kernel, self._ledger
        found = self._users({ObjectId(one) for one in kernel.native.user_ids(batch)})
        users = {one.binary: self._user(found[one]) for one in found if isinstance(one, ObjectId)}
        rows, filtered, notes = kernel.native.convert(batch, users)
        for reason, times in zip(kernel.reasons, filtered, strict=True):
            if times:
                ledger.filtered[reason] += times
        for note, times in zip(kernel.notes, notes, strict=True):
            if times:
                ledger.notes[note] += times
        ledger.read += len(batch) - rows.count(None)
        return rows

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
