"""Looks at exports that come at the same time, as one query.

Half of what a look cost was its own way to the database and back through a thread. Here a look that
comes while others are under way waits for its turn, and goes together with all who wait: each is
read after it was asked for, and the busier the bridge, the cheaper is a look.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from itertools import islice
from typing import Any

from resources.mongo.exports import ExportStore, Match

Document = Mapping[str, Any]

# Queries under way: a second one, so that one that is slow does not keep everybody waiting.
AT_ONCE = 2
# What a server answers at once; for more it would be asked again.
MOST = 101

_Asked = dict[str, asyncio.Future[Document | None]]


class Looks:
    """Reads exports by their ids; all of it runs on one event loop.

    Args:
        store: Where the exports are.
    """

    def __init__(self, store: ExportStore) -> None:
        self._store = store
        self._asked: _Asked = {}
        self._under_way = 0

    async def at(self, export_id: str) -> Document | None:
        """Return the export as it is now, or None.

        Raises:
            Unavailable: The database was not reached, or not while others waited before this one:
                nobody waits longer than one query may take.
        """
        told = self._asked.get(export_id)
        if told is None:
            told = self._asked[export_id] = asyncio.get_running_loop().create_future()
            self._go()
        # Whoever hangs up must not take the answer from others who asked for the same.
        return await asyncio.shield(told)

    def _go(self) -> None:
        if not self._asked or self._under_way >= AT_ONCE:
            return
        these = {one: self._asked.pop(one) for one in list(islice(self._asked, MOST))}
        self._under_way += 1
        reading = asyncio.get_running_loop().run_in_executor(None, self._read, tuple(these))
        reading.add_done_callback(partial(self._tell, these))

    def _read(self, ids: tuple[str, ...]) -> Mapping[str, Document]:
        found = self._store.candidates(Match(statuses=None, equal={"_id": ids}), limit=len(ids))
        return {document["_id"]: document for document in found}

    def _tell(self, these: _Asked, reading: asyncio.Future[Mapping[str, Document]]) -> None:
        self._under_way -= 1
        wrong = None if reading.cancelled() else reading.exception()
        if wrong is not None:
            these |= self._asked
            self._asked = {}
        for export_id, told in these.items():
            if told.done():
                continue
            if reading.cancelled():
                told.cancel()
            elif wrong is not None:
                told.set_exception(wrong)
                told.exception()  # whoever asked may be gone
            else:
                told.set_result(reading.result().get(export_id))
        self._go()
