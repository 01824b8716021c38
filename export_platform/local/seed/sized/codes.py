"""Who holds which code: the one truth that the entries and the lake are both written from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from export_platform.local.seed.sized import plan as plans
from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.recipe import Recipe

BASE, REISSUE, SECOND_MARKET, LEAK, POOL, COMMON = range(6)
"""What a code was made for; a part of its id."""

UNIQUE, SHARED = "presale", "fan-club"
"""Keys of the two configurations of codes."""

ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""32 letters and digits that nobody confuses, of which a code is made."""

LENGTH: Final = 10

ASSIGNED: Final = "assigned"

BOUGHT: Final = 0
"""The first of the stages: redeemed."""

STAGE_WITHOUT_CODE: Final = 3
"""The last of the stages: picked, or promoted, and the code assigned but not sent."""

ONLY_ON_ENTRY, ONLY_IN_LAKE = 1, 2
_ONE_SIDE: Final = 0.0005


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
    """Whether each entry was given a code: invited, and still there."""
    plan = chunk.plan
    invited = (plan.outcome == plans.SELECTED) | plan.promoted
    there = np.isin(plan.fate, (plans.LIVE, plans.WITHDRAWN))
    here: list[bool] = (invited & there).tolist()
    return here


def codes(chunk: Chunk) -> Iterator[Code]:
    """1.07 codes a holder: 4 % re-issued, 3 % for a second market; 0.1 % on one side only.

    Those of the last stage wait to be sent, and none of them was issued again.
    """
    one_side = chunk.recipe.share(_ONE_SIDE, nasty=0.02)
    rows = zip(
        chunk.numbers,
        holders(chunk),
        chunk.plan.target.tolist(),
        chunk.plan.preferences[1].tolist(),
        chunk.plan.wishes.tolist(),
        chunk.plan.wave.tolist(),
        chunk.flags("code.reissue", 0.04),
        chunk.flags("code.second", 0.067),  # of the 45 % with a second wish
        chunk.picks("code.side", (1.0 - 2 * one_side, one_side, one_side)),
        (chunk.plan.stage == STAGE_WITHOUT_CODE).tolist(),
        strict=True,
    )
    for place, row in enumerate(rows):
        number, holds, target, other, wishes, wave, again, more, side, waits = row
        if not holds:
            continue
        more = more and wishes > 1 and other != target
        wanted = _wanted(target, other if more else None, again=again and not waits, waits=waits)
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


def _wanted(
    target: int, other: int | None, *, again: bool, waits: bool
) -> list[tuple[int, int, int, str]]:
    """What each code was made for, its market, sequence and state."""
    state = ASSIGNED if waits else "sent"
    wanted = [(BASE, target, 1, "revoked" if again else state)]
    if again:
        wanted.append((REISSUE, target, 2, state))
    if other is not None:
        wanted.append((SECOND_MARKET, other, 1, state))
    return wanted


def bought_with(chunk: Chunk, code: Code) -> bool:
    """A fan buys once, with the code of the market drawn, not with that of the second market."""
    buys = int(chunk.plan.stage[code.place]) == BOUGHT and code.state != "revoked"
    return buys and code.market == int(chunk.plan.target[code.place])
