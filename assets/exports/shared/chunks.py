"""Records looked up many at a time: a query for each would cost its round trip each."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

AT_A_TIME: Final = 500  # records whose entries or accounts are looked up at once

Item = TypeVar("Item")


def chunks(items: Iterable[Item], size: int = AT_A_TIME) -> Iterator[list[Item]]:
    """The items in lists of at most so many."""
    waiting = iter(items)
    while chunk := list(islice(waiting, size)):
        yield chunk
