"""Stages of the flow that run beside each other, each a thread, with a bound between them.

What they do outside of Python (sockets, digests, compression, the kernel) lets the others run
meanwhile; overlapping was measured to gain 1.55 times (PERFORMANCE.md). What waits between two
stages is bounded, so whoever is slow slows the others down and memory stays as it is. Order is
never a matter of speed: each stage is one thread.
"""

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")

BATCHES_AHEAD: Final = 1
"""Batches read before anybody wants them: one has 2 or 3 MB a strand (`assets/reading.py`)."""
SPREAD: Final = 2
"""Batches that are made at a time: as many as a worker has cores (docs/capacity.md)."""
# A thread that waits for a silent server is not waited for longer: the process may be asked to end.
LEAVING_SECONDS: Final = 1.0
_END: Final = object()


class _Abandoned(Exception):
    """The other side has gone."""


class _Belt(Generic[Item]):
    """A bounded line between two threads, which either side can end.

    Args:
        bound: Items that may wait.
    """

    def __init__(self, bound: int) -> None:
        self._items: deque[Item | object] = deque()
        self._bound = bound
        self._changed = threading.Condition()
        self._gone = False

    def put(self, item: Item | object) -> None:
        """Add one; waits for room.

        Raises:
            _Abandoned: Nobody takes any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._gone or len(self._items) < self._bound)
            if self._gone:
                raise _Abandoned
            self._items.append(item)
            self._changed.notify_all()

    def take(self) -> Item | object:
        """The next one; waits for it. After `leave`, the end at once."""
        with self._changed:
            self._changed.wait_for(lambda: self._gone or self._items)
            if self._gone:
                return _END
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def leave(self) -> None:
        """Wake the other side up for the last time."""
        with self._changed:
            self._gone = True
            self._items.clear()
            self._changed.notify_all()


def begun(make: Callable[[], Made]) -> Callable[[], Made]:
    """Begin to make something beside the caller; what is returned waits for it.

    Whatever is raised is raised where it is waited for. Who does not wait leaves the thread to its
    end, or to that of the process.
    """
    made: Future[Made] = Future()
    around = contextvars.copy_context()

    def run() -> None:
        try:
            made.set_result(around.run(make))
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            made.set_exception(error)

    threading.Thread(target=run, name="begun", daemon=True).start()
    return made.result


def ahead(items: Iterator[Item], bound: int = BATCHES_AHEAD) -> Iterator[Item]:
    """The same items in the same order, the next ones made while the last is used.

    Whatever the iterator raises is raised here, in its place. Who stops early ends it as soon as it
    gives its next item.

    Args:
        items: Is used by another thread, from the first item asked for.
        bound: How many may wait.
    """
    belt: _Belt[Item] = _Belt(bound)
    raised: list[BaseException] = []

    def run() -> None:
        try:
            for item in items:
                belt.put(item)
                del item  # it is large, and the next one is made beside it
        except _Abandoned:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where the items are used
            raised.append(error)
        finally:
            _close(items)
        _say_end(belt)

    # What it asks of services belongs to the trace of whoever wants the items.
    around = contextvars.copy_context()
    thread = threading.Thread(target=around.run, args=(run,), name="ahead", daemon=True)
    thread.start()
    try:
        # No name holds an item, which is large, while it is used and the next one is made.
        yield from iter(belt.take, _END)  # type: ignore[misc]  # what is no item is the end
    finally:
        belt.leave()
        # An iterator that nobody closed is closed by the collector, in whichever thread that runs.
        if thread is not threading.current_thread():
            thread.join(LEAVING_SECONDS)
    if raised:
        raise raised[0]


def spread(
    make: Callable[[Item], Made], items: Iterator[Item], threads: int = SPREAD
) -> Iterator[Made]:
    """What is made of each item, in their order, some of them at a time.

    Whatever is raised for an item is raised in its place. Who stops early does not wait for those
    that were begun.

    Args:
        make: Is called by several threads.
        items: Is used by the caller's thread alone, at most so many items before what was made of
            them is handed out.
        threads: How many at a time.
    """
    begun: deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="spread")

    def made(held: list[Item]) -> Made:
        # The pool holds what it was given until its thread goes on, which may be a while later.
        return make(held.pop())

    try:
        for item in items:
            # As with `ahead`, what it asks belongs to the trace of whoever wants the items.
            begun.append(pool.submit(contextvars.copy_context().run, made, [item]))
            del item  # is let go as soon as something is made of it
            if len(begun) > threads:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        # Not waited for: the collector may run this in a thread of the pool.
        pool.shutdown(wait=False, cancel_futures=True)
        _close(items)


class Behind(Generic[Item]):
    """Lets a thread do something with each item, in order, while the next ones are made.

    To be used in a ``with`` block: at its end everything is done, or was given up because the block
    failed. What the thread raises is raised by the next `put`, or at the end of the block.

    Args:
        use: What is done with an item.
        bound: How many may wait.
    """

    def __init__(self, use: Callable[[Item], None], bound: int) -> None:
        self._use = use
        self._belt: _Belt[Item] = _Belt(bound)
        self._raised: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="behind", daemon=True)

    def put(self, item: Item) -> None:
        """Hand an item over; waits for room."""
        try:
            self._belt.put(item)
        except _Abandoned:
            self._thread.join()
            self._raise()

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for the rest, or give it up."""
        if kind is None:
            _say_end(self._belt)
        else:
            self._belt.leave()
        self._thread.join()
        if kind is None:
            self._raise()

    def _run(self) -> None:
        try:
            while (item := self._belt.take()) is not _END:
                self._use(item)  # type: ignore[arg-type]  # what is no item is the end
        except BaseException as error:  # noqa: BLE001 - raised again where the items are made
            self._raised = error
            self._belt.leave()

    def _raise(self) -> None:
        if self._raised is not None:
            raise self._raised


def _say_end(belt: _Belt[Item]) -> None:
    with suppress(_Abandoned):
        belt.put(_END)


def _close(items: Iterator[Item]) -> None:
    close = getattr(items, "close", None)
    if close is not None:
        close()
