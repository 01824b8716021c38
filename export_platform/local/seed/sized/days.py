"""The two tables that are by day only: erased subjects, and what a campaign came to by each day."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from export_platform.local.seed.basis.dataset import Slice
from export_platform.local.seed.basis.identifiers import email_digest
from export_platform.local.seed.basis.instants import AS_OF
from export_platform.local.seed.basis.ledger import Ledger
from export_platform.local.seed.sized import anomalies, consent, scores, users
from export_platform.local.seed.sized import plan as plans
from export_platform.local.seed.sized.chunk import Chunk
from export_platform.local.seed.sized.names import campaign_id
from export_platform.local.seed.sized.people import addresses
from export_platform.local.seed.sized.recipe import OPENS, Recipe

FIRST: Final = OPENS.date()
LAST: Final = AS_OF.date()
DECIDED: Final = date(2026, 3, 11)
MEASURES: Final = (
    *("entries", "verified", "rejected", "selected", "waitlisted", "codes_issued"),
    *("codes_redeemed", "tickets", "opt_ins", "unsubscribes"),
)
_EPOCH: Final = date(1970, 1, 1)
_DAY: Final = 86_400_000

# Which rows of a table count for what, how much each, when, and what tells it from its copies.
_COUNTED: Final = {
    "codes_assigned": ("codes_issued", "code_id", "assigned_at"),
    "code_redemptions": ("codes_redeemed", "code_id", "redeemed_at"),
    "ticket_orders": ("tickets", "order_id", "ordered_at"),
    "email_events": ("unsubscribes", "event_id", "occurred_at"),
}


class Days:
    """Adds up the campaigns of a pack while their rows pass by.

    What comes from the entries counts those of today's shape: the others are of earlier years.
    """

    def __init__(self) -> None:
        """Nothing has passed."""
        self._sums: dict[Recipe, Counter[tuple[date, str]]] = {}
        self._erased: list[dict[str, object]] = []
        self._seen: set[tuple[str, str]] = set()

    def begin(self, recipe: Recipe) -> None:
        """A campaign of which rows follow; one without any has days of zeros."""
        self._sums.setdefault(recipe, Counter())

    def entries(self, chunk: Chunk, ledger: Ledger) -> None:
        """Count the entries of a chunk, and note those who were erased."""
        self._seen.clear()  # all rows of an entry pass with its chunk
        plan = chunk.plan
        today = plan.version == plans.TODAY
        decided = np.full(len(today), (DECIDED - _EPOCH).days, dtype=np.int64)
        created = np.maximum(plan.created // _DAY, (FIRST - _EPOCH).days)
        scored = scores.score(chunk.recipe, chunk.index, plan).asked
        thrown_out = np.isin(plan.fate, (plans.REJECTED, plans.DUPLICATE))
        for name, whom, days in (
            ("entries", today, created),
            ("opt_ins", today & consent.given(chunk).promoter, created),
            ("verified", scored & ~thrown_out, decided),
            ("rejected", today & (plan.fate == plans.REJECTED), decided),
            ("selected", plan.outcome == plans.SELECTED, decided),
            ("waitlisted", plan.outcome == plans.WAITLISTED, decided),
        ):
            found, counts = np.unique(days[whom], return_counts=True)
            for day, count in zip(found.tolist(), counts.tolist(), strict=True):
                self._add(chunk.recipe, _EPOCH + timedelta(days=day), name, count)
        self._erased += _erasures(chunk, ledger)

    def rows(self, recipe: Recipe, piece: Slice) -> None:
        """Count the rows of one slice of the chunk; each thing once, on the day it happened."""
        if piece.table not in _COUNTED:
            return
        measure, key, time = _COUNTED[piece.table]
        names = list(piece.columns)
        for values in zip(*piece.columns.values(), strict=True):
            row: dict[str, Any] = dict(zip(names, values, strict=True))
            known = (measure, row[key])
            if known not in self._seen and (amount := _amount(measure, row)):
                self._seen.add(known)
                self._add(recipe, row[time].date(), measure, amount)

    def slices(self) -> Iterator[Slice]:
        """Both tables, all campaigns of the pack together; totals as they stood after a day."""
        if self._erased:
            names = list(self._erased[0])
            yield Slice(
                table="erasure_ledger",
                campaign_id=None,
                day=users.ERASURE["completedAt"].date(),
                columns={name: [row[name] for row in self._erased] for name in names},
            )
        for number in range((LAST - FIRST).days + 1):
            day = FIRST + timedelta(days=number)
            columns: dict[str, list[object]] = {
                "campaign_id": [str(campaign_id(recipe)) for recipe in self._sums]
            }
            for name in MEASURES:
                for sums in self._sums.values():
                    sums[day, name] += sums[day - timedelta(days=1), name]
                columns[name] = [sums[day, name] for sums in self._sums.values()]
            yield Slice(table="campaign_daily", campaign_id=None, day=day, columns=columns)

    def _add(self, recipe: Recipe, day: date, measure: str, amount: int) -> None:
        self._sums[recipe][min(day, LAST), measure] += amount


def _amount(measure: str, row: dict[str, Any]) -> int:
    """How much one row adds."""
    if measure == "tickets":
        return int(row["tickets"]) if row["status"] != "cancelled" else 0
    wanted = {"codes_redeemed": ("result", "ok"), "unsubscribes": ("event_type", "unsubscribe")}
    column, value = wanted.get(measure, (None, None))
    return int(column is None or row[column] == value)


def _erasures(chunk: Chunk, ledger: Ledger) -> list[dict[str, object]]:
    """One row an erased subject: by the fate of the entry, the account, or an anomaly's name."""
    turns = chunk.plan.anomaly.tolist()
    places = [
        place
        for place, trouble in enumerate(users.troubles(chunk))
        if trouble == "erased" or (turns[place] >= 0 and _is_erased(turns[place]))
    ]
    if not places:
        return []
    emails = addresses(chunk)
    ledger.extend("erased_subject", [chunk.user_ids[place] for place in places])
    return [
        {
            "user_id": str(chunk.user_ids[place]),
            "email_sha256": email_digest(emails[place].lower()),
            "requested_at": users.ERASURE["requestedAt"].replace(tzinfo=None),
            "completed_at": users.ERASURE["completedAt"].replace(tzinfo=None),
            "scope": "all",
        }
        for place in places
    ]


def _is_erased(turn: int) -> bool:
    return anomalies.CLASSES[turn].name == "erased"
