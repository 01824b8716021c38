"""Keep small groups of people from being counted in a file that leaves the house.

A count below k is hidden (k-anonymity, DOMAIN.md 7.10, 9). That alone is not enough: where a sum is
shown beside its parts, a single hidden part is the difference, and hidden parts that are few
together tell nearly as much. So more counts are hidden until neither can be worked out.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

Cell = TypeVar("Cell", bound=Hashable)


def hidden(
    counts: Mapping[Cell, int],
    relations: Sequence[Sequence[Cell]],
    *,
    k: int,
    given: Collection[Cell] = (),
) -> frozenset[Cell]:
    """The counts that must not be shown.

    Args:
        counts: How many people, by cell.
        relations: Cells of which one is the sum of the others. Of each, none is hidden, or at
            least two are and they hold at least `k` people together; the smallest others are hidden
            until it is so, or all but noughts are.
        k: The smallest count that may be shown; nought may be shown as well, for it is nobody.
        given: Cells that are hidden for another reason.
    """
    found = {cell for cell, count in counts.items() if 0 < count < k} | set(given)
    growing = True
    while growing:
        growing = False
        for relation in relations:
            following = _next(relation, counts, found, k)
            if following is not None:
                found.add(following)
                growing = True
    return frozenset(found)


def _next(
    relation: Sequence[Cell], counts: Mapping[Cell, int], found: set[Cell], k: int
) -> Cell | None:
    """One more cell of a relation to hide, or None when it gives nothing away."""
    gone = [counts[cell] for cell in relation if cell in found]
    if not gone or (len(gone) > 1 and sum(gone) >= k):
        return None
    # Hiding nought protects nobody, and would spread to every sum that nought is part of.
    shown = [cell for cell in relation if cell not in found and counts[cell]]
    return min(shown, key=lambda cell: counts[cell], default=None)
