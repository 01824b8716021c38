"""The codes as the codes service holds them, with their values (DOMAIN.md 5.2)."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from export_platform.local.seed.basis.dataset import Document
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized import blocks
from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.codes import (
    ALPHABET,
    COMMON,
    LENGTH,
    POOL,
    SHARED,
    UNIQUE,
    Code,
    bought_with,
    code_id,
    codes,
)
from export_platform.local.seed.sized.names import market_key
from export_platform.local.seed.sized.recipe import PRESALE, PRESALE_ENDS, Recipe

EXPIRED: Final = 0.02
IN_POOL: Final = 0.05

# Each of the shapes that a spreadsheet ruins or a shell would run: one code in 2,000.
_ODD: Final = 0.0005
_SHAPES: Final = (
    ("scientific", "{0}E{1}"),
    ("long_digits", "00{1:017d}"),
    ("minus", "-AB{1}"),
    ("equals", "={1}+1"),
    ("plus", "+{1}"),
    ("at", "@{1}"),
)
_COMMON: Final = ("TRUE", "FALSE", "1E10", "0012345678901234567", "-AB12")

_KINDS: Final = 8  # what a code is made for, with room; its number is unique in the campaign
_BITS: Final = 5 * LENGTH
_ODD_MULTIPLIER: Final = 0x2545F4914F6CDD1D  # odd, so that no two numbers give one value


def shared(recipe: Recipe, ledger: Ledger) -> list[Document]:
    """One code a market that anybody may use, so that no entry holds it."""
    if not recipe.entries:
        return []
    made = []
    for market in range(recipe.markets):
        identity = code_id(recipe, market, COMMON)
        value = _COMMON[market] if market < len(_COMMON) else f"FANCLUB{market:02d}"
        ledger.add("code_shared", identity)
        made.append(
            _item(recipe, identity, value, market, wave=1, seq=1)
            | {"configKey": SHARED, "state": "assigned", "assignedAt": _text(blocks.ASSIGNED)}
        )
    return made


def items(chunk: Chunk, ledger: Ledger) -> list[Document]:
    """The codes of a chunk by entry: those it was given, then that which waits in the pool."""
    values = _Values(chunk)
    found = [*_given(chunk, values, ledger), *_pool(chunk, values, ledger)]
    return [item for _, item in sorted(found, key=lambda each: each[0])]


def _given(chunk: Chunk, values: "_Values", ledger: Ledger) -> Iterator[tuple[int, Document]]:
    expired = chunk.flags("code.expired", EXPIRED)
    for code in codes(chunk):
        if not code.in_lake:
            ledger.add("codes_only_on_entry", code.code_id)
            continue
        if not code.on_entry:
            ledger.add("codes_not_on_entry", code.code_id)
        state = _state(chunk, code, expired[code.place])
        ledger.add(f"code_{state}", code.code_id)
        value = values.of(code.place, code.code_id, ledger)
        item = _item(chunk.recipe, code.code_id, value, code.market, wave=code.wave, seq=code.seq)
        item["entryId"] = str(chunk.entry_ids[code.place])
        item["state"] = state
        item["assignedAt"] = _text(blocks.REISSUED if code.seq > 1 else blocks.ASSIGNED)
        yield code.place, item


def _pool(chunk: Chunk, values: "_Values", ledger: Ledger) -> Iterator[tuple[int, Document]]:
    """Codes that nobody was given: one for each 20 entries."""
    markets = chunk.plan.preferences[0].tolist()
    for place in np.flatnonzero(chunk.draws.chance("code.pool", chunk.index, IN_POOL)).tolist():
        identity = code_id(chunk.recipe, chunk.numbers[place], POOL)
        ledger.add("code_available", identity)
        value = values.of(place, identity, ledger)
        yield place, _item(chunk.recipe, identity, value, markets[place], wave=1, seq=1)


def _state(chunk: Chunk, code: Code, expired: bool) -> str:
    """What the service knows later than the entry: used, or out of time."""
    if code.state != "sent":
        return code.state
    if bought_with(chunk, code):
        return "redeemed"
    return "expired" if expired else "sent"


def _item(
    recipe: Recipe, identity: str, value: str, market: int, *, wave: int, seq: int
) -> Document:
    return {
        "codeId": identity,
        "value": value,
        "configKey": UNIQUE,
        "marketKey": market_key(market),
        "hostEventIds": blocks.event_ids(recipe, market),
        "wave": wave,
        "seq": seq,
        "state": "available",
        "assignedAt": None,
        "validFrom": _text(PRESALE),
        "validUntil": _text(PRESALE_ENDS),
    }


def _text(instant: object) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


class _Values:
    """The values of the codes of a chunk."""

    def __init__(self, chunk: Chunk) -> None:
        share = chunk.recipe.share(_ODD, nasty=0.02)
        rest = 1.0 - share * len(_SHAPES)
        self._recipe = chunk.recipe
        self._numbers = chunk.numbers
        self._shapes = chunk.picks("code.shape", [share] * len(_SHAPES) + [rest])

    def of(self, place: int, identity: str, ledger: Ledger) -> str:
        """The value of one code; unique in the campaign, as its number is."""
        made_for = int(identity[20:23], 16)
        number = self._numbers[place] * _KINDS + made_for
        shape = self._shapes[place]
        if shape < len(_SHAPES):
            name, pattern = _SHAPES[shape]
            ledger.add(f"code_value_{name}", identity)
            return pattern.format(number % 9 + 1, number)
        return plain_value(self._recipe, number)


def plain_value(recipe: Recipe, number: int) -> str:
    """Ten letters and digits; different for every number below 2**50."""
    mixed = (number * _ODD_MULTIPLIER + recipe.number * recipe.campaign) % (1 << _BITS)
    mixed ^= mixed >> _BITS // 2
    mixed = mixed * _ODD_MULTIPLIER % (1 << _BITS)
    return "".join(ALPHABET[mixed >> 5 * digit & 31] for digit in range(LENGTH))
