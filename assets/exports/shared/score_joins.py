"""Bring scores and what they are about together, on disk where there are many (DOMAIN.md 7.13)."""

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

# The subject's id, the source, and the place in it; then the thing itself.
Pair = tuple[tuple[Any, ...], Any]
# The source of what scores are about; scores have the sources from 1 on.
SUBJECT: Final = 0

_KEY = itemgetter(0)


def _subject(pair: Pair) -> object:
    return pair[0][0]


def together(*pairs: Iterable[Pair]) -> Iterator[tuple[list[Any], dict[int, Any]]]:
    """Group sorted pairs by the id of their subject.

    Args:
        pairs: Each in the order of its keys: `(id, source, place)`.

    Yields:
        The subjects with one id, and by source the last score of it: of what a file says twice the
        later line counts (DOMAIN.md 4.3).
    """
    for _, group in groupby(merge(*pairs, key=_KEY), key=_subject):
        subjects: list[Any] = []
        scores: dict[int, Any] = {}
        for (_, source, _), value in group:
            if source == SUBJECT:
                subjects.append(value)
            else:
                scores[source] = value
        yield subjects, scores
