"""The kernel of `_rows.c` in Python, for an install without a compiler.

It takes the same plan and gives the same rows, and it too leaves to the Python path what is
unusual. Texts are made by the very formatters of that path, each once for a value that many rows
share; so no rule about a text stands here. What is saved is what surrounds them: the plan becomes
one function (`twin_source.py`) that reads a document, judges it and joins its cells, with hardly a
call a column.

A document is decoded alone, by PyMongo, and forgotten before the next one: memory does not follow
the batch, and Python's garbage collector, which counts what is alive, finds nothing to do.
"""

import re
from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from threading import Lock
from typing import Any, Final

from assets.steps.native.twin_source import Made, PlanArguments, compiled
from assets.steps.native.twin_values import Texts, Warned
from resources.mongo.batch import Batch
from resources.mongo.shallow import ListNames

SOURCE: Final = "python"
"""Says in a digest of attempts (`assets/chunks.py`) that this made the rows."""

# An element that names an account (bsonspec.org: type, name), and behind it the account's id.
_users: Final = re.compile(rb"\x07userId\x00(?=(.{12}))", re.DOTALL).findall
_ENDS: Final = "I"
_NOTHING: Final = b""  # is no document
# Batches in a row in which more lists than documents were decoded: it costs more than it spares,
# and what is new in the first of them may still come again.
MOST_IN_VAIN: Final = 5

# The place of a document, the table, and the values that it would be found by.
Asked = tuple[int, int, Hashable]
Told = tuple[int, tuple[bytes, ...]]


class Known:
    """What Python has said of some values.

    Args:
        tables: Each of tokens and cells by turns.
    """

    def __init__(self, tables: tuple[tuple[Any, ...], ...]) -> None:
        self.tables = tuple(dict(zip(one[::2], one[1::2], strict=True)) for one in tables)


class Kernel:
    """A compiled plan, as the one of `_rows.c`.

    Args:
        texts: Of each column what makes the text of a value, as the Python path does.
        warned: What these texts tell of leniencies.
        plan: What `_rows.c` takes too (`kernel.py`, `_Compiler`).
    """

    def __init__(
        self, *, texts: Sequence[Callable[[Any], str]], warned: Warned, **plan: Any
    ) -> None:
        given = PlanArguments(**plan)
        cells = Texts(texts, warned, delimiter=given.delimiter.decode(), all=bool(given.quote_all))
        self._make = compiled(given, cells)
        self._plan, self._texts, self._in_vain = given, cells, 0
        self._lists = ListNames(given.sent or (), given.lists) if given.apart else None
        self._one_at_a_time = Lock()  # what has been warned of is the row's that is made

    def user_ids(self, batch: Sequence[bytes]) -> set[bytes]:
        """The accounts that the documents name, and perhaps some that only a text seems to name."""
        pieces = (batch.data,) if isinstance(batch, Batch) else batch
        return {user for piece in pieces for user in _users(piece)}

    def convert(
        self, batch: Sequence[bytes], users: Mapping[bytes, Told], known: Known
    ) -> tuple[
        bytes, bytes, bytes, bytes, list[tuple[int, int]], list[int], list[int], list[Asked]
    ]:
        """Records, keys and the ends of both; documents for Python, counts, what it asks."""
        with self._one_at_a_time:
            made = self._made(batch if isinstance(batch, Batch) else Batch.of(batch), users, known)
        ends = array(_ENDS, accumulate(map(len, made.records)))
        notes = Counter[bytes](made.answered)
        return (
            b"".join(made.records),
            b"".join(made.keys),
            b"" if self._plan.merged else array(_ENDS, made.parts).tobytes(),
            ends.tobytes(),
            made.odd,
            [made.filtered[rule] for rule in range(len(self._plan.rules))],
            [made.users, made.wishes, made.locales, *(notes[key] for key in self._plan.questions)],
            made.asked,
        )

    def _made(self, batch: Batch, users: Mapping[bytes, Told], known: Known) -> Made:
        """What becomes of the documents; those whose lists are perhaps none are for Python."""
        made = self._make(_raw(batch), users, known.tables)
        if self._lists is None:
            return made
        if self._lists.are_all(batch.data, made.lists):
            self._judge(made.looks > len(batch))
            return made
        sound = (raw if self._lists.are_those_of(raw) else _NOTHING for raw in _raw(batch))
        return self._make(sound, users, known.tables)

    def _judge(self, in_vain: bool) -> None:
        """Decode documents whole from now on, where hardly any lists are alike."""
        self._in_vain = self._in_vain + 1 if in_vain else 0
        if self._in_vain == MOST_IN_VAIN:
            self._make, self._lists = compiled(replace(self._plan, sent=None), self._texts), None


def _raw(batch: Batch) -> Iterator[bytes]:
    """The bytes of each document."""
    data, places = batch.data.tobytes(), iter(batch.places)
    return (data[begin:end] for begin, end in zip(places, places, strict=True))
