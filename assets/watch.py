"""How an export tells the one who watches it how far it is."""

from typing import Protocol


class Watch(Protocol):
    """Told how far the export is; raises to stop it."""

    def advance(self, **progress: int) -> None:
        """Report rows read, rows written, rows in total or bytes, whichever are known anew.

        Raises:
            LeaseLost: Somebody else has the export.
            Cancelled: It was cancelled.
        """
