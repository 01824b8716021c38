"""The claims of exports in memory, and a clock to set."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from resources.clock import Clock
from resources.mongo.claims import Claim, ClaimStore, Holder
from tests.fakes.asked import Asked
from tests.fakes.exports import NOWHERE, FakeExportStore


@dataclass(frozen=True, slots=True)
class _Kept:
    holder: Holder
    at: datetime


class FakeClaimStore(ClaimStore):
    """A claim store beside a fake of the exports.

    Attributes:
        asked: What it was asked; ``asked.fail_next`` makes it fail.
    """

    def __init__(self, clock: Clock, exports: FakeExportStore) -> None:
        """Start with nothing claimed; the clock is the database's."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self._clock, self._exports = clock, exports
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def take(self, claims: Sequence[str], holder: Holder) -> int:
        """Take claims up to the first that somebody has."""
        self.asked.note("take", tuple(claims), holder)
        with self._lock:
            for count, claim in enumerate(claims):
                if claim in self._kept:
                    return count
                self._kept[claim] = _Kept(holder, self._clock.now())
            return len(claims)

    def take_each(self, wanted: Sequence[tuple[str, Holder]]) -> list[bool]:
        """Take claims of several, each as if it were taken alone."""
        return [self.take([claim], holder) == 1 for claim, holder in wanted]

    def take_over(
        self, claim: str, holder: Holder, *, instead_of: Holder, older: float | None = None
    ) -> bool:
        """Take what somebody has, in one step that no other thread sees half done."""
        self.asked.note("take_over", claim, holder, instead_of, older)
        with self._lock:
            kept, now = self._kept.get(claim), self._clock.now()
            if kept is None or kept.holder != instead_of:
                return False
            if older is not None and kept.at >= now - timedelta(seconds=older):
                return False
            self._kept[claim] = _Kept(holder, now)
            return True

    def held(self, claims: Sequence[str]) -> dict[str, Claim]:
        """Return those of the claims that somebody has."""
        self.asked.note("held", tuple(claims))
        with self._lock:
            found = {claim: self._kept[claim] for claim in claims if claim in self._kept}
        return {claim: self._claim(kept.holder) for claim, kept in found.items()}

    def release(self, claims: Sequence[str], holder: Holder) -> None:
        """Free those of the claims that the holder still has."""
        self.asked.note("release", tuple(claims), holder)
        with self._lock:
            for claim in claims:
                if claim in self._kept and self._kept[claim].holder == holder:
                    del self._kept[claim]

    def clear(self) -> None:
        """Forget every claim."""
        with self._lock:
            self._kept.clear()

    def _claim(self, holder: Holder) -> Claim:
        export = self._exports.kept.get(holder.export) or {}
        ours = bool(export) and (export.get("holds") or {}).get("token", "") == holder.token
        return Claim(holder=holder, status=str(export.get("status")) if ours else None)
