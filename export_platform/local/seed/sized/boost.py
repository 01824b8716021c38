"""What fans do for points: the boosts of a campaign, and points taken apart into activities."""

from collections.abc import Iterator
from typing import Final

from export_platform.local.seed.basis.dataset import Document

BOOSTS: Final = (("merch", 500, 4), ("album", 50, 10), ("watch", 10, 5), ("share", 5, 5))
"""Key, points of one activity, and how many count a day; from the dearest to the cheapest."""

CAPPED: Final = 0.03
"""Of those with points, how many tried more often than a day allows."""

MISMATCH: Final = 0.001
"""Of those with points, how many have one activity that the ledger of events does not know."""


def campaign_boosts() -> list[Document]:
    """The boosts as the campaign lists them."""
    return [
        {"key": key, "label": {"en-US": key.capitalize()}, "weight": weight, "dailyCap": cap}
        for key, weight, cap in BOOSTS
    ]


def activities(points: int) -> Iterator[tuple[str, int]]:
    """Key and count of the fewest activities that make so many points, a multiple of five.

    No count reaches its daily cap, so that one day is enough for all of them.
    """
    left = points
    for key, weight, _ in BOOSTS:
        count, left = divmod(left, weight)
        if count:
            yield key, count
