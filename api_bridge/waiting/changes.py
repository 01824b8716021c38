"""Who waits for which export, and the one query a tick that tells all of them.

A request that waited in a thread would take one of 32 from those that work. Here it is an entry in
a set on the event loop: a thousand waiters cost one query of revisions every half second.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from resources.errors import DoorError
from resources.mongo.operations import OperationsStore

# How late a change is told; a worker's heartbeat comes every 10 s, so more often tells little more.
TICK_SECONDS = 0.5
# Nobody takes every place: one caller has at most this part of them.
PART_OF_ONE = 5


class Full(Exception):
    """As many wait as may wait, or as many of one caller; who waits all the same must ask again."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Waiter:
    known: Mapping[str, int]
    told: asyncio.Future[None]


class Changes:
    """Tells when exports change; all of it runs on one event loop.

    Args:
        store: Knows the revisions of exports.
        most: How many may wait at once.
        tick_seconds: Between two questions to the database.
    """

    def __init__(
        self,
        store: OperationsStore,
        *,
        most: int,
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self._store = store
        self._most, self._most_of_one = most, -(-most // PART_OF_ONE)
        self._tick_seconds = tick_seconds
        self._seated: Counter[str] = Counter()
        self._waiters: set[_Waiter] = set()
        self._asking: asyncio.Task[None] | None = None
        self.closed = False

    @property
    def seated(self) -> int:
        """How many wait now."""
        return self._seated.total()

    @contextmanager
    def seat(self, subject: str) -> Iterator[None]:
        """Have one of the places for waiting.

        Raises:
            Full: There is none.
        """
        if self.seated >= self._most or self._seated[subject] >= self._most_of_one:
            raise Full
        self._seated[subject] += 1
        try:
            yield
        finally:
            self._seated[subject] -= 1
            self._seated += Counter()  # forgets who has none, or the names would only grow

    async def following(self, known: Mapping[str, int], seconds: float) -> bool:
        """Wait until one of some exports has another revision than this.

        Returns:
            Whether one has; False when `seconds` are over, or the bridge is about to stop.
        """
        told = asyncio.get_running_loop().create_future()
        waiter = _Waiter(known=known, told=told)
        self._waiters.add(waiter)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        try:
            async with asyncio.timeout(seconds):
                await told
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return not self.closed

    def close(self) -> None:
        """Let everybody go at the next tick: a stream of an hour must not hold up a restart.

        It only sets a flag, so a signal handler may call it.
        """
        self.closed = True

    async def _ask(self) -> None:
        """Ask as long as somebody waits."""
        try:
            while self._waiters:
                await asyncio.sleep(self._tick_seconds)
                # A database that is away tells nothing; who waits finds out when asking again.
                with suppress(DoorError):
                    await self._tell()
        finally:
            self._asking = None

    async def _tell(self) -> None:
        asked = sorted({export_id for waiter in self._waiters for export_id in waiter.known})
        if not asked:
            return  # whoever waited went while we slept
        known = {} if self.closed else await run_in_threadpool(self._store.revisions, asked)
        for waiter in list(self._waiters):
            unheard = not waiter.known.keys() <= set(asked)  # came while the database was thinking
            if unheard or waiter.told.done():
                continue
            if any(known.get(one) != revision for one, revision in waiter.known.items()):
                waiter.told.set_result(None)
