"""The one mapper from stored documents to the values that exports see."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from assets.model.campaign import (
    Agreement,
    Boost,
    Campaign,
    Choice,
    CodeConfig,
    Consent,
    ConsentText,
    Event,
    Market,
    Promoter,
    Question,
    Schedule,
)
from assets.model.column import Pii

Document = Mapping[str, Any]


def campaign_from(document: Document) -> Campaign:
    """A campaign (DOMAIN.md 2.1)."""
    preferences = document.get("preferences") or {}
    return Campaign(
        id=document["_id"],
        key=document["key"],
        name=document.get("name") or "",
        status=document.get("status") or "",
        zone=document.get("timeZone") or "UTC",
        default_locale=document.get("defaultLocale") or "en-US",
        locales=tuple(document.get("locales") or ()),
        # Without a stated width people may rank three markets (DOMAIN.md 10.3).
        max_markets=int(preferences.get("maxMarkets") or 3),
        artist=(document.get("artist") or {}).get("name") or "",
        countries=tuple((document.get("eligibility") or {}).get("countries") or ()),
        schedule=_schedule(document.get("schedule") or {}),
        questions=tuple(_question(question) for question in document.get("questions") or ()),
        consents=tuple(_consent(consent) for consent in document.get("consents") or ()),
        boosts=tuple(_boost(boost) for boost in document.get("boosts") or ()),
        code_configs=tuple(_code_config(config) for config in document.get("codeConfig") or ()),
        promoter_ids=tuple(document.get("promoterIds") or ()),
        data_extensions=dict((document.get("sfmc") or {}).get("dataExtensions") or {}),
        accept_bands=tuple((document.get("scoring") or {}).get("acceptBands") or ()),
        k_anonymity=int((document.get("privacy") or {}).get("kAnonymity") or 10),
        latest_run_id=(document.get("scoring") or {}).get("latestRunId"),
    )


def _schedule(document: Document) -> Schedule:
    return Schedule(
        registration_opens_at=_instant(document.get("registrationOpensAt")),
        registration_closes_at=_instant(document.get("registrationClosesAt")),
        selection_at=_instant(document.get("selectionAt")),
        notify_at=_instant(document.get("notifyAt")),
        presale_starts_at=_instant(document.get("presaleStartsAt")),
        presale_ends_at=_instant(document.get("presaleEndsAt")),
        general_onsale_at=_instant(document.get("generalOnsaleAt")),
    )


def _instant(value: object) -> datetime | None:
    """A BSON date; what is none counts as not fixed yet."""
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _question(document: Document) -> Question:
    return Question(
        key=document["key"],
        type=document["type"],
        # A question without a class is treated as the most sensitive one.
        pii=Pii(document.get("pii") or Pii.SECRET),
        order=document.get("order") or 0,
        exportable=bool(document.get("exportable")),
        version=document.get("version") or 1,
        retired=document.get("retiredAt") is not None,
        promoter_visible=bool(document.get("promoterVisible")),
        label=dict(document.get("label") or {}),
        choices=tuple(
            Choice(value=option["value"], label=dict(option.get("label") or {}))
            for option in document.get("options") or ()
        ),
    )


def _consent(document: Document) -> Consent:
    return Consent(
        key=document["key"],
        party=document.get("party") or "",
        promoter_id=document.get("promoterId"),
        texts=tuple(
            ConsentText(
                version=text["version"],
                text=dict(text.get("text") or {}),
                valid_from=_instant(text.get("validFrom")),
            )
            for text in document.get("textVersions") or ()
        ),
    )


def _boost(document: Document) -> Boost:
    return Boost(key=document["key"], daily_cap=document.get("dailyCap"))


def _code_config(document: Document) -> CodeConfig:
    return CodeConfig(
        key=document["key"],
        type=document.get("codeType") or "unique",
        market_id=document.get("marketId"),
    )


def markets_from(documents: Iterable[Document]) -> tuple[Market, ...]:
    """Markets in display order."""
    return tuple(
        Market(
            id=document["_id"],
            key=document["key"],
            name=document["name"],
            order=document.get("order") or 0,
            status=document.get("status") or "active",
            zone=document.get("timeZone") or "UTC",
            city=document.get("city"),
            region=document.get("region"),
            country=document.get("countryCode"),
            dma=document.get("dmaId"),
            codes_planned=(document.get("allocation") or {}).get("codesPlanned"),
            events=tuple(_event(event) for event in document.get("events") or ()),
        )
        for document in documents
    )


def _event(document: Document) -> Event:
    venue = document.get("venue") or {}
    return Event(
        event_id=document["eventId"],
        local_date=document.get("localDate") or "",
        local_time=document.get("localTime"),
        status=document.get("status") or "scheduled",
        starts_at=_instant(document.get("startsAt")),
        venue=venue.get("name"),
        capacity=venue.get("capacity"),
        presale_starts_at=_instant(document.get("presaleStartsAt")),
        presale_ends_at=_instant(document.get("presaleEndsAt")),
        allocation=document.get("fanAllocation"),
    )


def promoters_from(documents: Iterable[Document]) -> tuple[Promoter, ...]:
    """Promoters by key, so that their columns have one order."""
    promoters = (
        Promoter(
            id=document["_id"],
            key=document["key"],
            status=document.get("status") or "active",
            agreement=_agreement(document.get("dataSharing") or {}),
            prefix=(document.get("delivery") or {}).get("prefix"),
        )
        for document in documents
    )
    return tuple(sorted(promoters, key=lambda promoter: promoter.key))


def _agreement(document: Document) -> Agreement | None:
    if not document.get("agreementId"):
        return None
    return Agreement(
        id=document["agreementId"],
        signed_at=_instant(document.get("signedAt")),
        expires_at=_instant(document.get("expiresAt")),
        allowed_fields=frozenset(document.get("allowedFields") or ()),
        hash_only=bool(document.get("hashOnly")),
    )


def bands_from(documents: Iterable[Document], snapshot: datetime) -> dict[object, str]:
    """Entry id to the band of its latest manual decision that was in force at the snapshot."""
    latest = overrides_from(documents, snapshot)
    return {entry_id: document["toBand"] for entry_id, document in latest.items()}


def overrides_from(documents: Iterable[Document], snapshot: datetime) -> dict[object, Document]:
    """Entry id to its latest manual decision that was in force at the snapshot."""
    in_force = sorted(
        _in_force(documents, snapshot), key=lambda document: (document["at"], str(document["_id"]))
    )
    return {document["entryId"]: document for document in in_force}


def _in_force(documents: Iterable[Document], snapshot: datetime) -> Iterator[Document]:
    for document in documents:
        made, over = document.get("at"), document.get("expiresAt")
        if not isinstance(made, datetime) or made > snapshot:
            continue
        if not isinstance(over, datetime) or over > snapshot:
            yield document
