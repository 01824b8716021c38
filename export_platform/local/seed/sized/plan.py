"""The columns of a whole campaign that need all entries at once: draw, places on lists, arrival.

Everything else about an entry follows from its index alone; a rank does not.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.sized import anomalies
from export_platform.local.seed.sized.draws import Draws, Floats, Indexes, Whole, indexes
from export_platform.local.seed.sized.recipe import CLOSES, OPENS, Recipe
from export_platform.local.seed.sized.words import PLACES

Flags = NDArray[np.bool_]

FIRST, SECOND, TODAY = 1, 2, 3
"""Schema versions."""

FATES: Final = ("live", "rejected", "duplicate", "withdrawn", "erased", "deleted", "non_current")
FATE_WEIGHTS: Final = (0.8835, 0.065, 0.015, 0.02, 0.0025, 0.002, 0.012)
LIVE, REJECTED, DUPLICATE, WITHDRAWN, ERASED, DELETED, NON_CURRENT = range(7)

NONE, SELECTED, WAITLISTED, NOT_SELECTED = range(4)
SELECTED_SHARE: Final = 0.43
WAITLISTED_SHARE: Final = 0.52
PROMOTED_SHARE: Final = 0.065  # 0.06 M of 0.93 M (DOMAIN.md 7.0)
WAVE_WEIGHTS: Final = (0.60, 0.25, 0.15)

# Of those invited: 40 % buy (DOMAIN.md 1, rows 8 and 9).
SELECTED_STAGES: Final = ("redeemed", "code_sent", "lapsed", "selected")
PROMOTED_STAGES: Final = ("redeemed", "code_sent", "lapsed", "promoted")
STAGE_WEIGHTS: Final = (0.40, 0.25, 0.30, 0.05)

V1_STATUSES: Final = (("standby", 0.5), ("confirmed", 0.4), ("denied", 0.1))
V2_STATUSES: Final = (
    *(("waitlist", 0.45), ("winner", 0.38), ("standby", 0.07)),
    *(("confirmed", 0.05), ("denied", 0.05)),
)

EARLY, AFTER = 1, 2
"""What is wrong with a clock: the entry lies before the opening, or after the closing."""

_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR
_OPENS: Final = int(OPENS.timestamp()) * 1000
_CLOSES: Final = int(CLOSES.timestamp()) * 1000
_WINDOW: Final = _CLOSES - _OPENS
_MIDNIGHT: Final = _OPENS - 15 * _HOUR

# Peak 19 to 22 h, trough 03 to 06 h, in the fan's own zone.
_HOUR_WEIGHTS: Final = (
    *(2.4, 1.6, 1.0, 0.5, 0.4, 0.4, 0.6, 1.4, 2.4, 3.2, 3.8, 4.2),
    *(4.6, 4.6, 4.4, 4.4, 4.8, 5.4, 6.4, 8.6, 9.2, 8.8, 7.0, 4.2),
)

_BOT_BLOCK: Final = np.uint64(400)
_BOT_BLOCK_SHARE: Final = 0.4
_BOT_SCALE: Final = 34.0  # mean cluster of 61 in 40 % of the blocks of 400 makes 6 % bots

_V1_FROM: Final = int(at("2017-01-01T00:00:00Z").timestamp()) * 1000
_V2_FROM: Final = int(at("2019-01-01T00:00:00Z").timestamp()) * 1000
_V3_FROM: Final = int(at("2023-01-01T00:00:00Z").timestamp()) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One value per entry.

    Attributes:
        anomaly: -1 or a position in `anomalies.CLASSES`.
        original: The entry that a duplicate repeats, by index; any other entry's own index.
        referrer: Who told the fan, by index; -1 for nobody.
        signups: How many entries name this one as the one who told them.
    """

    anomaly: Whole
    version: Whole
    fate: Whole
    bot: Flags
    place: Whole
    created: Whole
    preferences: tuple[Whole, Whole, Whole]
    wishes: Whole
    points: Whole
    draw_rank: Whole
    outcome: Whole
    target: Whole
    wave: Whole
    position: Whole
    promoted: Flags
    stage: Whole
    original: Whole
    referrer: Whole
    signups: Whole


def make_plan(recipe: Recipe) -> Plan:
    """The plan of a campaign: about 1 s and 130 MB for a million entries."""
    draws = Draws(recipe.seed)
    index = indexes(0, recipe.entries)
    anomaly = _anomaly(recipe, index)
    version = _version(recipe, draws, index, anomaly)
    bot = _bot(draws, index) & (anomaly < 0)
    fate = _fate(draws, index, version, bot)
    fate[anomaly >= 0] = LIVE
    preferences = _preferences(recipe, draws, index)
    wishes = draws.pick("wishes", index, (0.55, 0.25, 0.20)) + 1
    place = draws.pick("place", index, [each.weight for each in PLACES])
    points = _points(draws, index)
    draw_rank, outcome = _draw(draws, index, (version == TODAY) & (fate != REJECTED), points)
    outcome[fate == DUPLICATE] = NONE
    second = draws.chance("target", index, 0.15) & (wishes > 1)
    target = np.where(second, preferences[1], preferences[0])
    promoted = draws.chance("promoted", index, PROMOTED_SHARE) & (outcome == WAITLISTED)
    referrer = _referrers(draws, index, version)
    return Plan(
        anomaly=anomaly,
        version=version,
        fate=fate,
        bot=bot,
        place=place,
        created=_created(draws, index, version, bot, place),
        preferences=preferences,
        wishes=wishes,
        points=points,
        draw_rank=draw_rank,
        outcome=outcome,
        target=target,
        wave=draws.pick("wave", index, WAVE_WEIGHTS) + 1,
        position=_positions(draw_rank, target, outcome),
        promoted=promoted,
        stage=draws.pick("stage", index, STAGE_WEIGHTS),
        original=_originals(index, fate),
        referrer=referrer,
        signups=np.bincount(referrer[referrer >= 0], minlength=len(index)).astype(np.int64),
    )


def _anomaly(recipe: Recipe, index: Indexes) -> Whole:
    """Two of three entries of a nasty campaign carry one anomaly, the classes in turn."""
    if not recipe.anomalies:
        return np.full(len(index), -1, dtype=np.int64)
    whole = index.astype(np.int64)
    group, within = np.divmod(whole, anomalies.EVERY)
    turn = (group * anomalies.CARRIERS + within) % len(anomalies.CLASSES)
    return np.where(within < anomalies.CARRIERS, turn, -1)


def _version(recipe: Recipe, draws: Draws, index: Indexes, anomaly: Whole) -> Whole:
    legacy = draws.uniform("version", index)
    version = np.where(legacy < recipe.v1_share, 1, 3)
    between = (legacy >= recipe.v1_share) & (legacy < recipe.v1_share + recipe.v2_share)
    version[between] = 2
    wanted = np.array([each.version for each in anomalies.CLASSES])
    return np.where(anomaly >= 0, wanted[anomaly], version).astype(np.int64)


def _bot(draws: Draws, index: Indexes) -> Flags:
    block = index // _BOT_BLOCK
    size = np.clip(5 + draws.quantile("bot.size", block, "lognormal") * _BOT_SCALE, 5, 400)
    inside = (index % _BOT_BLOCK).astype(np.float64) < np.floor(size)
    return draws.chance("bot.block", block, _BOT_BLOCK_SHARE) & inside


def _fate(draws: Draws, index: Indexes, version: Whole, bot: Flags) -> Whole:
    """Bots are mostly rejected; the rest of the 6.5 % are people."""
    fate = draws.pick("fate", index, FATE_WEIGHTS)
    people = draws.chance("fate.person", index, 0.2)
    fate[(fate == REJECTED) & ~people] = LIVE
    fate[bot & draws.chance("fate.bot", index, 0.85)] = REJECTED
    fate[(version < TODAY) & np.isin(fate, (REJECTED, DUPLICATE, NON_CURRENT))] = LIVE
    fate[(fate == DUPLICATE) & (index == 0)] = LIVE
    # A non-current entry belongs to the fan of the next one, which is current and of today's shape.
    nothing_next = np.append(version[1:] != TODAY, True)
    impossible = (index % np.uint64(2) == 1) | nothing_next
    fate[(fate == NON_CURRENT) & impossible] = LIVE
    return fate


def _originals(index: Indexes, fate: Whole) -> Whole:
    """Duplicates stand behind what they repeat, so the last that is none is the original."""
    own = index.astype(np.int64)
    first = np.where(fate == DUPLICATE, 0, own)
    originals: Whole = np.maximum.accumulate(first) if len(first) else first
    return originals


def _referrers(draws: Draws, index: Indexes, version: Whole) -> Whole:
    """12 % came by a friend: an entry of at most a sixteenth of the index, so six deep at most."""
    friend = draws.uniform("referral.who", index)
    whole = index.astype(np.int64)
    parent = np.floor(friend * friend * (whole // 16)).astype(np.int64)
    told = draws.chance("referral", index, 0.12) & (whole >= 16) & (version == TODAY)  # noqa: PLR2004
    return np.where(told, parent, -1)


def _preferences(recipe: Recipe, draws: Draws, index: Indexes) -> tuple[Whole, Whole, Whole]:
    """Zipf-Mandelbrot for the first wish; 70 % of the others in its group of four."""
    count = recipe.markets
    weights = [round((rank + 2) ** -1.05, 9) for rank in range(count)]
    first = draws.pick("market.1", index, weights)
    near = first - first % 4 + (first % 4 + 1 + draws.below("market.near", index, 3)) % 4
    far = (first + 1 + draws.below("market.far", index, count - 1)) % count
    close = draws.chance("market.close", index, 0.7) & (near < count)
    second = np.where(close, near, far)
    third = (second + 1 + draws.below("market.3", index, count - 1)) % count
    third = np.where(third == first, (third + 1) % count, third)
    third = np.where(third == second, (third + 1) % count, third)
    third = np.where(third == first, (third + 1) % count, third)
    return first, second, third


def _points(draws: Draws, index: Indexes) -> Whole:
    """30 % have boosts; points are lognormal in steps of five."""
    points = np.floor(draws.quantile("boost.points", index, "lognormal") * 8.0) * 5.0 + 5.0
    return np.where(draws.chance("boost", index, 0.3), points, 0.0).astype(np.int64)


def _draw(draws: Draws, index: Indexes, eligible: Flags, points: Whole) -> tuple[Whole, Whole]:
    """Sort by a random number, weighted by boosts; the first 43 % are in, 52 % wait."""
    key = draws.uniform("draw", index) / (1.0 + points / 400.0)
    taking_part = np.flatnonzero(eligible)
    order = taking_part[np.lexsort((taking_part, key[taking_part]))]
    rank = np.zeros(len(index), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    outcome = np.full(len(index), NONE, dtype=np.int64)
    first, last = round(len(order) * SELECTED_SHARE), round(len(order) * 0.95)
    outcome[order[:first]] = SELECTED
    outcome[order[first:last]] = WAITLISTED
    outcome[order[last:]] = NOT_SELECTED
    return rank, outcome


def _positions(rank: Whole, target: Whole, outcome: Whole) -> Whole:
    """1, 2, 3 … in each market, without a gap: gaps come from those who leave later."""
    waiting = np.flatnonzero(outcome == WAITLISTED)
    order = waiting[np.lexsort((rank[waiting], target[waiting]))]
    sorted_market = target[order]
    starts = np.flatnonzero(np.append(True, sorted_market[1:] != sorted_market[:-1]))
    lengths = np.diff(np.append(starts, len(order)))
    position = np.zeros(len(rank), dtype=np.int64)
    if len(order):
        position[order] = np.arange(len(order)) - np.repeat(starts, lengths) + 1
    return position


def _created(draws: Draws, index: Indexes, version: Whole, bot: Flags, place: Whole) -> Whole:
    """Milliseconds since 1970: 30 % at the opening, 45 % over the days, 25 % at the end."""
    part = draws.pick("arrival.part", index, (0.30, 0.45, 0.25))
    rush = draws.quantile("arrival.rush", index, "exponential") * (3 * _HOUR)
    late = _WINDOW - _DAY + draws.quantile("arrival.late", index, "beta_late") * (_DAY - 1)
    offset = np.select([part == 0, part == 1], [rush, _diurnal(draws, index, place)], late)
    offset = np.clip(offset, 0, _WINDOW - 1)
    block = index // _BOT_BLOCK
    burst = draws.uniform("bot.at", block) * (_WINDOW - 600_000)
    offset = np.where(bot, burst + draws.uniform("bot.jitter", index) * 600_000, offset)
    wrong = draws.pick("arrival.wrong", index, (0.998, 0.001, 0.001))
    early = -draws.uniform("arrival.by", index) * 6 * _HOUR
    offset = np.select([wrong == EARLY, wrong == AFTER], [early, _WINDOW - early], offset)
    old = draws.uniform("arrival.old", index)
    created = np.select(
        [version == FIRST, version == SECOND],
        [_V1_FROM + old * (_V2_FROM - _V1_FROM), _V2_FROM + old * (_V3_FROM - _V2_FROM)],
        _OPENS + offset,
    )
    return np.floor(created).astype(np.int64)


def _diurnal(draws: Draws, index: Indexes, place: Whole) -> Floats:
    local = OPENS.astimezone(UTC)
    shifts = np.array([_offset_hours(each.zone, local) for each in PLACES])
    hour = draws.pick("arrival.hour", index, _HOUR_WEIGHTS) - shifts[place]
    day = draws.below("arrival.day", index, 7)
    within = draws.uniform("arrival.minute", index) * _HOUR
    instant = _MIDNIGHT + day * _DAY + hour * _HOUR + within
    return np.mod(instant - _OPENS, _WINDOW)


def _offset_hours(zone: str, instant: datetime) -> int:
    offset = instant.astimezone(ZoneInfo(zone)).utcoffset()
    return round(offset.total_seconds() / 3600) if offset is not None else 0
