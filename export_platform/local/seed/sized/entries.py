"""Entries of a chunk as BSON, in all three shapes; what is special goes to the ledger."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from bson import Int64

from export_platform.local.seed.basis.dataset import Document
from export_platform.local.seed.basis.identifiers import Kind, object_id
from export_platform.local.seed.basis.instants import at
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized import anomalies, blocks, messages, poison
from export_platform.local.seed.sized import plan as plans
from export_platform.local.seed.sized.chunk import Chunk, instants
from export_platform.local.seed.sized.codes import ASSIGNED, UNIQUE, codes
from export_platform.local.seed.sized.people import DECOMPOSED, People
from export_platform.local.seed.sized.words import CITIES, LOCALES

_NAMES: Final = (
    *("contact", "preferences", "answers", "consents", "boost", "referral", "risk", "selection"),
    *("waitlist", "codes", "messages", "device", "attribution", "verification"),
)
_NULLABLE: Final = ("boost", "referral", "risk", "selection", "waitlist", "attribution")
_V3: Final = 3
_ERASURE: Final = {
    "requestedAt": at("2026-03-14T10:00:00Z"),
    "completedAt": at("2026-03-15T10:00:00Z"),
    "scope": "all",
}


def entries(
    chunk: Chunk, persons: People, ledger: Ledger, *, broken_text: bool = True
) -> list[bytes]:
    """The entries of a chunk, in the order of their index."""
    made: list[Any] = list(_today(chunk, persons))
    versions = chunk.plan.version.tolist()
    for place, version in enumerate(versions):
        if version < _V3:
            made[place] = (
                _v1(chunk, persons, place)
                if version == 1
                else _v2(made[place], chunk.start + place)
            )
    _overlay_fates(chunk, made, ledger)
    _group(chunk, made)
    refused = frozenset() if broken_text else anomalies.NOT_UTF8
    left_out = _overlay_anomalies(chunk, made, ledger, refused)
    _record(chunk, persons, made, ledger)
    return [poison.encode(document) for place, document in enumerate(made) if place not in left_out]


def _today(chunk: Chunk, persons: People) -> Iterator[Document]:
    """Every entry in today's shape; the few old ones are rewritten afterwards."""
    columns = (
        blocks.contacts(chunk, persons),
        blocks.preferences(chunk),
        blocks.answers(chunk),
        blocks.consents(chunk),
        blocks.boosts(chunk),
        blocks.referrals(chunk),
        blocks.risks(chunk),
        blocks.selections(chunk),
        blocks.waitlists(chunk),
        _codes(chunk),
        _messages(chunk),
        blocks.devices(chunk),
        blocks.attributions(chunk),
        blocks.verifications(chunk),
    )
    campaign = object_id(Kind.CAMPAIGN, chunk.recipe.number, 0, campaign=chunk.recipe.campaign)
    locales = [LOCALES[pick][0] for pick in chunk.picks("locale", [w for _, w in LOCALES])]
    heads = zip(
        chunk.entry_ids,
        chunk.user_ids,
        blocks.statuses(chunk),
        chunk.created,
        chunk.after("updated", chunk.plan.created, 600_000),
        locales,
        persons.place,
        chunk.flags("null.absent", 0.5),
        chunk.flags("unknown.keys", 0.02),
        strict=True,
    )
    for head, parts in zip(heads, zip(*columns, strict=True), strict=True):
        yield _document(campaign, head, parts)


def _document(campaign: object, head: Sequence[Any], parts: Sequence[Any]) -> Document:
    entry_id, user_id, status, created, updated, locale, place, absent, extra = head
    document: Document = {
        "_id": entry_id,
        "schemaVersion": _V3,
        "campaignId": campaign,
        "userId": user_id,
        "isCurrent": True,
        "status": status,
        "statusLog": [
            {"status": "registered", "at": created, "by": "fan"},
            {"status": status, "at": updated, "by": "allocator"},
        ],
        "locale": locale,
        "timeZone": place.zone,
        **dict(zip(_NAMES, parts, strict=True)),
        "createdAt": created,
        "updatedAt": updated,
    }
    if absent:  # null and absent mean the same: half of each
        for name in _NULLABLE:
            if document[name] is None:
                del document[name]
    else:
        document["deletedAt"] = None
    if extra:
        document["importedFrom"] = {"system": "form-7", "line": 1}
    return document


def _codes(chunk: Chunk) -> list[list[Document]]:
    held: list[list[Document]] = [[] for _ in chunk.numbers]
    ids = blocks.market_ids(chunk.recipe)
    for code in codes(chunk):
        if code.on_entry:
            waits = code.state == ASSIGNED
            held[code.place].append(
                {
                    "codeId": code.code_id,
                    "codeConfigKey": UNIQUE,
                    "marketId": ids[code.market],
                    "seq": code.seq,
                    "state": code.state,
                    "assignedAt": blocks.ASSIGNED,
                    "sentAt": blocks.NOTIFIED if code.state == "sent" else None,
                    "channel": None if waits else "sms",
                }
            )
    return held


def _messages(chunk: Chunk) -> list[list[Document]]:
    """The last message of each kind: by e-mail (1.6 % bounced), and the code as a text."""
    sent: list[list[Document]] = [[] for _ in chunk.numbers]
    for message in messages.by_email(chunk):
        at_ = instants(message.at)
        for place, bounced in zip(message.places.tolist(), message.bounced.tolist(), strict=True):
            state = "bounced" if bounced else "sent"
            sent[place].append(
                {"kind": message.kind, "at": at_[place], "channel": "email", "state": state}
            )
    for place, texted in enumerate(messages.texted(chunk).tolist()):
        if texted:
            sent[place].append(
                {"kind": "code", "at": blocks.NOTIFIED, "channel": "sms", "state": "sent"}
            )
    return sent


def _v2(document: Any, number: int) -> Document:
    """2019 to 2022: text instants, user id as text, unranked markets, consent without evidence."""
    contact = {
        k: v for k, v in document["contact"].items() if k not in {"countryCode", "emailSha256"}
    }
    if contact["phone"] is not None:
        contact["phone"] = {"raw": contact["phone"]["raw"]}
    created = document["createdAt"].isoformat(timespec="milliseconds") + "Z"
    old: Document = {
        "_id": document["_id"],
        "schemaVersion": 2,
        "campaignId": document["campaignId"],
        "userId": str(document["userId"]),
        "isCurrent": True,
        "contact": contact,
        "locale": document["locale"],
        "markets": [each["marketId"] for each in document.get("preferences") or ()],
        "optIns": {"promoter": number % 3 == 0},
        "createdAt": created,
        "updatedAt": created,
    }
    risk = document.get("risk")
    if risk:
        old["risk"] = {"score": round(risk["score"] * 100)}
    return old


def _v1(chunk: Chunk, persons: People, place: int) -> Document:
    """2017 and 2018: flat, free text, milliseconds, no user."""
    city = CITIES[int(chunk.plan.preferences[0][place]) % len(CITIES)]
    market = f"{city.city}, {city.region}" if city.region else city.city
    number = chunk.start + place
    last = persons.last[place]
    return {
        "_id": chunk.entry_ids[place],
        **({"schemaVersion": 1} if number % 2 else {}),
        "campaignId": object_id(
            Kind.CAMPAIGN, chunk.recipe.number, 0, campaign=chunk.recipe.campaign
        ),
        "isCurrent": True,
        "name": f"{persons.first[place]} {last}" if last else persons.first[place],
        "email": persons.email[place],
        "phone": persons.phone[place],
        "market": market.upper() if number % 3 == 0 else market,
        "optin": ("Y", "true", 1, True, "N", None)[number % 6],
        "created": Int64(int(chunk.plan.created[place])),
    }


def _overlay_fates(chunk: Chunk, made: list[Any], ledger: Ledger) -> None:
    """What became of an entry after the draw; also the statuses of the old shapes."""
    _legacy_statuses(chunk, made, ledger)
    for place, fate in enumerate(chunk.plan.fate.tolist()):
        if fate == plans.LIVE:
            continue
        document = made[place]
        ledger.add(plans.FATES[fate], document["_id"])
        _OVERLAYS[fate](chunk, document, place)


def _legacy_statuses(chunk: Chunk, made: list[Any], ledger: Ledger) -> None:
    picks = {
        1: (plans.V1_STATUSES, chunk.picks("status.1", [w for _, w in plans.V1_STATUSES])),
        2: (plans.V2_STATUSES, chunk.picks("status.2", [w for _, w in plans.V2_STATUSES])),
    }
    drawn = chunk.flags("legacy.drawn", 0.5)
    for place, version in enumerate(chunk.plan.version.tolist()):
        if version == _V3:
            continue
        names, column = picks[version]
        document = made[place]
        document["status"] = names[column[place]][0]
        if drawn[place] and chunk.plan.fate[place] == plans.LIVE:
            document["selection"] = {"drawRank": chunk.start + place + 1}
        ledger.add(f"v{version}", document["_id"])


def _duplicate(chunk: Chunk, document: Any, place: int) -> None:
    """Of the entry before; the group is that of the first of a row of duplicates."""
    recipe, number = chunk.recipe, chunk.start + place - 1
    original = object_id(Kind.ENTRY, recipe.number, number, campaign=recipe.campaign)
    document["duplicateOf"] = original
    document["duplicateGroupId"] = _group_id(chunk, int(chunk.plan.original[place]))


def _group_id(chunk: Chunk, original: int) -> object:
    recipe = chunk.recipe
    return object_id(Kind.DUPLICATE_GROUP, recipe.number, original, campaign=recipe.campaign)


def _group(chunk: Chunk, made: list[Any]) -> None:
    """What a duplicate repeats is of the same group, unless it has a fate of its own."""
    following = chunk.whole.fate[chunk.start + 1 : chunk.stop + 1] == plans.DUPLICATE
    own = (chunk.plan.fate[: len(following)] == plans.LIVE) & following
    own &= (chunk.plan.version == _V3)[: len(following)]
    for place in np.flatnonzero(own).tolist():
        made[place]["duplicateGroupId"] = _group_id(chunk, chunk.start + place)


def _withdrawn(chunk: Chunk, document: Any, place: int) -> None:
    document["status"] = "withdrawn"
    late = at("2026-03-12T08:00:00Z")
    document["withdrawnAt"] = late if chunk.plan.version[place] == _V3 else "2022-12-31T08:00:00Z"


def _erased(chunk: Chunk, document: Any, place: int) -> None:
    """A tombstone: contact gone, place on the list kept for the counts."""
    document["erasure"] = _ERASURE
    document["status"] = "erased"
    if "contact" in document:
        document["contact"] = dict.fromkeys(document["contact"])
    for name in ("name", "email", "phone"):
        if name in document:
            document[name] = None
    document.pop("device", None)
    del chunk, place


def _deleted(chunk: Chunk, document: Any, place: int) -> None:
    document["deletedAt"] = at("2026-03-12T12:00:00Z")
    del chunk, place


def _non_current(chunk: Chunk, document: Any, place: int) -> None:
    """An earlier try of the fan of the next entry."""
    recipe = chunk.recipe
    document["isCurrent"] = False
    document["userId"] = object_id(
        Kind.USER, recipe.number, chunk.start + place + 1, campaign=recipe.campaign
    )


def _rejected(chunk: Chunk, document: Any, place: int) -> None:
    """The status says it all."""
    del chunk, document, place


_OVERLAYS: Final = (
    *(_rejected, _rejected, _duplicate, _withdrawn, _erased, _deleted, _non_current),
)


def _overlay_anomalies(
    chunk: Chunk, made: list[Any], ledger: Ledger, refused: frozenset[str]
) -> set[int]:
    """One anomaly an entry; the ledger also counts those whose status is `waitlisted`.

    Returns the places of those of a refused class.
    """
    left_out: set[int] = set()
    for place, turn in enumerate(chunk.plan.anomaly.tolist()):
        if turn < 0:
            continue
        anomaly, document = anomalies.CLASSES[turn], made[place]
        if anomaly.name in refused:
            ledger.add("refused_by_server", document["_id"])
            left_out.add(place)
            continue
        if document.get("preferences", ()) is None:
            document["preferences"] = [_first_wish(chunk, place)]
        anomaly.change(document, chunk.start + place)
        ledger.add(anomaly.name, document["_id"])
        ledger.add("anomaly", document["_id"])
        if document.get("status") == "waitlisted":
            ledger.add(f"waitlisted/{anomaly.name}", document["_id"])
    return left_out


def _first_wish(chunk: Chunk, place: int) -> Document:
    ids = blocks.market_ids(chunk.recipe)
    return {"marketId": ids[int(chunk.plan.preferences[0][place])], "rank": 1, "eventIds": []}


def _record(chunk: Chunk, persons: People, made: list[Any], ledger: Ledger) -> None:
    """What is special without being wrong, of entries that carry no anomaly."""
    plan = chunk.plan
    plain = (plan.anomaly < 0) & (plan.version == _V3) & (plan.fate != plans.ERASED)
    counted = plain.tolist()
    special = {
        "bot": plan.bot.tolist(),
        "decomposed_name": [style == DECOMPOSED for style in persons.name_style],
        "postal_missing": [code is None for code in persons.postal_code],
        "leading_zero_postal": [(code or "").startswith("0") for code in persons.postal_code],
        "phone_missing": [number is None for number in persons.phone],
        "promoted": plan.promoted.tolist(),
        "unknown_keys": ["importedFrom" in document for document in made],
    }
    for name, column in special.items():
        found = [
            document["_id"]
            for document, is_special, counts in zip(made, column, counted, strict=True)
            if is_special and counts
        ]
        ledger.extend(name, found)
