"""The export documents in memory: the semantics of ``Match`` and ``Change``, and a clock to set."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any, cast

from resources.clock import Clock
from resources.errors import AlreadyExists
from resources.mongo.connection import MongoConnection
from resources.mongo.exports import (
    Change,
    ExportDocument,
    ExportStore,
    Match,
    Newborn,
    compile_change,
    compile_match,
)
from tests.fakes.asked import Asked
from tests.fakes.collection import FakeCollection, given
from tests.fakes.matching import MISSING, at, matches, order

Document = dict[str, Any]

NOWHERE = MongoConnection(uri="mongodb://fake.invalid", database="fake")


class FakeExportStore(ExportStore):
    """An export store whose database clock is the one given.

    Attributes:
        asked: What it was asked; ``asked.fail_next`` makes it fail.
        kept: The documents; ``kept.keep`` plants one.
    """

    def __init__(self, clock: Clock, documents: Iterable[Mapping[str, Any] | bytes] = ()) -> None:
        """Start with these documents."""
        super().__init__(NOWHERE)
        self.asked = Asked()
        self.kept = FakeCollection(documents)
        self._clock = clock

    def insert(
        self,
        document: Mapping[str, object],
        *,
        push: Mapping[str, Mapping[str, object]] | None = None,
    ) -> ExportDocument:
        """Store a new document, if its id and its idempotency digest are free."""
        self.asked.note("insert", document)
        now = self._now()
        born = {"revision": 1, "createdAt": now, "updatedAt": now, "queuedAt": now}
        with self.kept.lock:
            if self._taken(document):
                raise AlreadyExists("MONGO_DUPLICATE", "insert an export document")
            lists = {path: [{**entry, "at": now}] for path, entry in (push or {}).items()}
            self.kept.keep({**document, **born, **lists})
            return self._given(document["_id"])

    def insert_all(self, newborn: Sequence[Newborn]) -> list[ExportDocument | None]:
        """Store new documents, each as if it were stored alone."""
        return [self._inserted(document, push) for document, push in newborn]

    def _inserted(
        self, document: Mapping[str, object], push: Mapping[str, Mapping[str, object]] | None
    ) -> ExportDocument | None:
        try:
            return self.insert(document, push=push)
        except AlreadyExists:
            return None

    def find(self, export_id: str) -> ExportDocument | None:
        """Return one document."""
        self.asked.note("find", export_id)
        return cast(ExportDocument | None, self.kept.get(export_id))

    def first(self, equal: Mapping[str, object]) -> ExportDocument | None:
        """Return one document whose fields equal these."""
        self.asked.note("first", equal)
        found = self._found(lambda document: equals(document, equal))
        return found[0] if found else None

    def change(self, export_id: str, match: Match, change: Change) -> ExportDocument | None:
        """Change a document if it matches, in one step that no other thread sees half done."""
        compile_match(match)
        compile_change(change)
        self.asked.note("change", export_id, match, change)
        with self.kept.lock:
            for document, _ in self.kept.seen():
                if document["_id"] == export_id and fits(document, match, self._now()):
                    self.kept.keep(changed(document, change, self._now()))
                    return self._given(export_id)
        return None

    def candidates(
        self, match: Match, *, after: str | None = None, limit: int, by_turn: bool = False
    ) -> list[ExportDocument]:
        """Return documents that match now."""
        self.asked.note("candidates", match, after, limit, by_turn)
        found = self._found(lambda document: fits(document, match, self._now()))
        if by_turn:
            found = self._found(lambda document: fits(document, match, self._now()), _turn)
        elif after is not None:
            found = [document for document in found if document["_id"] > after]
        return found[: max(limit, 0)]

    def page(
        self,
        equal: Mapping[str, object],
        *,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[ExportDocument]:
        """Return documents, newest first."""
        self.asked.note("page", equal, created_after, created_before, before, limit)

        def wanted(document: Document) -> bool:
            created = document["createdAt"]
            return (
                equals(document, equal)
                and (created_after is None or created >= created_after)
                and (created_before is None or created < created_before)
                and (before is None or (created, document["_id"]) < before)
            )

        found = self._found(wanted, lambda document: (document["createdAt"], document["_id"]))
        return found[::-1][: max(limit, 0)]

    def _found(
        self,
        wanted: Callable[[Document], bool],
        key: Callable[[Document], Any] = lambda document: document["_id"],
    ) -> list[ExportDocument]:
        found = [(document, raw) for document, raw in self.kept.seen() if wanted(document)]
        found.sort(key=lambda pair: key(pair[0]))
        return [cast(ExportDocument, given(raw)) for _, raw in found]

    def _given(self, export_id: object) -> ExportDocument:
        return cast(ExportDocument, self.kept.get(export_id))

    def _taken(self, document: Mapping[str, object]) -> bool:
        digest = at(document, "idempotency.digest")
        return any(
            stored["_id"] == document["_id"]
            or (isinstance(digest, str) and at(stored, "idempotency.digest") == digest)
            for stored, _ in self.kept.seen()
        )

    def _now(self) -> datetime:
        """The clock to the millisecond, as BSON keeps it."""
        now = self._clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def fits(document: Document, match: Match, now: datetime) -> bool:
    """Say whether a document is as a match wants it."""
    return (
        (match.statuses is None or document.get("status") in match.statuses)
        and (match.token is None or at(document, "lease.token") == match.token)
        and equals(document, match.equal)
        and all(_is_older(at(document, path), now, by) for path, by in match.older.items())
        and all(not _is_after(at(document, path), now) for path in match.due)
    )


def equals(document: Document, equal: Mapping[str, object]) -> bool:
    """Say whether fields of a document equal these."""
    return all(
        matches(document, {path: {"$in" if isinstance(value, tuple) else "$eq": value}})
        for path, value in equal.items()
    )


def _is_older(value: object, now: datetime, seconds: float) -> bool:
    return isinstance(value, datetime) and value < now - timedelta(seconds=seconds)


def _is_after(value: object, now: datetime) -> bool:
    return isinstance(value, datetime) and value > now


def _turn(document: Document) -> tuple[Any, ...]:
    return order(_present(document, "line.turn")), document["_id"]


def changed(document: Document, change: Change, now: datetime) -> Document:
    """Return what a change makes of a document."""
    after = deepcopy(document)
    for path, value in change.set.items():
        _put(after, path, value)
    for path, step in {**change.increment, "revision": 1}.items():
        _put(after, path, (_present(document, path) or 0) + step)
    for path, number in change.most.items():
        _put(after, path, max(number, _present(document, path) or number))
    for path in (*change.stamp, "updatedAt"):
        _put(after, path, now)
    for path, seconds in change.delay.items():
        _put(after, path, now + timedelta(milliseconds=round(seconds * 1000)))
    for path, entry in change.push.items():
        if _present(document, change.unless.get(path, "")) is not None:
            continue
        _put(after, path, [*(_present(document, path) or []), {**entry, "at": now}])
    return after


def _present(document: Document, path: str) -> Any:
    value = at(document, path)
    return None if value is MISSING else value


def _put(document: MutableMapping[str, Any], path: str, value: object) -> None:
    *above, last = path.split(".")
    place = document
    for name in above:
        if not isinstance(place.get(name), MutableMapping):
            place[name] = {}
        place = place[name]
    place[last] = deepcopy(value)
