"""The parts of an entry of today's shape, each as a column: one list per part and chunk."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from bson import ObjectId

from export_platform.local.seed.basis.identifiers import Kind, email_digest, object_id
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.sized import plan as plans
from export_platform.local.seed.sized.chunk import Chunk, instants
from export_platform.local.seed.sized.people import People
from export_platform.local.seed.sized.recipe import Recipe
from export_platform.local.seed.sized.words import AGENTS, SONGS, SOURCES

Column = list[Any]

DECIDED: Final = at("2026-03-11T13:02:41Z")
SCORED: Final = at("2026-03-11T05:40:00Z")
ASSIGNED: Final = at("2026-03-12T18:00:00Z")
NOTIFIED: Final = at("2026-03-12T22:00:00Z")
_VERIFIED: Final = at("2026-03-11T06:10:00Z")
_PROMOTED: Final = int(at("2026-03-15T09:00:00Z").timestamp()) * 1000

# Landline and VoIP make 1.5 %.
LINES: Final = ("mobile", "landline", "voip")
LINE_WEIGHTS: Final = (0.985, 0.01, 0.005)
THRESHOLDS: Final[Mapping[str, float]] = {"A": 0.85, "B": 0.7, "C": 0.5, "D": 0.3, "E": 0.0}

# Quantity 2: 52 %, 4: 30 %, 1: 9 %, 3: 9 %.
_QUANTITIES: Final = (2, 4, 1, 3)
_QUANTITY_WEIGHTS: Final = (0.52, 0.30, 0.09, 0.09)
_TEXT: Final = "2026-02-01"


def market_ids(recipe: Recipe) -> list[ObjectId]:
    """The markets of a campaign in the order of popularity."""
    return [
        object_id(Kind.MARKET, recipe.number, number, campaign=recipe.campaign)
        for number in range(recipe.markets)
    ]


def promoter_ids(recipe: Recipe) -> list[ObjectId]:
    """The promoters of a campaign."""
    return [
        object_id(Kind.PROMOTER, recipe.number, number, campaign=recipe.campaign)
        for number in range(recipe.promoters)
    ]


def event_ids(recipe: Recipe, market: int) -> list[str]:
    """The host's ids of the nights in a market: one to three."""
    base = f"{recipe.number:X}A{recipe.campaign:03X}F{market:04X}"
    return [f"{base}{night:02d}" for night in range(1, 2 + market % 3)]


def phones(chunk: Chunk, people: People) -> Column:
    """Missing 3 %, unverified 7 %, landline or VoIP 1.5 %."""
    lines = chunk.picks("phone.line", LINE_WEIGHTS)
    unverified = chunk.flags("phone.unverified", 0.07)
    rows = zip(people.phone, people.place, lines, unverified, chunk.created, strict=True)
    return [
        {
            "e164": number,
            "raw": typed(number),
            "countryCode": place.country,
            "lineType": LINES[line],
            "verifiedAt": None if open_ else created,
        }
        if number
        else None
        for number, place, line, open_, created in rows
    ]


def typed(number: str) -> str:
    """The number as a fan of North America types it; others start with a plus."""
    return f"({number[2:5]}) {number[5:8]}-{number[8:]}" if number.startswith("+1") else number


def contacts(chunk: Chunk, people: People) -> Column:
    """Contact as registered."""
    rows = zip(
        people.email,
        people.first,
        people.last,
        people.place,
        people.postal_code,
        phones(chunk, people),
        strict=True,
    )
    return [_contact(*row) for row in rows]


def _contact(*row: Any) -> dict[str, object]:
    email, first, last, place, postal_code, phone = row
    normalized = email.lower()
    return {
        "email": email,
        "emailNormalized": normalized,
        "emailSha256": email_digest(normalized),
        "firstName": first,
        "lastName": last,
        "city": place.city,
        "region": place.region,
        "postalCode": postal_code,
        "countryCode": place.country,
        "phone": phone,
    }


def preferences(chunk: Chunk) -> Column:
    """One to three wishes, ranked; null for 0.2 %."""
    ids = market_ids(chunk.recipe)
    nights = [event_ids(chunk.recipe, market) for market in range(chunk.recipe.markets)]
    quantities = chunk.picks("quantity", _QUANTITY_WEIGHTS)
    nulls = chunk.flags("preferences.null", 0.002)
    columns = [each.tolist() for each in chunk.plan.preferences]
    rows = zip(*columns, chunk.plan.wishes.tolist(), quantities, nulls, strict=True)
    return [
        None
        if null
        else [
            {
                "marketId": ids[market],
                "rank": rank,
                "eventIds": nights[market][: (quantity + rank) % 3],
                "ticketQuantity": _QUANTITIES[quantity],
            }
            for rank, market in enumerate((first, second, third)[:wishes], start=1)
        ]
        for first, second, third, wishes, quantity, null in rows
    ]


def consents(chunk: Chunk) -> Column:
    """Artist 55 %, texts 61 %, the promoter of the first wish 38 %; 2.5 % withdrawn later."""
    promoters = promoter_ids(chunk.recipe)
    first = chunk.plan.preferences[0]
    whose = [promoters[m % len(promoters)] if promoters else None for m in first.tolist()]
    rows = zip(
        chunk.flags("consent.artist", 0.55),
        chunk.flags("consent.sms", 0.61),
        chunk.flags("consent.promoter", 0.38),
        chunk.flags("consent.withdrawn", 0.025),
        whose,
        chunk.created,
        chunk.numbers,
        strict=True,
    )
    return [_consents(*row) for row in rows]


def _consents(*row: Any) -> list[dict[str, object]]:
    artist, sms, promoter, withdrawn, promoter_id, created, number = row
    common = {
        "at": created,
        "textVersion": _TEXT,
        "locale": "en-US",
        "source": "form",
        "evidenceId": f"ev_{number}",
    }
    given: list[dict[str, object]] = [
        {"key": "artist_email", "granted": artist, **common},
        {"key": "sms", "granted": sms, **common},
    ]
    if promoter_id is not None:
        asked = {"key": "promoter_email", "promoterId": promoter_id, "granted": promoter, **common}
        if promoter and withdrawn:
            asked["withdrawnAt"] = NOTIFIED
        given.append(asked)
    return given


def boosts(chunk: Chunk) -> Column:
    """Points and what they came from; the daily cap of five is hit by 3 %."""
    counts = chunk.below("boost.count", 4)
    capped = chunk.flags("boost.capped", 0.03)
    rows = zip(chunk.plan.points.tolist(), counts, capped, chunk.created, strict=True)
    return [
        {
            "points": points,
            "activities": [{"key": "share", "count": 5 if cap else count + 1, "lastAt": created}],
        }
        if points
        else None
        for points, count, cap, created in rows
    ]


def referrals(chunk: Chunk) -> Column:
    """12 % came by a friend: an entry of at most a sixteenth of the index, so six deep at most."""
    friend = chunk.draws.uniform("referral.who", chunk.index)
    whole = chunk.index.astype(np.int64)
    parent = np.floor(friend * friend * (whole // 16)).astype(np.int64).tolist()
    referred = chunk.flags("referral", 0.12)
    prefix = str(object_id(Kind.ENTRY, chunk.recipe.number, 0, campaign=chunk.recipe.campaign))[:12]
    rows = zip(chunk.numbers, referred, parent, strict=True)
    return [
        {"code": f"R{number:07d}", "referredBy": ObjectId(f"{prefix}{by:012x}"), "signups": 0}
        if told and number >= 16  # noqa: PLR2004 - nobody stands before the first sixteen
        else None
        for number, told, by in rows
    ]


def risks(chunk: Chunk) -> Column:
    """93 % Beta(8, 1.6), 7 % and the bots Beta(1.5, 6); missing 0.7 %."""
    bad = chunk.draws.chance("risk.bad", chunk.index, 0.01) | chunk.plan.bot
    good_score = chunk.draws.quantile("risk.score", chunk.index, "beta_good")
    bad_score = chunk.draws.quantile("risk.score", chunk.index, "beta_bad")
    scores = np.round(np.where(bad, bad_score, good_score), 4).tolist()
    missing = chunk.flags("risk.missing", 0.007)
    return [
        None
        if gone
        else {
            "score": score,
            "band": band_of(score),
            "modelVersion": "vf-2026.02",
            "scoredAt": SCORED,
            "reasons": ["velocity"] if score < THRESHOLDS["D"] else [],
        }
        for score, gone in zip(scores, missing, strict=True)
    ]


def band_of(score: float) -> str:
    """The band of a score."""
    return next(band for band, least in THRESHOLDS.items() if score >= least)


def answers(chunk: Chunk) -> Column:
    """None to three answers."""
    rows = zip(
        chunk.below("answer.which", 8),
        chunk.below("answer.year", 45),
        chunk.below("answer.song", len(SONGS)),
        strict=True,
    )
    return [_answers(*row) for row in rows]


def _answers(which: int, year: int, song: int) -> list[dict[str, object]]:
    given: list[dict[str, object]] = []
    if which & 1:
        given.append({"key": "fan_since", "version": 1, "value": 1980 + year})
    if which & 2:
        given.append({"key": "favourite_song", "version": 1, "value": SONGS[song]})
    if which & 4:
        given.append({"key": "days", "version": 1, "value": ["sat", "fri"][: 1 + year % 2]})
        given.append({"key": "first_time", "version": 1, "value": year % 3 == 0})
    return given


def selections(chunk: Chunk) -> Column:
    """The result of the draw."""
    ids = market_ids(chunk.recipe)
    plan = chunk.plan
    columns = (plan.outcome, plan.target, plan.wave, plan.draw_rank)
    return [_selection(ids, *row) for row in zip(*(each.tolist() for each in columns), strict=True)]


def _selection(
    ids: Sequence[ObjectId], outcome: int, target: int, wave: int, rank: int
) -> dict[str, object] | None:
    if outcome == plans.NONE:
        return None
    name = ("", "selected", "waitlisted", "not_selected")[outcome]
    result: dict[str, object] = {
        "outcome": name,
        "drawRank": rank,
        "batchId": "b1",
        "decidedAt": DECIDED,
    }
    if outcome == plans.SELECTED:
        result["marketId"], result["wave"] = ids[target], wave
    return result


def waitlists(chunk: Chunk) -> Column:
    """The place on a list, kept by those who left it."""
    ids = market_ids(chunk.recipe)
    plan = chunk.plan
    later = np.floor(chunk.draws.uniform("promoted.at", chunk.index) * 86_400_000)
    promoted_at = instants(_PROMOTED + later.astype(np.int64))
    columns = (plan.position.tolist(), plan.target.tolist(), plan.promoted.tolist(), promoted_at)
    return [
        (
            {"marketId": ids[target], "position": position, "promotedAt": when}
            if promoted
            else {"marketId": ids[target], "position": position}
        )
        if position
        else None
        for position, target, promoted, when in zip(*columns, strict=True)
    ]


def statuses(chunk: Chunk) -> list[str]:
    """The status: the fate if there is one, else how far the draw has brought the entry."""
    plan = chunk.plan
    columns = (plan.fate, plan.outcome, plan.stage, plan.promoted)
    rows = zip(*(each.tolist() for each in columns), strict=True)
    return [_status(*row) for row in rows]


def _status(fate: int, outcome: int, stage: int, promoted: bool) -> str:
    if plans.REJECTED <= fate <= plans.ERASED:
        return plans.FATES[fate]
    if outcome == plans.SELECTED:
        return plans.SELECTED_STAGES[stage]
    if promoted:
        return plans.PROMOTED_STAGES[stage]
    return ("registered", "", "waitlisted", "not_selected")[outcome]


def devices(chunk: Chunk) -> Column:
    """Documentation addresses only; bots of one burst share one, and the agent."""
    block = chunk.index // np.uint64(400)
    shared = chunk.draws.below("bot.device", block, 254).tolist()
    own = chunk.below("device.ip", 508)
    agents = chunk.below("device.agent", len(AGENTS))
    rows = zip(chunk.plan.bot.tolist(), shared, own, agents, strict=True)
    return [
        {
            "ip": f"203.0.113.{same + 1}",
            "ipCountry": "US",
            "userAgent": "python/3",
            "fingerprint": f"d{same}",
        }
        if bot
        else {
            "ip": f"{'192.0.2' if mine < 254 else '198.51.100'}.{mine % 254 + 1}",  # noqa: PLR2004
            "ipCountry": "US",
            "userAgent": AGENTS[agent],
        }
        for bot, same, mine, agent in rows
    ]


def attributions(chunk: Chunk) -> Column:
    """Where the fan came from; nothing is known of a fifth."""
    choices = [*SOURCES, None]
    return [choices[number] for number in chunk.below("attribution", len(choices))]
