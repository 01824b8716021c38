"""What fans did: registering, agreeing, collecting points, and waiting in front of the shop."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized import blocks, boost, consent
from export_platform.local.seed.sized import plan as plans
from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.codes import BOUGHT, holders
from export_platform.local.seed.sized.gathering import Gathering, Make
from export_platform.local.seed.sized.names import market_key
from export_platform.local.seed.sized.people import telephones
from export_platform.local.seed.sized.recipe import PRESALE
from export_platform.local.seed.sized.words import PLACES, SOURCES

# Sessions beside those that became an entry: 40 more for each 100, four in ten of them sent the
# form and stopped at the telephone.
ABANDONED: Final = 0.4
_SUBMITTED: Final = 0.4

# Of those who hold a code and did not buy 45 % came to the waiting room, of all others 3 %.
_CAME: Final = 0.45
_PASSED_BY: Final = 0.03
_OUTCOMES: Final = ("admitted", "abandoned", "timed_out")

_WITHDRAWN: Final = int(at("2026-03-12T08:00:00Z").timestamp()) * 1000
_NOTIFIED: Final = int(blocks.NOTIFIED.timestamp()) * 1000
_PRESALE: Final = int(PRESALE.timestamp()) * 1000

_REFERRERS: Final = (*[str(each["source"]) for each in SOURCES], None)


def gathered(chunk: Chunk, accounts: list[str], ledger: Ledger) -> Iterator[Gathering]:
    """The four tables."""
    yield registration_events(chunk, ledger)
    yield consent_events(chunk, ledger)
    yield boost_events(chunk, ledger)
    yield queue_visits(chunk, accounts, ledger)


def registration_events(chunk: Chunk, ledger: Ledger) -> Gathering:
    """Started, submitted, telephone verified, completed; later, for some, withdrawn."""
    found = Gathering(chunk, "registration_events", natural_id="event_id", time="occurred_at")
    draws, index, created = chunk.draws, chunk.index, chunk.plan.created
    today = chunk.plan.version == plans.TODAY
    typed = 60_000 + np.floor(draws.uniform("session.typing", index) * 540_000).astype(np.int64)
    verified = telephones(chunk) & ~draws.chance("phone.unverified", index, 0.07)
    withdrawn = chunk.plan.fate == plans.WITHDRAWN
    steps = (
        ("started", today, created - typed),
        ("submitted", today, created - 5_000),
        ("verified_phone", today & verified, created - 1_000),
        ("completed", today, created),
        ("withdrawn", today & withdrawn, np.full(len(created), _WITHDRAWN, dtype=np.int64)),
    )
    for step, whom, when in steps:
        found.add(step, whom, when, _steps(chunk, step, entry=True))
    gave_up = today & draws.chance("session.abandoned", index, ABANDONED)
    began = created + np.floor(draws.uniform("session.other", index) * 7_200_000).astype(np.int64)
    sent = gave_up & draws.chance("session.sent", index, _SUBMITTED)
    found.add("left.started", gave_up, began, _steps(chunk, "started", entry=False))
    found.add("left.submitted", sent, began + typed, _steps(chunk, "submitted", entry=False))
    places = np.flatnonzero(gave_up).tolist()
    ledger.extend("abandoned_session", [_session(chunk, place, entry=False) for place in places])
    return found


def _session(chunk: Chunk, place: int, *, entry: bool) -> str:
    return f"se-{chunk.recipe.campaign}-{chunk.numbers[place]}-{'r' if entry else 'x'}"


def _steps(chunk: Chunk, step: str, *, entry: bool) -> Make:
    plan = chunk.plan
    keys = [market_key(number) for number in range(chunk.recipe.markets)]
    wishes = [each.tolist() for each in plan.preferences]
    known = entry and step != "started"  # before the form is sent there is no entry
    devices, sources = chunk.below("device.agent", 4), chunk.below("attribution", len(_REFERRERS))

    def make(places: list[int]) -> dict[str, list[object]]:
        sessions = [_session(chunk, place, entry=entry) for place in places]
        return {
            "event_id": [f"{session}-{step}" for session in sessions],
            "session_id": list(sessions),
            "entry_id": [str(chunk.entry_ids[place]) if known else None for place in places],
            "step": [step] * len(places),
            "market_keys": [
                [keys[wishes[rank][place]] for rank in range(int(plan.wishes[place]))]
                for place in places
            ],
            "country": [PLACES[int(plan.place[place])].country for place in places],
            "device_class": ["mobile" if devices[place] < 2 else "desktop" for place in places],  # noqa: PLR2004
            "referrer": [_REFERRERS[sources[place]] for place in places],
        }

    return make


def consent_events(chunk: Chunk, ledger: Ledger) -> Gathering:
    """One row an act: granted, withdrawn; a few had granted and withdrawn before, on the form."""
    found = Gathering(chunk, "consent_events", natural_id="evidence_id", time="occurred_at")
    given, created, share = consent.given(chunk), chunk.plan.created, chunk.recipe.share
    today = chunk.plan.version == plans.TODAY
    again = today & given.promoter & ~given.withdrawn
    again &= chunk.draws.chance("consent.again", chunk.index, share(consent.REGRANTED, nasty=0.04))
    later = np.full(len(created), _NOTIFIED, dtype=np.int64)
    acts = (
        ("promoter_email", "granted", "h", again, created - 7_200_000),
        ("promoter_email", "withdrawn", "i", again, created - 3_600_000),
        ("artist_email", "granted", "", today & given.artist, created),
        ("sms", "granted", "", today & given.sms, created),
        ("promoter_email", "granted", "", today & given.promoter, created),
        ("promoter_email", "withdrawn", "w", today & given.withdrawn, later),
    )
    for key, action, suffix, whom, when in acts:
        make = _acts(chunk, key, action, suffix)
        found.add(f"{key}.{action}{suffix}", whom, when, make)
    for name, whom in (("promoter_withdrawal", today & given.withdrawn), ("regranted", again)):
        places = np.flatnonzero(whom).tolist()
        ledger.extend(name, [chunk.entry_ids[place] for place in places])
    return found


def _acts(chunk: Chunk, key: str, action: str, suffix: str) -> Make:
    promoters = [*map(str, blocks.promoter_ids(chunk.recipe)), None]
    given = consent.given(chunk)
    named = given.texts if key == "sms" else (given.whose >= 0) & (key == "promoter_email")
    whose = np.where(named, given.whose, -1).tolist()
    source = "preference_centre" if suffix == "w" else "form"

    def make(places: list[int]) -> dict[str, list[object]]:
        count = len(places)
        return {
            "evidence_id": [consent.evidence(key, chunk.numbers[p], suffix) for p in places],
            "entry_id": [str(chunk.entry_ids[place]) for place in places],
            "user_id": [str(chunk.user_ids[place]) for place in places],
            "consent_key": [key] * count,
            "promoter_id": [promoters[whose[place]] for place in places],
            "action": [action] * count,
            "text_version": [blocks.TEXT] * count,
            "locale": ["en-US"] * count,
            "source": [source] * count,
            "ip_country": ["US"] * count,
        }

    return make


def boost_events(chunk: Chunk, ledger: Ledger) -> Gathering:
    """One row an activity, which add up to the points; 3 % tried more than a day allows."""
    found = Gathering(chunk, "boost_events", natural_id="event_id", time="occurred_at")
    plan, draws, index, share = chunk.plan, chunk.draws, chunk.index, chunk.recipe.share
    scored = (plan.points > 0) & (plan.version == plans.TODAY)
    mismatch = scored & draws.chance("boost.mismatch", index, share(boost.MISMATCH, nasty=0.04))
    lost = mismatch  # of these the first activity of the cheapest kind they did
    for kind, count in reversed(list(enumerate(boost.counts(chunk)))):
        for turn in range(int(count.max(initial=0))):
            whom = scored & (count > turn)
            if turn == 0:
                whom, lost = whom & ~lost, lost & (count == 0)
            make = _activities(chunk, kind, turn, accepted=True)
            found.add(f"{kind}.{turn}", whom, boost.done_at(chunk, kind, turn), make)
    tried = scored & boost.capped(chunk)
    kind = len(boost.BOOSTS) - 1
    when = boost.done_at(chunk, kind, boost.BOOSTS[kind][2])
    found.add("capped", tried, when, _activities(chunk, kind, 0, accepted=False))
    for name, whom in (("boost_capped", tried), ("boost_mismatch", mismatch)):
        ledger.extend(name, [chunk.entry_ids[place] for place in np.flatnonzero(whom).tolist()])
    return found


def _activities(chunk: Chunk, kind: int, turn: int, *, accepted: bool) -> Make:
    key, weight, _ = boost.BOOSTS[kind]

    def make(places: list[int]) -> dict[str, list[object]]:
        count = len(places)
        which = f"{key}-{turn}" if accepted else "capped"
        campaign = chunk.recipe.campaign
        return {
            "event_id": [f"bo-{campaign}-{chunk.numbers[place]}-{which}" for place in places],
            "entry_id": [str(chunk.entry_ids[place]) for place in places],
            "boost_key": [key] * count,
            "points": [weight] * count,
            "accepted": [accepted] * count,
            "reject_reason": [None if accepted else "daily_cap"] * count,
        }

    return make


def queue_visits(chunk: Chunk, accounts: list[str], ledger: Ledger) -> Gathering:
    """All who bought with a code, nearly half of the other holders, and a few who hold none."""
    found = Gathering(chunk, "queue_visits", natural_id="visit_id", time="joined_at")
    draws, index, plan = chunk.draws, chunk.index, chunk.plan
    held = np.array(holders(chunk), dtype=np.bool_)
    bought = held & (plan.stage == BOUGHT)
    share = np.where(held, _CAME, _PASSED_BY)
    came = bought | (draws.uniform("queue.came", index) < share)
    came &= plan.version == plans.TODAY
    outcome = draws.pick("queue.outcome", index, (0.6, 0.3, 0.1))
    outcome[bought] = 0
    joined = _PRESALE - np.floor(draws.uniform("queue.at", index) * 1_800_000).astype(np.int64)
    keys = [market_key(number) for number in range(chunk.recipe.markets)]
    opened = np.datetime64(_PRESALE, "ms").item()

    def make(places: list[int]) -> dict[str, list[object]]:
        ends = [_OUTCOMES[int(outcome[place])] for place in places]
        return {
            "visit_id": [f"qv-{chunk.recipe.campaign}-{chunk.numbers[p]}" for p in places],
            "account_id": [accounts[place] for place in places],
            "market_key": [keys[int(plan.target[place])] for place in places],
            "admitted_at": [opened if end == "admitted" else None for end in ends],
            "outcome": list(ends),
        }

    found.add("visit", came, joined, make)
    places = np.flatnonzero(came).tolist()
    ledger.extend("queue_visit", [f"qv-{chunk.recipe.campaign}-{chunk.numbers[p]}" for p in places])
    return found
