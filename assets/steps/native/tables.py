"""What Python has said of values that many rows share, for the kernel to say again (`same`)."""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, Protocol

from assets.model.campaign import Facts
from assets.model.source import EntryRow
from assets.steps.read import decoded

MOST: Final = 20_000
"""Values of one table: 5 MB of cells. What comes after them is made in Python."""

# The place of a document, the table, and the values that it would be found by: bytes of `_rows.c`,
# and of its twin the values themselves.
Asked = tuple[int, int, Hashable]
# The bytes that the kernel writes or compares; None where only Python can make the row.
Answer = Callable[[EntryRow], bytes | None]


class Known(Protocol):
    """Tables as the kernel searches them."""


class Heard(threading.local):
    """Whether a formatter warned: of such a value every row must count, so that none is kept.

    Several threads ask, and each hears its own.
    """

    def __init__(self) -> None:
        self.anything = False

    def __call__(self, _code: str) -> None:
        """Take a warning."""
        self.anything = True


def unless_warned(heard: Heard, make: Callable[[], bytes]) -> bytes | None:
    """What is made, or None where it cannot be, or where somebody was warned."""
    heard.anything = False
    try:
        made = make()
    except Exception:  # noqa: BLE001 - the Python path meets it again, in its own place
        return None
    return None if heard.anything else made


class Tables:
    """Learns from the rows that the kernel asks about.

    Args:
        answers: What each table says of a row.
        facts: The ground of the rows.
        known: Makes tables of tokens and cells by turns.
    """

    def __init__(
        self,
        answers: Sequence[Answer],
        facts: Facts,
        known: Callable[[tuple[tuple[Any, ...], ...]], Known],
    ) -> None:
        self._answers, self._facts, self._make = answers, facts, known
        self._said: list[dict[Hashable, bytes | None]] = [{} for _ in answers]
        self._learning = threading.Lock()
        self.known = self._frozen()

    def learn(self, batch: Sequence[bytes], asked: Sequence[Asked]) -> bool:
        """Answer what was asked; whether anything is known now that was not before."""
        with self._learning:
            new: dict[int, list[tuple[int, Hashable]]] = {}
            for place, table, token in asked:
                said = self._said[table]
                if token not in said and len(said) < MOST:
                    said[token] = None
                    new.setdefault(place, []).append((table, token))
            for place, wanted in new.items():
                self._say(decoded(batch[place]), wanted)
            if new:
                self.known = self._frozen()
            return bool(new)

    def _say(self, entry: Mapping[str, Any], wanted: Sequence[tuple[int, Hashable]]) -> None:
        row = EntryRow(entry, None, self._facts)
        for table, token in wanted:
            self._said[table][token] = self._answers[table](row)

    def _frozen(self) -> Known:
        return self._make(
            tuple(tuple(one for pair in said.items() for one in pair) for said in self._said)
        )
