"""What goes on beside a block, in a thread of its own."""

import threading
from typing import Self


class Beside:
    """Runs until its block ends; it is over once `_end` is set."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        """What goes on."""
        raise NotImplementedError
