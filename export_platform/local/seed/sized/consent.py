"""Who agreed to what: the one truth behind the entries and the ledger of consents."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.draws import Whole
from export_platform.local.seed.sized.plan import Flags

REGRANTED: Final = 0.003
"""Of those who agreed to a promoter, how many had agreed and withdrawn before."""

_LETTERS: Final = {"artist_email": "a", "sms": "s", "promoter_email": "p"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Columns of consents.

    Attributes:
        texts: The consent to texts names the promoter too.
        whose: The promoter asked for, by number; -1 where there is none.
    """

    artist: Flags
    sms: Flags
    promoter: Flags
    withdrawn: Flags
    texts: Flags
    whose: Whole


def given(chunk: Chunk) -> Given:
    """Artist 55 %, texts 61 %, the promoter of the first wish 38 %; 2.5 % withdrawn later."""
    draws, index, count = chunk.draws, chunk.index, chunk.recipe.promoters
    first = chunk.plan.preferences[0]
    whose = first % count if count else np.full(len(first), -1, dtype=np.int64)
    promoter = draws.chance("consent.promoter", index, 0.38) & (whose >= 0)
    sms = draws.chance("consent.sms", index, 0.61)
    return Given(
        artist=draws.chance("consent.artist", index, 0.55),
        sms=sms,
        promoter=promoter,
        withdrawn=draws.chance("consent.withdrawn", index, 0.025) & promoter,
        texts=draws.chance("consent.texts", index, 0.3) & promoter & sms,
        whose=whose,
    )


def evidence(key: str, number: int, suffix: str = "") -> str:
    """The id under which the ledger keeps an act of consent; one act, one id."""
    return f"ev_{number}{_LETTERS[key]}{suffix}"
