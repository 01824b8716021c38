"""Which messages a fan was sent: what the entries and the events of e-mail and texts agree on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from export_platform.local.seed.sized import blocks, marketing
from export_platform.local.seed.sized import plan as plans
from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.codes import STAGE_WITHOUT_CODE, holders
from export_platform.local.seed.sized.draws import Whole
from export_platform.local.seed.sized.people import telephones
from export_platform.local.seed.sized.plan import Flags

SOFT: Final = 0.01
"""Bounces for now, of every kind of message; those for good follow from the account (0.6 %)."""

_NOTIFIED: Final = int(blocks.NOTIFIED.timestamp()) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One kind of e-mail to the fans of a chunk.

    Attributes:
        kind: As on the entries.
        places: Who was sent it, by place in the chunk.
        at: When, in milliseconds, for every place of the chunk.
        hard: It bounced for good; by place in the chunk.
        soft: It bounced for now; by place in the chunk.
    """

    kind: str
    places: Whole
    at: Whole
    hard: Flags
    soft: Flags

    @property
    def bounced(self) -> Flags:
        """Whether it came back, for each of `places`."""
        found: Flags = (self.hard | self.soft)[self.places]
        return found


def by_email(chunk: Chunk) -> Iterator[Message]:
    """A confirmation for all, the result of the draw, and the news of a promotion."""
    plan = chunk.plan
    hard = marketing.standings(chunk) == marketing.BOUNCED
    today = plan.version == plans.TODAY
    told = np.full(len(plan.created), _NOTIFIED, dtype=np.int64)
    decided = (plan.outcome == plans.SELECTED) | (plan.outcome == plans.NOT_SELECTED)
    kinds = (
        ("confirmation", today, plan.created),
        ("waitlist", plan.outcome == plans.WAITLISTED, told),
        ("result", decided, told),
        ("promotion", plan.promoted, blocks.promotions(chunk)),
    )
    for kind, whom, at in kinds:
        soft = chunk.draws.chance(f"message.soft.{kind}", chunk.index, SOFT) & ~hard
        yield Message(kind=kind, places=np.flatnonzero(whom), at=at, hard=hard, soft=soft)


def texted(chunk: Chunk) -> Flags:
    """Whether each was sent a code as a text: a holder whose code was sent, with a telephone."""
    sent = chunk.plan.stage != STAGE_WITHOUT_CODE
    return np.array(holders(chunk), dtype=np.bool_) & sent & telephones(chunk)
