"""What comes at the same time, done as one: many questions in one query, many writes in one.

Half of what a request cost was its own way to the database and back through a thread. Here one that
comes while others are under way waits for its turn, and goes together with all who wait: each is
done after it was asked for, and the busier the bridge, the cheaper is one.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Generic, TypeVar

_Asked = TypeVar("_Asked")
_Told = TypeVar("_Told")

# Under way: a second one, so that one that is slow does not keep everybody waiting.
AT_ONCE = 2


class Together(Generic[_Asked, _Told]):
    """Does one thing for all who ask for it, in a thread; all else runs on one event loop.

    Args:
        work: Does it: an answer for each that was asked, in the same order.
        most: For so many at once.
        apart: Seconds between two beginnings, at least. Whoever comes alone does not wait.
    """

    def __init__(
        self, work: Callable[[Sequence[_Asked]], Sequence[_Told]], *, most: int, apart: float
    ) -> None:
        self._work, self._most, self._apart = work, most, apart
        self._waiting: deque[tuple[_Asked, asyncio.Future[_Told]]] = deque()
        self._under_way = 0
        self._not_before = float("-inf")
        self._soon: asyncio.TimerHandle | None = None

    async def of(self, asked: _Asked) -> _Told:
        """Have it done.

        Raises:
            Exception: What the work raised, or did while others waited before this one: nobody
                waits longer than one outage takes to be noticed.
        """
        told = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, told))
        self._go()
        return await told

    def _go(self) -> None:
        """Begin, now or as soon as that is not too soon."""
        if not self._waiting or self._under_way >= AT_ONCE or self._soon is not None:
            return
        loop = asyncio.get_running_loop()
        wait = self._not_before - loop.time()
        if wait > 0:
            self._soon = loop.call_later(wait, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._soon, self._not_before = None, loop.time() + self._apart
        these = list(islice(self._waiting, self._most))
        for _ in these:
            self._waiting.popleft()
        self._under_way += 1
        working = loop.run_in_executor(None, self._work, [asked for asked, _ in these])
        working.add_done_callback(partial(self._tell, these))
        self._go()

    def _tell(
        self,
        these: list[tuple[_Asked, asyncio.Future[_Told]]],
        working: asyncio.Future[Sequence[_Told]],
    ) -> None:
        self._under_way -= 1
        if working.cancelled():
            for _, told in these:
                told.cancel()
        elif (wrong := working.exception()) is not None:
            these += self._waiting
            self._waiting.clear()
            for _, told in these:
                if not told.done():
                    told.set_exception(wrong)
        else:
            for (_, told), answer in zip(these, working.result(), strict=True):
                if not told.done():  # whoever hung up meanwhile is told nothing
                    told.set_result(answer)
        self._go()
