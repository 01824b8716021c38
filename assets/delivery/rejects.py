"""Rows that a receiver did not take, held until they are a file.

There may be as many as the export has rows, so beyond a bound they wait on disk.
"""

import json
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import Final

from assets.model.failure import ExportFailed
from assets.model.ledger import RejectedRow

MEMORY_BYTES: Final = 1 << 20


class Rejects:
    """Rows in the order in which they were added; read any number of times."""

    def __init__(self) -> None:
        """Begin without any."""
        self._file = SpooledTemporaryFile(  # noqa: SIM115 - closed with its last reference
            MEMORY_BYTES, "w+", encoding="utf-8", newline="\n"
        )

    def add(self, row: RejectedRow) -> None:
        """Add one."""
        self._file.write(json.dumps([row.key, row.reason]) + "\n")

    def __iter__(self) -> Iterator[RejectedRow]:
        """All of them; nothing is added meanwhile."""
        self._file.seek(0)
        for line in self._file:
            key, reason = json.loads(line)
            yield RejectedRow(key=key, reason=reason)


class RowsRejected(ExportFailed):
    """`DELIVERY_REJECTED`: more rows were not taken than an export may lose.

    Attributes:
        rejects: Which, and why.
    """

    def __init__(self, message: str, rejects: Rejects) -> None:
        """Hold what becomes a file although the export fails."""
        super().__init__("DELIVERY_REJECTED", message)
        self.rejects = rejects
