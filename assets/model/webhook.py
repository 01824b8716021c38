"""What is said of an export to whoever asked to be told, and how that stands (API.md 5)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from assets.model.instant import rfc3339
from assets.model.lifecycle import Event
from assets.model.request import canonical_json

Document = Mapping[str, Any]

# In the place of the keys of campaigns: all of them, and the exports of none.
EVERY_CAMPAIGN = "*"


class EndpointStatus(StrEnum):
    """Whether an endpoint is told."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class Silenced(StrEnum):
    """Why an endpoint is no longer told."""

    GONE = "gone"
    FAILING = "failing"


class DeliveryStatus(StrEnum):
    """How the telling of one event to one endpoint stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One event, as it is sent.

    Attributes:
        id: The same for everybody who is told, and at every try.
        type: What has happened.
        at: When.
        export: Id of the export.
        campaign: Key of its campaign; None for an export of all.
        requester: Who asked for the export.
        body: The bytes that are signed.
    """

    id: str
    type: Event
    at: datetime
    export: str
    campaign: str | None
    requester: str
    body: bytes

    @property
    def audience(self) -> tuple[str, ...]:
        """The campaigns one of which an endpoint must have to be told."""
        return tuple(sorted({EVERY_CAMPAIGN, self.campaign or EVERY_CAMPAIGN}))

    def is_for(self, endpoint: Document) -> bool:
        """Whether an endpoint that hears of the campaign wants to hear this, and was there."""
        mine = not endpoint["mine"] or endpoint["owner"] == self.requester
        return mine and str(self.type) in endpoint["events"] and endpoint["createdAt"] <= self.at


def messages(document: Document) -> Iterator[Message]:
    """What an export document has to tell; an export that was deleted is nobody's any more."""
    deleted = document.get("deletedAt")
    for event in (document.get("outbox") or {}).get("events", ()):
        if deleted is None or event["at"] <= deleted:
            yield from _messages(document, event)


def _messages(document: Document, event: Document) -> Iterator[Message]:
    # What ended the export comes first, and says its state.
    status = Event(event["types"][0]).removeprefix("export.")
    for number, type_ in enumerate(map(Event, event["types"])):
        said = {
            "type": str(type_),
            "timestamp": rfc3339(event["at"]),
            "data": {
                "id": document["_id"],
                "status": status,
                "type": f"{document['type']}.{document['typeVersion']}",
            },
        }
        yield Message(
            id=f"{event['id']}-{number}",
            type=type_,
            at=event["at"],
            export=document["_id"],
            campaign=document.get("campaign"),
            requester=document["requestedBy"]["subject"],
            body=canonical_json(said),
        )
