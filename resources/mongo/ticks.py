"""When each sensor last looked, and when it failed at what it saw.

The bridge cannot ask Dagster, which may be down or elsewhere; both know the database.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from resources.mongo.connection import MongoConnection

NAME = "ticks"


@dataclass(frozen=True, slots=True)
class Failure:
    """A sensor that could not do with documents what it had to.

    Attributes:
        at: When it was last so, by the database's clock.
        documents: At how many of them it failed then.
        kind: The type of the last error.
    """

    at: datetime
    documents: int
    kind: str


class TickStore:
    """The collection of ticks: one small document a sensor."""

    def __init__(self, connection: MongoConnection) -> None:
        """Remember the connection; nothing is opened."""
        self._connection = connection

    def tick(self, name: str) -> None:
        """Write down that this sensor looks now, by the database's clock."""
        with self._connection.bounded("write down the tick of a sensor"):
            self._connection.collection(NAME).update_one(
                {"_id": name}, [{"$set": {"at": "$$NOW"}}], upsert=True
            )

    def fail(self, name: str, *, documents: int, kind: str) -> None:
        """Write down that this sensor has just failed at so many documents.

        Args:
            name: Of the sensor.
            documents: How many.
            kind: The type of the last error; never its text, which may quote a document.
        """
        failure = {"at": "$$NOW", "documents": documents, "kind": {"$literal": kind}}
        with self._connection.bounded("write down that a sensor failed"):
            self._connection.collection(NAME).update_one(
                {"_id": name}, [{"$set": {"failure": failure}}], upsert=True
            )

    def last(self) -> dict[str, datetime]:
        """Return when each sensor last looked, by name."""
        with self._connection.bounded("read the ticks of the sensors"):
            found = list(self._connection.collection(NAME).find({"at": {"$type": "date"}}))
        return {document["_id"]: cast(datetime, document["at"]) for document in found}

    def failures(self) -> dict[str, Failure]:
        """Return when each sensor last failed, by name, and at what; those that did."""
        with self._connection.bounded("read the failures of the sensors"):
            found = list(self._connection.collection(NAME).find({"failure.at": {"$type": "date"}}))
        return {document["_id"]: Failure(**document["failure"]) for document in found}
