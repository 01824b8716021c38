"""What fans do for points: the boosts of a campaign, and points taken apart into activities."""

from typing import Final

import numpy as np

from export_platform.local.seed.basis.dataset import Document
from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.draws import Whole
from export_platform.local.seed.sized.plan import Flags

BOOSTS: Final = (("merch", 500, 4), ("album", 50, 10), ("watch", 10, 5), ("share", 5, 5))
"""Key, points of one activity, and how many count a day; from the dearest to the cheapest."""

CAPPED: Final = 0.085
"""Of those with points, how many shared as often as a day allows, and once more; where the points
can be made that way: 3 % in the end."""

MISMATCH: Final = 0.001
"""Of those with points, how many have one activity that the ledger of events does not know."""

_CHEAPEST: Final = len(BOOSTS) - 1


def campaign_boosts() -> list[Document]:
    """The boosts as the campaign lists them."""
    return [
        {"key": key, "label": {"en-US": key.capitalize()}, "weight": weight, "dailyCap": cap}
        for key, weight, cap in BOOSTS
    ]


def capped(chunk: Chunk) -> Flags:
    """Who shared once more than a day allows: points that end in 5, of which 25 are shares."""
    _, share, cap = BOOSTS[_CHEAPEST]
    points = chunk.plan.points
    possible = (points >= share * cap) & (points % (2 * share) == share)
    return possible & chunk.draws.chance("boost.capped", chunk.index, CAPPED)


def counts(chunk: Chunk) -> list[Whole]:
    """How often each did each of `BOOSTS`: the fewest activities that make the points.

    No count is over its daily cap, so that one day is enough for all of them.
    """
    _, share, cap = BOOSTS[_CHEAPEST]
    shared = np.where(capped(chunk), cap, 0)
    left = chunk.plan.points - shared * share
    found = []
    for _, weight, _ in BOOSTS:
        count, left = left // weight, left % weight
        found.append(count)
    found[_CHEAPEST] = found[_CHEAPEST] + shared
    return found


def done_at(chunk: Chunk, kind: int, turn: Whole | int) -> Whole:
    """When each did activity `turn` (from 0) of a kind: in the minutes after registering."""
    return chunk.plan.created + 60_000 * (kind + 1) + 1_000 * turn
