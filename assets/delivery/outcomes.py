"""Find out what became of the rows of one batch: poll, read the results, isolate the bad rows."""

from collections.abc import Sequence
from typing import Final

from assets.delivery.contract import Watch, unknown_outcome
from assets.delivery.table import Row
from assets.model.failure import ExportFailed
from assets.model.ledger import RowReject
from resources.clock import Clock
from resources.crash_points import CrashPoint, passing
from resources.marketing_cloud import BatchStatus, MarketingCloud, RequestState, RowResult

FIRST_POLL_SECONDS: Final = 2.0
POLL_GROWTH: Final = 1.5
MOST_POLL_SECONDS: Final = 60.0
PATIENCE_SECONDS: Final = 3_600.0
# To isolate the bad rows of one batch whose results do not say which they are (DOMAIN.md 8.2).
EXTRA_CALLS: Final = 200


class Poll:
    """Waits for requests, all of them together no longer than a bound.

    Args:
        patience: Seconds, from now.
    """

    def __init__(
        self, cloud: MarketingCloud, clock: Clock, watch: Watch, *, patience: float
    ) -> None:
        self._cloud, self._clock, self._watch = cloud, clock, watch
        self._until = clock.monotonic() + patience

    def ended(self, request_id: str) -> BatchStatus:
        """The status once it is no longer pending; a pending one when time is up."""
        wait = FIRST_POLL_SECONDS
        while True:
            self._watch.advance()
            passing(CrashPoint.K21)
            status = self._cloud.status(request_id)
            left = self._until - self._clock.monotonic()
            if status.state is not RequestState.PENDING or left <= 0:
                return status
            self._clock.sleep(min(wait, left))
            wait = min(wait * POLL_GROWTH, MOST_POLL_SECONDS)


class Resolver:
    """Says which rows of a batch that is complete with errors were not taken.

    The results carry no key. Their order is believed to be that of the rows only if there are as
    many; and then the rows that they blame are sent once more, alone, where a primary key makes
    that harmless. If that does not confirm them, or there are fewer results than rows, the batch is
    halved until every bad row stands alone.

    Args:
        key: The data extension's external key.
        keyed: Whether it has a primary key.
    """

    def __init__(
        self, cloud: MarketingCloud, poll: Poll, watch: Watch, *, key: str, keyed: bool
    ) -> None:
        self._cloud, self._poll, self._watch = cloud, poll, watch
        self._key, self._keyed = key, keyed
        self._calls = 0

    def rejects(self, request_id: str, rows: Sequence[Row]) -> tuple[RowReject, ...]:
        """The rows that were not taken, in order.

        Raises:
            ExportFailed: `DELIVERY_UNKNOWN`: some were not, and nobody can say which.
        """
        self._calls = 0
        results = self._cloud.results(request_id).rows
        if len(results) == len(rows):
            blamed = [
                (row, result) for row, result in zip(rows, results, strict=True) if not result.ok
            ]
            if not self._keyed or self._confirmed([row for row, _ in blamed]):
                return tuple(_reject(row, result) for row, result in blamed)
        if not self._keyed:
            message = "rows were refused, and the results do not say which"
            raise unknown_outcome(message, retryable=False)
        return tuple(sorted(self._halved(rows), key=lambda one: one.position))

    def _confirmed(self, blamed: Sequence[Row]) -> bool:
        return bool(blamed) and len(self._sent_again(blamed)) == len(blamed)

    def _halved(self, rows: Sequence[Row]) -> list[RowReject]:
        found: list[RowReject] = []
        waiting = [rows]
        while waiting:
            part = waiting.pop()
            errors = self._sent_again(part)
            if errors and len(part) == 1:
                found.append(_reject(part[0], errors[0]))
            elif errors and len(errors) == len(part):
                found.extend(_reject(row, error) for row, error in zip(part, errors, strict=True))
            elif errors:
                half = len(part) // 2
                waiting += [part[half:], part[:half]]
        return found

    def _sent_again(self, rows: Sequence[Row]) -> list[RowResult]:
        """Send rows once more; the errors. The primary key makes it harmless (DOMAIN.md 8.2)."""
        self._calls += 1
        if self._calls > EXTRA_CALLS:
            message = f"the bad rows of a batch were not found in {EXTRA_CALLS} calls"
            raise unknown_outcome(message, retryable=False)
        self._watch.advance()
        request_id = self._cloud.upsert(self._key, [row.values for row in rows])
        status = self._poll.ended(request_id)
        if status.state is RequestState.PENDING:
            raise unknown_outcome("rows that were sent again are still pending")
        if status.state is RequestState.ERROR:
            raise ExportFailed("DELIVERY_FAILED", "a request ended in an error", retryable=True)
        if not status.has_errors:
            return []
        errors = [result for result in self._cloud.results(request_id).rows if not result.ok]
        return errors or [RowResult(ok=False, code="unnamed")]


def _reject(row: Row, result: RowResult) -> RowReject:
    return RowReject(position=row.position, reason=result.code or "unnamed")
