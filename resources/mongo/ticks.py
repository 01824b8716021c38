"""When each sensor last looked.

The bridge cannot ask Dagster, which may be down or elsewhere; both know the database.
"""

from datetime import datetime
from typing import cast

from resources.mongo.connection import MongoConnection

NAME = "ticks"


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

    def last(self) -> dict[str, datetime]:
        """Return when each sensor last looked, by name."""
        with self._connection.bounded("read the ticks of the sensors"):
            found = list(self._connection.collection(NAME).find({"at": {"$type": "date"}}))
        return {document["_id"]: cast(datetime, document["at"]) for document in found}
