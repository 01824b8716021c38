"""Who was given a link to which file: a document a download, which nothing here changes.

They stand beside the exports and not in them. A document of MongoDB ends at 16 MB, which some
seventy thousand downloads fill; then nobody could download any more, nor move the export. And
whoever looks at an export reads all of it.
"""

from dataclasses import dataclass, field
from datetime import datetime

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, IndexModel

from resources.mongo.connection import Document, MongoConnection

NAME = "export_downloads"

INDEXES = (
    IndexModel([("export", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)], name="ix_export"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One call for a link.

    Attributes:
        file: Which file of the export.
        actor: Who called.
        client: Which program did so for them.
        ip: From where.
        user_agent: With what, as it says itself.
        at: When, by the database's clock; None until it is written down.
    """

    file: int
    actor: str
    client: str | None = None
    ip: str | None = field(default=None, repr=False)
    user_agent: str = ""
    at: datetime | None = None


class DownloadStore:
    """The collection of downloads."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def add(self, export_id: str, download: Download) -> None:
        """Write a download down, by the database's clock.

        An upsert, since only an update pipeline can use that clock; its id is new, so the driver
        may send it again.

        Raises:
            Unavailable: The database did not confirm; it may or may not be written down.
        """
        told = {
            "export": export_id,
            "file": download.file,
            "actor": download.actor,
            "client": download.client,
            "ip": download.ip,
            "userAgent": download.user_agent,
        }
        written = {name: {"$literal": value} for name, value in told.items()}
        with self._connection.bounded("write down a download"):
            self._connection.collection(NAME).update_one(
                {"_id": ObjectId()}, [{"$set": {**written, "at": "$$NOW"}}], upsert=True
            )

    def of(self, export_id: str, *, limit: int) -> list[Download]:
        """Return the downloads of an export, newest first; at most ``limit``, which is not 0."""
        order = [("at", DESCENDING), ("_id", DESCENDING)]
        with self._connection.bounded("list the downloads of an export"):
            found = self._connection.collection(NAME).find({"export": {"$eq": export_id}})
            return [_download(document) for document in found.sort(order).limit(limit)]


def _download(document: Document) -> Download:
    return Download(
        file=document["file"],
        actor=document["actor"],
        client=document["client"],
        ip=document["ip"],
        user_agent=document["userAgent"],
        at=document["at"],
    )
