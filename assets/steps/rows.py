"""Turn rows into cells, and account for every one of them."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from assets.model.column import Unfit
from assets.model.manifest import Accounting
from assets.model.policy import Transform
from assets.model.source import Verdict
from assets.steps.encode import DIALECTS
from assets.steps.formats import (
    Rendering,
    formatter,
    h256_email,
    h256_phone,
    mask_email,
    mask_name,
    mask_phone,
    postal_prefix,
    transformed,
)
from assets.steps.plan import Plan, PlannedColumn

Cells = tuple[str, ...]

_TRANSFORMS: dict[Transform, Callable[[str], str]] = {
    Transform.MASK_EMAIL: mask_email,
    Transform.MASK_PHONE: mask_phone,
    Transform.MASK_NAME: mask_name,
    Transform.POSTAL_PREFIX: postal_prefix,
    Transform.SHA256_EMAIL: h256_email,
    Transform.SHA256_PHONE: h256_phone,
}


@dataclass(slots=True)
class Ledger:
    """Where every row goes, while they go there."""

    read: int = 0
    written: int = 0
    filtered: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def reject(self, reason: str) -> None:
        """Count a row with a value that does not fit."""
        self.rejected[reason] += 1

    def note(self, notes: Iterable[str]) -> None:
        """Count what was odd about a row that is kept."""
        self.notes.update(notes)

    def close(self, expected: int) -> Accounting:
        """The final accounting, with reasons in a stable order."""
        return Accounting(
            expected=expected,
            read=self.read,
            written=self.written,
            filtered=dict(sorted(self.filtered.items())),
            rejected=dict(sorted(self.rejected.items())),
            notes=dict(sorted(self.notes.items())),
        )


class Converter:
    """Makes the cells of a row, by the plan.

    Args:
        plan: The columns and their transforms.
        rendering: How values become text.
        secret: The deployment's key for pseudonyms; each export derives its own from it, so
            that ids of two files cannot be joined (DOMAIN.md 7.0, hashed mode).
    """

    def __init__(self, plan: Plan, *, rendering: Rendering, secret: bytes) -> None:
        self._key = hmac.digest(secret, plan.facts.request.fingerprint().encode(), "sha256")
        self._rendering = rendering
        self._columns = [(p.column.name, p.column.value, self._text(p)) for p in plan.columns]

    def cells(self, row: object) -> Cells:
        """The texts of one row.

        Raises:
            Unfit: A value does not fit its column; the reason names the column.
        """
        cells = []
        for name, value, text in self._columns:
            try:
                cells.append(text(value(row)))
            except Unfit as unfit:
                raise Unfit(f"{name}:{unfit.reason}") from None
        return tuple(cells)

    def _text(self, planned: PlannedColumn) -> Callable[[object], str]:
        form = planned.column.format
        if planned.transform is Transform.NONE:
            return formatter(form, self._rendering)
        change = _TRANSFORMS.get(planned.transform, self._pseudonym)
        return transformed(form, self._rendering, change)

    def _pseudonym(self, text: str) -> str:
        """The keyed hash of an id, the same within one export only."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest() if text else ""


def rendering(plan: Plan, ledger: Ledger) -> Rendering:
    """How the values of an export become text: in the campaign's zone, by the dialect's rules."""
    campaign = plan.facts.campaign
    return Rendering(
        zone=ZoneInfo(campaign.zone),
        default_locale=campaign.default_locale,
        locales=frozenset(campaign.locales),
        neutralise=DIALECTS[plan.facts.request.output.dialect].neutralise,
        warn=lambda code: ledger.note((code,)),
    )


def convert(
    rows: Iterable[Any],
    *,
    verdict: Verdict,
    notes: Callable[[Any], Iterable[str]],
    converter: Converter,
    ledger: Ledger,
) -> Iterator[Cells]:
    """The cells of every row that stays, in the order of the rows."""
    for row in rows:
        try:
            reason = verdict(row)
            if reason is not None:
                ledger.filtered[reason] += 1
                continue
            odd = notes(row)  # may reject the row, so before any column that counts rows
            cells = converter.cells(row)
        except Unfit as unfit:
            ledger.reject(unfit.reason)
            continue
        ledger.note(odd)
        ledger.written += 1
        yield cells


def allowed_rejects(read: int, stated: int | None) -> int:
    """How many rejected rows are still a success.

    One in a thousand, at least 10 so that a small file survives a handful of bad documents,
    at most 1,000 (RELIABILITY.md 4.3), unless the request states its own bound.
    """
    return min(1_000, max(10, read // 1_000)) if stated is None else stated
