"""From what has happened to exports to what is sent to whom: the outbox is emptied.

A crash at any point only makes the same work be done again: a delivery has the id of its event and
endpoint, so it is there once, and the export forgets its news only after all of them are there.
"""

from dataclasses import dataclass

from assets.life import Document, ExportLife
from assets.model.webhook import DeliveryStatus, EndpointStatus, Message, messages
from resources.mongo.webhooks import DeliveryStore, EndpointStore

PAGE = 100
# Ten times the endpoints of a campaign with a hundred tools that each have all their places.
MOST_HEARING = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Hands on what has happened.

    Attributes:
        life: The exports.
        endpoints: Who may be told.
        deliveries: What is to be told.
    """

    life: ExportLife
    endpoints: EndpointStore
    deliveries: DeliveryStore

    def hand_on(self) -> int:
        """Make the deliveries of all that has happened; return how many are new."""
        made, after, more = 0, None, True
        while more:
            page = self.life.untold(after=after, limit=PAGE)
            # One that cannot be decoded stays, and holds up nobody.
            readable = [document for document in page if not document.get("undecodable")]
            made += sum(self._hand_on(document) for document in readable)
            more = len(page) == PAGE
            after = page[-1]["_id"] if more else None
        return made

    def _hand_on(self, document: Document) -> int:
        made = sum(
            self.deliveries.add(_delivery(message, endpoint))
            for message in messages(document)
            for endpoint in self._hearing(message)
        )
        self.life.told(document)  # nothing, if more has happened meanwhile: the next round has it
        return made

    def _hearing(self, message: Message) -> list[Document]:
        enabled = str(EndpointStatus.ENABLED)
        found = self.endpoints.hearing(enabled, message.audience, limit=MOST_HEARING)
        return [endpoint for endpoint in found if message.is_for(endpoint)]


def stored_id(message_id: str, endpoint_id: str) -> str:
    """The id under which the telling of an event to an endpoint is stored."""
    return f"{message_id}:{endpoint_id}"


def _delivery(message: Message, endpoint: Document) -> dict[str, object]:
    return {
        "_id": stored_id(message.id, endpoint["_id"]),
        "message": message.id,
        "endpoint": endpoint["_id"],
        "campaign": message.campaign,
        "type": str(message.type),
        "export": message.export,
        "body": message.body,
        "status": str(DeliveryStatus.WAITING),
        "attempts": 0,
        "tries": [],
        "lease": None,
    }
