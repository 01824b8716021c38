"""The endpoints of a caller: made, given another secret, and told again."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from api_bridge.webhooks.signing import ROTATION, new_secret
from assets.model.lifecycle import Event
from assets.model.webhook import EndpointStatus
from resources.clock import Clock
from resources.errors import AlreadyExists
from resources.mongo.exports import Change, Match
from resources.mongo.webhooks import EndpointStore

Document = Mapping[str, Any]


class TooManyEndpoints(Exception):
    """All places of the caller are taken."""


class Contended(Exception):
    """Somebody else has changed the endpoint meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a caller wants to be told, and where.

    Attributes:
        url: Where; checked.
        events: What.
        mine: Only of exports that the caller has asked for.
    """

    url: str
    events: tuple[Event, ...] = tuple(Event)
    mine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """What a caller does with endpoints.

    Attributes:
        store: Where they are.
        clock: For the end of a secret.
        most: How many one caller may have.
    """

    store: EndpointStore
    clock: Clock
    most: int

    def of(self, owner: str) -> list[Document]:
        """The endpoints of a caller, oldest first."""
        # There are more where the cap was larger once.
        return [*self.store.of(owner, limit=10 * self.most)]

    def register(self, wanted: Wanted, *, owner: str, campaigns: Iterable[str]) -> Document:
        """Make an endpoint; its document holds the secret.

        Args:
            wanted: What, and where.
            owner: Who.
            campaigns: The campaigns that the caller sees, and hears of from now on.

        Raises:
            TooManyEndpoints: The caller has no place left; of many at once none comes in too much.
        """
        taken = {one["place"] for one in self.of(owner)}
        for number in range(self.most):
            place = f"{owner}#{number}"
            if place in taken:
                continue
            try:
                return self.store.insert(_new(wanted, owner, place, campaigns))
            except AlreadyExists:
                continue  # somebody was faster with this place
        raise TooManyEndpoints

    def rotate(self, endpoint: Document, *, campaigns: Iterable[str]) -> Document:
        """Give an endpoint a new secret; the one before signs beside it for a day.

        Raises:
            Contended: Another rotation came between, or a delete; nothing was changed.
        """
        newest = {"value": new_secret(), "until": None}
        before = {**endpoint["secrets"][0], "until": self.clock.now() + ROTATION}
        change = Change(set={"secrets": [newest, before], "campaigns": sorted(campaigns)})
        return self._changed(endpoint, change)

    def enable(self, endpoint: Document) -> Document:
        """Tell an endpoint again, of what happens from now on.

        Raises:
            Contended: Something came between; nothing was changed.
        """
        enabled = {"status": str(EndpointStatus.ENABLED), "reason": None, "disabledAt": None}
        return self._changed(endpoint, Change(set=enabled))

    def _changed(self, endpoint: Document, change: Change) -> Document:
        same = Match(statuses=None, equal={"revision": endpoint["revision"]})
        after = self.store.change(endpoint["_id"], same, change)
        if after is None:
            raise Contended
        return after


def _new(wanted: Wanted, owner: str, place: str, campaigns: Iterable[str]) -> dict[str, object]:
    return {
        "_id": f"we_{secrets.token_hex(12)}",
        "owner": owner,
        "place": place,
        "url": wanted.url,
        "events": list(map(str, wanted.events)),
        "mine": wanted.mine,
        "campaigns": sorted(campaigns),
        "secrets": [{"value": new_secret(), "until": None}],
        "status": str(EndpointStatus.ENABLED),
        "reason": None,
        "disabledAt": None,
    }
