"""The one mapper from stored documents to the values that exports see."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from assets.model.campaign import Campaign, Event, Market, Promoter, Question
from assets.model.column import Pii

Document = Mapping[str, Any]


def campaign_from(document: Document) -> Campaign:
    """A campaign (DOMAIN.md 2.1)."""
    return Campaign(
        id=document["_id"],
        key=document["key"],
        name=document.get("name") or "",
        status=document.get("status") or "",
        zone=document.get("timeZone") or "UTC",
        default_locale=document.get("defaultLocale") or "en-US",
        locales=tuple(document.get("locales") or ()),
        # Without a stated width people may rank three markets (DOMAIN.md 10.3).
        max_markets=int((document.get("preferences") or {}).get("maxMarkets") or 3),
        questions=tuple(_question(question) for question in document.get("questions") or ()),
        consent_keys=tuple(_operator_consents(document.get("consents") or ())),
    )


def _question(document: Document) -> Question:
    return Question(
        key=document["key"],
        type=document["type"],
        # A question without a class is treated as the most sensitive one.
        pii=Pii(document.get("pii") or Pii.SECRET),
        order=document.get("order") or 0,
        exportable=bool(document.get("exportable")),
        retired=document.get("retiredAt") is not None,
        options=tuple(option["value"] for option in document.get("options") or ()),
    )


def _operator_consents(documents: Iterable[Document]) -> Iterable[str]:
    """Keys of the consents that are not a promoter's, each once, in the form's order."""
    keys = (c["key"] for c in documents if c.get("party") != "promoter")
    return dict.fromkeys(keys)


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
            events=tuple(
                Event(event_id=event["eventId"], local_date=event.get("localDate") or "")
                for event in document.get("events") or ()
            ),
        )
        for document in documents
    )


def promoters_from(documents: Iterable[Document]) -> tuple[Promoter, ...]:
    """Promoters by key, so that their columns have one order."""
    promoters = (Promoter(id=document["_id"], key=document["key"]) for document in documents)
    return tuple(sorted(promoters, key=lambda promoter: promoter.key))


def bands_from(documents: Iterable[Document], snapshot: datetime) -> dict[object, str]:
    """Entry id to the band of its latest manual decision that was in force at the snapshot."""
    in_force = [
        document
        for document in documents
        if isinstance(document.get("at"), datetime)
        and document["at"] <= snapshot
        and not _is_over(document.get("expiresAt"), snapshot)
    ]
    latest = sorted(in_force, key=lambda document: (document["at"], str(document["_id"])))
    return {document["entryId"]: document["toBand"] for document in latest}


def _is_over(expires: object, snapshot: datetime) -> bool:
    return isinstance(expires, datetime) and expires <= snapshot
