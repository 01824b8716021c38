"""Who holds which code: the one truth that the entries and the lake are both written from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from export_platform.local.seed.sized import plan as plans
from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.recipe import Recipe

BASE, REISSUE, SECOND_MARKET, LEAK = range(4)
"""What a code was made for; a part of its id."""

STAGE_WITHOUT_CODE: Final = 3
"""The last of the stages: picked, or promoted, and nothing more."""

ONLY_ON_ENTRY, ONLY_IN_LAKE = 1, 2
_SIDES: Final = (0.999, 0.0005, 0.0005)


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One code of one entry."""

    place: int
    number: int
    code_id: str
    market: int
    seq: int
    wave: int
    state: str
    on_entry: bool
    in_lake: bool


def code_id(recipe: Recipe, number: int, made_for: int) -> str:
    """A UUID-shaped id made of the entry's index and the reason."""
    return f"c0de{recipe.number:04x}-{recipe.campaign:04x}-4000-8{made_for:03x}-{number:012x}"


def holders(chunk: Chunk) -> list[bool]:
    """Whether each entry was sent a code: invited, not only picked, and still there."""
    plan = chunk.plan
    invited = (plan.outcome == plans.SELECTED) | plan.promoted
    there = np.isin(plan.fate, (plans.LIVE, plans.WITHDRAWN))
    here: list[bool] = (invited & there & (plan.stage != STAGE_WITHOUT_CODE)).tolist()
    return here


def codes(chunk: Chunk) -> Iterator[Code]:
    """1.07 codes a holder: 4 % re-issued, 3 % for a second market; 0.1 % on one side only."""
    rows = zip(
        chunk.numbers,
        holders(chunk),
        chunk.plan.target.tolist(),
        chunk.plan.preferences[1].tolist(),
        chunk.plan.wishes.tolist(),
        chunk.plan.wave.tolist(),
        chunk.flags("code.reissue", 0.04),
        chunk.flags("code.second", 0.067),  # of the 45 % with a second wish
        chunk.picks("code.side", _SIDES),
        strict=True,
    )
    for place, (number, holds, target, other, wishes, wave, again, more, side) in enumerate(rows):
        if not holds:
            continue
        wanted = [(BASE, target, 1, "revoked" if again else "sent")]
        if again:
            wanted.append((REISSUE, target, 2, "sent"))
        if more and wishes > 1 and other != target:
            wanted.append((SECOND_MARKET, other, 1, "sent"))
        for made_for, market, seq, state in wanted:
            yield Code(
                place=place,
                number=number,
                code_id=code_id(chunk.recipe, number, made_for),
                market=market,
                seq=seq,
                wave=wave,
                state=state,
                on_entry=side != ONLY_IN_LAKE,
                in_lake=side != ONLY_ON_ENTRY,
            )
