"""The stores over one connection, and the indexes they need."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bson import Timestamp

from resources.mongo import (
    campaigns,
    claims,
    downloads,
    entries,
    exports,
    markets,
    promoters,
    scoring,
    users,
    webhooks,
)
from resources.mongo.connection import MongoConnection, ServerFacts
from resources.mongo.operations import OperationsStore
from resources.mongo.ticks import TickStore

# Declared beside each store; creating one that exists does nothing.
INDEXES = {
    module.NAME: module.INDEXES
    for module in (campaigns, downloads, entries, exports, markets, promoters, scoring, users)
} | {
    webhooks.ENDPOINTS: webhooks.ENDPOINT_INDEXES,
    webhooks.DELIVERIES: webhooks.DELIVERY_INDEXES,
}

# Building the indexes of a campaign of millions takes minutes; it happens once.
INDEX_SECONDS = 1_800.0


def _is_there(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> bool:
    """Whether an index has been made as it is declared: its keys, and what it promises."""
    found = there.get(wanted["name"])
    if found is None or list(found["key"]) != list(wanted["key"].items()):
        return False
    promises = ("unique", "partialFilterExpression", "expireAfterSeconds")
    return all((found.get(one) or None) == (wanted.get(one) or None) for one in promises)


class MongoStores:
    """Every store of the database; owns the connection."""

    def __init__(self, connection: MongoConnection) -> None:
        """Make the stores; nothing is opened."""
        self._connection = connection
        self.campaigns = campaigns.CampaignStore(connection)
        self.claims = claims.ClaimStore(connection)
        self.deliveries = webhooks.DeliveryStore(connection)
        self.downloads = downloads.DownloadStore(connection)
        self.endpoints = webhooks.EndpointStore(connection)
        self.entries = entries.EntryStore(connection)
        self.exports = exports.ExportStore(connection)
        self.markets = markets.MarketStore(connection)
        self.operations = OperationsStore(connection)
        self.promoters = promoters.PromoterStore(connection)
        self.scoring = scoring.ScoringStore(connection)
        self.ticks = TickStore(connection)
        self.users = users.UserStore(connection)

    @property
    def instant(self) -> Timestamp | None:
        """Of which all entries and users are read, on the clock of the cluster; None: of none."""
        return self._connection.instant

    @contextmanager
    def at_one_instant(self) -> Iterator["MongoStores"]:
        """Give stores that read all entries and users as they are now, while the block lasts.

        As `MongoConnection.at_one_instant` says; these stores themselves where the servers keep no
        past.

        Raises:
            Unavailable: The database went away.
        """
        with self._connection.at_one_instant() as connection:
            yield self if connection is self._connection else MongoStores(connection)

    def ping(self) -> None:
        """Ask the database whether it answers.

        Raises:
            Unavailable: It does not, within the server selection time.
        """
        self._connection.ping()

    def about(self) -> ServerFacts:
        """Ask the database what it is.

        Raises:
            Unavailable: It does not answer.
        """
        return self._connection.about()

    def lacking_indexes(self) -> list[str]:
        """Return, as `collection.name`, the declared indexes that are not there, or not the same.

        Raises:
            Unavailable: The database went away.
            Refused: We may not look.
        """
        lacking = []
        for name, indexes in INDEXES.items():
            with self._connection.bounded(f"read the indexes of {name}"):
                there = self._connection.collection(name).index_information()
            wanted = [index.document for index in indexes]
            lacking += [f"{name}.{one['name']}" for one in wanted if not _is_there(one, there)]
        return lacking

    def ensure_indexes(self) -> None:
        """Create every declared index that is not there yet.

        Raises:
            Refused: Stored documents break a unique index, or an index of the same name differs.
            Unavailable: The database went away.
        """
        for name, indexes in INDEXES.items():
            with self._connection.bounded(f"create the indexes of {name}", seconds=INDEX_SECONDS):
                self._connection.collection(name).create_indexes(list(indexes))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
