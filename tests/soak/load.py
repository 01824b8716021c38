"""The mixed load of a soak: who asks for what, changes his mind, asks again and throws away.

Everything goes through the bridge, as product tools do it, and an answer that does not come is
asked for again with the same key: the bridge is among those that are killed.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from export_platform.commands.client import BridgeClient, Export
from export_platform.commands.terminal import CommandError
from resources.clock import SystemClock
from resources.mongo.stores import MongoStores

SMALL, LARGE = "aurora-lights-2026", "small-2026"
# Kinds that end within a second, one that takes several and goes up in parts, and those that are
# brought somewhere; how often of twelve.
_KINDS = ("waitlist", "entries", "selected-fans", "registration-timeline", "market-demand")
_DELIVERED = ("reminder-email", "code-sms", "scoring-input")
_ENDED = frozenset({"succeeded", "failed", "cancelled", "expired"})
LIVE_AT_ONCE = 6
SILENT_SECONDS = 300
CLOCK = SystemClock()


@dataclass(slots=True, kw_only=True)
class Asked:
    """An export of the soak, and what is to become of it.

    Attributes:
        id: Its id.
        kind: What it is of.
        fate: `keep`, `cancel`, `again` (cancel, then retry) or `delete` its files.
        done: Whether nothing more is to be done with it.
        wanted: The states that are right at the end.
    """

    id: str
    kind: str
    fate: str
    done: bool = False
    wanted: frozenset[str] = field(default=frozenset({"succeeded"}))


class Load:
    """Asks as long as it is told to look; at most six are live.

    Args:
        client: Of the bridge.
        stores: Where exports are looked at: what is measured is not our polling.
        seed: Of what is asked for.
    """

    def __init__(self, client: BridgeClient, stores: MongoStores, seed: int) -> None:
        self.asked: list[Asked] = []
        self._client, self._stores = client, stores
        self._draw = random.Random(seed)  # noqa: S311 - to be replayed
        # What could not be asked for yet: the request and its key.
        self._waiting: tuple[Mapping[str, Any], str] | None = None
        self._answered = CLOCK.monotonic()

    @property
    def live(self) -> list[Asked]:
        """Those with which something is still to be done."""
        return [one for one in self.asked if not one.done]

    def look(self, *, more: bool) -> None:
        """Go on with what is live, and ask for one more if there is room.

        Args:
            more: Whether new ones are asked for; one whose answer did not come is in any case.
        """
        for one in self.live:
            self._go_on(one)
        if self._waiting is None and more and len(self.live) < LIVE_AT_ONCE:
            self._waiting = (self._drawn(), f'"soak-{self._draw.getrandbits(96):x}"')
        if self._waiting is not None:
            self._ask(*self._waiting)
        if self._waiting is None:
            self._answered = CLOCK.monotonic()

    @property
    def waiting(self) -> bool:
        """Whether an answer of the bridge did not come yet."""
        return self._waiting is not None

    def found(self, export_id: str) -> Mapping[str, Any]:
        """The document of an export."""
        return self._stores.exports.find(export_id) or {}

    def _ask(self, body: Mapping[str, Any], key: str) -> None:
        try:
            answer = self._client._json(
                "POST", "v1/exports", json=dict(body), headers={"Idempotency-Key": key}
            )
        except CommandError:
            # The same again at the next look; but a bridge that was killed is back in seconds.
            if CLOCK.monotonic() - self._answered > SILENT_SECONDS:
                raise
            return
        self._waiting = None
        fates = ("keep",) * 8 + ("cancel", "again", "again", "delete")
        fate = self._draw.choice(fates)
        self.asked.append(Asked(id=Export.from_wire(answer).id, kind=body["type"], fate=fate))

    def _drawn(self) -> dict[str, Any]:
        number = self._draw.randrange(12)
        params: dict[str, Any] = {"campaign_id": SMALL, "reason": "a soak"}
        if number < 2:
            kind = "entries"
            params |= {"campaign_id": LARGE, "format": "jsonl", "compression": "none"}
        elif number < 4:
            kind = self._draw.choice(_DELIVERED)
            params |= {"reminder_kind": "onsale_tomorrow"} if kind == "reminder-email" else {}
        else:
            kind = self._draw.choice(_KINDS)
        return {"type": kind, "params": params, "fresh": True}

    def _go_on(self, one: Asked) -> None:
        status = self.found(one.id).get("status")
        if status in _ENDED:
            self._after(one, str(status))
        elif one.fate in {"cancel", "again"} and status == "running":
            one.wanted |= {"cancelled"}
            self._told(self._client.cancel, one.id)
            if one.fate == "cancel":
                one.fate = "keep"

    def _after(self, one: Asked, status: str) -> None:
        """What is done with one that has ended."""
        if one.fate == "again" and status == "cancelled":
            if self._told(self._client.retry, one.id):
                one.fate, one.wanted = "keep", frozenset({"succeeded"})
        elif one.fate == "delete" and status == "succeeded":
            if self._told(self._client.delete, one.id):
                one.done, one.wanted = True, frozenset({"succeeded", "expired"})
        else:
            one.done = True

    def _told(self, move: Any, export_id: str) -> bool:
        """Whether the bridge has taken it; else it is told again at the next look."""
        try:
            move(export_id)
        except CommandError:
            return False
        return True
