"""Fans who change their markets while a waitlist is read."""

from collections.abc import Iterator

from bson import ObjectId

from resources.mongo.batch import Batch
from resources.mongo.entries import Scan
from tests.assets.workbench import tiny_documents
from tests.fakes.entries import FakeEntryStore

LOS_ANGELES = ObjectId("66530000000000000000a003")  # read first: markets are read by key
VANCOUVER = ObjectId("66530000000000000000a002")  # read last


class Moving(FakeEntryStore):
    """The entries of the pack, of which two change their markets before the last one is read.

    Args:
        live: The store in which they do; None: this one.
    """

    def __init__(self, live: FakeEntryStore | None = None) -> None:
        super().__init__(tiny_documents()["entries"])
        self._live = live or self

    def scan(self, scan: Scan, **sizes: int) -> Iterator[Batch]:
        """Swap the two when the last market is about to be read, then read."""
        if str(VANCOUVER) in str(scan.filter) and "$or" not in scan.filter:
            self._move(LOS_ANGELES, VANCOUVER)
            self._move(VANCOUVER, LOS_ANGELES)
        yield from super().scan(scan, **sizes)

    def _move(self, here: ObjectId, there: ObjectId) -> None:
        seen = [document for document, _ in self._live.kept.seen()]
        fan = next(one for one in seen if (one.get("waitlist") or {}).get("marketId") == here)
        self._live.kept.keep({**fan, "waitlist": {"marketId": there, "position": 999}})
