"""One compare-and-set from the states that a move starts in to the one that it ends in."""

from collections.abc import Mapping
from datetime import datetime

from assets.model.lifecycle import LIVE, TRANSITIONS, Move, Status, Timing
from assets.moves.changes import Document, also, merged, news
from resources.mongo.exports import Change, ExportStore, Match


class IllegalMove(Exception):
    """The export is in a state from which this move is not allowed; `status` says which."""

    def __init__(self, status: str) -> None:
        super().__init__(f"not from {status}")
        self.status = status


class LeaseLost(Exception):
    """Somebody else holds the export, or nobody: stop now and publish nothing."""


class Moves:
    """How a move is written; `ExportLife` says what it is given."""

    def __init__(
        self,
        store: ExportStore,
        *,
        timing: Timing | None = None,
        as_of: datetime | None = None,
    ) -> None:
        self._store = store
        self._as_of = as_of
        self.timing = timing or Timing()

    def find(self, export_id: str) -> Document | None:
        """The document, or None."""
        return self._store.find(export_id)

    def _move(
        self,
        move: Move,
        export_id: str,
        *,
        change: Change,
        token: str | None = None,
        equal: Mapping[str, object] | None = None,
        older: Mapping[str, float] | None = None,
        due: tuple[str, ...] = (),
        only: str | None = None,
    ) -> Document | None:
        """One compare-and-set from the sources of a move to its target."""
        sources = sources_of(move)
        match = Match(
            statuses=sources if only is None else tuple(s for s in sources if s == only),
            token=token,
            equal=equal or {},
            older=older or {},
            due=due,
        )
        target = TRANSITIONS[move].target
        if target is not None:
            change = also(change, set={"status": str(target)})
        return self._store.change(export_id, match, merged(change, news(move, change)))

    def _held(self, move: Move, export_id: str, token: str, change: Change) -> Document:
        moved = self._move(move, export_id, token=token, change=change)
        if moved is None:
            raise LeaseLost
        return moved

    def _already(self, export_id: str, fine: tuple[Status, ...]) -> Document | None:
        document = self._store.find(export_id)
        if document is None or document["status"] in fine:
            return document
        raise IllegalMove(document["status"])


def sources_of(move: Move) -> tuple[str, ...]:
    """The states that a move starts from."""
    return tuple(str(status) for status in TRANSITIONS[move].sources)


def live_but_queued() -> tuple[str, ...]:
    """States in which somebody must be at work; a joined export waits as a queued one does."""
    idle = (Status.QUEUED, Status.JOINED)
    return tuple(str(status) for status in LIVE if status not in idle)
