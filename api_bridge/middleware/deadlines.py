"""When a deadline is up that many have at once: not at once.

Whoever opens five hundred slow connections together would have them refused together, every fifteen
seconds: 0.3 s of the core in a lump, in which everybody else waits.
"""

import random
from typing import Final

# Of the time that was promised; on top of it, so that nobody has less.
SPREAD: Final = 1 / 3
_CHANCE: Final = random.SystemRandom()


def spread(seconds: float) -> float:
    """So many seconds, or up to a third more by chance."""
    return seconds * (1 + SPREAD * _CHANCE.random())
