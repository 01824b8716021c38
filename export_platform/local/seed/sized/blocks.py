"""The parts of an entry of today's shape, each as a column: one list per part and chunk."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from bson import ObjectId

from export_platform.local.seed.basis.identifiers import Kind, email_digest, object_id
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.sized import boost, consent, scores
from export_platform.local.seed.sized import plan as plans
from export_platform.local.seed.sized.chunk import Chunk, instants
from export_platform.local.seed.sized.draws import Whole
from export_platform.local.seed.sized.people import People
from export_platform.local.seed.sized.recipe import Recipe
from export_platform.local.seed.sized.words import AGENTS, SONGS, SOURCES

Column = list[Any]

DECIDED: Final = at("2026-03-11T13:02:41Z")
ASSIGNED: Final = at("2026-03-12T18:00:00Z")
REISSUED: Final = at("2026-03-13T09:00:00Z")
NOTIFIED: Final = at("2026-03-12T22:00:00Z")
_VERIFIED: Final = at("2026-03-11T06:10:00Z")
_DAY: Final = 86_400_000
_PROMOTED: Final = int(at("2026-03-15T09:00:00Z").timestamp()) * 1000

# Landline and VoIP make 1.5 %.
LINES: Final = ("mobile", "landline", "voip")
LINE_WEIGHTS: Final = (0.985, 0.01, 0.005)

# Quantity 2: 52 %, 4: 30 %, 1: 9 %, 3: 9 %.
_QUANTITIES: Final = (2, 4, 1, 3)
_QUANTITY_WEIGHTS: Final = (0.52, 0.30, 0.09, 0.09)
TEXT: Final = "2026-02-01"
_MORE_ANSWERS: Final[tuple[tuple[str, Callable[[int], object]], ...]] = (
    ("club_no", lambda number: f"{number:07d}"),
    ("favourite-song", lambda number: ("polaris", "=zenith", "withdrawn")[number % 3]),
    ("last_concert", lambda number: f"20{10 + number % 15}-0{1 + number % 9}-15"),
)


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
    given = consent.given(chunk)
    promoters: list[ObjectId | None] = [*promoter_ids(chunk.recipe), None]
    rows = zip(
        given.artist.tolist(),
        given.sms.tolist(),
        given.promoter.tolist(),
        given.withdrawn.tolist(),
        given.texts.tolist(),
        [promoters[number] for number in given.whose.tolist()],
        chunk.created,
        chunk.numbers,
        strict=True,
    )
    return [_consents(*row) for row in rows]


def _consents(*row: Any) -> list[dict[str, object]]:
    artist, sms, promoter, withdrawn, texts, promoter_id, created, number = row
    common = {"at": created, "textVersion": TEXT, "locale": "en-US", "source": "form"}
    given: list[dict[str, object]] = [
        {"key": key, "granted": granted, **common, "evidenceId": consent.evidence(key, number)}
        for key, granted in (("artist_email", artist), ("sms", sms))
    ]
    if texts:
        given[1]["promoterId"] = promoter_id
    if promoter_id is not None:
        asked = {"key": "promoter_email", "promoterId": promoter_id, "granted": promoter, **common}
        asked["evidenceId"] = consent.evidence("promoter_email", number)
        if withdrawn:
            asked["withdrawnAt"] = NOTIFIED
        given.append(asked)
    return given


def boosts(chunk: Chunk) -> Column:
    """Points, and the activities that they are the sum of."""
    keys = [key for key, *_ in boost.BOOSTS]
    counts = boost.counts(chunk)
    last = [instants(boost.done_at(chunk, kind, count - 1)) for kind, count in enumerate(counts)]
    done = zip(*(each.tolist() for each in counts), strict=True)
    rows = zip(chunk.plan.points.tolist(), done, zip(*last, strict=True), strict=True)
    return [
        {
            "points": points,
            "activities": [
                {"key": key, "count": count, "lastAt": at_}
                for key, count, at_ in zip(keys, own, ends, strict=True)
                if count
            ],
        }
        if points
        else None
        for points, own, ends in rows
    ]


def verifications(chunk: Chunk) -> Column:
    """The address is confirmed by 97 % within the hour; the telephone as its own field says."""
    confirmed = chunk.flags("verification.email", 0.97)
    at_ = chunk.after("verification.at", chunk.plan.created, 3_600)
    ages = (accounts_age(chunk) // _DAY).tolist()
    rows = zip(confirmed, at_, ages, strict=True)
    return [
        {"emailAt": when, "accountAgeDays": age} if yes else {"accountAgeDays": age}
        for yes, when, age in rows
    ]


def accounts_age(chunk: Chunk) -> Whole:
    """Milliseconds from the making of each account to the opening: up to seven years; bots: days.

    A pure function of the index, as the account's own document must agree.
    """
    share = chunk.draws.uniform("user.age", chunk.index)
    longest = np.where(chunk.plan.bot, 9, 2_600) * _DAY
    return np.floor(share * longest).astype(np.int64)


def referrals(chunk: Chunk) -> Column:
    """Of those who came by a friend, and of the friends: their code and how many they brought."""
    prefix = str(object_id(Kind.ENTRY, chunk.recipe.number, 0, campaign=chunk.recipe.campaign))[:12]
    referrers, signups = chunk.plan.referrer.tolist(), chunk.plan.signups.tolist()
    return [
        {
            "code": f"R{number:07d}",
            "referredBy": ObjectId(f"{prefix}{by:012x}") if by >= 0 else None,
            "signups": brought,
        }
        if by >= 0 or brought
        else None
        for number, by, brought in zip(chunk.numbers, referrers, signups, strict=True)
    ]


def risks(chunk: Chunk) -> Column:
    """The score of the accepted run, and what a person decided over it; missing 0.7 %."""
    scored = scores.score(chunk.recipe, chunk.index, chunk.plan)
    rows = zip(
        scored.values.tolist(), scored.missing.tolist(), scored.overridden.tolist(), strict=True
    )
    return [None if gone else _risk(value, overridden) for value, gone, overridden in rows]


def _risk(value: float, overridden: bool) -> dict[str, object]:
    risk: dict[str, object] = {
        "score": value,
        "band": scores.band_of(value),
        "modelVersion": scores.VF_MODEL,
        "scoredAt": scores.SCORED,
        "reasons": scores.reasons(value),
    }
    if overridden:
        decided = {"band": scores.OVERRIDE_BAND, "by": scores.OVERRIDE_BY}
        risk["override"] = decided | {"at": scores.OVERRIDDEN}
    return risk


def answers(chunk: Chunk) -> Column:
    """None to seven answers, 2.7 on average."""
    rows = zip(
        chunk.below("answer.which", 8),
        chunk.below("answer.year", 45),
        chunk.below("answer.song", len(SONGS)),
        chunk.below("answer.more", 1 << 16),
        strict=True,
    )
    return [_answers(*row) for row in rows]


def _answers(which: int, year: int, song: int, more: int) -> list[dict[str, object]]:
    given: list[dict[str, object]] = []
    if which & 1:
        given.append({"key": "fan_since", "version": 1, "value": 1980 + year})
    if which & 2:
        given.append({"key": "favourite_song", "version": 1, "value": SONGS[song]})
    if which & 4:
        given.append({"key": "days", "version": 1, "value": ["sat", "fri"][: 1 + year % 2]})
        given.append({"key": "first_time", "version": 1, "value": year % 3 == 0})
    for position, (key, value) in enumerate(_MORE_ANSWERS):
        if more >> 2 * position & 3 == 0:  # a quarter each
            given.append({"key": key, "version": 1, "value": value(more)})
    return given


def selections(chunk: Chunk) -> Column:
    """The result of the draw."""
    ids = market_ids(chunk.recipe)
    nights = [event_ids(chunk.recipe, market)[0] for market in range(chunk.recipe.markets)]
    where = list(zip(ids, nights, strict=True))
    plan = chunk.plan
    columns = (plan.outcome, plan.target, plan.wave, plan.draw_rank)
    rows = zip(*(each.tolist() for each in columns), strict=True)
    return [_selection(where, *row) for row in rows]


def _selection(
    where: Sequence[tuple[ObjectId, str]], outcome: int, target: int, wave: int, rank: int
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
        result["marketId"], result["eventId"] = where[target]
        result["wave"] = wave
    return result


def waitlists(chunk: Chunk) -> Column:
    """The place on a list, kept by those who left it."""
    ids = market_ids(chunk.recipe)
    plan = chunk.plan
    promoted_at = instants(promotions(chunk))
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


def promotions(chunk: Chunk) -> Whole:
    """When each would be promoted, in milliseconds: within a day of the first."""
    later = np.floor(chunk.draws.uniform("promoted.at", chunk.index) * _DAY)
    return _PROMOTED + later.astype(np.int64)


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
    blocks_ = block.tolist()
    shared = chunk.draws.below("bot.device", block, 254).tolist()
    own = chunk.below("device.ip", 508)
    agents = chunk.below("device.agent", len(AGENTS))
    rows = zip(chunk.plan.bot.tolist(), shared, blocks_, own, agents, strict=True)
    return [
        {
            "ip": f"203.0.113.{same + 1}",
            "ipCountry": "US",
            "userAgent": "python/3",
            "fingerprint": f"d{burst:06x}",
        }
        if bot
        else {
            "ip": f"{'192.0.2' if mine < 254 else '198.51.100'}.{mine % 254 + 1}",  # noqa: PLR2004
            "ipCountry": "US",
            "userAgent": AGENTS[agent],
        }
        for bot, same, burst, mine, agent in rows
    ]


def attributions(chunk: Chunk) -> Column:
    """Where the fan came from; nothing is known of a fifth."""
    choices = [*SOURCES, None]
    return [choices[number] for number in chunk.below("attribution", len(choices))]
